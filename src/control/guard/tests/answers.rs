//! What is answered has the form that the description says.

use serde_json::Value;

use super::*;
use crate::control::openapi;

/// Whether `value` is what the description says that `method` of `path` answers with `status`.
fn check(method: &str, path: &str, status: &str, value: &Value) {
    let whole = openapi();
    let answers = &whole["paths"][path][method]["responses"];
    let mut schema = answers[status]["content"]["application/json"]["schema"].clone();
    assert!(schema.is_object(), "{method} {path} {status} is told of");
    schema["components"] = whole["components"].clone();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let wrong: Vec<String> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(wrong.is_empty(), "{method} {path}: {wrong:?} in {value}");
}

const OWN: &str = "http://127.0.0.1:3117";

async fn json_of(answer: Answer) -> Value {
    serde_json::from_str(&text(answer).await).unwrap()
}

#[tokio::test(start_paused = true)]
async fn answers_have_the_form_that_is_described() {
    let server = Server::new();
    let script = json!({ "text": "fn journey(user) {}" }).to_string();
    for (method, path, uri, body) in [
        ("GET", "/api/health", "/api/health", ""),
        ("GET", "/api/tests/runs", "/api/tests/runs?limit=3", ""),
        ("GET", "/api/scripts", "/api/scripts", ""),
        ("GET", "/api/scripts/{name}", "/api/scripts/a.rhai", ""),
        ("PUT", "/api/scripts/{name}", "/api/scripts/a.rhai", script.as_str()),
        ("POST", "/api/scripts/check", "/api/scripts/check", script.as_str()),
        ("GET", "/api/system/metrics", "/api/system/metrics", ""),
        ("GET", "/api/openapi.json", "/api/openapi.json", ""),
    ] {
        let answer = server.ask(method, uri, body).await;
        assert_eq!(answer.status(), 200, "{method} {uri}");
        check(&method.to_lowercase(), path, "200", &json_of(answer).await);
    }
}

#[tokio::test(start_paused = true)]
async fn every_refusal_has_one_form() {
    let server = Server::new();
    for route in ROUTES {
        let path = filled(route.path, "7");
        let refusals = [
            server.say(route.method, &path, &[], "").await,
            server.say(route.method, &path, &[("host", HOST), ("origin", "null")], "").await,
            server
                .say(route.method, &path, &[("host", HOST), ("authorization", "Bearer x")], "{}")
                .await,
            server.ask("MADEUP", &path, "").await,
            server.ask(route.method, &path, "{").await,
            server.ask(route.method, &filled(route.path, "%ff"), "").await,
            server.ask(route.method, &format!("{path}?limit=x&since=x&a=%ff"), "").await,
            server
                .say(
                    route.method,
                    &path,
                    &[("host", HOST), ("authorization", BEARER), ("origin", OWN)],
                    "",
                )
                .await,
        ];
        for answer in refusals {
            if answer.status().is_success() {
                continue;
            }
            let (status, told) = (answer.status(), text(answer).await);
            let value = serde_json::from_str(&told)
                .unwrap_or_else(|_| panic!("{} {path} {status}: {told}", route.method));
            check(&route.method.to_lowercase(), route.path, "default", &value);
        }
    }
}
