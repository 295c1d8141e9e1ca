//! Server events: all of section 5, written strictly and read tolerantly.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::error::{ErrorBody, ReadError};
use super::item::{Item, ResponsePart};
use super::response::Response;
use super::session::Session;
use super::usage::TranscriptionUsage;

/// A server event with its id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerMessage {
    /// Present on all events but `input_audio_buffer.dtmf_event_received`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// The event.
    #[serde(flatten)]
    pub event: ServerEvent,
}

impl ServerMessage {
    /// An event about to be sent.
    pub fn new(event_id: String, event: ServerEvent) -> Self {
        let event_id = match event {
            ServerEvent::DtmfEventReceived { .. } => None,
            _ => Some(event_id),
        };
        Self { event_id, event }
    }

    /// The message as one text frame.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("server messages have string keys and finite numbers")
    }
}

macro_rules! server_events {
    ($($(#[$doc:meta])* $name:literal => $variant:ident $({ $($(#[$field_attribute:meta])* $field:ident: $kind:ty),+ $(,)? })? $(($inner:ty))?;)+) => {
        /// What a server says.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type")]
        #[expect(missing_docs, reason = "fields carry the names and meanings of the protocol page, section 5")]
        pub enum ServerEvent {
            $($(#[$doc])* #[serde(rename = $name)] $variant $({ $($(#[$field_attribute])* $field: $kind),+ })? $(($inner))?,)+
            /// An event this version does not know; ignored, never fatal.
            #[serde(skip_deserializing, untagged)]
            Unknown(UnknownEvent),
        }

        /// The `type` of every event this version knows.
        pub const SERVER_EVENT_TYPES: &[&str] = &[$($name),+];
    };
}

server_events! {
    /// First event on a socket.
    "session.created" => SessionCreated { session: Box<Session> };
    /// The full session after an update.
    "session.updated" => SessionUpdated { session: Box<Session> };
    /// Documented, not seen at the provider.
    "conversation.created" => ConversationCreated { conversation: Conversation };
    /// An item entered the conversation; `previous_item_id` is null for the first.
    "conversation.item.added" => ConversationItemAdded { item: Item, #[serde(default)] previous_item_id: Option<String> };
    /// An item is finished.
    "conversation.item.done" => ConversationItemDone { item: Item, #[serde(default)] previous_item_id: Option<String> };
    /// The beta word for both of them.
    "conversation.item.created" => ConversationItemCreated { item: Item, #[serde(default)] previous_item_id: Option<String> };
    /// An item with its audio.
    "conversation.item.retrieved" => ConversationItemRetrieved { item: Item };
    /// An item is gone.
    "conversation.item.deleted" => ConversationItemDeleted { item_id: String };
    /// An item was cut; its transcript is dropped.
    "conversation.item.truncated" => ConversationItemTruncated { item_id: String, content_index: u32, audio_end_ms: u64 };
    /// Interim words of the caller.
    "conversation.item.input_audio_transcription.delta" => InputTranscriptionDelta {
        item_id: String,
        #[serde(default)] content_index: u32,
        #[serde(default)] delta: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] logprobs: Option<Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")] obfuscation: Option<String>,
    };
    /// Final words of the caller; turns may finish out of order, so match by `item_id`.
    "conversation.item.input_audio_transcription.completed" => InputTranscriptionCompleted {
        item_id: String,
        #[serde(default)] content_index: u32,
        transcript: String,
        #[serde(default = "no_usage")] usage: TranscriptionUsage,
        #[serde(default, skip_serializing_if = "Option::is_none")] logprobs: Option<Value>,
        #[serde(default, skip_serializing_if = "Option::is_none")] languages: Option<Vec<Language>>,
    };
    /// A piece of a transcript with its speaker.
    "conversation.item.input_audio_transcription.segment" => InputTranscriptionSegment {
        item_id: String,
        #[serde(default)] content_index: u32,
        id: String,
        text: String,
        #[serde(default)] speaker: String,
        start: f64,
        end: f64,
    };
    /// No words for this turn.
    "conversation.item.input_audio_transcription.failed" => InputTranscriptionFailed {
        item_id: String,
        #[serde(default)] content_index: u32,
        error: TranscriptionError,
    };
    /// The caller's turn became an item.
    "input_audio_buffer.committed" => InputAudioBufferCommitted { item_id: String, #[serde(default)] previous_item_id: Option<String> };
    /// Uncommitted audio was discarded.
    "input_audio_buffer.cleared" => InputAudioBufferCleared;
    /// The caller speaks; milliseconds of appended audio, prefix padding included.
    "input_audio_buffer.speech_started" => SpeechStarted { item_id: String, audio_start_ms: u64 };
    /// The caller stopped; silence window included.
    "input_audio_buffer.speech_stopped" => SpeechStopped { item_id: String, audio_end_ms: u64 };
    /// The idle timeout passed.
    "input_audio_buffer.timeout_triggered" => TimeoutTriggered { item_id: String, audio_start_ms: u64, audio_end_ms: u64 };
    /// A keypad digit, SIP only; `received_at` in unix seconds.
    "input_audio_buffer.dtmf_event_received" => DtmfEventReceived { event: String, received_at: u64 };
    /// A response begins.
    "response.created" => ResponseCreated { response: Box<Response> };
    /// A response ended, in whatever way; there is no cancelled event.
    "response.done" => ResponseDone { response: Box<Response> };
    /// An item of the response begins.
    "response.output_item.added" => OutputItemAdded { response_id: String, output_index: u32, item: Item };
    /// An item of the response is finished; the one trigger for a tool call.
    "response.output_item.done" => OutputItemDone { response_id: String, output_index: u32, item: Item };
    /// A content part begins.
    "response.content_part.added" => ContentPartAdded(PartEvent);
    /// A content part is finished.
    "response.content_part.done" => ContentPartDone(PartEvent);
    /// Text of a text response.
    "response.output_text.delta" => OutputTextDelta(PartDelta);
    /// All of it.
    "response.output_text.done" => OutputTextDone(PartTextDone);
    /// Words of the speech.
    "response.output_audio_transcript.delta" => OutputAudioTranscriptDelta(PartDelta);
    /// All of them.
    "response.output_audio_transcript.done" => OutputAudioTranscriptDone(PartTranscriptDone);
    /// Speech, base64. The hot path reads it with [`super::scan_audio_delta`] instead.
    "response.output_audio.delta" => OutputAudioDelta(PartDelta);
    /// All speech was sent.
    "response.output_audio.done" => OutputAudioDone(PartDone);
    /// A piece of a tool call's arguments.
    "response.function_call_arguments.delta" => FunctionCallArgumentsDelta {
        response_id: String,
        item_id: String,
        output_index: u32,
        call_id: String,
        delta: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] obfuscation: Option<String>,
    };
    /// A tool call's arguments; not the trigger, `response.output_item.done` is.
    "response.function_call_arguments.done" => FunctionCallArgumentsDone {
        response_id: String,
        item_id: String,
        output_index: u32,
        call_id: String,
        #[serde(default)] name: String,
        arguments: String,
    };
    /// A piece of a remote tool call's arguments; strict clients want `obfuscation` present.
    "response.mcp_call_arguments.delta" => McpCallArgumentsDelta {
        response_id: String,
        item_id: String,
        output_index: u32,
        delta: String,
        #[serde(default, skip_serializing_if = "Option::is_none")] obfuscation: Option<String>,
    };
    /// A remote tool call's arguments.
    "response.mcp_call_arguments.done" => McpCallArgumentsDone { response_id: String, item_id: String, output_index: u32, arguments: String };
    /// A remote tool runs.
    "response.mcp_call.in_progress" => McpCallInProgress { item_id: String, output_index: u32 };
    /// A remote tool answered.
    "response.mcp_call.completed" => McpCallCompleted { item_id: String, output_index: u32 };
    /// A remote tool failed.
    "response.mcp_call.failed" => McpCallFailed { item_id: String, output_index: u32 };
    /// A remote server is asked for its tools.
    "mcp_list_tools.in_progress" => McpListToolsInProgress { item_id: String };
    /// Its tools are known.
    "mcp_list_tools.completed" => McpListToolsCompleted { item_id: String };
    /// Its tools stay unknown.
    "mcp_list_tools.failed" => McpListToolsFailed { item_id: String };
    /// WebRTC and SIP: playback began.
    "output_audio_buffer.started" => OutputAudioBufferStarted { response_id: String };
    /// WebRTC and SIP: playback drained.
    "output_audio_buffer.stopped" => OutputAudioBufferStopped { response_id: String };
    /// WebRTC and SIP: playback was discarded.
    "output_audio_buffer.cleared" => OutputAudioBufferCleared { response_id: String };
    /// What is left of the limits; after `response.done`.
    "rate_limits.updated" => RateLimitsUpdated { rate_limits: Vec<RateLimit> };
    /// Something was refused; fatal only if a close follows.
    "error" => Error { error: ErrorBody };
}

fn no_usage() -> TranscriptionUsage {
    TranscriptionUsage::Duration { seconds: 0.0 }
}

/// An event of a type this version does not know, kept as it came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnknownEvent {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Everything else.
    #[serde(flatten)]
    pub fields: Map<String, Value>,
}

/// A conversation's identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// `conv_...`.
    pub id: String,
    /// `realtime.conversation`.
    #[serde(default)]
    pub object: String,
}

/// A language heard in a transcription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Language {
    /// Its code.
    pub code: String,
}

/// Why a transcription failed. Absent fields stay absent: a null makes strict clients drop the event.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TranscriptionError {
    /// Kind of error.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Text for a developer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Field it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub param: Option<String>,
}

/// What is left of one limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RateLimit {
    /// `requests` or `tokens`.
    #[serde(default)]
    pub name: String,
    /// All of it.
    #[serde(default)]
    pub limit: i64,
    /// What is left.
    #[serde(default)]
    pub remaining: i64,
    /// Seconds until it is whole again.
    #[serde(default)]
    pub reset_seconds: f64,
}

macro_rules! part_events {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $kind:ty),* $(,)? })+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        pub struct $name {
            /// The response.
            pub response_id: String,
            /// The item.
            pub item_id: String,
            /// Place of the item in the response.
            pub output_index: u32,
            /// Place of the part in the item.
            pub content_index: u32,
            $($(#[$field_doc])* pub $field: $kind,)*
        }
    )+};
}

