//! AT-4.1 to AT-4.5 on a simulated service: one queue, first come, first served, capacity μ.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::*;
use crate::metric::sink::{RequestSample, RequestTimes};
use crate::metric::window::Arrivals;
use crate::metric::{RequestStats, Slices};

/// A load in three spans, and the service under it.
struct Simulation {
    base_per_s: f64,
    spike_per_s: f64,
    capacity_per_s: f64,
    before_s: f64,
    spike_s: f64,
    after_s: f64,
    /// Time of a request besides waiting for capacity, in seconds, and its relative noise.
    own_time_s: f64,
    /// Factor on the latency after the spike.
    scar: f64,
    /// Once so many wait, the capacity is this for good.
    sticky: Option<(f64, f64)>,
    /// Poisson arrivals, and exponential times of the capacity's share of a request.
    is_random: bool,
    seed: u64,
}

impl Default for Simulation {
    fn default() -> Self {
        Self {
            base_per_s: 500.0,
            spike_per_s: 2000.0,
            capacity_per_s: 1000.0,
            before_s: 60.0,
            spike_s: 10.0,
            after_s: 60.0,
            own_time_s: 0.020,
            scar: 1.0,
            sticky: None,
            is_random: false,
            seed: 1,
        }
    }
}

impl Simulation {
    fn run(&self) -> Slices {
        let mut random = Pcg64Mcg::seed_from_u64(self.seed);
        let mut slices = Slices::default();
        let (spike, after) = (self.before_s, self.before_s + self.spike_s);
        let end = after + self.after_s;
        let (mut now, mut free_at, mut capacity) = (0.0, 0.0_f64, self.capacity_per_s);
        let mut in_flight = vec![0.0; (end as usize + 1) * 20];
        loop {
            let rate =
                if (spike..after).contains(&now) { self.spike_per_s } else { self.base_per_s };
            let mut law =
                || if self.is_random { -(1.0 - random.random::<f64>()).ln() } else { 1.0 };
            now += law() / rate;
            let service_s = law() / capacity;
            if now >= end {
                break;
            }
            let waits = (free_at - now).max(0.0);
            if let Some((limit, worse)) = self.sticky
                && waits * capacity > limit
            {
                capacity = worse;
            }
            let scar = if now > after { self.scar } else { 1.0 };
            let noise = 1.0 + 0.1 * (random.random::<f64>() - 0.5);
            free_at = free_at.max(now) + service_s;
            let in_service_s = if self.is_random { service_s } else { 0.0 };
            let took = waits + in_service_s + self.own_time_s * scar * noise;
            record(&mut slices, now, took);
            for second in now as usize..=((now + took) as usize).min(in_flight.len() - 1) {
                let from = now.max(second as f64);
                let until = (now + took).min(second as f64 + 1.0);
                in_flight[second] += (until - from).max(0.0);
            }
        }
        for (second, busy) in in_flight.iter().take(end as usize).enumerate() {
            slices.add_in_flight(second as u32, Duration::from_secs_f64(*busy), 0);
        }
        slices
    }

    fn spans(&self) -> Spans {
        let at = Duration::from_secs_f64;
        Spans {
            baseline: Duration::ZERO..at(self.before_s),
            disturbance_start: at(self.before_s),
            disturbance_end: at(self.before_s + self.spike_s),
            observation_end: at(self.before_s + self.spike_s + self.after_s),
        }
    }

    fn assess(&self) -> Recovery {
        let spans = self.spans();
        assess(self.run().as_slice(), &spans, &Settings::for_spans(&spans))
    }
}

fn record(slices: &mut Slices, at_s: f64, took_s: f64) {
    let at = Duration::from_secs_f64(at_s);
    let sample = RequestSample {
        intended: at,
        begun: at,
        sent: at,
        done: at + Duration::from_secs_f64(took_s),
        times: RequestTimes::default(),
        status: 200,
        failure: None,
        failed: false,
        is_first_on_connection: false,
        bytes_sent: 0,
        bytes_received: 0,
    };
    let mut stats = RequestStats::default();
    stats.record(&sample);
    slices.add_requests(at.as_secs() as u32, &stats);
    slices.add_arrivals(at.as_secs() as u32, &Arrivals { planned: 1, started: 1, dropped: 0 });
}

/// METHODS.md 4.2: `(λs − μ) Ts / (μ − λb)`.
fn time_to_recover_s(run: &Simulation) -> f64 {
    (run.spike_per_s - run.capacity_per_s) * run.spike_s / (run.capacity_per_s - run.base_per_s)
}

