//! Puts groups of routes behind what each group needs.

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router};
use http::header::{CONTENT_LENGTH, HeaderValue};

use super::auth::{KeyIdentity, KeyVerifier};
use super::dashboard;
use super::guard::guard;
use super::headers::protect;
use super::problem::Problem;
use super::rate::{RequestRate, limit_rate};
use super::routes;
use crate::config::{Network, Settings};
use crate::ops::health::Health;
use crate::ops::metrics::MetricsHandle;

/// Routes by what protects them. A route is in exactly one group.
#[derive(Clone, Debug, Default)]
pub struct RouteGroups {
    /// Signed by a carrier or provider, checked by the route itself over the raw body. No limit per address.
    pub signed: Router,
    /// Everything else, limited per address: routes behind [`keyed`], and routes with a check of their own such as the
    /// realtime socket's, which must answer 101 to a wrong key.
    pub limited: Router,
}

/// What stands around the routes. Cheap to clone.
#[derive(Clone)]
pub struct HttpContext(Arc<Inner>);

struct Inner {
    is_public: bool,
    cors_origins: Vec<String>,
    metrics_allow: Vec<Network>,
    body_bytes_max: usize,
    rate: RequestRate,
    health: Health,
    metrics: MetricsHandle,
    verifier: Arc<dyn KeyVerifier>,
}

impl HttpContext {
    /// What `settings` ask for, around the given health registry, metrics and keys.
    pub fn new(
        settings: &Settings,
        health: Health,
        metrics: MetricsHandle,
        verifier: Arc<dyn KeyVerifier>,
    ) -> Self {
        let public_url = settings.public_url();
        Self(Arc::new(Inner {
            is_public: public_url.is_encrypted() && !public_url.is_loopback(),
            cors_origins: settings.http.cors_origins.clone(),
            metrics_allow: settings.http.metrics_allow.clone(),
            body_bytes_max: settings.http.body_bytes_max,
            rate: RequestRate::new(&settings.http),
            health,
            metrics,
            verifier,
        }))
    }

    /// The registry behind `/readyz`.
    pub fn health(&self) -> &Health {
        &self.0.health
    }

    pub(super) fn metrics(&self) -> &MetricsHandle {
        &self.0.metrics
    }

    pub(super) fn allows_metrics(&self, address: std::net::IpAddr) -> bool {
        self.0
            .metrics_allow
            .iter()
            .any(|block| block.contains(address))
    }

    pub(super) fn is_public(&self) -> bool {
        self.0.is_public
    }

    pub(super) fn allows_origin(&self, origin: &HeaderValue) -> bool {
        self.0
            .cors_origins
            .iter()
            .any(|allowed| allowed.as_bytes() == origin.as_bytes())
    }
}

/// One router out of `groups`, with `/healthz`, `/readyz`, `/metrics` and the dashboard, behind limits, headers and
/// problem documents.
pub fn router(groups: RouteGroups, context: &HttpContext) -> Router {
    let limited = groups
        .limited
        .merge(routes::health::routes(context.clone()))
        .merge(routes::metrics::routes(context.clone()))
        .fallback(dashboard::answer)
        .layer(from_fn_with_state(context.0.rate.clone(), limit_rate));
    groups
        .signed
        .merge(limited)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(Extension(Arc::clone(&context.0.verifier)))
        .layer(DefaultBodyLimit::max(context.0.body_bytes_max))
        .layer(from_fn_with_state(context.clone(), refuse_large))
        .layer(from_fn(guard))
        .layer(from_fn_with_state(context.clone(), protect))
}

/// Closes `routes` to everybody without a good API key, before a route is asked, so that none is open because it forgot
/// to ask (threat H7). Routes find a [`KeyIdentity`](super::KeyIdentity) by extractor.
pub fn keyed(routes: Router) -> Router {
    routes.layer(from_fn(require_key))
}

async fn require_key(identity: KeyIdentity, mut request: Request, next: Next) -> Response {
    request.extensions_mut().insert(identity);
    next.run(request).await
}

/// Answers 413 by the declared length, before a byte of the body is read; undeclared bodies are cut by their reader.
async fn refuse_large(
    State(context): State<HttpContext>,
    request: Request,
    next: Next,
) -> Response {
    let length = request
        .headers()
        .get(CONTENT_LENGTH)
        .and_then(|it| it.to_str().ok()?.parse::<u64>().ok());
    match length {
        Some(bytes) if bytes > context.0.body_bytes_max as u64 => {
            Problem::too_large().into_response()
        }
        _ => next.run(request).await,
    }
}

async fn method_not_allowed() -> Problem {
    Problem::method_not_allowed()
}
