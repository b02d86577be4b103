//! Checks, custom metrics, failing, printing.

use std::rc::Rc;

use rhai::{Dynamic, Engine, EvalAltResult, ImmutableString, Position};

use super::http::Handle;
use super::{Fallible, user};
use crate::metric::sink::{CustomValue, MetricKind};
use crate::script::reply::runtime_error;

/// The mark of `user.fail(..)` inside an error.
#[derive(Debug, Clone)]
pub(crate) struct Failed(pub(crate) Rc<str>);

/// The error that ends an iteration as failed. It cannot be caught by the script.
pub(super) fn failed(_user: &Handle, reason: &str) -> Box<EvalAltResult> {
    EvalAltResult::ErrorTerminated(Dynamic::from(Failed(reason.into())), Position::NONE).into()
}

/// A custom metric as scripts hold it.
#[derive(Debug, Clone)]
struct Metric {
    name: ImmutableString,
    kind: MetricKind,
}

pub(super) fn register(engine: &mut Engine) {
    engine.register_fn("check", |_subject: Dynamic, name: &str, passed: bool| {
        note_check(name, passed)
    });
    engine.register_fn("check", note_check);
    engine.register_type_with_name::<Metric>("Metric");
    for (function, kind) in [
        ("counter", MetricKind::Counter),
        ("gauge", MetricKind::Gauge),
        ("rate", MetricKind::Rate),
        ("trend", MetricKind::Trend),
    ] {
        engine.register_fn(function, move |name: ImmutableString| Metric { name, kind });
    }
    engine.register_fn("add", |metric: &mut Metric, value: i64| number(metric, value as f64));
    engine.register_fn("add", |metric: &mut Metric, value: f64| number(metric, value));
    engine.register_fn("add", |metric: &mut Metric, value: bool| match metric.kind {
        MetricKind::Rate => observe(metric, CustomValue::Hit(value)),
        _ => number(metric, f64::from(u8::from(value))),
    });
    engine.register_fn("add", |metric: &mut Metric| number(metric, 1.0));
    engine.register_fn("set", |metric: &mut Metric, value: i64| number(metric, value as f64));
    engine.register_fn("set", |metric: &mut Metric, value: f64| number(metric, value));
    engine.on_print(log);
    engine.on_debug(|line, _, position| log(&format!("{position:?} {line}")));
}

/// Notes whether a check of the user whose script runs has passed, and gives that back.
fn note_check(name: &str, passed: bool) -> Fallible<bool> {
    let user = user("check")?;
    user.observer().check(&user, name, passed);
    Ok(passed)
}

fn log(line: &str) {
    if let Some(user) = crate::script::coroutine::current_user() {
        user.observer().log(&user, line);
    }
}

fn number(metric: &Metric, value: f64) -> Fallible<()> {
    if !value.is_finite() {
        return Err(runtime_error(format!(
            "`{}` got {value}, which is not a finite number",
            metric.name
        )));
    }
    observe(
        metric,
        match metric.kind {
            MetricKind::Counter => CustomValue::Add(value),
            MetricKind::Gauge => CustomValue::Set(value),
            MetricKind::Rate => CustomValue::Hit(value != 0.0),
            MetricKind::Trend => CustomValue::Observe(value),
        },
    )
}

fn observe(metric: &Metric, value: CustomValue) -> Fallible<()> {
    let user = user(&metric.name)?;
    user.observer().custom(&user, &metric.name, metric.kind, value);
    Ok(())
}
