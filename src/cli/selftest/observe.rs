//! One load against the null server: followed to its end in this process, kept nowhere.

use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::CliError;
use crate::cli::exit::ExitCode;
use crate::cli::prepare::Prepared;
use crate::engine::{EngineError, Run, RunConfig, RunMessage};
use crate::metric::sink::{ErrorKey, ErrorSource};
use crate::metric::{RequestStats, Totals, Window};
use crate::script::ScriptLimits;

/// Connections, caches and branches are warm after it: figures that it would spoil are taken without it.
pub(super) const WARM_UP: Duration = Duration::from_secs(1);

/// A larger share than this of failed iterations or requests, and the script does not do there what it does elsewhere.
const MOST_FAILED_RATIO: f64 = 0.01;
/// A larger share than this of an iteration's time asleep, and users wait for the script and not for the generator.
const MOST_PAUSED_RATIO: f64 = 0.5;

/// Why there is no figure.
#[derive(Debug)]
pub(super) enum Halt {
    /// A signal came.
    Interrupted,
    /// The script cannot be measured against a server that knows nothing: a clause that says why.
    Unfit(String),
    /// It cannot be measured at all.
    Error(CliError),
}

impl From<CliError> for Halt {
    fn from(error: CliError) -> Self {
        Self::Error(error)
    }
}

/// What was seen of one load.
#[derive(Debug, Default)]
pub(super) struct Observed {
    /// All of it, without `setup` and `teardown`.
    pub(super) totals: Totals,
    /// Requests that were due after the [`WARM_UP`].
    pub(super) warm: RequestStats,
}

impl Observed {
    fn add(&mut self, window: &Window) {
        if window.is_outside_load {
            return;
        }
        self.totals.add(window);
        let warm =
            window.requests.iter().filter(|cell| u64::from(cell.second) >= WARM_UP.as_secs());
        warm.for_each(|cell| self.warm.merge(&cell.stats));
    }

    /// Refuses what says little of the generator: a script that fails, that asks nothing, or that mostly sleeps.
    fn check(&self) -> Result<(), Halt> {
        let iterations = self.totals.iterations_total();
        let ended = iterations.completed + iterations.failed;
        let failed = self.totals.failed_count();
        let requests = self.totals.request_count();
        if is_above(iterations.failed, ended, MOST_FAILED_RATIO) {
            let sources = [ErrorSource::Script, ErrorSource::Fail];
            let why = self.most_frequent(&sources);
            let of = format!("{} of {ended} iterations failed", iterations.failed);
            return Err(Halt::Unfit(format!(
                "the script needs real answers: {of}, most by `{why}`"
            )));
        }
        if is_above(failed, requests, MOST_FAILED_RATIO) {
            let why = self.most_frequent(&[ErrorSource::Request]);
            let of = format!("{failed} of {requests} requests failed");
            return Err(Halt::Unfit(format!(
                "the script needs a real target: {of}, most by `{why}`"
            )));
        }
        if requests == 0 || ended == 0 {
            return Err(Halt::Unfit("the script makes no request".to_owned()));
        }
        if self.totals.time.pauses_s > MOST_PAUSED_RATIO * self.totals.time.iterations_s {
            return Err(Halt::Unfit("the script sleeps for most of its time".to_owned()));
        }
        Ok(())
    }

    fn most_frequent(&self, sources: &[ErrorSource]) -> String {
        let errors = self.totals.errors.iter().filter(|(key, _)| sources.contains(&key.source));
        let most = errors.max_by_key(|(_, stats)| stats.count).map(|(key, _)| key);
        let shown = |key: &ErrorKey| {
            if key.message.is_empty() { key.kind.clone() } else { key.message.clone() }
        };
        most.map_or_else(|| "unknown".to_owned(), shown)
    }
}

fn is_above(part: u64, whole: u64, ratio: f64) -> bool {
    part as f64 > ratio * whole as f64
}

/// Makes loads, until a signal comes.
pub(super) struct Observer {
    interrupt: Signal,
    terminate: Signal,
}

