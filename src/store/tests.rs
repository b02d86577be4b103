//! The room as a whole: what goes in comes out, whatever happens to the process, the lock or the file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;

use rusqlite::Connection;
use tempfile::TempDir;

use super::{ListFilter, Store, StoreErrorKind, StoreOutput, finish};
use crate::metric::{Histogram, IterationStats};
use crate::pipeline::{Output, PhasePoint, RunHead, Snapshot, StepPoint};
use crate::plan::TestType;
use crate::record::{RunRecord, RunRow, RunStatus, TimesRecord, fixture, new_run_id};

fn temporary() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("rhaid.db");
    (directory, path)
}

fn head(run_id: &str) -> RunHead {
    RunHead {
        run_id: run_id.to_owned(),
        name: "journey".to_owned(),
        test_type: TestType::Load,
        started_at_ms: fixture::STARTED_AT_MS,
        plan: fixture::plan(),
        tags: fixture::plan().tags,
        generator: fixture::generator(),
    }
}

/// The snapshots of the first `seconds` of the fixture's run.
fn snapshots(seconds: u64) -> Vec<Arc<Snapshot>> {
    (0..seconds).map(|second| Arc::new(snapshot(second))).collect()
}

fn snapshot(second: u64) -> Snapshot {
    let points = fixture::steps_in_second(second).into_iter().map(|step| StepPoint {
        second: second as u32,
        step: step.name.into(),
        phase: fixture::phase_of(second).into(),
        tasks: step.tasks.into_iter().map(Into::into).collect(),
        count: step.count,
        failed: step.failed,
        censored: 0,
        statuses: step.statuses,
        service_time: step.times.service_time,
        response_time: step.times.response_time,
        bytes_sent: step.bytes_sent,
        bytes_received: step.bytes_received,
    });
    let phases = fixture::phases(second + 1).into_iter().map(|phase| PhasePoint {
        phase: phase.name.into(),
        start: phase.start,
        end: phase.end,
        iterations: phase.iterations,
    });
    Snapshot {
        seq: second,
        at: std::time::Duration::from_secs(second + 1),
        interval: std::time::Duration::from_secs(1),
        totals: fixture::totals(second + 1),
        points: points.collect(),
        phases: phases.collect(),
        checks: fixture::checks(second + 1),
        errors: fixture::errors(second + 1),
        thresholds: fixture::thresholds(),
        metrics: fixture::metrics(second + 1),
        resources: fixture::resources(second + 1),
        levels: fixture::levels(second + 1),
        ..Snapshot::default()
    }
}

/// Runs the fixture's run through an output, to its end.
fn store_run(path: &Path, run_id: &str, seconds: u64) -> RunRecord {
    let mut output = StoreOutput::new(path);
    output.start(&head(run_id)).expect("start");
    snapshots(seconds).iter().for_each(|snapshot| output.snapshot(snapshot));
    let mut record = fixture::record_of(run_id, seconds);
    output.finish(&mut record).expect("finish");
    record
}

fn same_times(a: &Histogram, b: &Histogram) {
    assert_eq!(format!("{:?}", Shown::of(a)), format!("{:?}", Shown::of(b)));
}

/// Everything a report can say of a distribution.
#[derive(Debug)]
#[expect(dead_code, reason = "compared by its debug text")]
struct Shown(u64, [Option<std::time::Duration>; 3], Vec<Option<std::time::Duration>>);

impl Shown {
    fn of(h: &Histogram) -> Self {
        let quantiles = [50.0, 90.0, 95.0, 99.0, 99.9]
            .iter()
            .filter_map(|p| crate::metric::Quantile::from_percentile(*p))
            .map(|q| h.supported_quantile(q));
        Self(h.count(), [h.min(), h.mean(), h.max()], quantiles.collect())
    }
}

fn same_iterations(a: &IterationStats, b: &IterationStats) {
    let counts = |s: &IterationStats| {
        [s.planned, s.started, s.dropped, s.completed, s.interrupted, s.failed]
    };
    assert_eq!(counts(a), counts(b));
    same_times(&a.duration, &b.duration);
    same_times(&a.response_time, &b.response_time);
}

