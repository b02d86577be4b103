//! What a second costs where the windows of all workers come together.

use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use rhaid::pipeline::Aggregator;

use crate::samples::{plan, window};

/// Requests in the window of one worker.
const REQUESTS: u64 = 50_000;

pub(crate) fn measure(criterion: &mut Criterion) {
    let plan = Arc::new(plan());
    let windows: Vec<_> = (0..4).map(|worker| window(worker, REQUESTS)).collect();
    let mut group = criterion.benchmark_group("aggregator");
    group.throughput(Throughput::Elements(REQUESTS));
    let mut aggregator = Aggregator::new(plan.clone());
    group.bench_function("merge one window", |bencher| {
        bencher.iter(|| aggregator.add(&windows[0]));
    });

    group.throughput(Throughput::Elements(4 * REQUESTS));
    let mut aggregator = Aggregator::new(plan);
    let mut at = Duration::ZERO;
    group.bench_function("one second: four windows and a snapshot", |bencher| {
        bencher.iter(|| {
            windows.iter().for_each(|window| aggregator.add(window));
            at += Duration::from_secs(1);
            aggregator.snapshot(at)
        });
    });
    group.finish();
}
