//! What `stress` was asked for: how it searches, around the settings that it shares with `run`.

use std::time::Duration;

use crate::cli::CliError;
use crate::cli::args::{
    GlobalArgs, JudgeArgs, LoadArgs, LoadRange, RunArgs, SearchArgs, StrategyArg, StressArgs,
};
use crate::cli::exit::ExitCode;
use crate::cli::settings::RunSettings;
use crate::metric::threshold::{Aggregation, Comparison, Threshold};
use crate::plan::{Arrival, ProbeLoad};
use crate::units::Rate;

/// The share of failed requests at which the target counts as broken.
const ERROR_THRESHOLD: f64 = 0.05;
/// The share of failed requests that is borne where there is no objective.
const BORNE_ERRORS: f64 = 0.01;
const START_PER_S: f64 = 50.0;
const MAX_PER_S: f64 = 100_000.0;
const WIDTH: f64 = 0.05;
const PROBE: Duration = Duration::from_secs(5);
/// Below this a probe has no two whole seconds to compare.
const SHORTEST_PROBE: Duration = Duration::from_secs(2);
const HOLD: Duration = Duration::from_secs(60);
const MAX_DURATION: Duration = Duration::from_secs(20 * 60);
const POINTS: u64 = 10;

/// What the target must keep to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Objective {
    /// As written.
    pub(super) text: String,
    /// Slower responses miss it.
    pub(super) limit: Duration,
    /// The share that may miss it, 0..1.
    pub(super) may_miss: f64,
}

/// How `stress` goes about it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct StressSettings {
    /// What it shares with `run`.
    pub(in crate::cli) run: RunSettings,
    /// The share of bad requests at which the target counts as broken.
    pub(super) error_threshold: f64,
    /// The share of bad or slow requests that is borne.
    pub(super) borne_loss: f64,
    /// What must be kept to besides.
    pub(super) objective: Option<Objective>,
    /// The least capacity that passes, in requests a second.
    pub(super) required_per_s: Option<f64>,
    /// How it decides.
    pub(super) strategy: StrategyArg,
    /// The loads of a sweep; empty for a search.
    pub(super) sweep: Vec<ProbeLoad>,
    /// First load of a search, iterations a second.
    pub(super) start_per_s: f64,
    /// Highest load of a search.
    pub(super) max_per_s: f64,
    /// How narrow the answer is to be, as a share.
    pub(super) width: f64,
    /// The measured part of a probe.
    pub(super) probe: Duration,
    /// The confirmation; zero for none.
    pub(super) hold: Duration,
    /// The longest search.
    pub(super) max_duration: Duration,
    /// Spacing of arrivals.
    pub(super) arrival: Arrival,
    /// The most users that a probe may add.
    pub(super) max_vus: Option<u64>,
}

impl StressSettings {
    /// The meaning of a `stress` command line.
    ///
    /// # Errors
    /// The first thing that cannot be meant: exit code 2.
    pub(in crate::cli) fn new(args: StressArgs, global: &GlobalArgs) -> Result<Self, CliError> {
        let StressArgs { source, search, target, watch, http, request, output, engine } = args;
        let objective = search.slo.as_deref().map(objective).transpose()?;
        let probe = search.probe_duration.unwrap_or(PROBE);
        if probe < SHORTEST_PROBE {
            return Err(usage(
                "--probe-duration is too short to tell anything",
                "give it 2s at least",
            ));
        }
        let start_per_s = search.start_rate.map_or(START_PER_S, Rate::as_per_second);
        let max_per_s = search.max_rate.map_or(MAX_PER_S, Rate::as_per_second);
        if start_per_s > max_per_s {
            return Err(usage(
                "--start-rate is above --max-rate",
                "the search goes up from the first",
            ));
        }
        let arrival = search.arrival.unwrap_or(Arrival::Poisson);
        let load = LoadArgs {
            rate: Rate::per_second(start_per_s),
            duration: Some(probe),
            arrival: Some(arrival),
            max_vus: search.max_vus,
            ..LoadArgs::default()
        };
        let judge = JudgeArgs {
            // The script's thresholds are for loads that the target is meant to bear.
            no_thresholds: true,
            allow_invalid: search.allow_invalid,
            ..JudgeArgs::default()
        };
        let run = RunArgs { source, target, watch, load, http, request, judge, output, engine };
        let run = RunSettings::new(run, global)
            .map_err(|error| CliError::new(ExitCode::Usage, error.to_string(), error.hint()))?;
        Ok(Self {
            run,
            error_threshold: search.error_threshold.unwrap_or(ERROR_THRESHOLD),
            borne_loss: objective.as_ref().map_or(BORNE_ERRORS, |objective| objective.may_miss),
            objective,
            required_per_s: search.require_rate.map(Rate::as_per_second),
            strategy: search.strategy,
            sweep: sweep(&search),
            start_per_s,
            max_per_s,
            width: search.width.unwrap_or(WIDTH),
            probe,
            hold: search.hold.unwrap_or(HOLD),
            max_duration: search.max_duration.unwrap_or(MAX_DURATION),
            arrival,
            max_vus: search.max_vus,
        })
    }
}

