//! What a request brings: JSON bodies and ids, refused with what is wrong about them.

use std::str::FromStr;

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use crate::http::Problem;

/// Most characters of a reader's complaint that are sent back.
const COMPLAINT_CHARS_MAX: usize = 300;

/// A JSON body. `Content-Type` must say so; without one it is taken for JSON, because nothing else is read here.
pub struct Input<T>(
    /// What it says.
    pub T,
);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let kind = request.headers().get(CONTENT_TYPE);
        let is_json = kind.is_none_or(|kind| {
            let kind = kind.to_str().unwrap_or_default();
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("application/json")
        });
        if !is_json {
            return Err(Problem::wrong_content_type().with_detail("send application/json"));
        }
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|refused| Problem::of_status(refused.status()))?;
        serde_json::from_slice(&body)
            .map(Self)
            .map_err(|error| explain(&error))
    }
}

/// Broken JSON is 400; JSON that says something else than is asked for is 422.
fn explain(error: &serde_json::Error) -> Problem {
    let complaint: String = error
        .to_string()
        .chars()
        .take(COMPLAINT_CHARS_MAX)
        .collect();
    if error.is_data() {
        Problem::invalid().with_detail(complaint)
    } else {
        Problem::bad_request().with_detail(format!("the body is not JSON: {complaint}"))
    }
}

/// An id in a path. What is no id at all is answered like one that is not there.
///
/// # Errors
/// 404.
pub fn parse_id<T: FromStr>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|_| Problem::not_found())
}
