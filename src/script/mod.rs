//! Room `script`.
