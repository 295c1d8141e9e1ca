//! Client events: all eleven, written strictly and read strictly (section 4).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::error::{WireError, code};
use super::item::Item;
use super::response::ResponseConfig;
use super::schema;
use super::session_update::SessionUpdate;

/// A client event with the id its sender chose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientMessage {
    /// Echoed as `error.event_id`; at most [`super::EVENT_ID_CHARS_MAX`] characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// The event.
    #[serde(flatten)]
    pub event: ClientEvent,
}

/// What a client may say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
pub enum ClientEvent {
    /// Changes the session; all or nothing.
    #[serde(rename = "session.update")]
    SessionUpdate {
        /// What changes.
        session: Box<SessionUpdate>,
    },
    /// Audio of the caller. The hot path writes it with [`super::APPEND_PREFIX`] and reads it with
    /// [`super::scan_append`] instead.
    #[serde(rename = "input_audio_buffer.append")]
    InputAudioBufferAppend {
        /// Base64; not checked here, see [`super::decode_audio`].
        audio: String,
    },
    /// Ends the caller's turn.
    #[serde(rename = "input_audio_buffer.commit")]
    InputAudioBufferCommit,
    /// Discards audio not yet committed.
    #[serde(rename = "input_audio_buffer.clear")]
    InputAudioBufferClear,
    /// Adds an item.
    #[serde(rename = "conversation.item.create")]
    ConversationItemCreate {
        /// The item.
        item: Item,
        /// Absent appends, `root` puts it first, an id puts it behind that item.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        previous_item_id: Option<String>,
    },
    /// Asks for an item with its audio.
    #[serde(rename = "conversation.item.retrieve")]
    ConversationItemRetrieve {
        /// Which.
        item_id: String,
    },
    /// Cuts the agent's words to what was heard. The server refuses more audio than it produced.
    #[serde(rename = "conversation.item.truncate")]
    ConversationItemTruncate {
        /// Which.
        item_id: String,
        /// Always 0.
        content_index: u32,
        /// Audio kept.
        audio_end_ms: u32,
    },
    /// Removes an item.
    #[serde(rename = "conversation.item.delete")]
    ConversationItemDelete {
        /// Which.
        item_id: String,
    },
    /// Asks for a response; only one at a time may write to the conversation.
    #[serde(rename = "response.create")]
    ResponseCreate {
        /// Overrides for this response.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        response: Option<Box<ResponseConfig>>,
    },
    /// Stops a response.
    #[serde(rename = "response.cancel")]
    ResponseCancel {
        /// Which; the active one when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        response_id: Option<String>,
    },
    /// WebRTC and SIP only: discards playback.
    #[serde(rename = "output_audio_buffer.clear")]
    OutputAudioBufferClear,
}

impl From<ClientEvent> for ClientMessage {
    fn from(event: ClientEvent) -> Self {
        Self {
            event_id: None,
            event,
        }
    }
}

impl ClientMessage {
    /// The message as one text frame.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("client messages have string keys and finite numbers")
    }

    /// Holds a message we are about to send against the schema a server will hold it against.
    ///
    /// # Errors
    /// The refusal the server would send, such as an item kind that is only read.
    pub fn check(&self) -> Result<(), WireError> {
        let value = serde_json::to_value(self)
            .map_err(|error| WireError::new(code::INVALID_VALUE, error.to_string()))?;
        schema::CLIENT_EVENT.check(&value, "")
    }
}

/// Reads a client's text frame as the provider does.
///
/// # Errors
/// `invalid_json` for text that is not JSON, `invalid_event` for JSON without a `type`, and otherwise
/// the code of the first rule broken with the dotted path of the field. The error carries the client's
/// `event_id` if there was one.
pub fn parse_client_event(text: &str) -> Result<ClientMessage, WireError> {
    let value: Value = serde_json::from_str(text)
        .map_err(|_| WireError::new(code::INVALID_JSON, "Could not parse the message as JSON."))?;
    if value.get("type").is_none() {
        let message = "A message must be a JSON object with a 'type'.";
        return Err(WireError::new(code::INVALID_EVENT, message).answering(event_id_of(&value)));
    }
    schema::CLIENT_EVENT
        .check(&value, "")
        .and_then(|()| refuse_agent_audio(&value))
        .map_err(|error| error.answering(event_id_of(&value)))?;
    let event_id = event_id_of(&value).map(str::to_owned);
    serde_json::from_value(value).map_err(|error| {
        // The schema is at least as strict as the types; this is the way out if it ever is not.
        WireError::new(code::INVALID_VALUE, error.to_string()).answering(event_id.as_deref())
    })
}

/// An id too long to echo counts as none.
fn event_id_of(value: &Value) -> Option<&str> {
    let id = value.get("event_id")?.as_str()?;
    (id.len() <= super::EVENT_ID_CHARS_MAX).then_some(id)
}

/// Clients cannot create agent audio, even with the text that the schema asks for (section 3).
fn refuse_agent_audio(value: &Value) -> Result<(), WireError> {
    let parts = value.pointer("/item/content").and_then(Value::as_array);
    for (index, part) in parts.into_iter().flatten().enumerate() {
        if part.get("type").and_then(Value::as_str) == Some("output_audio") {
            let message = "Clients cannot create assistant audio. Use 'output_text'.";
            return Err(WireError::new(code::INVALID_VALUE, message)
                .at(format!("item.content[{index}].type")));
        }
    }
    Ok(())
}
