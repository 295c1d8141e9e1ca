//! `GET /api/v1/openapi.json`: the document of the API, for everybody.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::ApiContext;
use crate::openapi;

pub(super) fn routes() -> Router<ApiContext> {
    Router::new().route("/api/v1/openapi.json", get(show))
}

async fn show() -> Response {
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, openapi::text()).into_response()
}
