//! The clock that stands still while the lab is frozen.

use std::time::Duration;

/// Translates between the lab's clock and working time, of which a frozen lab gets none.
///
/// With a stall over [from, to), working time at `t` is `t - overlap([from, to), [0, t))`. What is
/// scheduled in working time neither begins nor finishes in a stall, and what a stall interrupts
/// goes on after it with what was left: the lab behaves as a process that was stopped and continued.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct WorkingTime {
    /// Time lost to stalls that the present one has replaced.
    lost: Duration,
    /// The present stall, from and to, by the lab's clock.
    stall: Option<(Duration, Duration)>,
}

impl WorkingTime {
    /// The working time passed at `at` by the lab's clock.
    pub(super) fn at(&self, at: Duration) -> Duration {
        let overlap =
            self.stall.map_or(Duration::ZERO, |(from, to)| at.min(to).saturating_sub(from));
        at.saturating_sub(self.lost + overlap)
    }

    /// When by the lab's clock something happens that is due at `work`: after the stall, if that is
    /// reached just then.
    pub(super) fn moment_of(&self, work: Duration) -> Duration {
        let moment = work + self.lost;
        match self.stall {
            Some((from, to)) if moment >= from => moment + (to - from),
            _ => moment,
        }
    }

    /// Replaces the stall from `now` on. What has been of the old one stays; what would be over
    /// already of the new one never was.
    pub(super) fn replace(&mut self, stall: Option<(Duration, Duration)>, now: Duration) {
        self.lost = now - self.at(now);
        self.stall = stall.map(|(from, to)| (from.max(now), to)).filter(|(from, to)| from < to);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn nothing_happens_in_a_stall_and_all_after_it_is_late_by_its_length() {
        let mut time = WorkingTime::default();
        time.replace(Some((ms(100), ms(150))), ms(0));
        for (at, work) in [(99, 99), (100, 100), (149, 100), (150, 100), (160, 110)] {
            assert_eq!(time.at(ms(at)), ms(work), "{at}");
        }
        for (work, moment) in [(99, 99), (100, 150), (110, 160)] {
            assert_eq!(time.moment_of(ms(work)), ms(moment), "{work}");
        }
    }

    #[test]
    fn a_stall_that_is_called_off_ends_at_once_and_rewrites_nothing() {
        let mut time = WorkingTime::default();
        time.replace(Some((ms(100), ms(200))), ms(0));
        time.replace(None, ms(130));
        assert_eq!(time.at(ms(130)), ms(100));
        assert_eq!(time.moment_of(ms(105)), ms(135));
        // The one asked for began before now: only the rest of it holds.
        time.replace(Some((ms(50), ms(170))), ms(150));
        assert_eq!(time.at(ms(180)), ms(130));
        time.replace(Some((ms(0), ms(10))), ms(180));
        assert_eq!(time.at(ms(190)), ms(140));
    }
}
