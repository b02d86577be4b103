//! The scaling experiment in sentences.

use super::{FigureKind, ScalingRun, number};
use crate::analysis::scaling::{LawName, NextStep, Scaling, ScalingLaw};
use crate::record::Verdict;
use crate::report::clean::clean;
use crate::report::stress::rate_in_words;

/// More than this share of what is in proportion is more than chance and width of a search.
const BEYOND_LINEAR: f64 = 1.05;

/// The law, what it leaves open, the next one, the peak and the asymptote.
pub(super) fn of_law(tag: &str, scaling: &Scaling) -> Vec<String> {
    let law = scaling.law.as_ref();
    let refused = scaling.law_refused.clone().map(|why| match law {
        Some(_) => why,
        None => format!("no law: {why}"),
    });
    let mut words: Vec<String> = law.map(parameters).into_iter().chain(refused).collect();
    words.extend(scaling.next.as_ref().map(|next| next_one(tag, next)));
    if let Some(law) = law {
        words.push(peak(tag, law));
        words.push(asymptote(law));
    }
    words
}

fn parameters(law: &ScalingLaw) -> String {
    let name = match law.name {
        LawName::Usl => "the Universal Scalability Law",
        LawName::Amdahl => "Amdahl's law",
    };
    let errors = law.standard_errors.as_ref();
    let sure = |error: Option<f64>| error.map(|e| format!(" ± {}", small(e))).unwrap_or_default();
    let mut words = format!(
        "{name} through {} runs: one alone {} RPS, contention {}{}",
        law.point_count,
        rate_in_words(law.gamma),
        small(law.alpha),
        sure(errors.map(|errors| errors.alpha))
    );
    if let Some((lower, upper)) = law.alpha_range {
        words += &format!(" ({} to {} without one of the runs)", small(lower), small(upper));
    }
    if let Some(beta) = law.beta {
        let error = sure(errors.map(|errors| errors.beta));
        words += &format!(", coherency {}{error}", small(beta));
    }
    words + &format!("; it is off by {} RPS", rate_in_words(law.residual_se_per_s))
}

fn next_one(tag: &str, next: &NextStep) -> String {
    let n = number(next.n);
    let size = rate_in_words(next.gain_per_s.abs());
    let mut words = if next.gain_per_s < 0.0 {
        format!("next: {tag}={n} would carry {size} RPS less")
    } else {
        let percent = 100.0 * next.gain_ratio;
        format!("next: {tag}={n} would bring {size} RPS, {percent:.0}% of one alone")
    };
    if let Some((lower, upper)) = next.gain_range_per_s {
        let [lower, upper] = [lower, upper].map(rate_in_words);
        words += &format!(" ({lower} to {upper} without one of the runs)");
    }
    words + if next.is_at_most { "; coherency would make it less" } else { "" }
}

fn peak(tag: &str, law: &ScalingLaw) -> String {
    let refused = || law.peak_refused.clone().unwrap_or_else(|| "peak not determined".to_owned());
    law.peak.as_ref().map_or_else(refused, |peak| {
        let [at, lower, upper] = [peak.n, peak.n_lower, peak.n_upper].map(|n| format!("{n:.1}"));
        let most = rate_in_words(peak.throughput_per_s);
        format!("peak: {most} RPS at {tag}={at} (between {lower} and {upper})")
    })
}

fn asymptote(law: &ScalingLaw) -> String {
    law.asymptote_per_s.map_or_else(
        || "asymptote not determined: contention is too near zero, or too unsure".to_owned(),
        |at| {
            let rate = rate_in_words(at);
            format!("asymptote: contention alone ends at {rate} RPS, however many there are")
        },
    )
}

/// A small number in two figures: `0.05`, `0.0012`, `3.1e-5`, `0`.
fn small(value: f64) -> String {
    match value.abs() {
        size if size < 1e-9 => "0".to_owned(),
        size if size < 1e-4 => format!("{value:.1e}"),
        size if size < 0.01 => format!("{value:.4}"),
        _ => format!("{value:.3}"),
    }
}

