//! Errors of the endpoint in the provider's shape, which clients of the protocol know how to read.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use switchboard_wire::openai::{RestError, RestErrorBody, WireError, code};

use crate::channels::websocket::BUDGET_SPENT;
use crate::http::CallerRefusal;

/// Why there is no call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    kind: &'static str,
    code: &'static str,
    message: String,
    param: Option<String>,
}

impl Refusal {
    fn request(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind: "invalid_request_error",
            code,
            message: message.into(),
            param: None,
        }
    }

    /// 401.
    fn wrong_key() -> Self {
        let message = "A valid key is needed: send it as Authorization: Bearer.";
        Self::request(StatusCode::UNAUTHORIZED, code::INVALID_API_KEY, message)
    }

    /// 403.
    pub(super) fn foreign_page() -> Self {
        let message = "This page's origin is not in http.cors_origins.";
        Self::request(StatusCode::FORBIDDEN, "origin_not_allowed", message)
    }

    /// 400: the offer.
    pub(super) fn offer(message: impl Into<String>) -> Self {
        let refusal = Self::request(StatusCode::BAD_REQUEST, "invalid_offer", message);
        refusal.about("sdp")
    }

    /// 400: nobody was named to talk to.
    pub(super) fn no_model() -> Self {
        let message = "Name the agent to talk to: session.model, or ?model=.";
        let refusal = Self::request(StatusCode::BAD_REQUEST, code::MISSING_MODEL, message);
        refusal.about("session.model")
    }

    /// 400: nobody of this name, or somebody else's.
    pub(super) fn wrong_model() -> Self {
        let message = "There is no agent of this name.";
        let refusal = Self::request(StatusCode::BAD_REQUEST, code::INVALID_MODEL, message);
        refusal.about("session.model")
    }

    /// 400: what `session` holds.
    pub(super) fn session(error: &WireError) -> Self {
        let refusal = Self::request(StatusCode::BAD_REQUEST, error.code, error.message.as_str());
        Self {
            param: error.param.clone(),
            ..refusal
        }
    }

    /// 401: no call of theirs to come back to.
    pub(super) fn no_way_back() -> Self {
        let message = "There is no call to come back to.";
        Self::request(StatusCode::UNAUTHORIZED, "invalid_resume_token", message)
    }

    /// 404: no such call, or somebody else's.
    pub(super) fn no_call() -> Self {
        let message = "There is no such call.";
        Self::request(StatusCode::NOT_FOUND, "call_not_found", message)
    }

    /// 402: a budget is spent. The provider's own word for it, which its SDKs do not try again after.
    pub(super) fn spent() -> Self {
        Self {
            kind: "insufficient_quota",
            ..Self::request(
                StatusCode::PAYMENT_REQUIRED,
                code::INSUFFICIENT_QUOTA,
                BUDGET_SPENT,
            )
        }
    }

    /// 409: nothing of this call is ours to move.
    pub(super) fn no_connection() -> Self {
        let message = "This call has no connection of ours: it is over, or its media goes to the model's vendor.";
        Self::request(StatusCode::CONFLICT, "no_connection", message)
    }

    /// 403: no direct call of this agent, for this client, with this offer.
    pub(super) fn not_direct(message: &str) -> Self {
        Self::request(StatusCode::FORBIDDEN, "direct_not_allowed", message).about("mode")
    }

    /// 409: there is nobody to go to directly.
    pub(super) fn no_vendor() -> Self {
        let message = "Direct calls need a model of the vendor's, and openai.api_key is not set.";
        Self::request(StatusCode::CONFLICT, "direct_unavailable", message).about("mode")
    }

    /// 502: nothing of what the vendor said is passed on.
    pub(super) fn vendor(message: &str) -> Self {
        Self {
            kind: "server_error",
            ..Self::request(StatusCode::BAD_GATEWAY, "vendor_refused", message)
        }
    }

    /// 413.
    pub(super) fn too_large() -> Self {
        let message = "The offer is larger than 64 KiB.";
        Self::request(StatusCode::PAYLOAD_TOO_LARGE, "request_too_large", message).about("sdp")
    }

    /// 415.
    pub(super) fn wrong_type() -> Self {
        let message =
            "Send application/sdp, or multipart/form-data with the parts sdp and session.";
        Self::request(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_content_type",
            message,
        )
    }

    /// 429.
    pub(super) fn too_many(message: &str) -> Self {
        Self::request(
            StatusCode::TOO_MANY_REQUESTS,
            code::RATE_LIMIT_EXCEEDED,
            message,
        )
    }

    /// 503.
    pub(super) fn unavailable() -> Self {
        Self {
            status: StatusCode::SERVICE_UNAVAILABLE,
            kind: "server_error",
            code: "unavailable",
            message: "The service cannot answer now; try again.".to_owned(),
            param: None,
        }
    }

    fn about(self, param: &str) -> Self {
        Self {
            param: Some(param.to_owned()),
            ..self
        }
    }

    /// Counts it and says so in the log, without anything a client wrote.
    pub(super) fn noted(self) -> Self {
        tracing::info!(reason = self.code, "turned a WebRTC client away");
        metrics::counter!("switchboard_clients_refused_total", "reason" => self.code).increment(1);
        self
    }
}

impl From<CallerRefusal> for Refusal {
    fn from(refusal: CallerRefusal) -> Self {
        let status = match refusal {
            CallerRefusal::Unavailable => return Self::unavailable(),
            CallerRefusal::Missing | CallerRefusal::WrongKey => return Self::wrong_key(),
            CallerRefusal::AgentNotAllowed => StatusCode::FORBIDDEN,
            CallerRefusal::InvalidToken
            | CallerRefusal::ExpiredToken
            | CallerRefusal::UsedToken => StatusCode::UNAUTHORIZED,
        };
        Self::request(status, refusal.code(), refusal.message())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let error = RestError {
            message: self.message,
            kind: self.kind.to_owned(),
            param: self.param,
            code: Some(self.code.to_owned()),
        };
        (self.status, Json(RestErrorBody { error })).into_response()
    }
}
