//! Requests, and what belongs to the user who makes them.

use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;
use rhai::{Array, Blob, Dynamic, Engine, FnPtr, ImmutableString, Map, NativeCallContext};

use super::Fallible;
use super::sites::{Site, Sites};
use crate::metric::sink::{CustomValue, MetricKind};
use crate::metric::spelling;
use crate::script::call::{CallBody, FileContent, HttpCall, MultipartField};
use crate::script::coroutine::{Operation, Resumption, suspend};
use crate::script::reply::{Response, runtime_error};
use crate::script::user::{CookieChange, User, with_tags};
use crate::script::value;
use crate::units;

/// Methods of the user that make a request, with the HTTP method.
pub(crate) const METHODS: [(&str, &str); 8] = [
    ("get", "GET"),
    ("post", "POST"),
    ("put", "PUT"),
    ("patch", "PATCH"),
    ("delete", "DELETE"),
    ("del", "DELETE"),
    ("head", "HEAD"),
    ("options", "OPTIONS"),
];

/// What the map of a request may hold.
pub(crate) const REQUEST_OPTIONS: [&str; 13] = [
    "json",
    "form",
    "body",
    "multipart",
    "query",
    "headers",
    "name",
    "tags",
    "timeout",
    "redirects",
    "basic_auth",
    "expect",
    "content_type",
];

/// The script's handle on its user.
pub(crate) type Handle = Rc<User>;

pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<Handle>("User");
    engine.register_type_with_name::<FileContent>("File");
    register_properties(engine);
    let sites = Rc::new(Sites::default());
    for (name, method) in METHODS {
        let (here, there) = (sites.clone(), sites.clone());
        engine.register_fn(name, move |user: &mut Handle, url: &str| {
            request(&here, user, method, url, Map::new())
        });
        engine.register_fn(name, move |user: &mut Handle, url: &str, options: Map| {
            request(&there, user, method, url, options)
        });
    }
    let here = sites.clone();
    engine.register_fn("request", move |user: &mut Handle, method: &str, url: &str| {
        request(&here, user, &checked_method(method)?, url, Map::new())
    });
    let with_options = move |user: &mut Handle, method: &str, url: &str, options: Map| {
        request(&sites, user, &checked_method(method)?, url, options)
    };
    engine.register_fn("request", with_options);
    register_state(engine);
}

fn register_properties(engine: &mut Engine) {
    engine
        .register_get("id", |user: &mut Handle| user.id() as i64)
        .register_get("iteration", |user: &mut Handle| user.iteration() as i64)
        .register_get("scenario", |user: &mut Handle| ImmutableString::from(&**user.scenario()))
        .register_get("task", |user: &mut Handle| ImmutableString::from(&*user.task()))
        .register_get("data", |user: &mut Handle| user.data.borrow().clone())
        .register_set("id", |_: &mut Handle, _: Dynamic| read_only("id"))
        .register_set("iteration", |_: &mut Handle, _: Dynamic| read_only("iteration"))
        .register_set("scenario", |_: &mut Handle, _: Dynamic| read_only("scenario"))
        .register_set("task", |_: &mut Handle, _: Dynamic| read_only("task"))
        .register_set("data", |_: &mut Handle, _: Dynamic| read_only("data"))
        .register_set("vars", |_: &mut Handle, _: Dynamic| read_only("vars"))
        .register_get("vars", |user: &mut Handle| user.vars.borrow().clone())
        .register_indexer_get(|user: &mut Handle, name: &str| {
            user.vars.borrow().get(name).cloned().unwrap_or(Dynamic::UNIT)
        })
        .register_indexer_set(|user: &mut Handle, name: &str, value: Dynamic| {
            user.vars.borrow_mut().insert(name.into(), value);
        })
        .register_fn("to_string", |user: &mut Handle| format!("user {}", user.id()))
        .register_fn("to_debug", |user: &mut Handle| format!("user {}", user.id()));
}

fn read_only(property: &str) -> Fallible<()> {
    Err(runtime_error(format!(
        "`user.{property}` cannot be changed; keep values under a name of your own, such as user.token"
    )))
}

