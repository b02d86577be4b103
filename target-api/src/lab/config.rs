//! What the lab does: every knob, read one at a time, and checked.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;
use utoipa::ToSchema;

use super::law::{Queue, ServiceLaw};
use super::span::Span;

/// Every knob with what it takes, as messages and the command line's help say it.
pub(super) const KNOBS: [(&str, &str); 15] = [
    ("scope", "work or all"),
    ("slots", "none or a whole number from 1 to 1,000,000"),
    ("service", "det:S, exp:MEAN or lognormal:MEDIAN,SIGMA, up to 1h"),
    ("queue", "none, bounded:K or unbounded"),
    ("stall", "none, or `at` or `in`, and `for`, as durations"),
    (
        "error",
        "none, or `probability` from 0 to 1, and as durations both `on` and `off` or neither",
    ),
    ("step", "none, or `at` as a duration, and `gain` from 0 to 1,000"),
    ("drift", "none, or `percent_per_h` from -1,000,000 to 1,000,000"),
    ("warm_up", "none, or `tau` as a duration above 0, and `gain` from 0 to 1,000"),
    ("cycle", "none, or `period` as a duration above 0, and `amplitude` from 0 to 1"),
    ("leak", "none, or `bytes_per_request` or `bytes_per_second`, each up to 16,777,216"),
    (
        "metastable",
        "none, or `threshold` as a whole number, `penalty` from 0 to 1,000, and `sticky` as true or false",
    ),
    ("inversion", "none, or `low` and `high` as whole numbers from 1, the lower first"),
    ("cpu", "none or a duration up to 10s"),
    ("seed", "a whole number of 64 bits"),
];

/// The most that a factor on the service time may be.
const GAIN_MAX: f64 = 1_000.0;

/// The fastest drift, in percent an hour.
const DRIFT_MAX: f64 = 1_000_000.0;

/// The most slots.
const SLOTS_MAX: u32 = 1_000_000;

/// The most that one request, or one second, leaves behind, in bytes.
const LEAK_STEP_MAX: u64 = 16 * 1024 * 1024;

/// The most processor time of one request.
const CPU_MAX: Duration = Duration::from_secs(10);

/// A knob was given what it does not take.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum ConfigError {
    #[error("`{knob}` is no knob of the lab; there are {}", names())]
    UnknownKnob { knob: String },
    #[error("`{knob}` takes {allowed}; {value} will not do: {reason}")]
    Value { knob: &'static str, allowed: &'static str, value: String, reason: String },
    #[error("`metastable` watches the queue, and without `slots` there is none")]
    NoQueue,
    #[error("`{0}` is no setting of the lab: write it as KNOB=VALUE, e.g. slots=50")]
    NoValue(String),
}

fn names() -> String {
    KNOBS.map(|(name, _)| name).join(", ")
}

/// Which requests pass through the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    /// Those to `/lab/work`.
    Work,
    /// Every counted one; the lab comes before the handler and before `--latency`.
    All,
}

/// Nothing begins or finishes for a while.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub(crate) struct Stall {
    /// When it begins, by the lab's clock.
    #[schema(value_type = String)]
    pub(super) at: Span,
    /// How long it lasts.
    #[schema(value_type = String)]
    pub(super) r#for: Span,
}

/// A stall as it is asked for: `at` counts from the lab's zero, `in` from now.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StallWish {
    at: Option<Span>,
    r#in: Option<Span>,
    r#for: Span,
}

/// Requests that fail.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Failures {
    /// The share of requests that is answered 500, 0 to 1.
    pub(super) probability: f64,
    /// Requests fail only if they arrive in such a span; the first begins at the lab's zero.
    #[schema(value_type = Option<String>)]
    pub(super) on: Option<Span>,
    /// The pause between two such spans.
    #[schema(value_type = Option<String>)]
    pub(super) off: Option<Span>,
}

