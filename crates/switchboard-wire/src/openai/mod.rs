//! The OpenAI Realtime protocol (GA shape) as typed messages, in both roles.
//!
//! Our adapter is a client of a provider; our own `/v1/realtime` and the simulated provider are servers.
//! What is written is strict; what is read from a server is tolerant of unknown fields, events and enum
//! words; what is read from a client is checked field by field, as the provider does, and refused with
//! the provider's error codes. No sockets, no clock, no randomness, no money.
//!
//! ```
//! use switchboard_wire::openai::{ClientEvent, ServerEvent, parse_client_event, parse_server_event};
//!
//! let message = parse_client_event(r#"{"type":"response.cancel","event_id":"e1"}"#).expect("valid");
//! assert_eq!(message.event, ClientEvent::ResponseCancel { response_id: None });
//!
//! let refused = parse_client_event(r#"{"type":"session.update","session":{"type":"realtime","voice":"ash"}}"#);
//! assert_eq!(refused.expect_err("beta field").param.as_deref(), Some("session.voice"));
//!
//! let event = parse_server_event(br#"{"type":"a.future.event","event_id":"e2"}"#).expect("tolerated").event;
//! assert!(matches!(event, ServerEvent::Unknown(_)));
//! ```
//!
//! Protocol rules are those of the page `protocols/openai-realtime.md`; section numbers in comments mean it.

mod client;
mod client_secret;
mod connect;
mod error;
mod id;
mod item;
mod response;
mod scan;
mod schema;
mod server;
mod session;
mod session_update;
mod shape;
mod usage;
mod webhook;

pub use client::{ClientEvent, ClientMessage, parse_client_event};
pub use client_secret::{
    ClientSecret, ClientSecretRequest, EXPIRES_AFTER_S_DEFAULT, EXPIRES_AFTER_S_MAX,
    EXPIRES_AFTER_S_MIN, ExpiresAfter, RestError, RestErrorBody, parse_client_secret_request,
};
pub use connect::{
    CLOSE_AUTH, CLOSE_GOING_AWAY, CLOSE_SHAPE, HandshakeRefusal, MAX_DURATION_REASON,
    SUBPROTOCOL_REALTIME, SubprotocolOffer, Target, TargetError, UrlError, close_reason,
    is_recoverable_close, parse_subprotocols, parse_target, realtime_url,
};
pub use error::{ErrorBody, ReadError, WireError, code};
pub use id::{IdPrefix, wire_id};
pub use item::{ContentPart, Item, ItemStatus, McpTool, ResponsePart, Role};
pub use response::{
    ConversationChoice, Response, ResponseAudio, ResponseConfig, ResponseError,
    ResponseOutputAudio, ResponseReason, ResponseStatus, StatusDetails,
};
pub use scan::{
    APPEND_PREFIX, APPEND_SUFFIX, AudioDeltaPrefix, AudioDeltaRef, decode_audio, decoded_len,
    scan_append, scan_audio_delta,
};
pub use server::{
    Conversation, Language, PartDelta, PartDone, PartEvent, PartTextDone, PartTranscriptDone,
    RateLimit, SERVER_EVENT_TYPES, ServerEvent, ServerMessage, TranscriptionError, UnknownEvent,
    parse_server_event,
};
pub use session::{
    Audio, AudioFormat, AutoWord, Eagerness, Effort, InputAudio, MaxOutputTokens, Modality,
    NamedTool, NoiseReduction, NoiseReductionKind, OutputAudio, Reasoning, RetentionRatio,
    SemanticVad, ServerVad, Session, SessionKind, TokenLimits, Tool, ToolChoice, ToolMode, Tracing,
    Transcription, Truncation, TruncationMode, TurnDetection, Voice,
};
pub use session_update::{
    AudioUpdate, Change, InputAudioUpdate, OutputAudioUpdate, SemanticVadUpdate, ServerVadUpdate,
    SessionState, SessionUpdate, TranscriptionUpdate, TurnDetectionUpdate,
};
pub use usage::{
    CachedTokenDetails, InputTokenDetails, OutputTokenDetails, TranscriptionTokenDetails,
    TranscriptionUsage, Usage,
};
pub use webhook::{
    RealtimeCallIncoming, SIGNATURE_TOLERANCE_S, SipHeader, WebhookError, WebhookHeaders,
    WebhookSecret,
};

/// Most bytes of audio one append event may carry, decoded (section 7.2).
pub const APPEND_AUDIO_BYTES_MAX: usize = 15 * 1024 * 1024;

/// Longest `event_id` a client may choose, in characters (section 9.3).
pub const EVENT_ID_CHARS_MAX: usize = 512;
