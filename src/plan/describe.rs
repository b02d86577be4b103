//! A plan in words.

use super::executor::{Arrival, Executor, Stage};
use super::{Plan, Scenario, ThinkTime};
use crate::units::{Rate, show_count, show_span};

impl Plan {
    /// What will be done, a line for each scenario: `20 users for 1m`, `200/s for 30s (poisson), 10..100 users`.
    ///
    /// Lines begin with the scenario's name when there are several.
    #[must_use]
    pub fn describe(&self) -> Vec<String> {
        let several = self.scenarios.len() > 1;
        let line = |scenario: &Scenario| {
            let name = if several { format!("{}: ", scenario.name) } else { String::new() };
            format!("{name}{}{}", scenario.executor.describe(), extras(scenario))
        };
        self.scenarios.iter().map(line).collect()
    }
}

impl Executor {
    /// What it does, in words: `20 users for 1m`.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::ConstantVus { vus, duration } => {
                format!("{} for {}", users(*vus), show_span(*duration))
            }
            Self::SharedIterations { vus, iterations, max_duration } => format!(
                "{} shared by {}, at most {}",
                counted(*iterations, "iteration"),
                users(*vus),
                show_span(*max_duration)
            ),
            Self::PerVuIterations { vus, iterations, max_duration } => format!(
                "{}, {} each, at most {}",
                users(*vus),
                counted(*iterations, "iteration"),
                show_span(*max_duration)
            ),
            Self::RampingVus { start_vus, stages } => {
                let level = |target: f64| users(target as u64);
                format!("from {}: {}", users(*start_vus), steps(*start_vus as f64, stages, level))
            }
            Self::ConstantArrivalRate { rate, duration, arrival, pre_allocated_vus, max_vus } => {
                let pool = pool(*arrival, *pre_allocated_vus, *max_vus);
                format!("{rate} for {}{pool}", show_span(*duration))
            }
            Self::RampingArrivalRate {
                start_rate,
                stages,
                arrival,
                pre_allocated_vus,
                max_vus,
            } => {
                let level = |target: f64| {
                    Rate::per_second(target).map(|rate| rate.to_string()).unwrap_or_default()
                };
                let steps = steps(start_rate.as_per_second(), stages, level);
                let pool = pool(*arrival, *pre_allocated_vus, *max_vus);
                format!("from {start_rate}: {steps}{pool}")
            }
        }
    }
}

/// `warm-up 2 users for 10s, ramp-up to 20 users over 1m`; names that were not given are left out.
fn steps(start: f64, stages: &[Stage], level: impl Fn(f64) -> String) -> String {
    let mut before = start;
    let step = |(index, stage): (usize, &Stage)| {
        let named = stage.name != format!("stage-{}", index + 1);
        let name = if named { format!("{} ", stage.name) } else { String::new() };
        let (to, span) = (level(stage.target), show_span(stage.duration));
        let holds = stage.jump || (stage.target - before).abs() < f64::EPSILON;
        before = stage.target;
        match (stage.duration.is_zero(), holds) {
            (true, _) => format!("{name}{to} at once"),
            (false, true) => format!("{name}{to} for {span}"),
            (false, false) => format!("{name}to {to} over {span}"),
        }
    };
    stages.iter().enumerate().map(step).collect::<Vec<_>>().join(", ")
}

fn pool(arrival: Arrival, pre_allocated_vus: u64, max_vus: u64) -> String {
    let arrival = match arrival {
        Arrival::Constant => "constant",
        Arrival::Poisson => "poisson",
    };
    if pre_allocated_vus == max_vus {
        return format!(" ({arrival}), {}", users(max_vus));
    }
    format!(" ({arrival}), {}..{} users", show_count(pre_allocated_vus), show_count(max_vus))
}

fn extras(scenario: &Scenario) -> String {
    let start = if scenario.start_time.is_zero() {
        String::new()
    } else {
        format!(", from {}", show_span(scenario.start_time))
    };
    let think = match scenario.think_time {
        ThinkTime::None => String::new(),
        ThinkTime::Constant(length) => format!(", think time {}", show_span(length)),
        ThinkTime::Between(a, b) => format!(", think time {}..{}", show_span(a), show_span(b)),
        ThinkTime::Exponential(mean) => {
            format!(", think time {} on average (exponential)", show_span(mean))
        }
        ThinkTime::Pacing(interval) => format!(", an iteration each {}", show_span(interval)),
    };
    // Think time is between the iterations of one user, which open models do not have.
    if scenario.executor.is_open_model() { start } else { start + &think }
}

fn users(count: u64) -> String {
    counted(count, "user")
}

fn counted(count: u64, noun: &str) -> String {
    format!("{} {noun}{}", show_count(count), if count == 1 { "" } else { "s" })
}