fn same_all_times(a: &TimesRecord, b: &TimesRecord) {
    for ((_, a), (_, b)) in a.each().into_iter().zip(b.each()) {
        same_times(a, b);
    }
}

fn same_record(a: &RunRecord, b: &RunRecord) {
    assert_eq!(RunRow::from(a), RunRow::from(b));
    assert_eq!((&a.plan, &a.findings, &a.generator), (&b.plan, &b.findings, &b.generator));
    assert_eq!((&a.checks, &a.errors, &a.exemplars), (&b.checks, &b.errors, &b.exemplars));
    assert_eq!((&a.thresholds, &a.resources, &a.totals), (&b.thresholds, &b.resources, &b.totals));
    assert_eq!(a.levels, b.levels);
    assert_eq!(
        (a.steps.len(), a.phases.len(), a.metrics.len()),
        (b.steps.len(), b.phases.len(), b.metrics.len())
    );
    for (a, b) in a.steps.iter().zip(&b.steps) {
        assert_eq!((&a.name, &a.tasks, a.count, a.failed), (&b.name, &b.tasks, b.count, b.failed));
        assert_eq!((&a.statuses, a.bytes_sent), (&b.statuses, b.bytes_sent));
        same_all_times(&a.times, &b.times);
    }
    for (a, b) in a.phases.iter().zip(&b.phases) {
        assert_eq!((&a.name, a.start, a.end, a.count), (&b.name, b.start, b.end, b.count));
        same_all_times(&a.times, &b.times);
        assert_eq!(a.steps.len(), b.steps.len());
        for (a, b) in a.steps.iter().zip(&b.steps) {
            assert_eq!((&a.name, a.count, a.failed), (&b.name, b.count, b.failed));
            same_all_times(&a.times, &b.times);
        }
        same_iterations(&a.iterations, &b.iterations);
    }
    for (a, b) in a.metrics.iter().zip(&b.metrics) {
        assert_eq!((&a.name, a.kind, a.value), (&b.name, b.kind, b.value));
        assert_eq!((a.range, a.hits), (b.range, b.hits));
        same_times(
            &a.histogram.clone().unwrap_or_default(),
            &b.histogram.clone().unwrap_or_default(),
        );
    }
}

/// `sum(test_metrics.count)` and the last accounting row's `requests`.
fn accounts(path: &Path, id: i64) -> (i64, i64) {
    let connection = Connection::open(path).expect("open");
    let one = |sql| connection.query_row(sql, [id], |row| row.get(0)).expect(sql);
    (
        one("SELECT sum(count) FROM test_metrics WHERE run_id = ?1"),
        one("SELECT requests FROM flushes WHERE run_id = ?1 ORDER BY seq DESC LIMIT 1"),
    )
}

#[test]
fn a_run_comes_back_as_it_was_reported() {
    let (_directory, path) = temporary();
    let written = store_run(&path, "01KBAAAAAAAAAAAAAAAAAAAAAA", 10);
    let store = Store::open_read_only(&path).expect("open");
    let loaded = store.load(written.id).expect("load");
    same_record(&written, &loaded);
    let rows = store.list(&ListFilter::default()).expect("list");
    assert_eq!(rows, [RunRow::from(&loaded)]);
    assert_eq!(accounts(&path, written.id), (400, 400));
    assert_eq!(fs::metadata(&path).expect("file").permissions().mode() & 0o777, 0o600);
}

#[test]
fn every_flush_accounts_for_the_rows_before_it() {
    let (_directory, path) = temporary();
    let id = store_run(&path, "01KBAAAAAAAAAAAAAAAAAAAAAA", 8).id;
    let connection = Connection::open(&path).expect("open");
    let wrong: i64 = connection
        .query_row(
            "SELECT count(*) FROM flushes f WHERE run_id = ?1 AND (requests <> (SELECT sum(count) FROM test_metrics m
                 WHERE m.run_id = f.run_id AND m.seq <= f.seq) OR planned <> started + dropped)",
            [id],
            |row| row.get(0),
        )
        .expect("flushes");
    assert_eq!(wrong, 0);
}

