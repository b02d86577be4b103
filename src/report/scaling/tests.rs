//! Which figure of a run counts, and the experiment in every format.

use std::time::Duration;

use super::*;
use crate::analysis::load_point::LoadPoint;
use crate::plan::TestType;
use crate::record::{Capacity, StressFinding, StressState, Sustainable, fixture};

fn stress(id: i64, found: StressFinding) -> RunRecord {
    let mut record = fixture::record();
    record.id = id;
    record.test_type = TestType::Stress;
    record.findings.validity = None;
    record.findings.stress = Some(StressFinding { state: StressState::Completed, ..found });
    record
}

fn borne(id: i64, per_s: f64) -> RunRecord {
    let sustainable = Sustainable {
        value: per_s,
        lower: per_s * 0.99,
        upper: Some(per_s * 1.04),
        confirmed: None,
    };
    stress(id, StressFinding { max_sustainable: Some(sustainable), ..StressFinding::default() })
}

fn swept(curve: Vec<LoadPoint>) -> RunRecord {
    let strategy = "sweep".to_owned();
    stress(1, StressFinding { strategy, curve, ..StressFinding::default() })
}

fn load_point(offered_per_s: f64, goodput_per_s: f64) -> LoadPoint {
    LoadPoint {
        offered_per_s,
        goodput_per_s,
        error_ratio: 1.0 - goodput_per_s / offered_per_s,
        mean_in_flight: 2.0,
        response_mean: Duration::from_millis(20),
        ..LoadPoint::default()
    }
}

#[track_caller]
fn figure(record: &RunRecord) -> (FigureKind, f64, bool) {
    let run = ScalingRun::of(record, 1.0).expect("a figure");
    (run.figure.kind, run.figure.throughput_per_s, run.figure.is_at_least)
}

fn report(measured: &[(f64, f64)]) -> ScalingReport {
    let runs = (1..)
        .zip(measured)
        .map(|(id, (n, per_s))| ScalingRun::of(&borne(id, *per_s), *n).expect("a figure"));
    let left_out = vec![LeftOut::new(9, "many\u{1b}[2J", "its value is no number above zero")];
    ScalingReport::new("replicas", runs.collect(), left_out)
}

#[test]
fn what_a_search_found_to_be_borne_counts_before_anything_else() {
    let mut found = borne(1, 480.0);
    assert_eq!(figure(&found), (FigureKind::MaxSustainable, 480.0, false));
    let finding = found.findings.stress.as_mut().expect("a search");
    finding.max_sustainable.as_mut().expect("borne").upper = None;
    assert_eq!(figure(&found), (FigureKind::MaxSustainable, 480.0, true), "every load was borne");
    let capacity = Capacity { value: 500.0, standard_error: 5.0, unstable_from: 510.0 };
    let only = StressFinding { capacity: Some(capacity), ..StressFinding::default() };
    assert_eq!(figure(&stress(1, only)), (FigureKind::Capacity, 500.0, false));
}

#[test]
fn a_sweep_counts_by_the_most_it_achieved_and_says_when_that_was_no_limit() {
    let full = swept(vec![load_point(200.0, 200.0), load_point(400.0, 250.0)]);
    assert_eq!(figure(&full), (FigureKind::Sweep, 250.0, false));
    let carried = swept(vec![load_point(200.0, 200.0), load_point(400.0, 398.0)]);
    assert_eq!(figure(&carried), (FigureKind::Sweep, 398.0, true));
    let users = |count, goodput_per_s| LoadPoint {
        users: Some(count),
        ..load_point(goodput_per_s, goodput_per_s)
    };
    assert!(!figure(&swept(vec![users(8, 390.0), users(16, 400.0)])).2);
    assert!(figure(&swept(vec![users(8, 200.0), users(16, 400.0)])).2);
}

#[test]
fn a_plain_run_that_got_what_it_asked_for_met_no_limit() {
    let closed = fixture::record();
    assert_eq!(figure(&closed), (FigureKind::Throughput, closed.totals.throughput, false));
    let mut open = fixture::record();
    open.plan = fixture::open_plan();
    (open.totals.dropped, open.totals.failed) = (0, 0);
    assert!(figure(&open).2);
    open.totals.failed = open.totals.requests / 2;
    assert!(!figure(&open).2);
}

#[test]
fn runs_without_a_figure_say_why() {
    let limited = StressFinding { is_generator_limited: true, ..StressFinding::default() };
    let mut cut_off = borne(1, 480.0);
    cut_off.findings.stress.as_mut().expect("a search").state = StressState::Error;
    let benchmark = RunRecord { test_type: TestType::Benchmark, ..fixture::record() };
    for (record, words) in [
        (stress(1, limited), "the generator was the limit"),
        (cut_off, "did not come to its end"),
        (stress(1, StressFinding::default()), "no load that is borne"),
        (swept(Vec::new()), "no load of its sweep"),
        (swept(vec![load_point(10.0, 0.0)]), "no request of it succeeded"),
        (benchmark, "one by one"),
    ] {
        let why = ScalingRun::of(&record, 1.0).expect_err("no figure");
        assert!(why.contains(words), "no {words:?} in {why:?}");
    }
}

