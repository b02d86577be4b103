//! The witness: requests received.

use std::time::Duration;

use serde_json::json;

use crate::support::{Client, metric, start, wait_for_metric};

#[tokio::test]
async fn what_was_sent_is_what_was_received() {
    let service = start(|_| {}).await;
    let address = service.address();
    let clients: Vec<_> = (0..8)
        .map(|_| {
            tokio::spawn(async move {
                let mut client = Client::connect(address).await;
                for _ in 0..50 {
                    client.get("/api/health").await;
                    client.get("/api/teams/1").await;
                }
                client.get("/nope").await;
                client.get("/api/teams/51").await;
                client.post("/api/health", json!({})).await;
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let counters = Client::of(&service).await.get("/lab/counters").await.json();
    assert_eq!(
        counters,
        json!({
            "received": 8 * 103,
            "by_route": {
                "GET /api/health": 8 * 50,
                "GET /api/teams/{id}": 8 * 51,
                "GET unmatched": 8,
                "POST /api/health": 8,
            },
        })
    );
}

#[tokio::test]
async fn looking_is_not_counted() {
    let service = start(|_| {}).await;
    let mut client = Client::of(&service).await;
    for path in ["/lab/counters", "/lab/nope/nope", "/lab/", "/lab", "/metrics"] {
        client.get(path).await;
    }
    let empty = json!({ "received": 0, "by_route": {} });
    assert_eq!(client.get("/lab/counters").await.json(), empty);
}

#[tokio::test]
async fn a_reset_answers_what_it_clears() {
    let service = start(|_| {}).await;
    let mut client = Client::of(&service).await;
    client.get("/api/health").await;
    let reset = client.send("POST", "/lab/counters/reset", None).await;
    assert_eq!((reset.status, &reset.json()["received"]), (200, &1.into()));
    assert_eq!(client.get("/lab/counters").await.json()["received"], 0);
    // What a scraper has seen only ever grows.
    let answered = r#"target_api_requests_total{method="GET",route="/api/health",status="200"}"#;
    assert_eq!(metric(&mut client, answered).await, 1.0);
}

#[tokio::test]
async fn a_request_whose_client_goes_away_is_counted_once() {
    let service = start(|options| options.latency = vec!["1h".parse().unwrap()]).await;
    let mut impatient = Client::of(&service).await;
    impatient.write("GET", "/api/health", "", "").await;
    wait_for_metric(&service, "target_api_requests_in_flight", 1.0).await;
    drop(impatient);
    let cancelled = r#"target_api_requests_cancelled_total{method="GET",route="/api/health"}"#;
    wait_for_metric(&service, cancelled, 1.0).await;
    let mut client = Client::of(&service).await;
    assert_eq!(client.get("/lab/counters").await.json()["received"], 1);
    assert_eq!(metric(&mut client, "target_api_requests_in_flight").await, 0.0);
}

#[tokio::test]
async fn durations_and_statuses_are_measured_by_route() {
    let service = start(|options| options.latency = vec!["/api/teams=20ms".parse().unwrap()]).await;
    let mut client = Client::of(&service).await;
    client.get("/api/teams").await;
    client.get("/api/teams?limit=0").await;
    for status in ["200", "400"] {
        let name = format!(
            r#"target_api_requests_total{{method="GET",route="/api/teams",status="{status}"}}"#
        );
        assert_eq!(metric(&mut client, &name).await, 1.0);
    }
    let sum = metric(&mut client, r#"target_api_request_duration_seconds_sum{route="/api/teams"}"#);
    assert!(sum.await >= Duration::from_millis(40).as_secs_f64());
    let fast = r#"target_api_request_duration_seconds_bucket{route="/api/teams",le="0.01"}"#;
    assert_eq!(metric(&mut client, fast).await, 0.0);
    let all = r#"target_api_request_duration_seconds_bucket{route="/api/teams",le="+Inf"}"#;
    assert_eq!(metric(&mut client, all).await, 2.0);
}
