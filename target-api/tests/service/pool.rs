//! The bounded database pool.

use std::time::Duration;

use crate::support::{Client, metric, start, wait_for_metric};

const IN_USE: &str = "target_api_db_pool_in_use";
const TIMEOUTS: &str = "target_api_db_pool_acquire_timeouts_total";

#[tokio::test]
async fn a_request_that_finds_no_connection_in_time_is_told_so() {
    let service = start(|options| {
        options.pool_size = 1;
        options.pool_timeout = Duration::from_millis(20);
        options.query_delay = Duration::from_secs(1);
    })
    .await;
    let mut holder = Client::of(&service).await;
    holder.write("GET", "/api/users/1", "", "").await;
    wait_for_metric(&service, IN_USE, 1.0).await;

    let mut client = Client::of(&service).await;
    assert_eq!(client.get("/api/users/2").await.error(), (503, "pool_exhausted".into()));
    assert_eq!(metric(&mut client, TIMEOUTS).await, 1.0);
    // What needs no connection is answered all the same.
    assert_eq!(client.get("/api/health").await.status, 200);

    assert_eq!(holder.read().await.status, 200);
    assert_eq!(metric(&mut client, IN_USE).await, 0.0);
    assert_eq!(metric(&mut client, "target_api_db_pool_size").await, 1.0);
    let held = metric(&mut client, "target_api_db_query_duration_seconds_sum").await;
    assert!(held >= 1.0, "{held}");
}

#[tokio::test]
async fn a_request_that_waits_gets_the_connection_after_all() {
    let service = start(|options| {
        options.pool_size = 1;
        options.pool_timeout = Duration::from_secs(20);
        options.query_delay = Duration::from_millis(300);
    })
    .await;
    let (mut first, mut second) = (Client::of(&service).await, Client::of(&service).await);
    first.write("GET", "/api/users/1", "", "").await;
    wait_for_metric(&service, IN_USE, 1.0).await;
    second.write("GET", "/api/users/2", "", "").await;
    wait_for_metric(&service, "target_api_db_pool_waiting", 1.0).await;
    assert_eq!(first.read().await.status, 200);
    assert_eq!(second.read().await.status, 200);
    assert_eq!(metric(&mut first, TIMEOUTS).await, 0.0);
}

#[tokio::test]
async fn a_client_that_goes_away_does_not_free_its_connection_early() {
    let service = start(|options| {
        options.pool_size = 1;
        options.query_delay = Duration::from_secs(1);
    })
    .await;
    let mut impatient = Client::of(&service).await;
    impatient.write("GET", "/api/users/1", "", "").await;
    wait_for_metric(&service, IN_USE, 1.0).await;
    drop(impatient);
    let cancelled = r#"target_api_requests_cancelled_total{method="GET",route="/api/users/{id}"}"#;
    wait_for_metric(&service, cancelled, 1.0).await;
    wait_for_metric(&service, IN_USE, 0.0).await;
    let mut client = Client::of(&service).await;
    let held = metric(&mut client, "target_api_db_query_duration_seconds_sum").await;
    assert!(held >= 1.0, "{held}");
}
