//! Why the service could not be started.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

use crate::api::routes::UnknownRoute;
use crate::database::OpenError;
use crate::lab::LabSettingError;

/// Why the service could not be started.
#[derive(Debug, Error)]
pub enum ServeError {
    /// The address cannot be had.
    #[error("cannot listen on {address}: {}", reason(*address, source))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The socket is broken.
    #[error("cannot listen: {0}")]
    Listen(#[source] io::Error),
    /// A `--latency` rule names no route.
    #[error("--latency names `{route}`, which is no route; there are {}", known.join(", "))]
    UnknownRoute {
        /// The name.
        route: String,
        /// The names that would do.
        known: Vec<String>,
    },
    /// Two `--lab` settings do not go together.
    #[error("--lab cannot be set so: {0}")]
    Lab(#[source] LabSettingError),
    /// The database cannot be opened.
    #[error("cannot open the database {0}")]
    Database(String),
    /// The readiness line could not be written.
    #[error("cannot write to stdout: {0}")]
    Stdout(#[source] io::Error),
    /// The runtime or its signal handlers could not be set up.
    #[error("cannot set up the service: {0}")]
    Runtime(#[source] io::Error),
    /// The runtime is going away.
    #[error("interrupted while starting")]
    Interrupted,
}

impl From<UnknownRoute> for ServeError {
    fn from(UnknownRoute { route, known }: UnknownRoute) -> Self {
        Self::UnknownRoute { route, known }
    }
}

impl From<OpenError> for ServeError {
    fn from(error: OpenError) -> Self {
        let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
        Self::Database(format!("{error}{}", source.unwrap_or_default()))
    }
}

/// Says why an address cannot be had, and what to do about it.
fn reason(address: SocketAddr, error: &io::Error) -> String {
    let port = address.port();
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("port {port} is in use; stop what uses it, or pass --port 0 for a free one")
        }
        io::ErrorKind::PermissionDenied => {
            format!("port {port} is not for everyone; pass a --port of 1024 or more")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("{} is no address of this machine; pass another --host", address.ip())
        }
        _ => error.to_string(),
    }
}
