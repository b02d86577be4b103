//! From settings to a checked script and a plan.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::CliError;
use super::args::ThresholdText;
use super::diagnostics;
use super::exit::ExitCode;
use super::printer::Printer;
use super::settings::{BodySource, Source, UrlRequest};
use crate::metric::threshold::Threshold;
use crate::plan::layers::Wishes;
use crate::plan::{Plan, PlanError, ResolveContext, resolve};
use crate::script::{LoadOptions, Script, ScriptError};

/// What is run, checked.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The script; a generated one for a plain URL.
    pub script: Arc<Script>,
    /// The plan.
    pub plan: Plan,
}

/// The script of a run without one: a single request from values in the environment, so that nothing needs quoting.
const URL_SCRIPT: &str = r#"//! One URL, over and over.
const METHOD = env("RHAID_URL_METHOD");
const URL = env("RHAID_URL");
const OPTIONS = if env("RHAID_URL_HAS_BODY") == () { #{} } else { #{ body: env("RHAID_URL_BODY") } };
fn request(user) { user.request(global::METHOD, global::URL, global::OPTIONS); }
"#;

/// Loads the script, lays the wishes over each other, and checks everything.
///
/// # Errors
/// Exit code 104: whatever is wrong with the script, the options or both together.
pub fn prepare(
    source: &Source,
    wishes: &Wishes,
    env: &BTreeMap<String, String>,
    printer: &Printer,
) -> Result<Prepared, CliError> {
    find(source, wishes, env)
        .map_err(|error| diagnostics::script_error(&error, ExitCode::Invalid, printer))
}

/// Does what [`prepare`] does, and tells what is wrong as findings.
///
/// # Errors
/// Everything that was found wrong.
pub fn find(
    source: &Source,
    wishes: &Wishes,
    env: &BTreeMap<String, String>,
) -> Result<Prepared, ScriptError> {
    let seed = seed(wishes);
    with_plan(load(source, wishes, env, seed)?, wishes, seed)
}

/// The seed that is wished for, or one short enough to be typed again with `--seed`.
pub(super) fn seed(wishes: &Wishes) -> u64 {
    wishes.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()))
}

/// A script with the plan that it and the wishes make.
///
/// # Errors
/// Everything that was found wrong with them together.
pub(super) fn with_plan(
    script: Script,
    wishes: &Wishes,
    seed: u64,
) -> Result<Prepared, ScriptError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let custom = script.custom_metrics();
    let context = ResolveContext {
        cores,
        functions: Some(script.functions()),
        custom_metrics: Some(custom),
        default_seed: seed,
    };
    let plan = resolve(&[wishes, script.wishes()], &context)
        .map_err(|errors| plan_errors(&errors, &script))?;
    Ok(Prepared { script: Arc::new(script), plan })
}

fn load(
    source: &Source,
    wishes: &Wishes,
    env: &BTreeMap<String, String>,
    seed: u64,
) -> Result<Script, ScriptError> {
    let confinement = wishes.confinement.clone();
    let mut all: BTreeMap<String, String> = std::env::vars_os()
        .map(|(key, value)| {
            (key.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
        })
        .filter(|(key, _)| confinement.as_ref().is_none_or(|allowed| allowed.env.contains(key)))
        .collect();
    all.extend(env.clone());
    match source {
        Source::Script(path) => {
            let has_target = wishes.target.is_some();
            Script::load(path, LoadOptions { env: all, seed, has_target, confinement })
        }
        Source::Url(request) => {
            all.extend(url_environment(request)?);
            let options = LoadOptions { env: all, seed, has_target: true, confinement };
            Script::from_text("URL", URL_SCRIPT.to_owned(), Path::new(".").to_owned(), options)
        }
    }
}

pub(super) fn url_environment(
    request: &UrlRequest,
) -> Result<BTreeMap<String, String>, ScriptError> {
    let mut env = BTreeMap::from([
        ("RHAID_URL_METHOD".to_owned(), request.method.clone()),
        ("RHAID_URL".to_owned(), request.url.clone()),
    ]);
    let body = match &request.body {
        None => return Ok(env),
        Some(BodySource::Text(text)) => text.clone(),
        Some(BodySource::File(path)) => std::fs::read_to_string(path).map_err(|error| {
            ScriptError::from(crate::script::Finding {
                file: path.display().to_string(),
                line: 0,
                column: 0,
                source_line: String::new(),
                message: format!("cannot be read as a body: {error}"),
                hint: Some("--body @FILE sends the text of a file".to_owned()),
            })
        })?,
    };
    env.insert("RHAID_URL_HAS_BODY".to_owned(), "1".to_owned());
    env.insert("RHAID_URL_BODY".to_owned(), body);
    Ok(env)
}

fn plan_errors(errors: &[PlanError], script: &Script) -> ScriptError {
    let findings: Vec<_> = errors
        .iter()
        .map(|error| script.finding_in_options("", error.to_string(), error.hint()))
        .collect();
    ScriptError { findings }
}

/// Thresholds as typed on the command line.
///
/// # Errors
/// Exit code 104: the first that is no threshold.
pub fn thresholds(typed: &[ThresholdText]) -> Result<Vec<Threshold>, CliError> {
    typed
        .iter()
        .map(|text| {
            Threshold::parse(&text.metric, &text.expression).map_err(|error| CliError {
                code: ExitCode::Invalid,
                hint: error.hint(),
                message: format!("--threshold '{}: {}': {error}", text.metric, text.expression),
                rendered: None,
            })
        })
        .collect()
}
