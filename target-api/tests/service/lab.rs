//! The laboratory over HTTP: what the model promises, its shell keeps.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use target_api::{Options, RunningService, ServeError};
use tokio::time::Instant;

use crate::support::{Client, PATIENCE, Reply, metric, start, wait_for_metric};

async fn start_lab(settings: &[&str]) -> RunningService {
    let lab = settings.iter().map(|text| text.parse().expect("a setting")).collect();
    start(|options| options.lab = lab).await
}

async fn configure(client: &mut Client, knobs: Value) -> Value {
    let reply = client.send("PUT", "/lab/config", Some(knobs)).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()
}

async fn truth(client: &mut Client) -> Value {
    let truth = client.get("/lab/truth?log=1").await.json();
    let count = |name: &str| truth[name].as_u64().unwrap_or_else(|| panic!("{name}: {truth}"));
    let ended = count("finished") + count("rejected");
    assert_eq!(count("arrivals"), ended + count("in_flight"), "{truth}");
    for (name, values) in truth["log"].as_object().expect("the log was asked for") {
        assert_eq!(values.as_array().expect("a list").len() as u64, ended, "{name}");
    }
    truth
}

/// Sends that many requests at the same time, each on a connection of its own.
async fn burst(address: SocketAddr, count: usize) -> Vec<Reply> {
    let requests: Vec<_> = (0..count)
        .map(|_| tokio::spawn(async move { Client::connect(address).await.get("/lab/work").await }))
        .collect();
    let mut replies = Vec::new();
    for request in requests {
        replies.push(request.await.expect("an answer"));
    }
    replies
}

async fn wait_for_truth(client: &mut Client, name: &str, value: u64) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while truth(client).await[name] != value {
            tokio::task::yield_now().await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{name} does not become {value}"));
}

fn numbers(value: &Value) -> Vec<f64> {
    let values = value.as_array().expect("a list").iter();
    values.map(|number| number.as_f64().expect("a number")).collect()
}

#[tokio::test]
async fn work_is_counted_and_says_what_was_done_to_it() {
    let service = start_lab(&["service=det:5ms"]).await;
    let mut client = Client::of(&service).await;
    let began = Instant::now();
    for method in ["GET", "POST"] {
        let reply = client.send(method, "/lab/work", None).await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.json(), json!({ "slot_wait_ms": 0.0, "service_ms": 5.0 }));
    }
    assert!(began.elapsed() >= Duration::from_millis(10));
    let counters = client.get("/lab/counters").await.json();
    let by_route = json!({ "GET /lab/work": 1, "POST /lab/work": 1 });
    assert_eq!(counters, json!({ "received": 2, "by_route": by_route }));

    let truth = truth(&mut client).await;
    assert_eq!((&truth["arrivals"], &truth["finished"]), (&2.into(), &2.into()));
    assert_eq!(truth["service_time_ms"]["p99_9"], 5.0);
    assert!(truth["lateness_ms"]["max"].as_f64().unwrap() >= 0.0);
    assert_eq!(numbers(&truth["arrivals_per_s"]).iter().sum::<f64>(), 2.0);
    assert_eq!(truth["log"]["status"], json!([200, 200]));
}

#[tokio::test]
async fn a_configuration_comes_back_as_it_was_sent() {
    let service = start_lab(&["slots=3", "stall=at=1h,for=1s", "seed=9"]).await;
    let mut client = Client::of(&service).await;
    let first = client.get("/lab/config").await.json();
    assert_eq!(
        (&first["slots"], &first["stall"], &first["seed"]),
        (&3.into(), &json!({ "at": "1h", "for": "1s" }), &9.into())
    );
    let knobs = json!({ "service": "exp:10ms", "stall": null, "cycle": { "period": "60s", "amplitude": 0.5 } });
    let changed = configure(&mut client, knobs).await;
    assert_eq!(changed["service"], "exp:10ms");
    assert_eq!((&changed["slots"], &changed["stall"]), (&3.into(), &Value::Null));
    assert_eq!(client.get("/lab/config").await.json(), changed);
    assert_eq!(configure(&mut client, changed.clone()).await, changed);
}

