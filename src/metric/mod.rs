//! Room `metric`.

pub mod failure;
