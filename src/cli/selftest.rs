//! `rhaid selftest`: how much load the generator itself can make on this machine, and how exactly.
//!
//! The same engine that runs tests is run against a server that answers at once: what it reaches there is its ceiling, what
//! it measures there its floor. Both are kept as a [`Calibration`], by which runs are judged. No run is stored.
//!
//! ```text
//! Subject ─plan─▶ Observer ─totals─▶ Figures ─▶ text or JSON, and the store
//!                    └────requests────▶ NullServer, a process of its own
//! ```

mod figures;
mod machine;
pub(in crate::cli) mod null_server;
mod observe;
mod show;
mod subject;

use std::collections::BTreeMap;
use std::time::Duration;

pub use machine::Machine;

use figures::{Ceiling, Figures, Floor, Lag};
use null_server::NullServer;
use observe::{Halt, Observed, Observer, WARM_UP};
use show::Told;
use subject::{Subject, closed, open};

use super::CliError;
use super::args::{GlobalArgs, SelftestArgs, SelftestFormat};
use super::exit::ExitCode;
use super::printer::{Printer, plural};
use crate::clock;
use crate::plan::layers::LoadWishes;
use crate::store::{Calibration, Store};
use crate::units::show_span;

/// A ceiling needs a whole second.
const SHORTEST: Duration = Duration::from_secs(1);
/// The floor is measured for this long, or as long as the ceiling if that is shorter.
const FLOOR_LENGTH: Duration = Duration::from_secs(2);
/// The lag is measured for this long at each rate, after the warm-up, or as long as the ceiling if that is shorter.
const LAG_LENGTH: Duration = Duration::from_secs(3);

/// Does what `selftest` was asked to do.
///
/// # Errors
/// Exit code 2 for options that cannot be meant, 104 for a script that cannot be run or a database that cannot be written,
/// 109 when the system gives no process, port or thread.
pub fn selftest(
    args: SelftestArgs,
    global: &GlobalArgs,
    printer: &Printer,
) -> Result<ExitCode, CliError> {
    let asked = Asked::new(args)?;
    // What the limit is, the errors of the requests tell.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let server = NullServer::start()?;
    printer.detail(&format!("the null server listens on {}", server.url));
    asked.subject.prepare(closed(1, SHORTEST), asked.threads, &server.url, printer)?;
    let store = Store::open(&global.db)
        .map_err(|error| CliError::plain(ExitCode::Invalid, error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::plain(ExitCode::Internal, error.to_string()))?;
    let ended = runtime.block_on(async {
        let observer = Observer::new()?;
        let mut bench = Bench { asked: &asked, url: &server.url, observer, printer };
        bench.measure_or_substitute().await
    });
    drop(server);
    let result = match ended {
        Ok(result) => result,
        Err(Halt::Interrupted) => {
            printer.talk(&ExitCode::Interrupted.to_string());
            return Ok(ExitCode::Interrupted);
        }
        Err(Halt::Unfit(why)) => return Err(CliError::plain(ExitCode::Internal, why)),
        Err(Halt::Error(error)) => return Err(error),
    };
    tell(&result, &asked, &store, printer);
    Ok(ExitCode::Passed)
}

/// What `selftest` was asked to do.
struct Asked {
    subject: Subject,
    duration: Duration,
    vus: u64,
    threads: Option<usize>,
    format: SelftestFormat,
}

impl Asked {
    fn new(args: SelftestArgs) -> Result<Self, CliError> {
        let SelftestArgs { script, duration, vus, env, threads, format } = args;
        if script.as_ref().is_some_and(|script| script.to_string_lossy().contains("://")) {
            let hint = "name a script, or nothing: requests go to a server of rhaid's own";
            return Err(CliError::usage("a selftest has no URL", hint));
        }
        if duration < SHORTEST {
            return Err(CliError::usage(
                "--duration is below a second",
                "write for example --duration 5s",
            ));
        }
        let env: BTreeMap<String, String> = env.into_iter().collect();
        let subject = match script {
            Some(path) => Subject::Script { path, env },
            None => Subject::Request,
        };
        let threads = threads.map(|threads| usize::try_from(threads).unwrap_or(usize::MAX));
        Ok(Self { subject, duration, vus, threads, format })
    }
}

/// What a selftest came to.
struct Measured {
    figures: Figures,
    /// What was measured: its name and fingerprint; `None` for one GET and a check.
    script: Option<(String, String)>,
    /// Why the script that was asked for was not.
    instead: Option<String>,
}

/// Measures one thing after the other.
struct Bench<'a> {
    asked: &'a Asked,
    url: &'a str,
    observer: Observer,
    printer: &'a Printer,
}

