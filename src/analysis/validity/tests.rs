//! Every signal on both sides of its limits, and runs that look alike and are not.

use Verdict::{Degraded, Invalid, Valid};

use super::*;
use crate::metric::Buckets;

/// A run with its evidence; as made it is ten seconds of 100 iterations, one request of 20 ms each, with nothing wrong.
struct Run {
    evidence: Evidence<'static>,
    slices: Vec<Slice>,
    backlog: Vec<u64>,
    worker_busy: Vec<Vec<f64>>,
    resources: Vec<ResourceUse>,
    health: Vec<GeneratorHealth>,
}

const SECONDS: usize = 10;
const PER_SECOND: u64 = 100;

impl Run {
    fn healthy() -> Self {
        let evidence = Evidence {
            user_cap: Some(50),
            schedule_lag: histogram(&[(1000, us(60))]),
            response_p50: Some(ms(20)),
            response_p99: Some(ms(30)),
            hiccups: histogram(&[(5000, us(80))]),
            time: accounts(20.0, 20.0, 20.2),
            iterations: 1000,
            sent: 1000,
            sampled: 1000,
            arrival_p_value: Some(0.4),
            steadiness: Some("flat".to_owned()),
            ..Evidence::default()
        };
        let slices = (0..SECONDS).map(|second| slice(second, ms(20))).collect();
        let usage =
            ResourceUse { cpu_percent: 20.0, host_cpu_percent: 15.0, ..ResourceUse::default() };
        let health = GeneratorHealth {
            interval_s: 1.0,
            allowed_cores: Some(2),
            throttled_periods: Some(0),
            throttled_s: Some(0.0),
            steal_ratio: Some(0.0),
            open_files: Some(60),
            max_open_files: Some(1000),
            used_ports: Some(50),
            available_ports: Some(28_232),
            link_ratio: Some(0.01),
            sent_packets: Some(200),
            send_drops: Some(0),
            sent_segments: Some(200),
            resent_segments: Some(0),
            ..GeneratorHealth::default()
        };
        Self {
            evidence,
            slices,
            backlog: vec![0; SECONDS],
            worker_busy: vec![vec![0.1; SECONDS]; 2],
            resources: vec![usage; SECONDS],
            health: vec![health; SECONDS],
        }
    }

    /// A healthy run after `change`.
    fn with(change: impl FnOnce(&mut Self)) -> Self {
        let mut run = Self::healthy();
        change(&mut run);
        run
    }

    fn judge(&self) -> Validity {
        judge(&Evidence {
            slices: &self.slices,
            backlog: &self.backlog,
            worker_busy: &self.worker_busy,
            resources: &self.resources,
            health: &self.health,
            ..self.evidence.clone()
        })
    }
}

fn us(us: u64) -> Duration {
    Duration::from_micros(us)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn histogram(values: &[(u64, Duration)]) -> Histogram {
    let mut histogram = Histogram::new();
    for (times, value) in values {
        (0..*times).for_each(|_| histogram.record(*value));
    }
    histogram
}

fn accounts(in_flight_s: f64, transport_s: f64, iterations_s: f64) -> TimeAccount {
    TimeAccount { in_flight_s, transport_s, iterations_s, pauses_s: 0.0 }
}

fn slice(second: usize, response: Duration) -> Slice {
    let (mut lag, mut times) = (Buckets::default(), Buckets::default());
    (0..PER_SECOND).for_each(|_| lag.record(us(60)));
    (0..PER_SECOND).for_each(|_| times.record(response));
    let in_flight = PER_SECOND as f64 * response.as_secs_f64();
    Slice {
        start: Duration::from_secs(second as u64),
        width: Duration::from_secs(1),
        planned: PER_SECOND,
        started: PER_SECOND,
        requests: PER_SECOND,
        service_time: times.clone(),
        response_time: times,
        schedule_lag: lag,
        in_flight_mean: in_flight,
        in_flight_max: in_flight.ceil() as u64,
        ..Slice::default()
    }
}

/// The run is valid but for this one signal.
#[track_caller]
fn assert_only(validity: &Validity, signal: Signal, verdict: Verdict) {
    let found: Vec<_> = validity.reasons.iter().map(|r| (r.signal, r.verdict)).collect();
    let expected = if verdict == Valid { vec![] } else { vec![(signal, verdict)] };
    assert_eq!(found, expected, "{validity:#?}");
    assert_eq!(validity.verdict, verdict);
    // Every sentence has a figure or says what to do, and none has a number that is none.
    for reason in &validity.reasons {
        assert!(reason.message.contains(':') && !reason.message.contains("NaN"), "{reason:?}");
    }
}

/// A change to a healthy run, and the verdict it must lead to.
type Case<'a> = (Verdict, &'a dyn Fn(&mut Run));

