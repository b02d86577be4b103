//! Load tests that are paused and scaled while they go on: what the service received, and what is said of it.

use serde_json::{Value, json};

use crate::report::assert_valid;
use crate::support::{Api, Rhaid, TargetApi};

/// Between an order and the moment from which it holds.
const ORDER_AHEAD_S: f64 = 0.05;

/// What came of an order.
fn order(api: &Api, run: &str, what: &str, body: Option<&Value>) -> (u16, Value) {
    let answer = api.ask("POST", &format!("/api/tests/runs/{run}/{what}"), body);
    (answer.status, answer.json())
}

/// An order that is obeyed, and the state that the answer tells.
fn obeyed(api: &Api, run: &str, what: &str, body: Option<&Value>) -> String {
    let (status, answer) = order(api, run, what, body);
    assert_eq!(status, 200, "{answer}");
    answer["state"].as_str().expect("a state").to_owned()
}

/// When the events of a kind took place, in seconds from the start.
fn times(record: &Value, kind: &str) -> Vec<f64> {
    let events = record["events"].as_array().expect("events").iter();
    let alike = events.filter(|event| event["kind"] == kind);
    alike.map(|event| event["at_s"].as_f64().expect("a time")).collect()
}

fn count(record: &Value, name: &str) -> u64 {
    record["totals"][name].as_u64().unwrap_or_else(|| panic!("{name}: {}", record["totals"]))
}

/// All that came due began or was dropped, and all that was sent was received.
fn assert_accounted(record: &Value, service: &TargetApi, route: &str) {
    let of = |name: &str| count(record, name);
    assert_eq!(of("planned"), of("started") + of("dropped"), "{}", record["totals"]);
    assert_eq!(of("sent"), of("requests"), "{}", record["totals"]);
    assert_eq!(service.received_by(route), of("requests"));
}

#[test]
fn nothing_is_received_in_a_pause_and_what_would_have_arrived_is_not_planned() {
    let service = TargetApi::start(&[]);
    let mut rhaid = Rhaid::new();
    let api = Api::start(&mut rhaid, &["--target", &service.url()]);
    let url = format!("{}/api/teams", service.url());
    let run = api.start_run(&json!({
        "test_type": "load", "target_url": url, "rate": 100, "duration_seconds": 7,
    }));
    api.wait_for(&run, |run| run["live"]["totals"]["started"].as_u64() > Some(0));
    assert_eq!(obeyed(&api, &run, "pause", None), "PAUSED");
    assert_eq!(obeyed(&api, &run, "pause", None), "PAUSED", "once is enough");
    let mut feed = api.events(&run, "");
    let mut next = || feed.find(|message| message["type"] == "snapshot").expect("a snapshot");
    let is_still = |snapshot: &Value| {
        snapshot["data"]["state"] == "PAUSED" && snapshot["data"]["rate_per_s"] == 0.0
    };
    let still = std::iter::repeat_with(&mut next).find(is_still).expect("a quiet second");
    let received = service.received_by("GET /api/teams");
    let later = [next(), next()];
    assert_eq!(service.received_by("GET /api/teams"), received);
    for snapshot in &later {
        assert_eq!(snapshot["data"]["totals"]["planned"], still["data"]["totals"]["planned"]);
        assert!(snapshot["data"]["at_s"].as_f64() > still["data"]["at_s"].as_f64());
    }
    assert_eq!(api.get(&format!("/api/tests/runs/{run}"))["state"], "PAUSED");
    assert_eq!(api.get("/api/health")["running"], run.as_str(), "it is still the one that goes on");
    assert_eq!(obeyed(&api, &run, "resume", None), "RUNNING");
    let ended = api.wait_for_state(&run, "COMPLETED");

    assert!(service.received_by("GET /api/teams") > received);
    assert_accounted(&ended, &service, "GET /api/teams");
    let (paused, resumed) = (times(&ended, "paused"), times(&ended, "resumed"));
    assert_eq!((paused.len(), resumed.len()), (1, 1), "{}", ended["events"]);
    let planned = (7.0 - (resumed[0] - paused[0])) * 100.0;
    let difference = count(&ended, "planned") as f64 - planned;
    assert!(difference.abs() <= 2.0, "{planned} {}", ended["totals"]);
    assert!(ended["elapsed_s"].as_f64() < Some(9.0), "the planned end stays");
    let notes = ended["validity"]["notes"].to_string();
    assert!(notes.contains("the load was not the plan's: paused for"), "{notes}");
    let markdown = api.ask("GET", &format!("/api/tests/runs/{run}/report.md"), None).text;
    assert!(markdown.contains("## Events") && markdown.contains("not the plan's"), "{markdown}");
    let stored = api.ask("GET", &format!("/api/tests/runs/{run}/report.json"), None).json();
    assert_valid(&stored);
    let text = rhaid.args(["report", "last"]).run().stdout;
    assert!(text.contains("events") && text.contains("nothing new begins"), "{text}");
}

