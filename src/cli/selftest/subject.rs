//! What the generator is measured with: a script's tasks, or one GET and a check.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::cli::CliError;
use crate::cli::diagnostics;
use crate::cli::exit::ExitCode;
use crate::cli::prepare::{Prepared, prepare};
use crate::cli::printer::Printer;
use crate::cli::settings::Source;
use crate::plan::layers::{LoadWishes, Wishes};
use crate::plan::{Arrival, HttpVersion, Plan, ResolveContext, ThinkTime, resolve};
use crate::script::{Finding, LoadOptions, Script, ScriptError};
use crate::units::Rate;

/// What is measured without a script.
const REQUEST_SCRIPT: &str = r#"//! One GET and a check.
fn request(user) { let r = user.get("/"); check(r, "status is 200", r.status == 200); }
"#;
/// Every choice is the same in each measurement.
const SEED: u64 = 1;
/// The null server answers at once; what has not ended by then never does.
const GRACEFUL_STOP: Duration = Duration::from_secs(2);
/// Users of an open load from the start, over all workers: as many as are busy at once where nothing is slow.
const FIRST_VUS: u64 = 20;
/// Users that an open load may have while the machine is busy with something else.
const MOST_VUS: u64 = 1000;

/// What users do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// The tasks of a script.
    Script {
        /// The file.
        path: PathBuf,
        /// Values for its `env("KEY")`.
        env: BTreeMap<String, String>,
    },
    /// One GET and a check.
    Request,
}

impl Subject {
    /// The script as it was named.
    pub(super) fn script(&self) -> Option<String> {
        match self {
            Self::Script { path, .. } => Some(path.display().to_string()),
            Self::Request => None,
        }
    }

    /// A run of the subject against the null server at `url` with nothing but `load`: no think time, no thresholds, no
    /// later start, and no request that leaves the machine.
    ///
    /// # Errors
    /// Exit code 104: what is wrong with the script.
    pub(super) fn prepare(
        &self,
        load: LoadWishes,
        threads: Option<usize>,
        url: &str,
        printer: &Printer,
    ) -> Result<Prepared, CliError> {
        let wishes = Wishes {
            target: Some(url.to_owned()),
            load,
            no_thresholds: true,
            scale: Some(1.0),
            seed: Some(SEED),
            threads,
            abort_on_script_error: Some(false),
            ..Wishes::default()
        };
        let mut prepared = match self {
            Self::Script { path, env } => {
                prepare(&Source::Script(path.clone()), &wishes, env, printer)?
            }
            Self::Request => request(&wishes)
                .map_err(|error| diagnostics::script_error(&error, ExitCode::Internal, printer))?,
        };
        confine(&mut prepared.plan, url);
        Ok(prepared)
    }
}

/// Takes away what would slow the users down, and leads every request to the null server, also those with a host of their
/// own: a script may name the service in production, and this is the highest load that the machine can make.
fn confine(plan: &mut Plan, url: &str) {
    for scenario in &mut plan.scenarios {
        scenario.think_time = ThinkTime::None;
    }
    plan.http.proxy = Some(url.to_owned());
    plan.http.version = HttpVersion::Http1;
    // The direct transport uses no proxy.
    plan.http.transport = "auto".to_owned();
    plan.http.ca_file = None;
}

fn request(wishes: &Wishes) -> Result<Prepared, ScriptError> {
    let options = LoadOptions { seed: SEED, has_target: true, ..LoadOptions::default() };
    let root = Path::new(".").to_owned();
    let script = Script::from_text("selftest", REQUEST_SCRIPT.to_owned(), root, options)?;
    let context = ResolveContext {
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        functions: Some(script.functions()),
        custom_metrics: Some(script.custom_metrics()),
        default_seed: SEED,
    };
    let plan = resolve(&[wishes, script.wishes()], &context).map_err(|errors| {
        let finding = |error: &crate::plan::PlanError| {
            script.finding_in_options("", error.to_string(), error.hint())
        };
        let findings: Vec<Finding> = errors.iter().map(finding).collect();
        ScriptError { findings }
    })?;
    Ok(Prepared { script: Arc::new(script), plan })
}

