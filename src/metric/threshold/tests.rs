//! Expressions as users write them, judged on totals made by hand.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::metric::sink::{RequestSample, RequestTimes};
use crate::metric::window::{IterationLabels, MetricLabels};
use crate::metric::{
    CheckStats, CustomSink, CustomValue, IterationStats, Labels, MetricKind, Totals,
};

fn rule(subject: &str, expression: &str) -> Threshold {
    Threshold::parse(subject, expression).unwrap_or_else(|e| panic!("{subject} {expression}: {e}"))
}

fn labels(name: &str, task: &str) -> Labels {
    Labels {
        name: name.into(),
        method: "GET".into(),
        status: 200,
        task: task.into(),
        scenario: "default".into(),
        phase: "main".into(),
        group: "".into(),
        tags: Arc::from([]),
    }
}

fn request(ms: u64, failed: bool) -> RequestSample {
    RequestSample {
        intended: Duration::ZERO,
        begun: Duration::from_millis(5),
        sent: Duration::from_millis(5),
        done: Duration::from_millis(5 + ms),
        times: RequestTimes::default(),
        status: 200,
        failure: None,
        failed,
        is_first_on_connection: false,
        bytes_sent: 10,
        bytes_received: 100,
    }
}

/// A hundred requests of 1 to 100 ms, the last failed; ten of another task at 1 s.
fn observed() -> Totals {
    let mut totals = Totals { vus_max: 20, ..Totals::default() };
    let teams = totals.requests.entry(Arc::new(labels("GET /api/teams/{id}", "list"))).or_default();
    (1..=100).for_each(|ms| teams.record(&request(ms, ms == 100)));
    let slow = totals.requests.entry(Arc::new(labels("GET /slow", "slow"))).or_default();
    (0..10).for_each(|_| slow.record(&request(1000, false)));
    let iterations = IterationStats {
        planned: 12,
        started: 11,
        dropped: 1,
        completed: 9,
        interrupted: 1,
        failed: 1,
        ..IterationStats::default()
    };
    let key =
        IterationLabels { scenario: "default".into(), task: "list".into(), phase: "main".into() };
    totals.iterations.insert(key, iterations);
    let check =
        MetricLabels { metric: "signed in".into(), labels: labels("signed in", "on_start") };
    totals.checks.insert(check, CheckStats { passes: 3, fails: 1 });
    for (name, value) in [
        ("orders", CustomValue::Add(7.0)),
        ("queue", CustomValue::Set(4.0)),
        ("cached", CustomValue::Hit(true)),
        ("work", CustomValue::Observe(250.0)),
    ] {
        let kind = match value {
            CustomValue::Add(_) => MetricKind::Counter,
            CustomValue::Set(_) => MetricKind::Gauge,
            CustomValue::Hit(_) => MetricKind::Rate,
            CustomValue::Observe(_) => MetricKind::Trend,
        };
        let mut sink = CustomSink::new(kind);
        assert!(sink.add(value));
        totals
            .customs
            .insert(MetricLabels { metric: name.into(), labels: labels("", "list") }, sink);
    }
    totals
}

#[test]
fn k6_expressions_are_read() {
    use Aggregation as A;
    use Comparison as C;
    for (text, aggregation, comparison, bound) in [
        ("p(95)<300", A::Percentile(95.0), C::Less, 300.0),
        ("p(99.9) <= 1000", A::Percentile(99.9), C::LessOrEqual, 1000.0),
        (" avg < 200 ", A::Avg, C::Less, 200.0),
        ("min>1", A::Min, C::Greater, 1.0),
        ("max<0.5s", A::Max, C::Less, 500.0),
        ("med<250us", A::Med, C::Less, 0.25),
        ("p(95)<300ms", A::Percentile(95.0), C::Less, 300.0),
        ("rate<0.01", A::Rate, C::Less, 0.01),
        ("count>=10", A::Count, C::GreaterOrEqual, 10.0),
        ("count===3", A::Count, C::Equal, 3.0),
        ("count!=0", A::Count, C::NotEqual, 0.0),
        ("value<5", A::Value, C::Less, 5.0),
    ] {
        let got = rule("m", text);
        assert_eq!((got.aggregation, got.comparison), (aggregation, comparison), "{text}");
        assert!((got.bound - bound).abs() < 1e-12, "{text}: {}", got.bound);
    }
}

#[test]
fn selectors_may_hold_colons_braces_spaces_and_commas() {
    for (text, pairs) in [
        ("m", vec![]),
        ("m{}", vec![]),
        ("m{task:list_teams}", vec![("task", "list_teams")]),
        (
            "m{name:GET /api/teams/{id},status:200}",
            vec![("name", "GET /api/teams/{id}"), ("status", "200")],
        ),
        ("m{name:GET http://x/a,http://y/b}", vec![("name", "GET http://x/a,http://y/b")]),
        ("m{name:GET /a,b , task: x }", vec![("name", "GET /a,b"), ("task", "x")]),
        ("m{name:\"quoted\"}", vec![("name", "quoted")]),
        ("m{group:::outer::inner}", vec![("group", "outer::inner")]),
    ] {
        let want: Vec<_> = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        assert_eq!(rule(text, "count>0").selector, want, "{text}");
    }
}

