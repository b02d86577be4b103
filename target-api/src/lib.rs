//! The sample service that rhaid loads in its demo and in its tests.
//!
//! It is a service like any other: accounts, teams and items behind a JSON API, kept in an embedded
//! SQLite database behind a bounded pool of connections. What sets it apart is that it counts every
//! request the moment it arrives, so that a load test can be checked against it, and that it can be
//! made slow in ways that are known.
//!
//! [`start`] runs it inside a process, [`run`] until told to stop, and [`main_with`] as a whole
//! process:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), target_api::ServeError> {
//! let options = target_api::Options { port: 0, ..Default::default() };
//! let service = target_api::start(options).await?;
//! assert!(service.url().starts_with("http://127.0.0.1:"));
//! service.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! # Routes
//!
//! Bodies are JSON, up to 64 KiB. An error is `{"code": "...", "message": "..."}`. A list takes
//! `page` (from 1) and `limit` (1 to 100, 20 by default) and answers `{items, total, page, limit}`.
//! Routes marked * need the header `authorization: Bearer TOKEN`.
//!
//! | route | answers | errors |
//! |---|---|---|
//! | `GET /api/health` | `status`, `uptime_s`, `version` | |
//! | `POST /api/auth/login` `{email, password}` | `token`, `expires_in_s` | 400, 401, 422 |
//! | `POST /api/auth/logout` * | 204 | 401 |
//! | `GET /api/users` | list of users | 400 |
//! | `GET /api/users/{id}` | a user | 400, 404 |
//! | `GET /api/users/me` * | the user who asks | 401 |
//! | `PUT /api/users/me` * `{name, email?, bio?}` | the user as changed | 400, 401, 409, 422 |
//! | `GET /api/teams` | list of teams | 400 |
//! | `GET /api/teams/{id}` | a team, cached for up to 30 s | 400, 404 |
//! | `GET /api/teams/{id}/members` | list of members | 400, 404 |
//! | `POST /api/teams/{id}/members` * `{user_id}` | 201, the member | 400, 401, 404, 409, 422 |
//! | `DELETE /api/teams/{id}/members/{user_id}` * | 204 | 400, 401, 404 |
//! | `GET /user/{id}` | a profile (1 to 1,000), 10 to 100 ms late | 400, 404 |
//! | `GET /items/` | list of items | 400 |
//! | `POST /items/` `{name, price_cents}` | 201, the item | 400, 422 |
//! | `GET /api/openapi.json` | all of this, as OpenAPI 3.1 | |
//! | `GET /metrics` | what it measures about itself, for Prometheus | |
//! | `GET /lab/counters` | `received` and `by_route`, e.g. `GET /api/teams/{id}` | |
//! | `POST /lab/counters/reset` | the same, as it was before it was set to zero | |
//!
//! Any route may answer 405, one with a body 413 or 415, and one that reads the database 503:
//! `pool_exhausted` when no connection becomes free in time. Requests to `/metrics` and `/lab/*`
//! are counted nowhere; every other one is counted as received once, when its head arrives,
//! whatever becomes of it (received = answered + cancelled + in flight).
//!
//! # Knobs
//!
//! Durations are written `20ms`, `1.5s`, `1m30s`.
//!
//! | option | default | range | |
//! |---|---|---|---|
//! | `--host` | `127.0.0.1` | | address to listen on |
//! | `--port` | 8117 | 0 to 65535 | 0 picks a free port |
//! | `--database` | none | | SQLite file; without one the data ends with the service |
//! | `--users` | 500 | 1 to 1,000,000 | `user1@example.com` and on, all with the password `secret` |
//! | `--seed` | 1 | 64 bits | the same seed gives the same data |
//! | `--latency` | none | 0 to 1 h | `[ROUTE=][uniform:\|lognormal:]FROM..TO`, repeatable, see [`LatencyRule`] |
//! | `--pool-size` | 8 | 1 to 256 | database connections |
//! | `--pool-timeout` | `1s` | 0 to 365 d | how long a request waits for a connection |
//! | `--query-delay` | `0ms` | 0 to 365 d | how much longer than its query takes a connection is held |
//! | `--token-ttl` | `1h` | 0 to 365 d | how long a sign-in lasts; sign-ins do not outlive the service |
//! | `--threads` | one a core | 1 to 1,024 | worker threads |
//!
//! Intentional latency is spent before a request asks for a connection, the query delay while it
//! holds one: the first makes a service slow, the second gives it a capacity, of about `pool-size /
//! query-delay` requests a second. A route's own rule comes before the rule for all routes, which
//! comes before the 10 to 100 ms of `/user/{id}`.
//!
//! The database is seeded when it is empty; a file with fewer users than asked for gets the others,
//! and one that was made with another seed stays as it is. Without `--database` the file is in the
//! temporary directory, and is left there only if the process is killed outright.
//!
//! # Where to begin
//!
//! `launch` is the process, `server` the connections, `api::routes` the list of routes with the
//! counters and the latency around each; `database`, `auth` and `cache` know nothing of HTTP;
//! `metrics` counts, and `lab` is for tests.

mod clock;
mod duration;
mod latency;
mod options;

mod error;
mod launch;
mod server;

mod api;
mod app;
mod lab;

mod auth;
mod cache;
mod database;
mod metrics;

pub use duration::{DurationError, parse_duration};
pub use error::ServeError;
pub use latency::{LatencyError, LatencyLaw, LatencyRule};
pub use launch::{main_with, run};
pub use options::Options;
pub use server::{RunningService, start};