impl Bench<'_> {
    /// What was asked for, or a plain request when the script is not fit for it.
    async fn measure_or_substitute(&mut self) -> Result<Measured, Halt> {
        match self.measure(&self.asked.subject).await {
            Err(Halt::Unfit(why)) if self.asked.subject != Subject::Request => {
                self.printer.warning(&format!("{why}; measuring with one GET and a check"));
                let measured = self.measure(&Subject::Request).await?;
                Ok(Measured { instead: Some(why), ..measured })
            }
            ended => ended,
        }
    }

    /// The floor comes first: a single user finds out what the script needs before there is any load.
    async fn measure(&mut self, subject: &Subject) -> Result<Measured, Halt> {
        let &Asked { duration, vus, threads, .. } = self.asked;
        let load = closed(1, FLOOR_LENGTH.min(duration));
        let first = subject.prepare(load.clone(), threads, self.url, self.printer)?;
        let threads = first.plan.threads;
        let script = subject.script().map(|name| (name, first.script.fingerprint()));
        self.say("floor", "one user", FLOOR_LENGTH.min(duration));
        let floor = Floor::of(&self.observe(subject, load).await?);

        self.say("ceiling", &plural(vus, "user"), duration);
        let observed = self.observe(subject, closed(vus, duration)).await?;
        let ceiling = Ceiling::of(&observed, vus, duration)
            .ok_or_else(|| Halt::Unfit("no request ended within the time".to_owned()))?;

        let mut lags = Vec::new();
        let length = WARM_UP + LAG_LENGTH.min(duration);
        for rate in ceiling.lag_rates() {
            self.say("lag", &format!("{rate}"), length);
            lags.push(Lag::of(&self.observe(subject, open(rate, length)).await?, rate));
        }
        Ok(Measured { figures: Figures { threads, ceiling, floor, lags }, script, instead: None })
    }

    async fn observe(&mut self, subject: &Subject, load: LoadWishes) -> Result<Observed, Halt> {
        let prepared = subject.prepare(load, self.asked.threads, self.url, self.printer)?;
        self.observer.observe(prepared).await
    }

    fn say(&self, figure: &str, load: &str, length: Duration) {
        self.printer.talk(&format!("measuring the {figure}: {load} for {}", show_span(length)));
    }
}

/// Keeps the calibration and shows the result. One that cannot be kept is shown all the same.
fn tell(measured: &Measured, asked: &Asked, store: &Store, printer: &Printer) {
    let machine = Machine::this();
    let calibration = calibration(measured, &machine);
    if let Err(error) = store.save_calibration(&calibration) {
        printer.error(&error.to_string(), Some("the figures below are complete, but not kept"));
    }
    let told = Told {
        machine: &machine,
        figures: &measured.figures,
        script: measured.script.as_ref().map(|(name, hash)| (name.as_str(), hash.as_str())),
        instead: measured.instead.as_deref(),
        version: &calibration.version,
        measured_at_ms: calibration.measured_at_ms,
    };
    match asked.format {
        SelftestFormat::Table => printer.data(told.text()),
        SelftestFormat::Json => printer.data(told.json()),
    }
}

fn calibration(measured: &Measured, machine: &Machine) -> Calibration {
    let Measured { figures, script, .. } = measured;
    let lag = figures.highest_lag();
    Calibration {
        measured_at_ms: clock::wall_now_ms(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        machine: machine.key.clone(),
        cores: machine.cores,
        threads: figures.threads,
        script: script.as_ref().map(|(name, _)| name.clone()),
        script_hash: script.as_ref().map(|(_, hash)| hash.clone()),
        ceiling_per_s: figures.ceiling.per_s(),
        floor: figures.floor.service_time,
        lag_rate_per_s: lag.map(|lag| lag.rate.as_per_second()),
        lag_p50: lag.and_then(|lag| lag.p50),
        lag_p99: lag.and_then(|lag| lag.p99),
    }
}
