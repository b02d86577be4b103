//! Intentional latency.

use std::time::Duration;

use target_api::{Options, ServeError};
use tokio::time::Instant;

use crate::support::{Client, start};

async fn fastest_of(count: u32, client: &mut Client, path: &str) -> Duration {
    let mut fastest = Duration::MAX;
    for _ in 0..count {
        let began = Instant::now();
        client.get(path).await;
        fastest = fastest.min(began.elapsed());
    }
    fastest
}

#[tokio::test]
async fn a_profile_takes_at_least_10_ms() {
    let service = start(|_| {}).await;
    let mut client = Client::of(&service).await;
    let profile = client.get("/user/1000").await;
    assert_eq!((profile.status, &profile.json()["id"]), (200, &1000.into()));
    for id in [0, 1001, -1] {
        let reply = client.get(&format!("/user/{id}")).await;
        assert_eq!(reply.error(), (404, "profile_not_found".into()));
    }
    assert!(fastest_of(20, &mut client, "/user/1").await >= Duration::from_millis(10));
}

#[tokio::test]
async fn latency_is_for_one_route_or_for_all() {
    let rules = ["20ms..30ms", "/api/teams/{id}=lognormal:60ms..60ms"];
    let service =
        start(|options| options.latency = rules.map(|rule| rule.parse().unwrap()).to_vec()).await;
    let mut client = Client::of(&service).await;
    assert!(fastest_of(5, &mut client, "/api/health").await >= Duration::from_millis(20));
    assert!(fastest_of(5, &mut client, "/user/1").await >= Duration::from_millis(20));
    assert!(fastest_of(5, &mut client, "/api/teams/1").await >= Duration::from_millis(59));
}

#[tokio::test]
async fn latency_for_no_route_is_refused() {
    let latency = vec!["/api/team=5ms".parse().unwrap()];
    let error = target_api::start(Options { port: 0, latency, ..Options::default() }).await;
    let error = error.unwrap_err();
    assert!(matches!(error, ServeError::UnknownRoute { .. }));
    let message = error.to_string();
    assert!(message.contains("`/api/team`") && message.contains("/api/teams/{id}"), "{message}");
}
