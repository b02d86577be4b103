//! The formats side by side, from one record.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::metric::Histogram;
use crate::record::{RunRow, Validity, fixture};

fn options() -> TextOptions {
    let stored_in = Some("rhaid.db".to_owned());
    TextOptions { stored_in, previous: Some(11), ..TextOptions::default() }
}

fn parsed(record: &RunRecord) -> Value {
    serde_json::from_str(&json(record)).expect("valid JSON")
}

fn schema() -> jsonschema::Validator {
    let text = include_str!("../../docs/run-record.schema.json");
    let schema: Value = serde_json::from_str(text).expect("valid JSON");
    jsonschema::draft202012::new(&schema).expect("a valid schema")
}

/// A record in which nothing happened.
fn empty() -> RunRecord {
    let mut record = fixture::record();
    record.steps.clear();
    record.phases.clear();
    record.checks.clear();
    record.thresholds.clear();
    record.errors.clear();
    record.exemplars.clear();
    record.metrics.clear();
    record.resources.clear();
    record.levels.clear();
    record.findings = crate::record::Findings::default();
    record.exit_code = None;
    record.id = 0;
    record.elapsed = Duration::ZERO;
    record.totals = crate::record::TotalsRecord::default();
    record
}

#[test]
fn a_summary_says_it_all_in_order() {
    insta::assert_snapshot!(summary(&fixture::record(), &options()), @"
    journey · load · 20 VUs · http://127.0.0.1:8117 · finished after 10s

    thresholds
      ✓ http_req_duration{task:list_teams}: p(95)<300  p(95) = 17.2ms
      ✗ http_req_failed: rate<0.01                     rate = 2.50 %
      ✓ http_req_duration{task:nobody}: p(95)<300      no data

    verdict
      FAILED 1 of 3 thresholds · numbers DEGRADED · exit code 99
      DEGRADED  requests left 12ms late
      note      the target runs on this machine

    steps: http_req_response_time, from when a request was due; svc: http_req_duration, on the wire
    step               reqs  fail %     avg     p50     p95     p99  p99.9     max  svc p99    rate
    ───────────────────────────────────────────────────────────────────────────────────────────────
    GET /api/teams      300    0.00  13.1ms  13.1ms  17.3ms     n/a    n/a  18.0ms      n/a  30.0/s
    PUT /api/users/me   100   10.00  28.1ms  27.4ms  35.9ms     n/a    n/a  36.1ms      n/a  10.0/s
    all steps           400    2.50  16.8ms  14.6ms  32.6ms  35.9ms    n/a  36.1ms   35.8ms  40.0/s

    phases: http_req_response_time, from when a request was due; svc: http_req_duration, on the wire
    phase      from   to  reqs  fail %     p50     p95  p99  svc p99    rate  iterations  thresholds
    ────────────────────────────────────────────────────────────────────────────────────────────────
    ramp-up      0s   5s   200    2.50  14.4ms  32.4ms  n/a      n/a  40.0/s         200           -
    sustained    5s  10s   200    2.50  14.8ms  32.6ms  n/a      n/a  40.0/s         200           -

    checks
      ✓ status is 200 (list_teams)  300 of 300
      ✗ profile saved (update_profile)  90 of 100

    errors
    count  kind        where              message                       first   last
    ────────────────────────────────────────────────────────────────────────────────
       10  status 503  PUT /api/users/me  expected a status below 400  0.412s  9.91s

    metrics
    metric       kind       value  detail
    ──────────────────────────────────────────────────────────────────────────────────────
    teams_seen   counter      120
    queue_depth  gauge          4  min 1  max 9
    cache_hit    rate     25.00 %  3 of 12
    render_time  trend     5.90ms  min 3.00ms  p50 6.00ms  p95 9.00ms  p99 n/a  max 9.00ms

    health
      generator  CPU 15.5 % of a core, at most 20 % · 48.0 MiB · 40 files · 20 connections · 4 threads
      target     CPU 60.5 % of a core, at most 65 % · 100.0 MiB · 40 files · 20 connections · 4 threads
      limits     lag p50 n/a, p99 n/a, max n/a · hiccups p99.9 400µs, max 2.50ms · busiest worker 25 %, at most 50 %

    resources: docs/resources.md says what each is
    resource             mean         max    capacity  used at most  saturation
    ───────────────────────────────────────────────────────────────────────────
    database pool         7.7           8           8         100 %           7
    target cpu     0.55 cores  1.00 cores  2.00 cores          50 %           0
    target memory    95.5 MiB   100.0 MiB           -             -           -

    totals
      iterations  420 planned = 400 started + 20 dropped · 397 completed · 3 interrupted · 10 failed
      requests    400 sent · 400 done · 10 failed (2.50 %) · 39.0/s successful · by reqwest
      unseen      20 iterations unsent · 0 requests whose end was not seen (≥)
      data        46.9 KiB sent · 351.6 KiB received · at most 20 VUs

    n/a: too few samples (p50 needs 6, p95 needs 72, p99 needs 368, p99.9 needs 3,688)

    numbers  docs/measurement.md says what each means and how far it may be off
    stored   run 12 in rhaid.db
    compare  rhaid report 11 12
    ");
}

#[test]
fn an_open_load_shows_response_times_and_fits_a_narrow_terminal_in_ascii() {
    let mut record = fixture::record();
    record.plan = fixture::open_plan();
    record.id = 0;
    let narrow = TextOptions { width: 80, ascii: true, ..TextOptions::default() };
    let text = summary(&record, &narrow);
    assert!(text.is_ascii(), "{text}");
    let tables = text.split("steps:").nth(1).and_then(|t| t.split("phases:").next());
    insta::assert_snapshot!(tables.expect("a table of steps"), @"
     http_req_response_time, from when a request was due; svc: http_req_duration, on the wire
    step               reqs  fail %     p50     p95     p99     max  svc p99    rate
    --------------------------------------------------------------------------------
    GET /api/teams      300    0.00  13.1ms  17.3ms     n/a  18.0ms      n/a  30.0/s
    PUT /api/users/me   100   10.00  27.4ms  35.9ms     n/a  36.1ms      n/a  10.0/s
    all steps           400    2.50  14.6ms  32.6ms  35.9ms  36.1ms   35.8ms  40.0/s
    ");
}

#[test]
fn a_markdown_report_has_the_same_figures() {
    insta::assert_snapshot!(markdown(&fixture::record()), @r"
    # journey

    | run |  |
    | --- | --- |
    | id | 12 (01KBFIXTURE000000000000001) |
    | started | 2026-11-21T03:12:46.000Z |
    | status | finished after 10s |
    | load | load, 20 VUs |
    | target | http://127.0.0.1:8117 |
    | transport | reqwest |
    | numbers | DEGRADED: requests left 12ms late |
    | iterations | 420 planned = 400 started + 20 dropped |
    | requests | 400, 10 failed (2.50 %), 39.0/s successful |

    ## Thresholds

    |  | threshold | actual |
    | --- | --- | --- |
    | ✓ | http\_req\_duration{task:list\_teams}: p(95)&lt;300 | p(95) = 17.2ms |
    | ✗ | http\_req\_failed: rate&lt;0.01 | rate = 2.50 % |
    | ✓ | http\_req\_duration{task:nobody}: p(95)&lt;300 | no data |

    ## Steps

    | step | reqs | fail % | avg | min | p50 | p95 | p99 | p99.9 | max | svc p50 | svc p95 | svc p99 | rate |
    | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
    | GET /api/teams | 300 | 0.00 | 13.1ms | 8.14ms | 13.1ms | 17.3ms | n/a | n/a | 18.0ms | 12.9ms | 17.1ms | n/a | 30.0/s |
    | PUT /api/users/me | 100 | 10.00 | 28.1ms | 20.1ms | 27.4ms | 35.9ms | n/a | n/a | 36.1ms | 27.3ms | 35.8ms | n/a | 10.0/s |
    | all steps | 400 | 2.50 | 16.8ms | 8.14ms | 14.6ms | 32.6ms | 35.9ms | n/a | 36.1ms | 14.5ms | 32.5ms | 35.8ms | 40.0/s |

    ## Phases

    | phase | from | to | reqs | fail % | p50 | p95 | p99 | svc p99 | rate | iterations | dropped | thresholds |
    | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
    | ramp-up | 0s | 5s | 200 | 2.50 | 14.4ms | 32.4ms | n/a | n/a | 40.0/s | 200 | 10 | - |
    | sustained | 5s | 10s | 200 | 2.50 | 14.8ms | 32.6ms | n/a | n/a | 40.0/s | 200 | 10 | - |

    ## Checks

    |  | check | task | passed | failed |
    | --- | --- | --- | ---: | ---: |
    | ✓ | status is 200 | list\_teams | 300 | 0 |
    | ✗ | profile saved | update\_profile | 90 | 10 |

    ## Errors

    | count | kind | where | message | first | last |
    | ---: | --- | --- | --- | ---: | ---: |
    | 10 | status 503 | PUT /api/users/me | expected a status below 400 | 0.412s | 9.91s |

    ## Metrics

    | metric | kind | value | detail |
    | --- | --- | ---: | --- |
    | teams\_seen | counter | 120 |  |
    | queue\_depth | gauge | 4 | min 1  max 9 |
    | cache\_hit | rate | 25.00 % | 3 of 12 |
    | render\_time | trend | 5.90ms | min 3.00ms  p50 6.00ms  p95 9.00ms  p99 n/a  max 9.00ms |

    `docs/measurement.md` says what each number means and how far it may be off.
    ");
}

#[test]
fn a_csv_report_has_the_same_figures() {
    insta::assert_snapshot!(csv(&fixture::record()), @"
    run_id,run_name,started_at,scope,name,count,failed,error_ratio,rate_per_s,throughput_per_s,elapsed_s,http_req_duration_min_ms,http_req_duration_avg_ms,http_req_duration_p50_ms,http_req_duration_p90_ms,http_req_duration_p95_ms,http_req_duration_p99_ms,http_req_duration_p99_9_ms,http_req_duration_max_ms,http_req_response_time_min_ms,http_req_response_time_avg_ms,http_req_response_time_p50_ms,http_req_response_time_p90_ms,http_req_response_time_p95_ms,http_req_response_time_p99_ms,http_req_response_time_p99_9_ms,http_req_response_time_max_ms
    01KBFIXTURE000000000000001,journey,2026-11-21T03:12:46.000Z,step,GET /api/teams,300,0,0,30,30,10,8,12.946,12.936,16.668,17.116,,,17.892,8.137,13.083,13.073,16.805,17.253,,,18.029
    01KBFIXTURE000000000000001,journey,2026-11-21T03:12:46.000Z,step,PUT /api/users/me,100,10,0.1,10,9,10,20,27.983,27.301,34.233,35.761,,,35.966,20.137,28.12,27.438,34.37,35.898,,,36.103
    01KBFIXTURE000000000000001,journey,2026-11-21T03:12:46.000Z,phase,ramp-up,200,5,0.025,40,39,5,8,16.498,14.22,28.829,32.295,,,35.761,8.137,16.635,14.357,28.966,32.432,,,35.898
    01KBFIXTURE000000000000001,journey,2026-11-21T03:12:46.000Z,phase,sustained,200,5,0.025,40,39,5,8.485,16.913,14.705,29.034,32.5,,,35.966,8.622,17.05,14.842,29.171,32.637,,,36.103
    01KBFIXTURE000000000000001,journey,2026-11-21T03:12:46.000Z,total,all steps,400,10,0.025,40,39,10,8,16.705,14.491,29.034,32.5,35.802,,35.966,8.137,16.842,14.628,29.171,32.637,35.939,,36.103
    ");
}

#[test]
fn a_json_report_has_the_published_fields() {
    let document = parsed(&fixture::record());
    let fields: Vec<&String> = document.as_object().expect("object").keys().collect();
    insta::assert_snapshot!(fields.iter().map(|f| f.as_str()).collect::<Vec<_>>().join(" "), @"version run_id id name test_type status exit_code started_at elapsed_s load target tags plan validity steps phases checks thresholds errors exemplars metrics resources totals generator generator_figures recoveries steadiness exposure p99_interval");
    insta::assert_snapshot!(document["steps"][1], @r#"{"name":"PUT /api/users/me","tasks":["update_profile"],"count":100,"failed":10,"error_ratio":0.1,"rate_per_s":10.0,"throughput":9.0,"censored":0,"http_req_duration":{"min":20.0,"avg":27.983,"p50":27.301,"p90":34.233,"p95":35.761,"p99":null,"p99_9":null,"max":35.966},"http_req_response_time":{"min":20.137,"avg":28.12,"p50":27.438,"p90":34.37,"p95":35.898,"p99":null,"p99_9":null,"max":36.103},"http_req_response_time_success":{"min":20.137,"avg":28.12,"p50":27.438,"p90":34.37,"p95":35.898,"p99":null,"p99_9":null,"max":36.103},"schedule_lag":{"min":null,"avg":null,"p50":null,"p90":null,"p95":null,"p99":null,"p99_9":null,"max":null},"first_on_connection":{"count":0,"http_req_duration":{"min":null,"avg":null,"p50":null,"p90":null,"p95":null,"p99":null,"p99_9":null,"max":null},"others":{"min":20.0,"avg":27.983,"p50":27.301,"p90":34.233,"p95":35.761,"p99":null,"p99_9":null,"max":35.966}},"statuses":{"200":90,"503":10},"sent_bytes":12000,"received_bytes":90000}"#);
    insta::assert_snapshot!(document["totals"], @r#"{"planned":420,"started":400,"dropped":20,"completed":397,"interrupted":3,"failed_iterations":10,"sent":400,"requests":400,"failed":10,"error_ratio":0.025,"rate_per_s":40.0,"throughput":39.0,"censored":0,"http_req_duration":{"min":8.0,"avg":16.705,"p50":14.491,"p90":29.034,"p95":32.5,"p99":35.802,"p99_9":null,"max":35.966},"http_req_response_time":{"min":8.137,"avg":16.842,"p50":14.628,"p90":29.171,"p95":32.637,"p99":35.939,"p99_9":null,"max":36.103},"http_req_response_time_success":{"min":8.137,"avg":16.842,"p50":14.628,"p90":29.171,"p95":32.637,"p99":35.939,"p99_9":null,"max":36.103},"schedule_lag":{"min":null,"avg":null,"p50":null,"p90":null,"p95":null,"p99":null,"p99_9":null,"max":null},"first_on_connection":{"count":0,"http_req_duration":{"min":null,"avg":null,"p50":null,"p90":null,"p95":null,"p99":null,"p99_9":null,"max":null},"others":{"min":8.0,"avg":16.705,"p50":14.491,"p90":29.034,"p95":32.5,"p99":35.802,"p99_9":null,"max":35.966}},"sent_bytes":48000,"received_bytes":360000,"vus_max":20,"overflowed":0,"discarded":0}"#);
    assert_eq!(document["plan"]["scenarios"][0]["executor"]["duration"], "10s");
    assert_eq!(document["thresholds"][2]["actual"], Value::Null);
    assert_eq!(
        document["resources"]["target"]["memory_bytes"],
        json!({"max": 100 << 20, "last": 100 << 20})
    );
}

#[test]
fn every_json_report_follows_the_schema() {
    let schema = schema();
    let mut open = fixture::record();
    open.plan = fixture::open_plan();
    open.metrics[0].value = f64::NAN;
    for record in [fixture::record(), open, empty()] {
        let document = parsed(&record);
        let errors: Vec<String> =
            schema.iter_errors(&document).map(|e| format!("{} {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
}

#[test]
fn a_broken_document_does_not_follow_the_schema() {
    let schema = schema();
    let whole = parsed(&fixture::record());
    for (pointer, broken) in [
        ("/status", json!("done")),
        ("/started_at", json!("2026-11-21 03:12:46")),
        ("/steps/0/count", json!(-1)),
        ("/steps/0/error_ratio", json!(10)),
        ("/steps/0/http_req_duration/p99", json!("17ms")),
        ("/steps/0/http_req_duration", json!({"p95": 1})),
        ("/totals/planned", Value::Null),
        ("/validity/verdict", json!("FINE")),
        ("/version", json!(2)),
    ] {
        let mut document = whole.clone();
        *document.pointer_mut(pointer).expect(pointer) = broken;
        assert!(!schema.is_valid(&document), "{pointer}");
    }
    for field in ["run_id", "plan", "validity", "totals", "resources"] {
        let mut document = whole.clone();
        document.as_object_mut().expect("object").remove(field);
        assert!(!schema.is_valid(&document), "{field}");
    }
}

#[test]
fn a_percentile_without_enough_samples_is_not_available_anywhere() {
    let mut record = fixture::record();
    let mut few = Histogram::new();
    (1..=100).for_each(|ms| few.record(Duration::from_millis(ms)));
    record.steps[0].count = 100;
    record.steps[0].times.service_time = few.clone();
    record.steps[0].times.response_time = few;
    let line = |text: &str| text.lines().find(|l| l.contains(fixture::LIST)).map(str::to_owned);
    let cells = line(&summary(&record, &options())).expect("line");
    assert!(cells.split_whitespace().any(|cell| cell == "n/a") && cells.contains("95.0ms"));
    assert!(summary(&record, &options()).contains("p99.9 needs 3,688"));
    assert!(line(&markdown(&record)).expect("line").contains("95.0ms | n/a"));
    assert!(line(&csv(&record)).expect("line").contains(",95,,,100,"));
    assert_eq!(parsed(&record)["steps"][0]["http_req_duration"]["p99"], Value::Null);
}

#[test]
fn a_run_without_anything_is_shown_in_every_format() {
    let record = empty();
    let text = summary(&record, &TextOptions::default());
    assert!(text.contains("0 planned = 0 started + 0 dropped"), "{text}");
    for format in [Format::Table, Format::Json, Format::Markdown, Format::Csv] {
        assert!(!render(&record, format, &options()).contains("NaN"));
    }
    assert_eq!(parsed(&record)["id"], Value::Null);
}

#[test]
fn hostile_text_reaches_no_terminal_cell_or_page() {
    let evil = "=cmd|' /C calc'!A0\u{1b}[2J\u{202e}<script>alert(1)</script>";
    let mut record = fixture::record();
    record.name = evil.to_owned();
    record.steps[0].name = evil.to_owned();
    record.errors[0].0.message = evil.to_owned();
    record.tags.insert(evil.to_owned(), evil.to_owned());
    record.plan.name = evil.to_owned();
    let rows = [RunRow::from(&record)];
    for format in [Format::Table, Format::Json, Format::Markdown, Format::Csv] {
        for text in [render(&record, format, &options()), history(&rows, format, &options())] {
            assert!(!text.contains(['\u{1b}', '\u{202e}']), "{format:?}: {text}");
        }
    }
    assert!(!markdown(&record).contains("<script>"));
    assert!(csv(&record).contains(",'=cmd|"));
    assert!(schema().is_valid(&parsed(&record)));
}

#[test]
fn colour_and_insecure_tls_are_seen() {
    let mut record = fixture::record();
    record.plan.http.insecure = true;
    let coloured = summary(&record, &TextOptions { colour: true, ..options() });
    assert!(coloured.contains("\u{1b}[31mINSECURE") && coloured.contains("\u{1b}[32m✓\u{1b}[0m"));
    let plain = summary(&record, &options());
    assert!(plain.contains("INSECURE") && !plain.contains('\u{1b}'));
    assert!(markdown(&record).contains("**Insecure:**"));
    assert_eq!(parsed(&record)["plan"]["http"]["insecure"], true);
}

#[test]
fn thresholds_of_a_run_that_was_cut_short_held_only_so_far() {
    let mut record = fixture::record();
    record.thresholds.remove(1);
    assert!(summary(&record, &options()).contains("PASSED 2 thresholds ·"));
    record.status = crate::record::RunStatus::Interrupted;
    assert!(summary(&record, &options()).contains("PASSED 2 thresholds so far ·"));
}

#[test]
fn secrets_are_not_reported() {
    let mut record = fixture::record();
    record.plan.http.headers = vec![("authorization".to_owned(), "Bearer canary".to_owned())];
    assert!(!json(&record).contains("canary"));
}

fn rows() -> [RunRow; 2] {
    let newer = RunRow::from(&fixture::record());
    let mut older = RunRow { id: 11, p99: None, validity: None, ..newer.clone() };
    older.tags.clear();
    [newer, older]
}

#[test]
fn the_history_is_a_line_for_each_run() {
    let wide = TextOptions { width: 140, ..TextOptions::default() };
    insta::assert_snapshot!(history(&rows(), Format::Table, &wide), @r#"
    id        started (UTC)  name     type  status    numbers     load  reqs  fail %     p50     p95     p99    rate  length  tags
    ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────────
    12  2026-11-21 03:12:46  journey  load  finished  DEGRADED  20 VUs   400    2.50  14.6ms  32.6ms  35.9ms  39.0/s     10s  build=abc123
    11  2026-11-21 03:12:46  journey  load  finished  -         20 VUs   400    2.50  14.6ms  32.6ms     n/a  39.0/s     10s
    "#);
    insta::assert_snapshot!(history(&rows(), Format::Table, &TextOptions::default()), @r#"
    id        started (UTC)  name     status    numbers     load  reqs  fail %     p95     p99    rate
    ──────────────────────────────────────────────────────────────────────────────────────────────────
    12  2026-11-21 03:12:46  journey  finished  DEGRADED  20 VUs   400    2.50  32.6ms  35.9ms  39.0/s
    11  2026-11-21 03:12:46  journey  finished  -         20 VUs   400    2.50  32.6ms     n/a  39.0/s
    "#);
    insta::assert_snapshot!(history(&rows(), Format::Csv, &wide), @r#"
    id,run_id,started_at,name,test_type,status,exit_code,load,validity,requests,failed,error_ratio,throughput_per_s,response_time_p50_ms,response_time_p95_ms,response_time_p99_ms,elapsed_s,tags
    12,01KBFIXTURE000000000000001,2026-11-21T03:12:46.000Z,journey,load,finished,99,20 VUs,DEGRADED,400,10,0.025,39,14.628,32.637,35.939,10,build=abc123
    11,01KBFIXTURE000000000000001,2026-11-21T03:12:46.000Z,journey,load,finished,99,20 VUs,,400,10,0.025,39,14.628,32.637,,10,
    "#);
    assert!(history(&rows(), Format::Markdown, &wide).starts_with("| id | started (UTC) | name |"));
    assert_eq!(history(&[], Format::Table, &wide), "no runs yet; `rhaid run` makes one\n");
}

#[test]
fn the_history_as_json_is_an_array() {
    let list: Value = serde_json::from_str(&json_list(&rows())).expect("valid JSON");
    assert_eq!(list[0]["id"], 12);
    assert_eq!(list[1]["response_time_p99_ms"], Value::Null);
    let keys: Vec<&String> = list[0].as_object().expect("object").keys().take(4).collect();
    assert_eq!(keys, ["run_id", "id", "status", "name"]);
    assert_eq!(json_list(&[]), "[]\n");
}

/// A later run: one step slower, one too rare, one new.
fn later() -> RunRecord {
    let mut later = fixture::record();
    later.id = 15;
    later.findings.validity = Some(Validity::default());
    let mut slower = Histogram::new();
    (0..300).for_each(|i| slower.record(Duration::from_micros(9_000 + 40 * i)));
    later.steps[0].times.service_time = slower;
    later.steps[1].count = 40;
    let mut new = later.steps[0].clone();
    new.name = "POST /api/teams".to_owned();
    later.steps.push(new);
    later
}

#[test]
fn a_comparison_has_a_word_for_each_step() {
    let found = compare(&fixture::record(), &later(), CompareOptions::default()).expect("alike");
    insta::assert_snapshot!(found.render(Format::Table, &TextOptions::default()), @"
    A  run 12, journey, 2026-11-21T03:12:46.000Z, finished
    B  run 15, journey, 2026-11-21T03:12:46.000Z, finished
    note: the numbers of A are DEGRADED: requests left 12ms late

    http_req_duration: 1 slower, 1 cannot be told, 1 only in B

    step               verdict                     figure        A        B    change
    ─────────────────────────────────────────────────────────────────────────────────
    GET /api/teams     slower                      p50      12.9ms   15.0ms   +15.7 %
                                                   p95      17.1ms   20.4ms   +18.9 %
                                                   p99         n/a      n/a       n/a
                                                   avg      12.9ms   15.0ms   +15.7 %
                                                   rate     30.0/s   30.0/s    +0.0 %
                                                   fail     0.00 %   0.00 %       n/a
                                                   reqs        300      300    +0.0 %
    POST /api/teams    only in B                   p50         n/a   15.0ms       n/a
                                                   p95         n/a   20.4ms       n/a
                                                   p99         n/a      n/a       n/a
                                                   avg         n/a   15.0ms       n/a
                                                   rate        n/a   30.0/s       n/a
                                                   fail        n/a   0.00 %       n/a
                                                   reqs        n/a      300       n/a
    PUT /api/users/me  cannot be told              p50      27.3ms   27.3ms    +0.0 %
                       40 samples, 100 are needed  p95      35.8ms   35.8ms    +0.0 %
                                                   p99         n/a      n/a       n/a
                                                   avg      28.0ms   28.0ms    +0.0 %
                                                   rate     10.0/s    4.0/s   -60.0 %
                                                   fail    10.00 %  25.00 %  +150.0 %
                                                   reqs        100       40   -60.0 %
    all steps          cannot be told              p50      14.5ms   16.0ms   +10.1 %
                       not the same steps          p95      32.5ms   30.6ms    -6.0 %
                                                   p99      35.8ms   35.7ms    -0.3 %
                                                   avg      16.7ms   16.8ms    +0.8 %
                                                   rate     40.0/s   64.0/s   +60.0 %
                                                   fail     2.50 %   1.56 %   -37.5 %
                                                   reqs        400      640   +60.0 %

    provisional: single runs differ among themselves; repeat both before you act on a small change
    ");
    let text = found.render(Format::Json, &options());
    let document: Value = serde_json::from_str(&text).expect("valid JSON");
    assert_eq!(document["steps"][0]["verdict"], "slower");
    assert_eq!(document["steps"][0]["p95"]["a"], 17.116);
    assert_eq!(
        (&document["measure"], &document["is_provisional"]),
        (&json!("http_req_duration"), &json!(true))
    );
    let text = found.render(Format::Csv, &options());
    assert!(text.contains("POST /api/teams,only in B,,p50,ms,,"), "{text}");
    let text = found.render(Format::Markdown, &options());
    assert!(text.contains("**1 slower, 1 cannot be told, 1 only in B**"), "{text}");
}

#[test]
fn unlike_runs_are_compared_only_when_forced() {
    let mut other = later();
    other.plan = fixture::open_plan();
    let refusal =
        compare(&fixture::record(), &other, CompareOptions::default()).expect_err("unlike");
    insta::assert_snapshot!(refusal, @"these runs cannot be compared, since their plans differ: load of default: constant-vus, 20 VUs, 10s in A, constant-arrival-rate, 200/s, 10s in B; add --force to compare them all the same");
    let forced =
        compare(&fixture::record(), &other, CompareOptions { force: true }).expect("forced");
    assert_eq!((forced.measure, forced.differences.len()), ("http_req_response_time", 1));
    assert!(forced.render(Format::Table, &options()).contains("unlike: load of default"));
}