impl Failures {
    /// Whether a request that arrives at `at` by the lab's clock may fail.
    pub(super) fn is_on(&self, at: Duration) -> bool {
        let (Some(on), Some(off)) = (self.on, self.off) else { return true };
        let period = (on.0 + off.0).as_nanos();
        at.as_nanos() % period < on.0.as_nanos()
    }
}

/// A service time that changes at one moment: S·`gain` from `at` on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Step {
    #[schema(value_type = String)]
    pub(super) at: Span,
    pub(super) gain: f64,
}

/// A service time that changes steadily: S·(1 + `percent_per_h`/100 · t/1h), never below zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Drift {
    pub(super) percent_per_h: f64,
}

/// A service time that settles: S·(1 + `gain`·e^(-t/`tau`)).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WarmUp {
    #[schema(value_type = String)]
    pub(super) tau: Span,
    pub(super) gain: f64,
}

/// A service time that swings: S·(1 + `amplitude`·sin(2πt/`period`)).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cycle {
    #[schema(value_type = String)]
    pub(super) period: Span,
    pub(super) amplitude: f64,
}

/// Memory that is written to and kept, up to 1 GiB, until the lab is restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LeakRate {
    #[serde(default)]
    pub(super) bytes_per_request: u64,
    #[serde(default)]
    pub(super) bytes_per_second: u64,
}

/// An overload that outlives its cause.
///
/// Once more than `threshold` requests wait, work that begins takes S·(1 + `penalty`), until the
/// queue is empty; if `sticky`, until the lab is restarted. With c slots the capacity is c/S before
/// and c/(S·(1 + `penalty`)) after: a load between the two was carried before the overload, and is
/// not any more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Metastable {
    pub(super) threshold: u32,
    pub(super) penalty: f64,
    #[serde(default)]
    pub(super) sticky: bool,
}

/// Requests fail in the middle of the load, and succeed below and above.
///
/// One that arrives when `low` to `high` requests are in flight, itself included, is answered 500.
/// Without a limit of slots and with Poisson arrivals at rate λ the others in flight are Poisson
/// with mean λ·S (M/G/∞), so that the share of failures is P(`low` ≤ 1 + N ≤ `high`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Inversion {
    pub(super) low: u32,
    pub(super) high: u32,
}

/// Every knob of the lab. Times count from the lab's zero: the start of the service, or the last
/// restart of the lab.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct LabConfig {
    pub(super) scope: Scope,
    /// Requests that are served at the same time; `null` is all of them.
    pub(super) slots: Option<u32>,
    /// `det:S`, `exp:MEAN` or `lognormal:MEDIAN,SIGMA`.
    #[schema(value_type = String)]
    pub(super) service: ServiceLaw,
    /// `none`, `bounded:K` or `unbounded`; first come, first served.
    #[schema(value_type = String)]
    pub(super) queue: Queue,
    pub(super) stall: Option<Stall>,
    pub(super) error: Option<Failures>,
    pub(super) step: Option<Step>,
    pub(super) drift: Option<Drift>,
    pub(super) warm_up: Option<WarmUp>,
    pub(super) cycle: Option<Cycle>,
    pub(super) leak: Option<LeakRate>,
    pub(super) metastable: Option<Metastable>,
    pub(super) inversion: Option<Inversion>,
    /// Processor time that a request takes on a thread of the service, once its service is over.
    #[schema(value_type = Option<String>)]
    pub(super) cpu: Option<Span>,
    /// The same seed gives the nth request the same draws.
    pub(super) seed: u64,
}

impl Default for LabConfig {
    fn default() -> Self {
        Self {
            scope: Scope::Work,
            slots: None,
            service: ServiceLaw::Deterministic(Span::default()),
            queue: Queue::Endless,
            stall: None,
            error: None,
            step: None,
            drift: None,
            warm_up: None,
            cycle: None,
            leak: None,
            metastable: None,
            inversion: None,
            cpu: None,
            seed: 1,
        }
    }
}

