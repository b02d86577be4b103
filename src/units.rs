//! The quantities people type and read: durations, rates, sizes, ratios, quantiles.
//!
//! Parsing is strict (a bare number is not a duration) and every error names the offending text and the forms that work.
//! This file knows no other room.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A quantity that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a {what}: {reason}")]
pub struct UnitError {
    /// What was typed.
    pub text: String,
    /// What was expected, such as `duration`.
    pub what: &'static str,
    /// Why it was refused, with a form that works.
    pub reason: String,
}

impl UnitError {
    fn new(text: &str, what: &'static str, reason: impl Into<String>) -> Self {
        Self { text: text.to_owned(), what, reason: reason.into() }
    }
}

/// The longest duration that is accepted, 366 days: longer ones are typing errors, and sums of them stay far from overflow.
pub const MAX_DURATION: Duration = Duration::from_secs(366 * 24 * 3600);

/// Reads a duration such as `500ms`, `1.5s`, `1m30s`, `2h`; zero may be written without a unit.
///
/// # Errors
/// A missing or unknown unit, a negative or non-finite number, and anything above [`MAX_DURATION`].
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let fail = |reason: &str| UnitError::new(text, "duration", reason);
    let trimmed = text.trim();
    if trimmed == "0" {
        return Ok(Duration::ZERO);
    }
    if trimmed.is_empty() {
        return Err(fail("it is empty; write for example 30s, 500ms or 1m30s"));
    }
    if trimmed.starts_with('-') {
        return Err(fail("it is negative; a duration is zero or more, for example 30s"));
    }
    let mut total = 0.0_f64;
    let mut rest = trimmed;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let number: f64 =
            number.parse().map_err(|_| fail("write for example 30s, 500ms or 1m30s"))?;
        let seconds = match unit.trim() {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "" => return Err(fail("a unit is missing; write for example 30s, 500ms or 1m30s")),
            _ => return Err(fail("its unit is unknown; the units are ns, us, ms, s, m, h and d")),
        };
        total += number * seconds;
        rest = tail;
    }
    if total > MAX_DURATION.as_secs_f64() {
        return Err(fail("it is longer than 366 days"));
    }
    Ok(Duration::from_nanos((total * 1e9).round() as u64))
}

/// Arrivals per second. Finite, zero or more.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Rate(f64);

impl Rate {
    /// A rate of `per_s` per second; `None` when it is negative, infinite or not a number.
    #[must_use]
    pub fn per_second(per_s: f64) -> Option<Self> {
        (per_s.is_finite() && per_s >= 0.0).then_some(Self(per_s))
    }

    /// Arrivals per second.
    #[must_use]
    pub fn as_per_second(self) -> f64 {
        self.0
    }

    /// The rate times `share` (0 or more).
    #[must_use]
    pub fn scaled(self, share: f64) -> Self {
        Self(self.0 * share.max(0.0))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", trim_zeros(format!("{:.3}", self.0)))
    }
}

/// Reads a rate such as `200/s`, `1.5k/s`, `30/m`, `100/10s`.
///
/// # Errors
/// A missing period, an unknown unit, a negative or non-finite number, or more than ten million a second.
pub fn parse_rate(text: &str) -> Result<Rate, UnitError> {
    let fail = |reason: &str| UnitError::new(text, "rate", reason);
    let (count, period) = text
        .trim()
        .split_once('/')
        .ok_or_else(|| fail("write the period too, for example 200/s or 30/m"))?;
    let (digits, factor) = match count.trim().strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1e3),
        None => (count.trim(), 1.0),
    };
    let count: f64 = digits
        .parse()
        .map_err(|_| fail("the part before / is not a number; write for example 200/s"))?;
    let period = period.trim();
    let seconds = if period.starts_with(|c: char| c.is_ascii_digit()) {
        parse_duration(period).map_err(|e| fail(&e.reason))?
    } else {
        parse_duration(&format!("1{period}"))
            .map_err(|_| fail("the period is unknown; write /s, /m, /h or /10s"))?
    };
    if seconds.is_zero() {
        return Err(fail("the period is zero"));
    }
    let per_s = count * factor / seconds.as_secs_f64();
    if per_s > 1e7 {
        return Err(fail("it is above ten million a second"));
    }
    Rate::per_second(per_s).ok_or_else(|| fail("it must be zero or more"))
}

