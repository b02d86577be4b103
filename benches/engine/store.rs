//! What a run costs in the database: with a begin and an end alone, and with seconds between them. A second's flush is a
//! sixteenth of the difference.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion};
use rhaid::pipeline::{Aggregator, Output, RunHead, Snapshot};
use rhaid::plan::TestType;
use rhaid::record::{GeneratorInfo, RunRecord, RunStatus, new_run_id};
use rhaid::store::StoreOutput;

use crate::samples::{plan, window};

/// Seconds of a run: as many as may wait for the writer before it merges them.
const SECONDS: u64 = 16;
/// Requests in each of them.
const REQUESTS: u64 = 50_000;

/// A run as its output sees it.
struct Seen {
    head: RunHead,
    snapshots: Vec<Arc<Snapshot>>,
    record: RunRecord,
}

impl Seen {
    fn new(seconds: u64) -> Self {
        let plan = plan();
        let head = RunHead {
            run_id: new_run_id(),
            name: plan.name.clone(),
            test_type: TestType::Load,
            started_at_ms: 0,
            plan: plan.clone(),
            tags: BTreeMap::new(),
            generator: GeneratorInfo {
                version: "0".to_owned(),
                host: "host".to_owned(),
                cores: 1,
                os: "Linux".to_owned(),
                transport: None,
            },
        };
        let window = window(0, REQUESTS);
        let mut aggregator = Aggregator::new(Arc::new(plan));
        let snapshots = (1..=seconds).map(|second| {
            let mut window = window.clone();
            for cell in &mut window.requests {
                cell.second = second as u32 - 1;
            }
            aggregator.add(&window);
            Arc::new(aggregator.snapshot(Duration::from_secs(second)))
        });
        let snapshots = snapshots.collect();
        let record = aggregator.record(&head, RunStatus::Finished, Duration::from_secs(seconds));
        Self { head, snapshots, record }
    }

    /// The same run with an id that no database has yet.
    fn again(&self) -> (RunHead, RunRecord) {
        let run_id = new_run_id();
        let head = RunHead { run_id: run_id.clone(), ..self.head.clone() };
        (head, RunRecord { run_id, ..self.record.clone() })
    }

    fn store(&self, path: &Path, (head, mut record): (RunHead, RunRecord)) {
        let mut output = StoreOutput::new(path);
        output.start(&head).expect("the database is ours");
        self.snapshots.iter().for_each(|snapshot| output.snapshot(snapshot));
        output.finish(&mut record).expect("the database is ours");
    }
}

pub(crate) fn measure(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut group = criterion.benchmark_group("store");
    group.sample_size(20);
    for seconds in [0, SECONDS] {
        let seen = Seen::new(seconds);
        // Each has a database of its own: it would be larger than the other's otherwise.
        let path = folder.path().join(format!("{seconds}.db"));
        group.bench_function(format!("a run of {seconds} seconds"), |bencher| {
            bencher.iter_batched(
                || seen.again(),
                |run| seen.store(&path, run),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}
