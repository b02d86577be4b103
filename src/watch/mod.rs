//! Room `watch`.
