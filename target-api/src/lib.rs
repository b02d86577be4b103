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
//! | `GET /lab/work`, `POST /lab/work` | `slot_wait_ms`, `service_ms`, see [the lab](#the-lab) | 500, 503 |
//! | `GET /lab/config` | every knob of the lab | |
//! | `PUT /lab/config` with some knobs | every knob, as changed | 400 |
//! | `POST /lab/restart` | every knob; the lab's clock is at zero | |
//! | `GET /lab/truth`, `?log=1` | what truly arrived and finished | 400 |
//!
//! Any route may answer 405, one with a body 413 or 415, and one that reads the database 503:
//! `pool_exhausted` when no connection becomes free in time. Requests to `/metrics` and to
//! `/lab/*` but `/lab/work` are counted nowhere; every other one is counted as received once, when
//! its head arrives, whatever becomes of it (received = answered + cancelled + in flight).
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
//! | `--lab` | none | | `KNOB=VALUE`, repeatable, see [the lab](#the-lab) |
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
//! # The lab
//!
//! `/lab/work` is served as a queueing system whose behaviour has a closed form; with the knob
//! `scope` every other counted route passes through it too, before `--latency` and its handler.
//! A knob is set with `--lab KNOB=VALUE` (`--lab stall=at=10s,for=1s`) or with `PUT /lab/config`
//! (`{"stall": {"at": "10s", "for": "1s"}}`), which changes the knobs it names, all or none, for
//! what begins from then on. `none`, in JSON `null`, clears a knob. Times count from the lab's zero:
//! the start of the service, or the last `POST /lab/restart`.
//!
//! | knob | default | |
//! |---|---|---|
//! | `scope` | `work` | `work`: `/lab/work` alone; `all`: every counted route |
//! | `slots` | none | c, how many are served at the same time; none is all of them |
//! | `service` | `det:0s` | S: `det:S`, `exp:MEAN`, or `lognormal:MEDIAN,SIGMA`, whose mean is MEDIAN·exp(SIGMA²/2) |
//! | `queue` | `unbounded` | `none`, `bounded:K`, `unbounded`; strictly first come, first served; without a place 503 |
//! | `stall` | none | `at` or (from now) `in`, `for`: nothing begins or finishes in it; work in progress is interrupted |
//! | `error` | none | `probability`, and `on`, `off` for bursts: 500, decided at arrival, after the full service |
//! | `step` | none | `at`, `gain`: S·gain from that moment |
//! | `drift` | none | `percent_per_h`: S·(1 + percent/100·t/1h) |
//! | `warm_up` | none | `tau`, `gain`: S·(1 + gain·e^(-t/tau)) |
//! | `cycle` | none | `period`, `amplitude`: S·(1 + amplitude·sin(2πt/period)) |
//! | `leak` | none | `bytes_per_request`, `bytes_per_second`, kept until a restart, up to 1 GiB |
//! | `metastable` | none | `threshold`, `penalty`, `sticky`: once more wait, S·(1 + penalty) until the queue is empty, or for good |
//! | `inversion` | none | `low`, `high`: 500 for who arrives as one of low to high in flight |
//! | `cpu` | none | processor time burned on a thread of the service, after the service time and outside the slot |
//! | `seed` | 1 | the nth request that is not refused gets the same draws |
//!
//! Slots are given away arithmetically: one is free again when its work was due to finish, not when
//! that was noticed. The factors of `step`, `drift`, `warm_up` and `cycle` multiply and are those of
//! the moment when the work begins. When a client goes away its work goes on to its end. What the
//! knobs make together:
//!
//! | knobs and load | closed form |
//! |---|---|
//! | any | capacity is c/S; utilisation λ·S/c; Little: mean at work is λ·S |
//! | `queue` none, Poisson | loss is Erlang-B(c, λS), whatever the law of S |
//! | `queue` unbounded, `exp`, Poisson | M/M/c: mean wait is Erlang-C(c, λS)/(c/S - λ) |
//! | 1 slot, `det`, Poisson, ρ = λS | M/D/1: mean sojourn S·(1 + ρ/(2(1 - ρ))) |
//! | stall of L in a run of D, constant λ, ρ = λS/c, or 0 without a limit of slots | quantile q of the sojourn is S + max(0, L - (1 - q)·D·(1 - ρ)) |
//! | λs for T, then λb, c/S = μ between them | back to normal after (λs - μ)·T/(μ - λb) |
//! | `metastable`, μ/(1 + penalty) < λ < μ | sound until the queue is once over the threshold, then never again |
//! | `leak` | bytes = `bytes_per_request`·λ·t + `bytes_per_second`·t |
//!
//! `GET /lab/truth` has the lab's own counts (arrivals = finished + rejected + in flight), arrivals
//! and finishes by the second, and exact distributions of what has finished, from a log of up to
//! 2,000,000 requests, which `?log=1` adds.
//!
//! # Where to begin
//!
//! `launch` is the process, `server` the connections, `api::routes` the list of routes with the
//! counters and the latency around each; `database`, `auth` and `cache` know nothing of HTTP;
//! `metrics` counts, and `lab` is for tests: its
//! arithmetic is in `lab::model`.

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
pub use lab::{LabSetting, LabSettingError};
pub use latency::{LatencyError, LatencyLaw, LatencyRule};
pub use launch::{main_with, run};
pub use options::Options;
pub use server::{RunningService, start};
