//! Time. The only file that reads a clock, so that a run's offsets are monotonic and tests can pause them.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Offsets from the start of a run. Monotonic; follows tokio's paused time in tests. Cheap to copy.
#[derive(Debug, Clone, Copy)]
pub struct RunClock {
    start: Instant,
}

impl RunClock {
    /// A clock whose zero is now.
    #[must_use]
    pub fn starting_now() -> Self {
        Self { start: Instant::now() }
    }

    /// A clock whose zero is `start`, to share one zero between threads. `start` may lie ahead: until then offsets are zero.
    #[must_use]
    pub fn starting_at(start: Instant) -> Self {
        Self { start }
    }

    /// Time since the start of the run.
    #[must_use]
    pub fn now(&self) -> Duration {
        Instant::now().saturating_duration_since(self.start)
    }

    /// The instant of an offset, for timers.
    #[must_use]
    pub fn instant(&self, offset: Duration) -> Instant {
        self.start + offset
    }

    /// The offset of an instant; zero for instants before the start.
    #[must_use]
    pub fn offset(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.start)
    }
}

/// Wall time now in milliseconds since 1970, for labels only; never for measuring.
#[must_use]
pub fn wall_now_ms() -> i64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place that reads the wall clock"
    )]
    let now = SystemTime::now();
    now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}

/// A wall time in milliseconds since 1970 as UTC text, `2026-11-21 03:12:46`; for tables.
#[must_use]
pub fn show_wall_ms(wall_ms: i64) -> String {
    let seconds = wall_ms.div_euclid(1000);
    let (days, of_day) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil_from_days(days);
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60
    )
}

/// Days since 1970 to a date of the proleptic Gregorian calendar; Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `civil_from_days`.
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn offsets_follow_paused_time() {
        let clock = RunClock::starting_now();
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(clock.now(), Duration::from_secs(90));
    }

    #[test]
    fn wall_time_is_shown_as_utc() {
        assert_eq!(show_wall_ms(0), "1970-01-01 00:00:00");
        assert_eq!(show_wall_ms(951_782_400_000), "2000-02-29 00:00:00");
        assert_eq!(show_wall_ms(1_795_230_766_000), "2026-11-21 03:12:46");
    }
}
