//! The laboratory: what a test may ask of the service that no real service would answer.
//!
//! `/lab/work` is work whose answers follow from its knobs by formulas: capacity, loss, waiting,
//! recovery. [`model`] is the arithmetic, [`bench`] lives it on the true clock, [`config`] has the
//! knobs, and [`truth`] says afterwards what happened. `counters` watches the whole service.
//!
//! Requests to `/lab/*` other than `/lab/work` are not counted anywhere, so that looking does not
//! change what is seen.

mod bench;
mod config;
mod law;
mod leak;
mod log;
mod model;
mod processor;
mod setting;
mod span;
mod working_time;

pub(crate) mod control;
pub(crate) mod counters;
pub(crate) mod truth;
pub(crate) mod work;

pub(crate) use bench::Lab;
pub(crate) use setting::configure;
pub use setting::{LabSetting, LabSettingError};
