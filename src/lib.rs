//! rhaid: a load-testing engine whose journeys are Rhai scripts.
//!
//! ```text
//! script ─compile─▶ Plan (validated, pure data) ─▶ scheduler + pacer ─▶ virtual users ─▶ samples
//! samples ─per-thread recorders, swapped each second─▶ aggregator ─▶ snapshot ─▶ progress line, SQLite writer, outputs
//! end ─▶ RunRecord ─▶ summary, report, exit code
//! ```
//!
//! The rooms, in reading order. A room imports only from rooms above it; `tests/it/tidy.rs` holds that law.

pub mod analysis;
pub mod cli;
pub mod clock;
pub mod control;
pub mod engine;
pub mod free_lists;
pub mod metric;
pub mod pacing;
pub mod page;
pub mod pipeline;
pub mod plan;
pub mod prefetch;
pub mod reach;
pub mod record;
pub mod report;
pub mod script;
pub mod store;
pub mod transport;
pub mod units;
pub mod watch;
