//! Durations as people type them: `20ms`, `1.5s`, `1m30s`.

use std::time::Duration;

use thiserror::Error;

/// Seconds in each unit, longest spelling first where one is the end of another.
const UNITS: [(&str, f64); 8] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("µs", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3_600.0),
    ("d", 86_400.0),
];

/// The longest duration that is accepted: a year. Longer ones are mistakes, and some would not fit
/// a clock.
const DURATION_MAX: Duration = Duration::from_secs(365 * 86_400);

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DurationError {
    /// Nothing was given.
    #[error("a duration is missing: write one as 20ms, 1.5s or 1m30s")]
    Empty,
    /// The number has no unit after it.
    #[error("`{0}` has no unit: write {0}ms or {0}s")]
    NoUnit(String),
    /// The letters after a number are no unit of time.
    #[error("`{unit}` in `{text}` is no unit of time: use ns, us, ms, s, m, h or d")]
    UnknownUnit {
        /// The whole text.
        text: String,
        /// The letters found where a unit belongs.
        unit: String,
    },
    /// There is no number where one belongs.
    #[error("`{0}` is not a duration: write one as 20ms, 1.5s or 1m30s")]
    NotANumber(String),
    /// The sum is over a year.
    #[error("`{0}` is too long: 365d is the most")]
    TooLong(String),
}

/// Reads a duration: one or more numbers, each with its unit, or a bare `0`.
///
/// # Errors
///
/// Names the part of `text` that is at fault.
pub fn parse_duration(text: &str) -> Result<Duration, DurationError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(DurationError::Empty);
    }
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let (part, after) = parse_part(text, rest)?;
        total = total
            .checked_add(part)
            .filter(|total| *total <= DURATION_MAX)
            .ok_or_else(|| DurationError::TooLong(text.to_owned()))?;
        rest = after;
    }
    Ok(total)
}

/// Reads one number with its unit from the start of `rest`; `text` is the whole, for messages.
fn parse_part<'a>(text: &str, rest: &'a str) -> Result<(Duration, &'a str), DurationError> {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let (number, after) = rest.split_at(rest.find(|c| !is_number(c)).unwrap_or(rest.len()));
    let (unit, after) = after.split_at(after.find(is_number).unwrap_or(after.len()));
    let number: f64 = number.parse().map_err(|_| DurationError::NotANumber(text.to_owned()))?;
    if unit.is_empty() {
        return Err(DurationError::NoUnit(text.to_owned()));
    }
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(|| {
        DurationError::UnknownUnit { text: text.to_owned(), unit: unit.to_owned() }
    })?;
    let part = Duration::try_from_secs_f64(number * seconds)
        .map_err(|_| DurationError::TooLong(text.to_owned()))?;
    Ok((part, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_type_them() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("20ms", 20),
            ("1.5s", 1_500),
            ("1m30s", 90_000),
            (" 1h ", 3_600_000),
            ("2000us", 2),
        ] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn a_fault_is_named() {
        for (text, message) in [
            ("", "a duration is missing"),
            ("20", "`20` has no unit"),
            ("20xs", "`xs` in `20xs`"),
            ("ms", "`ms` is not a duration"),
            ("-1s", "`-1s` is not a duration"),
            ("1.2.3s", "`1.2.3s` is not a duration"),
            ("99999999999999999999d", "too long"),
            ("364d24h1s", "too long"),
        ] {
            let error = parse_duration(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text}: {error}");
        }
    }
}
