//! What every handler shares.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use tokio::time::Instant;

use crate::auth::Sessions;
use crate::cache::Cache;
use crate::clock;
use crate::database::Database;
use crate::database::teams::Team;
use crate::lab::Lab;
use crate::metrics::RouteMetrics;

/// Teams that the cache holds at most.
const CACHED_TEAMS: usize = 1_024;

/// How long the cache holds a team that nobody changes.
const CACHED_FOR: Duration = Duration::from_secs(30);

/// The state of a running service.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) database: Database,
    pub(crate) sessions: Sessions,
    pub(crate) teams: Cache<Arc<Team>>,
    pub(crate) lab: Arc<Lab>,
    pub(crate) routes: Vec<Arc<RouteMetrics>>,
    /// The OpenAPI document as JSON.
    pub(crate) openapi: Bytes,
    started_at: Instant,
}

impl App {
    pub(crate) fn new(
        database: Database,
        token_ttl: Duration,
        lab: Arc<Lab>,
        routes: Vec<Arc<RouteMetrics>>,
        openapi: Bytes,
    ) -> Self {
        Self {
            database,
            sessions: Sessions::new(token_ttl),
            teams: Cache::new(CACHED_TEAMS, CACHED_FOR),
            lab,
            routes,
            openapi,
            started_at: clock::now(),
        }
    }

    /// Seconds since the service started.
    pub(crate) fn uptime_s(&self) -> f64 {
        self.started_at.elapsed().as_secs_f64()
    }
}
