//! How many users there are under a closed model that ramps.

use std::time::Duration;

use crate::plan::Stage;

/// A stretch in which the number of users goes linearly from one value to another. Times in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    start_ns: u128,
    /// Above zero.
    length_ns: u128,
    from: u64,
    to: u64,
}

/// The number of users over time, exact in whole nanoseconds.
///
/// Within a stage of T ns from a to b users the i-th change is due when i/|b − a| of the stage is over, as in k6: a ramp
/// from 0 to 10 over 10 s has its first user at 1 s and its tenth at 10 s. A stage of no length and a jump act at once.
/// After the last stage its target stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VuSchedule {
    stretches: Vec<Stretch>,
    end_ns: u128,
    last: u64,
}

impl VuSchedule {
    /// From `start_vus` through the stages, whose targets are users.
    #[must_use]
    pub fn new(start_vus: u64, stages: &[Stage]) -> Self {
        let mut schedule = Self { stretches: Vec::new(), end_ns: 0, last: start_vus };
        for stage in stages {
            let to = stage.target.max(0.0).round() as u64;
            let length_ns = stage.duration.as_nanos();
            if length_ns > 0 {
                let from = if stage.jump { to } else { schedule.last };
                schedule.stretches.push(Stretch { start_ns: schedule.end_ns, length_ns, from, to });
                schedule.end_ns += length_ns;
            }
            schedule.last = to;
        }
        schedule
    }

    /// Users at `at` from the scenario's start.
    #[must_use]
    pub fn vus_at(&self, at: Duration) -> u64 {
        let at_ns = at.as_nanos();
        if at_ns >= self.end_ns {
            return self.last;
        }
        let after = self.stretches.partition_point(|stretch| stretch.start_ns <= at_ns);
        let stretch = &self.stretches[after - 1];
        let change = u128::from(stretch.from.abs_diff(stretch.to));
        let done = (change * (at_ns - stretch.start_ns) / stretch.length_ns) as u64;
        stretch.after(done)
    }

    /// Every change of the number of users, in order: when, and how many there are from then on.
    ///
    /// Before the first change there are none, so that a schedule which begins with users begins with a change at zero. Lazy:
    /// a ramp of a million users costs no memory.
    pub fn changes(&self) -> impl Iterator<Item = (Duration, u64)> + use<> {
        let mut current = 0;
        let end = (duration(self.end_ns), self.last);
        let ramps = self.stretches.clone().into_iter().flat_map(Stretch::steps);
        ramps.chain([end]).filter(move |(_, vus)| std::mem::replace(&mut current, *vus) != *vus)
    }
}

impl Stretch {
    /// The level at its start and at each change before its end; the end belongs to what follows.
    fn steps(self) -> impl Iterator<Item = (Duration, u64)> {
        let change = self.from.abs_diff(self.to);
        (0..change.max(1)).map(move |done| {
            let offset_ns = (self.length_ns * u128::from(done)).div_ceil(u128::from(change.max(1)));
            (duration(self.start_ns + offset_ns), self.after(done))
        })
    }

    /// Users when `done` of the changes are over.
    fn after(&self, done: u64) -> u64 {
        if self.from <= self.to { self.from + done } else { self.from - done }
    }
}

/// Users at `at` from the scenario's start; for many questions keep a [`VuSchedule`].
#[must_use]
pub fn vus_at(stages: &[Stage], start_vus: u64, at: Duration) -> u64 {
    VuSchedule::new(start_vus, stages).vus_at(at)
}