fn usage(message: &str, hint: &str) -> CliError {
    CliError::new(ExitCode::Usage, message, hint)
}

/// `p(99)<300`: the share that may be slower, and than what.
fn objective(text: &str) -> Result<Objective, CliError> {
    let hint = "write a percentile and its limit in ms, such as 'p(99)<300'";
    let rule = Threshold::parse("http_req_response_time", text)
        .map_err(|error| usage(&format!("--slo {text:?}: {error}"), hint))?;
    let is_limit = matches!(rule.comparison, Comparison::Less | Comparison::LessOrEqual);
    match rule.aggregation {
        Aggregation::Percentile(percentile)
            if is_limit && percentile > 0.0 && percentile < 100.0 && rule.bound > 0.0 =>
        {
            Ok(Objective {
                text: text.to_owned(),
                limit: Duration::from_secs_f64(rule.bound / 1e3),
                may_miss: 1.0 - percentile / 100.0,
            })
        }
        _ => Err(usage(&format!("--slo {text:?} is no limit of a percentile"), hint)),
    }
}

/// The loads of a sweep, each by the same factor higher; users are whole numbers, each once.
fn sweep(args: &SearchArgs) -> Vec<ProbeLoad> {
    let points = args.points.unwrap_or(POINTS).max(1);
    let geometric = |range: LoadRange| {
        let step =
            if points == 1 { 0.0 } else { (range.to / range.from).ln() / (points - 1) as f64 };
        (0..points).map(move |point| range.from * (step * point as f64).exp())
    };
    if let Some(range) = args.sweep {
        return geometric(range).map(ProbeLoad::PerSecond).collect();
    }
    let mut users: Vec<u64> = args
        .sweep_vus
        .into_iter()
        .flat_map(geometric)
        .map(|users| users.round().max(1.0) as u64)
        .collect();
    users.dedup();
    users.into_iter().map(ProbeLoad::Users).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_objective_is_a_share_that_may_be_slower() {
        let found = objective("p(99)<300").expect("an objective");
        assert_eq!(found.limit, Duration::from_millis(300));
        assert!((found.may_miss - 0.01).abs() < 1e-12);
        for wrong in ["avg<300", "p(99)>300", "p(100)<300", "300", "p(99)<", ""] {
            assert_eq!(
                objective(wrong).map_err(|error| error.code),
                Err(ExitCode::Usage),
                "{wrong}"
            );
        }
    }

    #[test]
    fn a_sweep_takes_in_both_ends_and_no_number_of_users_twice() {
        let range = LoadRange { from: 10.0, to: 1000.0 };
        let rates =
            sweep(&SearchArgs { sweep: Some(range), points: Some(3), ..SearchArgs::default() });
        let per_s: Vec<f64> = rates
            .iter()
            .map(|load| match load {
                ProbeLoad::PerSecond(per_s) => per_s.round(),
                ProbeLoad::Users(_) => f64::NAN,
            })
            .collect();
        assert_eq!(per_s, [10.0, 100.0, 1000.0]);
        let few = LoadRange { from: 1.0, to: 4.0 };
        let users = sweep(&SearchArgs { sweep_vus: Some(few), ..SearchArgs::default() });
        assert_eq!(users, [1, 2, 3, 4].map(ProbeLoad::Users));
    }
}
