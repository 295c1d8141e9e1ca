//! Conversation items and their content parts (section 3).

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Who a message item belongs to, in wire words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Instructions between turns.
    System,
    /// The caller.
    User,
    /// The agent.
    Assistant,
}

/// How far an item is. Absent rather than null when unknown: a null makes strict clients drop the event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemStatus {
    /// Still being written.
    InProgress,
    /// Finished.
    Completed,
    /// Cut short.
    Incomplete,
}

/// An entry of the conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Item {
    /// Something said or written.
    Message {
        /// Chosen by either side, unique in the conversation.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// How far it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<ItemStatus>,
        /// Whose it is.
        role: Role,
        /// Its parts; audio bytes are normally left out by a server.
        #[serde(default)]
        content: Vec<ContentPart>,
    },
    /// The model wants a tool run.
    FunctionCall {
        /// Item id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// How far it is; act only on `completed`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<ItemStatus>,
        /// Names this call in its output.
        #[serde(default)]
        call_id: String,
        /// Tool name.
        name: String,
        /// JSON text of the arguments; foreign, may be no JSON at all.
        #[serde(default)]
        arguments: String,
    },
    /// The answer to a tool call.
    FunctionCallOutput {
        /// Item id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// How far it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<ItemStatus>,
        /// The call it answers.
        call_id: String,
        /// Text of the answer, usually JSON.
        output: String,
    },
    /// Tools a remote MCP server offers.
    McpListTools {
        /// Item id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The server's label in the session.
        server_label: String,
        /// What it offers.
        #[serde(default)]
        tools: Vec<McpTool>,
    },
    /// A tool run on a remote MCP server.
    McpCall {
        /// Item id.
        id: String,
        /// The server's label in the session.
        server_label: String,
        /// Tool name.
        name: String,
        /// JSON text of the arguments.
        #[serde(default)]
        arguments: String,
        /// The answer, once there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        output: Option<String>,
        /// The failure, if it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<Value>,
        /// The approval it ran under.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approval_request_id: Option<String>,
    },
    /// A remote tool waits for consent.
    McpApprovalRequest {
        /// Item id.
        id: String,
        /// The server's label in the session.
        server_label: String,
        /// Tool name.
        name: String,
        /// JSON text of the arguments.
        #[serde(default)]
        arguments: String,
    },
    /// Consent to a remote tool, or its refusal.
    McpApprovalResponse {
        /// Item id.
        id: String,
        /// The request answered.
        approval_request_id: String,
        /// Whether it may run.
        approve: bool,
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// An item of the conversation by its id; only inside `response.create`.
    ItemReference {
        /// The item's id.
        id: String,
    },
    /// A kind this version does not know; read, never written.
    #[serde(other)]
    Unknown,
}

impl Item {
    /// The item's id, when it has one.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Message { id, .. }
            | Self::FunctionCall { id, .. }
            | Self::FunctionCallOutput { id, .. }
            | Self::McpListTools { id, .. } => id.as_deref(),
            Self::McpCall { id, .. }
            | Self::McpApprovalRequest { id, .. }
            | Self::McpApprovalResponse { id, .. }
            | Self::ItemReference { id } => Some(id),
            Self::Unknown => None,
        }
    }

    /// Gives the item an id; a no-op on an unknown kind.
    pub fn set_id(&mut self, new: String) {
        match self {
            Self::Message { id, .. }
            | Self::FunctionCall { id, .. }
            | Self::FunctionCallOutput { id, .. }
            | Self::McpListTools { id, .. } => *id = Some(new),
            Self::McpCall { id, .. }
            | Self::McpApprovalRequest { id, .. }
            | Self::McpApprovalResponse { id, .. }
            | Self::ItemReference { id } => *id = new,
            Self::Unknown => {}
        }
    }

    /// Sets how far the item is, on the kinds that carry a status.
    pub fn set_status(&mut self, new: ItemStatus) {
        match self {
            Self::Message { status, .. }
            | Self::FunctionCall { status, .. }
            | Self::FunctionCallOutput { status, .. } => *status = Some(new),
            _ => {}
        }
    }

    /// How far the item is, when it says so.
    pub fn status(&self) -> Option<ItemStatus> {
        match self {
            Self::Message { status, .. }
            | Self::FunctionCall { status, .. }
            | Self::FunctionCallOutput { status, .. } => *status,
            _ => None,
        }
    }

    /// A caller's or system's text, as a client writes it.
    pub fn input_text(role: Role, text: impl Into<String>) -> Self {
        Self::Message {
            id: None,
            status: None,
            role,
            content: vec![ContentPart::InputText { text: text.into() }],
        }
    }

    /// An earlier agent turn, replayed. Clients cannot create agent audio, so it is always text.
    pub fn replayed_reply(text: impl Into<String>) -> Self {
        Self::Message {
            id: None,
            status: None,
            role: Role::Assistant,
            content: vec![ContentPart::OutputText { text: text.into() }],
        }
    }

    /// The answer to a tool call, as a client writes it.
    pub fn tool_result(call_id: impl Into<String>, output: impl Into<String>) -> Self {
        Self::FunctionCallOutput {
            id: None,
            status: None,
            call_id: call_id.into(),
            output: output.into(),
        }
    }
}

/// A part of a message item. Beta words are read, GA words are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ContentPart {
    /// Text of the caller or the system.
    InputText {
        /// The text.
        #[serde(default)]
        text: String,
    },
    /// Audio of the caller.
    InputAudio {
        /// Base64 audio; servers leave it out except when an item is retrieved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        audio: Option<String>,
        /// What was said, once transcribed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        transcript: Option<String>,
    },
    /// An image of the caller.
    InputImage {
        /// Data URI, PNG or JPEG.
        image_url: String,
        /// `auto`, `low` or `high`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// Text of the agent.
    #[serde(alias = "text")]
    OutputText {
        /// The text.
        #[serde(default)]
        text: String,
    },
    /// Speech of the agent.
    #[serde(alias = "audio")]
    OutputAudio {
        /// Base64 audio; only when an item is retrieved.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        audio: Option<String>,
        /// What is said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        transcript: Option<String>,
    },
    /// A kind this version does not know; read, never written.
    #[serde(other)]
    Unknown,
}

/// The part inside `response.content_part.*`, whose words differ from those of an item (section 0.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ResponsePart {
    /// Speech.
    #[serde(alias = "output_audio")]
    Audio {
        /// What is said; empty in `added`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        transcript: Option<String>,
    },
    /// Text.
    #[serde(alias = "output_text")]
    Text {
        /// The text; empty in `added`.
        #[serde(default)]
        text: String,
    },
    /// A kind this version does not know; read, never written.
    #[serde(other)]
    Unknown,
}

/// A tool of a remote MCP server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct McpTool {
    /// Tool name.
    pub name: String,
    /// JSON Schema of its arguments.
    #[serde(default)]
    pub input_schema: Value,
    /// What it does; strict clients want it present.
    #[serde(default)]
    pub description: Option<String>,
    /// Hints of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Value>,
}
