//! `rhaid serve`: the control API, with runs made in this process one after the other.

mod launch;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::CliError;
use super::args::{GlobalArgs, ServeArgs};
use super::exit::ExitCode;
use super::printer::Printer;
use super::settings::TargetStart;
use super::target::StartedTarget;
use crate::control::{self, Caps, Control, ControlConfig};
use crate::store::Store;
use launch::InProcess;

const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3117);
/// Characters of a token that was given.
const SHORTEST_TOKEN: usize = 16;
/// How long clients may take to end after the last run has.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How long the sample service may take to answer.
const DEMO_WITHIN: Duration = Duration::from_secs(30);

/// Does what `serve` was asked to do: ends with a signal, and with the run that goes on then.
///
/// # Errors
/// Exit code 2 for what may not be served so; 104 for an address, a database or a file that cannot be used.
pub(super) fn serve(
    args: ServeArgs,
    global: &GlobalArgs,
    printer: &Printer,
) -> Result<ExitCode, CliError> {
    let listen = args.listen.unwrap_or(DEFAULT_LISTEN);
    let token = token(&args, listen)?;
    // Marks the runs of processes that have died, and says now what is wrong with the file.
    Store::open(&global.db).map_err(|error| invalid(error.to_string()))?;
    let demo =
        args.demo.then(|| StartedTarget::start(&TargetStart::Demo { ready_timeout: DEMO_WITHIN }));
    let demo = demo.transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("rhaid-control")
        .enable_all()
        .build()
        .map_err(|error| CliError::plain(ExitCode::Internal, error.to_string()))?;
    let listener = runtime.block_on(TcpListener::bind(listen)).map_err(|error| {
        let hint = "name another address with --listen; port 0 takes a free one";
        CliError::new(ExitCode::Invalid, format!("cannot listen at {listen}: {error}"), hint)
    })?;
    let address = listener.local_addr().map_err(|error| invalid(error.to_string()))?;
    let config = ControlConfig {
        token,
        hosts: hosts(address, &args.allowed_host),
        database: global.db.clone(),
        script_root: args.script_root.as_deref().map(folder).transpose()?,
        default_target: demo.as_ref().and_then(|demo| demo.url.clone()).or(args.target),
        targets: args.allow_target,
        caps: caps(
            args.max_users,
            args.max_rate.map(|rate| rate.as_per_second()),
            args.max_duration,
        ),
    };
    say_where(address, &config, printer);
    let control = Control::new(config, Box::new(InProcess::new(global)));
    runtime
        .block_on(serve_until_signal(listener, control))
        .map_err(|error| CliError::plain(ExitCode::Internal, error.to_string()))?;
    Ok(ExitCode::Passed)
}

fn invalid(message: String) -> CliError {
    CliError::plain(ExitCode::Invalid, message)
}

fn caps(users: Option<u64>, rate_per_s: Option<f64>, duration: Option<Duration>) -> Caps {
    let default = Caps::default();
    Caps {
        users: users.unwrap_or(default.users),
        rate_per_s: rate_per_s.unwrap_or(default.rate_per_s),
        duration: duration.unwrap_or(default.duration),
        ..default
    }
}

/// The token of clients; `None` where none is asked for.
fn token(args: &ServeArgs, listen: SocketAddr) -> Result<Option<String>, CliError> {
    let is_loopback = listen.ip().is_loopback();
    let usage = |message: &str, hint: &str| CliError::new(ExitCode::Usage, message, hint);
    if args.no_auth && !is_loopback {
        let hint = "listen on 127.0.0.1, or give clients a token with --token-file";
        return Err(usage("--no-auth is for this machine alone", hint));
    }
    if args.no_auth {
        return Ok(None);
    }
    let Some(path) = &args.token_file else {
        if is_loopback {
            let random: [u8; 32] = rand::random();
            return Ok(Some(random.iter().map(|byte| format!("{byte:02x}")).collect()));
        }
        let hint = "write one: (umask 077; openssl rand -hex 32 > token), then --token-file token";
        return Err(usage("beyond this machine a token file is needed", hint));
    };
    let refused = |why: String| {
        let hint = "a token has 16 visible ASCII characters at least; `chmod 600` keeps others out";
        CliError::new(ExitCode::Invalid, format!("--token-file {}: {why}", path.display()), hint)
    };
    let text = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
    let about = std::fs::metadata(path).map_err(|error| refused(error.to_string()))?;
    if about.permissions().mode() & 0o077 != 0 {
        return Err(refused("others can read it".to_owned()));
    }
    let token = text.trim();
    if token.len() < SHORTEST_TOKEN || !token.chars().all(|c| c.is_ascii_graphic()) {
        return Err(refused("it holds no token".to_owned()));
    }
    Ok(Some(token.to_owned()))
}

/// The values of `Host` that mean this server.
fn hosts(address: SocketAddr, others: &[String]) -> Vec<String> {
    let port = address.port();
    let mut hosts = others.to_vec();
    if !address.ip().is_unspecified() {
        hosts.push(address.to_string());
    }
    if address.ip().is_loopback() || address.ip().is_unspecified() {
        hosts.extend(["localhost", "127.0.0.1", "[::1]"].map(|host| format!("{host}:{port}")));
    }
    hosts
}

fn folder(path: &Path) -> Result<std::path::PathBuf, CliError> {
    let found = path.canonicalize().ok().filter(|path| path.is_dir());
    found.ok_or_else(|| invalid(format!("--script-root {} is no folder", path.display())))
}

fn say_where(address: SocketAddr, config: &ControlConfig, printer: &Printer) {
    // The part after `#` is never sent, so that the token is in nobody's log.
    let secret = config.token.as_ref().map_or_else(String::new, |token| format!("#token={token}"));
    printer.data(format!("listening on http://{address}/{secret}\n"));
    if let Some(target) = &config.default_target {
        printer.talk(&format!("target of runs that name none: {target}"));
    }
    if config.token.is_none() {
        printer.warning("every program on this machine can start runs (--no-auth)");
    }
    if !address.ip().is_loopback() {
        printer.warning(
            "the token goes over the network as it is: put a server with TLS before this one",
        );
    }
}

/// Serves and makes runs until a signal; then lets the run that goes on end.
async fn serve_until_signal(listener: TcpListener, control: Arc<Control>) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (tell_over, is_over) = oneshot::channel::<()>();
    let maker = control.clone();
    std::thread::Builder::new().name("rhaid-runs".to_owned()).spawn(move || {
        maker.make_runs();
        // Nobody may be there to know.
        let _ = tell_over.send(());
    })?;
    let (end, ended) = oneshot::channel::<()>();
    let server = tokio::spawn(control::serve(listener, control.clone(), async {
        // It ends as well when nobody can say so any more.
        let _ = ended.await;
    }));
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    control.close();
    // An error is the thread's end, too.
    let _ = is_over.await;
    let _ = end.send(());
    match tokio::time::timeout(LAST_WORDS, server).await {
        Ok(Ok(served)) => served,
        // A client that does not read keeps nobody from ending.
        Err(_) | Ok(Err(_)) => Ok(()),
    }
}
