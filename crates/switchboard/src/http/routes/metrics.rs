//! `GET /metrics`: measures in Prometheus' text format, for the addresses of `http.metrics_allow`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use http::header::CONTENT_TYPE;

use crate::http::address::ClientAddress;
use crate::http::problem::Problem;
use crate::http::router::HttpContext;

/// The text exposition format, version 0.0.4.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(in crate::http) fn routes(context: HttpContext) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .with_state(context)
}

async fn metrics(
    State(context): State<HttpContext>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
) -> Response {
    if !context.allows_metrics(address) {
        return Problem::not_allowed().into_response();
    }
    ([(CONTENT_TYPE, TEXT_FORMAT)], context.metrics().render()).into_response()
}
