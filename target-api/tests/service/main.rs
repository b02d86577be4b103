//! The service under test, asked over real connections.

mod auth; // signing in and out, tokens and their end
mod bad_input; // what no client should send
mod counters; // what the laboratory says has arrived
mod items; // the list that grows, and writers that meet
mod lab; // work that takes as long as the lab is told, over HTTP
mod latency; // answers that are late on purpose
mod openapi; // the document against the routes
mod pool; // database connections that run out
mod process; // the binary: readiness line, signals, exit codes
mod seeding; // what a fresh database holds
mod stopping; // the end, with requests in flight
mod support; // the client and the service under test
mod teams; // membership from joining to leaving
mod users; // pages, changes, and what a restart keeps