#[track_caller]
fn check(signal: Signal, cases: &[Case<'_>]) {
    for (verdict, change) in cases {
        assert_only(&Run::with(change).judge(), signal, *verdict);
    }
}

#[test]
fn a_healthy_run_is_valid_without_reasons_or_notes() {
    assert_eq!(Run::healthy().judge(), Validity::default());
}

#[test]
fn without_evidence_nothing_is_held_against_a_run() {
    let validity = judge(&Evidence::default());
    assert_eq!(validity.verdict, Valid);
    assert_eq!(validity.notes, ["no request was sent: nothing was measured"]);
}

#[test]
fn lag_is_judged_beside_the_median_response() {
    let late = |run: &mut Run, lag, p50| {
        run.evidence.schedule_lag = histogram(&[(980, us(60)), (20, lag)]);
        run.evidence.response_p50 = Some(p50);
    };
    check(
        Signal::ScheduleLag,
        &[
            (Valid, &|run| late(run, us(990), ms(2))),
            (Degraded, &|run| late(run, us(1100), ms(2))),
            (Invalid, &|run| late(run, ms(11), ms(2))),
            (Valid, &|run| late(run, ms(45), ms(1000))),
            (Degraded, &|run| late(run, ms(55), ms(1000))),
            (Invalid, &|run| late(run, ms(210), ms(1000))),
            // Nothing is due in a closed model.
            (Valid, &|run| {
                late(run, ms(11), ms(2));
                run.evidence.is_closed = true;
            }),
        ],
    );
}

#[test]
fn a_fifth_of_the_largest_lag_stands_for_its_percentile_in_a_short_run() {
    let few = |run: &mut Run, lag| {
        run.evidence.schedule_lag = histogram(&[(49, us(60)), (1, lag)]);
        run.evidence.response_p50 = Some(ms(1));
    };
    check(
        Signal::ScheduleLag,
        &[
            (Valid, &|run| few(run, us(4900))),
            (Degraded, &|run| few(run, us(5100))),
            (Invalid, &|run| few(run, ms(51))),
        ],
    );
}

#[test]
fn a_lag_that_a_hiccup_explains_says_so() {
    let run = Run::with(|run| {
        run.evidence.schedule_lag = histogram(&[(900, us(60)), (100, ms(400))]);
        run.evidence.hiccups = histogram(&[(5000, us(80)), (1, ms(500))]);
    });
    let validity = run.judge();
    let signals: Vec<Signal> = validity.reasons.iter().map(|reason| reason.signal).collect();
    assert_eq!(signals, [Signal::ScheduleLag, Signal::OsHiccup]);
    assert!(validity.reasons[0].message.contains("operating system"), "{validity:#?}");
    assert!(validity.reasons[0].message.contains("500ms"), "{validity:#?}");
}

#[test]
fn what_was_due_and_never_began_is_counted_by_the_slice_and_over_the_run() {
    let dropped = |run: &mut Run, second: usize, count: u64| {
        run.slices[second].started -= count;
        run.slices[second].dropped += count;
    };
    check(
        Signal::PlannedNotSent,
        &[
            (Valid, &|run| dropped(run, 3, 1)),
            (Degraded, &|run| dropped(run, 3, 2)),
            (Invalid, &|run| dropped(run, 3, 21)),
            // What a closed model left over is a result.
            (Valid, &|run| {
                run.evidence.is_closed = true;
                dropped(run, 3, 50);
            }),
        ],
    );
}

/// The cap of 50 users is reached in the second half of the run, and more is due.
fn overloaded(run: &mut Run) {
    run.evidence.schedule_lag = histogram(&[(500, us(60)), (500, ms(900))]);
    for second in 5..SECONDS {
        run.backlog[second] = 20 * (second as u64 - 4);
        let slice = &mut run.slices[second];
        (slice.in_flight_max, slice.in_flight_mean) = (50, 49.5);
        (slice.started, slice.dropped) = (60, 40);
        slice.schedule_lag = Buckets::default();
        (0..60).for_each(|_| slice.schedule_lag.record(ms(900)));
    }
}

#[test]
fn back_pressure_of_the_target_is_noted_and_not_the_generators() {
    let validity = Run::with(overloaded).judge();
    assert_eq!((validity.verdict, validity.reasons.len()), (Valid, 0), "{validity:#?}");
    assert!(validity.notes[0].contains("up to 100 iterations"), "{validity:#?}");
    assert!(validity.notes[1].contains("200 of 1,000"), "{validity:#?}");
}

#[test]
fn a_part_of_a_run_is_judged_as_if_it_were_a_run() {
    let later = |run: &mut Run| {
        let from = Duration::from_secs(70);
        run.evidence.from = from;
        run.slices.iter_mut().for_each(|slice| slice.start += from);
    };
    for pauses in [false, true] {
        let change = |run: &mut Run| {
            overloaded(run);
            if pauses {
                // In flight only while the backlog is: the seconds must be told apart.
                run.slices[..5].iter_mut().for_each(|slice| slice.in_flight_max = 50);
                run.slices[5..].iter_mut().for_each(|slice| slice.in_flight_max = 3);
            }
        };
        let at_the_start = Run::with(change).judge();
        let in_the_middle = Run::with(|run| {
            change(run);
            later(run);
        })
        .judge();
        assert_eq!(in_the_middle, at_the_start);
        assert_eq!(at_the_start.verdict == Valid, !pauses, "{at_the_start:#?}");
    }
}

#[test]
fn a_generator_that_was_late_before_the_target_was_overloaded_is_still_late() {
    let validity = Run::with(|run| {
        overloaded(run);
        for slice in &mut run.slices[..5] {
            (0..10).for_each(|_| slice.schedule_lag.record(ms(50)));
        }
    })
    .judge();
    assert_only(&validity, Signal::ScheduleLag, Invalid);
}

#[test]
fn the_same_backlog_with_busy_workers_is_the_generators() {
    let validity = Run::with(|run| {
        overloaded(run);
        run.worker_busy[1][5..].fill(0.8);
    })
    .judge();
    let found: Vec<_> = validity.reasons.iter().map(|r| (r.signal, r.verdict)).collect();
    assert_eq!(found, [(Signal::ScheduleLag, Invalid), (Signal::PlannedNotSent, Invalid)]);
    assert_eq!(validity.notes, Vec::<String>::new());
}

#[test]
fn a_backlog_behind_users_that_pause_asks_for_more_users() {
    let validity = Run::with(|run| {
        overloaded(run);
        run.slices.iter_mut().for_each(|slice| slice.in_flight_max = 3);
    })
    .judge();
    assert_eq!((validity.verdict, validity.reasons.len()), (Invalid, 2), "{validity:#?}");
    assert!(validity.reasons.iter().all(|reason| reason.message.contains("max_vus")));
}

#[test]
fn hiccups_are_judged_by_themselves_and_beside_what_was_measured() {
    let hiccups = |run: &mut Run, times, length, p99| {
        run.evidence.hiccups = histogram(&[(5000, us(80)), (times, length)]);
        run.evidence.response_p99 = Some(p99);
    };
    check(
        Signal::OsHiccup,
        &[
            (Valid, &|run| hiccups(run, 1, ms(18), ms(10))),
            (Valid, &|run| hiccups(run, 1, ms(90), ms(2000))),
            (Degraded, &|run| hiccups(run, 20, ms(6), ms(10))),
            (Degraded, &|run| hiccups(run, 1, ms(25), ms(100))),
            (Invalid, &|run| hiccups(run, 8, ms(25), ms(100))),
            (Invalid, &|run| hiccups(run, 1, ms(101), ms(2000))),
        ],
    );
}

#[test]
fn a_load_near_the_ceiling_of_the_machine_is_found_out() {
    let near = |run: &mut Run, throughput: f64| {
        run.evidence.throughput_and_ceiling_per_s = Some((throughput, 1000.0));
    };
    check(
        Signal::Ceiling,
        &[
            (Valid, &|run| near(run, 650.0)),
            (Degraded, &|run| near(run, 800.0)),
            (Invalid, &|run| near(run, 950.0)),
        ],
    );
}

#[test]
fn a_worker_without_time_is_found_among_idle_ones() {
    let busy = |run: &mut Run, seconds: usize, share: f64| {
        run.worker_busy[1] = vec![0.1; 200];
        run.worker_busy[1][100..100 + seconds].fill(share);
    };
    check(
        Signal::WorkerBusy,
        &[
            (Valid, &|run| busy(run, 3, 1.0)),
            (Degraded, &|run| busy(run, 10, 0.9)),
            // One span of 196: too short to spoil the run.
            (Degraded, &|run| busy(run, 5, 1.0)),
            (Invalid, &|run| busy(run, 40, 1.0)),
            (Invalid, &|run| run.worker_busy[0] = vec![0.99; 3]),
        ],
    );
}

#[test]
fn cpu_is_set_against_what_the_process_may_use() {
    let cpu = |run: &mut Run, percent| {
        run.resources.iter_mut().for_each(|usage| usage.cpu_percent = percent);
    };
    check(
        Signal::Cpu,
        &[
            (Valid, &|run| cpu(run, 130.0)),
            (Degraded, &|run| cpu(run, 150.0)),
            (Invalid, &|run| cpu(run, 185.0)),
            // A fifth of two cores is all of a quota.
            (Invalid, &|run| {
                cpu(run, 20.0);
                run.health.iter_mut().for_each(|health| health.quota_cores = Some(0.2));
            }),
            // 4 % are stolen: of 1.92 cores it is more.
            (Degraded, &|run| {
                cpu(run, 138.0);
                run.health.iter_mut().for_each(|health| health.steal_ratio = Some(0.04));
            }),
        ],
    );
}

#[test]
fn a_quota_that_holds_the_process_back_counts_by_the_time_it_takes() {
    let held = |run: &mut Run, periods, seconds| {
        run.health[4].throttled_periods = Some(periods);
        run.health[4].throttled_s = Some(seconds);
    };
    check(
        Signal::Throttled,
        &[
            (Valid, &|run| held(run, 0, 0.0)),
            (Degraded, &|run| held(run, 1, 0.05)),
            (Invalid, &|run| held(run, 8, 0.64)),
        ],
    );
}

#[test]
fn stolen_time_counts_over_the_run() {
    let steal =
        |run: &mut Run, ratio| run.health.iter_mut().for_each(|h| h.steal_ratio = Some(ratio));
    check(
        Signal::Steal,
        &[
            (Valid, &|run| steal(run, 0.04)),
            (Degraded, &|run| steal(run, 0.06)),
            (Invalid, &|run| steal(run, 0.25)),
            (Valid, &|run| run.health[3].steal_ratio = Some(0.4)),
        ],
    );
}

#[test]
fn accounts_of_time_that_differ_are_a_broken_measurement() {
    check(
        Signal::LittleClosure,
        &[
            (Valid, &|run| run.evidence.time.in_flight_s = 20.1),
            (Degraded, &|run| run.evidence.time.in_flight_s = 20.3),
            (Invalid, &|run| run.evidence.time.in_flight_s = 20.7),
            (Invalid, &|run| run.evidence.time.in_flight_s = 19.3),
        ],
    );
}

#[test]
fn time_inside_the_generator_counts_as_a_share_of_iterations() {
    let closed = |run: &mut Run, iterations_s| {
        run.evidence.is_closed = true;
        run.evidence.time.iterations_s = iterations_s;
    };
    check(
        Signal::ClosedTime,
        &[
            (Valid, &|run| closed(run, 20.9)),
            (Degraded, &|run| closed(run, 21.5)),
            (Invalid, &|run| closed(run, 23.0)),
            // 0.4 ms is light, however short the requests are.
            (Valid, &|run| {
                closed(run, 0.0);
                run.evidence.time = accounts(0.4, 0.4, 0.8);
            }),
        ],
    );
}

#[test]
fn a_heavy_script_of_an_open_run_matters_when_threads_are_short() {
    let open = |run: &mut Run, busy: f64| {
        run.evidence.time.iterations_s = 23.0;
        run.worker_busy[0] = vec![busy; SECONDS];
    };
    check(Signal::ClosedTime, &[(Valid, &|run| open(run, 0.4)), (Invalid, &|run| open(run, 0.6))]);
    let noted = Run::with(|run| open(run, 0.4)).judge();
    let expected = "the script or the generator took 3.00ms of each iteration (13 % of its time); its threads had time for that";
    assert_eq!(noted.notes, [expected]);
}

#[test]
fn ports_run_short_before_they_are_gone() {
    check(
        Signal::LocalPorts,
        &[
            (Valid, &|run| run.health[7].used_ports = Some(19_000)),
            (Degraded, &|run| run.health[7].used_ports = Some(20_000)),
            (Invalid, &|run| run.evidence.local_port_failures = 1),
        ],
    );
}

#[test]
fn files_run_short_before_they_are_gone() {
    check(
        Signal::OpenFiles,
        &[
            (Valid, &|run| run.health[7].open_files = Some(790)),
            (Degraded, &|run| run.health[7].open_files = Some(810)),
            (Invalid, &|run| run.evidence.local_file_failures = 1),
        ],
    );
}

#[test]
fn a_full_link_or_dropped_packets_are_not_the_targets() {
    let link =
        |run: &mut Run, ratio| run.health.iter_mut().for_each(|h| h.link_ratio = Some(ratio));
    let drops = |run: &mut Run, count| run.health[2].send_drops = Some(count);
    check(
        Signal::Network,
        &[
            (Valid, &|run| link(run, 0.65)),
            (Degraded, &|run| link(run, 0.75)),
            (Invalid, &|run| link(run, 0.95)),
            (Valid, &|run| drops(run, 1)),
            (Degraded, &|run| drops(run, 5)),
            (Invalid, &|run| drops(run, 30)),
        ],
    );
    let noted = Run::with(|run| run.health[2].resent_segments = Some(100)).judge();
    assert_eq!((noted.verdict, noted.notes.len()), (Valid, 1), "{noted:#?}");
    let local = Run::with(|run| {
        link(run, 0.95);
        run.evidence.target_is_local = true;
    });
    assert_eq!(local.judge().verdict, Valid, "loopback is no link");
}

#[test]
fn one_lost_sample_is_one_too_many() {
    check(
        Signal::RecorderLoss,
        &[
            (Valid, &|run| (run.evidence.sent, run.evidence.sampled) = (1000, 1000)),
            (Invalid, &|run| run.evidence.sampled = 999),
            (Invalid, &|run| run.evidence.sampled = 1001),
            (Invalid, &|run| run.evidence.windows_lost = 1),
        ],
    );
}

#[test]
fn a_shared_machine_matters_only_when_its_cpu_is_contended() {
    let contended = |run: &mut Run, seconds: usize| {
        run.evidence.target_is_local = true;
        run.resources[..seconds].iter_mut().for_each(|usage| usage.host_cpu_percent = 95.0);
    };
    check(
        Signal::SharedHost,
        &[
            (Valid, &|run| contended(run, 0)),
            (Valid, &|run| contended(run, 2)),
            (Degraded, &|run| contended(run, 3)),
        ],
    );
    let noted = Run::with(|run| contended(run, 0)).judge();
    let expected = "the target runs on this machine and shares its CPU (joint CPU 15 %)";
    assert_eq!(noted.notes, [expected]);
}

#[test]
fn other_arrivals_than_planned_and_a_run_without_a_steady_state_degrade() {
    check(
        Signal::ArrivalLaw,
        &[
            (Valid, &|run| run.evidence.arrival_p_value = Some(0.002)),
            (Degraded, &|run| run.evidence.arrival_p_value = Some(0.0009)),
        ],
    );
    check(
        Signal::NeverSteady,
        &[
            (Valid, &|run| run.evidence.steadiness = Some("cyclic".to_owned())),
            (Degraded, &|run| run.evidence.steadiness = Some("never_steady".to_owned())),
        ],
    );
}

/// AT-7.7: a target that takes two seconds, with 200 requests in flight all the time, on this machine.
#[test]
fn a_slow_and_healthy_local_target_is_valid() {
    let validity = Run::with(|run| {
        run.evidence.target_is_local = true;
        run.evidence.user_cap = Some(400);
        run.evidence.response_p50 = Some(ms(2000));
        run.evidence.response_p99 = Some(ms(2010));
        run.evidence.hiccups = histogram(&[(5000, us(80)), (3, ms(30))]);
        run.evidence.schedule_lag = histogram(&[(950, us(60)), (50, ms(3))]);
        run.evidence.time = accounts(2000.02, 2000.0, 2000.4);
        run.slices = (0..SECONDS).map(|second| slice(second, ms(2000))).collect();
    })
    .judge();
    assert_only(&validity, Signal::SharedHost, Valid);
    assert_eq!(validity.notes.len(), 1, "{validity:#?}");
}

/// AT-3.5, first half: every 100th sample is lost on its way into the totals.
#[test]
fn little_s_law_finds_that_every_hundredth_sample_is_dropped() {
    let mut time = TimeAccount::default();
    let (mut sent, mut sampled) = (0, 0);
    for request in 0..10_000_u64 {
        let took_s = 0.010 + (request % 7) as f64 * 0.001;
        sent += 1;
        time.in_flight_s += took_s;
        time.iterations_s += took_s;
        if request % 100 != 99 {
            sampled += 1;
            time.transport_s += took_s;
        }
    }
    let run = |sampled| {
        Run::with(|run| {
            run.evidence.time = time;
            (run.evidence.sent, run.evidence.sampled) = (sent, sampled);
            run.evidence.iterations = 10_000;
        })
        .judge()
    };
    // Even when the count of samples is wrong in the same way as the count of requests.
    assert_only(&run(sent), Signal::LittleClosure, Degraded);
    let seen = run(sampled);
    let found: Vec<_> = seen.reasons.iter().map(|r| (r.signal, r.verdict)).collect();
    assert_eq!(found, [(Signal::RecorderLoss, Invalid), (Signal::LittleClosure, Degraded)]);
}

/// AT-3.5, second half: ten closed users whose script spins for 5 ms before each request of 1 ms, on one thread.
fn spinning(spin_s: f64) -> Run {
    let mut time = TimeAccount::default();
    for _ in 0..1000 {
        time.in_flight_s += 0.001;
        time.transport_s += 0.001;
        time.iterations_s += 0.001 + spin_s;
    }
    Run::with(|run| {
        run.evidence.is_closed = true;
        run.evidence.time = time;
        run.worker_busy[0] = vec![1.0; SECONDS];
        run.resources.iter_mut().for_each(|usage| usage.cpu_percent = 190.0);
    })
}

#[test]
fn a_script_that_spins_makes_a_run_invalid_and_is_named() {
    let validity = spinning(0.005).judge();
    let found: Vec<_> = validity.reasons.iter().map(|r| (r.signal, r.verdict)).collect();
    let expected = [Signal::WorkerBusy, Signal::Cpu, Signal::ClosedTime].map(|s| (s, Invalid));
    assert_eq!(found, expected, "{validity:#?}");
    assert_eq!(
        validity.reasons[2].message,
        "the script or the generator took 5.00ms of each iteration (83 % of its time): rhaid was the bottleneck, not the \
         target; use more --threads, a lighter script or a lower rate"
    );
}

#[test]
fn a_light_closed_run_that_saturates_the_generator_has_found_a_lower_bound() {
    let validity = spinning(0.0003).judge();
    let found: Vec<_> = validity.reasons.iter().map(|r| (r.signal, r.verdict)).collect();
    assert_eq!(found, [(Signal::WorkerBusy, Degraded), (Signal::Cpu, Degraded)], "{validity:#?}");
    assert!(validity.reasons.iter().all(|reason| reason.message.contains("lower bound")));
    let mut open = spinning(0.0003);
    open.evidence.is_closed = false;
    assert_eq!(open.judge().verdict, Invalid, "an open model is to keep up with its schedule");
}

#[test]
fn the_worst_reason_comes_first_and_is_the_verdict() {
    let validity = Run::with(|run| {
        run.evidence.time.in_flight_s = 20.3;
        run.health[0].used_ports = Some(20_000);
        run.evidence.local_file_failures = 7;
    })
    .judge();
    let found: Vec<_> = validity.reasons.iter().map(|r| r.signal).collect();
    assert_eq!(found, [Signal::OpenFiles, Signal::LittleClosure, Signal::LocalPorts]);
    assert_eq!(validity.verdict, Invalid);
}

#[test]
fn a_verdict_is_written_as_its_words_and_reads_back() {
    let validity = Run::with(|run| run.evidence.windows_lost = 2).judge();
    let json = serde_json::to_value(&validity).expect("plain values");
    assert_eq!(
        (&json["verdict"], &json["reasons"][0]["signal"]),
        (&"INVALID".into(), &"recorder_loss".into())
    );
    assert_eq!(serde_json::from_value::<Validity>(json).expect("as written"), validity);
    assert_eq!(validity.verdict.to_string(), "INVALID");
}
