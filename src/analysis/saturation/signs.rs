//! What leaves its baseline, and when: queues of resources, response times, and the parts of a request.

use super::fit::{Track, most_throughput};
use super::{ClientPart, ClientTimes, LoadUnit, Sign, StepUse};

/// Steps with at most this share of the most throughput are the baseline.
const LOW_LOAD: f64 = 0.5;
/// A queue has left its baseline at this multiple of the largest value there,
const TIMES: f64 = 2.0;
/// or, where there was none, at this value: 5 % of the time, or one waiter in twenty looks.
const LEAST_QUEUE: f64 = 0.05;
/// Without a figure for its queue a resource is taken for waited for from this share of its capacity on,
const FULL: f64 = 0.9;
/// if it rose by this share since the baseline: memory is often full of what nobody needs.
const ROSE: f64 = 0.1;
/// Response times have left their baseline at this multiple.
const SLOWER: f64 = 1.5;
/// Share of the growth of a request that one part must have to stand for it.
const MOST_OF_GROWTH: f64 = 0.7;
/// A request that grew by less than this share of itself did not grow.
const GREW: f64 = 0.3;

/// A figure at a step, for those that have it.
type Series<'s> = Vec<(&'s StepUse, f64)>;

/// The first step from which on a resource was waited for, to the last one.
///
/// Its queue decides. Where that is not known, and where it was there from the first step on while the resource filled up,
/// the share in use does.
pub(super) fn leaves_baseline<'s>(track: &Track<'s>, most_per_s: f64) -> Option<&'s StepUse> {
    let queues: Series<'s> =
        track.levels.iter().filter_map(|(s, level)| Some((*s, level.saturation?))).collect();
    let base = baseline(&queues, most_per_s);
    let by_queue =
        base.and_then(|base| leaves_for_good(&queues, (TIMES * base).max(base + LEAST_QUEUE)));
    if by_queue.is_some() || queues.last().is_some_and(|(_, queue)| *queue <= LEAST_QUEUE) {
        return by_queue;
    }
    let ratios: Series<'s> =
        track.levels.iter().filter_map(|(s, level)| Some((*s, level.used_ratio()?))).collect();
    let base = baseline(&ratios, most_per_s)?;
    leaves_for_good(&ratios, FULL.max(base + ROSE))
}

/// The largest value at low load; that of the first step when there is no low load.
fn baseline(series: &[(&StepUse, f64)], most_per_s: f64) -> Option<f64> {
    let (_, first) = series.first()?;
    // A service that collapses has little throughput at its largest loads too: these are no baseline.
    let until_top = series.iter().take_while(|(s, _)| s.throughput_per_s < most_per_s);
    let low = until_top.filter(|(s, _)| s.throughput_per_s <= LOW_LOAD * most_per_s);
    Some(low.map(|(_, value)| *value).fold(*first, f64::max))
}

/// The first step of those at the end that all lie above a limit.
fn leaves_for_good<'s>(series: &[(&'s StepUse, f64)], limit: f64) -> Option<&'s StepUse> {
    let above = series.iter().rev().take_while(|(_, value)| *value > limit);
    above.last().map(|(step, _)| *step)
}

/// Everything that leaves its baseline, in the order of load; at the same load resources come before response times.
pub(super) fn signs(tracks: &[Track<'_>], steps: &[&StepUse], unit: LoadUnit) -> Vec<Sign> {
    let most = most_throughput(steps);
    let times: Series<'_> =
        steps.iter().map(|step| (*step, step.response_mean.as_secs_f64())).collect();
    let slower = baseline(&times, most).and_then(|base| leaves_for_good(&times, SLOWER * base));
    let slower_at = slower.map(|step| step.load(unit));
    let sign = |what: &str, load: f64| Sign {
        what: what.to_owned(),
        load,
        lead: slower_at.map(|slower_at| slower_at - load),
    };
    let left = tracks.iter().filter_map(|track| Some((track, leaves_baseline(track, most)?)));
    let mut signs: Vec<Sign> =
        left.map(|(track, step)| sign(track.resource, step.load(unit))).collect();
    signs.extend(slower_at.map(|at| sign("response time", at)));
    signs.sort_by(|a, b| a.load.total_cmp(&b.load));
    signs
}

/// The part of a request that at least 70 % of its growth from the first step to the last is due to.
pub(super) fn grown_part(steps: &[&StepUse]) -> Option<ClientPart> {
    let known: Vec<ClientTimes> = steps.iter().filter_map(|step| step.client).collect();
    let (first, last) = (known.first()?, known.last()?);
    let parts = |times: &ClientTimes| {
        [times.connect, times.waiting, times.receiving].map(|time| time.as_secs_f64())
    };
    let (before, after) = (parts(first), parts(last));
    let growth: f64 = after.iter().sum::<f64>() - before.iter().sum::<f64>();
    if growth <= GREW * before.iter().sum::<f64>() {
        return None;
    }
    let names = [ClientPart::Connect, ClientPart::Waiting, ClientPart::Receiving];
    let grown = before.iter().zip(after).map(|(before, after)| after - before);
    grown.zip(names).find(|(grown, _)| *grown >= MOST_OF_GROWTH * growth).map(|(_, name)| name)
}
