//! The document of the API, made from the same table as its routes.

mod operation;
mod table;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

pub(crate) use operation::{Kind, Operation, op};
pub(crate) use table::Table;

use crate::Problem;

/// OpenAPI 3.1, without a server: it is served by each.
pub fn openapi() -> Value {
    document(crate::routes::table().operations())
}

pub(crate) fn document(operations: &[Operation]) -> Value {
    let mut paths: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
    for operation in operations {
        let of_path = paths.entry(operation.path.clone()).or_default();
        of_path.insert(operation.method.to_owned(), operation.document());
        schemas.extend(operation.schemas.iter().cloned());
    }
    schemas.extend(operation::schemas_of::<Problem>());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Staunch",
            "version": "v1",
            "description": "What the command line and the page use. No GET acts; commands are POST; every refusal is a problem with a code that has a page at /errors/CODE.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{}, { "token": [] }, { "session": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": { "Problem": {
                "description": "A refusal.",
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
            } },
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "`staunch token create`" },
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": "staunch_PORT",
                    "description": "`staunch ui`; PORT is that of the server",
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Follows every reference; one that leads nowhere is named.
    fn dangling(value: &Value, document: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let place = reference.trim_start_matches('#');
                    if document.pointer(place).is_none() {
                        found.push(reference.clone());
                    }
                }
                fields.values().for_each(|inner| dangling(inner, document, found));
            }
            Value::Array(items) => items.iter().for_each(|inner| dangling(inner, document, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_operation_says_what_it_answers() {
        let document = openapi();
        let mut found = vec![];
        dangling(&document, &document, &mut found);
        assert_eq!(found, Vec::<String>::new());
        let paths = document["paths"].as_object().unwrap();
        assert!(paths.len() > 40, "{}", paths.len());
        for (path, operations) in paths {
            for (method, operation) in operations.as_object().unwrap() {
                let good =
                    operation["responses"].as_object().unwrap().keys().any(|status| status.starts_with('2'));
                assert!(good && operation["summary"].is_string(), "{method} {path}");
            }
        }
    }

    #[test]
    fn operation_ids_are_unique() {
        let document = openapi();
        let paths = document["paths"].as_object().unwrap();
        let ids: Vec<_> = paths
            .values()
            .flat_map(|operations| operations.as_object().unwrap().values())
            .map(|operation| operation["operationId"].as_str().unwrap().to_owned())
            .collect();
        let unique: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len(), "{ids:?}");
    }
}