/// Reads a size such as `512`, `64KiB`, `8MiB`, `1GB` in bytes.
///
/// # Errors
/// An unknown unit, a negative or non-finite number, or more than 1 TiB.
pub fn parse_bytes(text: &str) -> Result<u64, UnitError> {
    let fail = |reason: &str| UnitError::new(text, "size", reason);
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(split);
    let number: f64 = number.parse().map_err(|_| fail("write for example 512, 64KiB or 8MiB"))?;
    let factor = match unit.trim() {
        "" | "B" => 1.0,
        "kB" | "KB" | "k" => 1e3,
        "MB" | "M" => 1e6,
        "GB" | "G" => 1e9,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        _ => {
            return Err(fail("its unit is unknown; the units are B, kB, MB, GB, KiB, MiB and GiB"));
        }
    };
    let bytes = number * factor;
    if bytes > 1024.0_f64.powi(4) {
        return Err(fail("it is above 1 TiB"));
    }
    Ok(bytes.round() as u64)
}

/// A duration for people, in three to four significant figures: `814ns`, `1.23ms`, `2.50s`, `1m30s`, `2h05m`.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if duration.is_zero() {
        return "0s".to_owned();
    }
    if seconds < 1e-6 {
        return format!("{}ns", duration.as_nanos());
    }
    if seconds < 1e-3 {
        return format!("{}µs", significant(seconds * 1e6));
    }
    if seconds < 1.0 {
        return format!("{}ms", significant(seconds * 1e3));
    }
    if seconds < 60.0 {
        return format!("{}s", significant(seconds));
    }
    show_span(duration)
}

/// A plan's duration for people, whole and exact to the millisecond: `30s`, `1m30s`, `2h05m`, `1.5s`.
#[must_use]
pub fn show_span(duration: Duration) -> String {
    let whole = duration.as_secs();
    let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
    match (hours, minutes) {
        (0, 0) => format!("{}s", trim_zeros(format!("{:.3}", duration.as_secs_f64()))),
        (0, _) if seconds == 0 => format!("{minutes}m"),
        (0, _) => format!("{minutes}m{seconds:02}s"),
        (_, 0) if seconds == 0 => format!("{hours}h"),
        _ if seconds == 0 => format!("{hours}h{minutes:02}m"),
        _ => format!("{hours}h{minutes:02}m{seconds:02}s"),
    }
}

/// Bytes for people, in powers of 1024: `512 B`, `1.5 KiB`, `20.3 MiB`.
#[must_use]
pub fn show_bytes(bytes: u64) -> String {
    let mut value = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1024.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// A count with thousands separators: `12,345`.
#[must_use]
pub fn show_count(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Three significant figures, without an exponent.
fn significant(value: f64) -> String {
    if value >= 99.95 {
        format!("{value:.0}")
    } else if value >= 9.995 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

fn trim_zeros(text: String) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_every_unit() {
        for (text, ms) in
            [("500ms", 500), ("1.5s", 1500), ("1m30s", 90_000), ("2h", 7_200_000), ("0", 0)]
        {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
    }

    #[test]
    fn a_bad_duration_says_what_would_work() {
        for (text, says) in [
            ("-1s", "negative"),
            ("10", "unit is missing"),
            ("3 parsecs", "unknown"),
            ("", "empty"),
            ("900d", "366"),
        ] {
            let error = parse_duration(text).expect_err(text).to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
        assert!(parse_duration("1e9s").is_err() && parse_duration("nans").is_err());
    }

    #[test]
    fn rates_are_read_with_their_period() {
        for (text, per_s) in
            [("200/s", 200.0), ("1.5k/s", 1500.0), ("30/m", 0.5), ("100/10s", 10.0)]
        {
            assert_eq!(parse_rate(text).map(Rate::as_per_second), Ok(per_s), "{text}");
        }
        for text in ["200", "-1/s", "x/s", "10/fortnight", "10/0s", "NaN/s", "inf/s", "1e300/s"] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_in_both_families() {
        assert_eq!(parse_bytes("8MiB"), Ok(8 << 20));
        assert_eq!(parse_bytes("1kB"), Ok(1000));
        assert!(
            parse_bytes("-1").is_err()
                && parse_bytes("1XB").is_err()
                && parse_bytes("9999GiB").is_err()
        );
    }

    #[test]
    fn quantities_are_shown_for_people() {
        assert_eq!(show_duration(Duration::from_nanos(1_234_567)), "1.23ms");
        assert_eq!(show_duration(Duration::from_secs(90)), "1m30s");
        assert_eq!(show_span(Duration::from_secs(7500)), "2h05m");
        assert_eq!(show_count(1_234_567), "1,234,567");
        assert_eq!(show_bytes(1536), "1.5 KiB");
    }
}
