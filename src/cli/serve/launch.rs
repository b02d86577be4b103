//! Makes the runs that clients ask for, as the verbs would.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::super::CliError;
use super::super::args::{
    BenchArgs, GlobalArgs, LoadArgs, MeasureArgs, OutputArgs, RunArgs, SearchArgs, StressArgs,
    TargetArgs,
};
use super::super::bench::{BenchSettings, bench_with};
use super::super::execution::Follower;
use super::super::exit::ExitCode;
use super::super::prepare::find;
use super::super::printer::{Printer, Surroundings};
use super::super::run::run_with;
use super::super::settings::RunSettings;
use super::super::stress::{StressSettings, stress_with};
use crate::control::{
    Launch, LaunchEnd, LaunchError, Launcher, MachineUse, RunLink, ScriptFinding,
};
use crate::plan::{Confinement, Plan, TestType};
use crate::script::{LoadOptions, Script};
use crate::units::{Rate, show_span};
use crate::watch::MachineWatch;

/// The load of a URL when nothing is said of it.
const USERS: u64 = 10;
const LENGTH: Duration = Duration::from_secs(30);
/// The longest search unless the server allows less.
const SEARCH: Duration = Duration::from_secs(20 * 60);
/// The first load of a search, unless less may be made: that of the command line.
const START_PER_S: f64 = 50.0;
const PROBE: Duration = Duration::from_secs(5);
const SHORTEST_PROBE: Duration = Duration::from_secs(2);
const HOLD: Duration = Duration::from_secs(60);

/// Makes runs in this process.
#[derive(Debug)]
pub(super) struct InProcess {
    global: GlobalArgs,
    machine: Mutex<MachineWatch>,
}

/// A run as its verb understands it.
enum Meant {
    Load(Box<RunSettings>),
    Stress(Box<StressSettings>),
    Benchmark(Box<BenchSettings>),
}

impl InProcess {
    pub(super) fn new(global: &GlobalArgs) -> Self {
        Self { global: global.clone(), machine: Mutex::new(MachineWatch::new()) }
    }

    /// What the verb would do, confined.
    fn meant(&self, launch: &Launch) -> Result<Meant, CliError> {
        let mut meant = self.meant_by_verb(launch)?;
        let run = match &mut meant {
            Meant::Load(settings) => settings,
            Meant::Stress(settings) => &mut settings.run,
            Meant::Benchmark(settings) => &mut settings.run,
        };
        run.wishes.confinement = Some(launch.confinement.clone());
        Ok(meant)
    }

    fn meant_by_verb(&self, launch: &Launch) -> Result<Meant, CliError> {
        match launch.test_type {
            TestType::Stress => StressSettings::new(stress_args(launch), &self.global)
                .map(|settings| Meant::Stress(Box::new(settings))),
            TestType::Benchmark => BenchSettings::new(bench_args(launch), &self.global)
                .map(|settings| Meant::Benchmark(Box::new(settings))),
            TestType::Load | TestType::Soak => RunSettings::new(run_args(launch), &self.global)
                .map(|settings| Meant::Load(Box::new(settings)))
                .map_err(|error| CliError::new(ExitCode::Usage, error.to_string(), error.hint())),
        }
    }
}

impl Launcher for InProcess {
    fn check(&self, launch: &Launch) -> Result<Plan, LaunchError> {
        // Whoever asks judges the load of the plan.
        let mut launch = launch.clone();
        launch.confinement.most = None;
        let meant = self.meant(&launch).map_err(told)?;
        let run = match &meant {
            Meant::Load(settings) => settings,
            Meant::Stress(settings) => &settings.run,
            Meant::Benchmark(settings) => &settings.run,
        };
        let prepared = find(&run.source, &run.wishes, &run.env).map_err(|error| LaunchError {
            message: error.to_string(),
            hint: error.findings.first().and_then(|finding| finding.hint.clone()),
            exit_code: ExitCode::Invalid.into(),
        })?;
        if let Meant::Benchmark(settings) = &meant {
            check_length(settings, &prepared.plan, launch.caps.duration)?;
        }
        Ok(Plan { test_type: launch.test_type, ..prepared.plan })
    }

    fn launch(&self, launch: &Launch, link: RunLink) -> Result<LaunchEnd, LaunchError> {
        // Summaries are read through the API; warnings go where the server's own do.
        let printer = Printer::with_streams(
            &self.global,
            Surroundings::default(),
            Box::new(std::io::sink()),
            Box::new(std::io::stderr()),
        );
        let follower = Follower { printer: &printer, link: Some(link) };
        let code = match self.meant(launch).map_err(told)? {
            Meant::Load(settings) => run_with(*settings, follower),
            Meant::Stress(settings) => stress_with(&settings, follower),
            Meant::Benchmark(settings) => bench_with(&settings, follower),
        };
        code.map(|code| LaunchEnd { exit_code: code.into() }).map_err(told)
    }