#[test]
fn faults_are_named_with_the_nearest_right_word() {
    for (subject, expression, says, hints) in [
        ("m", "p(95)300", "comparison is missing", "p(95)<300"),
        ("m", "p(101)<3", "101 is not a percentile", "0 to 100"),
        ("m", "p95<300", "unknown aggregation \"p95\"", "p(95)"),
        ("m", "meed<300", "unknown aggregation \"meed\"", "med"),
        ("m", "median<300", "unknown aggregation \"median\"", "med"),
        ("m", "p(95)<fast", "not a number", "avg<200"),
        ("m", "p(95)<inf", "not a number", "avg<200"),
        ("m", "p(95)=300", "the comparisons are", "avg<200"),
        ("m", "rate<1%", "0.01 for 1%", "rate<0.01"),
        ("m", "count<10ms", "takes no unit", "count>=10"),
        ("m{task:x", "count>1", "brace", "metric{label:value"),
        ("m{task:x} y", "count>1", "after the last }", "metric{label:value"),
        ("m{task}", "count>1", "label:value", "metric{label:value"),
        ("", "count>1", "one word", "metric{label:value"),
        ("m{expected_response:true}", "count>1", "status", "metric{label:value"),
    ] {
        let error = Threshold::parse(subject, expression).expect_err(expression);
        assert!(error.to_string().contains(says), "{subject} {expression}: {error}");
        let hint = error.hint().expect("a hint");
        assert!(hint.contains(hints), "{subject} {expression}: {hint}");
    }
}

#[test]
fn a_metric_is_judged_only_in_the_ways_of_its_kind() {
    let custom = [("orders".to_owned(), MetricKind::Counter)];
    for (subject, expression) in
        [("http_req_duration", "p(95)<1"), ("orders", "rate>1"), ("vus", "value<9")]
    {
        assert_eq!(rule(subject, expression).validate_metric(&custom), Ok(()), "{subject}");
    }
    for (subject, expression, says, hints) in [
        ("http_req_failed", "p(95)<1", "http_req_failed is a rate and has no p(95)", "has rate"),
        ("http_req_duration", "rate<1", "is a trend", "avg, min, max, med and p(N)"),
        ("orders", "avg<1", "is a counter", "count and rate"),
        ("http_req_durations", "avg<1", "unknown metric", "http_req_duration?"),
        ("order", "count>1", "unknown metric", "orders"),
        ("vus{task:x}", "value>1", "no labels", "label"),
    ] {
        let error = rule(subject, expression).validate_metric(&custom).expect_err(subject);
        assert!(error.to_string().contains(says), "{subject}: {error}");
        assert!(error.hint().expect("a hint").contains(hints), "{subject}: {:?}", error.hint());
    }
}

#[test]
fn figures_are_compared_as_k6_does() {
    let totals = observed();
    for (subject, expression, actual) in [
        ("http_reqs", "count>=110", 110.0),
        ("http_reqs", "rate>10", 11.0),
        ("http_reqs{task:list}", "count==100", 100.0),
        ("http_req_duration{task:list}", "p(95)<=95.1", 95.0),
        ("http_req_duration{name:GET /api/teams/{id},status:200}", "max<=100", 100.0),
        ("http_req_duration{task:list}", "avg<51", 50.5),
        ("http_req_response_time{task:list}", "min<=6", 6.0),
        ("http_req_failed{task:list}", "rate<=0.01", 0.01),
        ("iterations", "count==10", 10.0),
        ("dropped_iterations{scenario:default}", "count<2", 1.0),
        ("checks", "rate>=0.75", 0.75),
        ("checks{check:signed in}", "rate>=0.75", 0.75),
        ("checks{name:signed in,task:on_start}", "rate>=0.75", 0.75),
        ("vus", "value==7", 7.0),
        ("vus_max", "value==20", 20.0),
        ("data_received{task:slow}", "count==1000", 1000.0),
        ("orders", "count==7", 7.0),
        ("orders", "rate<1", 0.7),
        ("queue", "value==4", 4.0),
        ("cached{task:list}", "rate==1", 1.0),
        ("work", "med<251", 250.0),
    ] {
        let judged = rule(subject, expression).evaluate(&totals, Duration::from_secs(10), 7);
        let got = judged.actual.unwrap_or_else(|| panic!("{subject} has no figure"));
        assert!((got - actual).abs() <= actual * 0.001, "{subject}: {got}");
        assert!(judged.passed, "{subject}: {expression} with {got}");
    }
}

#[test]
fn a_crossed_rule_fails_and_one_without_data_passes() {
    let totals = observed();
    let at = Duration::from_secs(10);
    assert!(!rule("http_req_duration", "max<999").evaluate(&totals, at, 1).passed);
    for subject in ["http_req_duration{task:none}", "group_duration", "nothing"] {
        let judged = rule(subject, "max<1").evaluate(&totals, at, 1);
        assert_eq!(judged, Judgement { actual: None, passed: true }, "{subject}");
    }
    let empty = rule("http_reqs", "count>=10").evaluate(&Totals::default(), at, 1);
    assert_eq!(empty, Judgement { actual: Some(0.0), passed: false });
    let early = rule("http_reqs", "rate>=10").evaluate(&totals, Duration::ZERO, 1);
    assert_eq!(early.actual, None);
}

proptest! {
    #[test]
    fn what_is_shown_reads_back_the_same(
        metric in "[a-z_]{1,12}",
        pairs in prop::collection::vec(("[a-z_]{1,8}", "[A-Za-z{}][A-Za-z0-9/{} _.-]{0,20}[A-Za-z/{}]"), 0..3),
        percentile in 0.0..=100.0_f64,
        bound in -1e6..1e9_f64,
    ) {
        let mut threshold = rule(&metric, &format!("p({percentile})<={bound}"));
        threshold.selector = pairs;
        let again = Threshold::parse(&threshold.subject(), &threshold.expression());
        prop_assert_eq!(again, Ok(threshold));
    }

    #[test]
    fn no_text_makes_the_reader_panic(subject in "\\PC{0,40}", expression in "\\PC{0,40}") {
        let _ = Threshold::parse(&subject, &expression);
    }
}
