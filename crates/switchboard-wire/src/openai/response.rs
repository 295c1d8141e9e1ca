//! Responses: what a client asks for in `response.create`, and what a server reports (section 5.1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::item::Item;
use super::session::{
    AudioFormat, MaxOutputTokens, Modality, OutputAudio, Reasoning, Tool, ToolChoice, Voice,
};
use super::usage::Usage;

/// The `response` of a `response.create`: overrides for this response alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ResponseConfig {
    /// Instructions instead of the session's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// Audio or text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_modalities: Option<Vec<Modality>>,
    /// Format and voice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<ResponseAudio>,
    /// Tools instead of the session's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<Tool>>,
    /// Which tools are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<ToolChoice>,
    /// Several tool calls at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parallel_tool_calls: Option<bool>,
    /// Reasoning effort.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Reasoning>,
    /// Longest reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_output_tokens: Option<MaxOutputTokens>,
    /// Stored prompt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt: Option<Map<String, Value>>,
    /// At most 16 pairs, keys of 64 and values of 512 characters; echoed on the response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, String>>,
    /// Where the output goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conversation: Option<ConversationChoice>,
    /// Context instead of the conversation; the empty list is an empty context.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<Vec<Item>>,
}

/// Where the output of a response goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConversationChoice {
    /// The default conversation; one response at a time.
    Auto,
    /// Nowhere; may run beside another response.
    None,
}

/// Audio settings of one response.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ResponseAudio {
    /// What the server sends.
    pub output: ResponseOutputAudio,
}

/// Output audio settings of one response.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ResponseOutputAudio {
    /// Encoding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub format: Option<AudioFormat>,
    /// Voice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice: Option<Voice>,
}

impl From<&OutputAudio> for ResponseAudio {
    fn from(audio: &OutputAudio) -> Self {
        Self {
            output: ResponseOutputAudio {
                format: Some(audio.format),
                voice: Some(audio.voice.clone()),
            },
        }
    }
}

/// A response as reported by `response.created` and `response.done`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Response {
    /// `realtime.response`.
    #[serde(default)]
    pub object: String,
    /// `resp_...`.
    pub id: String,
    /// How it stands. A failed response is not an `error` event.
    pub status: ResponseStatus,
    /// Why it ended as it did; null while running and when completed.
    #[serde(default)]
    pub status_details: Option<StatusDetails>,
    /// Items without audio.
    #[serde(default)]
    pub output: Vec<Item>,
    /// Null for a response outside the conversation.
    #[serde(default)]
    pub conversation_id: Option<String>,
    /// Audio or text.
    #[serde(default)]
    pub output_modalities: Vec<Modality>,
    /// Longest reply.
    #[serde(default)]
    pub max_output_tokens: MaxOutputTokens,
    /// Format and voice.
    #[serde(default)]
    pub audio: Option<ResponseAudio>,
    /// Tokens, on `response.done`, of cancelled responses too.
    #[serde(default)]
    pub usage: Option<Usage>,
    /// As given by the client.
    #[serde(default)]
    pub metadata: Option<BTreeMap<String, String>>,
}

/// How a response stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseStatus {
    /// Being generated.
    InProgress,
    /// Finished.
    Completed,
    /// Stopped by the caller's voice or by the client.
    Cancelled,
    /// Not possible.
    Failed,
    /// Cut by a limit or a filter.
    Incomplete,
    /// A word this version does not know; read, never written.
    #[serde(other)]
    Unknown,
}

/// Why a response ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusDetails {
    /// The status again.
    #[serde(rename = "type")]
    pub kind: ResponseStatus,
    /// For cancelled and incomplete ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ResponseReason>,
    /// For failed ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ResponseError>,
}

/// Why a response was cancelled or stayed incomplete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseReason {
    /// The caller spoke.
    TurnDetected,
    /// The client asked.
    ClientCancelled,
    /// The token limit was reached.
    MaxOutputTokens,
    /// The provider's filter.
    ContentFilter,
    /// A word this version does not know; read, never written.
    #[serde(other)]
    Unknown,
}

/// Why a response failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseError {
    /// Kind of error.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// `rate_limit_exceeded`, `insufficient_quota`, `server_error` or a newer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Text for a developer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