/// A run whose process dies after `seconds`: as the file is then.
fn killed_run(path: &Path, run_id: &str, seconds: u64) -> i64 {
    let store = Store::open(path).expect("open");
    let id = store.begin_run(&head(run_id)).expect("begin");
    let mut flusher = super::flush::Flusher::new(store.into_connection(), id);
    for snapshot in snapshots(seconds) {
        flusher.flush(&snapshot, &false.into()).expect("flush");
    }
    // No process has pid 0 in /proc, and none started at tick 1.
    let dead = "UPDATE test_runs SET pid = 0, process_started_ticks = 1 WHERE id = ?1";
    flusher.connection().execute(dead, [id]).expect("update");
    id
}

#[test]
fn a_killed_run_is_interrupted_and_keeps_every_flushed_second() {
    let (_directory, path) = temporary();
    let id = killed_run(&path, "01KBAAAAAAAAAAAAAAAAAAAAAA", 7);
    let store = Store::open_read_only(&path).expect("open");
    let record = store.load(id).expect("load");
    assert_eq!((record.status, record.exit_code), (RunStatus::Interrupted, None));
    let whole = fixture::record_of("01KBAAAAAAAAAAAAAAAAAAAAAA", 7);
    assert_eq!(
        (&record.totals, &record.checks, &record.errors),
        (&whole.totals, &whole.checks, &whole.errors)
    );
    assert_eq!((record.elapsed, record.resources.len()), (whole.elapsed, whole.resources.len()));
    for (got, want) in record.steps.iter().zip(&whole.steps) {
        assert_eq!(
            (&got.name, &got.tasks, got.count, got.failed),
            (&want.name, &want.tasks, want.count, want.failed)
        );
        assert_eq!(
            (got.times.service_time.mean(), got.times.service_time.max()),
            (want.times.service_time.mean(), want.times.service_time.max())
        );
        let p95 =
            |h: &Histogram| h.quantile(crate::metric::Quantile::P95).expect("filled").as_secs_f64();
        let times = [&got.times.response_time, &want.times.response_time].map(p95);
        assert!((times[0] / times[1] - 1.0).abs() < 0.008);
    }
    let counts: Vec<u64> = record.phases.iter().map(|phase| phase.count).collect();
    assert_eq!((counts, record.phases[1].iterations.planned), (vec![200, 80], 84));

    let interrupted = ListFilter { status: Some(RunStatus::Interrupted), ..ListFilter::default() };
    assert_eq!(store.list(&interrupted).expect("list").len(), 1);
    Store::open(&path).expect("open for writing");
    let status: String = Connection::open(&path)
        .and_then(|c| c.query_row("SELECT status FROM test_runs", [], |row| row.get(0)))
        .expect("status");
    assert_eq!(status, "interrupted");
}

#[test]
fn a_run_that_goes_on_is_read_and_not_removed() {
    let (_directory, path) = temporary();
    let mut output = StoreOutput::new(&path);
    output.start(&head("01KBAAAAAAAAAAAAAAAAAAAAAA")).expect("start");
    let id = output.id().expect("started");
    let store = Store::open(&path).expect("open");
    assert_eq!(store.load(id).expect("load").status, RunStatus::Running);
    assert_eq!(store.remove(id).expect_err("running").kind, StoreErrorKind::StillRunning(id));
}

#[test]
fn an_output_that_is_dropped_does_not_hang_and_its_run_is_interrupted() {
    let (_directory, path) = temporary();
    let mut output = StoreOutput::new(&path);
    output.start(&head("01KBAAAAAAAAAAAAAAAAAAAAAA")).expect("start");
    snapshots(3).iter().for_each(|snapshot| output.snapshot(snapshot));
    drop(output);
    let store = Store::open_read_only(&path).expect("open");
    let stands = || store.load(1).expect("load").status;
    while stands() == RunStatus::Running {
        std::thread::yield_now();
    }
    assert_eq!((stands(), accounts(&path, 1)), (RunStatus::Interrupted, (120, 120)));
}