#[tokio::test]
async fn a_bad_configuration_is_refused_as_a_whole() {
    let service = start_lab(&[]).await;
    let mut client = Client::of(&service).await;
    let before = client.get("/lab/config").await.json();
    for (body, part) in [
        (json!({ "slots": 5, "service": "10ms" }), "`service` takes det:S"),
        (json!({ "slots": 5, "colour": "red" }), "`colour` is no knob of the lab"),
        (json!({ "slots": -1 }), "`slots` takes none or a whole number"),
        (json!({ "stall": { "at": "1s" } }), "missing field `for`"),
        (json!([]), "an object of the knobs"),
    ] {
        let reply = client.send("PUT", "/lab/config", Some(body.clone())).await;
        assert_eq!(reply.error(), (400, "invalid_config".into()), "{body}");
        assert!(reply.body.contains(part), "{body}: {reply:?}");
    }
    assert_eq!(client.get("/lab/config").await.json(), before);
    for query in ["log=2", "log=x", "lug=1"] {
        let reply = client.get(&format!("/lab/truth?{query}")).await;
        assert_eq!(reply.error(), (400, "invalid_query".into()), "{query}");
    }
}

#[tokio::test]
async fn settings_that_do_not_go_together_are_refused_at_the_start() {
    let lab = vec!["metastable=threshold=5,penalty=1".parse().unwrap()];
    let error = target_api::start(Options { port: 0, lab, ..Options::default() }).await;
    let error = error.unwrap_err();
    assert!(matches!(error, ServeError::Lab(_)));
    assert!(error.to_string().contains("`metastable`"), "{error}");
}

#[tokio::test]
async fn what_arrives_in_a_stall_finishes_after_it() {
    let service = start_lab(&["service=det:1ms"]).await;
    let mut client = Client::of(&service).await;
    configure(&mut client, json!({ "stall": { "in": "0s", "for": "1h" } })).await;
    let replies = tokio::spawn(burst(service.address(), 20));
    wait_for_truth(&mut client, "arrivals", 20).await;
    assert_eq!(truth(&mut client).await["finished"], 0);

    let config = configure(&mut client, json!({ "stall": { "in": "0s", "for": "50ms" } })).await;
    assert!(replies.await.unwrap().iter().all(|reply| reply.status == 200));
    let at = target_api::parse_duration(config["stall"]["at"].as_str().unwrap()).unwrap();
    let thawed_ms = (at + Duration::from_millis(50)).as_secs_f64() * 1_000.0;
    let truth = truth(&mut client).await;
    let finished = numbers(&truth["log"]["finished_us"]);
    let mut begun = finished.iter().map(|finished| finished / 1_000.0 - 1.0);
    // The log is in whole microseconds.
    assert!(begun.all(|begun| begun >= thawed_ms - 0.001), "{thawed_ms}: {finished:?}");
    // Without a limit of slots they are all due at once, however late each was noticed.
    let due = numbers(&truth["log"]["due_us"]);
    assert!(due.iter().all(|moment| *moment == due[0]), "{due:?}");
    assert_eq!(truth["service_time_ms"]["max"], 1.0);
}

#[tokio::test]
async fn slots_serve_in_turn_and_a_full_queue_refuses() {
    // Nothing begins until all have arrived: the stall is ended by hand.
    let service = start_lab(&["slots=2", "queue=bounded:4", "service=det:10ms"]).await;
    let mut client = Client::of(&service).await;
    configure(&mut client, json!({ "stall": { "in": "0s", "for": "1h" } })).await;
    let address = service.address();
    let replies = tokio::spawn(burst(address, 9));
    wait_for_truth(&mut client, "arrivals", 9).await;
    let frozen = truth(&mut client).await;
    assert_eq!((&frozen["in_flight"], &frozen["max_queue"]), (&9.into(), &4.into()));
    configure(&mut client, json!({ "stall": null })).await;

    let replies = replies.await.unwrap();
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status == 503).collect();
    assert_eq!(refused.len(), 3);
    assert!(refused.iter().all(|reply| reply.error() == (503, "lab_refused".into())));
    let after = truth(&mut client).await;
    assert_eq!((&after["finished"], &after["rejected"]), (&6.into(), &3.into()));
    // Two at a time, 10 ms each: three rounds from the moment when the lab went on.
    let mut due = numbers(&after["log"]["due_us"]);
    due.sort_unstable_by(f64::total_cmp);
    let thawed = due[0];
    let rounds: Vec<_> = due.iter().map(|due| ((due - thawed) / 10_000.0).round()).collect();
    assert_eq!(rounds, [0.0, 0.0, 0.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0]);
}

