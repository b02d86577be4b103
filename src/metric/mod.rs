//! Room `metric`.
