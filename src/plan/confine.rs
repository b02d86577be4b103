//! Runs that are made for somebody else: what they may reach, whatever their script says.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::Plan;
use super::error::PlanError;
use super::layers::Wishes;
use crate::reach::Reach;

/// The most bytes of a body that each user of a confined run may keep.
const MOST_BODY_BYTES: u64 = 8 << 20;

/// What bounds a run that is made for somebody else. Whoever makes the run sets it; no script can.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Confinement {
    /// The hosts that may be loaded.
    pub reach: Reach,
    /// Variables of the environment that the script may read.
    pub env: Vec<String>,
    /// The folder beneath which the script's data files are; `None` when it may open none.
    pub files: Option<PathBuf>,
    /// The most load of a plan; `None` where it is bounded otherwise, as that of a search.
    pub most: Option<MostLoad>,
}

/// The most load that a plan may make.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MostLoad {
    /// Virtual users at the same time.
    pub users: u64,
    /// Arrivals a second, of all scenarios together.
    pub rate_per_s: f64,
    /// From the start to the planned end; iterations have none, and are stopped by whoever makes the run.
    pub duration: Duration,
}

impl MostLoad {
    /// Everything of `plan` that is more.
    #[must_use]
    pub fn exceeded_by(&self, plan: &Plan) -> Vec<Excess> {
        let (users, peak_per_s) = (plan.max_vus(), plan.peak_per_s());
        let takes_longer = plan.duration().is_some_and(|duration| duration > self.duration);
        [
            (users > self.users).then_some(Excess::Users(users)),
            (peak_per_s > self.rate_per_s).then_some(Excess::Rate(peak_per_s)),
            takes_longer.then_some(Excess::Duration),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// What a plan has more of than it may.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Excess {
    /// Virtual users at the same time: so many.
    Users(u64),
    /// Arrivals a second, of all scenarios together: so many.
    Rate(f64),
    /// Time.
    Duration,
}

/// Confines `plan` as the highest layer says that says so.
///
/// # Errors
/// Everything in the plan that is out of bounds.
pub(super) fn confine(layers: &[&Wishes], plan: Plan) -> Result<Plan, Vec<PlanError>> {
    let confinement = layers.iter().find_map(|layer| layer.confinement.as_ref());
    let Some(confinement) = confinement else { return Ok(plan) };
    let mut problems = Vec::new();
    check_hosts(&plan, &confinement.reach, &mut problems);
    check_http(&plan, &mut problems);
    if let Some(most) = &confinement.most {
        check_load(&plan, most, &mut problems);
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut plan = plan;
    plan.http.reach = Some(confinement.reach.clone());
    Ok(plan)
}

fn barred(what: &'static str, reason: impl Into<String>) -> PlanError {
    PlanError::Barred { what, reason: reason.into() }
}

fn check_hosts(plan: &Plan, reach: &Reach, problems: &mut Vec<PlanError>) {
    let target = plan.target.iter().map(|target| ("target", target));
    let pages = plan.scrape.iter().map(|page| ("scrape", &page.url));
    for (what, url) in target.chain(pages) {
        let url = Url::parse(url).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        problems.extend(reach.names(host).err().map(|error| barred(what, error.to_string())));
    }
}

fn check_http(plan: &Plan, problems: &mut Vec<PlanError>) {
    if plan.http.proxy.is_some() {
        problems.push(barred("proxy", "it would connect to any host that it is told"));
    }
    if plan.http.ca_file.is_some() {
        problems.push(barred("ca_file", "files of this machine are not for scripts"));
    }
    if plan.http.max_body_bytes > MOST_BODY_BYTES {
        problems.push(barred("max_body_bytes", format!("it is above {MOST_BODY_BYTES}")));
    }
}

fn check_load(plan: &Plan, most: &MostLoad, problems: &mut Vec<PlanError>) {
    let reasons = most.exceeded_by(plan).into_iter().map(|excess| match excess {
        Excess::Users(users) => format!("it has {users} users, and {} may be", most.users),
        Excess::Rate(per_s) => {
            format!("it has {per_s} arrivals a second, and {} may be", most.rate_per_s)
        }
        Excess::Duration => format!("it takes longer than {} s", most.duration.as_secs()),
    });
    problems.extend(reasons.map(|reason| barred("load", reason)));
}
