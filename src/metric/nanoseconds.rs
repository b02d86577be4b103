//! Durations as distributions take them.

use std::time::Duration;

/// A duration in nanoseconds. One that 64 bits cannot say is longer than any run, and stays that.
#[must_use]
pub fn nanoseconds(value: Duration) -> u64 {
    let whole = value.as_secs().checked_mul(1_000_000_000);
    whole.and_then(|ns| ns.checked_add(value.subsec_nanos().into())).unwrap_or(u64::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_exact() {
        for ns in [0, 1, 999_999_999, 1_000_000_000, 1_000_000_001, u64::MAX - 1, u64::MAX] {
            assert_eq!(nanoseconds(Duration::from_nanos(ns)), ns);
        }
        let beyond = Duration::from_nanos(u64::MAX) + Duration::from_nanos(1);
        assert_eq!([beyond, Duration::MAX].map(nanoseconds), [u64::MAX / 2; 2]);
    }
}