/// What a reader should know of the runs.
pub(super) fn notes(tag: &str, runs: &[ScalingRun], scaling: &Scaling) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(kinds(runs));
    notes.extend(bounds(tag, scaling));
    notes.extend(base(tag, scaling));
    let beyond: Vec<String> = scaling
        .steps
        .iter()
        .filter(|step| step.efficiency_ratio.is_some_and(|ratio| ratio > BEYOND_LINEAR))
        .map(|step| format!("{tag}={}", number(step.n)))
        .collect();
    if !beyond.is_empty() {
        notes.push(format!(
            "{} carried more than in proportion, which no law of scaling explains: the smallest may have been held back, or \
             more of them share work better",
            beyond.join(", ")
        ));
    }
    notes.extend(trust(runs));
    notes.extend(differences(runs));
    notes
}

/// What the figures are, where they are not all what a search found to be borne.
fn kinds(runs: &[ScalingRun]) -> Option<String> {
    let mut kinds: Vec<FigureKind> = runs.iter().map(|run| run.figure.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    match kinds.as_slice() {
        [] | [FigureKind::MaxSustainable] => None,
        [FigureKind::Capacity] => Some(
            "the figures are what the target finished while more arrived, not what it bears".to_owned(),
        ),
        [FigureKind::Sweep] => Some(
            "the figures are the most that each sweep achieved, not what the target bears".to_owned(),
        ),
        [FigureKind::Throughput] => Some(
            "the figures are throughputs of plain runs: whether the target or the load was the limit is not known"
                .to_owned(),
        ),
        several => {
            let names: Vec<&str> = several.iter().map(|kind| kind.as_str()).collect();
            Some(format!("the figures are not of one kind ({}): part of a difference may be that", names.join(", ")))
        }
    }
}

/// Numbers whose limit was not reached.
fn bounds(tag: &str, scaling: &Scaling) -> Option<String> {
    let those = scaling.steps.iter().filter(|step| step.is_at_least);
    let those: Vec<String> = those.map(|step| format!("{tag}={}", number(step.n))).collect();
    let is_base = scaling.steps.first().is_some_and(|base| base.is_at_least);
    let rest = if is_base { "; without it there is no speed-up" } else { "" };
    (!those.is_empty()).then(|| {
        let names = those.join(", ");
        format!(
            "no load was too high for {names}: a lower bound, which is no part of the law{rest}"
        )
    })
}

/// What speed-ups are compared with, where it is not one.
fn base(tag: &str, scaling: &Scaling) -> Option<String> {
    let base = scaling.steps.first().filter(|base| base.n != 1.0 && base.speed_up.is_some())?;
    let n = number(base.n);
    Some(format!("no run of {tag}=1: speed-up and efficiency are compared with {tag}={n}"))
}

fn trust(runs: &[ScalingRun]) -> Vec<String> {
    let note = |verdict: Verdict| {
        let those = runs.iter().filter(|run| run.validity == Some(verdict));
        let mut those: Vec<i64> = those.map(|run| run.id).collect();
        those.sort_unstable();
        let those: Vec<String> = those.iter().map(i64::to_string).collect();
        let runs = if those.len() == 1 { "run" } else { "runs" };
        let names = those.join(", ");
        (!those.is_empty()).then(|| format!("the numbers of {runs} {names} are {verdict}"))
    };
    [Verdict::Degraded, Verdict::Invalid].into_iter().filter_map(note).collect()
}

/// In what the runs differ that should be alike.
fn differences(runs: &[ScalingRun]) -> Vec<String> {
    let Some((first, others)) = runs.split_first() else { return Vec::new() };
    let mut found = Vec::new();
    for (index, (name, value)) in first.asked.0.iter().enumerate() {
        let other = others.iter().find(|run| run.asked.0[index].1 != *value);
        if let Some(other) = other {
            found.push(format!(
                "the runs differ in more than the tag, {name}: {} in run {}, {} in run {}",
                clean(value),
                first.id,
                clean(&other.asked.0[index].1),
                other.id
            ));
        }
    }
    found
}
