//! What one request costs where it is noted.

use criterion::Criterion;
use rhaid::clock::RunClock;
use rhaid::engine::Recorder;
use rhaid::metric::RequestStats;

use crate::one_task::exemplar;
use crate::samples::{labels, sample};

/// Requests before the measurement: histograms keep their first values in a list, and buckets from then on.
const BEFORE: u64 = 5_000;

pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("recorder");
    let mut stats = RequestStats::default();
    (0..BEFORE).for_each(|number| stats.record(&sample(number)));
    let mut number = BEFORE;
    group.bench_function("one sample into its series", |bencher| {
        bencher.iter(|| {
            number += 1;
            stats.record(&sample(number));
        });
    });

    let recorder = Recorder::new(0, RunClock::starting_now());
    let labels = labels(0);
    let request = |number| {
        let sample = sample(number);
        recorder.sent(sample.begun);
        recorder.request(&labels.parts(), &sample, || exemplar(&sample));
    };
    (0..BEFORE).for_each(request);
    group.bench_function("one request: sent and sampled", |bencher| {
        bencher.iter(|| {
            number += 1;
            request(number);
        });
    });
    group.finish();
}
