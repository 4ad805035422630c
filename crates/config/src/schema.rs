//! The JSON Schema of the file, printed from the table of keys.

use serde_json::{Map, Value, json};
use toml::de::DeValue;

use crate::v1::keys::policy_keys::ENVIRONMENT;
use crate::v1::keys::{
    COMMAND_GATE, Given, Key, Kind, METRIC_GATE, RELEASE, ROOT, SERVICE, STEP, SWITCH, Table,
};
use crate::v1::trigger_keys::DEPENDENCY;

/// A service's name.
const NAME: &str = "^[a-z][a-z0-9-]{0,62}$";

/// A JSON Schema (draft 2020-12) in which every key has its description, form and default.
pub fn schema() -> Value {
    let mut root = table(&ROOT);
    root.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    root.insert("title".to_owned(), json!("staunch.toml"));
    root.remove("required");
    let single = json!({
        "required": ["service", "run"],
        "anyOf": reached(),
        "not": { "required": ["services"] },
    });
    root.insert("oneOf".to_owned(), json!([single, { "required": ["services"] }]));
    Value::Object(root)
}

/// Somebody calls it, or it says that nobody does.
fn reached() -> Value {
    json!([
        { "required": ["listen"] },
        { "required": ["kind"], "properties": { "kind": { "const": "worker" } } },
    ])
}

fn service() -> Value {
    let mut one = table(&SERVICE);
    one.insert("anyOf".to_owned(), reached());
    Value::Object(one)
}

fn table(table: &Table) -> Map<String, Value> {
    let properties: Map<String, Value> =
        table.keys().map(|key| (key.name.to_owned(), Value::Object(property(key)))).collect();
    let required: Vec<&str> =
        table.keys().filter(|key| matches!(key.given, Given::Required)).map(|key| key.name).collect();
    let mut object =
        object(json!({ "type": "object", "additionalProperties": false, "properties": properties }));
    if !required.is_empty() {
        object.insert("required".to_owned(), json!(required));
    }
    object
}

fn property(key: &Key) -> Map<String, Value> {
    let mut property = form(&key.kind);
    property.insert("description".to_owned(), json!(key.doc));
    if let Given::Default(literal) = key.given
        && let Ok(value) = DeValue::parse(literal)
    {
        property.insert("default".to_owned(), json_of(value.get_ref()));
    }
    property
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => Map::new(),
    }
}

fn text(pattern: &str, examples: &[&str]) -> Value {
    json!({ "type": "string", "pattern": pattern, "examples": examples })
}