#[test]
fn a_run_taken_for_dead_runs_again_with_its_next_flush() {
    let (_directory, path) = temporary();
    let store = Store::open(&path).expect("open");
    let id = store.begin_run(&head("01KBAAAAAAAAAAAAAAAAAAAAAA")).expect("begin");
    finish::mark_interrupted(&store.connection, id).expect("mark");
    let mut flusher = super::flush::Flusher::new(store.into_connection(), id);
    flusher.flush(&snapshot(0), &false.into()).expect("flush");
    let status =
        Store::open_read_only(&path).and_then(|store| store.load(id)).expect("load").status;
    assert_eq!(status, RunStatus::Running);
}

#[test]
fn a_locked_database_delays_rows_and_loses_none() {
    let (_directory, path) = temporary();
    let mut output = StoreOutput::new(&path);
    output.start(&head("01KBAAAAAAAAAAAAAAAAAAAAAA")).expect("start");
    let blocker = Connection::open(&path).expect("open");
    blocker.execute_batch("BEGIN IMMEDIATE").expect("lock");
    // Many more than the queue holds: the rest is merged, and none of these calls waits.
    snapshots(60).iter().for_each(|snapshot| output.snapshot(snapshot));
    assert!(output.is_merging());
    blocker.execute_batch("COMMIT").expect("unlock");
    let mut record = fixture::record_of("01KBAAAAAAAAAAAAAAAAAAAAAA", 60);
    output.finish(&mut record).expect("finish");
    assert_eq!(accounts(&path, record.id), (2400, 2400));
    same_record(&record, &Store::open(&path).expect("open").load(record.id).expect("load"));
}

#[test]
fn a_database_that_fails_for_a_while_gets_everything_later() {
    let (_directory, path) = temporary();
    let mut output = StoreOutput::new(&path);
    output.start(&head("01KBAAAAAAAAAAAAAAAAAAAAAA")).expect("start");
    let other = Connection::open(&path).expect("open");
    other.execute_batch("ALTER TABLE flushes RENAME TO broken").expect("break");
    snapshots(5).iter().for_each(|snapshot| output.snapshot(snapshot));
    while output.unstored() < 200 {
        std::thread::yield_now();
    }
    other.execute_batch("ALTER TABLE broken RENAME TO flushes").expect("repair");
    let mut record = fixture::record_of("01KBAAAAAAAAAAAAAAAAAAAAAA", 5);
    output.finish(&mut record).expect("finish");
    assert_eq!((accounts(&path, record.id), output.unstored()), ((200, 200), 0));
}

#[test]
fn a_database_that_keeps_failing_is_reported_with_what_it_lacks() {
    let (_directory, path) = temporary();
    let mut output = StoreOutput::new(&path);
    output.start(&head("01KBAAAAAAAAAAAAAAAAAAAAAA")).expect("start");
    Connection::open(&path).and_then(|c| c.execute_batch("DROP TABLE flushes")).expect("break");
    snapshots(5).iter().for_each(|snapshot| output.snapshot(snapshot));
    let mut record = fixture::record_of("01KBAAAAAAAAAAAAAAAAAAAAAA", 5);
    let error = output.finish(&mut record).expect_err("no table").to_string();
    assert!(error.contains("200 of 200 requests are not stored"), "{error}");
    assert_eq!(record.totals.requests, 200);
}

#[test]
fn two_runs_at_once_both_land_whole() {
    let (_directory, path) = temporary();
    let ids = ["01KBAAAAAAAAAAAAAAAAAAAAAA", "01KBBBBBBBBBBBBBBBBBBBBBBB"];
    let (sender, ended) = channel();
    for run_id in ids {
        let (path, sender) = (path.clone(), sender.clone());
        std::thread::spawn(move || sender.send(store_run(&path, run_id, 10)).expect("main waits"));
    }
    let store = || Store::open_read_only(&path).expect("open");
    for record in ended.iter().take(2) {
        same_record(&record, &store().load(record.id).expect("load"));
        assert_eq!(accounts(&path, record.id), (400, 400));
    }
}

fn refusal(path: &Path) -> (String, StoreErrorKind) {
    let error = Store::open(path).expect_err("must be refused");
    (error.to_string(), error.kind)
}

