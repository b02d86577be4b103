//! The service as a process: readiness line, signals, exit code.

use std::future::Future;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime;

use crate::error::ServeError;
use crate::options::Options;
use crate::server::start;

/// How long blocking queries may take to end once everything else has.
const RUNTIME_GRACE: Duration = Duration::from_secs(1);

/// Serves until `shutdown` is ready, after one line on stdout: `listening on
/// http://127.0.0.1:PORT`.
///
/// The line is written once the service answers. Requests in flight at the end are finished, for at
/// most 5 s.
///
/// # Errors
///
/// Those of [`start`], and [`ServeError::Stdout`] when nobody can read the line.
pub async fn run(options: Options, shutdown: impl Future<Output = ()>) -> Result<(), ServeError> {
    let service = start(options).await?;
    announce(&service.url()).map_err(ServeError::Stdout)?;
    shutdown.await;
    service.stop().await;
    Ok(())
}

fn announce(url: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "listening on {url}")?;
    stdout.flush()
}

/// Is the whole process: serves until SIGINT or SIGTERM, and says on stderr what went wrong.
///
/// Raises the soft limit of open files to the hard one, as each connection takes one. The exit code
/// is 0 after a signal, and 1 if the service could not be started.
#[must_use]
pub fn main_with(options: Options) -> ExitCode {
    match serve_until_signalled(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error);
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stderr, reason = "the last words of the process")]
fn report(error: &ServeError) {
    eprintln!("error: {error}");
}

/// Says in the operator's log that a query failed; the client is told nothing of it.
#[expect(clippy::print_stderr, reason = "the operator's log")]
pub(crate) fn log(error: &rusqlite::Error) {
    eprintln!("target-api: a query failed: {error}");
}

fn serve_until_signalled(options: Options) -> Result<(), ServeError> {
    // Without it the limit is what it was, which serves fewer connections but serves.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let mut builder = runtime::Builder::new_multi_thread();
    if let Some(threads) = options.threads {
        builder.worker_threads(usize::from(threads.max(1)));
    }
    let runtime = builder.enable_all().build().map_err(ServeError::Runtime)?;
    let served = runtime.block_on(async {
        let signalled = signalled().map_err(ServeError::Runtime)?;
        run(options, signalled).await
    });
    runtime.shutdown_timeout(RUNTIME_GRACE);
    served
}

/// Is ready after SIGINT or SIGTERM. The handlers are in place when this returns, not when it is
/// first polled.
#[cfg(unix)]
fn signalled() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Is ready after Ctrl-C.
#[cfg(not(unix))]
fn signalled() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
