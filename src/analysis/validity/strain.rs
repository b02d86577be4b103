//! Signals of the generator's own work: its threads, its CPU, and the time that iterations spent inside it.

use std::time::Duration;

use super::{Evidence, Findings, Signal, Verdict, above, percent};
use crate::analysis::little::generator_time;
use crate::metric::GeneratorHealth;
use crate::units::show_duration;

/// Seconds over which strain must last to count: a single second of connecting is no verdict.
const SPAN: usize = 5;

/// Workers that are busy for less than this share of every span have time for more.
pub(super) const IDLE_WORKERS: f64 = 0.5;

/// Spans above the limit that make a run invalid even if the rest of it was calm, as in a ramp that ends in saturation.
const STRAINED_SPANS: f64 = 0.05;

/// Below this much of its own time an iteration is as light as a generator can make it.
const LIGHT_ITERATION: Duration = Duration::from_micros(500);

/// A closed model goes as fast as it can, so something is saturated by its nature; a light one that saturates rhaid has
/// found a lower bound.
const LOWER_BOUND: &str = "the throughput is a lower bound: rhaid was the limit, not the target";

/// A share of something limited, once a second, over a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Strain {
    /// The mean.
    pub(super) overall: f64,
    /// The mean of the worst five seconds.
    pub(super) worst: f64,
    /// The verdict by the two limits.
    pub(super) verdict: Verdict,
}

impl Strain {
    /// Invalid when the mean, or one in twenty spans of five seconds, is above `invalid`; degraded when a span is above
    /// `degraded`. `None` without shares; a shorter run is one span.
    pub(super) fn of(shares: &[f64], degraded: f64, invalid: f64) -> Option<Self> {
        let mean = |shares: &[f64]| shares.iter().sum::<f64>() / shares.len() as f64;
        let spans: Vec<f64> = shares.windows(SPAN.min(shares.len()).max(1)).map(mean).collect();
        let worst = spans.iter().copied().reduce(f64::max)?;
        let overall = mean(shares);
        let above = spans.iter().filter(|span| **span > invalid).count() as f64;
        let verdict =
            if overall > invalid || above >= STRAINED_SPANS * spans.len() as f64 && above > 0.0 {
                Verdict::Invalid
            } else if worst > degraded {
                Verdict::Degraded
            } else {
                Verdict::Valid
            };
        Some(Self { overall, worst, verdict })
    }
}

pub(super) fn judge(evidence: &Evidence, findings: &mut Findings) {
    worker_busy(evidence, findings);
    cpu(evidence, findings);
    ceiling(evidence, findings);
    throttled(evidence, findings);
    steal(evidence, findings);
    closed_time(evidence, findings);
}

/// Whether saturating the generator is what the run was made to do.
fn is_light_and_closed(evidence: &Evidence) -> bool {
    let inside = generator_time(&evidence.time, evidence.iterations);
    evidence.is_closed && inside.is_none_or(|inside| inside.per_iteration < LIGHT_ITERATION)
}

fn worker_busy(evidence: &Evidence, findings: &mut Findings) {
    let strains = evidence.worker_busy.iter().enumerate();
    let Some((index, strain)) = strains
        .filter_map(|(index, shares)| Some((index, Strain::of(shares, 0.85, 0.95)?)))
        .max_by(|(_, a), (_, b)| a.verdict.cmp(&b.verdict).then(a.overall.total_cmp(&b.overall)))
    else {
        return;
    };
    let (verdict, conclusion) = concluded(
        evidence,
        strain.verdict,
        "requests waited for rhaid, not for the target; use more --threads, a lighter script or a lower rate",
    );
    findings.add(verdict, Signal::WorkerBusy, || {
        format!(
            "worker {} was busy {} of the time ({} in its worst {SPAN} s): {conclusion}",
            index + 1,
            percent(strain.overall),
            percent(strain.worst)
        )
    });
}

fn cpu(evidence: &Evidence, findings: &mut Findings) {
    let Some(cores) = evidence.health.iter().filter_map(GeneratorHealth::cores).reduce(f64::min)
    else {
        return;
    };
    // Time that the hypervisor gives to others is not there to be used.
    let available = cores * (1.0 - steal_ratio(evidence.health).unwrap_or(0.0));
    if available <= 0.0 {
        return;
    }
    let shares: Vec<f64> =
        evidence.resources.iter().map(|usage| usage.cpu_percent / 100.0 / available).collect();
    let Some(strain) = Strain::of(&shares, 0.70, 0.90) else { return };
    let (verdict, conclusion) = concluded(
        evidence,
        strain.verdict,
        "what it measured includes its own waiting for the CPU; give it more cores, a lighter script or a lower rate",
    );
    findings.add(verdict, Signal::Cpu, || {
        format!(
            "rhaid used {} of the {available:.1} cores that it may use ({} in its worst {SPAN} s): {conclusion}",
            percent(strain.overall),
            percent(strain.worst)
        )
    });
}

