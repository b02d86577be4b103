//! The `target-api` binary.

fn main() {}
