//! The OpenAPI document says what the router does.

use serde_json::Value;

use crate::support::{Client, start};

/// Every operation, as the crate's documentation lists them.
const OPERATIONS: [&str; 25] = [
    "DELETE /api/teams/{id}/members/{user_id}",
    "GET /api/health",
    "GET /api/openapi.json",
    "GET /api/teams",
    "GET /api/teams/{id}",
    "GET /api/teams/{id}/members",
    "GET /api/users",
    "GET /api/users/me",
    "GET /api/users/{id}",
    "GET /items/",
    "GET /lab/config",
    "GET /lab/counters",
    "GET /lab/truth",
    "GET /lab/work",
    "GET /metrics",
    "GET /user/{id}",
    "POST /api/auth/login",
    "POST /api/auth/logout",
    "POST /api/teams/{id}/members",
    "POST /items/",
    "POST /lab/counters/reset",
    "POST /lab/restart",
    "POST /lab/work",
    "PUT /api/users/me",
    "PUT /lab/config",
];

fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().expect("paths");
    paths
        .iter()
        .flat_map(|(path, methods)| {
            methods.as_object().expect("methods").iter().map(move |(method, operation)| {
                (method.to_uppercase(), path.clone(), operation.clone())
            })
        })
        .collect()
}

#[tokio::test]
async fn the_document_has_every_operation_and_every_operation_answers() {
    let service = start(|_| {}).await;
    let mut client = Client::of(&service).await;
    let document = client.get("/api/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));

    let mut found = Vec::new();
    for (method, path, _) in operations(&document) {
        let filled = path.replace("{id}", "1").replace("{user_id}", "1");
        let reply = client.send(&method, &filled, None).await;
        // A sign-in without a body, a change without a token: but never a route or method that is not there.
        assert!(![404, 405].contains(&reply.status), "{method} {path}: {reply:?}");
        found.push(format!("{method} {path}"));
    }
    found.sort_unstable();
    assert_eq!(found, OPERATIONS);
}

#[tokio::test]
async fn the_document_holds_to_its_own_rules() {
    let service = start(|_| {}).await;
    let document = Client::of(&service).await.get("/api/openapi.json").await.json();
    for (method, path, operation) in operations(&document) {
        let responses = operation["responses"].as_object().unwrap();
        assert!(responses.keys().any(|status| status.starts_with('2')), "{method} {path}");
        for (status, response) in responses {
            assert!(response["description"].is_string(), "{method} {path} {status}");
        }
        let declared = operation["parameters"].as_array().cloned().unwrap_or_default();
        let in_path = declared.iter().filter(|parameter| parameter["in"] == "path").count();
        assert_eq!(in_path, path.matches('{').count(), "{method} {path}");
    }
    for reference in references(&document) {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

/// Every `$ref` in a document.
fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, value)| match (name.as_str(), value) {
                ("$ref", Value::String(target)) => vec![target.clone()],
                _ => references(value),
            })
            .collect(),
        Value::Array(values) => values.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}
