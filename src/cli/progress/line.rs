//! A second of a run in words. Computed once; the live view and the plain lines show the same figures.

use std::time::Duration;

use crate::metric::Quantile;
use crate::metric::resource::ResourceUse;
use crate::pipeline::Snapshot;
use crate::record::ResourceOwner;
use crate::units::{show_bytes, show_count, show_duration, show_span};

/// Characters inside the bar.
const BAR_WIDTH: usize = 24;

/// The figures of one second.
#[derive(Debug, Clone, PartialEq)]
pub struct ProgressLine {
    /// From the start of the run.
    pub at: Duration,
    /// The phase; empty before the first.
    pub phase: String,
    /// Share of the plan that is done, 0..=1, when it is known.
    pub progress: Option<f64>,
    /// The planned end, when it is known.
    pub planned_end: Option<Duration>,
    /// Virtual users alive.
    pub vus: u64,
    /// Successful requests per second in the interval.
    pub throughput_per_s: f64,
    /// 95th percentile of response time in the interval; `None` with too few requests.
    pub p95: Option<Duration>,
    /// Failed share of the interval's requests, 0..=1; `None` without requests.
    pub error_ratio: Option<f64>,
    /// Failed requests since the start.
    pub failed: u64,
    /// Iterations that came to their end since the start, well or not.
    pub iterations: u64,
    /// Iterations dropped since the start.
    pub dropped: u64,
    /// Requests in flight.
    pub in_flight: u64,
    /// Iterations due and waiting for a user.
    pub backlog: u64,
    /// The generator's use, when sampled.
    pub generator: Option<ResourceUse>,
    /// The target's use, when sampled.
    pub target: Option<ResourceUse>,
}

impl ProgressLine {
    /// The figures of a snapshot.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        let (all, failed) = snapshot.window_counts();
        let last_use =
            |owner| snapshot.resources.iter().rev().find(|s| s.owner == owner).map(|s| s.usage);
        Self {
            at: snapshot.at,
            phase: snapshot.phase.to_string(),
            progress: snapshot.progress.filter(|p| p.is_finite()).map(|p| p.clamp(0.0, 1.0)),
            planned_end: snapshot.planned_end,
            vus: snapshot.vus,
            throughput_per_s: snapshot.window_throughput_per_s(),
            p95: snapshot.window_response_time().supported_quantile(Quantile::P95),
            error_ratio: (all > 0).then(|| failed as f64 / all as f64),
            failed: snapshot.totals.failed,
            iterations: snapshot.totals.completed + snapshot.totals.failed_iterations,
            dropped: snapshot.totals.dropped,
            in_flight: snapshot.in_flight,
            backlog: snapshot.backlog,
            generator: last_use(ResourceOwner::Generator),
            target: last_use(ResourceOwner::Target),
        }
    }

    /// One line for logs: everything, no cursor movement, no colour.
    #[must_use]
    pub fn plain(&self) -> String {
        let place = [whole(self.at), self.phase.clone(), self.percent()];
        joined(place.into_iter().chain(self.traffic()).chain(self.work()).chain(self.health()))
    }

    /// The lines of the live view: where the run is, what is observed, and at what cost.
    #[must_use]
    pub fn live(&self) -> [String; 3] {
        let place = [self.phase.clone(), self.bar(), self.percent(), self.clock()];
        [
            joined(place),
            joined(self.traffic()),
            joined(self.work().into_iter().chain(self.health())),
        ]
    }

    fn traffic(&self) -> [String; 4] {
        let p95 = self.p95.map_or_else(|| "n/a".to_owned(), show_duration);
        let errors = self
            .error_ratio
            .map_or_else(|| "n/a".to_owned(), |ratio| format!("{:.2}%", ratio * 100.0));
        let users = if self.vus == 1 { "VU" } else { "VUs" };
        [
            format!("{} {users}", show_count(self.vus)),
            per_second(self.throughput_per_s),
            format!("p95 {p95}"),
            format!("errors {errors} ({})", show_count(self.failed)),
        ]
    }

    fn work(&self) -> [String; 4] {
        [
            format!("iterations {}", show_count(self.iterations)),
            format!("dropped {}", show_count(self.dropped)),
            format!("in flight {}", show_count(self.in_flight)),
            format!("backlog {}", show_count(self.backlog)),
        ]
    }

    fn health(&self) -> Vec<String> {
        [("generator", self.generator), ("target", self.target)]
            .into_iter()
            .filter_map(|(owner, usage)| {
                let usage = usage?;
                Some(format!(
                    "{owner} CPU {:.0}% {}",
                    usage.cpu_percent,
                    show_bytes(usage.memory_bytes)
                ))
            })
            .collect()
    }

    /// `[=====>    ]`; nothing when the share is not known.
    fn bar(&self) -> String {
        let Some(progress) = self.progress else { return String::new() };
        let filled = (progress * BAR_WIDTH as f64).round() as usize;
        let head = if filled > 0 && filled < BAR_WIDTH { ">" } else { "" };
        let body = "=".repeat(filled.saturating_sub(head.len()));
        format!("[{:<BAR_WIDTH$}]", format!("{body}{head}"))
    }

    fn percent(&self) -> String {
        // Rounded down: 100 % is said only of a plan that is done.
        self.progress.map_or_else(String::new, |progress| format!("{}%", (progress * 100.0) as u64))
    }

    fn clock(&self) -> String {
        match self.planned_end {
            Some(end) if self.at < end => {
                format!("{} of {}, {} left", whole(self.at), show_span(end), whole(end - self.at))
            }
            Some(end) => format!("{} of {}, finishing", whole(self.at), show_span(end)),
            None => whole(self.at),
        }
    }
}

/// To the nearest second: the aggregator's ticks are never exactly on it.
fn whole(duration: Duration) -> String {
    show_span(Duration::from_secs(duration.as_secs_f64().round() as u64))
}

fn per_second(rate: f64) -> String {
    if rate >= 99.95 {
        format!("{}/s", show_count(rate.round() as u64))
    } else {
        format!("{rate:.1}/s")
    }
}

fn joined(parts: impl IntoIterator<Item = String>) -> String {
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    parts.join("  ")
}
