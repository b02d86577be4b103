//! The target and the HTTP settings.

use super::*;
use crate::plan::HttpVersion;
use crate::plan::layers::HttpWishes;

fn with_target(target: &str) -> Wishes {
    Wishes { target: Some(target.to_owned()), ..script(LoadWishes::default()) }
}

fn with_http(http: HttpWishes) -> Wishes {
    Wishes { http, ..script(LoadWishes::default()) }
}

fn header(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn a_target_is_an_absolute_http_url() {
    for target in ["http://127.0.0.1:8117", "https://shop.test/base/", " http://[::1]:80 "] {
        assert_eq!(plan(&[&with_target(target)]).target.as_deref(), Some(target.trim()));
    }
    for (target, says, hint) in [
        ("shop.test/a", "no scheme", "http://shop.test/a"),
        ("localhost:8080", "no scheme", "http://localhost:8080"),
        ("ftp://shop.test", "ftp is not http", "http://127.0.0.1"),
        ("http://", "empty host", "http://127.0.0.1"),
        ("http:shop.test", "no //", "http://127.0.0.1"),
        ("http://shop.test:99999", "port", "http://127.0.0.1"),
        ("", "empty", "http://127.0.0.1"),
        ("http://user:hunter2@shop.test", "user and password", "basic_auth"),
        ("user:hunter2@shop.test", "no scheme", "http://shop.test"),
    ] {
        let found = problems(&[&with_target(target)]);
        let (text, help) = (found[0].to_string(), found[0].hint().expect("a hint"));
        assert!(text.contains(says) && help.contains(hint), "{target}: {text} {help}");
        assert!(!text.contains("hunter2") && !help.contains("hunter2"), "{text} {help}");
    }
}

#[test]
fn the_higher_layers_settings_win_and_headers_add_up() {
    let below = with_http(HttpWishes {
        timeout: Some(secs(5)),
        insecure: Some(true),
        headers: vec![header("Accept", "text/html"), header("X-Team", "a")],
        ..HttpWishes::default()
    });
    let above = with_http(HttpWishes {
        timeout: Some(secs(9)),
        headers: vec![header("accept", "application/json")],
        ..HttpWishes::default()
    });
    let http = plan(&[&above, &below]).http;
    assert_eq!((http.timeout, http.connect_timeout, http.insecure), (secs(9), secs(10), true));
    assert_eq!(http.headers, [header("X-Team", "a"), header("accept", "application/json")]);
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    let none = HttpWishes::default;
    for (http, says) in [
        (HttpWishes { transport: Some("request".into()), ..none() }, "did you mean reqwest?"),
        (
            HttpWishes {
                transport: Some("direct".into()),
                version: Some(HttpVersion::Http2),
                ..none()
            },
            "does not speak HTTP/2",
        ),
        (
            HttpWishes {
                transport: Some("direct".into()),
                proxy: Some("http://proxy".into()),
                ..none()
            },
            "does not use proxies",
        ),
        (HttpWishes { timeout: Some(secs(0)), ..none() }, "timeout is zero"),
        (HttpWishes { headers: vec![header("a b", "c")], ..none() }, "header \"a b\""),
        (HttpWishes { headers: vec![header("a", "x\r\nb: c")], ..none() }, "line break"),
        (HttpWishes { proxy: Some("u:p@proxy".into()), ..none() }, "proxy \"proxy\""),
        (HttpWishes { proxy: Some("ftp://proxy".into()), ..none() }, "proxy \"ftp://proxy\""),
    ] {
        let found = problems(&[&with_http(http)]);
        assert!(found[0].to_string().contains(says), "{says}: {found:?}");
    }
}
