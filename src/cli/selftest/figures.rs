//! What the observations of the generator come to. Arithmetic alone.

use std::time::Duration;

use super::observe::Observed;
use crate::metric::{Quantile, Slice};
use crate::units::Rate;

/// Above this share of the ceiling a run is DEGRADED (METHODS.md 7.2).
pub(super) const DEGRADED_ABOVE: f64 = 0.7;
/// Above this share of the ceiling a run is INVALID (METHODS.md 7.2).
pub(super) const INVALID_ABOVE: f64 = 0.9;

/// Iterations a second at which the lag is measured, where the ceiling allows them.
const LAG_RATES_PER_S: [f64; 2] = [1_000.0, 10_000.0];
/// Nearer to the ceiling than this, arrivals are late because of the load and not because of the generator's timers.
const LAG_SHARE: f64 = 0.5;

/// A worker that is less busy than this waits for the null server.
const IDLE_BELOW: f64 = 0.5;
/// A second, but for the first, this much below the best was disturbed.
const STEADY_ABOVE: f64 = 0.8;

/// Everything that was measured.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figures {
    /// Worker threads.
    pub(super) threads: usize,
    pub(super) ceiling: Ceiling,
    pub(super) floor: Floor,
    /// One for each rate, the slowest first; at least one.
    pub(super) lags: Vec<Lag>,
}

/// The most requests a second.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ceiling {
    /// Users without think time.
    pub(super) vus: u64,
    /// Successful requests in each whole second of the load.
    pub(super) seconds: Vec<f64>,
    /// Requests for each iteration; above 0.
    pub(super) requests_per_iteration: f64,
    /// The mean busy share of the workers, 0..=1; `None` when none was seen for long enough.
    pub(super) busy_ratio: Option<f64>,
}

impl Ceiling {
    /// What `vus` users reached in the first `duration` of a load; `None` when no request of it ended well.
    pub(super) fn of(observed: &Observed, vus: u64, duration: Duration) -> Option<Self> {
        let totals = &observed.totals;
        let slices = totals.slices.as_slice().iter().filter(|slice| slice.end() <= duration);
        let seconds: Vec<f64> = slices.map(Slice::goodput_per_s).collect();
        let iterations = totals.iterations_total();
        let ended = iterations.completed + iterations.failed;
        let shares: Vec<f64> = totals.busy.by_worker().into_iter().flatten().collect();
        let ceiling = Self {
            vus,
            seconds,
            requests_per_iteration: totals.request_count() as f64 / ended as f64,
            busy_ratio: mean(&shares),
        };
        let is_usable = ceiling.per_s() > 0.0 && ceiling.requests_per_iteration.is_finite();
        is_usable.then_some(ceiling)
    }

    /// The ceiling in requests a second: the mean of the better half of the seconds, the middle one included. Slower seconds
    /// are those of the warm-up and of whatever else the machine did; a single fastest one would be luck.
    pub(super) fn per_s(&self) -> f64 {
        let mut best = self.seconds.clone();
        best.sort_by(|a, b| b.total_cmp(a));
        best.truncate(best.len().div_ceil(2));
        mean(&best).unwrap_or(0.0)
    }

    /// Over all seconds.
    pub(super) fn mean_per_s(&self) -> f64 {
        mean(&self.seconds).unwrap_or(0.0)
    }

    /// In the best second.
    pub(super) fn max_per_s(&self) -> f64 {
        self.seconds.iter().copied().fold(0.0, f64::max)
    }

    /// The rates at which the lag is to be measured, in whole iterations a second, the slowest first, none twice.
    pub(super) fn lag_rates(&self) -> Vec<Rate> {
        let most = self.per_s() / self.requests_per_iteration * LAG_SHARE;
        let mut rates: Vec<f64> =
            LAG_RATES_PER_S.iter().map(|rate| rate.min(most).floor().max(1.0)).collect();
        rates.dedup();
        rates.into_iter().filter_map(Rate::per_second).collect()
    }
}

/// How fast a target can look at most: medians of a single user; `None` with too few samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Floor {
    /// Of `http_req_duration`.
    pub(super) service_time: Option<Duration>,
    /// Of `http_req_response_time`.
    pub(super) response_time: Option<Duration>,
}

impl Floor {
    pub(super) fn of(observed: &Observed) -> Self {
        let all = observed.totals.select_requests(&[]);
        Self {
            service_time: all.service_time.supported_quantile(Quantile::P50),
            response_time: all.response_time.supported_quantile(Quantile::P50),
        }
    }
}

/// How late the generator begins what is due, at one rate. Times are `None` with too few samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Lag {
    /// Iterations that arrive in a second.
    pub(super) rate: Rate,
    /// Median.
    pub(super) p50: Option<Duration>,
    /// 99th percentile.
    pub(super) p99: Option<Duration>,
    /// Largest.
    pub(super) max: Option<Duration>,
    /// Arrivals that found no place even to wait.
    pub(super) dropped: u64,
}

impl Lag {
    /// What was seen at `rate` after the warm-up.
    pub(super) fn of(observed: &Observed, rate: Rate) -> Self {
        let lag = &observed.warm.schedule_lag;
        Self {
            rate,
            p50: lag.supported_quantile(Quantile::P50),
            p99: lag.supported_quantile(Quantile::P99),
            max: lag.max(),
            dropped: observed.totals.iterations_total().dropped,
        }
    }
}

