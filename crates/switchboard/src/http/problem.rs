//! What went wrong, as `application/problem+json` (RFC 9457) with a stable `code`.

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;
use switchboard_wire::openai::RestError;

/// What went wrong. Codes are stable words for programs; titles and details are for people and hold no personal data.
///
/// ```
/// # use switchboard::http::Problem;
/// # use axum::response::IntoResponse;
/// let response = Problem::not_found().with_detail("there is no such call").into_response();
/// assert_eq!(response.status(), 404);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: Option<String>,
    pointer: Option<String>,
    retry_after_s: Option<u64>,
    vendor: Option<Box<RestError>>,
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "type")]
    kind: String,
    title: &'a str,
    status: u16,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pointer: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a RestError>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_s: Option<u64>,
}

impl Problem {
    /// A problem of any kind. `code` is in `snake_case` and never changes its meaning.
    pub fn new(status: StatusCode, code: &'static str, title: &'static str) -> Self {
        Self {
            status,
            code,
            title,
            detail: None,
            pointer: None,
            retry_after_s: None,
            vendor: None,
        }
    }

    /// 400: the request cannot be understood.
    pub fn bad_request() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "bad_request",
            "The request cannot be understood",
        )
    }

    /// 401: there is no credential, or a wrong one.
    pub fn not_signed_in() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "not_signed_in",
            "A valid key or a login is needed",
        )
    }

    /// 403: a request that another site's page may have made with our cookie.
    pub fn foreign_origin() -> Self {
        let title = "The request does not come from our own pages";
        Self::new(StatusCode::FORBIDDEN, "foreign_origin", title).with_detail(
            "send X-Switchboard-Request: 1 and an Origin of http.public_url or http.cors_origins",
        )
    }

    /// 403: the person has to set up a second factor before anything else is open.
    pub fn second_factor_missing() -> Self {
        let title = "A second factor has to be set up first";
        Self::new(StatusCode::FORBIDDEN, "second_factor_missing", title)
    }

    /// 403: a password or code has to be shown again.
    pub fn proof_needed() -> Self {
        let title = "Show your password or code again";
        Self::new(StatusCode::FORBIDDEN, "proof_needed", title)
            .with_detail("POST /api/v1/session/proof, then send this again")
    }

    /// 403: the credential does not reach this.
    pub fn not_allowed() -> Self {
        Self::new(StatusCode::FORBIDDEN, "not_allowed", "This is not allowed")
    }

    /// 404: unknown, or somebody else's; both answer alike (threat H7).
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "There is nothing here")
    }

    /// 405: the path exists, the method does not.
    pub fn method_not_allowed() -> Self {
        let title = "The method is not possible here";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", title)
    }

    /// 408: the body did not arrive in time.
    pub fn too_slow() -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            "too_slow",
            "The request took too long to arrive",
        )
    }

    /// 413: the body is larger than `http.body_bytes_max`.
    pub fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too_large",
            "The request body is too large",
        )
    }

    /// 415: the content type is not the one that is read here.
    pub fn wrong_content_type() -> Self {
        let title = "The content type cannot be read here";
        Self::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "wrong_content_type",
            title,
        )
    }

    /// 422: the request is understood and asks for something impossible.
    pub fn invalid() -> Self {
        let title = "The request asks for something impossible";
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", title)
    }

    /// 429: more requests than allowed; `retry_after_s` says when the next may come.
    pub fn too_many_requests(retry_after_s: u64) -> Self {
        let problem = Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_requests",
            "Too many requests",
        );
        Self {
            retry_after_s: Some(retry_after_s),
            ..problem
        }
    }

    /// 500: our fault. The log has the request id; the answer has no details.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side",
        )
    }

    /// 503: something we need does not answer; try again.
    pub fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "The service cannot answer now",
        )
    }

    /// The usual problem of a status that a library answered with.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::UNAUTHORIZED => Self::not_signed_in(),
            StatusCode::FORBIDDEN => Self::not_allowed(),
            StatusCode::NOT_FOUND => Self::not_found(),
            StatusCode::METHOD_NOT_ALLOWED => Self::method_not_allowed(),
            StatusCode::REQUEST_TIMEOUT => Self::too_slow(),
            StatusCode::PAYLOAD_TOO_LARGE => Self::too_large(),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Self::wrong_content_type(),
            StatusCode::UNPROCESSABLE_ENTITY => Self::invalid(),
            StatusCode::TOO_MANY_REQUESTS => Self::too_many_requests(1),
            StatusCode::SERVICE_UNAVAILABLE => Self::unavailable(),
            status if status.is_server_error() => Self {
                status,
                ..Self::internal()
            },
            status => Self {
                status,
                ..Self::bad_request()
            },
        }
    }

    /// Adds what happened here and what to do, in one or two sentences.
    #[must_use]
    pub fn with_detail(self, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }

    /// Adds which field is meant, as a JSON pointer (RFC 6901).
    #[must_use]
    pub fn with_pointer(self, pointer: impl Into<String>) -> Self {
        Self {
            pointer: Some(pointer.into()),
            ..self
        }
    }

    /// Adds the `error` object that clients of the vendor's protocol read, for routes of that protocol.
    #[must_use]
    pub fn in_vendor_words(self, error: RestError) -> Self {
        Self {
            vendor: Some(Box::new(error)),
            ..self
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What happened here, if it was said.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The document that is sent, with the id of the request it answers.
    pub(super) fn render(&self, request_id: Option<&str>) -> Response {
        let document = Document {
            kind: format!("urn:switchboard:problem:{}", self.code),
            title: self.title,
            status: self.status.as_u16(),
            code: self.code,
            detail: self.detail.as_deref(),
            pointer: self.pointer.as_deref(),
            request_id,
            error: self.vendor.as_deref(),
            retry_after_s: self.retry_after_s,
        };
        let text = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(Body::from(text));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some(seconds) = self.retry_after_s {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl IntoResponse for Problem {
    /// The document without a request id; the problem itself travels along, and the guard renders it again with one.
    fn into_response(self) -> Response {
        let mut response = self.render(None);
        response.extensions_mut().insert(self);
        response
    }
}
