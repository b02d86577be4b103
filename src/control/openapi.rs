//! The API in OpenAPI 3.1, from the table of routes: what each is sent, and what it answers.

use serde_json::{Map, Value, json};

use super::guard;
use super::routes::{ROUTES, Route};

/// The forms of bodies and answers, by name.
const SCHEMAS: &str = include_str!("schemas.json");

/// What is sent and answered.
#[derive(Debug, Clone, Copy)]
enum Form {
    /// JSON of a named schema.
    One(&'static str),
    /// A list of these.
    Many(&'static str),
    /// Server-sent events, each with JSON of a named schema.
    Events(&'static str),
    /// A text of a type of its own: reports.
    Text,
    /// Nothing.
    Empty,
}

/// What a route is sent and answers when all is well.
struct About {
    method: &'static str,
    path: &'static str,
    /// Parameters after the question mark, and what each is.
    query: &'static [(&'static str, &'static str)],
    body: Option<&'static str>,
    status: u16,
    answer: Form,
}

const fn about(
    method: &'static str,
    path: &'static str,
    body: Option<&'static str>,
    status: u16,
    answer: Form,
) -> About {
    About { method, path, query: &[], body, status, answer }
}

impl About {
    const fn with(self, query: &'static [(&'static str, &'static str)]) -> Self {
        Self { query, ..self }
    }
}

/// Every route of the table; a test holds that none is left out.
const ABOUT: &[About] = &[
    about("GET", "/api/health", None, 200, Form::One("Health")),
    about("POST", "/api/tests/start", Some("StartRequest"), 202, Form::One("Started")),
    about("GET", "/api/tests/runs", None, 200, Form::Many("RunRow")).with(&[
        ("limit", "At most so many."),
        ("name", "Those of this name."),
        ("tag", "Those with this tag: `key=value`, or `key`."),
    ]),
    about("GET", "/api/tests/runs/{id}", None, 200, Form::One("Run")),
    about("DELETE", "/api/tests/runs/{id}", None, 204, Form::Empty),
    about("POST", "/api/tests/runs/{id}/stop", None, 200, Form::One("Ordered")),
    about("POST", "/api/tests/runs/{id}/pause", None, 200, Form::One("Ordered")),
    about("POST", "/api/tests/runs/{id}/resume", None, 200, Form::One("Ordered")),
    about("POST", "/api/tests/runs/{id}/scale", Some("ScaleRequest"), 200, Form::One("Ordered")),
    about("GET", "/api/tests/runs/{id}/events", None, 200, Form::Events("Message")).with(SINCE),
    about("GET", "/api/tests/ws/{id}", None, 101, Form::Empty).with(SINCE),
    about("GET", "/api/tests/runs/{id}/series", None, 200, Form::Many("SeriesPoint")),
    about("GET", "/api/tests/runs/{id}/{report}", None, 200, Form::Text),
    about("GET", "/api/tests/compare", None, 200, Form::One("Comparison")).with(&[
        ("a", "The run that is compared with."),
        ("b", "The other."),
        ("force", "`true` compares what may not be comparable."),
    ]),
    about("GET", "/api/scripts", None, 200, Form::Many("ScriptFile")),
    about("GET", "/api/scripts/{name}", None, 200, Form::One("Script")),
    about("PUT", "/api/scripts/{name}", Some("ScriptText"), 200, Form::One("ScriptKept")),
    about("POST", "/api/scripts/check", Some("ScriptText"), 200, Form::One("Findings")),
    about("GET", "/api/system/metrics", None, 200, Form::One("MachineUse")),
    about("GET", "/api/openapi.json", None, 200, Form::One("OpenApi")),
];

const SINCE: &[(&str, &str)] = &[("since", "Everything after the message of this number.")];

/// The API in OpenAPI 3.1.
#[must_use]
pub fn openapi() -> Value {
    let schemas: Value = serde_json::from_str(SCHEMAS).expect("a test reads it");
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let methods = paths.entry(route.path).or_insert_with(|| json!({}));
        methods[route.method.to_ascii_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "rhaid serve",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0" },
        },
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas,
        },
    })
}

