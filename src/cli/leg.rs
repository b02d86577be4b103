//! What legs of searches and of benchmarks have in common: when they begin, how long they drain, and whether the generator
//! made them well.

use std::time::Duration;

use super::conduct::Seen;
use crate::analysis::validity::Evidence;
use crate::metric::resource::ResourceUse;
use crate::metric::{GeneratorHealth, Histogram, Quantile, RequestStats, Slice, Totals};
use crate::plan::Plan;
use crate::record::ResourceOwner;

/// Running iterations may go on for this long after a leg, at most.
const LONGEST_DRAIN: Duration = Duration::from_secs(30);

/// The next whole second of the run's clock, since the time axis is in seconds.
pub(super) fn next_second(now: Duration) -> Duration {
    Duration::from_secs(now.as_secs() + 1)
}

/// A length that ends with a second.
pub(super) fn whole_seconds(length: Duration) -> Duration {
    Duration::from_secs(length.as_secs_f64().ceil() as u64)
}

/// For how long running iterations may go on after a leg: no request takes longer than its time-out.
pub(super) fn drain(plan: &Plan) -> Duration {
    plan.http.timeout.min(LONGEST_DRAIN)
}

/// The slices that lie whole in a part of a run.
pub(super) fn slices(totals: &Totals, from: Duration, end: Duration) -> Vec<Slice> {
    let within = |slice: &&Slice| slice.start >= from && slice.end() <= end;
    totals.slices.as_slice().iter().filter(within).cloned().collect()
}

/// What the generator and its machine did in the measured part of a leg.
#[derive(Debug, Clone)]
pub(super) struct LegSeconds {
    target_is_local: bool,
    from: Duration,
    pub(super) slices: Vec<Slice>,
    backlog: Vec<u64>,
    worker_busy: Vec<Vec<f64>>,
    hiccups: Histogram,
    resources: Vec<ResourceUse>,
    health: Vec<GeneratorHealth>,
}

impl LegSeconds {
    /// The whole seconds from `from` on, which is a whole second, to `end` at the latest.
    pub(super) fn of(seen: &Seen<'_>, from: Duration, end: Duration) -> Self {
        let slices = slices(seen.totals, from, end);
        let until = slices.last().map_or(end, Slice::end);
        // Samples of a second arrive after it.
        let within = |at: Duration| at > from && at <= until + Duration::from_secs(1);
        let seconds = seen.machine.iter().filter(|second| within(second.at));
        let mut hiccups = Histogram::new();
        seconds.clone().for_each(|second| hiccups.merge(&second.hiccups));
        let of_generator = seen
            .resources
            .iter()
            .filter(|sample| sample.owner == ResourceOwner::Generator && within(sample.at));
        let backlog = seen.totals.backlog.iter().copied();
        Self {
            target_is_local: seen.target_is_local,
            from,
            backlog: backlog.take(until.as_secs() as usize).skip(from.as_secs() as usize).collect(),
            worker_busy: seen.totals.busy.between(from, until),
            hiccups,
            resources: of_generator.map(|sample| sample.usage).collect(),
            health: seconds.map(|second| second.health).collect(),
            slices,
        }
    }

    /// What a verdict on the leg rests on, besides the bookkeeping: `requests` are those that count.
    pub(super) fn evidence(&self, requests: &RequestStats) -> Evidence<'_> {
        Evidence {
            target_is_local: self.target_is_local,
            from: self.from,
            slices: &self.slices,
            backlog: &self.backlog,
            worker_busy: &self.worker_busy,
            schedule_lag: requests.schedule_lag.clone(),
            response_p50: requests.response_time.quantile(Quantile::P50),
            response_p99: requests.response_time.quantile(Quantile::P99),
            hiccups: self.hiccups.clone(),
            resources: &self.resources,
            health: &self.health,
            ..Evidence::default()
        }
    }
}
