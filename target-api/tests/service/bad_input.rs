//! What clients get wrong.

use serde_json::json;

use crate::support::{Client, start};

#[tokio::test]
async fn a_path_without_a_route_is_not_found() {
    let service = start(|_| {}).await;
    let mut client = Client::of(&service).await;
    for path in ["/", "/nope", "/api", "/api/teams/", "/items", "/lab/nope", "/api/teams/1/2/3"] {
        assert_eq!(client.get(path).await.error(), (404, "not_found".into()), "{path}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones() {
    let service = start(|_| {}).await;
    let mut client = Client::of(&service).await;
    for (method, path, allowed) in [
        ("POST", "/api/health", "GET,HEAD"),
        ("DELETE", "/items/", "GET,HEAD,POST"),
        ("POST", "/metrics", "GET,HEAD"),
        ("BREW", "/lab/counters", "GET,HEAD"),
    ] {
        let reply = client.send(method, path, None).await;
        assert_eq!(reply.error(), (405, "method_not_allowed".into()), "{method} {path}");
        assert_eq!(reply.header("allow"), Some(allowed), "{method} {path}");
    }
}

#[tokio::test]
async fn an_id_that_is_no_number_is_refused() {
    let service = start(|_| {}).await;
    let mut client = Client::signed_in(&service, 1).await;
    for path in
        ["/user/abc", "/user/1.5", "/user/%ff", "/user/99999999999999999999", "/api/teams/x"]
    {
        assert_eq!(client.get(path).await.error(), (400, "invalid_id".into()), "{path}");
    }
    let reply = client.send("DELETE", "/api/teams/1/members/x", None).await;
    assert_eq!(reply.error(), (400, "invalid_id".into()));
}

#[tokio::test]
async fn a_page_out_of_range_is_refused() {
    let service = start(|_| {}).await;
    let mut client = Client::of(&service).await;
    for query in
        ["limit=0", "limit=101", "limit=-1", "limit=x", "page=0", "page=", "page=4294967296"]
    {
        for list in ["/api/users", "/api/teams", "/api/teams/1/members", "/items/"] {
            let reply = client.get(&format!("{list}?{query}")).await;
            assert_eq!(reply.error(), (400, "invalid_page".into()), "{list}?{query}");
        }
    }
}

#[tokio::test]
async fn a_body_is_refused_for_what_is_wrong_with_it() {
    let service = start(|_| {}).await;
    let mut client = Client::of(&service).await;
    let json_type = "content-type: application/json\r\n";
    for (headers, body, status, code) in [
        (json_type, "{", 400, "malformed_body"),
        (json_type, "", 400, "malformed_body"),
        (json_type, "\u{fffd}", 400, "malformed_body"),
        (json_type, "{}", 422, "invalid_body"),
        (json_type, "[1]", 422, "invalid_body"),
        (json_type, r#"{"email":1,"password":"secret"}"#, 422, "invalid_body"),
        ("", "{}", 415, "unsupported_media_type"),
    ] {
        client.write("POST", "/api/auth/login", headers, body).await;
        assert_eq!(client.read().await.error(), (status, code.into()), "{body}");
    }
}

#[tokio::test]
async fn a_body_over_64_kib_is_refused_and_one_under_it_is_read() {
    let service = start(|_| {}).await;
    let json_type = "content-type: application/json\r\n";
    for (length, status, code) in
        [(64 * 1024, 422, "invalid_body"), (64 * 1024 + 1, 413, "body_too_large")]
    {
        let body = json!({ "name": "", "price_cents": 1 }).to_string();
        let body = format!("{body}{}", " ".repeat(length - body.len()));
        let mut client = Client::of(&service).await;
        client.write("POST", "/items/", json_type, &body).await;
        assert_eq!(client.read().await.error(), (status, code.into()));
    }
}

#[tokio::test]
async fn bytes_that_are_not_http_end_their_connection_and_nothing_else() {
    let service = start(|_| {}).await;
    for bytes in [&b"\x00\xff\xfe\r\n\r\n"[..], b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"] {
        let mut client = Client::of(&service).await;
        client.write_raw(bytes).await;
        let reply = client.try_read().await;
        assert!(reply.is_none_or(|reply| reply.status == 400));
    }
    assert_eq!(Client::of(&service).await.get("/api/health").await.status, 200);
}
