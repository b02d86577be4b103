//! One word for one step. The rule is simple on purpose; intervals from resampled seconds and from earlier runs
//! (METHODS.md 6.2 and 6.3) belong to `analysis` and will take the place of [`judge`], whose answer keeps its form.

use serde::Serialize;

use super::Observed;
use crate::metric::Quantile;
use crate::report::view::times::ratio;

/// Both sides need as many: enough for the 95th percentile to have a bound from above (METHODS.md 8:
/// n ≥ ln 0.025 / ln 0.95 = 72), rounded up.
const SAMPLES_NEEDED: u64 = 100;
/// A change of p50 or p95 within this share is no change.
const SAME_WITHIN: f64 = 0.05;
/// Where failures differ by more than this share of requests, times are of different things: errors are often fast.
const FAILURES_WITHIN: f64 = 0.01;

/// What can be said of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Word {
    /// B's p50 or p95 is lower and neither is higher.
    #[serde(rename = "faster")]
    Faster,
    /// B's p50 or p95 is higher and neither is lower.
    #[serde(rename = "slower")]
    Slower,
    /// Both within 5 %.
    #[serde(rename = "same")]
    Same,
    /// Not made in B.
    #[serde(rename = "only in A")]
    OnlyInA,
    /// Not made in A.
    #[serde(rename = "only in B")]
    OnlyInB,
    /// Too few samples, unlike failures, or contradictory percentiles.
    #[serde(rename = "cannot be told")]
    CannotBeTold,
}

impl Word {
    /// The word as it is shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::Same => "same",
            Self::OnlyInA => "only in A",
            Self::OnlyInB => "only in B",
            Self::CannotBeTold => "cannot be told",
        }
    }

    /// Whether only one run has the step.
    pub(super) fn is_one_sided(self) -> bool {
        matches!(self, Self::OnlyInA | Self::OnlyInB)
    }
}

/// A word and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// The word.
    pub verdict: Word,
    /// Why it cannot be told; empty otherwise.
    pub reason: String,
}

impl Judgement {
    fn sure(verdict: Word) -> Self {
        Self { verdict, reason: String::new() }
    }

    /// Nothing can be told, and why.
    pub(super) fn unsure(reason: String) -> Self {
        Self { verdict: Word::CannotBeTold, reason }
    }
}

/// Judges B against A.
pub(super) fn judge(a: Option<&Observed>, b: Option<&Observed>) -> Judgement {
    let (a, b) = match (a, b) {
        (Some(a), Some(b)) => (a, b),
        (Some(_), None) => return Judgement::sure(Word::OnlyInA),
        (None, Some(_)) => return Judgement::sure(Word::OnlyInB),
        (None, None) => return Judgement::unsure("no requests in either run".to_owned()),
    };
    let fewest = a.count.min(b.count);
    if fewest < SAMPLES_NEEDED {
        return Judgement::unsure(format!("{fewest} samples, {SAMPLES_NEEDED} are needed"));
    }
    let failures = (ratio(a.failed, a.count), ratio(b.failed, b.count));
    if (failures.0 - failures.1).abs() > FAILURES_WITHIN {
        return Judgement::unsure(format!(
            "{:.1} % failed in A, {:.1} % in B",
            failures.0 * 100.0,
            failures.1 * 100.0
        ));
    }
    let changes = [Quantile::P50, Quantile::P95].map(|q| change(a, b, q));
    let is_slower = changes.iter().any(|change| *change > SAME_WITHIN);
    let is_faster = changes.iter().any(|change| *change < -SAME_WITHIN);
    match (is_faster, is_slower) {
        (false, false) => Judgement::sure(Word::Same),
        (true, false) => Judgement::sure(Word::Faster),
        (false, true) => Judgement::sure(Word::Slower),
        (true, true) => Judgement::unsure("p50 and p95 changed in opposite directions".to_owned()),
    }
}

/// Relative change of a quantile from A to B.
fn change(a: &Observed, b: &Observed, q: Quantile) -> f64 {
    let at = |seen: &Observed| seen.times.quantile(q).map_or(0.0, |time| time.as_secs_f64());
    match (at(a), at(b)) {
        (0.0, 0.0) => 0.0,
        (0.0, _) => f64::INFINITY,
        (before, after) => after / before - 1.0,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// `count` requests between `low` and `high` microseconds.
    fn seen(count: u64, failed: u64, low: u64, high: u64) -> Observed {
        let mut observed = Observed { count, failed, elapsed_s: 10.0, ..Observed::default() };
        for i in 0..count {
            let us = low + (high - low) * i / count;
            observed.times.record(Duration::from_micros(us));
        }
        observed
    }

    #[test]
    fn each_word_has_its_case() {
        let base = seen(200, 0, 1000, 2000);
        for (b, word) in [
            (seen(200, 0, 1010, 2020), Word::Same),
            (seen(200, 0, 1000, 2600), Word::Slower),
            (seen(200, 0, 800, 1600), Word::Faster),
            (seen(200, 0, 200, 2600), Word::CannotBeTold),
            (seen(99, 0, 100, 200), Word::CannotBeTold),
            (seen(200, 20, 100, 200), Word::CannotBeTold),
        ] {
            assert_eq!(judge(Some(&base), Some(&b)).verdict, word, "{word:?}");
        }
        assert_eq!(judge(Some(&base), None).verdict, Word::OnlyInA);
        assert_eq!(judge(None, Some(&base)).verdict, Word::OnlyInB);
        assert_eq!(judge(None, None).verdict, Word::CannotBeTold);
    }

    #[test]
    fn what_cannot_be_told_says_why() {
        let reason = |b: &Observed| judge(Some(&seen(200, 0, 1000, 2000)), Some(b)).reason;
        assert_eq!(reason(&seen(40, 0, 1, 2)), "40 samples, 100 are needed");
        assert_eq!(reason(&seen(200, 20, 1, 2)), "0.0 % failed in A, 10.0 % in B");
    }
}
