//! Environment values may be secrets: they never leave through the API.

use serde_json::Value;

const MASK: &str = "•••";

/// Masks every value of every object called `env`, at any depth. `true` when something was masked.
pub(crate) fn mask_environment(value: &mut Value) -> bool {
    match value {
        Value::Object(fields) => fields.iter_mut().fold(false, |masked, (key, inner)| {
            let here = if key == "env" { mask_values(inner) } else { mask_environment(inner) };
            masked | here
        }),
        Value::Array(items) => items.iter_mut().fold(false, |masked, item| mask_environment(item) | masked),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

/// Names stay readable: they tell what differs between revisions.
fn mask_values(env: &mut Value) -> bool {
    let Value::Object(variables) = env else {
        let is_text = env.is_string();
        if is_text {
            *env = Value::from(MASK);
        }
        return is_text;
    };
    for value in variables.values_mut() {
        *value = Value::from(MASK);
    }
    !variables.is_empty()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_masked_wherever_they_hide_and_names_stay() {
        let mut body = json!({"spec": {"from": null, "to": {"run": {"command": ["a"], "env": {"KEY": "s3cret"}}}},
            "list": [{"env": {"OTHER": "s3cret"}}]});
        assert!(mask_environment(&mut body));
        let text = body.to_string();
        assert!(!text.contains("s3cret") && text.contains("KEY") && text.contains("OTHER"), "{text}");
        assert_eq!(body["spec"]["to"]["run"]["command"][0], "a");
        assert!(!mask_environment(&mut json!({"env": {}, "step": 1})));
    }
}
