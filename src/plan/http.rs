//! The HTTP settings of all layers, and the target.

use std::time::Duration;

use url::Url;

use super::error::PlanError;
use super::layers::{HttpWishes, Wishes};
use super::{HttpSettings, HttpVersion};
use crate::metric::spelling::nearest;

/// The transports that can be chosen.
const TRANSPORTS: [&str; 3] = ["auto", "direct", "reqwest"];
const PROXY_SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

/// The settings of the highest layer that has each, over the defaults. Headers add up: one of the same name, whatever its
/// case, replaces that of the layer below.
pub(super) fn settings(layers: &[&Wishes], problems: &mut Vec<PlanError>) -> HttpSettings {
    let mut settings = HttpSettings::default();
    for layer in layers.iter().rev() {
        apply(&layer.http, &mut settings);
    }
    check_transport(&settings, problems);
    check_timeouts(&settings, problems);
    settings.headers.iter().for_each(|(name, value)| check_header(name, value, problems));
    if let Some(proxy) = &settings.proxy {
        check_proxy(proxy, problems);
    }
    settings
}

fn apply(wishes: &HttpWishes, settings: &mut HttpSettings) {
    fn set<T: Clone>(wish: &Option<T>, setting: &mut T) {
        if let Some(value) = wish {
            *setting = value.clone();
        }
    }
    set(&wishes.transport, &mut settings.transport);
    set(&wishes.version, &mut settings.version);
    set(&wishes.timeout, &mut settings.timeout);
    set(&wishes.connect_timeout, &mut settings.connect_timeout);
    set(&wishes.insecure, &mut settings.insecure);
    set(&wishes.max_redirects, &mut settings.max_redirects);
    set(&wishes.max_body_bytes, &mut settings.max_body_bytes);
    set(&wishes.fold_ids, &mut settings.fold_ids);
    set(&wishes.no_connection_reuse, &mut settings.no_connection_reuse);
    settings.ca_file = wishes.ca_file.clone().or(settings.ca_file.take());
    settings.proxy = wishes.proxy.clone().or(settings.proxy.take());
    for (name, _) in &wishes.headers {
        settings.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }
    settings.headers.extend(wishes.headers.iter().cloned());
}

fn check_transport(settings: &HttpSettings, problems: &mut Vec<PlanError>) {
    let transport = settings.transport.as_str();
    if !TRANSPORTS.contains(&transport) {
        let reason = nearest(transport, TRANSPORTS).map_or_else(
            || "the transports are auto, direct and reqwest".to_owned(),
            |word| format!("did you mean {word}?"),
        );
        problems.push(unusable("transport", transport, &reason));
    }
    let lacking = match (&settings.proxy, settings.version) {
        (Some(_), _) => "it does not use proxies",
        (None, HttpVersion::Http2) => "it does not speak HTTP/2",
        (None, HttpVersion::Auto | HttpVersion::Http1) => return,
    };
    if transport == "direct" {
        problems.push(unusable("transport", transport, &format!("{lacking}; auto chooses")));
    }
}

fn check_timeouts(settings: &HttpSettings, problems: &mut Vec<PlanError>) {
    for (name, timeout) in
        [("timeout", settings.timeout), ("connect_timeout", settings.connect_timeout)]
    {
        if timeout == Duration::ZERO {
            problems.push(PlanError::Zero { what: name });
        }
    }
}

fn check_header(name: &str, value: &str, problems: &mut Vec<PlanError>) {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if name.is_empty() || !name.chars().all(is_token) {
        problems.push(unusable("header", name, "a header's name is letters, digits and hyphens"));
    }
    if value.chars().any(|c| c.is_control() && c != '\t') {
        // The value may be a secret: it is not shown.
        problems.push(unusable("header", name, "its value has a line break or control character"));
    }
}

fn check_proxy(proxy: &str, problems: &mut Vec<PlanError>) {
    let usable = Url::parse(proxy)
        .is_ok_and(|url| PROXY_SCHEMES.contains(&url.scheme()) && url.host_str().is_some());
    if !usable {
        let shown = without_user(proxy);
        problems.push(unusable("proxy", &shown, "write for example http://127.0.0.1:8080"));
    }
}

fn unusable(setting: &'static str, value: &str, reason: &str) -> PlanError {
    PlanError::Http { setting, value: value.to_owned(), reason: reason.to_owned() }
}

/// Checks the target of the highest layer that has one: an absolute `http` or `https` URL with a host and without user and
/// password. It is kept as it was written, trimmed.
pub(super) fn target(layers: &[&Wishes], problems: &mut Vec<PlanError>) -> Option<String> {
    let written = layers.iter().find_map(|layer| layer.target.as_deref())?.trim();
    match check_target(written) {
        Ok(()) => Some(written.to_owned()),
        Err((reason, hint)) => {
            problems.push(PlanError::Target { target: without_user(written), reason, hint });
            None
        }
    }
}

fn check_target(target: &str) -> Result<(), (String, String)> {
    let example = "write it whole, for example http://127.0.0.1:8080".to_owned();
    if target.is_empty() {
        return Err(("it is empty".to_owned(), example));
    }
    let with_scheme = format!("write the scheme too: http://{}", without_user(target));
    let url = match Url::parse(target) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            return Err(("it has no scheme".to_owned(), with_scheme));
        }
        Err(error) => return Err((error.to_string(), example)),
    };
    match url.scheme() {
        "http" | "https" if !target.contains("://") => {
            Err(("it has no // after the scheme".to_owned(), example))
        }
        "http" | "https" if url.host_str().is_none() => Err(("it has no host".to_owned(), example)),
        "http" | "https" if !url.username().is_empty() || url.password().is_some() => Err((
            "it holds a user and password".to_owned(),
            "leave them out, and send them with user.basic_auth(name, password) or as a header"
                .to_owned(),
        )),
        "http" | "https" => Ok(()),
        // `localhost:8080` reads as the scheme `localhost`.
        _ if !target.contains("://") => Err(("it has no scheme".to_owned(), with_scheme)),
        other => Err((format!("{other} is not http or https"), example)),
    }
}

/// The URL's host, port and path, for a run without a name.
pub(super) fn host_and_path(target: &str) -> Option<String> {
    let url = Url::parse(target).ok()?;
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    Some(format!("{}{port}{}", url.host_str()?, url.path().trim_end_matches('/')))
}

/// What was written without anything between the scheme and an `@`: passwords are not repeated in messages.
pub(super) fn without_user(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + 3);
    let authority = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    match text[start..authority].rfind('@') {
        Some(at) => format!("{}{}", &text[..start], &text[start + at + 1..]),
        None => text.to_owned(),
    }
}