    fn check_script(&self, text: &str, confinement: Confinement) -> Vec<ScriptFinding> {
        let options = LoadOptions {
            has_target: true,
            confinement: Some(confinement),
            ..LoadOptions::default()
        };
        let root = Path::new(".").to_owned();
        let checked = Script::from_text("script.rhai", text.to_owned(), root, options);
        let findings = checked.err().map(|error| error.findings).unwrap_or_default();
        findings
            .into_iter()
            .map(|finding| ScriptFinding {
                line: finding.line,
                column: finding.column,
                message: finding.message,
                hint: finding.hint,
            })
            .collect()
    }

    fn machine(&self) -> MachineUse {
        let now = self.machine.lock().unwrap_or_else(PoisonError::into_inner).sample();
        MachineUse {
            cpu_percent: now.cpu_percent,
            memory_used_bytes: now.memory_used_bytes,
            memory_total_bytes: now.memory_total_bytes,
            cores: now.cores,
            load_1m: now.load_1m,
        }
    }
}

/// Refuses a benchmark whose endpoints together take longer than a run may.
fn check_length(
    settings: &BenchSettings,
    plan: &Plan,
    longest: Duration,
) -> Result<(), LaunchError> {
    let length = settings.planned_length(plan);
    if length <= longest {
        return Ok(());
    }
    let (length, longest) = (show_span(length), show_span(longest));
    Err(LaunchError {
        message: format!(
            "the endpoints take {length} together, and no run may take longer than {longest}"
        ),
        hint: Some("duration_seconds is that of each endpoint: give less".to_owned()),
        exit_code: ExitCode::Invalid.into(),
    })
}

fn told(error: CliError) -> LaunchError {
    LaunchError { exit_code: error.code.into(), message: error.message, hint: error.hint }
}

/// What is run: a script, or else the URL.
fn source(launch: &Launch) -> Option<String> {
    match &launch.script {
        Some(path) => path.to_str().map(str::to_owned),
        None => launch.target_url.clone(),
    }
}

fn target(launch: &Launch) -> TargetArgs {
    let target = launch.target_url.clone().filter(|_| launch.script.is_some());
    TargetArgs { target, ..TargetArgs::default() }
}

fn output(launch: &Launch) -> OutputArgs {
    OutputArgs {
        name: launch.name.clone(),
        tag: launch.tags.clone().into_iter().collect(),
        no_progress: true,
        ..OutputArgs::default()
    }
}

fn run_args(launch: &Launch) -> RunArgs {
    let is_silent = launch.script.is_none() && launch.rate_per_s.is_none();
    let rate = launch.rate_per_s.and_then(Rate::per_second);
    let load = LoadArgs {
        vus: launch.users.or(is_silent.then_some(USERS)),
        duration: launch.duration.or(launch.script.is_none().then_some(LENGTH)),
        max_vus: rate.map(|_| launch.caps.users),
        rate,
        ..LoadArgs::default()
    };
    RunArgs {
        source: source(launch),
        target: target(launch),
        load,
        output: output(launch),
        ..RunArgs::default()
    }
}

fn stress_args(launch: &Launch) -> StressArgs {
    let length = launch.duration.unwrap_or(SEARCH).min(launch.caps.duration);
    let max_per_s = launch.rate_per_s.unwrap_or(launch.caps.rate_per_s);
    let search = SearchArgs {
        error_threshold: launch.error_threshold,
        slo: launch.slo.clone(),
        start_rate: Rate::per_second(START_PER_S.min(max_per_s)),
        max_rate: Rate::per_second(max_per_s),
        max_vus: Some(launch.users.unwrap_or(launch.caps.users)),
        // A short search has short probes, and leaves time for more than one.
        probe_duration: Some((length / 20).clamp(SHORTEST_PROBE, PROBE)),
        hold: Some((length / 4).min(HOLD)),
        max_duration: Some(length),
        ..SearchArgs::default()
    };
    StressArgs {
        source: source(launch),
        search,
        target: target(launch),
        output: output(launch),
        ..StressArgs::default()
    }
}

fn bench_args(launch: &Launch) -> BenchArgs {
    let measure =
        MeasureArgs { vus: launch.users, duration: launch.duration, ..MeasureArgs::default() };
    BenchArgs {
        sources: source(launch).into_iter().collect(),
        measure,
        target: target(launch),
        output: output(launch),
        ..BenchArgs::default()
    }
}
