//! What programs rely on in the API's document: nothing of it may be taken away.

use std::collections::BTreeSet;

use serde_json::Value;

/// What the old document promises and the new one does not: each as a place in words.
pub(crate) fn broken(old: &Value, new: &Value) -> Vec<String> {
    let (old, new) = (promises(old), promises(new));
    old.difference(&new).cloned().collect()
}

/// Paths with their methods and statuses, properties of schemas, and values of enums.
fn promises(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (path, operations) in entries(&document["paths"]) {
        for (method, operation) in entries(operations) {
            found.insert(format!("{method} {path}"));
            for (status, _) in entries(&operation["responses"]).filter(|(status, _)| status.starts_with('2'))
            {
                found.insert(format!("{method} {path} answers {status}"));
            }
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            for parameter in parameters.filter_map(|parameter| parameter["name"].as_str()) {
                found.insert(format!("{method} {path} takes {parameter}"));
            }
        }
    }
    for (name, schema) in entries(&document["components"]["schemas"]) {
        of_schema(name, schema, &mut found);
    }
    found
}

fn of_schema(place: &str, schema: &Value, found: &mut BTreeSet<String>) {
    for (name, property) in entries(&schema["properties"]) {
        found.insert(format!("{place}.{name}"));
        of_schema(&format!("{place}.{name}"), property, found);
    }
    for value in schema["enum"].as_array().into_iter().flatten() {
        found.insert(format!("{place} may be {value}"));
    }
    for key in ["oneOf", "allOf", "anyOf"] {
        for part in schema[key].as_array().into_iter().flatten() {
            of_schema(place, part, found);
        }
    }
    if schema["items"].is_object() {
        of_schema(&format!("{place}[]"), &schema["items"], found);
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({
            "paths": { "/a": { "get": {
                "parameters": [{ "name": "limit" }],
                "responses": { "200": {}, "404": {} },
            } } },
            "components": { "schemas": { "A": {
                "properties": { "id": { "type": "integer" }, "state": { "enum": ["on", "off"] } },
            } } },
        })
    }

    #[test]
    fn what_is_taken_away_is_named_and_what_is_added_is_not() {
        assert_eq!(broken(&document(), &document()), Vec::<String>::new());
        let mut new = document();
        new["paths"]["/b"] = json!({ "get": {} });
        new["components"]["schemas"]["A"]["properties"]["more"] = json!({});
        assert_eq!(broken(&document(), &new), Vec::<String>::new());
        let gone = |change: fn(&mut Value)| {
            let mut new = document();
            change(&mut new);
            broken(&document(), &new)
        };
        assert_eq!(
            gone(|new| drop(new["paths"]["/a"]["get"]["responses"].as_object_mut().unwrap().remove("200"))),
            ["get /a answers 200"]
        );
        assert_eq!(gone(|new| new["paths"]["/a"]["get"]["parameters"] = json!([])), ["get /a takes limit"]);
        let state = |new: &mut Value| {
            new["components"]["schemas"]["A"]["properties"]["state"]["enum"] = json!(["on"])
        };
        assert_eq!(gone(state), ["A.state may be \"off\""]);
        assert_eq!(gone(|new| new["components"]["schemas"]["A"]["properties"] = json!({})).len(), 4);
        assert!(gone(|new| new["paths"] = json!({})).contains(&"get /a".to_owned()));
    }
}
