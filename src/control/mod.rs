//! The control API and the live feed of `rhaid serve`: runs are started, followed and stopped over HTTP.
//!
//! Main types: [`Launcher`] is how a run is made, told by whoever serves; [`Control`] is what all requests share: the queue
//! of runs, one of which goes on at a time on a thread of its own, and the store with those that have ended. A [`Feed`] is
//! what a run tells those who watch it, bounded, so that nobody who watches can slow it. `axum` is named in this room
//! alone. It must not know the command line: it is told by values and through [`Launcher`].

mod config;
mod connections;
mod error;
mod feed;
mod guard;
mod launcher;
mod live;
mod openapi;
mod queue;
mod routes;
mod runs;
mod scripts;
mod start;
mod state;
mod stored;
mod system;

use std::sync::Arc;

pub use config::{Caps, ControlConfig};
pub use error::Refusal;
pub use feed::{Feed, FeedOutput};
pub use launcher::{LaunchEnd, LaunchError, Launcher, MachineUse, Order, RunLink, ScriptFinding};
pub use openapi::openapi;
pub use queue::Control;
pub use start::{Launch, StartRequest};

/// Answers requests on `listener` until `end` is over. Requests under way may end.
///
/// # Errors
/// When the listener fails.
pub async fn serve(
    listener: tokio::net::TcpListener,
    control: Arc<Control>,
    end: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = routes::router(&control);
    connections::answer(listener, router, connections::Limits::default(), end).await;
    Ok(())
}