#[tokio::test]
async fn an_error_takes_its_time_and_counts_as_finished() {
    let service = start_lab(&["service=det:5ms", "error=probability=1"]).await;
    let mut client = Client::of(&service).await;
    let reply = client.get("/lab/work").await;
    assert_eq!(reply.error(), (500, "lab_error".into()));
    assert_eq!(reply.json()["service_ms"], 5.0);
    let truth = truth(&mut client).await;
    assert_eq!((&truth["finished"], &truth["errors"]), (&1.into(), &1.into()));
}

#[tokio::test]
async fn the_scope_may_be_every_counted_route() {
    let service = start_lab(&["error=probability=1"]).await;
    let mut client = Client::of(&service).await;
    assert_eq!(client.get("/api/health").await.status, 200);
    configure(&mut client, json!({ "scope": "all" })).await;
    assert_eq!(client.get("/api/health").await.error(), (500, "lab_error".into()));
    assert_eq!(client.get("/nope").await.status, 404);
    assert_eq!(client.get("/lab/counters").await.status, 200);
    configure(&mut client, json!({ "error": null })).await;
    assert_eq!(client.get("/api/health").await.json()["status"], "ok");
    assert_eq!(truth(&mut client).await["arrivals"], 2);
}

#[tokio::test]
async fn work_whose_client_goes_away_is_done_to_its_end() {
    let service = start_lab(&["service=det:1h", "slots=1"]).await;
    let mut impatient = Client::of(&service).await;
    impatient.write("GET", "/lab/work", "", "").await;
    let mut client = Client::of(&service).await;
    wait_for_truth(&mut client, "arrivals", 1).await;
    drop(impatient);
    let cancelled = r#"target_api_requests_cancelled_total{method="GET",route="/lab/work"}"#;
    wait_for_metric(&service, cancelled, 1.0).await;
    let still = truth(&mut client).await;
    assert_eq!((&still["in_flight"], &still["finished"]), (&1.into(), &0.into()));
    assert!(still["utilisation"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn a_restart_empties_the_log_and_lets_everybody_through() {
    let service = start_lab(&["service=det:1h"]).await;
    let mut client = Client::of(&service).await;
    configure(&mut client, json!({ "leak": { "bytes_per_request": 1_000_000 } })).await;
    let replies = tokio::spawn(burst(service.address(), 3));
    wait_for_truth(&mut client, "leaked_bytes", 3_000_000).await;
    assert_eq!(truth(&mut client).await["arrivals"], 3);

    let reply = client.send("POST", "/lab/restart", None).await;
    assert_eq!((reply.status, &reply.json()["service"]), (200, &"det:1h".into()));
    assert!(replies.await.unwrap().iter().all(|reply| reply.status == 200));
    let after = truth(&mut client).await;
    assert_eq!((&after["arrivals"], &after["in_flight"]), (&0.into(), &0.into()));
    assert_eq!(after["leaked_bytes"], 0);
    assert_eq!(after["log"]["arrived_us"], json!([]));
    // What the service counts is not the lab's to forget.
    let answered = r#"target_api_requests_total{method="GET",route="/lab/work",status="200"}"#;
    assert_eq!(metric(&mut client, answered).await, 3.0);
}

#[tokio::test]
async fn processor_time_is_spent_after_the_service_time() {
    let service = start_lab(&["service=det:1ms", "cpu=5ms"]).await;
    let mut client = Client::of(&service).await;
    client.get("/lab/work").await;
    let truth = truth(&mut client).await;
    assert_eq!(truth["sojourn_due_ms"]["max"], 1.0);
    assert!(truth["sojourn_time_ms"]["max"].as_f64().unwrap() >= 6.0, "{truth}");
}

#[tokio::test]
async fn memory_leaks_by_the_second_at_the_rate_asked_for() {
    let service = start_lab(&["leak=bytes_per_second=10000000"]).await;
    let mut client = Client::of(&service).await;
    let waited = tokio::time::timeout(PATIENCE, async {
        loop {
            let truth = truth(&mut client).await;
            let (bytes, uptime_s) = (&truth["leaked_bytes"], &truth["uptime_s"]);
            let (bytes, uptime_s) = (bytes.as_f64().unwrap(), uptime_s.as_f64().unwrap());
            assert!(bytes <= uptime_s * 1e7, "{bytes} in {uptime_s} s");
            if bytes >= 2e6 {
                break;
            }
            tokio::task::yield_now().await;
        }
    });
    waited.await.expect("memory leaks");
}
