//! Clean shutdown.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{Client, PATIENCE, start, wait_for_metric};

const IN_FLIGHT: &str = "target_api_requests_in_flight";

#[tokio::test]
async fn a_request_in_flight_is_finished_before_the_end() {
    let service = start(|options| options.latency = vec!["300ms".parse().unwrap()]).await;
    let address = service.address();
    let mut client = Client::of(&service).await;
    client.write("GET", "/api/users/1", "", "").await;
    wait_for_metric(&service, IN_FLIGHT, 1.0).await;

    let (reply, ()) = tokio::join!(client.read(), service.stop());
    assert_eq!((reply.status, &reply.json()["id"]), (200, &1.into()));
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn an_idle_connection_does_not_delay_the_end() {
    let service = start(|_| {}).await;
    let mut idle = Client::of(&service).await;
    idle.get("/api/health").await;
    timeout(Duration::from_secs(4), service.stop()).await.expect("sooner than the grace of 5 s");
    assert!(idle.try_read().await.is_none());
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_dropped_at_the_end() {
    let service = start(|options| options.latency = vec!["1h".parse().unwrap()]).await;
    let mut client = Client::of(&service).await;
    client.write("GET", "/api/users/1", "", "").await;
    wait_for_metric(&service, IN_FLIGHT, 1.0).await;

    // From here time passes as fast as there is nothing to do: the grace ends long before the hour.
    tokio::time::pause();
    service.stop().await;
    tokio::time::resume();
    let reply = timeout(PATIENCE, client.try_read()).await.unwrap();
    assert!(reply.is_none());
}
