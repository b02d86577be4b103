//! rhaid: a load-testing engine whose journeys are Rhai scripts.
//!
//! ```text
//! script ─compile─▶ Plan (validated, pure data) ─▶ scheduler + pacer ─▶ virtual users ─▶ samples
//! samples ─per-thread recorders, swapped each second─▶ aggregator ─▶ snapshot ─▶ progress line, SQLite writer, outputs
//! end ─▶ RunRecord ─▶ summary, report, exit code
//! ```
//!
//! The rooms, in reading order. A room imports only from rooms above it; `tests/it/tidy.rs` holds that law.

pub mod units;
pub mod clock;
pub mod metric;
pub mod plan;
pub mod transport;
pub mod watch;
pub mod pacing;
pub mod script;
pub mod record;
pub mod engine;
pub mod pipeline;
pub mod store;
pub mod report;
pub mod cli;
