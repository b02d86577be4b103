//! Signals of the machine around the generator: hiccups, ports, files, network, and a target that is there too.

use std::time::Duration;

use super::strain::Strain;
use super::{Evidence, Findings, Signal, Verdict, above, any, percent};
use crate::metric::{GeneratorHealth, Histogram, Quantile};
use crate::units::{show_count, show_duration};

/// The machine is contended while its CPU is busier than this.
const CONTENDED: f64 = 0.85;

/// Samples that must be contended for a shared machine to matter.
const CONTENDED_SAMPLES: f64 = 0.25;

/// A hiccup below this hides in no percentile, however fast the target is.
const LARGE_HICCUP: Duration = Duration::from_millis(20);
/// How long the hiccup watch sleeps between two looks.
const SLEEP_BETWEEN: Duration = Duration::from_millis(2);

pub(super) fn judge(evidence: &Evidence, findings: &mut Findings) {
    os_hiccup(evidence, findings);
    local_ports(evidence, findings);
    open_files(evidence, findings);
    if !evidence.target_is_local {
        link(evidence, findings);
        drops(evidence, findings);
    }
    resent(evidence, findings);
    shared_host(evidence, findings);
}

fn os_hiccup(evidence: &Evidence, findings: &mut Findings) {
    let hiccups = &evidence.hiccups;
    let (Some(max), Some(p99_9)) = (hiccups.max(), hiccups.quantile(Quantile::P99_9)) else {
        return;
    };
    // What is short in itself, or beside what was measured, hides in no percentile.
    let of_response = evidence.response_p99.map(|p99| p99.mul_f64(0.20));
    let large = of_response.map(|share| share.max(LARGE_HICCUP));
    let share = large.map_or(0.0, |large| share_of_time(hiccups, large));
    let verdict = if max > Duration::from_millis(100) || share > 0.01 {
        Verdict::Invalid
    } else if p99_9 > Duration::from_millis(5) || share > 0.001 {
        Verdict::Degraded
    } else {
        Verdict::Valid
    };
    findings.add(verdict, Signal::OsHiccup, || {
        format!(
            "the operating system kept rhaid from running for up to {} (99.9th percentile {}): that time is in the \
             response times and not the target's; run on a quieter machine",
            show_duration(max),
            show_duration(p99_9)
        )
    });
}

/// The share of the time watched that hiccups longer than `limit` took, 0..=1. What takes less than one percent of the time
/// cannot reach the 99th percentile of requests that come evenly.
fn share_of_time(hiccups: &Histogram, limit: Duration) -> f64 {
    let mut large_ns = 0.0;
    hiccups.for_each(|ns, times| {
        if u128::from(ns) > limit.as_nanos() {
            large_ns += ns as f64 * times as f64;
        }
    });
    let slept = SLEEP_BETWEEN.as_secs_f64() * hiccups.count() as f64;
    large_ns / 1e9 / (slept + hiccups.sum_seconds()).max(f64::MIN_POSITIVE)
}

/// The sample in which the largest share of something was used, as `(used, limit)`.
fn fullest(
    health: &[GeneratorHealth],
    figures: impl Fn(&GeneratorHealth) -> Option<(u64, u64)>,
) -> Option<(u64, u64)> {
    let known = health.iter().filter_map(figures).filter(|(_, limit)| *limit > 0);
    known.max_by(|a, b| share(*a).total_cmp(&share(*b)))
}

fn share((used, limit): (u64, u64)) -> f64 {
    used as f64 / limit as f64
}

/// Any failure for want of something is invalid; using more than `degraded` of it is degraded.
fn shortage(failures: u64, fullest: Option<(u64, u64)>, degraded: f64) -> Verdict {
    let verdict =
        fullest.map_or(Verdict::Valid, |most| above(share(most), degraded, f64::INFINITY));
    verdict.max(any(failures))
}

fn local_ports(evidence: &Evidence, findings: &mut Findings) {
    let fullest = fullest(evidence.health, |h| Some((h.used_ports?, h.available_ports?)));
    let failures = evidence.local_port_failures;
    findings.add(shortage(failures, fullest, 0.70), Signal::LocalPorts, || {
        format!(
            "{}: keep connections alive, or widen net.ipv4.ip_local_port_range",
            used_and_failed("local ports towards one destination", fullest, failures)
        )
    });
}

