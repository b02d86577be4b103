//! Whether and when a service was itself again after a disturbance (METHODS.md section 4).
//!
//! That a difference was not found is no proof that there is none: a window of slices counts as recovered when the whole
//! interval of its difference from the baseline lies within a margin (two one-sided tests, Schuirmann 1987), for the median
//! and a high percentile, and its failures, goodput and requests in flight are not worse. Being faster than before is no
//! disturbance.

mod classify;
mod windows;

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::metric::Slice;
use windows::{Baseline, Window};

/// What is compared with what. Offsets are from the start of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Spans {
    /// Steady and undisturbed, at the load that comes back after the disturbance.
    pub baseline: Range<Duration>,
    /// When the disturbance began.
    pub disturbance_start: Duration,
    /// When it was over.
    pub disturbance_end: Duration,
    /// The end of the span at the baseline's load after it.
    pub observation_end: Duration,
}

/// How it is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// The length of a window: the resolution of the result.
    pub window: Duration,
    /// Windows in a row that must hold.
    pub consecutive: usize,
    /// The margin of the median, as a share; twice the noise of the baseline where that is more.
    pub median_margin: f64,
    /// The margin of the high percentile, as a share; likewise.
    pub tail_margin: f64,
    /// Seed of the bootstrap.
    pub seed: u64,
}

/// The longest window, and the one of METHODS.md 4.1.
const LONGEST_WINDOW: Duration = Duration::from_secs(10);
/// A shorter observation still has this many windows.
const WINDOWS_AT_LEAST: u32 = 6;
/// Slices of baseline below which nothing is judged.
const SHORTEST_BASELINE: usize = 10;
/// Share of the windows after the recovery that may fall out of it again.
const MAY_RELAPSE: f64 = 0.05;

impl Settings {
    /// The settings for spans of this length: windows of 10 s, or shorter ones where there would be fewer than six.
    #[must_use]
    pub fn for_spans(spans: &Spans) -> Self {
        let observed = spans.observation_end.saturating_sub(spans.disturbance_end);
        let seconds = (observed / WINDOWS_AT_LEAST).as_secs().clamp(1, LONGEST_WINDOW.as_secs());
        Self {
            window: Duration::from_secs(seconds),
            consecutive: 3,
            median_margin: 0.10,
            tail_margin: 0.25,
            seed: 1,
        }
    }
}

/// How a service stood at the end of the observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum RecoveryVerdict {
    /// It was as before, and stayed so.
    Recovered,
    /// It was getting better and had not come to an end.
    Recovering,
    /// It settled at a new, worse level.
    Degraded,
    /// The disturbance was over, and yet it failed, or got worse, at the load that it carried before.
    Metastable,
    /// There was not enough to judge by.
    Undecided,
}

/// What came after a disturbance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// How it stood.
    pub verdict: RecoveryVerdict,
    /// From the end of the disturbance to the beginning of the first window of those in a row that were as before.
    pub time_to_recover_s: Option<f64>,
    /// It took at least so long.
    pub lower_s: Option<f64>,
    /// It took at most so long: the end of the first of them that was proved to be as before.
    pub upper_s: Option<f64>,
    /// How long was watched after the disturbance.
    pub observed_s: f64,
    /// The length of a window.
    pub window_s: f64,
    /// When it would have recovered, had it gone on as it did.
    pub projected_s: Option<f64>,
    /// From the end of the disturbance until no more requests were in flight than before.
    pub backlog_drain_s: Option<f64>,
    /// Time that requests took beyond the baseline's 95th percentile, summed from the beginning of the disturbance.
    pub pain_user_s: f64,
    /// Requests that took longer than the baseline's 95th percentile and its margin.
    pub slow_requests: u64,
    /// The median response time before.
    pub baseline_p50_ms: Option<f64>,
    /// The median response time of the last window.
    pub after_p50_ms: Option<f64>,
    /// All of it in words.
    pub message: String,
}

