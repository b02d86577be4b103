//! The laboratory: what a test may ask of the service that no real service would answer.
//!
//! Requests to `/lab/*` are not counted anywhere, so that looking does not change what is seen.

pub(crate) mod counters;
