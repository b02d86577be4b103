//! The sample service.

mod api;
mod app;
mod auth;
mod cache;
mod clock;
mod database;
mod duration;
mod error;
mod lab;
mod latency;
mod launch;
mod metrics;
mod options;
mod server;

pub use duration::{DurationError, parse_duration};
pub use error::ServeError;
pub use latency::{LatencyError, LatencyLaw, LatencyRule};
pub use launch::{main_with, run};
pub use options::Options;
pub use server::{RunningService, start};