/// Judges what came after a disturbance.
#[must_use]
pub fn assess(slices: &[Slice], spans: &Spans, settings: &Settings) -> Recovery {
    let within = |range: &Range<Duration>| -> Vec<&Slice> {
        slices.iter().filter(|s| s.start >= range.start && s.end() <= range.end).collect()
    };
    let before = within(&spans.baseline);
    let after = within(&(spans.disturbance_end..spans.observation_end));
    let mut found = Recovery::new(spans, settings);
    let baseline =
        (before.len() >= SHORTEST_BASELINE).then(|| Baseline::of(&before, settings)).flatten();
    let Some(baseline) = baseline else {
        found.message = format!(
            "not judged: the baseline has {} seconds with requests and needs {SHORTEST_BASELINE}",
            before.iter().filter(|slice| slice.requests > 0).count()
        );
        return found;
    };
    let during = within(&(spans.disturbance_start..spans.observation_end));
    found.add_pain(&baseline, &during, settings);
    found.baseline_p50_ms = Some(baseline.median_s() * 1e3);
    let windows = Window::all(&after, settings);
    found.after_p50_ms = windows.last().and_then(Window::median_s).map(|s| s * 1e3);
    found.backlog_drain_s = drained(&baseline, &after, spans);
    let seems: Vec<bool> = windows.iter().map(|window| baseline.seems_to_hold(window)).collect();
    let holds: Vec<bool> = windows.iter().map(|window| baseline.holds(window)).collect();
    match first_for_good(&holds, &seems, settings.consecutive) {
        Some(row) => {
            found.recovered(&windows[row.start], &windows[row.end], spans);
            found.tell_margin(&baseline, settings);
        }
        None => classify::not_recovered(&mut found, &baseline, &windows, settings),
    }
    found
}

/// From the first window of a stretch that seems to hold to the one in it that is the first of `consecutive` windows that are
/// proved to, when nearly all after them seem to hold.
fn first_for_good(holds: &[bool], seems: &[bool], consecutive: usize) -> Option<Range<usize>> {
    let is_for_good = |place: &usize| {
        let rest = &seems[*place..];
        let relapses = rest.iter().filter(|held| !**held).count() as f64;
        rest.len() >= consecutive
            && holds[*place..*place + consecutive].iter().all(|held| *held)
            && relapses <= MAY_RELAPSE * rest.len() as f64
    };
    let proved = (0..holds.len()).find(is_for_good)?;
    let start = seems[..proved].iter().rposition(|held| !held).map_or(0, |lapse| lapse + 1);
    Some(start..proved)
}

fn drained(baseline: &Baseline, after: &[&Slice], spans: &Spans) -> Option<f64> {
    let is_drained = |slice: &&&Slice| slice.in_flight_mean <= baseline.in_flight_limit();
    let first = after.iter().find(is_drained)?;
    Some(first.start.saturating_sub(spans.disturbance_end).as_secs_f64())
}

impl Recovery {
    fn new(spans: &Spans, settings: &Settings) -> Self {
        Self {
            verdict: RecoveryVerdict::Undecided,
            time_to_recover_s: None,
            lower_s: None,
            upper_s: None,
            observed_s: spans.observation_end.saturating_sub(spans.disturbance_end).as_secs_f64(),
            window_s: settings.window.as_secs_f64(),
            projected_s: None,
            backlog_drain_s: None,
            pain_user_s: 0.0,
            slow_requests: 0,
            baseline_p50_ms: None,
            after_p50_ms: None,
            message: String::new(),
        }
    }

    fn add_pain(&mut self, baseline: &Baseline, during: &[&Slice], settings: &Settings) {
        let usual_s = baseline.tail_s();
        let slow = Duration::from_secs_f64(usual_s * (1.0 + settings.tail_margin));
        for slice in during {
            self.slow_requests += slice.response_time.count_above(slow);
            for cell in slice.response_time.cells() {
                let time_s = (cell.low_ns + cell.high_ns) as f64 / 2e9;
                self.pain_user_s += (time_s - usual_s).max(0.0) * cell.count as f64;
            }
        }
    }

    fn recovered(&mut self, first: &Window<'_>, proved: &Window<'_>, spans: &Spans) {
        let since = |at: Duration| at.saturating_sub(spans.disturbance_end).as_secs_f64();
        let (start, end) = (since(first.start()), since(proved.end()));
        let lower = (start - first.slice_length_s()).max(0.0);
        self.verdict = RecoveryVerdict::Recovered;
        self.time_to_recover_s = Some(start);
        self.lower_s = Some(lower);
        self.upper_s = Some(end);
        self.message = format!(
            "RECOVERED {start:.0} s after the disturbance (between {lower:.0} and {end:.0} s, in windows of {:.0} s)",
            self.window_s
        );
    }

    /// Says so where the service itself varies too much for the margin that was asked for.
    fn tell_margin(&mut self, baseline: &Baseline, settings: &Settings) {
        if baseline.median_margin() > settings.median_margin {
            let percent = baseline.median_margin() * 100.0;
            self.message.push_str(&format!(
                "; its median varied so much before that {percent:.0} % more counts as the same"
            ));
        }
    }
}