fn register_state(engine: &mut Engine) {
    engine.register_fn("header", |user: &mut Handle, name: &str, value: Dynamic| -> Fallible<()> {
        let value = value::to_text(&value).ok_or_else(|| {
            runtime_error(format!("the header `{name}` needs a text, not {value}"))
        })?;
        checked_header(name, &value)?;
        let mut headers = user.headers.borrow_mut();
        headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        headers.push((name.to_owned(), value));
        Ok(())
    });
    engine.register_fn("remove_header", |user: &mut Handle, name: &str| {
        user.headers.borrow_mut().retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    });
    engine.register_fn("basic_auth", |user: &mut Handle, name: &str, password: &str| {
        let mut headers = user.headers.borrow_mut();
        headers.retain(|(key, _)| !key.eq_ignore_ascii_case("authorization"));
        headers.push(("authorization".to_owned(), basic(name, password)));
    });
    engine.register_fn("cookie", |user: &mut Handle, name: &str, value: &str| {
        user.cookies.borrow_mut().push(CookieChange::Set(name.to_owned(), value.to_owned()));
    });
    engine.register_fn("clear_cookies", |user: &mut Handle| {
        user.cookies.borrow_mut().push(CookieChange::Clear);
    });
    engine.register_fn("tag", |user: &mut Handle, key: &str, value: Dynamic| {
        user.set_tag(key, &value.to_string());
    });
    engine.register_fn("fail", |user: &mut Handle, reason: &str| -> Fallible<()> {
        Err(super::check::failed(user, reason))
    });
    engine.register_fn("group", group);
}

/// Runs a closure with its samples under a group, and records `group_duration`. The closure may make requests.
#[expect(
    clippy::needless_pass_by_value,
    reason = "Rhai hands host functions their context and arguments by value"
)]
fn group(
    context: NativeCallContext,
    user: &mut Handle,
    name: &str,
    body: FnPtr,
) -> Fallible<Dynamic> {
    let user = user.clone();
    let outer = user.group();
    let inner: Arc<str> =
        if outer.is_empty() { name.into() } else { format!("{outer}::{name}").into() };
    user.set_group(inner);
    let start = crate::script::coroutine::now();
    let takes_user = body.call_within_context::<Dynamic>(&context, (user.clone(),));
    let elapsed = crate::script::coroutine::now().saturating_sub(start);
    let milliseconds = elapsed.as_secs_f64() * 1e3;
    user.observer().custom(
        &user,
        "group_duration",
        MetricKind::Trend,
        CustomValue::Observe(milliseconds),
    );
    user.set_group(outer);
    takes_user
}

/// Makes a request and waits for its answer.
fn request(
    sites: &Sites,
    user: &User,
    method: &str,
    url: &str,
    options: Map,
) -> Fallible<Response> {
    match suspend(Operation::Request(build(sites, user, method, url, options)?))? {
        Resumption::Reply(reply) => Ok(Response::new(reply)),
        _ => Err(runtime_error("the engine answered a request with something else")),
    }
}

/// What a request with these options asks for.
pub(crate) fn build(
    sites: &Sites,
    user: &User,
    method: &str,
    url: &str,
    options: Map,
) -> Fallible<Rc<HttpCall>> {
    let Site { method, url, name } = sites.of(user, method, url)?;
    let mut call = Rc::new(HttpCall {
        name,
        named: false,
        method,
        url,
        headers: user.headers.borrow().clone(),
        body: CallBody::Empty,
        timeout: None,
        max_redirects: None,
        expect: Vec::new(),
        basic_auth: None,
        tags: user.tags(),
        group: user.group(),
    });
    if !options.is_empty() {
        let call = Rc::get_mut(&mut call).expect("nobody else has it yet");
        for (key, value) in options {
            apply(call, &key, value)?;
        }
    }
    Ok(call)
}

fn apply(call: &mut HttpCall, key: &str, given: Dynamic) -> Fallible<()> {
    match key {
        "json" => {
            let json = value::to_json(&given).ok_or_else(|| {
                runtime_error("`json` holds something that JSON cannot say, such as NaN")
            })?;
            call.body = CallBody::Bytes(Bytes::from(json.to_string()), "application/json");
        }
        "form" => call.body = CallBody::Form(pairs("form", given)?),
        "body" => call.body = CallBody::Bytes(raw_body(&given)?, "text/plain; charset=utf-8"),
        "multipart" => call.body = CallBody::Multipart(multipart(given)?),
        "query" => {
            let pairs = pairs("query", given)?;
            if !pairs.is_empty() {
                Rc::make_mut(&mut call.url).query_pairs_mut().extend_pairs(pairs);
            }
        }
        "headers" => {
            for (name, value) in pairs("headers", given)? {
                set_header(call, &name, value)?;
            }
        }
        "content_type" => set_header(call, "content-type", text("content_type", &given)?)?,
        "name" => {
            call.name = text("name", &given)?.into();
            call.named = true;
        }
        "tags" => call.tags = with_tags(&call.tags, pairs("tags", given)?),
        "timeout" => {
            let timeout = units::parse_duration(&text("timeout", &given)?);
            call.timeout = Some(timeout.map_err(|error| runtime_error(error.to_string()))?);
        }
        "redirects" => {
            let count = given.as_int().ok().and_then(|n| u32::try_from(n).ok());
            call.max_redirects =
                Some(count.ok_or_else(|| runtime_error("`redirects` is a count, 0 or more"))?);
        }
        "basic_auth" => call.basic_auth = Some(credentials(given)?),
        "expect" => call.expect = statuses(&given)?,
        other => return Err(unknown_option(other)),
    }
    Ok(())
}