#[test]
fn a_rate_and_a_number_of_users_are_what_was_asked_for_last() {
    let service = TargetApi::start(&[]);
    let mut rhaid = Rhaid::new();
    let options = ["--target", &service.url(), "--max-users", "50", "--max-rate", "500"];
    let api = Api::start(&mut rhaid, &options);
    let url = format!("{}/api/teams", service.url());
    let run = api.start_run(&json!({
        "test_type": "load", "target_url": url, "rate": 50, "duration_seconds": 4,
    }));
    let users = api.start_run(&json!({
        "test_type": "load", "target_url": format!("{url}/1"), "users": 2, "duration_seconds": 600,
    }));
    let (status, refused) = order(&api, &users, "pause", None);
    assert_eq!((status, &refused["code"]), (409, &json!("conflict")), "it waits: {refused}");
    api.wait_for(&run, |run| run["live"]["totals"]["started"].as_u64() > Some(0));
    assert_eq!(obeyed(&api, &run, "scale", Some(&json!({"rate": 200}))), "RUNNING");
    for (body, wanted) in [
        (json!({"rate": 501}), 403),
        (json!({"rate": 0}), 400),
        (json!({"users": 5}), 409),
        (json!({"users": 5, "rate": 5}), 400),
        (json!({}), 400),
        (json!({"vus": 5}), 400),
    ] {
        assert_eq!(order(&api, &run, "scale", Some(&body)).0, wanted, "{body}");
    }
    let ended = api.wait_for_state(&run, "COMPLETED");
    assert_accounted(&ended, &service, "GET /api/teams");
    let scaled_s = times(&ended, "scaled")[0] + ORDER_AHEAD_S;
    let planned = 50.0 * scaled_s + 200.0 * (4.0 - scaled_s);
    let difference = count(&ended, "planned") as f64 - planned;
    assert!(difference.abs() <= 2.0, "{planned} {}", ended["totals"]);

    api.wait_for(&users, |run| run["live"]["vus"] == 2);
    for vus in [20, 3] {
        obeyed(&api, &users, "scale", Some(&json!({"users": vus})));
        api.wait_for(&users, |run| run["live"]["vus"] == vus);
    }
    assert_eq!(order(&api, &users, "scale", Some(&json!({"users": 51}))).0, 403);
    assert_eq!(order(&api, &users, "scale", Some(&json!({"rate": 5}))).0, 409);
    obeyed(&api, &users, "pause", None);
    assert_eq!(obeyed(&api, &users, "stop", None), "RUNNING", "a stop ends a pause");
    let stopped = api.wait_for_state(&users, "STOPPED");
    assert_accounted(&stopped, &service, "GET /api/teams/{id}");
    assert_eq!(count(&stopped, "vus_max"), 20);
    let kinds: Vec<&Value> =
        stopped["events"].as_array().expect("events").iter().map(|event| &event["kind"]).collect();
    assert_eq!(kinds, ["scaled", "scaled", "paused", "stopping"]);
    let (status, refused) = order(&api, &users, "resume", None);
    assert_eq!((status, &refused["code"]), (409, &json!("conflict")), "it has ended: {refused}");
}

#[test]
fn what_leads_its_own_load_is_neither_paused_nor_scaled() {
    let service = TargetApi::start(&[]);
    let mut rhaid = Rhaid::new();
    let api = Api::start(&mut rhaid, &["--target", &service.url()]);
    for (kind, state) in [("benchmark", "RUNNING"), ("stress", "STRESS_BINARY_SEARCH")] {
        let run = api.start_run(&json!({"test_type": kind, "users": 2, "duration_seconds": 60}));
        api.wait_for_state(&run, state);
        let users = json!({"users": 3});
        for (what, body) in [("pause", None), ("resume", None), ("scale", Some(&users))] {
            let (status, refused) = order(&api, &run, what, body);
            assert_eq!(status, 409, "{kind} {what}: {refused}");
            let why = refused["message"].as_str().expect("why");
            assert!(why.contains("leads its own load"), "{why}");
        }
        obeyed(&api, &run, "stop", None);
        api.wait_for_state(&run, "STOPPED");
    }
}
