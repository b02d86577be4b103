//! Users and profiles.

use serde_json::{Value, json};

use crate::support::{Client, start};

const ME: &str = "/api/users/me";

async fn change(client: &mut Client, body: Value) -> crate::support::Reply {
    client.send("PUT", ME, Some(body)).await
}

#[tokio::test]
async fn users_come_in_pages() {
    let service = start(|_| {}).await;
    let mut client = Client::of(&service).await;
    for (query, page, limit, first, count) in [
        ("", 1, 20, 1, 20),
        ("?page=2", 2, 20, 21, 20),
        ("?page=5&limit=100", 5, 100, 401, 100),
        ("?limit=7&page=72&color=blue", 72, 7, 498, 3),
        ("?page=1000", 1000, 20, 0, 0),
        ("?page=4294967295&limit=100", 4_294_967_295_u32, 100, 0, 0),
    ] {
        let reply = client.get(&format!("/api/users{query}")).await;
        let body = reply.json();
        assert_eq!(reply.status, 200, "{query}");
        let items = body["items"].as_array().unwrap();
        assert_eq!(items.len(), count, "{query}");
        assert!(items.first().is_none_or(|user| user["id"] == first), "{query}");
        let rest = (&body["total"], &body["page"], &body["limit"]);
        assert_eq!(rest, (&500.into(), &page.into(), &limit.into()), "{query}");
    }
}

#[tokio::test]
async fn a_user_is_found_by_id_and_shows_no_password() {
    let service = start(|_| {}).await;
    let mut client = Client::of(&service).await;
    let user = client.get("/api/users/500").await.json();
    assert_eq!(user["email"], "user500@example.com");
    let fields: Vec<_> = user.as_object().unwrap().keys().collect();
    assert_eq!(fields, ["id", "email", "name", "bio", "created_at"]);
    for id in [0, 501, -1, i64::MAX] {
        let reply = client.get(&format!("/api/users/{id}")).await;
        assert_eq!(reply.error(), (404, "user_not_found".into()), "{id}");
    }
}

#[tokio::test]
async fn a_change_is_kept_and_leaves_what_it_does_not_name() {
    let service = start(|_| {}).await;
    let mut client = Client::signed_in(&service, 3).await;
    let before = client.get(ME).await.json();
    let changed = change(&mut client, json!({ "name": "Ada" })).await;
    assert_eq!((changed.status, &changed.json()["name"]), (200, &"Ada".into()));
    assert_eq!(changed.json()["bio"], before["bio"]);

    let body = json!({ "name": "Ada L.", "email": "ada@example.org", "bio": "" });
    assert_eq!(change(&mut client, body).await.status, 200);
    let after = client.get("/api/users/3").await.json();
    let fields = (&after["name"], &after["email"], &after["bio"]);
    assert_eq!(fields, (&"Ada L.".into(), &"ada@example.org".into(), &"".into()));
    assert_eq!(client.login("ada@example.org", "secret").await.status, 200);
}

#[tokio::test]
async fn a_change_that_will_not_do_changes_nothing() {
    let service = start(|_| {}).await;
    let mut client = Client::signed_in(&service, 3).await;
    let before = client.get(ME).await.json();
    for body in [
        json!({}),
        json!({ "name": "" }),
        json!({ "name": "x".repeat(101) }),
        json!({ "name": "x", "email": "nowhere" }),
        json!({ "name": "x", "bio": "x".repeat(1_001) }),
        json!({ "name": 1 }),
    ] {
        let reply = change(&mut client, body.clone()).await;
        assert_eq!(reply.error(), (422, "invalid_body".into()), "{body}");
    }
    let taken = change(&mut client, json!({ "name": "x", "email": "user4@example.com" })).await;
    assert_eq!(taken.error(), (409, "email_taken".into()));
    assert_eq!(client.get(ME).await.json(), before);
    // A hundred characters, not a hundred bytes.
    assert_eq!(change(&mut client, json!({ "name": "é".repeat(100) })).await.status, 200);
}

#[tokio::test]
async fn a_database_in_a_file_outlives_the_service() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("kept.db");

    let service = start(|options| options.database = Some(path.clone())).await;
    let mut client = Client::signed_in(&service, 2).await;
    assert_eq!(change(&mut client, json!({ "name": "Kept" })).await.status, 200);
    client.post("/items/", json!({ "name": "Kept", "price_cents": 1 })).await;
    service.stop().await;

    // More users than before are added; the others stay as they are.
    let service = start(|options| {
        options.database = Some(path.clone());
        options.users = 510;
    })
    .await;
    let mut client = Client::signed_in(&service, 510).await;
    assert_eq!(client.get("/api/users/2").await.json()["name"], "Kept");
    assert_eq!(client.get("/api/users").await.json()["total"], 510);
    assert_eq!(client.get("/items/").await.json()["total"], 201);
}
