//! `POST /api/tests/start`: what may be asked for, and what is made of it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::config::{Caps, ControlConfig};
use super::error::Refusal;
use super::launcher::Order;
use super::scripts;
use crate::plan::{Confinement, Excess, Plan, TestType};

/// The shortest run that can be asked for.
const SHORTEST_S: f64 = 1.0;
/// Tags of a run, and characters of a name or tag.
const MOST_TAGS: usize = 32;
const LONGEST_NAME: usize = 200;

/// What a client sends.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartRequest {
    /// Name of the run.
    pub name: Option<String>,
    /// `load`, `stress` or `benchmark`.
    pub test_type: String,
    /// A script below the script root.
    pub script: Option<String>,
    /// With a script its base URL, without one the URL that is requested.
    pub target_url: Option<String>,
    /// Virtual users.
    pub users: Option<u64>,
    /// Arrivals a second: of a load test its load, of a stress test the highest that is tried.
    pub rate: Option<f64>,
    /// How long: of a benchmark each endpoint, of a stress test the whole search at most.
    pub duration_seconds: Option<f64>,
    /// Of a stress test: the share of failed requests at which the target counts as broken, in percent.
    pub error_threshold_percent: Option<f64>,
    /// Of a stress test: what must be kept to, `p(99)<300`.
    pub slo: Option<String>,
    /// Tags of the run.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// A run that may be made.
#[derive(Debug, Clone, PartialEq)]
pub struct Launch {
    /// What kind.
    pub test_type: TestType,
    /// Its name, when one was given.
    pub name: Option<String>,
    /// Its script, below the script root.
    pub script: Option<PathBuf>,
    /// Its target: with a script the base URL, without one the URL.
    pub target_url: Option<String>,
    /// Virtual users.
    pub users: Option<u64>,
    /// Arrivals a second.
    pub rate_per_s: Option<f64>,
    /// How long.
    pub duration: Option<Duration>,
    /// The share of failed requests at which the target counts as broken, 0..=1.
    pub error_threshold: Option<f64>,
    /// What must be kept to.
    pub slo: Option<String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// The most that it may make, whatever its script says.
    pub caps: Caps,
    /// What it may reach, whatever its script says.
    pub confinement: Confinement,
}

impl Launch {
    /// What is made of a request.
    ///
    /// # Errors
    /// What makes no sense, and what may not be asked for.
    pub fn new(request: StartRequest, config: &ControlConfig) -> Result<Self, Refusal> {
        let test_type = test_type(&request.test_type)?;
        bounded_texts(&request)?;
        let script =
            request.script.as_deref().map(|name| scripts::find(config, name)).transpose()?;
        let target_url = request.target_url.or_else(|| config.default_target.clone());
        let launch = Self {
            test_type,
            name: request.name.filter(|name| !name.trim().is_empty()),
            script,
            target_url,
            users: request.users,
            rate_per_s: request.rate,
            duration: request.duration_seconds.map(length).transpose()?,
            error_threshold: request.error_threshold_percent.map(share).transpose()?,
            slo: request.slo,
            tags: request.tags,
            caps: config.caps,
            confinement: config.confinement(test_type),
        };
        launch.check_meaning()?;
        launch.check_target(config)?;
        launch.check_caps(config)?;
        Ok(launch)
    }

    fn check_meaning(&self) -> Result<(), Refusal> {
        if self.script.is_none() && self.target_url.is_none() {
            let message = "there is nothing to run: neither script nor target_url is given";
            return Err(Refusal::invalid(message));
        }
        if self.users == Some(0) {
            return Err(Refusal::invalid("users is 0; it counts from 1"));
        }
        let is_stress = self.test_type == TestType::Stress;
        let of_stress = [
            ("error_threshold_percent", self.error_threshold.is_some()),
            ("slo", self.slo.is_some()),
        ];
        if let Some((field, _)) = of_stress.iter().find(|(_, given)| *given && !is_stress) {
            return Err(Refusal::invalid(format!("{field} has a meaning for stress tests only")));
        }
        if self.rate_per_s.is_some() && self.test_type == TestType::Benchmark {
            return Err(Refusal::invalid("a benchmark has users and no rate"));
        }
        Ok(())
    }

    fn check_target(&self, config: &ControlConfig) -> Result<(), Refusal> {
        let Some(text) = &self.target_url else { return Ok(()) };
        check_host(text, config)
    }

    fn check_caps(&self, config: &ControlConfig) -> Result<(), Refusal> {
        let caps = config.caps;
        self.users.map_or(Ok(()), |users| check_users(users, caps))?;
        self.rate_per_s.map_or(Ok(()), |rate| check_rate(rate, caps))?;
        match self.duration {
            Some(duration) if duration > caps.duration => Err(too_long(caps.duration)),
            _ => Ok(()),
        }
    }

