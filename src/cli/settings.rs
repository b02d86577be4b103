//! What is meant: turns what was typed into wishes for the plan and settings for everything around the run.
//!
//! Reads no file and asks nobody; what needs the world (whether the script exists, whether the target answers) is found
//! out by the verb. Command line and environment are one layer: `clap` has merged them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::{
    CheckArgs, EngineArgs, GlobalArgs, HttpArgs, JudgeArgs, LoadArgs, OutputSpec, ReportArgs,
    ReportFile, ReportFormat, RequestArgs, RunArgs, TargetArgs, ThresholdText,
};
use crate::plan::ScrapeSource;
use crate::plan::layers::{HttpWishes, LoadWishes, Wishes};

/// How long a started target may take to answer.
const DEFAULT_READY_TIMEOUT: Duration = Duration::from_secs(30);

/// A command line that reads well but cannot be meant. Nothing has been run: exit code 104.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// Neither a script nor a URL.
    #[error("there is nothing to run: no script and no URL")]
    NothingToRun,
    /// A URL of another scheme, or without a host.
    #[error("{text:?} cannot be requested: {reason}")]
    BadUrl {
        /// What was typed.
        text: String,
        /// Why, with a form that works.
        reason: &'static str,
    },
    /// `localhost:8080` and the like.
    #[error("{text:?} is neither a script nor a URL")]
    NeitherScriptNorUrl {
        /// What was typed.
        text: String,
    },
    /// An option of URL runs with a script, or the reverse.
    #[error("{option} has no meaning for {with}")]
    NoMeaning {
        /// The option.
        option: &'static str,
        /// A script, or a URL.
        with: &'static str,
    },
    /// Two words for the same key.
    #[error("{option} gives {key:?} twice, with different values")]
    Twice {
        /// The option.
        option: &'static str,
        /// The key.
        key: String,
    },
    /// `report rm` without runs.
    #[error("there is nothing to delete: no run is named")]
    NothingToDelete,
}

impl SettingsError {
    /// What to do instead.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NothingToRun => {
                "name a script or a URL: rhaid run scripts/journey.rhai; `rhaid new` writes a starter".to_owned()
            }
            Self::BadUrl { .. } => "URLs are written http://127.0.0.1:8080/path or https://shop.test/".to_owned(),
            Self::NeitherScriptNorUrl { text } => {
                format!("scripts end in .rhai; as a URL it would be http://{text}")
            }
            Self::NoMeaning { option, with: "a script" } => {
                format!("leave out {option}: the script makes its own requests")
            }
            Self::NoMeaning { option, .. } => format!("leave out {option}, or name a script instead of the URL"),
            Self::Twice { .. } => "give it once".to_owned(),
            Self::NothingToDelete => "rhaid report rm 3 4 deletes two runs; `rhaid report` lists them".to_owned(),
        }
    }
}

/// What a run does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The functions of a script. The file may not exist.
    Script(PathBuf),
    /// One request, over and over.
    Url(UrlRequest),
}

/// The request of a run without a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UrlRequest {
    /// As typed, user and password included.
    pub url: String,
    /// Upper case. GET, or POST with a body, unless given.
    pub method: String,
    /// Its body.
    pub body: Option<BodySource>,
}

/// Where a request's body comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodySource {
    /// As typed.
    Text(String),
    /// The content of a file.
    File(PathBuf),
}

/// A target that is started for the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetStart {
    /// The sample service, on a free port.
    Demo {
        /// How long it may take to answer.
        ready_timeout: Duration,
    },
    /// A command of the user's.
    Spawn {
        /// The command line.
        command: String,
        /// How long it may take to answer.
        ready_timeout: Duration,
    },
}

/// What a run may write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Destinations {
    /// The database; `None` when the run is not to be stored.
    pub database: Option<PathBuf>,
    /// Live outputs.
    pub outputs: Vec<OutputSpec>,
    /// The record as JSON.
    pub json: Option<PathBuf>,
    /// Reports.
    pub reports: Vec<ReportFile>,
    /// Whether progress is shown.
    pub shows_progress: bool,
}

/// What `run` was asked to do.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSettings {
    /// Script or URL.
    pub source: Source,
    /// The layer of command line and environment. Its thresholds are still [`RunSettings::thresholds`].
    pub wishes: Wishes,
    /// Thresholds as typed, to be read by `metric::threshold` and added to the wishes.
    pub thresholds: Vec<ThresholdText>,
    /// Values for the script's `env("KEY")`.
    pub env: BTreeMap<String, String>,
    /// A target to start first.
    pub start: Option<TargetStart>,
    /// A run to compare with: a run's number, its id or a tag.
    pub baseline: Option<String>,
    /// Whether INVALID numbers do not fail the run.
    pub allows_invalid: bool,
    /// What it may write.
    pub destinations: Destinations,
    /// Stack of a user's script in bytes, when given.
    pub vu_stack_bytes: Option<u64>,
}