fn duration(ns: u128) -> Duration {
    Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stage(target: u64, ms: u64, jump: bool) -> Stage {
        let duration = Duration::from_millis(ms);
        Stage { name: "s".to_owned(), target: target as f64, duration, jump }
    }

    fn changes_ms(schedule: &VuSchedule) -> Vec<(u128, u64)> {
        schedule.changes().map(|(at, vus)| (at.as_millis(), vus)).collect()
    }

    #[test]
    fn a_ramp_adds_a_user_at_a_time_and_is_whole_at_its_end() {
        let schedule = VuSchedule::new(0, &[stage(4, 4000, false), stage(1, 3000, false)]);
        let steps = [(1000, 1), (2000, 2), (3000, 3), (4000, 4), (5000, 3), (6000, 2), (7000, 1)];
        assert_eq!(changes_ms(&schedule), steps);
        for (ms, vus) in [(0, 0), (999, 0), (1000, 1), (4000, 4), (4999, 4), (7000, 1), (9000, 1)] {
            assert_eq!(schedule.vus_at(Duration::from_millis(ms)), vus, "{ms}");
        }
    }

    #[test]
    fn jumps_and_stages_without_length_act_at_once() {
        let five_phase = [
            stage(2, 1000, true),
            stage(4, 2000, false),
            stage(4, 1000, false),
            stage(12, 500, true),
            stage(4, 1000, true),
        ];
        let schedule = VuSchedule::new(2, &five_phase);
        assert_eq!(changes_ms(&schedule), [(0, 2), (2000, 3), (3000, 4), (4000, 12), (4500, 4)]);
        let stepped =
            VuSchedule::new(0, &[stage(9, 0, false), stage(5, 0, true), stage(5, 100, false)]);
        assert_eq!(changes_ms(&stepped), [(0, 5)]);
        let ends = VuSchedule::new(3, &[stage(3, 100, false), stage(0, 0, false)]);
        assert_eq!(changes_ms(&ends), [(0, 3), (100, 0)]);
        assert_eq!(vus_at(&[stage(3, 100, false)], 3, Duration::from_millis(50)), 3);
    }

    #[test]
    fn a_million_users_in_a_day_drift_nowhere() {
        let schedule = VuSchedule::new(0, &[stage(1_000_000, 86_400_000, false)]);
        assert_eq!(schedule.vus_at(Duration::from_hours(12)), 500_000);
        let half = schedule.changes().nth(499_999);
        assert_eq!(half, Some((Duration::from_hours(12), 500_000)));
    }

    fn stages() -> impl Strategy<Value = Vec<Stage>> {
        let one = (0..60_u64, 0..3000_u64, any::<bool>());
        let make = |(target, ms, jump)| stage(target, ms, jump);
        prop::collection::vec(one.prop_map(make), 1..6)
    }

    proptest! {
        #[test]
        fn changes_and_counts_tell_the_same(
            start in 0..60_u64,
            stages in stages(),
            at_us in 0..20_000_000_u64,
        ) {
            let schedule = VuSchedule::new(start, &stages);
            let at = Duration::from_micros(at_us);
            let followed = schedule.changes().take_while(|(due, _)| *due <= at).last();
            prop_assert_eq!(followed.map_or(0, |(_, vus)| vus), schedule.vus_at(at));
        }

        #[test]
        fn each_stage_ends_exactly_at_its_target(start in 0..60_u64, stages in stages()) {
            let mut end = Duration::ZERO;
            for upto in 0..stages.len() {
                end += stages[upto].duration;
                let target = stages[upto].target as u64;
                prop_assert_eq!(vus_at(&stages[..=upto], start, end), target);
            }
        }

        #[test]
        fn counts_are_monotone_within_a_stage(
            from in 0..60_u64,
            to in 0..60_u64,
            mut at_us in prop::array::uniform2(0..2_000_000_u64),
        ) {
            at_us.sort_unstable();
            let schedule = VuSchedule::new(from, &[stage(to, 2000, false)]);
            let [early, late] = at_us.map(|us| schedule.vus_at(Duration::from_micros(us)));
            let (low, high) = if from <= to { (early, late) } else { (late, early) };
            prop_assert!(low <= high);
            prop_assert!((from.min(to)..=from.max(to)).contains(&early));
        }
    }
}
