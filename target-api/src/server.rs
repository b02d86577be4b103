//! Listening, serving connections, and stopping.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};

use crate::api::routes;
use crate::app::App;
use crate::database::Database;
use crate::error::ServeError;
use crate::lab::{self, Lab};
use crate::latency::LatencyPlan;
use crate::options::Options;

/// How long requests in flight may take once the service is told to stop; then their connections
/// are dropped.
const GRACE: Duration = Duration::from_secs(5);

/// Connections that may wait to be accepted: a load generator opens thousands at once.
const BACKLOG: u32 = 4_096;

/// The pause after a failed accept. It fails when descriptors run out, which lasts until a
/// connection ends.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// A service that answers requests in the background.
///
/// Dropped, it begins to stop and is not waited for.
#[derive(Debug)]
pub struct RunningService {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    serving: JoinHandle<()>,
}

impl RunningService {
    /// The address that it listens on, with the port that was picked if `--port` was 0.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as a URL without a slash at its end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops: no new connections, requests in flight are finished, and after 5 s dropped.
    pub async fn stop(self) {
        // Nobody listens only if the task has ended, and then there is nothing to stop.
        let _ = self.stop.send(());
        if let Err(error) = self.serving.await
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

/// Binds, opens and seeds the database, and serves in the background of the current tokio runtime.
///
/// # Errors
///
/// [`ServeError::Bind`] when the address cannot be had, [`ServeError::UnknownRoute`] when a
/// `--latency` rule names no route, [`ServeError::Lab`] when two `--lab` settings do not go together,
/// [`ServeError::Runtime`] when there is no thread left for its timer, and the others when the database cannot be opened.
pub async fn start(options: Options) -> Result<RunningService, ServeError> {
    let plan = LatencyPlan::new(options.latency.clone());
    let lab = lab::configure(&options.lab).map_err(ServeError::Lab)?;
    let lab = Arc::new(Lab::start(lab).map_err(ServeError::Runtime)?);
    let routes = routes::build(&plan, &lab)?;
    let listener = listen(SocketAddr::new(options.host, options.port))?;
    let address = listener.local_addr().map_err(ServeError::Listen)?;
    let token_ttl = options.token_ttl;
    let opening = tokio::task::spawn_blocking(move || Database::open(&options));
    let database = opening.await.map_err(|_| ServeError::Interrupted)??;

    let app = Arc::new(App::new(database, token_ttl, lab, routes.metrics, routes.openapi));
    let router = routes.router.with_state(app);
    let (stop, stopped) = oneshot::channel();
    let serving = tokio::spawn(serve(listener, router, stopped));
    Ok(RunningService { address, stop, serving })
}

fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let bind = |source| ServeError::Bind { address, source };
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    };
    let socket = socket.map_err(bind)?;
    // A restart need not wait for the connections of the service before it to be forgotten.
    socket.set_reuseaddr(true).map_err(bind)?;
    socket.bind(address).map_err(bind)?;
    socket.listen(BACKLOG).map_err(bind)
}

/// Accepts connections until told to stop, then sees them off.
async fn serve(listener: TcpListener, router: Router, stopped: oneshot::Receiver<()>) {
    let graceful = GracefulShutdown::new();
    let mut connections = JoinSet::new();
    tokio::pin!(stopped);
    loop {
        tokio::select! {
            // Told to stop, or nobody is left who could tell.
            _ = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => accept(stream, &router, &graceful, &mut connections),
                Err(_) => tokio::time::sleep(ACCEPT_RETRY).await,
            },
            // Takes ended connections out of the set.
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
        connections.shutdown().await;
    }
}

/// Serves HTTP/1.1 or HTTP/2, whichever the client speaks first, in a task of its own.
fn accept(
    stream: TcpStream,
    router: &Router,
    graceful: &GracefulShutdown,
    connections: &mut JoinSet<()>,
) {
    // Small answers must not wait for the acknowledgement of the one before. A socket that refuses
    // is closed already.
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(router.clone());
    let watcher = graceful.watcher();
    connections.spawn(async move {
        let builder = auto::Builder::new(TokioExecutor::new());
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        // A connection that breaks is the client's affair.
        let _ = watcher.watch(connection).await;
    });
}
