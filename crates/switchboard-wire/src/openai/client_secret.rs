//! `POST /v1/realtime/client_secrets`: ephemeral keys for browsers (section 1.5).

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{WireError, code};
use super::schema;
use super::session::Session;
use super::session_update::SessionUpdate;

/// Shortest life of a secret, seconds.
pub const EXPIRES_AFTER_S_MIN: u32 = 10;
/// Longest life of a secret, seconds.
pub const EXPIRES_AFTER_S_MAX: u32 = 7_200;
/// Life of a secret when nothing is asked for, seconds.
pub const EXPIRES_AFTER_S_DEFAULT: u32 = 600;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ClientSecretRequest {
    /// How long sessions may be *started* with it; a running session goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_after: Option<ExpiresAfter>,
    /// Session configuration bound to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Box<SessionUpdate>>,
}

impl ClientSecretRequest {
    /// Life of the secret, seconds.
    pub fn expires_after_s(&self) -> u32 {
        self.expires_after
            .as_ref()
            .and_then(|expires| expires.seconds)
            .unwrap_or(EXPIRES_AFTER_S_DEFAULT)
    }
}

/// When a secret expires.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExpiresAfter {
    /// Always `created_at`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anchor: Option<String>,
    /// Seconds, 10 to 7,200.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u32>,
}

/// The answer. Its text form hides the secret.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientSecret {
    /// `ek_...`.
    pub value: String,
    /// Unix seconds.
    pub expires_at: u64,
    /// The effective session.
    pub session: Box<Session>,
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientSecret")
            .field("value", &"[key]")
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Reads a request body; an empty body asks for the defaults.
///
/// # Errors
/// The first rule broken; answer it with 400 and [`RestErrorBody`].
pub fn parse_client_secret_request(body: &[u8]) -> Result<ClientSecretRequest, WireError> {
    if body.is_empty() {
        return Ok(ClientSecretRequest::default());
    }
    let value: Value = serde_json::from_slice(body)
        .map_err(|_| WireError::new(code::INVALID_JSON, "Could not parse the body as JSON."))?;
    schema::CLIENT_SECRET_REQUEST.check(&value, "")?;
    serde_json::from_value(value)
        .map_err(|error| WireError::new(code::INVALID_VALUE, error.to_string()))
}

/// The JSON body of a REST error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestErrorBody {
    /// What went wrong.
    pub error: RestError,
}

/// A REST error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestError {
    /// Text for a developer.
    #[serde(default)]
    pub message: String,
    /// Kind of error.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Field it is about.
    #[serde(default)]
    pub param: Option<String>,
    /// Code.
    #[serde(default)]
    pub code: Option<String>,
}

impl From<&WireError> for RestErrorBody {
    fn from(error: &WireError) -> Self {
        Self {
            error: RestError {
                message: error.message.clone(),
                kind: "invalid_request_error".to_owned(),
                param: error.param.clone(),
                code: Some(error.code.to_owned()),
            },
        }
    }
}
