//! Items.

use serde_json::json;

use crate::support::{Client, start};

#[tokio::test]
async fn an_item_is_created_and_listed_last() {
    let service = start(|_| {}).await;
    let mut client = Client::of(&service).await;
    let created = client.post("/items/", json!({ "name": "Kite", "price_cents": 1250 })).await;
    assert_eq!(created.status, 201);
    let item = created.json();
    assert_eq!(
        (&item["id"], &item["name"], &item["price_cents"]),
        (&201.into(), &"Kite".into(), &1250.into())
    );
    let last = client.get("/items/?page=201&limit=1").await.json();
    assert_eq!(last, json!({ "items": [item], "total": 201, "page": 201, "limit": 1 }));
}

#[tokio::test]
async fn an_item_needs_a_name_and_a_price() {
    let service = start(|_| {}).await;
    let mut client = Client::of(&service).await;
    for body in [
        json!({ "name": "", "price_cents": 1 }),
        json!({ "name": "  ", "price_cents": 1 }),
        json!({ "name": "x".repeat(101), "price_cents": 1 }),
        json!({ "name": "x", "price_cents": -1 }),
        json!({ "name": "x", "price_cents": 100_000_001 }),
        json!({ "name": "x", "price_cents": 1.5 }),
        json!({ "name": "x" }),
    ] {
        let reply = client.post("/items/", body.clone()).await;
        assert_eq!(reply.error(), (422, "invalid_body".into()), "{body}");
    }
    assert_eq!(client.get("/items/").await.json()["total"], 200);
}

#[tokio::test]
async fn no_write_is_lost_when_many_write_at_once() {
    let service = start(|_| {}).await;
    let address = service.address();
    let writers: Vec<_> = (0..16)
        .map(|writer| {
            tokio::spawn(async move {
                let mut client = Client::connect(address).await;
                for _ in 0..25 {
                    let body = json!({ "name": format!("From {writer}"), "price_cents": 1 });
                    assert_eq!(client.post("/items/", body).await.status, 201);
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
    assert_eq!(Client::of(&service).await.get("/items/").await.json()["total"], 200 + 16 * 25);
}
