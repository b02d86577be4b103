//! Room `pacing`.
