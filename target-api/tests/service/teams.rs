//! Teams and memberships.

use serde_json::json;

use crate::support::{Client, metric, start};

const TEAM: &str = "/api/teams/9";
const MEMBERS: &str = "/api/teams/9/members";

#[tokio::test]
async fn a_user_joins_a_team_and_leaves_it() {
    let service = start(|_| {}).await;
    let mut client = Client::signed_in(&service, 1).await;
    let members = client.get(&format!("{MEMBERS}?limit=100")).await.json();
    let is_member =
        |id: u64| members["items"].as_array().unwrap().iter().any(|m| m["user_id"] == id);
    let stranger = (1..=500).find(|id| !is_member(*id)).unwrap();
    let before = client.get(TEAM).await.json()["member_count"].as_i64().unwrap();
    assert_eq!(members["total"], before);

    let joined = client.post(MEMBERS, json!({ "user_id": stranger })).await;
    assert_eq!((joined.status, &joined.json()["user_id"]), (201, &stranger.into()));
    // The cache has forgotten the team as it was.
    assert_eq!(client.get(TEAM).await.json()["member_count"], before + 1);
    let again = client.post(MEMBERS, json!({ "user_id": stranger })).await;
    assert_eq!(again.error(), (409, "already_member".into()));

    let member = format!("{MEMBERS}/{stranger}");
    assert_eq!(client.send("DELETE", &member, None).await.status, 204);
    assert_eq!(client.get(TEAM).await.json()["member_count"], before);
    let again = client.send("DELETE", &member, None).await;
    assert_eq!(again.error(), (404, "member_not_found".into()));
}

#[tokio::test]
async fn what_is_not_there_cannot_be_joined_or_left() {
    let service = start(|_| {}).await;
    let mut client = Client::signed_in(&service, 1).await;
    let no_team = (404, "team_not_found".to_owned());
    assert_eq!(client.get("/api/teams/51").await.error(), no_team);
    assert_eq!(client.get("/api/teams/51/members").await.error(), no_team);
    let join = client.post("/api/teams/51/members", json!({ "user_id": 1 })).await;
    assert_eq!(join.error(), no_team);
    assert_eq!(client.send("DELETE", "/api/teams/51/members/1", None).await.error(), no_team);
    let join = client.post(MEMBERS, json!({ "user_id": 501 })).await;
    assert_eq!(join.error(), (404, "user_not_found".into()));
    let join = client.post(MEMBERS, json!({ "user_id": "1" })).await;
    assert_eq!(join.error(), (422, "invalid_body".into()));
}

#[tokio::test]
async fn a_team_is_read_once_and_then_found_in_the_cache() {
    let service = start(|_| {}).await;
    let mut client = Client::of(&service).await;
    for _ in 0..5 {
        assert_eq!(client.get(TEAM).await.json()["id"], 9);
    }
    assert_eq!(metric(&mut client, "target_api_cache_misses_total").await, 1.0);
    assert_eq!(metric(&mut client, "target_api_cache_hits_total").await, 4.0);
    assert_eq!(metric(&mut client, "target_api_db_query_duration_seconds_count").await, 1.0);
}

#[tokio::test]
async fn teams_come_in_pages() {
    let service = start(|_| {}).await;
    let page = Client::of(&service).await.get("/api/teams?page=5&limit=12").await.json();
    let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|team| &team["id"]).collect();
    assert_eq!(ids, [49, 50]);
    assert_eq!(
        (&page["total"], &page["page"], &page["limit"]),
        (&50.into(), &5.into(), &12.into())
    );
}
