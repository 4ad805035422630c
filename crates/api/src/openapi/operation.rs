//! What one address takes and answers.

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    summary: &'static str,
    parameters: Vec<Value>,
    body: Option<Value>,
    answers: Vec<(u16, Value)>,
    pub(crate) schemas: Vec<(String, Value)>,
}

/// The form of a parameter.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Text,
    Count,
    Flag,
    /// `30s`
    Span,
    Choice(&'static [&'static str]),
}

impl Kind {
    fn schema(self) -> Value {
        match self {
            Self::Text => json!({ "type": "string" }),
            Self::Count => json!({ "type": "integer", "minimum": 0, "format": "int64" }),
            Self::Flag => json!({ "type": "boolean" }),
            Self::Span => json!({ "type": "string", "pattern": "^[0-9]{1,9}(ms|s)?$" }),
            Self::Choice(words) => json!({ "type": "string", "enum": words }),
        }
    }
}

/// Refusals of whoever asks, by what may be said to whom.
const LOOKS: [u16; 10] = [400, 401, 403, 404, 405, 408, 429, 500, 502, 503];
const ACTS: [u16; 14] = [400, 401, 403, 404, 405, 408, 409, 412, 413, 422, 429, 500, 502, 503];

pub(crate) fn op(summary: &'static str) -> Operation {
    Operation {
        method: "",
        path: String::new(),
        summary,
        parameters: vec![],
        body: None,
        answers: vec![],
        schemas: vec![],
    }
}

impl Operation {
    /// A part of the address after `?`.
    pub(crate) fn query(mut self, name: &str, kind: Kind, about: &str) -> Self {
        self.parameters.push(json!({
            "name": name, "in": "query", "required": false, "description": about, "schema": kind.schema(),
        }));
        self
    }

    fn header(&mut self, name: &str, about: &str, schema: &Value) {
        self.parameters.push(
            json!({ "name": name, "in": "header", "required": false, "description": about, "schema": schema }),
        );
    }

    pub(crate) fn takes<T: ToSchema>(mut self) -> Self {
        self.body = Some(
            json!({ "required": false, "content": { "application/json": { "schema": reference::<T>() } } }),
        );
        self.schemas.extend(schemas_of::<T>());
        self
    }

    pub(crate) fn takes_text(mut self, kind: &str) -> Self {
        self.body =
            Some(json!({ "required": true, "content": { kind: { "schema": { "type": "string" } } } }));
        self
    }

    pub(crate) fn answers<T: ToSchema>(self, status: u16) -> Self {
        self.answers_as::<T>(status, "application/json")
    }

    pub(crate) fn answers_as<T: ToSchema>(mut self, status: u16, kind: &str) -> Self {
        self.schemas.extend(schemas_of::<T>());
        self.answer(status, kind, &reference::<T>())
    }

    /// The value, or `null`.
    pub(crate) fn may_answer<T: ToSchema>(mut self, status: u16) -> Self {
        self.schemas.extend(schemas_of::<T>());
        let schema = json!({ "oneOf": [{ "type": "null" }, reference::<T>()] });
        self.answer(status, "application/json", &schema)
    }

    pub(crate) fn text(self, status: u16, kind: &str) -> Self {
        self.answer(status, kind, &json!({ "type": "string" }))
    }

    /// Several forms of one answer are one answer with several kinds of content.
    fn answer(mut self, status: u16, kind: &str, schema: &Value) -> Self {
        let content = json!({ "schema": schema });
        match self.answers.iter_mut().find(|(known, _)| *known == status) {
            Some((_, answer)) => answer["content"][kind] = content,
            None => self
                .answers
                .push((status, json!({ "description": "As asked.", "content": { kind: content } }))),
        }
        self
    }

    pub(crate) fn at(mut self, method: &'static str, path: &str) -> Self {
        self.method = method;
        path.clone_into(&mut self.path);
        for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let about = if name == "id" { "A number, or a token's id or name." } else { "A name." };
            self.parameters.push(json!({
                "name": name, "in": "path", "required": true, "description": about, "schema": { "type": "string", "minLength": 1 },
            }));
        }
        if method == "post" {
            let text = json!({ "type": "string", "minLength": 1, "maxLength": 255 });
            self.header(
                "Idempotency-Key",
                "The same key is carried out once, and answered the same for a day.",
                &text,
            );
            if path.contains("/services/{") || path.contains("/rollouts/{") {
                self.header(
                    "If-Match",
                    "The `ETag` of what was seen; refused (412) when it is another by now.",
                    &json!({ "type": "string" }),
                );
            }
        }
        self
    }

    fn id(&self) -> String {
        // Some stand outside of the API as well, where programs that know nothing of it look.
        let words = match self.path.strip_prefix("/api/v1") {
            Some(words) => words.to_owned(),
            None => format!("/plain{}", self.path),
        };
        let words = words.replace(['{', '}'], "");
        format!("{}{}", self.method, words.replace(['/', '-', '.'], "_"))
    }

    pub(crate) fn document(&self) -> Value {
        let refusals: &[u16] = if self.method == "post" { &ACTS } else { &LOOKS };
        let mut responses: Map<String, Value> = refusals
            .iter()
            .map(|status| (status.to_string(), json!({ "$ref": "#/components/responses/Problem" })))
            .collect();
        responses.extend(self.answers.iter().map(|(status, answer)| (status.to_string(), answer.clone())));
        let mut document = json!({
            "operationId": self.id(),
            "summary": self.summary,
            "parameters": self.parameters,
            "responses": responses,
        });
        if let Some(body) = &self.body {
            document["requestBody"] = body.clone();
        }
        document
    }
}

fn reference<T: ToSchema>() -> Value {
    json!({ "$ref": format!("#/components/schemas/{}", T::name()) })
}

/// The schema of a type and of everything in it.
pub(crate) fn schemas_of<T: ToSchema>() -> Vec<(String, Value)> {
    let mut all = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut all);
    let value = |schema| serde_json::to_value(schema).unwrap_or_default();
    all.into_iter().map(|(name, schema)| (name, value(schema))).collect()
}
