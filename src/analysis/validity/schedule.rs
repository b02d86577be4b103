//! Signals of the schedule: whether what was due left, and left in time.

use std::time::Duration;

use super::strain::IDLE_WORKERS;
use super::{Evidence, Findings, Signal, Verdict, above, percent};
use crate::metric::{Buckets, Quantile, Slice};
use crate::units::{show_count, show_duration};

/// Fewer samples have no 99th percentile; a fifth of their maximum stands for it.
const FEW_SAMPLES: u64 = 100;

/// A backlog is the target's while at least this share of the users it may have are in requests.
const USERS_IN_FLIGHT: f64 = 0.5;

/// What iterations that were due had to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WaitedFor {
    /// They did not.
    Nothing,
    /// All users waited for the target, and workers were idle: this is what an overloaded target looks like.
    Target,
    /// All users waited for their own pauses: there are too few of them.
    Users,
    /// Workers were busy.
    Generator,
}

pub(super) fn judge(evidence: &Evidence, findings: &mut Findings) {
    let waited_for = waited_for(evidence);
    if waited_for == WaitedFor::Target {
        let most = evidence.backlog.iter().max().copied().unwrap_or(0);
        findings.note(format!(
            "up to {} iterations that were due waited for the target to free a virtual user, while rhaid's threads were \
             idle; their response times count from when they were due",
            show_count(most)
        ));
    }
    schedule_lag(evidence, waited_for, findings);
    planned_not_sent(evidence, waited_for, findings);
}

/// Iterations wait only when all users that there may be are taken. Why they are taken shows in what else was going on.
fn waited_for(evidence: &Evidence) -> WaitedFor {
    let seconds: Vec<usize> =
        (0..evidence.backlog.len()).filter(|second| evidence.backlog[*second] > 0).collect();
    if seconds.is_empty() {
        return WaitedFor::Nothing;
    }
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / seconds.len() as f64;
    let busiest = |second: &usize| {
        // Workers of which nothing is known could be busy.
        let shares = evidence.worker_busy.iter().map(|shares| shares.get(*second).copied());
        shares.map(|share| share.unwrap_or(1.0)).reduce(f64::max).unwrap_or(1.0)
    };
    if mean(&mut seconds.iter().map(busiest)) >= IDLE_WORKERS {
        return WaitedFor::Generator;
    }
    let in_flight = |second: &usize| {
        slice_at(evidence, *second).map_or(0.0, |slice| slice.in_flight_max as f64)
    };
    let enough = evidence.user_cap.map_or(0.0, |cap| USERS_IN_FLIGHT * cap as f64);
    if mean(&mut seconds.iter().map(in_flight)) >= enough {
        WaitedFor::Target
    } else {
        WaitedFor::Users
    }
}

fn slice_at<'e>(evidence: &Evidence<'e>, second: usize) -> Option<&'e Slice> {
    let at = evidence.from + Duration::from_secs(second as u64);
    evidence.slices.get(evidence.slices.partition_point(|slice| slice.end() <= at))
}

fn schedule_lag(evidence: &Evidence, waited_for: WaitedFor, findings: &mut Findings) {
    // In a closed model nothing is due: the next iteration begins when the last one is over.
    if evidence.is_closed {
        return;
    }
    let lag = match waited_for {
        WaitedFor::Target => lag_without_backlog(evidence),
        WaitedFor::Nothing | WaitedFor::Users | WaitedFor::Generator => lag_of_all(evidence),
    };
    let Some(lag) = lag else { return };
    let limit = |floor_ms: u64, share: f64| {
        let of_response = evidence.response_p50.unwrap_or_default().mul_f64(share);
        Duration::from_millis(floor_ms).max(of_response)
    };
    let verdict = above(lag, limit(1, 0.05), limit(10, 0.20));
    findings.add(verdict, Signal::ScheduleLag, || {
        format!(
            "requests left {} late (99th percentile; the median response took {}): {}",
            show_duration(lag),
            show_duration(evidence.response_p50.unwrap_or_default()),
            cause_of_lag(evidence, waited_for)
        )
    });
}

fn cause_of_lag(evidence: &Evidence, waited_for: WaitedFor) -> String {
    if waited_for == WaitedFor::Users {
        return "all virtual users were pausing when more were due; raise max_vus".to_owned();
    }
    let (hiccup, worst) = (evidence.hiccups.max(), evidence.schedule_lag.max());
    match (hiccup, worst) {
        // Half of it, because those that were due in the middle of a hiccup were late by what was left of it.
        (Some(hiccup), Some(worst)) if worst > Duration::ZERO && hiccup * 2 >= worst => format!(
            "the operating system kept rhaid from running for up to {}; give it a quieter machine",
            show_duration(hiccup)
        ),
        _ => "rhaid could not keep up with its schedule; use more --threads, a lighter script or a lower rate"
            .to_owned(),
    }
}

/// The 99th percentile of the whole run, or what stands for it; `None` without samples.
fn lag_of_all(evidence: &Evidence) -> Option<Duration> {
    let lag = &evidence.schedule_lag;
    if lag.count() < FEW_SAMPLES {
        lag.max().map(|max| max / 5)
    } else {
        lag.quantile(Quantile::P99)
    }
}

/// The same over the slices in which nobody waited for a user; `None` when too little of the run is left.
fn lag_without_backlog(evidence: &Evidence) -> Option<Duration> {
    let mut lag = Buckets::default();
    let waited = |second: usize| evidence.backlog.get(second).is_some_and(|count| *count > 0);
    for slice in evidence.slices {
        let second = |at: Duration| at.saturating_sub(evidence.from).as_secs() as usize;
        let seconds = second(slice.start)..second(slice.end());
        // The backlog is of the end of a second, so the second before tells how this one began.
        let before = seconds.start.checked_sub(1);
        if !before.into_iter().chain(seconds).any(waited) {
            lag.merge(&slice.schedule_lag);
        }
    }
    let p99_s = lag.quantile_s(Quantile::P99).filter(|_| lag.count() >= FEW_SAMPLES)?;
    Some(Duration::from_secs_f64(p99_s))
}

fn planned_not_sent(evidence: &Evidence, waited_for: WaitedFor, findings: &mut Findings) {
    let planned: u64 = evidence.slices.iter().map(|slice| slice.planned).sum();
    let started: u64 = evidence.slices.iter().map(|slice| slice.started).sum();
    if planned == 0 || started >= planned {
        return;
    }
    let missing = format!(
        "{} of {} iterations that were due never began ({})",
        show_count(planned - started),
        show_count(planned),
        percent((planned - started) as f64 / planned as f64)
    );
    // What is left over of a fixed number of iterations, or behind an overloaded target, is a result about the target.
    if evidence.is_closed || waited_for == WaitedFor::Target {
        findings.note(format!("{missing}: the target was too slow for them"));
        return;
    }
    let share = |slice: &Slice| slice.started as f64 / slice.planned as f64;
    let worst =
        evidence.slices.iter().filter(|s| s.planned > 0).map(share).fold(f64::INFINITY, f64::min);
    let verdict = if (started as f64) < 0.98 * planned as f64 {
        Verdict::Invalid
    } else if worst < 0.99 {
        Verdict::Degraded
    } else {
        Verdict::Valid
    };
    findings.add(verdict, Signal::PlannedNotSent, || {
        let way_out = match waited_for {
            WaitedFor::Users => "all virtual users were pausing; raise max_vus",
            WaitedFor::Nothing | WaitedFor::Target | WaitedFor::Generator => {
                "rhaid could not start them; use more --threads, a lighter script or a lower rate"
            }
        };
        format!("{missing}: {way_out}")
    });
}
