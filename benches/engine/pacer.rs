//! When the next iteration is due, and how many users there are.

use std::hint::black_box;
use std::time::Duration;

use criterion::Criterion;
use rhaid::pacing::{Arrivals, Shard, VuSchedule};
use rhaid::plan::{Arrival, Executor, Stage};
use rhaid::units::Rate;

/// Longer than any measurement of it takes: an end would be measured instead.
const LENGTH: Duration = Duration::from_secs(366 * 24 * 3600);
/// One worker of several, as it is in a run.
const SHARD: Shard = Shard { index: 1, count: 4 };

fn rate(per_s: f64) -> Rate {
    Rate::per_second(per_s).expect("it is finite and above zero")
}

fn stage(target: f64, duration: Duration) -> Stage {
    Stage { name: "stage".to_owned(), target, duration, jump: false }
}

pub(crate) fn measure(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("pacer");
    for (name, arrival) in [("even", Arrival::Constant), ("poisson", Arrival::Poisson)] {
        let (pre_allocated_vus, max_vus) = (1, 1);
        let steady = Executor::ConstantArrivalRate {
            rate: rate(1e6),
            duration: LENGTH,
            arrival,
            pre_allocated_vus,
            max_vus,
        };
        let ramp = Executor::RampingArrivalRate {
            start_rate: rate(1e3),
            stages: vec![stage(1e6, LENGTH), stage(1e3, LENGTH)],
            arrival,
            pre_allocated_vus,
            max_vus,
        };
        for (course, executor) in [("steady", steady), ("ramp", ramp)] {
            let mut arrivals = Arrivals::new(&executor, 1, SHARD);
            group.bench_function(format!("next arrival, {name}, {course}"), |bencher| {
                bencher.iter(|| arrivals.next().expect("the schedule is longer than that"));
            });
        }
    }
    let stages: Vec<Stage> =
        (1..=5).map(|number| stage(f64::from(number) * 100.0, Duration::from_secs(60))).collect();
    let schedule = VuSchedule::new(0, &stages);
    group.bench_function("users at a moment, five stages", |bencher| {
        bencher.iter(|| schedule.vus_at(black_box(Duration::from_millis(123_456))));
    });
    group.finish();
}
