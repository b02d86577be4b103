//! The name of a step: what requests are counted under.

/// The name of a request that has none: its method and path, `GET /api/teams/{id}`.
///
/// Query and fragment are dropped. With `fold_ids`, segments that are numbers, UUIDs or 24 hexadecimal digits (`MongoDB`)
/// become `{id}`, so that a million teams are one step. `url` is absolute or a path; the origin of an absolute one is kept
/// when it is not that of `target`, the base URL: `GET https://other.test/path`. User and password are never kept.
#[must_use]
pub fn step_name(method: &str, url: &str, target: Option<&str>, fold_ids: bool) -> String {
    let (origin, rest) = split_origin(url);
    let path = rest.find(['?', '#']).map_or(rest, |end| &rest[..end]);
    let mut name = String::with_capacity(method.len() + 1 + url.len());
    name.push_str(method);
    name.push(' ');
    if let Some((scheme, host)) = origin {
        let own = target.and_then(|target| split_origin(target).0);
        if !own.is_some_and(|own| same_origin(own, (scheme, host))) {
            name.push_str(scheme);
            name.push_str(host);
        }
    }
    for segment in path.trim_start_matches('/').split('/') {
        name.push('/');
        name.push_str(if fold_ids && is_id(segment) { "{id}" } else { segment });
    }
    name
}

type Origin<'a> = (&'a str, &'a str);

/// `https://`, the host with its port, and what follows; no origin for a path.
fn split_origin(url: &str) -> (Option<Origin<'_>>, &str) {
    let Some(scheme) = ["http://", "https://"].iter().find_map(|scheme| {
        url.get(..scheme.len()).filter(|start| start.eq_ignore_ascii_case(scheme))
    }) else {
        return (None, url);
    };
    let rest = &url[scheme.len()..];
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    (Some((scheme, host)), path)
}

fn same_origin(a: Origin<'_>, b: Origin<'_>) -> bool {
    let without_default_port = |(scheme, host): Origin<'_>| {
        let port = if scheme.len() == "http://".len() { ":80" } else { ":443" };
        host.strip_suffix(port).unwrap_or(host).len()
    };
    let (a_host, b_host) = (&a.1[..without_default_port(a)], &b.1[..without_default_port(b)]);
    a.0.eq_ignore_ascii_case(b.0) && a_host.eq_ignore_ascii_case(b_host)
}

fn is_id(segment: &str) -> bool {
    let bytes = segment.as_bytes();
    let is_number = !bytes.is_empty() && bytes.iter().all(u8::is_ascii_digit);
    is_number
        || match bytes.len() {
            24 => bytes.iter().all(u8::is_ascii_hexdigit),
            36 => bytes.iter().enumerate().all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => *byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            }),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_step_is_the_method_and_the_path_with_ids_folded() {
        for (url, name) in [
            ("/api/teams", "GET /api/teams"),
            ("/api/teams/42", "GET /api/teams/{id}"),
            ("/api/teams/42/members/7?page=2#top", "GET /api/teams/{id}/members/{id}"),
            ("/u/123e4567-e89b-12d3-a456-426614174000", "GET /u/{id}"),
            ("/u/507f1f77bcf86cd799439011/x", "GET /u/{id}/x"),
            ("/v1/deadbeef/2x", "GET /v1/deadbeef/2x"),
            ("/a/", "GET /a/"),
            ("", "GET /"),
            ("?q=1", "GET /"),
            ("api", "GET /api"),
            ("http://shop.test", "GET /"),
            ("http://shop.test/a/1?b", "GET /a/{id}"),
            ("HTTP://Shop.test:80/a", "GET /a"),
            ("http://user:secret@shop.test/a", "GET /a"),
            ("https://shop.test/a", "GET https://shop.test/a"),
            ("https://u:p@other.test:8443/a/5", "GET https://other.test:8443/a/{id}"),
            ("http://shop.test:8080/a", "GET http://shop.test:8080/a"),
        ] {
            assert_eq!(step_name("GET", url, Some("http://shop.test/base"), true), name, "{url}");
        }
    }

    #[test]
    fn ids_are_kept_when_asked_and_hosts_without_a_target() {
        assert_eq!(step_name("PUT", "/teams/42", None, false), "PUT /teams/42");
        assert_eq!(step_name("GET", "http://a.test/42", None, true), "GET http://a.test/{id}");
    }

    proptest! {
        #[test]
        fn any_url_has_a_name_without_query(url in "\\PC{0,60}") {
            let name = step_name("GET", &url, Some("http://a.test"), true);
            prop_assert!(name.starts_with("GET "));
            prop_assert!(!name.contains(['?', '#']));
        }

        #[test]
        fn naming_a_name_again_changes_nothing(path in "(/[a-z0-9]{0,5}){0,6}") {
            let name = step_name("GET", &path, None, true);
            let again = step_name("GET", name.strip_prefix("GET ").expect("a method"), None, true);
            prop_assert_eq!(again, name);
        }
    }
}
