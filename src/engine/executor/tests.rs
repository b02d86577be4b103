//! Executors on virtual time.
