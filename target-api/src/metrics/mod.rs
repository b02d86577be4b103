//! What the service measures about itself.
//!
//! Everything is an atomic that exists before the first request: counting takes no lock and makes
//! no label. [`prometheus`] turns it into text when asked.

mod histogram;
mod pool;
pub(crate) mod prometheus;
mod route;
mod track;

pub(crate) use histogram::Histogram;
pub(crate) use pool::{Gauged, PoolMetrics};
pub(crate) use route::RouteMetrics;
pub(crate) use track::Track;
