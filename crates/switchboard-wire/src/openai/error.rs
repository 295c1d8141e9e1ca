//! Errors in both directions: what we refuse a client with, and what a server reports to us.

use serde::{Deserialize, Serialize};

use super::server::ServerEvent;

/// Error codes of section 8, as they stand on the wire.
pub mod code {
    /// A word or number outside the allowed set.
    pub const INVALID_VALUE: &str = "invalid_value";
    /// A field that is not in the schema; `param` is its dotted path.
    pub const UNKNOWN_PARAMETER: &str = "unknown_parameter";
    /// A required field is absent.
    pub const MISSING_REQUIRED_PARAMETER: &str = "missing_required_parameter";
    /// A field of another JSON kind.
    pub const INVALID_TYPE: &str = "invalid_type";
    /// A number below its bound.
    pub const INTEGER_BELOW_MIN_VALUE: &str = "integer_below_min_value";
    /// A number above its bound.
    pub const INTEGER_ABOVE_MAX_VALUE: &str = "integer_above_max_value";
    /// The frame is not JSON.
    pub const INVALID_JSON: &str = "invalid_json";
    /// A binary frame, or a JSON value without a `type`.
    pub const INVALID_EVENT: &str = "invalid_event";
    /// A second `response.create` while one writes to the default conversation.
    pub const ACTIVE_RESPONSE: &str = "conversation_already_has_active_response";
    /// `response.cancel` with nothing to cancel.
    pub const CANCEL_NOT_ACTIVE: &str = "response_cancel_not_active";
    /// `input_audio_buffer.commit` with less than 100 ms of audio.
    pub const COMMIT_EMPTY: &str = "input_audio_buffer_commit_empty";
    /// A voice change after the first audio output.
    pub const CANNOT_UPDATE_VOICE: &str = "cannot_update_voice";
    /// Truncation of an item without model audio.
    pub const UNSUPPORTED_CONTENT_TYPE: &str = "unsupported_content_type";
    /// An item id that names nothing.
    pub const ITEM_NOT_FOUND: &str = "item_not_found";
    /// Handshake: the key is wrong.
    pub const INVALID_API_KEY: &str = "invalid_api_key";
    /// Handshake: the model does not exist.
    pub const INVALID_MODEL: &str = "invalid_model";
    /// Handshake: no model was named.
    pub const MISSING_MODEL: &str = "missing_model";
    /// Handshake: the beta header was sent.
    pub const BETA_API_SHAPE_DISABLED: &str = "beta_api_shape_disabled";
    /// The longest session is over.
    pub const SESSION_EXPIRED: &str = "session_expired";
    /// Too many tokens or requests; normally inside a failed response.
    pub const RATE_LIMIT_EXCEEDED: &str = "rate_limit_exceeded";
    /// The account has no credit left.
    pub const INSUFFICIENT_QUOTA: &str = "insufficient_quota";
}

/// Why a client's message is refused. It becomes an `error` event; the session goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct WireError {
    /// One of [`code`].
    pub code: &'static str,
    /// A sentence for the client's developer; holds at most a short excerpt of what was sent.
    pub message: String,
    /// Dotted path of the field, such as `session.audio.input.format.rate`.
    pub param: Option<String>,
    /// `event_id` of the client's message, when it had a usable one.
    pub event_id: Option<String>,
}

impl WireError {
    /// An error about no field in particular.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            param: None,
            event_id: None,
        }
    }

    /// The same error, pointing at a field.
    #[must_use]
    pub fn at(mut self, param: impl Into<String>) -> Self {
        self.param = Some(param.into());
        self
    }

    /// The same error, answering a client event.
    #[must_use]
    pub fn answering(mut self, event_id: Option<&str>) -> Self {
        self.event_id = event_id.map(str::to_owned);
        self
    }

    /// The `error` event that tells the client.
    pub fn to_event(&self) -> ServerEvent {
        ServerEvent::Error {
            error: ErrorBody {
                kind: "invalid_request_error".to_owned(),
                code: Some(self.code.to_owned()),
                message: self.message.clone(),
                param: self.param.clone(),
                event_id: self.event_id.clone(),
            },
        }
    }
}

/// The `error` object of an `error` event (section 8).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ErrorBody {
    /// `invalid_request_error` or `server_error`; open, as the list is not official.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Machine-readable code, one of [`code`] or a newer one.
    #[serde(default)]
    pub code: Option<String>,
    /// Text for a developer; may quote what we sent, so it is not for logs of a live call.
    #[serde(default)]
    pub message: String,
    /// Field the error is about.
    #[serde(default)]
    pub param: Option<String>,
    /// Client event the error answers.
    #[serde(default)]
    pub event_id: Option<String>,
}

impl ErrorBody {
    /// Whether the error is the harmless loser of a race and must never end a call (section 8).
    ///
    /// A truncation error of the "already shorter" kind has no established code, so the caller that
    /// knows which event it answers decides about that one.
    pub fn is_benign(&self) -> bool {
        matches!(
            self.code.as_deref(),
            Some(
                code::CANCEL_NOT_ACTIVE
                    | code::ACTIVE_RESPONSE
                    | code::COMMIT_EMPTY
                    | code::UNSUPPORTED_CONTENT_TYPE
            )
        )
    }
}

/// Why a server's message could not be read. The message is skipped; the session goes on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not a JSON object with a string `type`.
    #[error("not an event: {0}")]
    NotAnEvent(serde_json::Error),
    /// A type we know whose fields are not what the protocol says.
    #[error("malformed {kind}: {source}")]
    Malformed {
        /// The event's `type`.
        kind: String,
        /// Where it went wrong.
        source: serde_json::Error,
    },
}
