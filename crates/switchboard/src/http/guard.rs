//! What stands around every route: request id, problem documents, measures, and a catch for panics.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use http::HeaderName;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use uuid::Uuid;

use super::body::Lateness;
use super::problem::Problem;
use crate::ops::metrics::names;

/// The header that carries the id of a request in its answer.
const REQUEST_ID_HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Our own id of one request, in its extensions, its answer, its problem document and its log lines. A client's id is
/// not taken over: it would be somebody else's text in our logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(pub Uuid);

/// Runs the rest within a catch and completes its answer.
pub(super) async fn guard(mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = Uuid::now_v7();
    request.extensions_mut().insert(RequestId(id));
    let route = request.extensions().get::<MatchedPath>().cloned();
    let lateness = request.extensions().get::<Lateness>().cloned();
    let method = request.method().clone();
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = answered.unwrap_or_else(|_| Problem::internal().into_response());
    let id_text = id.hyphenated().to_string();
    let is_late = lateness.is_some_and(|it| it.is_late());
    if let Some(problem) = problem_of(&response, is_late) {
        let allow = response.headers_mut().remove(ALLOW);
        response = problem.render(Some(&id_text));
        if let Some(allow) = allow {
            response.headers_mut().insert(ALLOW, allow);
        }
    }
    if let Ok(value) = HeaderValue::from_str(&id_text) {
        response.headers_mut().insert(REQUEST_ID_HEADER, value);
    }
    // The pattern of the route, never the path itself: paths hold ids and sometimes numbers.
    let route = route
        .as_ref()
        .map_or("none", |route| route.as_str())
        .to_owned();
    let status = response.status().as_u16();
    let duration = began.elapsed();
    tracing::debug!(request_id = %id, %method, route, status, duration_us = duration.as_micros() as u64, "request answered");
    let labels = [("route", route), ("status", status.to_string())];
    metrics::histogram!(names::HTTP_REQUEST_SECONDS, &labels).record(duration.as_secs_f64());
    response
}

/// The problem a route returned, or the one a library meant by a bare status and a line of text.
fn problem_of(response: &Response, is_late: bool) -> Option<Problem> {
    if let Some(problem) = response.extensions().get::<Problem>() {
        return Some(problem.clone());
    }
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let content_type = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|it| it.to_str().ok());
    let is_plain = content_type.is_none_or(|it| it.starts_with("text/plain"));
    let meant = || {
        if is_late {
            Problem::too_slow()
        } else {
            Problem::of_status(status)
        }
    };
    (is_error && is_plain).then(meant)
}
