//! Secrets do not outlive a run: what a plan may leave in a file or on a screen (RELIABILITY.md c.3, row 14).

use crate::plan::Plan;

/// What stands where a secret was.
pub const REDACTED: &str = "***";

/// Parts of a header's name that mark its value as a secret.
const SECRET_WORDS: [&str; 7] =
    ["authorization", "cookie", "token", "secret", "key", "password", "credential"];

/// The plan without header values that look like secrets and without the proxy's user and password.
#[must_use]
pub fn redacted(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    for (name, value) in &mut plan.http.headers {
        if is_secret_name(name) {
            REDACTED.clone_into(value);
        }
    }
    plan.http.proxy = plan.http.proxy.as_deref().map(without_userinfo);
    plan.target = plan.target.as_deref().map(without_userinfo);
    for page in &mut plan.scrape {
        page.url = without_query(&page.url);
    }
    plan
}

fn is_secret_name(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

/// The URL with its user and password replaced; as it is when it has none.
fn without_userinfo(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let authority = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..authority].rfind('@') {
        Some(at) => format!("{scheme}://{REDACTED}{}", &rest[at..]),
        None => url.to_owned(),
    }
}

/// The URL with its query replaced, which may hold a token; as it is when it has none.
#[must_use]
pub fn without_query(url: &str) -> String {
    match url.split_once('?') {
        Some((page, _)) => format!("{page}?{REDACTED}"),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::fixture;

    #[test]
    fn secrets_leave_the_plan_and_nothing_else_does() {
        let mut plan = fixture::plan();
        plan.http.headers = ["Authorization", "X-API-Key", "accept"]
            .map(|name| (name.to_owned(), "canary".to_owned()))
            .to_vec();
        plan.http.proxy = Some("http://me:canary@proxy:8080/x@y".to_owned());
        plan.scrape = vec![crate::plan::ScrapeSource {
            url: "http://a/metrics?token=canary".to_owned(),
            resources: Vec::new(),
        }];
        let kept = redacted(&plan);
        assert_eq!(kept.scrape[0].url, "http://a/metrics?***");
        let values: Vec<&str> = kept.http.headers.iter().map(|(_, value)| value.as_str()).collect();
        assert_eq!(values, ["***", "***", "canary"]);
        assert_eq!(kept.http.proxy.as_deref(), Some("http://***@proxy:8080/x@y"));
        assert_eq!(redacted(&fixture::plan()), fixture::plan());
    }
}
