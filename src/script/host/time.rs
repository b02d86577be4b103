//! Pauses, think times, clocks.

use std::time::Duration;

use rhai::{Dynamic, Engine};

use super::http::Handle;
use super::{Fallible, user};
use crate::plan::ThinkTime;
use crate::script::coroutine::{Operation, suspend};
use crate::script::reply::runtime_error;
use crate::units::{self, MAX_DURATION};

pub(super) fn register(engine: &mut Engine) {
    engine.register_type_with_name::<ThinkTime>("ThinkTime");
    engine.register_fn("constant", |pause: &str| duration(pause).map(ThinkTime::Constant));
    engine.register_fn("exponential", |mean: &str| duration(mean).map(ThinkTime::Exponential));
    engine.register_fn("pacing", |interval: &str| duration(interval).map(ThinkTime::Pacing));
    engine.register_fn("between", |low: &str, high: &str| -> Fallible<ThinkTime> {
        let (a, b) = (duration(low)?, duration(high)?);
        if a > b {
            return Err(runtime_error(format!(
                "between({low:?}, {high:?}): the first bound is above the second"
            )));
        }
        Ok(ThinkTime::Between(a, b))
    });
    engine.register_fn("think", |_user: &mut Handle| suspend(Operation::Think).map(|_| ()));
    engine.register_fn("sleep", |_user: &mut Handle, pause: &str| sleep(duration(pause)?));
    engine.register_fn("sleep", |_user: &mut Handle, seconds: i64| {
        sleep(seconds_of(seconds as f64)?)
    });
    engine.register_fn("sleep", |_user: &mut Handle, seconds: f64| sleep(seconds_of(seconds)?));
    // Rhai's own `sleep` stops the whole thread, and with it every virtual user on it.
    engine.register_fn("sleep", |pause: &str| sleep(duration(pause)?));
    engine.register_fn("sleep", |seconds: i64| sleep(seconds_of(seconds as f64)?));
    engine.register_fn("sleep", |seconds: f64| sleep(seconds_of(seconds)?));
    engine.register_fn("now_ms", crate::clock::wall_now_ms);
    engine.register_fn("elapsed_ms", || -> Fallible<f64> {
        user("elapsed_ms")?;
        Ok(crate::script::coroutine::now().as_secs_f64() * 1e3)
    });
}

fn duration(text: &str) -> Fallible<Duration> {
    units::parse_duration(text).map_err(|error| runtime_error(error.to_string()))
}

fn seconds_of(seconds: f64) -> Fallible<Duration> {
    let pause = Duration::try_from_secs_f64(seconds).ok().filter(|pause| *pause <= MAX_DURATION);
    pause.ok_or_else(|| {
        runtime_error(format!("sleep({seconds}): a pause is 0 s or more, and at most 366 days"))
    })
}

fn sleep(pause: Duration) -> Fallible<()> {
    suspend(Operation::Sleep(pause)).map(|_| ())
}

/// The think time in a value of `options`.
pub(crate) fn think_time_of(value: &Dynamic) -> Option<ThinkTime> {
    value.read_lock::<ThinkTime>().map(|think| *think)
}