    /// Refuses a plan that a script made larger than may be asked for.
    ///
    /// # Errors
    /// The first thing of which it has more than it may.
    pub(super) fn check_plan(&self, plan: &Plan) -> Result<(), Refusal> {
        let Some(most) = &self.confinement.most else { return Ok(()) };
        match most.exceeded_by(plan).first() {
            None => Ok(()),
            Some(Excess::Duration) => Err(too_long(most.duration)),
            Some(Excess::Users(_) | Excess::Rate(_)) => Err(Refusal::beyond(format!(
                "the script asks for more than this server makes: {} users, {} arrivals a second",
                most.users, most.rate_per_s
            ))),
        }
    }
}

/// Another load for a run that goes on: one of the two.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ScaleRequest {
    /// Active users from now on; 0 is none.
    users: Option<u64>,
    /// Arrivals a second from now on.
    rate: Option<f64>,
}

impl ScaleRequest {
    /// What the run is told.
    pub(super) fn order(self, config: &ControlConfig) -> Result<Order, Refusal> {
        match (self.users, self.rate) {
            (Some(users), None) => {
                check_users(users, config.caps)?;
                Ok(Order::Users(users))
            }
            (None, Some(rate)) => {
                check_rate(rate, config.caps)?;
                Ok(Order::Rate(rate))
            }
            _ => Err(Refusal::invalid("give either users or rate")),
        }
    }
}

fn check_users(users: u64, caps: Caps) -> Result<(), Refusal> {
    let message = || format!("this server makes {} users at most", caps.users);
    if users > caps.users { Err(Refusal::beyond(message())) } else { Ok(()) }
}

fn too_long(longest: Duration) -> Refusal {
    Refusal::beyond(format!("this server runs {} s at most", longest.as_secs()))
}

fn check_rate(rate_per_s: f64, caps: Caps) -> Result<(), Refusal> {
    if !rate_per_s.is_finite() || rate_per_s <= 0.0 {
        return Err(Refusal::invalid("rate must be above 0, in arrivals a second"));
    }
    let message = || format!("this server makes {} arrivals a second at most", caps.rate_per_s);
    if rate_per_s > caps.rate_per_s { Err(Refusal::beyond(message())) } else { Ok(()) }
}

/// Refuses a URL whose host may not be loaded.
fn check_host(text: &str, config: &ControlConfig) -> Result<(), Refusal> {
    let url = url::Url::parse(text)
        .ok()
        .filter(|url| ["http", "https"].contains(&url.scheme()))
        .ok_or_else(|| Refusal::invalid("target_url is no http or https URL"))?;
    let host = url.host_str().unwrap_or_default();
    let Err(error) = config.reach.names(host) else { return Ok(()) };
    let message = error.to_string();
    let refusal = Refusal { code: "target_not_allowed", ..Refusal::beyond(message) };
    Err(refusal.with_detail(format!("start it with --allow-target {host}, if the host is yours")))
}

fn test_type(word: &str) -> Result<TestType, Refusal> {
    match word {
        "load" => Ok(TestType::Load),
        "stress" => Ok(TestType::Stress),
        "benchmark" => Ok(TestType::Benchmark),
        _ => {
            let refusal = Refusal::invalid("test_type is none of load, stress, benchmark");
            Err(Refusal { code: "unknown_test_type", ..refusal })
        }
    }
}

fn bounded_texts(request: &StartRequest) -> Result<(), Refusal> {
    let is_long = |text: &str| text.chars().count() > LONGEST_NAME;
    let has_control = |text: &str| text.chars().any(char::is_control);
    let mut texts: Vec<&str> =
        request.name.iter().chain(&request.slo).map(String::as_str).collect();
    texts.extend(request.tags.iter().flat_map(|(key, value)| [key.as_str(), value.as_str()]));
    if request.tags.len() > MOST_TAGS || texts.iter().any(|text| is_long(text)) {
        let message = format!(
            "names and tags have {LONGEST_NAME} characters at most, and a run {MOST_TAGS} tags"
        );
        return Err(Refusal::invalid(message));
    }
    if texts.iter().any(|text| has_control(text)) {
        return Err(Refusal::invalid("names and tags have no control characters"));
    }
    Ok(())
}

fn length(seconds: f64) -> Result<Duration, Refusal> {
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|_| seconds >= SHORTEST_S)
        .ok_or_else(|| Refusal::invalid("duration_seconds must be 1 at least"))
}

fn share(percent: f64) -> Result<f64, Refusal> {
    let is_share = percent > 0.0 && percent <= 100.0;
    let refusal = || Refusal::invalid("error_threshold_percent must be above 0 and at most 100");
    is_share.then_some(percent / 100.0).ok_or_else(refusal)
}
