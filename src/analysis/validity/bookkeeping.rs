//! Signals of the measurement itself: samples, accounts of time, and what other methods say about the run as a whole.

use super::{Evidence, Findings, Signal, Verdict, above, any, percent};
use crate::analysis::little::closure_gap_ratio;
use crate::units::show_count;

/// A planned process of arrivals is rejected below this p-value.
const ARRIVAL_P_VALUE: f64 = 1e-3;

pub(super) fn judge(evidence: &Evidence, findings: &mut Findings) {
    recorder_loss(evidence, findings);
    little_closure(evidence, findings);
    arrival_law(evidence, findings);
    never_steady(evidence, findings);
    if evidence.sent == 0 {
        findings.note("no request was sent: nothing was measured".to_owned());
    }
}

fn recorder_loss(evidence: &Evidence, findings: &mut Findings) {
    let (sent, sampled) = (evidence.sent, evidence.sampled);
    findings.add(any(sent.abs_diff(sampled)), Signal::RecorderLoss, || {
        format!(
            "{} requests were sent and {} were recorded: the figures are not of all requests; run again, and report it if \
             it comes back",
            show_count(sent),
            show_count(sampled)
        )
    });
    findings.add(any(evidence.windows_lost), Signal::RecorderLoss, || {
        format!(
            "{} seconds of workers were not recorded: the figures are not of all requests; run again, and report it if it \
             comes back",
            show_count(evidence.windows_lost)
        )
    });
}

fn little_closure(evidence: &Evidence, findings: &mut Findings) {
    let gap = closure_gap_ratio(&evidence.time, evidence.sent);
    findings.add(above(gap, 0.01, 0.03), Signal::LittleClosure, || {
        format!(
            "requests were in flight for {:.2} s together but {:.2} s were recorded ({} apart): samples are lost, doubled \
             or wrongly timed; run again, and report it if it comes back",
            evidence.time.in_flight_s,
            evidence.time.transport_s,
            percent(gap)
        )
    });
}

fn arrival_law(evidence: &Evidence, findings: &mut Findings) {
    let Some(p_value) = evidence.arrival_p_value else { return };
    let verdict = if p_value < ARRIVAL_P_VALUE { Verdict::Degraded } else { Verdict::Valid };
    findings.add(verdict, Signal::ArrivalLaw, || {
        format!(
            "requests did not leave as the planned arrivals have them (p = {p_value:.1e}): the target saw another load than \
             was asked for; use more --threads or a lower rate"
        )
    });
}

fn never_steady(evidence: &Evidence, findings: &mut Findings) {
    let is_never = evidence.steadiness.as_deref() == Some("never_steady");
    let verdict = if is_never { Verdict::Degraded } else { Verdict::Valid };
    findings.add(verdict, Signal::NeverSteady, || {
        "the run never came to a steady state: its percentiles depend on how long it was; run longer, or with a load that \
         the target can hold"
            .to_owned()
    });
}
