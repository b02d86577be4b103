//! A duration that is written in JSON as people type it: `"10ms"`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::duration::{DurationError, parse_duration};

/// Nanoseconds in each unit that a duration is written in, longest first.
const UNITS: [(&str, u128); 5] =
    [("h", 3_600_000_000_000), ("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)];

/// A duration at the boundary: read and written as text.
///
/// It is written in the longest unit that needs no fraction, so that nothing is lost on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Span(pub(crate) Duration);

impl Span {
    /// The duration in seconds.
    pub(crate) fn as_secs_f64(self) -> f64 {
        self.0.as_secs_f64()
    }

    pub(crate) fn is_zero(self) -> bool {
        self.0.is_zero()
    }
}

impl TryFrom<String> for Span {
    type Error = DurationError;

    fn try_from(text: String) -> Result<Self, DurationError> {
        parse_duration(&text).map(Self)
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        if nanos == 0 {
            return f.write_str("0s");
        }
        let fits = UNITS.iter().find(|(_, length)| nanos.is_multiple_of(*length));
        let (unit, length) = fits.expect("every count of nanoseconds is a multiple of one");
        write!(f, "{}{unit}", nanos / length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back_the_same() {
        for (text, written) in
            [("0", "0s"), ("1.5s", "1500ms"), ("60m", "1h"), ("90s", "90s"), ("0.5us", "500ns")]
        {
            let span = Span::try_from(text.to_owned()).unwrap();
            assert_eq!(span.to_string(), written);
            assert_eq!(Span::try_from(written.to_owned()), Ok(span));
        }
    }
}