impl LabConfig {
    /// This configuration with the knobs of `patch` changed, at `now` by the lab's clock.
    ///
    /// # Errors
    ///
    /// The first knob that does not exist or does not take its value.
    pub(super) fn patched(
        &self,
        patch: Map<String, Value>,
        now: Duration,
    ) -> Result<Self, ConfigError> {
        let mut config = self.clone();
        for (knob, value) in patch {
            config.set(&knob, value, now)?;
        }
        if config.metastable.is_some() && config.slots.is_none() {
            return Err(ConfigError::NoQueue);
        }
        Ok(config)
    }

    /// Changes one knob.
    pub(super) fn set(
        &mut self,
        knob: &str,
        value: Value,
        now: Duration,
    ) -> Result<(), ConfigError> {
        let known = KNOBS.iter().find(|(name, _)| *name == knob);
        let &(knob, allowed) =
            known.ok_or_else(|| ConfigError::UnknownKnob { knob: knob.to_owned() })?;
        let text = value.to_string();
        let changed = match knob {
            "scope" => put(&mut self.scope, value, |_| None),
            "slots" => put(&mut self.slots, value, |n| n.and_then(|n| outside(n, 1, SLOTS_MAX))),
            "service" => put(&mut self.service, value, |_| None),
            "queue" => put(&mut self.queue, value, |_| None),
            "stall" => self.set_stall(value, now),
            "error" => put(&mut self.error, value, |e| e.and_then(Failures::fault)),
            "step" => {
                put(&mut self.step, value, |s| s.and_then(|s| outside(s.gain, 0.0, GAIN_MAX)))
            }
            "drift" => put(&mut self.drift, value, |d| {
                d.and_then(|d| outside(d.percent_per_h, -DRIFT_MAX, DRIFT_MAX))
            }),
            "warm_up" => put(&mut self.warm_up, value, |w| w.and_then(WarmUp::fault)),
            "cycle" => put(&mut self.cycle, value, |c| c.and_then(Cycle::fault)),
            "leak" => put(&mut self.leak, value, |l| l.and_then(LeakRate::fault)),
            "metastable" => put(&mut self.metastable, value, |m| {
                m.and_then(|m| outside(m.penalty, 0.0, GAIN_MAX))
            }),
            "inversion" => put(&mut self.inversion, value, |i| i.and_then(Inversion::fault)),
            "cpu" => put(&mut self.cpu, value, |c| {
                c.and_then(|c| outside(c, Span::default(), Span(CPU_MAX)))
            }),
            "seed" => put(&mut self.seed, value, |_| None),
            _ => Err("it is listed but not read".to_owned()),
        };
        changed.map_err(|reason| ConfigError::Value { knob, allowed, value: text, reason })
    }