fn concluded(
    evidence: &Evidence,
    verdict: Verdict,
    way_out: &'static str,
) -> (Verdict, &'static str) {
    if is_light_and_closed(evidence) {
        (verdict.min(Verdict::Degraded), LOWER_BOUND)
    } else {
        (verdict, way_out)
    }
}

/// Near the ceiling that `selftest` measured, what is slow is as likely the generator as the target. A closed load without
/// pauses goes there by its nature.
fn ceiling(evidence: &Evidence, findings: &mut Findings) {
    let Some((throughput, ceiling)) = evidence.throughput_and_ceiling_per_s else { return };
    let share = throughput / ceiling.max(f64::MIN_POSITIVE);
    let (verdict, conclusion) =
        concluded(evidence, above(share, 0.70, 0.90), "use more machines or a lower rate");
    findings.add(verdict, Signal::Ceiling, || {
        format!(
            "{throughput:.0} requests a second are {} of the {ceiling:.0} that `rhaid selftest` measured as the most that \
             this machine makes: {conclusion}",
            percent(share)
        )
    });
}

fn throttled(evidence: &Evidence, findings: &mut Findings) {
    let periods: u64 = evidence.health.iter().filter_map(|health| health.throttled_periods).sum();
    let held_s: f64 = evidence.health.iter().filter_map(|health| health.throttled_s).sum();
    let run_s: f64 = evidence.health.iter().map(|health| health.interval_s).sum();
    let verdict = match periods {
        0 => Verdict::Valid,
        _ if held_s > 0.01 * run_s => Verdict::Invalid,
        _ => Verdict::Degraded,
    };
    findings.add(verdict, Signal::Throttled, || {
        let quotas = evidence.health.iter().filter_map(|health| health.quota_cores);
        let quota = quotas.reduce(f64::min).map_or_else(String::new, |cores| format!(" of {cores} cores"));
        format!(
            "the CPU quota{quota} of rhaid's control group held it back {periods} times, for {} together: raise the \
             quota, or lower the rate",
            show_duration(Duration::from_secs_f64(held_s))
        )
    });
}

fn steal(evidence: &Evidence, findings: &mut Findings) {
    let Some(ratio) = steal_ratio(evidence.health) else { return };
    findings.add(above(ratio, 0.05, 0.20), Signal::Steal, || {
        format!(
            "the hypervisor gave {} of this machine's CPU time to others: measure on a machine that is not shared",
            percent(ratio)
        )
    });
}

/// Over the whole run.
fn steal_ratio(health: &[GeneratorHealth]) -> Option<f64> {
    let known = health.iter().filter_map(|health| Some((health.steal_ratio?, health.interval_s)));
    let (stolen, all) =
        known.fold((0.0, 0.0), |(stolen, all), (ratio, s)| (stolen + ratio * s, all + s));
    (all > 0.0).then(|| stolen / all)
}

fn closed_time(evidence: &Evidence, findings: &mut Findings) {
    let Some(inside) = generator_time(&evidence.time, evidence.iterations) else { return };
    let verdict = above(inside.ratio, 0.05, 0.10);
    if inside.per_iteration <= LIGHT_ITERATION || verdict == Verdict::Valid {
        return;
    }
    let taken = format!(
        "the script or the generator took {} of each iteration ({} of its time)",
        show_duration(inside.per_iteration),
        percent(inside.ratio)
    );
    // In an open model nobody waits for the end of an iteration while there are threads for the next.
    if !evidence.is_closed && has_idle_workers(evidence) {
        return findings.note(format!("{taken}; its threads had time for that"));
    }
    findings.add(verdict, Signal::ClosedTime, || {
        format!(
            "{taken}: rhaid was the bottleneck, not the target; use more --threads, a lighter script or a lower rate"
        )
    });
}

/// Whether no worker was busy for half of any span; workers of which nothing is known could be.
fn has_idle_workers(evidence: &Evidence) -> bool {
    let strains = evidence.worker_busy.iter().map(|shares| Strain::of(shares, 1.0, 1.0));
    !evidence.worker_busy.is_empty()
        && strains
            .into_iter()
            .all(|strain| strain.is_some_and(|strain| strain.worst < IDLE_WORKERS))
}