impl Figures {
    /// Requests a second above which a run is no longer VALID.
    pub(super) fn degraded_above_per_s(&self) -> f64 {
        DEGRADED_ABOVE * self.ceiling.per_s()
    }

    /// Requests a second above which a run is INVALID.
    pub(super) fn invalid_above_per_s(&self) -> f64 {
        INVALID_ABOVE * self.ceiling.per_s()
    }

    /// The lag at the highest rate.
    pub(super) fn highest_lag(&self) -> Option<&Lag> {
        self.lags.last()
    }

    /// What to know before the figures are relied upon, each a sentence.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        let best = self.ceiling.max_per_s();
        let worst = self.ceiling.seconds.iter().skip(1).copied().fold(best, f64::min);
        if worst < STEADY_ABOVE * best {
            let below = (1.0 - worst / best) * 100.0;
            notes.push(format!(
                "something disturbed the measurement: one second was {below:.0} % below the best; repeat it on an idle machine"
            ));
        }
        let dropped: u64 = self.lags.iter().map(|lag| lag.dropped).sum();
        if dropped > 0 {
            notes.push(format!(
                "{dropped} arrivals were dropped while the lag was measured: something held up the machine; repeat it"
            ));
        }
        if let Some(busy) = self.ceiling.busy_ratio.filter(|busy| *busy < IDLE_BELOW) {
            let busy = busy * 100.0;
            notes.push(format!(
                "rhaid's threads were busy for only {busy:.0} % of the time: raise --vus, or the null server was the limit; \
                 the ceiling is higher than this"
            ));
        }
        if cfg!(debug_assertions) {
            notes.push("this rhaid was built without optimisation: one of `cargo build --release` can do more".to_owned());
        }
        notes
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in super::super) fn ceiling(seconds: &[f64]) -> Ceiling {
        Ceiling {
            vus: 50,
            seconds: seconds.to_vec(),
            requests_per_iteration: 1.0,
            busy_ratio: Some(0.97),
        }
    }

    pub(in super::super) fn figures(ceiling: Ceiling) -> Figures {
        let us = |us| Some(Duration::from_micros(us));
        let lag = |rate, p99| Lag {
            rate: Rate::per_second(rate).expect("finite"),
            p50: us(35),
            p99: us(p99),
            max: us(1200),
            dropped: 0,
        };
        let floor = Floor { service_time: us(118), response_time: us(120) };
        Figures { threads: 2, ceiling, floor, lags: vec![lag(1000.0, 120), lag(9200.0, 310)] }
    }

    fn rates(ceiling: &Ceiling) -> Vec<f64> {
        ceiling.lag_rates().into_iter().map(Rate::as_per_second).collect()
    }

    #[test]
    fn the_ceiling_is_the_mean_of_the_better_half() {
        let five = ceiling(&[900.0, 2000.0, 1000.0, 1800.0, 1900.0]);
        assert_eq!((five.per_s(), five.mean_per_s(), five.max_per_s()), (1900.0, 1520.0, 2000.0));
        assert_eq!(ceiling(&[100.0]).per_s(), 100.0);
        assert_eq!(ceiling(&[100.0, 300.0]).per_s(), 300.0);
        assert_eq!(ceiling(&[]).per_s(), 0.0);
    }

    #[test]
    fn nothing_measured_is_no_ceiling() {
        assert_eq!(Ceiling::of(&Observed::default(), 50, Duration::from_secs(5)), None);
    }

    #[test]
    fn the_lag_is_measured_at_no_more_than_half_of_the_ceiling() {
        assert_eq!(rates(&ceiling(&[40_000.0])), [1_000.0, 10_000.0]);
        assert_eq!(rates(&ceiling(&[18_401.0])), [1_000.0, 9_200.0]);
        assert_eq!(rates(&ceiling(&[1_500.0])), [750.0], "once is enough");
        assert_eq!(rates(&ceiling(&[0.4])), [1.0]);
        let three = Ceiling { requests_per_iteration: 3.0, ..ceiling(&[30_000.0]) };
        assert_eq!(rates(&three), [1_000.0, 5_000.0], "of iterations");
    }

    #[test]
    fn limits_are_shares_of_the_ceiling() {
        let figures = figures(ceiling(&[10_000.0]));
        assert_eq!(figures.degraded_above_per_s().round(), 7000.0);
        assert_eq!(figures.invalid_above_per_s().round(), 9000.0);
    }

    #[test]
    fn what_spoils_the_figures_is_said() {
        let said =
            |figures: &Figures, word: &str| figures.notes().iter().any(|note| note.contains(word));
        let good = figures(ceiling(&[500.0, 1000.0, 990.0, 810.0]));
        for word in ["disturbed", "dropped", "busy"] {
            assert!(!said(&good, word), "{word}: {:?}", good.notes());
        }
        assert!(said(&figures(ceiling(&[900.0, 1000.0, 700.0])), "30 % below the best"));
        let idle = Ceiling { busy_ratio: Some(0.31), ..ceiling(&[1000.0]) };
        assert!(said(&figures(idle), "only 31 % of the time"));
        let mut late = good;
        late.lags[1].dropped = 7;
        assert!(said(&late, "7 arrivals were dropped"));
    }
}
