//! What `bench` was asked for: how it measures, around the settings that it shares with `run`.

use std::time::Duration;

use crate::cli::CliError;
use crate::cli::args::{BenchArgs, GlobalArgs, JudgeArgs, LoadArgs, RunArgs};
use crate::cli::exit::ExitCode;
use crate::cli::settings::{RunSettings, Source, UrlRequest};
use crate::plan::Plan;

const VUS: u64 = 10;
const LENGTH: Duration = Duration::from_secs(10);
/// The bound where the precision decides.
const LONGEST: Duration = Duration::from_secs(60);
const WARM_UP: Duration = Duration::from_secs(2);
/// Before each task, at most: it begins with a whole second.
const ALIGNMENT: Duration = Duration::from_secs(2);
/// Response times are kept in cells that are a little less than this wide, so no interval is narrower.
const FINEST: f64 = 0.01;

/// Users for whom the script is resolved: so many that every scenario has a share, however light it is.
const MANY: u64 = 100_000;

/// How `bench` goes about it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli) struct BenchSettings {
    /// What it shares with `run`. Of several URLs its source is the first.
    pub(in crate::cli) run: RunSettings,
    /// The URLs, when there are several.
    pub(super) urls: Vec<UrlRequest>,
    /// Users on each endpoint.
    pub(super) vus: u64,
    /// How long each is measured, at most; whole seconds.
    pub(super) length: Duration,
    /// How long each is requested before; whole seconds.
    pub(super) warm_up: Duration,
    /// How well the 99th percentile is to be known, as a share of it; `None` when only the length decides.
    pub(super) precision: Option<f64>,
}

impl BenchSettings {
    /// The meaning of a `bench` command line.
    ///
    /// # Errors
    /// The first thing that cannot be meant: exit code 2.
    pub(in crate::cli) fn new(args: BenchArgs, global: &GlobalArgs) -> Result<Self, CliError> {
        let BenchArgs { sources, measure, target, watch, http, request, mut output, engine } = args;
        if measure.precision.is_some_and(|precision| precision < FINEST) {
            return Err(usage(
                "--precision is finer than times are kept",
                "give it 1% at least, such as 5%",
            ));
        }
        if sources.len() > 1 {
            output.name.get_or_insert_with(|| format!("{} URLs", sources.len()));
        }
        let default = if measure.precision.is_some() { LONGEST } else { LENGTH };
        let length = whole_seconds(measure.duration.unwrap_or(default));
        let load = LoadArgs { vus: Some(MANY), duration: Some(length), ..LoadArgs::default() };
        let judge = JudgeArgs {
            // The script's thresholds are for its tasks together.
            no_thresholds: true,
            allow_invalid: measure.allow_invalid,
            ..JudgeArgs::default()
        };
        let run =
            RunArgs { source: None, target, watch, load, http, request, judge, output, engine };
        let (run, urls) = read(sources, &run, global)?;
        Ok(Self {
            run,
            urls,
            vus: measure.vus.unwrap_or(VUS),
            length,
            warm_up: whole_seconds(measure.warm_up.unwrap_or(WARM_UP)),
            precision: measure.precision,
        })
    }
}

impl BenchSettings {
    /// How long all tasks of a plan take, as far as it can be known before: without waiting for slow responses.
    pub(in crate::cli) fn planned_length(&self, plan: &Plan) -> Duration {
        let tasks: usize = plan.scenarios.iter().map(|scenario| scenario.tasks.len()).sum();
        let each = ALIGNMENT + self.warm_up + self.length;
        each * u32::try_from(tasks).unwrap_or(u32::MAX)
    }
}

/// The settings of the first source, and all URLs when there are several.
fn read(
    sources: Vec<String>,
    run: &RunArgs,
    global: &GlobalArgs,
) -> Result<(RunSettings, Vec<UrlRequest>), CliError> {
    let meant = |source: Option<String>| {
        RunSettings::new(RunArgs { source, ..run.clone() }, global)
            .map_err(|error| CliError::new(ExitCode::Usage, error.to_string(), error.hint()))
    };
    let mut sources = sources.into_iter();
    let first = meant(sources.next())?;
    let mut urls = Vec::new();
    for source in sources {
        let next = meant(Some(source))?;
        let (Source::Url(before), Source::Url(url)) = (&first.source, next.source) else {
            return Err(usage(
                "a script is measured by itself",
                "name one script, or several URLs: `rhaid report --endpoint` puts benchmarks together",
            ));
        };
        if urls.is_empty() {
            urls.push(before.clone());
        }
        urls.push(url);
    }
    Ok((first, urls))
}

/// The time axis is in seconds.
fn whole_seconds(length: Duration) -> Duration {
    Duration::from_secs(length.as_secs_f64().ceil() as u64)
}

fn usage(message: &str, hint: &str) -> CliError {
    CliError::new(ExitCode::Usage, message, hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::MeasureArgs;

    fn settings(sources: &[&str], measure: MeasureArgs) -> Result<BenchSettings, ExitCode> {
        let sources = sources.iter().map(|source| (*source).to_owned()).collect();
        let args = BenchArgs { sources, measure, ..BenchArgs::default() };
        BenchSettings::new(args, &GlobalArgs::default()).map_err(|error| error.code)
    }

    #[test]
    fn a_precision_makes_the_duration_a_bound() {
        let plain = settings(&["a.rhai"], MeasureArgs::default()).expect("settings");
        assert_eq!((plain.length, plain.precision), (LENGTH, None));
        let precise = MeasureArgs { precision: Some(0.05), ..MeasureArgs::default() };
        assert_eq!(settings(&["a.rhai"], precise.clone()).expect("settings").length, LONGEST);
        let bounded = MeasureArgs { duration: Some(Duration::from_millis(6_500)), ..precise };
        let bounded = settings(&["a.rhai"], bounded).expect("settings");
        assert_eq!(bounded.length, Duration::from_secs(7), "the time axis is in seconds");
        let too_fine = MeasureArgs { precision: Some(0.009), ..MeasureArgs::default() };
        assert_eq!(settings(&["a.rhai"], too_fine), Err(ExitCode::Usage));
    }

    #[test]
    fn several_urls_are_one_run_and_a_script_is_alone() {
        let none = MeasureArgs::default;
        let one = settings(&["http://a.test/x"], none()).expect("settings");
        assert!(one.urls.is_empty());
        let two = settings(&["http://a.test/x", "http://b.test/y"], none()).expect("settings");
        let urls: Vec<&str> = two.urls.iter().map(|url| url.url.as_str()).collect();
        assert_eq!(urls, ["http://a.test/x", "http://b.test/y"]);
        assert_eq!(two.run.wishes.name.as_deref(), Some("2 URLs"));
        for wrong in
            [&[][..], &["a.rhai", "b.rhai"], &["a.rhai", "http://a.test/"], &["localhost:1"]]
        {
            assert_eq!(settings(wrong, none()), Err(ExitCode::Usage), "{wrong:?}");
        }
    }
}