impl RunSettings {
    /// The meaning of a `run` command line.
    ///
    /// # Errors
    /// The first thing that cannot be meant; see [`SettingsError`].
    pub fn new(args: RunArgs, global: &GlobalArgs) -> Result<Self, SettingsError> {
        let RunArgs { source, target, watch, load, http, request, judge, output, engine } = args;
        let source = source_of(source.as_deref(), request, &target)?;
        let start = start_of(&target);
        let env = unique("--env", target.env)?;
        let mut wishes = Wishes {
            name: output.name,
            target: target.target,
            load: load_wishes(&load),
            only_scenarios: target.scenario,
            no_thresholds: judge.no_thresholds,
            http: http_wishes(http),
            scale: load.scale,
            scrape: watch.scrape.into_iter().map(ScrapeSource::unmapped).collect(),
            tags: unique("--tag", output.tag)?,
            ..engine_wishes(&engine, &judge)
        };
        add_source(&mut wishes, &source)?;
        Ok(Self {
            source,
            wishes,
            thresholds: judge.threshold,
            env,
            start,
            baseline: judge.baseline,
            allows_invalid: judge.allow_invalid,
            destinations: Destinations {
                database: (!output.no_db).then(|| global.db.clone()),
                outputs: output.out,
                json: output.json,
                reports: output.report_file,
                shows_progress: !output.no_progress && !global.quiet,
            },
            vu_stack_bytes: engine.vu_stack,
        })
    }
}

/// What `check` was asked to do.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckSettings {
    /// The script. It may not exist.
    pub script: PathBuf,
    /// The layer of command line and environment.
    pub wishes: Wishes,
    /// Values for the script's `env("KEY")`.
    pub env: BTreeMap<String, String>,
    /// A target to start first.
    pub start: Option<TargetStart>,
}

impl CheckSettings {
    /// The meaning of a `check` command line.
    ///
    /// # Errors
    /// A value given twice.
    pub fn new(args: CheckArgs) -> Result<Self, SettingsError> {
        let start = start_of(&args.target);
        let wishes = Wishes {
            script: Some(args.script.clone()),
            target: args.target.target,
            only_scenarios: args.target.scenario,
            http: http_wishes(args.http),
            ..Wishes::default()
        };
        Ok(Self { script: args.script, wishes, env: unique("--env", args.target.env)?, start })
    }
}

/// What `report` was asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReportRequest {
    /// The table of all runs.
    Table,
    /// One run whole, or several compared with the first.
    Show(Vec<String>),
    /// Delete these.
    Remove(Vec<String>),
}

impl ReportRequest {
    /// The meaning of the words after `report`.
    ///
    /// # Errors
    /// A word that is no run, `rm` without runs, and `rm` with an option of showing.
    pub fn new(args: &ReportArgs) -> Result<Self, SettingsError> {
        if args.ids.first().is_none_or(|word| word != "rm") {
            let names = args.ids.clone();
            return Ok(if names.is_empty() { Self::Table } else { Self::Show(names) });
        }
        let shows = [
            ("--output", args.output.is_some()),
            ("--baseline", args.baseline.is_some()),
            ("--format", args.format != ReportFormat::Table),
        ];
        if let Some((option, _)) = shows.into_iter().find(|(_, given)| *given) {
            return Err(SettingsError::NoMeaning { option, with: "rm" });
        }
        let names = args.ids[1..].to_vec();
        if names.is_empty() { Err(SettingsError::NothingToDelete) } else { Ok(Self::Remove(names)) }
    }
}

fn source_of(
    typed: Option<&str>,
    request: RequestArgs,
    target: &TargetArgs,
) -> Result<Source, SettingsError> {
    let text =
        typed.map(str::trim).filter(|text| !text.is_empty()).ok_or(SettingsError::NothingToRun)?;
    if !text.contains("://") {
        if looks_like_a_host(text) {
            return Err(SettingsError::NeitherScriptNorUrl { text: text.to_owned() });
        }
        let unused = [("--method", request.method.is_some()), ("--body", request.body.is_some())];
        refuse(unused, "a script")?;
        return Ok(Source::Script(PathBuf::from(text)));
    }
    let unused = [
        ("--scenario", !target.scenario.is_empty()),
        ("--env", !target.env.is_empty()),
        ("--target", target.target.is_some()),
        ("--demo", target.demo),
    ];
    refuse(unused, "a URL")?;
    let body = request.body.map(|text| match text.strip_prefix('@') {
        Some(path) => BodySource::File(PathBuf::from(path)),
        None => BodySource::Text(text),
    });
    let default = if body.is_some() { "POST" } else { "GET" };
    let method = request.method.as_deref().unwrap_or(default).to_ascii_uppercase();
    Ok(Source::Url(UrlRequest { url: text.to_owned(), method, body }))
}