fn open_files(evidence: &Evidence, findings: &mut Findings) {
    let fullest = fullest(evidence.health, |h| Some((h.open_files?, h.max_open_files?)));
    let failures = evidence.local_file_failures;
    findings.add(shortage(failures, fullest, 0.80), Signal::OpenFiles, || {
        format!(
            "{}: raise the limit of open files (ulimit -n 65536), or use fewer virtual users",
            used_and_failed("open files", fullest, failures)
        )
    });
}

fn used_and_failed(what: &str, fullest: Option<(u64, u64)>, failures: u64) -> String {
    let used = fullest.map(|(used, limit)| {
        format!("{} of {} {what} were in use", show_count(used), show_count(limit))
    });
    let failed = (failures > 0)
        .then(|| format!("{} requests failed for want of {what}", show_count(failures)));
    [failed, used].into_iter().flatten().collect::<Vec<_>>().join(", ")
}

fn link(evidence: &Evidence, findings: &mut Findings) {
    let shares: Vec<f64> = evidence.health.iter().filter_map(|health| health.link_ratio).collect();
    let Some(strain) = Strain::of(&shares, 0.70, 0.90) else { return };
    findings.add(strain.verdict, Signal::Network, || {
        format!(
            "the network link of this machine was {} full ({} in its worst 5 s): the link was measured, not the target; \
             use a faster link or several generators",
            percent(strain.overall),
            percent(strain.worst)
        )
    });
}

fn drops(evidence: &Evidence, findings: &mut Findings) {
    let (dropped, sent) = sums(evidence.health, |h| Some((h.send_drops?, h.sent_packets?)));
    let ratio = dropped as f64 / (sent + dropped).max(1) as f64;
    findings.add(above(ratio, 0.001, 0.01), Signal::Network, || {
        format!(
            "this machine dropped {} of its {} packets before they left: requests were repeated by TCP and look slow; \
             lower the rate, or look at its queues (tc -s qdisc)",
            show_count(dropped),
            show_count(sent + dropped)
        )
    });
}

/// A note only: segments are also sent again when the target's accept queue is full, which is the target's.
fn resent(evidence: &Evidence, findings: &mut Findings) {
    let (resent, sent) = sums(evidence.health, |h| Some((h.resent_segments?, h.sent_segments?)));
    let ratio = resent as f64 / sent.max(1) as f64;
    if ratio > 0.01 {
        findings.note(format!(
            "{} of this machine's TCP segments had to be sent again: the network loses packets, or the target does not \
             take its connections",
            percent(ratio)
        ));
    }
}

fn sums(
    health: &[GeneratorHealth],
    figures: impl Fn(&GeneratorHealth) -> Option<(u64, u64)>,
) -> (u64, u64) {
    let known = health.iter().filter_map(figures);
    known.fold((0, 0), |(a, b), (more_a, more_b)| (a + more_a, b + more_b))
}

fn shared_host(evidence: &Evidence, findings: &mut Findings) {
    if !evidence.target_is_local {
        return;
    }
    let shares: Vec<f64> =
        evidence.resources.iter().map(|usage| usage.host_cpu_percent / 100.0).collect();
    let samples = shares.len() as f64;
    if shares.is_empty() {
        return findings.note("the target runs on this machine and shares its CPU".to_owned());
    }
    let joint = shares.iter().sum::<f64>() / samples;
    let contended = shares.iter().filter(|share| **share > CONTENDED).count() as f64;
    if contended >= CONTENDED_SAMPLES * samples {
        findings.add(Verdict::Degraded, Signal::SharedHost, || {
            format!(
                "the target runs on this machine, whose CPU was {} busy and above {} for {} of the time: each slowed the \
                 other; run them on two machines",
                percent(joint),
                percent(CONTENDED),
                percent(contended / samples)
            )
        });
    } else {
        findings.note(format!(
            "the target runs on this machine and shares its CPU (joint CPU {})",
            percent(joint)
        ));
    }
}
