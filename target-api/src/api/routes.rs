//! The list of routes, and everything that follows from it.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, OriginalUri, Request, State};
use axum::http::{Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{any, any_service};
use tower::Layer;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, OpenApi, OpenApiBuilder};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter, UtoipaMethodRouterExt};
use utoipa_axum::routes;

use super::error::ApiError;
use super::{items, login, profiles, status, teams, users};
use crate::app::App;
use crate::lab::work::{self, Gate};
use crate::lab::{Lab, control, counters, truth};
use crate::latency::{LatencyLaw, LatencyPlan};
use crate::metrics::{RouteMetrics, Track};

/// The largest body, in bytes: 64 KiB.
const BODY_MAX_BYTES: usize = 64 * 1024;

/// What paths without a route are counted under.
const UNMATCHED: &str = "unmatched";

/// The routes, before there is any state to serve them with.
#[derive(Debug)]
pub(crate) struct Routes {
    pub(crate) router: Router<Arc<App>>,
    /// What is counted about each route.
    pub(crate) metrics: Vec<Arc<RouteMetrics>>,
    /// The OpenAPI document as JSON.
    pub(crate) openapi: Bytes,
}

/// A `--latency` rule names a route that is not there.
#[derive(Debug)]
pub(crate) struct UnknownRoute {
    pub(crate) route: String,
    pub(crate) known: Vec<String>,
}

/// Builds the router with a counter around, and the planned latency in, each route.
pub(crate) fn build(plan: &LatencyPlan, lab: &Arc<Lab>) -> Result<Routes, UnknownRoute> {
    let mut builder =
        Builder { plan, lab, router: OpenApiRouter::with_openapi(head()), metrics: vec![] };
    builder.add_all();
    let Builder { router, mut metrics, .. } = builder;

    let known: Vec<&str> = metrics.iter().map(|route| route.route.as_str()).collect();
    if let Some(route) = plan.unknown_route(&known) {
        let known = known.into_iter().map(str::to_owned).collect();
        return Err(UnknownRoute { route: route.to_owned(), known });
    }

    let unmatched = Arc::new(RouteMetrics::new(UNMATCHED.to_owned()));
    let not_found = Track::new(Arc::clone(&unmatched)).layer(any(not_found));
    metrics.push(unmatched);
    let (router, openapi) = router.split_for_parts();
    let router = router
        .fallback_service(any_service(not_found))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES));
    let openapi = openapi.to_json().expect("the document has no maps with odd keys");
    Ok(Routes { router, metrics, openapi: openapi.into() })
}

/// The OpenAPI document without its routes.
fn head() -> OpenApi {
    let info = InfoBuilder::new()
        .title("target-api")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(env!("CARGO_PKG_DESCRIPTION")))
        .build();
    let mut components = Components::new();
    let bearer = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
    components.add_security_scheme("bearer", bearer);
    OpenApiBuilder::new().info(info).components(Some(components)).build()
}

struct Builder<'a> {
    plan: &'a LatencyPlan,
    lab: &'a Arc<Lab>,
    router: OpenApiRouter<Arc<App>>,
    metrics: Vec<Arc<RouteMetrics>>,
}

impl Builder<'_> {
    fn add_all(&mut self) {
        self.count(routes!(status::health));
        self.count(routes!(status::openapi));
        self.count(routes!(login::login));
        self.count(routes!(login::logout));
        self.count(routes!(users::list_users));
        self.count(routes!(users::get_me, users::put_me));
        self.count(routes!(users::get_user));
        self.count(routes!(teams::list_teams));
        self.count(routes!(teams::get_team));
        self.count(routes!(teams::list_members, teams::add_member));
        self.count(routes!(teams::remove_member));
        self.count(routes!(profiles::get_profile));
        self.count(routes!(items::list_items, items::create_item));
        self.count(routes!(work::get_work, work::post_work));
        self.observe(routes!(status::metrics));
        self.observe(routes!(counters::counters));
        self.observe(routes!(counters::reset_counters));
        self.observe(routes!(control::get_config, control::put_config));
        self.observe(routes!(control::restart));
        self.observe(routes!(truth::truth));
        // Whatever else is under /lab is not there, and not counted either.
        for path in ["/lab", "/lab/", "/lab/{*rest}"] {
            self.with_router(|router| router.route(path, any(not_found)));
        }
    }

    /// Adds a route of the service: counted, through the lab if that is for it, and late if planned.
    fn count(&mut self, methods: UtoipaMethodRouter<Arc<App>>) {
        let route = methods.1.paths.keys().next().expect("a route has a path").clone();
        let metrics = Arc::new(RouteMetrics::new(route));
        let methods = match self.plan.law_for(&metrics.route) {
            Some(law) => methods.map(|m| m.route_layer(middleware::from_fn_with_state(law, delay))),
            None => methods,
        };
        // The layer added last is the first that a request meets.
        let gate = Gate::new(Arc::clone(self.lab), &metrics.route);
        let gate = middleware::from_fn_with_state(gate, work::pass);
        let methods = methods.map(|m| m.route_layer(gate));
        let methods = methods.map(|m| m.fallback(wrong_method));
        let methods = methods.layer(Track::new(Arc::clone(&metrics)));
        self.metrics.push(metrics);
        self.with_router(|router| router.routes(methods));
    }

    /// Adds a route that watches the others: neither counted nor late.
    fn observe(&mut self, methods: UtoipaMethodRouter<Arc<App>>) {
        self.with_router(|router| router.routes(methods.map(|m| m.fallback(wrong_method))));
    }

    fn with_router(
        &mut self,
        add: impl FnOnce(OpenApiRouter<Arc<App>>) -> OpenApiRouter<Arc<App>>,
    ) {
        self.router = add(std::mem::take(&mut self.router));
    }
}

/// Holds a request back before its handler sees it.
async fn delay(State(law): State<LatencyLaw>, request: Request, next: Next) -> Response {
    let latency = law.draw(&mut rand::rng());
    tokio::time::sleep(latency).await;
    next.run(request).await
}

async fn not_found(OriginalUri(uri): OriginalUri) -> ApiError {
    let message =
        format!("there is nothing at {}; /api/openapi.json lists what there is", uri.path());
    ApiError::not_found("not_found", message)
}

async fn wrong_method(method: Method, OriginalUri(uri): OriginalUri) -> ApiError {
    let message = format!("{} does not take {method}", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}
