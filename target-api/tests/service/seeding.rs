//! The same data each time.

use serde_json::Value;

use crate::support::{Client, start};

/// Some of everything that a service with this seed holds.
async fn sample(seed: u64) -> Vec<Value> {
    let service = start(|options| {
        options.seed = seed;
        options.latency = vec!["0ms".parse().expect("a rule")];
    })
    .await;
    let mut client = Client::of(&service).await;
    let mut sample = Vec::new();
    for path in [
        "/api/users?limit=100",
        "/api/teams?limit=100",
        "/api/teams/1/members?limit=100",
        "/user/1",
        "/items/?limit=100",
    ] {
        sample.push(client.get(path).await.json());
    }
    sample
}

#[tokio::test]
async fn the_same_seed_gives_the_same_data_and_another_seed_other_data() {
    let first = sample(1).await;
    assert_eq!(first, sample(1).await);
    let other = sample(2).await;
    for (one, two) in first.iter().zip(&other) {
        assert_ne!(one, two);
    }
}

#[tokio::test]
async fn a_fresh_database_holds_what_was_promised() {
    let service = start(|_| {}).await;
    let mut client = Client::of(&service).await;
    for (path, total) in [("/api/users", 500), ("/api/teams", 50), ("/items/", 200)] {
        assert_eq!(client.get(path).await.json()["total"], total, "{path}");
    }
    for team in 1..=50 {
        let members = client.get(&format!("/api/teams/{team}/members")).await.json();
        assert!(members["total"].as_u64().unwrap() > 0, "team {team}");
    }
}

#[tokio::test]
async fn more_users_can_be_asked_for_and_the_first_ones_stay_the_same() {
    let (few, many) =
        (start(|options| options.users = 3).await, start(|options| options.users = 1_000).await);
    let mut client = Client::of(&many).await;
    assert_eq!(client.login("user1000@example.com", "secret").await.status, 200);
    assert_eq!(client.login("user1001@example.com", "secret").await.status, 401);
    let first = client.get("/api/users?limit=3").await.json();
    assert_eq!(Client::of(&few).await.get("/api/users").await.json()["items"], first["items"]);
}
