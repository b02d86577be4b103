//! Seeded random choices: the same seed makes the same journey.

use std::cell::RefCell;
use std::rc::Rc;

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;
use rhai::{Array, Dynamic, Engine};

use super::{Fallible, HostContext};
use crate::script::coroutine::current_user;
use crate::script::reply::runtime_error;

/// Letters of `rand_string`.
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
/// Longest `rand_string`.
const MAX_STRING: i64 = 1 << 20;

/// Runs `draw` with the running user's generator, or with the engine's own at top level.
pub(super) fn with_random<T>(
    top_level: &Rc<RefCell<Pcg64Mcg>>,
    draw: impl FnOnce(&mut Pcg64Mcg) -> T,
) -> T {
    match current_user() {
        Some(user) => draw(&mut user.random.borrow_mut()),
        None => draw(&mut top_level.borrow_mut()),
    }
}

pub(super) fn register(engine: &mut Engine, context: &HostContext) {
    let own = Rc::new(RefCell::new(Pcg64Mcg::seed_from_u64(context.seed)));
    let r = own.clone();
    engine.register_fn("rand", move || with_random(&r, |rng| rng.random::<f64>()));
    let r = own.clone();
    engine.register_fn("rand_int", move |low: i64, high: i64| int_between(&r, low, high));
    let r = own.clone();
    engine.register_fn("rand", move |low: i64, high: i64| int_between(&r, low, high));
    let r = own.clone();
    engine.register_fn("rand", move |low: f64, high: f64| -> Fallible<f64> {
        if !(low.is_finite() && high.is_finite() && low <= high) {
            return Err(runtime_error(format!(
                "rand({low}, {high}): the first bound must not be above the second"
            )));
        }
        Ok(with_random(&r, |rng| low + rng.random::<f64>() * (high - low)))
    });
    let r = own.clone();
    engine.register_fn("pick", move |items: Array| -> Fallible<Dynamic> {
        if items.is_empty() {
            return Err(runtime_error("pick: the array is empty"));
        }
        Ok(with_random(&r, |rng| items[rng.random_range(0..items.len())].clone()))
    });
    let r = own.clone();
    engine.register_fn("shuffle", move |mut items: Array| -> Array {
        with_random(&r, |rng| {
            for last in (1..items.len()).rev() {
                items.swap(last, rng.random_range(0..=last));
            }
        });
        items
    });
    let r = own.clone();
    engine.register_fn("rand_string", move |length: i64| -> Fallible<String> {
        if !(0..=MAX_STRING).contains(&length) {
            return Err(runtime_error(format!(
                "rand_string({length}): the length goes from 0 to {MAX_STRING}"
            )));
        }
        let letter = |rng: &mut Pcg64Mcg| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]);
        Ok(with_random(&r, |rng| (0..length).map(|_| letter(rng)).collect()))
    });
    engine.register_fn("uuid", move || with_random(&own, |rng| uuid_v4(rng.random())));
}

fn int_between(own: &Rc<RefCell<Pcg64Mcg>>, low: i64, high: i64) -> Fallible<i64> {
    if low > high {
        return Err(runtime_error(format!(
            "rand_int({low}, {high}): the first bound is above the second"
        )));
    }
    Ok(with_random(own, |rng| rng.random_range(low..=high)))
}

/// RFC 9562, version 4.
fn uuid_v4(bits: u128) -> String {
    let bits = bits & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