fn operation(route: &Route) -> Value {
    let told = ABOUT.iter().find(|about| (about.method, about.path) == (route.method, route.path));
    let about = told.expect("every route is told of: a test holds that");
    let in_path = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| parameter(name, "path", meaning(name)));
    let in_query = about.query.iter().map(|(name, what)| parameter(name, "query", what));
    let mut operation = json!({
        "summary": route.summary,
        "parameters": in_path.chain(in_query).collect::<Vec<Value>>(),
        "responses": {
            about.status.to_string(): answer(about),
            "default": {
                "description": "The request was not met.",
                "content": json_of(&reference("Refusal")),
            },
        },
    });
    if let Some(body) = about.body {
        operation["requestBody"] =
            json!({ "required": true, "content": json_of(&reference(body)) });
    }
    if route.path == guard::HEALTH {
        operation["security"] = json!([]);
    }
    operation
}

fn parameter(name: &str, place: &str, what: &str) -> Value {
    json!({
        "name": name,
        "in": place,
        "required": place == "path",
        "description": what,
        "schema": { "type": "string" },
    })
}

/// What a place in a path is filled with.
fn meaning(name: &str) -> &'static str {
    match name {
        "id" => "The run's id or its number.",
        "name" => {
            "Letters, digits, `.`, `_` and `-`, with `.rhai` at the end; 64 characters at most."
        }
        _ => "`report.html`, `report.json`, `report.md` or `report.csv`.",
    }
}

fn answer(about: &About) -> Value {
    let content = match about.answer {
        Form::One(schema) => json_of(&reference(schema)),
        Form::Many(schema) => json_of(&json!({ "type": "array", "items": reference(schema) })),
        Form::Events(schema) => json!({ "text/event-stream": { "schema": reference(schema) } }),
        Form::Text => {
            let types = ["text/html", "application/json", "text/markdown", "text/csv"];
            types.map(|name| (name.to_owned(), json!({}))).into_iter().collect::<Map<_, _>>().into()
        }
        Form::Empty if about.status == 101 => {
            return json!({ "description": "A WebSocket, each of whose messages is a `Message`." });
        }
        Form::Empty => return json!({ "description": "Done." }),
    };
    json!({ "description": "Done.", "content": content })
}

fn reference(schema: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{schema}") })
}

fn json_of(schema: &Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the description is kept for those who have no server at hand.
    const KEPT: &str = "docs/openapi.json";

    #[test]
    fn every_route_is_told_of_and_nothing_else_is() {
        let mut routes: Vec<_> = ROUTES.iter().map(|route| (route.path, route.method)).collect();
        let mut told: Vec<_> = ABOUT.iter().map(|about| (about.path, about.method)).collect();
        routes.sort_unstable();
        told.sort_unstable();
        assert_eq!(routes, told);
    }

    #[test]
    fn every_form_that_is_named_is_there_and_every_other_is_named() {
        let text = openapi().to_string();
        let schemas: Value = serde_json::from_str(SCHEMAS).unwrap();
        let there: Vec<&String> = schemas.as_object().unwrap().keys().collect();
        for name in &there {
            assert!(text.contains(&format!("#/components/schemas/{name}\"")), "{name} is not used");
        }
        for rest in text.split("#/components/schemas/").skip(1) {
            let name = rest.split('"').next().unwrap().to_owned();
            assert!(there.contains(&&name), "{name} is not there");
        }
    }

    #[test]
    fn the_description_in_the_documentation_is_that_of_the_server() {
        let now = serde_json::to_string_pretty(&openapi()).unwrap() + "\n";
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(KEPT, &now).unwrap();
        }
        let kept = std::fs::read_to_string(KEPT).unwrap_or_default();
        assert!(kept == now, "UPDATE_OPENAPI=1 cargo test openapi writes {KEPT} anew");
    }
}