/// What an editor can check; ranges across units are left to the reader.
fn form(kind: &Kind) -> Map<String, Value> {
    let words = json!({ "type": "array", "minItems": 1, "items": { "type": "string" } });
    object(match kind {
        Kind::ServiceName => text(NAME, &["my-api"]),
        Kind::Version => text(r"^\S{1,128}$", &["1.4.2"]),
        Kind::File => json!({ "type": "string", "minLength": 1 }),
        Kind::Files => json!({ "type": "array", "items": { "type": "string", "minLength": 1 } }),
        Kind::Report => json!({ "type": "string", "minLength": 1, "examples": ["target/junit/*.xml"] }),
        Kind::ReportOr(inner) => {
            let mut either = table(inner);
            either.insert("type".to_owned(), json!(["string", "object"]));
            Value::Object(either)
        }
        Kind::UrlPath => text("^/", &["/healthz"]),
        Kind::Token => text(r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}$", &["staunch"]),
        Kind::Command => json!({ "oneOf": [{ "type": "string", "minLength": 1 }, words] }),
        Kind::Address => text(":[0-9]{1,5}$", &["127.0.0.1:8080", ":8080"]),
        Kind::Duration { .. } => {
            text(r"^([0-9]+(\.[0-9]+)?\s*(ms|s|m|min|h|d))+$", &["500ms", "30s", "5m", "1h", "1m30s"])
        }
        Kind::Share { .. } => text(r"^[0-9]+(\.[0-9]+)?\s*%$", &["1%", "0.5%"]),
        Kind::Growth => text(r"^\+\s*[0-9]+(\.[0-9]+)?\s*%$", &["+10%"]),
        Kind::Points => text(r"^\+\s*[0-9]+(\.[0-9]+)?\s*pp$", &["+0.5pp"]),
        Kind::Size { .. } => text(r"^[0-9]+(\.[0-9]+)?\s*([kKMGT]?B|[KMGT]iB)$", &["10MB", "512KiB"]),
        Kind::SizeOrTable { least, most, table: inner } => {
            let mut either = form(&Kind::Size { least: *least, most: *most });
            either.extend(table(inner));
            either.insert("type".to_owned(), json!(["string", "object"]));
            Value::Object(either)
        }
        Kind::HostPort => text(r"^\S+:[0-9]{1,5}$", &["127.0.0.1:5432", "db.internal:5432"]),
        Kind::HttpUrl => text("^http://", &["http://127.0.0.1:9000/health"]),
        Kind::Dependencies => json!({
            "type": "object",
            "propertyNames": { "pattern": NAME },
            "additionalProperties": Value::Object(table(&DEPENDENCY)),
        }),
        Kind::Integer { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Kind::Weight => weight(),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Yes => json!({ "const": true }),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::Env => json!({
            "type": "object",
            "propertyNames": { "pattern": "^[A-Za-z_][A-Za-z0-9_]*$", "not": { "const": "PORT" } },
            "additionalProperties": { "type": "string" },
        }),
        Kind::Methods | Kind::Headers | Kind::Places => {
            json!({ "type": "array", "items": { "type": "string", "minLength": 1 } })
        }
        Kind::Steps => steps(),
        Kind::Shares => json!({ "oneOf": [weight(), steps()] }),
        Kind::Switch => {
            json!({ "oneOf": [{ "const": "immediate" }, Value::Object(table(&SWITCH)), steps()] })
        }
        Kind::Matches => {
            let text = json!({ "type": "string", "minLength": 1, "maxLength": 256 });
            let texts = json!({ "type": "array", "minItems": 1, "maxItems": 1_000, "items": text });
            let value = json!({ "oneOf": [{ "const": true }, text, texts] });
            json!({ "type": "object", "minProperties": 1, "additionalProperties": value })
        }
        Kind::Commands => {
            let command = json!({ "oneOf": [{ "type": "string", "minLength": 1 }, words] });
            json!({ "type": "array", "items": command })
        }
        Kind::Table(inner) => Value::Object(table(inner)),
        Kind::Metrics => json!({
            "type": "object",
            "propertyNames": { "pattern": NAME },
            "additionalProperties": Value::Object(table(&METRIC_GATE)),
        }),
        Kind::CommandGates => json!({
            "type": "object",
            "propertyNames": { "pattern": NAME },
            "additionalProperties": Value::Object(table(&COMMAND_GATE)),
        }),
        Kind::Number => json!({ "type": "number", "exclusiveMinimum": 0 }),
        Kind::Releases => json!({
            "type": "object",
            "propertyNames": { "pattern": NAME },
            "additionalProperties": Value::Object(table(&RELEASE)),
        }),
        Kind::Names => {
            json!({ "type": "array", "minItems": 1, "items": { "type": "string", "pattern": NAME } })
        }
        Kind::Edges => json!({
            "type": "object",
            "propertyNames": { "pattern": NAME },
            "additionalProperties": { "type": "array", "items": { "type": "string", "pattern": NAME } },
        }),
        Kind::Text => json!({ "type": "string", "minLength": 1 }),
        Kind::Texts => json!({ "oneOf": [
            { "type": "string", "minLength": 1 },
            { "type": "array", "items": { "type": "string", "minLength": 1 } },
        ] }),
        Kind::Choices(words) => json!({ "type": "array", "items": { "enum": words } }),
        Kind::Pairs => {
            json!({ "type": "object", "additionalProperties": { "type": "string", "minLength": 1 } })
        }
        Kind::Clock => text("^[0-2][0-9]:[0-5][0-9]$", &["09:00", "24:00"]),
        Kind::Dates => {
            let date = text(r"^[0-9-]{10}(\.\.[0-9-]{10})?$", &["2026-12-24", "2026-12-20..2027-01-02"]);
            json!({ "oneOf": [date, { "type": "array", "items": date }] })
        }
        Kind::Tables(inner) => json!({ "type": "array", "items": Value::Object(table(inner)) }),
        Kind::Environments => {
            let mut inner = Value::Object(table(&ENVIRONMENT));
            ask_for_nothing(&mut inner);
            json!({ "type": "object", "additionalProperties": inner })
        }
        Kind::Services => json!({
            "type": "object",
            "minProperties": 1,
            "propertyNames": { "pattern": NAME },
            "additionalProperties": service(),
        }),
    })
}

/// What changes a file need not be whole.
fn ask_for_nothing(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            map.remove("required");
            map.remove("anyOf");
            map.values_mut().for_each(ask_for_nothing);
        }
        Value::Array(list) => list.iter_mut().for_each(ask_for_nothing),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn steps() -> Value {
    let item = json!({ "oneOf": [weight(), Value::Object(table(&STEP))] });
    json!({ "type": "array", "minItems": 1, "items": item })
}

fn weight() -> Value {
    json!({ "oneOf": [
        { "type": "number", "exclusiveMinimum": 0, "maximum": 100 },
        { "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?\s*%$" },
    ] })
}

fn json_of(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => json!(text),
        DeValue::Integer(number) => json!(number.as_str().parse::<i64>().unwrap_or_default()),
        DeValue::Float(number) => json!(number.as_str().parse::<f64>().unwrap_or_default()),
        DeValue::Boolean(flag) => json!(flag),
        DeValue::Datetime(date) => json!(date.to_string()),
        DeValue::Array(list) => list.iter().map(|item| json_of(item.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(
            table.iter().map(|(name, value)| (name.to_string(), json_of(value.get_ref()))).collect(),
        ),
    }
}
