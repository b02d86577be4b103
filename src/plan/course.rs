//! The course of a load: where it is level, and where it leaves its level and comes back to it.

use std::ops::Range;
use std::time::Duration;

use super::Scenario;
use super::executor::Executor;

/// Loads within this share of each other are the same load (METHODS.md 4.1).
const SAME_LOAD: f64 = 0.05;

/// A span of a scenario, from the start of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The phase.
    pub name: String,
    /// From and to, from the start of the run.
    pub range: Range<Duration>,
    /// Users or iterations a second at its beginning.
    pub from: f64,
    /// The same at its end.
    pub to: f64,
}

/// A load that rises above the level before and after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Disturbance {
    /// The phase that rises.
    pub name: String,
    /// The phase before it at the level that comes back.
    pub baseline: Span,
    /// From the beginning of the rise to the moment at which the load is back.
    pub range: Range<Duration>,
    /// The phase after it.
    pub after: String,
    /// Until then the load stays.
    pub observation_end: Duration,
}

impl Span {
    /// Whether the load is the same at both ends.
    #[must_use]
    pub fn is_level(&self) -> bool {
        is_same(self.from, self.to)
    }
}

/// The spans of a scenario's load in the order of time; none where iterations bound it.
#[must_use]
pub fn spans(scenario: &Scenario) -> Vec<Span> {
    let (start, stages) = match &scenario.executor {
        Executor::RampingVus { start_vus, stages } => (*start_vus as f64, stages),
        Executor::RampingArrivalRate { start_rate, stages, .. } => {
            (start_rate.as_per_second(), stages)
        }
        steady => return steady_span(scenario, steady).into_iter().collect(),
    };
    let (mut level, mut at) = (start, scenario.start_time);
    let span = |stage: &super::Stage| {
        let from = if stage.jump { stage.target } else { level };
        let range = at..at + stage.duration;
        (level, at) = (stage.target, range.end);
        Span { name: stage.name.clone(), range, from, to: stage.target }
    };
    stages.iter().map(span).filter(|span| !span.range.is_empty()).collect()
}

fn steady_span(scenario: &Scenario, executor: &Executor) -> Option<Span> {
    let level = match executor {
        Executor::ConstantVus { vus, .. } => *vus as f64,
        Executor::ConstantArrivalRate { rate, .. } => rate.as_per_second(),
        _ => return None,
    };
    let range = scenario.start_time..scenario.start_time + executor.duration()?;
    Some(Span { name: "main".to_owned(), range, from: level, to: level })
}

/// Where a load rises and comes back to a level that it had before.
#[must_use]
pub fn disturbances(spans: &[Span]) -> Vec<Disturbance> {
    let mut found = Vec::new();
    for (place, after) in spans.iter().enumerate().filter(|(_, span)| span.is_level()) {
        let level = after.to;
        // What lies between the last level span of this load and this one.
        let Some(before) =
            spans[..place].iter().rposition(|span| span.is_level() && is_same(span.to, level))
        else {
            continue;
        };
        let between = &spans[before + 1..place];
        let is_above = |span: &&Span| span.from.max(span.to) > level * (1.0 + SAME_LOAD);
        let Some(peak) = between.iter().filter(is_above).max_by(|a, b| a.to.total_cmp(&b.to))
        else {
            continue;
        };
        let same = spans[place..].iter().take_while(|s| s.is_level() && is_same(s.to, level));
        found.push(Disturbance {
            name: peak.name.clone(),
            baseline: spans[before].clone(),
            range: between[0].range.start..after.range.start,
            after: after.name.clone(),
            observation_end: same.last().map_or(after.range.end, |span| span.range.end),
        });
    }
    found
}

fn is_same(a: f64, b: f64) -> bool {
    (a - b).abs() <= SAME_LOAD * a.abs().max(b.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Spans of these names, lengths in seconds, and levels at both ends.
    fn course(spans: &[(&str, u64, f64, f64)]) -> Vec<Span> {
        let mut at = 0;
        let span = |(name, length, from, to): &(&str, u64, f64, f64)| {
            let range = Duration::from_secs(at)..Duration::from_secs(at + length);
            at += length;
            Span { name: (*name).to_owned(), range, from: *from, to: *to }
        };
        spans.iter().map(span).collect()
    }

    #[test]
    fn a_spike_is_a_disturbance_between_two_levels() {
        let five = course(&[
            ("warm-up", 10, 2.0, 2.0),
            ("ramp-up", 60, 2.0, 20.0),
            ("sustained", 120, 20.0, 20.0),
            ("spike", 30, 60.0, 60.0),
            ("recovery", 60, 20.0, 20.0),
        ]);
        let found = disturbances(&five);
        assert_eq!(found.len(), 1, "{found:?}");
        let seconds = Duration::from_secs;
        assert_eq!((found[0].name.as_str(), found[0].after.as_str()), ("spike", "recovery"));
        assert_eq!(found[0].baseline.range, seconds(70)..seconds(190));
        assert_eq!(found[0].range, seconds(190)..seconds(220));
        assert_eq!(found[0].observation_end, seconds(280));
    }

    #[test]
    fn a_ramp_up_and_down_is_one_and_a_dip_is_none() {
        let hill = course(&[
            ("a", 30, 10.0, 10.0),
            ("up", 10, 10.0, 50.0),
            ("down", 10, 50.0, 10.0),
            ("b", 30, 10.0, 10.0),
            ("c", 30, 10.2, 10.2),
        ]);
        let found = disturbances(&hill);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].range, Duration::from_secs(30)..Duration::from_secs(50));
        assert_eq!(found[0].observation_end, Duration::from_secs(110));
        let dip = course(&[("a", 30, 10.0, 10.0), ("b", 10, 2.0, 2.0), ("c", 30, 10.0, 10.0)]);
        assert_eq!(disturbances(&dip), []);
        let steps = course(&[("a", 30, 10.0, 10.0), ("b", 30, 20.0, 20.0), ("c", 30, 30.0, 30.0)]);
        assert_eq!(disturbances(&steps), []);
    }
}