/// AT-4.1.
#[test]
fn the_time_to_recover_is_that_of_the_formula_within_a_window() {
    for (spike_per_s, base_per_s, spike_s) in
        [(2000.0, 500.0, 10.0), (1500.0, 800.0, 10.0), (3000.0, 200.0, 5.0)]
    {
        let run = Simulation { spike_per_s, base_per_s, spike_s, ..Simulation::default() };
        let found = run.assess();
        assert_eq!(found.verdict, RecoveryVerdict::Recovered, "{}", found.message);
        let truth = time_to_recover_s(&run);
        let measured = found.time_to_recover_s.expect("recovered");
        assert!((measured - truth).abs() <= found.window_s, "{measured} s for {truth} s");
        let (lower, upper) =
            (found.lower_s.expect("an interval"), found.upper_s.expect("an interval"));
        assert!((lower..=upper).contains(&truth), "{truth} s in {lower} to {upper} s");
        assert!((found.backlog_drain_s.expect("drained") - truth).abs() <= 2.0, "{found:?}");
        assert!(found.pain_user_s > 100.0 && found.slow_requests > 1000, "{found:?}");
    }
}

/// AT-4.2: the service keeps 8 % of latency for good.
#[test]
fn a_scar_within_the_margin_is_recovered_and_beyond_it_degraded() {
    let run = Simulation { scar: 1.08, ..Simulation::default() };
    let (slices, spans) = (run.run(), run.spans());
    let judge = |median_margin| {
        let settings = Settings { median_margin, ..Settings::for_spans(&spans) };
        assess(slices.as_slice(), &spans, &settings)
    };
    assert_eq!(judge(0.10).verdict, RecoveryVerdict::Recovered, "{}", judge(0.10).message);
    assert_eq!(judge(0.05).verdict, RecoveryVerdict::Degraded, "{}", judge(0.05).message);
}

/// AT-4.3: the spike leaves the service with less capacity than it had load.
#[test]
fn a_service_that_stays_bad_at_its_old_load_is_metastable() {
    let run = Simulation { sticky: Some((2000.0, 450.0)), ..Simulation::default() };
    let found = run.assess();
    assert_eq!(found.verdict, RecoveryVerdict::Metastable, "{}", found.message);
    assert_eq!(found.time_to_recover_s, None);
    assert!(found.message.contains("METASTABLE"), "{}", found.message);
}

/// AT-4.4: a spike that the service has room for, a hundred times.
#[test]
fn a_spike_that_was_none_takes_no_time_to_recover_from() {
    let windows_needed = (0..100).filter(|seed| {
        let run = Simulation {
            base_per_s: 50.0,
            spike_per_s: 90.0,
            before_s: 30.0,
            spike_s: 5.0,
            after_s: 30.0,
            seed: *seed,
            ..Simulation::default()
        };
        let found = run.assess();
        found.time_to_recover_s.is_none_or(|s| s > found.window_s)
    });
    let late = windows_needed.count();
    assert!(late <= 5, "{late} of 100");
}

/// A queue whose own windows differ by more than the margins allow: M/M/1 at 40 %. Of 100 runs 91 recover at once, fewer than
/// the 95 that AT-4.4 asks for and that quieter services reach.
#[test]
fn a_spike_that_was_none_is_mostly_recovered_from_at_once_by_a_random_service_too() {
    let late = (1000..1040).filter(|seed| {
        let run = Simulation {
            base_per_s: 150.0,
            spike_per_s: 250.0,
            capacity_per_s: 375.0,
            own_time_s: 0.0,
            is_random: true,
            seed: *seed,
            ..Simulation::default()
        };
        let found = run.assess();
        found.time_to_recover_s.is_none_or(|s| s > found.window_s)
    });
    let late = late.count();
    assert!(late <= 6, "{late} of 40");
}

/// AT-4.5.
#[test]
fn an_observation_that_is_too_short_gives_a_bound_and_no_number() {
    let run = Simulation { after_s: 15.0, ..Simulation::default() };
    let found = run.assess();
    assert_eq!(found.verdict, RecoveryVerdict::Recovering, "{}", found.message);
    assert_eq!((found.time_to_recover_s, found.upper_s), (None, None));
    assert!(found.message.contains("> 15 s"), "{}", found.message);
    let projected = found.projected_s.expect("it was on its way");
    assert!((projected - 20.0).abs() < 4.0, "{projected} s for 20 s");
}

#[test]
fn without_a_baseline_nothing_is_judged() {
    let run = Simulation { before_s: 5.0, after_s: 20.0, ..Simulation::default() };
    let found = run.assess();
    assert_eq!(found.verdict, RecoveryVerdict::Undecided);
    assert!(found.message.contains("baseline"), "{}", found.message);
    let nothing = assess(&[], &run.spans(), &Settings::for_spans(&run.spans()));
    assert_eq!(nothing.verdict, RecoveryVerdict::Undecided);
}
