//! Addresses, subprotocols and close codes of the WebSocket (section 1).

use std::borrow::Cow;
use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::error::{WireError, code};

/// Close code of a failed authentication.
pub const CLOSE_AUTH: u16 = 3000;
/// Close code of a wrong model or shape.
pub const CLOSE_SHAPE: u16 = 4000;
/// Close code when the longest session is over.
pub const CLOSE_GOING_AWAY: u16 = 1001;
/// Its reason.
pub const MAX_DURATION_REASON: &str = "Your session hit the maximum duration of 60 minutes.";
/// The subprotocol a server selects when it is offered.
pub const SUBPROTOCOL_REALTIME: &str = "realtime";

const KEY_SUBPROTOCOL_PREFIX: &str = "openai-insecure-api-key.";
const ORGANIZATION_SUBPROTOCOL_PREFIX: &str = "openai-organization.";
const PROJECT_SUBPROTOCOL_PREFIX: &str = "openai-project.";

/// Characters that need no escape in a query value.
const QUERY_VALUE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// What a socket is for: exactly one of the three query parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A conversation with a model; on our own front endpoint the model names an agent.
    Model(String),
    /// A sideband to a WebRTC or SIP call.
    Call(String),
    /// A transcription session.
    Transcription,
}

/// Why a query string names no target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// None of `model`, `call_id` and `intent`.
    #[error("none of model, call_id and intent is given")]
    Missing,
    /// More than one of them.
    #[error("more than one of model, call_id and intent is given")]
    Ambiguous,
    /// An intent other than `transcription`.
    #[error("unknown intent")]
    UnknownIntent,
}

/// Why a base URL cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not `https`, `http`, `wss` or `ws`.
    #[error("the base URL must begin with https://, http://, wss:// or ws://")]
    Scheme,
    /// No host.
    #[error("the base URL has no host")]
    Host,
    /// A query or fragment, or characters no URL has.
    #[error("the base URL must be a plain address without query, fragment or spaces")]
    NotPlain,
}

/// The WebSocket address of a target below a base URL such as `https://api.openai.com/v1`.
///
/// # Errors
/// The base URL is not a plain HTTP or WebSocket address.
pub fn realtime_url(base_url: &str, target: &Target) -> Result<String, UrlError> {
    let (scheme, rest) = base_url.split_once("://").ok_or(UrlError::Scheme)?;
    let scheme = match &*scheme.to_ascii_lowercase() {
        "https" | "wss" => "wss",
        "http" | "ws" => "ws",
        _ => return Err(UrlError::Scheme),
    };
    if rest.contains(['?', '#']) || rest.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(UrlError::NotPlain);
    }
    let rest = rest.trim_end_matches('/');
    if rest.is_empty() || rest.starts_with(['/', ':']) {
        return Err(UrlError::Host);
    }
    let (name, value) = match target {
        Target::Model(model) => ("model", &**model),
        Target::Call(call_id) => ("call_id", &**call_id),
        Target::Transcription => ("intent", "transcription"),
    };
    let value = utf8_percent_encode(value, QUERY_VALUE);
    Ok(format!("{scheme}://{rest}/realtime?{name}={value}"))
}

/// Reads the target from a query string; unknown parameters are ignored.
///
/// # Errors
/// None or several targets, or an unknown intent.
pub fn parse_target(query: &str) -> Result<Target, TargetError> {
    let mut targets = form_urlencoded::parse(query.as_bytes()).filter_map(|(name, value)| {
        let value = Some(value).filter(|value| !value.is_empty())?;
        target_of(&name, value)
    });
    let target = targets.next().ok_or(TargetError::Missing)??;
    match targets.next() {
        None => Ok(target),
        Some(_) => Err(TargetError::Ambiguous),
    }
}

fn target_of(name: &str, value: Cow<'_, str>) -> Option<Result<Target, TargetError>> {
    match name {
        "model" => Some(Ok(Target::Model(value.into_owned()))),
        "call_id" => Some(Ok(Target::Call(value.into_owned()))),
        "intent" if value == "transcription" => Some(Ok(Target::Transcription)),
        "intent" => Some(Err(TargetError::UnknownIntent)),
        _ => None,
    }
}

