//! Fuzzes what reads responses: any bytes, cut and asked for in many ways, are held to `src/transport/direct/fuzzed.rs`.
//!
//! The files that are fuzzed are compiled into this program, each in the place it has in the engine. So nothing of the engine is
//! public for its fuzzer's sake, and a build takes seconds. `python3 tests/fuzz/run.py` builds and runs it.
#![no_main]
#![expect(dead_code, reason = "of the engine's files only a part is used")]

#[path = "../../src"]
mod metric {
    #[path = "metric/failure.rs"]
    pub(crate) mod failure;
}
#[path = "../../src/prefetch.rs"]
mod prefetch;
#[path = "../../src/reach.rs"]
mod reach;
#[path = "../../src/transport"]
mod transport {
    #[path = "decode.rs"]
    pub(crate) mod decode;
    #[path = "direct"]
    pub(crate) mod direct {
        mod chunks;
        pub(crate) mod fuzzed;
        mod head;
        mod known_heads;
        mod receiver;
    }
    #[path = "exchange.rs"]
    pub(crate) mod exchange;
    #[path = "fields.rs"]
    pub(crate) mod fields;
    #[path = "hop.rs"]
    pub(crate) mod hop;
    #[path = "options.rs"]
    pub(crate) mod options;
    #[path = "request.rs"]
    pub(crate) mod request;
    #[path = "timings.rs"]
    pub(crate) mod timings;
}

use std::sync::LazyLock;

use self::transport::direct::fuzzed;

/// Whether to fail at something that is right and deep: whoever sees no failure then has a fuzzer that finds nothing.
static IS_CANARY: LazyLock<bool> =
    LazyLock::new(|| std::env::var_os("RHAID_FUZZ_CANARY").is_some());

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let outcome = fuzzed::check(input);
    let failure = outcome.and_then(|outcome| outcome.exchange.failure);
    let is_deep = |message: &str| message == "too many interim responses";
    assert!(!*IS_CANARY || !failure.is_some_and(|it| is_deep(&it.message)), "the canary");
});