fn refuse<const N: usize>(
    options: [(&'static str, bool); N],
    with: &'static str,
) -> Result<(), SettingsError> {
    match options.into_iter().find(|(_, given)| *given) {
        Some((option, _)) => Err(SettingsError::NoMeaning { option, with }),
        None => Ok(()),
    }
}

/// `localhost`, `localhost:8080/x` or `shop.test:443`: a port, or the name that everybody leaves the scheme off.
fn looks_like_a_host(text: &str) -> bool {
    let is_script = Path::new(text).extension().is_some_and(|e| e.eq_ignore_ascii_case("rhai"));
    let authority = text.split('/').next().unwrap_or_default();
    let has_port = authority.rsplit_once(':').is_some_and(|(host, port)| {
        !host.is_empty() && !port.is_empty() && port.chars().all(|c| c.is_ascii_digit())
    });
    !is_script && (has_port || authority == "localhost")
}

/// The parts of a URL that a plan shows.
struct UrlParts {
    /// Scheme and authority, without user and password.
    origin: String,
    /// Authority and path, without query.
    name: String,
}

fn url_parts(url: &str) -> Result<UrlParts, SettingsError> {
    let bad = |reason| SettingsError::BadUrl { text: without_password(url), reason };
    let (scheme, rest) = url.split_once("://").ok_or_else(|| bad("it has no scheme"))?;
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return Err(bad("its scheme is neither http nor https"));
    }
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(bad("it contains white space"));
    }
    let (authority, after) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if host.is_empty() || host.starts_with(':') {
        return Err(bad("it has no host"));
    }
    let path = after.split(['?', '#']).next().unwrap_or_default();
    let name = if path == "/" { host.to_owned() } else { format!("{host}{path}") };
    Ok(UrlParts { origin: format!("{scheme}://{host}"), name })
}

pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, after) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{after}")
}

/// A URL is its own target and name; a script's name is for the layers below.
fn add_source(wishes: &mut Wishes, source: &Source) -> Result<(), SettingsError> {
    match source {
        Source::Script(path) => wishes.script = Some(path.clone()),
        Source::Url(request) => {
            let parts = url_parts(&request.url)?;
            wishes.target = Some(parts.origin);
            wishes.name.get_or_insert(parts.name);
        }
    }
    Ok(())
}

fn start_of(target: &TargetArgs) -> Option<TargetStart> {
    let ready_timeout = target.ready_timeout.unwrap_or(DEFAULT_READY_TIMEOUT);
    match &target.spawn {
        Some(command) => Some(TargetStart::Spawn { command: command.clone(), ready_timeout }),
        None => target.demo.then_some(TargetStart::Demo { ready_timeout }),
    }
}

fn load_wishes(args: &LoadArgs) -> LoadWishes {
    LoadWishes {
        vus: args.vus,
        duration: args.duration,
        iterations: args.iterations,
        per_vu: args.per_vu.then_some(true),
        rate: args.rate,
        arrival: args.arrival,
        max_vus: args.max_vus,
        max_duration: args.max_duration,
        phases: (!args.stage.is_empty()).then(|| args.stage.clone()),
        profile: args.profile.clone(),
        peak: args.peak,
        spike: args.spike,
        graceful_stop: args.graceful_stop,
        ..LoadWishes::default()
    }
}

fn http_wishes(args: HttpArgs) -> HttpWishes {
    HttpWishes {
        // `auto` leaves the choice to the layers below.
        transport: args.transport.filter(|name| name != "auto"),
        version: args.http,
        timeout: args.timeout,
        insecure: args.insecure.then_some(true),
        ca_file: args.ca_file,
        headers: args.header,
        proxy: args.proxy,
        ..HttpWishes::default()
    }
}

fn engine_wishes(engine: &EngineArgs, judge: &JudgeArgs) -> Wishes {
    Wishes {
        seed: engine.seed,
        threads: engine.threads.map(|n| usize::try_from(n).unwrap_or(usize::MAX)),
        abort_on_script_error: judge.abort_on_script_error.then_some(true),
        ..Wishes::default()
    }
}

fn unique(
    option: &'static str,
    pairs: Vec<(String, String)>,
) -> Result<BTreeMap<String, String>, SettingsError> {
    let mut map = BTreeMap::new();
    for (key, value) in pairs {
        match map.get(&key) {
            Some(before) if *before != value => return Err(SettingsError::Twice { option, key }),
            _ => map.insert(key, value),
        };
    }
    Ok(map)
}

#[cfg(test)]
mod tests;