#[test]
fn what_cannot_be_used_is_refused_with_a_way_out_and_left_as_it_was() {
    let (directory, path) = temporary();
    let (text, kind) = refusal(&directory.path().join("no/such/rhaid.db"));
    assert_eq!(kind, StoreErrorKind::MissingDirectory);
    assert!(text.contains("no/such/rhaid.db") && text.contains("--db"), "{text}");

    fs::write(&path, "this is not a database, it is a novel of some length").expect("write");
    let before = fs::read(&path).expect("read");
    assert_eq!(refusal(&path).1, StoreErrorKind::NotADatabase);
    assert_eq!(
        Store::open_read_only(&path).expect_err("refused").kind,
        StoreErrorKind::NotADatabase
    );
    assert_eq!(fs::read(&path).expect("read"), before);

    let foreign = directory.path().join("foreign.db");
    Connection::open(&foreign)
        .and_then(|c| c.execute_batch("CREATE TABLE cats (name TEXT)"))
        .expect("make");
    let before = fs::read(&foreign).expect("read");
    assert_eq!(refusal(&foreign).1, StoreErrorKind::Foreign);
    assert_eq!(fs::read(&foreign).expect("read"), before);

    let missing = directory.path().join("missing.db");
    assert_eq!(Store::open_read_only(&missing).expect_err("refused").kind, StoreErrorKind::Missing);
    assert!(!missing.exists());
    assert!(matches!(refusal(directory.path()).1, StoreErrorKind::CannotOpen(_)));
}

#[test]
fn a_newer_database_is_refused() {
    let (_directory, path) = temporary();
    drop(Store::open(&path).expect("open"));
    Connection::open(&path).and_then(|c| c.pragma_update(None, "user_version", 7)).expect("age");
    let (text, kind) = refusal(&path);
    assert_eq!(kind, StoreErrorKind::Newer { found: 7, known: 4 });
    assert!(text.contains("update rhaid"), "{text}");
}

#[test]
fn read_only_files_and_directories_are_refused_for_writing_and_can_be_read() {
    let (directory, path) = temporary();
    let id = store_run(&path, "01KBAAAAAAAAAAAAAAAAAAAAAA", 2).id;
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
    };
    set(&path, 0o400);
    assert!(matches!(refusal(&path).1, StoreErrorKind::ReadOnly(_)));
    set(&path, 0o600);
    set(directory.path(), 0o500);
    assert!(matches!(refusal(&path).1, StoreErrorKind::ReadOnly(_)));
    assert_eq!(Store::open_read_only(&path).and_then(|s| s.load(id)).expect("read").id, id);
    set(directory.path(), 0o700);
}

#[test]
fn damaged_pages_are_an_error_and_never_a_panic() {
    let (_directory, path) = temporary();
    store_run(&path, "01KBAAAAAAAAAAAAAAAAAAAAAA", 3);
    let whole = fs::read(&path).expect("read");
    for page in 1..whole.len() / 4096 {
        let mut broken = whole.clone();
        broken[page * 4096..page * 4096 + 512].fill(0xA5);
        fs::write(&path, &broken).expect("write");
        // Either the page does not matter for this run, or the damage is told.
        if let Err(error) = Store::open_read_only(&path).and_then(|store| store.load(1)) {
            assert!(error.to_string().contains("rhaid.db"), "{error}");
        }
    }
}

#[test]
fn runs_are_found_by_every_reference() {
    let (_directory, path) = temporary();
    for run_id in
        ["01KBAAAAAAAAAAAAAAAAAAAAAA", "01KBABBBBBBBBBBBBBBBBBBBBB", "01KCCCCCCCCCCCCCCCCCCCCCCC"]
    {
        store_run(&path, run_id, 1);
    }
    let store = Store::open(&path).expect("open");
    for (reference, id) in [
        ("1", 1),
        ("last", 3),
        ("last~1", 2),
        ("journey", 3),
        ("01KBABBBBBBBBBBBBBBBBBBBBB", 2),
        ("01kbaa", 1),
        ("01KC", 3),
    ] {
        assert_eq!(store.resolve(reference).expect(reference), id, "{reference}");
    }
    assert!(matches!(
        store.resolve("01KBA").expect_err("two").kind,
        StoreErrorKind::AmbiguousRun { .. }
    ));
    for reference in ["9", "last~3", "last~x", "nobody", "", "%"] {
        let error = store.resolve(reference).expect_err(reference);
        assert!(matches!(error.kind, StoreErrorKind::UnknownRun { .. }), "{reference}: {error}");
        assert!(error.to_string().contains("the last run is 3"), "{error}");
    }
    assert_eq!(store.previous(3).expect("previous"), Some(2));
    assert_eq!(store.previous(1).expect("previous"), None);
}

