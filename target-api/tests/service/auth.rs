//! Signing in and out.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use crate::support::{Client, PATIENCE, start};

#[tokio::test]
async fn a_user_signs_in_and_out() {
    let service = start(|_| {}).await;
    let mut client = Client::signed_in(&service, 7).await;
    let me = client.get("/api/users/me").await;
    assert_eq!((me.status, &me.json()["email"]), (200, &"user7@example.com".into()));

    assert_eq!(client.send("POST", "/api/auth/logout", None).await.status, 204);
    assert_eq!(client.get("/api/users/me").await.error(), (401, "invalid_token".into()));
    let again = client.send("POST", "/api/auth/logout", None).await;
    assert_eq!(again.error(), (401, "invalid_token".into()));
}

#[tokio::test]
async fn a_sign_in_says_how_long_it_lasts() {
    let service = start(|options| options.token_ttl = Duration::from_secs(90)).await;
    let reply = Client::of(&service).await.login("user1@example.com", "secret").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["expires_in_s"], 90.0);
    assert_eq!(reply.json()["token"].as_str().unwrap().len(), 32);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_get_the_same_answer() {
    let service = start(|_| {}).await;
    let mut client = Client::of(&service).await;
    let wrong = client.login("user1@example.com", "Secret").await;
    let unknown = client.login("user501@example.com", "secret").await;
    assert_eq!(wrong.error(), (401, "wrong_credentials".into()));
    assert_eq!((wrong.status, wrong.body), (unknown.status, unknown.body));
}

#[tokio::test]
async fn without_a_token_nobody_is_signed_in() {
    let service = start(|_| {}).await;
    let mut client = Client::of(&service).await;
    for (method, path) in [
        ("GET", "/api/users/me"),
        ("PUT", "/api/users/me"),
        ("POST", "/api/auth/logout"),
        ("POST", "/api/teams/1/members"),
        ("DELETE", "/api/teams/1/members/1"),
    ] {
        let reply = client.send(method, path, None).await;
        assert_eq!(reply.error(), (401, "missing_token".into()), "{method} {path}");
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    }
    for header in ["Basic abc", "Bearer", "Bearer x", "Bearer 00000000000000000000000000000000"] {
        client.write("GET", "/api/users/me", &format!("authorization: {header}\r\n"), "").await;
        assert_eq!(client.read().await.error(), (401, "invalid_token".into()), "{header}");
    }
}

#[tokio::test]
async fn a_token_expires() {
    let ttl = Duration::from_millis(300);
    let service = start(|options| options.token_ttl = ttl).await;
    let began = Instant::now();
    let mut client = Client::signed_in(&service, 1).await;
    let expired = timeout(PATIENCE, async {
        loop {
            let reply = client.get("/api/users/me").await;
            if reply.status != 200 {
                break reply;
            }
        }
    });
    assert_eq!(expired.await.unwrap().error(), (401, "invalid_token".into()));
    assert!(began.elapsed() >= ttl);
}
