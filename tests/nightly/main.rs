//! Long runs against the lab, held to the formulas of METHODS.md: `cargo test --release --test nightly -- --test-threads=1`.
//!
//! They want an idle machine and some twenty minutes, so `cargo test` leaves them out. What they prove is proved in small by
//! `tests/it` and by the simulations beside each method.

#[path = "../it/support/mod.rs"]
#[expect(dead_code, reason = "made for the tests of `tests/it`, which use all of it")]
#[expect(unused_imports, reason = "made for the tests of `tests/it`, which use all of it")]
mod support;

/// Searches for the breaking point, against theirs.
mod capacity;
/// Frozen targets and queues, against their closed forms.
mod formulas;
/// The generator's own punctuality.
mod schedule;