#[test]
fn lists_are_filtered_and_bounded() {
    let (_directory, path) = temporary();
    for _ in 0..3 {
        store_run(&path, &new_run_id(), 1);
    }
    let store = Store::open(&path).expect("open");
    store.tag(2, "release", "v1'; DROP TABLE test_runs; --").expect("tag");
    assert!(matches!(
        store.tag(9, "a", "b").expect_err("none").kind,
        StoreErrorKind::UnknownRun { .. }
    ));
    let ids = |filter: ListFilter| -> Vec<i64> {
        store.list(&filter).expect("list").iter().map(|row| row.id).collect()
    };
    assert_eq!(ids(ListFilter { limit: Some(2), ..ListFilter::default() }), [3, 2]);
    assert_eq!(
        ids(ListFilter { tag: Some(("release".into(), None)), ..ListFilter::default() }),
        [2]
    );
    let build = |value: &str| Some(("build".to_owned(), Some(value.to_owned())));
    assert_eq!(ids(ListFilter { tag: build("abc123"), ..ListFilter::default() }), [3, 2, 1]);
    assert!(ids(ListFilter { tag: build("other"), ..ListFilter::default() }).is_empty());
    assert!(ids(ListFilter { name: Some("other".into()), ..ListFilter::default() }).is_empty());
    assert!(
        ids(ListFilter { status: Some(RunStatus::Aborted), ..ListFilter::default() }).is_empty()
    );
}

#[test]
fn the_row_of_a_run_is_the_one_that_the_list_has_of_it() {
    let (_directory, path) = temporary();
    for _ in 0..2 {
        store_run(&path, &new_run_id(), 1);
    }
    let store = Store::open_read_only(&path).expect("open");
    let rows = store.list(&ListFilter::default()).expect("list");
    assert_eq!(rows.len(), 2);
    for row in rows {
        assert_eq!(store.row(row.id).expect("read"), Some(row));
    }
    assert_eq!(store.row(3).expect("read"), None);
}

#[test]
fn a_removed_run_leaves_no_row_behind_and_its_id_is_not_used_again() {
    let (_directory, path) = temporary();
    store_run(&path, &new_run_id(), 2);
    let store = Store::open(&path).expect("open");
    store.remove(1).expect("remove");
    assert!(matches!(store.remove(1).expect_err("gone").kind, StoreErrorKind::UnknownRun { .. }));
    for sql in [
        "SELECT count(*) FROM test_metrics",
        "SELECT count(*) FROM series",
        "SELECT count(*) FROM histograms",
        "SELECT count(*) FROM phases",
        "SELECT count(*) FROM flushes",
        "SELECT count(*) FROM run_tags",
        "SELECT count(*) FROM resource_samples",
        "SELECT count(*) FROM resource_levels",
        "SELECT count(*) FROM errors",
        "SELECT count(*) FROM exemplars",
    ] {
        let left: i64 = store.connection.query_row(sql, [], |row| row.get(0)).expect(sql);
        assert_eq!(left, 0, "{sql}");
    }
    drop(store);
    assert_eq!(store_run(&path, &new_run_id(), 1).id, 2);
}

#[test]
fn secrets_are_not_written() {
    let (_directory, path) = temporary();
    let mut head = head("01KBAAAAAAAAAAAAAAAAAAAAAA");
    head.plan.http.headers = vec![("Authorization".to_owned(), "Bearer canary-9f2".to_owned())];
    let store = Store::open(&path).expect("open");
    let id = finish::insert_run(&store.connection, &head).expect("insert");
    assert_eq!(store.load(id).expect("load").plan.http.headers[0].1, "***");
    drop(store);
    let bytes = fs::read(&path).expect("read");
    assert!(!bytes.windows(10).any(|window| window == b"canary-9f2"));
}