/// A closed load: each user goes on as soon as it has its answer.
pub(super) fn closed(vus: u64, duration: Duration) -> LoadWishes {
    LoadWishes { vus: Some(vus), duration: Some(duration), ..at_once() }
}

/// An open load of even arrivals.
pub(super) fn open(rate: Rate, duration: Duration) -> LoadWishes {
    LoadWishes {
        rate: Some(rate),
        duration: Some(duration),
        arrival: Some(Arrival::Constant),
        vus: Some(FIRST_VUS),
        max_vus: Some(MOST_VUS),
        ..at_once()
    }
}

fn at_once() -> LoadWishes {
    LoadWishes {
        start_time: Some(Duration::ZERO),
        graceful_stop: Some(GRACEFUL_STOP),
        ..LoadWishes::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::GlobalArgs;
    use crate::cli::printer::Surroundings;
    use crate::plan::Executor;

    const URL: &str = "http://127.0.0.1:9";

    fn plan_of(text: &str, load: LoadWishes) -> Plan {
        let (out, talk) = (Box::new(std::io::sink()), Box::new(std::io::sink()));
        let printer =
            Printer::with_streams(&GlobalArgs::default(), Surroundings::default(), out, talk);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.rhai");
        std::fs::write(&path, text).expect("written");
        let subject = Subject::Script { path, env: BTreeMap::new() };
        subject.prepare(load, Some(2), URL, &printer).expect("a plan").plan
    }

    const BUSY: &str = r#"
let options = #{
    target: "https://shop.test",
    scale: 5.0,
    proxy: "http://proxy.test:3128",
    http_version: "2",
    think_time: between("1s", "3s"),
    thresholds: #{ http_req_failed: ["rate<0.01"] },
    scenarios: #{
        early: #{ tasks: #{ look: 1 }, weight: 3, think_time: constant("1s"), load: #{ rate: "5/s", duration: "1m", max_vus: 2 } },
        late: #{ tasks: #{ look: 1 }, load: #{ vus: 3, duration: "1m", start_time: "30s" } },
    },
};
fn look(user) { user.get("/"); }
"#;

    #[test]
    fn nothing_of_a_script_is_left_but_its_tasks() {
        let length = Duration::from_secs(5);
        let plan = plan_of(BUSY, closed(8, length));
        assert_eq!((plan.target.as_deref(), plan.thresholds.len()), (Some(URL), 0));
        let loads: Vec<_> = plan.scenarios.iter().map(|s| s.executor.clone()).collect();
        let users = |vus| Executor::ConstantVus { vus, duration: length };
        assert_eq!(loads, [users(6), users(2)]);
        for scenario in &plan.scenarios {
            assert_eq!(scenario.think_time, ThinkTime::None);
            assert_eq!(scenario.start_time, Duration::ZERO);
        }
    }

    #[test]
    fn every_request_goes_to_the_null_server() {
        let plan = plan_of(BUSY, closed(8, Duration::from_secs(5)));
        assert_eq!(plan.http.proxy.as_deref(), Some(URL));
        assert_eq!(plan.http.version, HttpVersion::Http1);
    }

    #[test]
    fn an_open_load_arrives_evenly_with_users_enough() {
        let rate = Rate::per_second(4000.0).expect("finite");
        let plan = plan_of(BUSY, open(rate, Duration::from_secs(4)));
        let (rates, users) = plan.scenarios.iter().fold((0.0, 0), |(rates, users), scenario| {
            let Executor::ConstantArrivalRate { rate, arrival, max_vus, .. } = scenario.executor
            else {
                panic!("not an open load: {:?}", scenario.executor)
            };
            assert_eq!(arrival, Arrival::Constant);
            (rates + rate.as_per_second(), users + max_vus)
        });
        assert_eq!((rates, users), (4000.0, MOST_VUS));
    }
}