part_events! {
    /// A content part, at its beginning or end.
    PartEvent {
        /// The part; its words differ from those of an item.
        part: ResponsePart,
    }
    /// A piece of text, transcript or base64 audio.
    PartDelta {
        /// The piece.
        delta: String,
        /// Random padding of the provider, ignored.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        obfuscation: Option<String>,
    }
    /// The whole text.
    PartTextDone {
        /// The text.
        text: String,
    }
    /// The whole transcript.
    PartTranscriptDone {
        /// The transcript.
        transcript: String,
    }
    /// The end of the audio.
    PartDone {}
}

/// Reads a server's text frame. Unknown fields are ignored and unknown types become [`ServerEvent::Unknown`].
///
/// # Errors
/// A frame that is no event at all, or a known event without the fields it needs. Neither ends a session.
pub fn parse_server_event(text: &[u8]) -> Result<ServerMessage, ReadError> {
    #[derive(Deserialize)]
    struct Head<'a> {
        #[serde(rename = "type", borrow)]
        kind: Cow<'a, str>,
        #[serde(default, borrow)]
        event_id: Option<Cow<'a, str>>,
    }
    let head: Head<'_> = serde_json::from_slice(text).map_err(ReadError::NotAnEvent)?;
    if SERVER_EVENT_TYPES.contains(&&*head.kind) {
        return serde_json::from_slice(text).map_err(|source| malformed(&head.kind, source));
    }
    let event_id = head.event_id.map(Cow::into_owned);
    let mut unknown: UnknownEvent =
        serde_json::from_slice(text).map_err(|source| malformed(&head.kind, source))?;
    unknown.fields.remove("event_id");
    Ok(ServerMessage {
        event_id,
        event: ServerEvent::Unknown(unknown),
    })
}

fn malformed(kind: &str, source: serde_json::Error) -> ReadError {
    ReadError::Malformed {
        kind: kind.to_owned(),
        source,
    }
}
