//! HTTP: routes, what they accept and what they answer.
//!
//! [`routes::build`] makes the router, and from the same list the OpenAPI document, the counters of
//! each route and the latency of each route, so that none of them can name a route that is not
//! there. What the handlers share is in [`crate::app`].

pub(crate) mod error;
pub(crate) mod extract;
mod items;
mod login;
mod page;
mod profiles;
mod status;
mod teams;
mod users;

pub(crate) mod routes;