fn unknown_option(key: &str) -> Box<rhai::EvalAltResult> {
    let hint = spelling::nearest(key, REQUEST_OPTIONS).map_or_else(
        || format!("the options of a request are {}", REQUEST_OPTIONS.join(", ")),
        |best| format!("did you mean `{best}`?"),
    );
    runtime_error(format!("a request has no option `{key}`; {hint}"))
}

fn set_header(call: &mut HttpCall, name: &str, value: String) -> Fallible<()> {
    checked_header(name, &value)?;
    call.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
    call.headers.push((name.to_owned(), value));
    Ok(())
}

fn checked_header(name: &str, value: &str) -> Fallible<()> {
    let good =
        http::HeaderName::try_from(name).is_ok() && http::HeaderValue::try_from(value).is_ok();
    if good {
        Ok(())
    } else {
        Err(runtime_error(format!("`{name}` is not a header, or its value has a line break")))
    }
}

fn checked_method(method: &str) -> Fallible<String> {
    let upper = method.to_ascii_uppercase();
    match http::Method::try_from(upper.as_str()) {
        Ok(_) => Ok(upper),
        Err(_) => Err(runtime_error(format!("{method:?} is not an HTTP method"))),
    }
}

fn text(option: &str, given: &Dynamic) -> Fallible<String> {
    value::to_text(given)
        .ok_or_else(|| runtime_error(format!("`{option}` needs a text, not {}", given.type_name())))
}

/// A map as pairs of text; an array gives one pair for each item, `()` gives none.
fn pairs(option: &str, given: Dynamic) -> Fallible<Vec<(String, String)>> {
    let kind = given.type_name();
    let map = given
        .try_cast::<Map>()
        .ok_or_else(|| runtime_error(format!("`{option}` needs a map, not {kind}")))?;
    let mut out = Vec::with_capacity(map.len());
    for (key, value) in map {
        if value.is_unit() {
            continue;
        }
        if let Some(items) = value.read_lock::<Array>() {
            for item in items.iter() {
                out.push((key.to_string(), text(&key, item)?));
            }
            continue;
        }
        out.push((key.to_string(), text(&key, &value)?));
    }
    Ok(out)
}

fn raw_body(given: &Dynamic) -> Fallible<Bytes> {
    if let Some(blob) = given.read_lock::<Blob>() {
        return Ok(Bytes::from(blob.clone()));
    }
    if let Some(file) = given.read_lock::<FileContent>() {
        return Ok(file.content.clone());
    }
    text("body", given).map(Bytes::from)
}

fn multipart(given: Dynamic) -> Fallible<Vec<MultipartField>> {
    let map = given
        .try_cast::<Map>()
        .ok_or_else(|| runtime_error("`multipart` needs a map of fields"))?;
    map.into_iter()
        .map(|(name, value)| {
            if let Some(file) = value.read_lock::<FileContent>() {
                let file_name = file.path.file_name().map(|n| n.to_string_lossy().into_owned());
                return Ok(MultipartField {
                    name: name.to_string(),
                    content: file.content.clone(),
                    file_name,
                    content_type: Some(file.content_type.clone()),
                });
            }
            let content = Bytes::from(text(&name, &value)?);
            Ok(MultipartField {
                name: name.to_string(),
                content,
                file_name: None,
                content_type: None,
            })
        })
        .collect()
}

fn credentials(given: Dynamic) -> Fallible<(String, String)> {
    let wrong = || runtime_error("`basic_auth` needs [user, password]");
    let items = given.try_cast::<Array>().ok_or_else(wrong)?;
    let [name, password] = items.as_slice() else { return Err(wrong()) };
    Ok((text("user", name)?, text("password", password)?))
}

fn statuses(given: &Dynamic) -> Fallible<Vec<u16>> {
    let one = |value: &Dynamic| {
        let status = value.as_int().ok().and_then(|n| u16::try_from(n).ok());
        status.filter(|n| (100..1000).contains(n)).ok_or_else(|| {
            runtime_error("`expect` needs a status such as 404, or several: [200, 404]")
        })
    };
    match given.read_lock::<Array>() {
        Some(items) => items.iter().map(one).collect(),
        None => Ok(vec![one(given)?]),
    }
}

fn basic(name: &str, password: &str) -> String {
    use base64::Engine as _;
    format!(
        "Basic {}",
        base64::engine::general_purpose::STANDARD.encode(format!("{name}:{password}"))
    )
}
