//! `GET /healthz`: the process lives. `GET /readyz`: it can take a call, and what each channel and provider is doing.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::StatusCode;

use crate::http::router::HttpContext;

pub(in crate::http) fn routes(context: HttpContext) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .with_state(context)
}

async fn healthz() -> &'static str {
    "alive\n"
}

async fn readyz(State(context): State<HttpContext>) -> Response {
    let report = context.health().report();
    let status = if report.ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(report)).into_response()
}