#[test]
fn three_values_are_a_table_a_chart_and_the_words() {
    let text = report(&[(1.0, 500.0), (2.0, 950.0), (4.0, 1740.0)])
        .render(Format::Table, &TextOptions::default());
    for words in [
        "scaling by replicas",
        "1.90x",
        "87 %",
        "max sustainable",
        "1723..1810",
        "requests a second by replicas",
        "● ideal",
        "Amdahl's law through 3 runs",
        "coherency is not determined by 3 runs, it needs 4",
        "next: replicas=5 would bring ",
        "coherency would make it less",
        "peak not determined: contention alone has none",
        "note: left out: run 9 (replicas=many[2J): its value is no number above zero",
    ] {
        assert!(text.contains(words), "no {words:?} in:\n{text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
}

#[test]
fn two_values_are_speed_ups_and_the_words_why_not_more() {
    let found = report(&[(1.0, 500.0), (2.0, 950.0)]);
    let text = found.render(Format::Table, &TextOptions { ascii: true, ..TextOptions::default() });
    assert!(text.contains("95 %") && text.contains("no law: 2 numbers"), "{text}");
    assert!(text.is_ascii(), "{text}");
    assert!(!text.contains("next:"), "{text}");
}

#[test]
fn a_peak_behind_the_largest_value_is_said_to_take_away() {
    let law = |n: f64| (n, 500.0 * n / (1.0 + 0.05 * (n - 1.0) + 0.01 * n * (n - 1.0)));
    let found = report(&[1.0, 2.0, 4.0, 8.0, 12.0, 16.0].map(law));
    let words = found.words.join("\n");
    for part in ["Universal Scalability Law through 6 runs", "coherency 0.01", "RPS less", "peak: "]
    {
        assert!(words.contains(part), "no {part:?} in {words}");
    }
}

#[test]
fn every_format_has_the_same_figures() {
    let found = report(&[(1.0, 500.0), (2.0, 950.0), (4.0, 1740.0)]);
    let options = TextOptions::default();
    let json: serde_json::Value =
        serde_json::from_str(&found.render(Format::Json, &options)).expect("JSON");
    assert_eq!(
        (&json["tag"], &json["runs"][2]["figure"]),
        (&"replicas".into(), &"max_sustainable".into())
    );
    assert_eq!(json["steps"][1]["speed_up"], 1.9);
    assert_eq!((&json["law"]["name"], &json["next"]["n"]), (&"amdahl".into(), &5.0.into()));
    assert_eq!(json["left_out"][0]["id"], 9);
    let csv = found.render(Format::Csv, &options);
    assert!(csv.contains(",replicas,2,max_sustainable,950,"), "{csv}");
    assert_eq!(csv.lines().count(), 4, "{csv}");
    let markdown = found.render(Format::Markdown, &options);
    assert!(markdown.contains("| 2 | 950 | 1.90x | 95 % |"), "{markdown}");
}

#[test]
fn a_reader_is_told_what_is_not_alike() {
    let mut other = borne(2, 1900.0);
    other.plan.script = Some("other.rhai".into());
    let runs = [(borne(1, 500.0), 2.0), (other, 4.0), (fixture::record(), 6.0)];
    let runs = runs.iter().map(|(record, n)| ScalingRun::of(record, *n).expect("a figure"));
    let notes = ScalingReport::new("replicas", runs.collect(), Vec::new()).notes.join("\n");
    for words in [
        "the figures are not of one kind (max sustainable, of a plain run)",
        "no run of replicas=1: speed-up and efficiency are compared with replicas=2",
        "replicas=4 carried more than in proportion",
        "the numbers of run 12 are DEGRADED",
        "script: journey.rhai in run 1, other.rhai in run 2",
    ] {
        assert!(notes.contains(words), "no {words:?} in:\n{notes}");
    }
}

#[test]
fn a_value_whose_limit_was_not_met_is_a_bound() {
    let mut large = borne(3, 1500.0);
    let finding = large.findings.stress.as_mut().expect("a search");
    finding.max_sustainable.as_mut().expect("borne").upper = None;
    let runs = [(borne(1, 500.0), 1.0), (borne(2, 950.0), 2.0), (large, 4.0)];
    let runs = runs.iter().map(|(record, n)| ScalingRun::of(record, *n).expect("a figure"));
    let found = ScalingReport::new("replicas", runs.collect(), Vec::new());
    let text = found.render(Format::Table, &TextOptions::default());
    for words in ["≥ 1500", "≥ 3.00x", "≥ 75 %", "no load was too high for replicas=4"] {
        assert!(text.contains(words), "no {words:?} in:\n{text}");
    }
    assert_eq!(found.scaling.law, None);
}
