//! Whether a load is carried, by all trials that were made at it (METHODS.md 2.5; RFC 9971, appendices A and B).

/// What the trials at a load say about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoadClass {
    /// It is carried, whatever further trials would say.
    Lower,
    /// It is not, whatever further trials would say.
    Upper,
    /// It takes more trials.
    Undecided,
}

/// Differences of sums of seconds below this are rounding.
const ROUNDING_S: f64 = 1e-6;

/// Seconds of trials at one load, by what they say and whether they were of full length.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Seconds {
    pub(super) full_low: f64,
    pub(super) full_high: f64,
    pub(super) short_low: f64,
    pub(super) short_high: f64,
}

impl Seconds {
    /// Adds a trial of `duration_s`, which is in full from `full_s`.
    pub(super) fn add(&mut self, duration_s: f64, full_s: f64, is_high: bool) {
        let sum = match (duration_s + ROUNDING_S >= full_s, is_high) {
            (true, false) => &mut self.full_low,
            (true, true) => &mut self.full_high,
            (false, false) => &mut self.short_low,
            (false, true) => &mut self.short_high,
        };
        *sum += duration_s;
    }

    /// The class of the load, of whose time the share `exceed_ratio` may be high.
    ///
    /// `H = FH + max(0, SH − SL e/(1−e))`: short low trials cancel short high ones, but prove nothing. With
    /// `W = max(FL + H, Σ)`, the load is decided when it makes no difference whether the seconds that are missing in W turn
    /// out low or high.
    pub(super) fn class(&self, sum_s: f64, exceed_ratio: f64) -> LoadClass {
        let balance = exceed_ratio / (1.0 - exceed_ratio);
        let high = self.full_high + (self.short_high - self.short_low * balance).max(0.0);
        let whole = (self.full_low + high).max(sum_s);
        let limit = exceed_ratio * whole + ROUNDING_S;
        match (high <= limit, whole - self.full_low <= limit) {
            (true, true) => LoadClass::Lower,
            (false, false) => LoadClass::Upper,
            _ => LoadClass::Undecided,
        }
    }

    /// Seconds of full trials.
    pub(super) fn full(&self) -> f64 {
        self.full_low + self.full_high
    }
}

/// What a load gets through: `load · (1 − loss)`, where the loss is the least that all but `exceed_ratio` of the time keeps.
///
/// `trials` are loss ratio and seconds of each full trial. Seconds that are missing in `sum_s` count as all lost.
pub(super) fn conditional_throughput(
    load_per_s: f64,
    trials: &[(f64, f64)],
    sum_s: f64,
    exceed_ratio: f64,
) -> f64 {
    let mut sorted = trials.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let full_s: f64 = sorted.iter().map(|(_, seconds)| seconds).sum();
    let mut wanted_s = (1.0 - exceed_ratio) * full_s.max(sum_s);
    for (loss, seconds) in sorted {
        wanted_s -= seconds;
        if wanted_s <= ROUNDING_S {
            return load_per_s * (1.0 - loss);
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::LoadClass::{Lower, Undecided, Upper};
    use super::*;

    /// Length that counts in full, duration sum, limit of loss and exceed ratio.
    const GOALS: [(f64, f64, f64, f64); 4] = [
        (60.0, 60.0, 0.0, 0.0),
        (60.0, 120.0, 0.0, 0.5),
        (1.0, 120.0, 0.005, 0.5),
        (60.0, 60.0, 0.005, 0.2),
    ];

    /// The trials that each point of the example adds: how many, their seconds, their loss.
    const POINTS: [(usize, f64, f64); 6] = [
        (59, 1.0, 0.0),
        (1, 1.0, 0.01),
        (59, 1.0, 0.01),
        (1, 1.0, 0.0),
        (1, 60.0, 0.001),
        (1, 60.0, 0.0),
    ];

    fn trials_up_to(point: usize) -> Vec<(f64, f64)> {
        let added = POINTS[..=point].iter();
        added.flat_map(|(n, seconds, loss)| vec![(*loss, *seconds); *n]).collect()
    }

    #[test]
    fn the_example_of_the_rfc_is_classified_as_its_code_does() {
        // Points 5 and 6 of the last goal are printed as lower bounds there; the normative code, and the ratios of 43 % and
        // 27 % that are printed above them, make them upper ones: more than the 20 % that may exceed.
        let expected = [
            [Undecided, Undecided, Undecided, Undecided],
            [Upper, Undecided, Undecided, Undecided],
            [Upper, Undecided, Undecided, Upper],
            [Upper, Undecided, Lower, Upper],
            [Upper, Undecided, Lower, Upper],
            [Upper, Lower, Lower, Upper],
        ];
        for (point, row) in expected.iter().enumerate() {
            for (goal, class) in row.iter().enumerate() {
                let (full_s, sum_s, limit, exceed) = GOALS[goal];
                let mut seconds = Seconds::default();
                for (loss, duration) in trials_up_to(point) {
                    seconds.add(duration, full_s, loss > limit);
                }
                assert_eq!(seconds.class(sum_s, exceed), *class, "point {point}, goal {goal}");
            }
        }
    }

    #[test]
    fn the_example_of_the_rfc_has_its_throughputs() {
        for (goal, expected) in [(1, 1_000_000.0), (2, 1_000_000.0), (3, 999_000.0)] {
            let (full_s, sum_s, _, exceed) = GOALS[goal];
            let full: Vec<_> = trials_up_to(5).into_iter().filter(|(_, s)| *s >= full_s).collect();
            let value = conditional_throughput(1e6, &full, sum_s, exceed);
            assert!((value - expected).abs() < 1e-3, "goal {goal}: {value}");
        }
    }

    #[test]
    fn time_that_is_missing_counts_as_lost() {
        assert_eq!(conditional_throughput(100.0, &[(0.0, 10.0)], 35.0, 0.5), 0.0);
        assert_eq!(conditional_throughput(100.0, &[(0.0, 20.0)], 35.0, 0.5), 100.0);
        assert_eq!(conditional_throughput(100.0, &[], 35.0, 0.5), 0.0);
    }

    #[test]
    fn a_majority_decides_as_soon_as_the_rest_cannot_turn_it() {
        let after = |low: u32, high: u32| {
            let mut seconds = Seconds::default();
            (0..low).for_each(|_| seconds.add(5.0, 5.0, false));
            (0..high).for_each(|_| seconds.add(5.0, 5.0, true));
            seconds.class(35.0, 0.5)
        };
        assert_eq!((after(3, 0), after(4, 0), after(3, 3)), (Undecided, Lower, Undecided));
        assert_eq!((after(0, 3), after(0, 4), after(3, 4)), (Undecided, Upper, Upper));
    }
}