    fn set_stall(&mut self, value: Value, now: Duration) -> Result<(), String> {
        let wish: Option<StallWish> = read(value)?;
        self.stall = match wish {
            None => None,
            Some(StallWish { at: Some(at), r#in: None, r#for }) => Some(Stall { at, r#for }),
            Some(StallWish { at: None, r#in: Some(wait), r#for }) => {
                Some(Stall { at: Span(now + wait.0), r#for })
            }
            Some(_) => return Err("it begins either `at` or `in`".to_owned()),
        };
        Ok(())
    }

    /// The factor on the service time of work that begins at `at` by the lab's clock, but for that
    /// of `metastable`.
    pub(super) fn factor(&self, at: Duration) -> f64 {
        let seconds = at.as_secs_f64();
        let step = self.step.filter(|step| at >= step.at.0).map_or(1.0, |step| step.gain);
        let drift =
            self.drift.map_or(1.0, |drift| 1.0 + drift.percent_per_h / 100.0 * seconds / 3_600.0);
        let warm_up = self.warm_up.map_or(1.0, |warm_up| {
            1.0 + warm_up.gain * (-seconds / warm_up.tau.as_secs_f64()).exp()
        });
        let cycle = self.cycle.map_or(1.0, |cycle| {
            let turns = seconds / cycle.period.as_secs_f64();
            1.0 + cycle.amplitude * (std::f64::consts::TAU * turns).sin()
        });
        step * drift.max(0.0) * warm_up * cycle
    }
}

/// Reads a value into its knob, unless `fault` finds something wrong with it.
fn put<T: DeserializeOwned + Copy>(
    place: &mut T,
    value: Value,
    fault: impl FnOnce(T) -> Option<String>,
) -> Result<(), String> {
    let read = read(value)?;
    match fault(read) {
        Some(reason) => Err(reason),
        None => {
            *place = read;
            Ok(())
        }
    }
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}

/// Says so if `value` is not from `low` to `high`. What is not a number is outside too.
fn outside<T: PartialOrd + Copy + std::fmt::Display>(value: T, low: T, high: T) -> Option<String> {
    (!(low..=high).contains(&value)).then(|| format!("{value} is not from {low} to {high}"))
}

fn zero(name: &str, span: Span) -> Option<String> {
    span.is_zero().then(|| format!("`{name}` is zero"))
}

impl Failures {
    fn fault(self) -> Option<String> {
        let spans = match (self.on, self.off) {
            (None, None) => None,
            (Some(on), Some(_)) => zero("on", on),
            _ => Some("one of `on` and `off` is missing".to_owned()),
        };
        outside(self.probability, 0.0, 1.0).or(spans)
    }
}

impl WarmUp {
    fn fault(self) -> Option<String> {
        zero("tau", self.tau).or_else(|| outside(self.gain, 0.0, GAIN_MAX))
    }
}

impl Cycle {
    fn fault(self) -> Option<String> {
        zero("period", self.period).or_else(|| outside(self.amplitude, 0.0, 1.0))
    }
}

impl LeakRate {
    fn fault(self) -> Option<String> {
        outside(self.bytes_per_request, 0, LEAK_STEP_MAX)
            .or_else(|| outside(self.bytes_per_second, 0, LEAK_STEP_MAX))
    }
}

impl Inversion {
    fn fault(self) -> Option<String> {
        outside(self.low, 1, self.high.max(1))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patch(config: &LabConfig, patch: Value) -> Result<LabConfig, ConfigError> {
        let Value::Object(patch) = patch else { panic!("a patch is an object") };
        config.patched(patch, Duration::from_secs(10))
    }

    #[test]
    fn what_is_written_is_what_was_read() {
        let every = json!({
            "scope": "all", "slots": 8, "service": "exp:10ms", "queue": "bounded:3",
            "stall": { "at": "1s", "for": "500ms" },
            "error": { "probability": 0.5, "on": "1s", "off": "2s" },
            "step": { "at": "30s", "gain": 2.0 }, "drift": { "percent_per_h": -5.0 },
            "warm_up": { "tau": "20s", "gain": 4.0 },
            "cycle": { "period": "1h", "amplitude": 0.5 },
            "leak": { "bytes_per_request": 100, "bytes_per_second": 0 },
            "metastable": { "threshold": 50, "penalty": 1.0, "sticky": true },
            "inversion": { "low": 30, "high": 35 }, "cpu": "2ms", "seed": 7,
        });
        let config = patch(&LabConfig::default(), every.clone()).unwrap();
        assert_eq!(serde_json::to_value(&config).unwrap(), every);
        assert_eq!(every.as_object().unwrap().len(), KNOBS.len());
    }

    #[test]
    fn a_patch_changes_what_it_names_and_null_clears() {
        let first = patch(&LabConfig::default(), json!({ "slots": 8, "cpu": "1ms" })).unwrap();
        let second = patch(&first, json!({ "cpu": null, "service": "det:5ms" })).unwrap();
        assert_eq!((second.slots, second.cpu), (Some(8), None));
        assert_eq!(second.service, "det:5ms".parse().unwrap());
    }

    #[test]
    fn a_stall_counts_from_zero_or_from_now() {
        let stall = |wish| patch(&LabConfig::default(), json!({ "stall": wish })).unwrap().stall;
        let at = stall(json!({ "at": "12s", "for": "1s" }));
        assert_eq!(at, stall(json!({ "in": "2s", "for": "1s" })));
        assert_eq!(at.unwrap().at, Span(Duration::from_secs(12)));
    }

    #[test]
    fn a_fault_names_the_knob_and_what_it_takes() {
        for (wish, parts) in [
            (json!({ "slot": 1 }), ["`slot` is no knob", "slots, service"]),
            (json!({ "slots": 0 }), ["`slots` takes none or a whole number from 1", "0 is not"]),
            (json!({ "slots": "many" }), ["`slots`", "many"]),
            (json!({ "service": "10ms" }), ["`service` takes det:S", "`10ms` is none of them"]),
            (json!({ "service": null }), ["`service` takes det:S", "null will not do"]),
            (json!({ "queue": "long" }), ["`queue` takes none, bounded:K", "`long`"]),
            (json!({ "scope": "some" }), ["`scope` takes work or all", "some"]),
            (json!({ "stall": { "at": "1s" } }), ["`stall` takes", "missing field `for`"]),
            (json!({ "stall": { "for": "1s" } }), ["`stall`", "either `at` or `in`"]),
            (json!({ "stall": { "at": "1s", "of": "1s" } }), ["`stall`", "unknown field `of`"]),
            (json!({ "error": { "probability": 2 } }), ["`error`", "2 is not from 0 to 1"]),
            (json!({ "error": { "probability": 1, "on": "1s" } }), ["`error`", "is missing"]),
            (json!({ "step": { "at": "1s", "gain": -1 } }), ["`step`", "-1 is not from 0"]),
            (json!({ "warm_up": { "tau": "0s", "gain": 1 } }), ["`warm_up`", "`tau` is zero"]),
            (json!({ "cycle": { "period": "1s", "amplitude": 2 } }), ["`cycle`", "2 is not"]),
            (json!({ "leak": { "bytes_per_request": 1u64 << 30 } }), ["`leak`", "1073741824"]),
            (json!({ "inversion": { "low": 9, "high": 5 } }), ["`inversion`", "9 is not"]),
            (json!({ "cpu": "11s" }), ["`cpu` takes none or a duration", "11s is not"]),
            (json!({ "metastable": { "threshold": 5, "penalty": 1 } }), ["`metastable`", "slots"]),
        ] {
            let error = patch(&LabConfig::default(), wish.clone()).unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{wish}: {error}");
        }
    }

    #[test]
    fn failures_come_in_bursts_from_the_lab_s_zero() {
        let burst = json!({ "error": { "probability": 1, "on": "1s", "off": "2s" } });
        let error = patch(&LabConfig::default(), burst).unwrap().error.unwrap();
        let on: Vec<_> =
            [0, 999, 1_000, 2_999, 3_000].map(|at| error.is_on(Duration::from_millis(at))).into();
        assert_eq!(on, [true, true, false, false, true]);
    }

    #[test]
    fn the_factors_of_the_knobs_multiply() {
        let config = patch(
            &LabConfig::default(),
            json!({
                "step": { "at": "900s", "gain": 3 }, "drift": { "percent_per_h": 100 },
                "warm_up": { "tau": "900s", "gain": 4 },
                "cycle": { "period": "1h", "amplitude": 0.5 },
            }),
        );
        let config = config.unwrap();
        let near = |at, expected: f64| {
            let found = config.factor(Duration::from_secs(at));
            assert!((found - expected).abs() < 1e-9, "{at}: {found}");
        };
        near(0, 5.0);
        // A quarter of an hour: the step is taken, the swing at its height.
        near(900, 3.0 * 1.25 * (1.0 + 4.0 * (-1.0_f64).exp()) * 1.5);
    }
}