/// What a client offered in `Sec-WebSocket-Protocol`. Never prints the key (S6).
#[derive(Clone, PartialEq, Eq, Default)]
pub struct SubprotocolOffer {
    /// `realtime` was offered and must be selected; when not offered nothing may be.
    pub realtime: bool,
    /// The key of a browser, which cannot set headers.
    pub api_key: Option<String>,
    /// Organisation of the key.
    pub organization: Option<String>,
    /// Project of the key.
    pub project: Option<String>,
}

impl fmt::Debug for SubprotocolOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubprotocolOffer")
            .field("realtime", &self.realtime)
            .field("api_key", &self.api_key.as_ref().map(|_| "[key]"))
            .finish_non_exhaustive()
    }
}

/// Reads the subprotocol list of a handshake (several headers joined by commas are one list).
pub fn parse_subprotocols(header: &str) -> SubprotocolOffer {
    let mut offer = SubprotocolOffer::default();
    for word in header.split(',').map(str::trim) {
        if word == SUBPROTOCOL_REALTIME {
            offer.realtime = true;
        } else if let Some(key) = word.strip_prefix(KEY_SUBPROTOCOL_PREFIX) {
            keep_first(&mut offer.api_key, key);
        } else if let Some(organization) = word.strip_prefix(ORGANIZATION_SUBPROTOCOL_PREFIX) {
            keep_first(&mut offer.organization, organization);
        } else if let Some(project) = word.strip_prefix(PROJECT_SUBPROTOCOL_PREFIX) {
            keep_first(&mut offer.project, project);
        }
    }
    offer
}

fn keep_first(slot: &mut Option<String>, value: &str) {
    if slot.is_none() && !value.is_empty() {
        *slot = Some(value.to_owned());
    }
}

/// Why a server turns a client away, after the 101 (section 1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandshakeRefusal {
    /// The key is wrong.
    InvalidApiKey,
    /// No key was given.
    MissingApiKey,
    /// The model, on our endpoint the agent, does not exist.
    InvalidModel,
    /// No model was named.
    MissingModel,
    /// The header `OpenAI-Beta: realtime=v1` was sent.
    BetaShape,
}

impl HandshakeRefusal {
    /// The `error` event to send; it does not repeat the key.
    pub fn error(self) -> super::ErrorBody {
        let (code, message) = match self {
            Self::InvalidApiKey => (Some(code::INVALID_API_KEY), "Incorrect API key provided."),
            Self::MissingApiKey => (None, "Missing bearer authentication in header."),
            Self::InvalidModel => (
                Some(code::INVALID_MODEL),
                "The requested model does not exist.",
            ),
            Self::MissingModel => (
                Some(code::MISSING_MODEL),
                "You must provide a model parameter.",
            ),
            Self::BetaShape => (
                Some(code::BETA_API_SHAPE_DISABLED),
                "The Realtime Beta API is no longer supported. Please use the GA API.",
            ),
        };
        super::ErrorBody {
            kind: "invalid_request_error".to_owned(),
            code: code.map(str::to_owned),
            message: message.to_owned(),
            param: None,
            event_id: None,
        }
    }

    /// The close frame that follows in the same moment.
    pub fn close(self) -> (u16, String) {
        let close_code = match self {
            Self::InvalidApiKey | Self::MissingApiKey => CLOSE_AUTH,
            Self::InvalidModel | Self::MissingModel | Self::BetaShape => CLOSE_SHAPE,
        };
        let error = self.error();
        (close_code, close_reason(&error.kind, error.code.as_deref()))
    }

    /// Reads a refusal from a close frame, as a client sees it.
    pub fn from_close(close_code: u16, reason: &str) -> Option<Self> {
        [
            Self::InvalidApiKey,
            Self::MissingApiKey,
            Self::InvalidModel,
            Self::MissingModel,
            Self::BetaShape,
        ]
        .into_iter()
        .find(|refusal| refusal.close() == (close_code, reason.to_owned()))
    }
}

impl From<&WireError> for (u16, String) {
    fn from(error: &WireError) -> Self {
        (
            CLOSE_SHAPE,
            close_reason("invalid_request_error", Some(error.code)),
        )
    }
}

/// The grammar of close reasons: the error's type, then its code if it has one.
pub fn close_reason(kind: &str, code: Option<&str>) -> String {
    match code {
        Some(code) => format!("{kind}.{code}"),
        None => kind.to_owned(),
    }
}

/// Whether a session that closed with this code is worth opening again; the policy both official SDKs share.
pub fn is_recoverable_close(close_code: u16) -> bool {
    matches!(close_code, 1001 | 1005 | 1006 | 1011 | 1012 | 1013)
}