impl Observer {
    /// Listens for signals from now on.
    ///
    /// # Errors
    /// Exit code 109: the process cannot listen for signals.
    pub(super) fn new() -> Result<Self, CliError> {
        let listen = |kind| {
            signal(kind).map_err(|error| CliError::plain(ExitCode::Internal, error.to_string()))
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    /// Makes one load and looks at it.
    pub(super) async fn observe(&mut self, prepared: Prepared) -> Result<Observed, Halt> {
        let config = RunConfig {
            plan: prepared.plan.into(),
            script: prepared.script,
            limits: ScriptLimits::default(),
            has_halves: false,
        };
        let mut run = Run::launch(config).map_err(|error| halt_of(&error))?;
        let mut observed = Observed::default();
        loop {
            // A signal drops the run, and that stops it.
            let message = tokio::select! {
                biased;
                _ = self.interrupt.recv() => return Err(Halt::Interrupted),
                _ = self.terminate.recv() => return Err(Halt::Interrupted),
                message = run.next() => message,
            };
            match message {
                Some(RunMessage::Window(window)) => observed.add(&window),
                Some(
                    RunMessage::Started(_) | RunMessage::LegEnded(_) | RunMessage::ScriptError,
                ) => {}
                Some(RunMessage::Ended(Err(error))) => return Err(halt_of(&error)),
                Some(RunMessage::Ended(Ok(()))) | None => break,
            }
        }
        observed.check().map(|()| observed)
    }
}

fn halt_of(error: &EngineError) -> Halt {
    match error {
        EngineError::Stage { .. } | EngineError::SetupValue | EngineError::Script(_) => {
            Halt::Unfit(format!("the script needs real answers: {error}"))
        }
        EngineError::Transport(_) | EngineError::Thread(_) | EngineError::WorkerPanicked { .. } => {
            Halt::Error(CliError::plain(ExitCode::Internal, error.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::metric::sink::ErrorStats;
    use crate::metric::window::{IterationLabels, RequestCell, TimeAccount};
    use crate::metric::{IterationStats, Labels};

    /// A second with `requests` of which `failed` failed, in `iterations` that ended (well, badly).
    fn window(requests: (u64, u64), iterations: (u64, u64)) -> Window {
        let stats =
            RequestStats { count: requests.0, failed: requests.1, ..RequestStats::default() };
        let cell = RequestCell { labels: Arc::new(Labels::default()), second: 0, stats };
        let (completed, failed) = iterations;
        let ended = IterationStats { completed, failed, ..IterationStats::default() };
        let labels = IterationLabels {
            scenario: "default".into(),
            task: "look".into(),
            phase: "main".into(),
        };
        Window { requests: vec![cell], iterations: vec![(labels, ended)], ..Window::default() }
    }

    #[track_caller]
    fn refusal(window: &Window) -> Option<String> {
        let mut observed = Observed::default();
        observed.add(window);
        match observed.check() {
            Ok(()) => None,
            Err(Halt::Unfit(why)) => Some(why),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn up_to_one_in_a_hundred_may_fail() {
        assert_eq!(refusal(&window((1000, 10), (990, 10))), None);
        let iterations = refusal(&window((1000, 0), (989, 11))).expect("unfit");
        assert!(iterations.contains("real answers: 11 of 1000 iterations failed"), "{iterations}");
        let requests = refusal(&window((1000, 11), (1000, 0))).expect("unfit");
        assert!(requests.contains("real target: 11 of 1000 requests failed"), "{requests}");
    }

    #[test]
    fn the_most_frequent_error_says_why() {
        let mut window = window((0, 0), (0, 50));
        let error = |source, message: &str, count| {
            let key = ErrorKey {
                source,
                name: "look".to_owned(),
                kind: "script_error".to_owned(),
                message: message.to_owned(),
            };
            (key, ErrorStats { count, ..ErrorStats::once(Duration::ZERO) })
        };
        window.errors = vec![
            error(ErrorSource::Script, "a.rhai:2:1: rare", 1),
            error(ErrorSource::Script, "a.rhai:3:1: no team", 49),
            error(ErrorSource::Request, "status 404", 90),
        ];
        let why = refusal(&window).expect("unfit");
        assert!(why.ends_with("most by `a.rhai:3:1: no team`"), "{why}");
    }

    #[test]
    fn what_asks_nothing_or_sleeps_is_refused() {
        let nothing = refusal(&window((0, 0), (100, 0))).expect("unfit");
        assert_eq!(nothing, "the script makes no request");
        let asleep = |pauses_s| {
            let time = TimeAccount { iterations_s: 10.0, pauses_s, ..TimeAccount::default() };
            refusal(&Window { time, ..window((100, 0), (100, 0)) })
        };
        assert_eq!(asleep(4.9), None);
        assert_eq!(asleep(5.1).expect("unfit"), "the script sleeps for most of its time");
    }

    #[test]
    fn setup_is_no_part_of_the_load_and_the_first_second_is_warm_up() {
        let mut observed = Observed::default();
        let mut second = window((7, 0), (7, 0));
        second.requests[0].second = 1;
        observed.add(&window((5, 0), (5, 0)));
        observed.add(&second);
        observed.add(&Window { is_outside_load: true, ..window((100, 0), (0, 0)) });
        assert_eq!((observed.totals.request_count(), observed.warm.count), (12, 7));
    }
}
