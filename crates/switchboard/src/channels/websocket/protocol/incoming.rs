//! What a client writes: each event in one function that answers it and tells the core.

use std::time::Instant;

use bytes::Bytes;
use switchboard_call::input::FromLeg;
use switchboard_call::output::HistoryTurn;
use switchboard_call::turn::Speaker;
use switchboard_call::{Span, Words};
use switchboard_wire::openai::{
    ClientEvent, ContentPart, ConversationChoice, IdPrefix, Item, ItemStatus, ResponseConfig,
    ResponseReason, Role, ServerEvent, SessionState, SessionUpdate, WireError, code, decoded_len,
    scan_append,
};

use super::conversation::{Place, is_agent_speech};
use super::credentials::{Credential, Effect};
use super::session::{self, not_yours, require_speech};
use super::{ClientProtocol, lenient};
use crate::leg::LegEvent;

/// Least audio in one event of an app's user, decoded. Less is a client that sends sample by sample.
const APPEND_BYTES_MIN: usize = 100;
/// Most audio in one event of an app's user, decoded: two seconds of the largest format.
const APPEND_BYTES_MAX: usize = 100 * 1024;

fn check_append(base64: &[u8]) -> Result<(), WireError> {
    // What cannot be measured is no base64, and whoever decodes it says so.
    let fits = decoded_len(base64)
        .is_none_or(|bytes| (APPEND_BYTES_MIN..=APPEND_BYTES_MAX).contains(&bytes));
    if fits {
        return Ok(());
    }
    let message = "Invalid 'audio': expected 100 to 102400 bytes of audio.";
    Err(WireError::new(code::INVALID_VALUE, message).at("audio"))
}

impl ClientProtocol {
    /// A text message, known to be UTF-8. Nothing a client writes ends the connection.
    pub(in crate::channels) fn on_text(&mut self, now: Instant, text: Bytes) {
        if self.track.is_none()
            && let Some(base64) = scan_append(&text)
        {
            let base64 = text.slice_ref(base64);
            return self
                .append(base64)
                .unwrap_or_else(|error| self.desk.refuse(&error));
        }
        let rates_hz = &self.setup.agent.pcm_rates_hz;
        let read = lenient::read_with_rates(&String::from_utf8_lossy(&text), rates_hz);
        let message = match read {
            Ok(message) => message,
            Err(error) => return self.desk.refuse(&error),
        };
        if let Err(error) = self.on_client_event(now, message.event) {
            self.desk
                .refuse(&error.answering(message.event_id.as_deref()));
        }
    }

    /// A binary message: the protocol has none (section 1.1).
    pub(in crate::channels) fn on_binary(&mut self) {
        let message = "Messages must be text frames that hold JSON.";
        self.desk
            .refuse(&WireError::new(code::INVALID_EVENT, message));
    }

    fn on_client_event(&mut self, now: Instant, event: ClientEvent) -> Result<(), WireError> {
        match event {
            ClientEvent::SessionUpdate { session } => self.update_session(*session),
            ClientEvent::InputAudioBufferAppend { audio } => self.append(Bytes::from(audio)),
            ClientEvent::InputAudioBufferCommit => self.commit(),
            ClientEvent::InputAudioBufferClear => self.clear(),
            ClientEvent::ConversationItemCreate {
                item,
                previous_item_id,
            } => self.create_item(item, previous_item_id.as_deref()),
            ClientEvent::ConversationItemRetrieve { item_id } => self.retrieve(&item_id),
            ClientEvent::ConversationItemTruncate {
                item_id,
                content_index,
                audio_end_ms,
            } => self.truncate(now, item_id, content_index, audio_end_ms),
            ClientEvent::ConversationItemDelete { item_id } => self.delete(now, item_id),
            ClientEvent::ResponseCreate { response } => {
                self.create_response(response.map(|it| *it).unwrap_or_default())
            }
            ClientEvent::ResponseCancel { response_id } => {
                self.cancel_response(now, response_id.as_deref())
            }
            ClientEvent::OutputAudioBufferClear if self.track.is_none() => Err(not_yours("type")),
            ClientEvent::OutputAudioBufferClear => {
                self.tell(FromLeg::ReplyCancelled);
                Ok(())
            }
        }
    }

    fn append(&mut self, base64: Bytes) -> Result<(), WireError> {
        if self.track.is_some() {
            let message = "Audio comes over the media track of this session.";
            return Err(WireError::new(code::INVALID_VALUE, message).at("type"));
        }
        if self.setup.credential == Credential::Token {
            check_append(&base64)?;
        }
        let (payload, length) = self.speech.hear(base64)?;
        self.listening.on_appended(length, &mut self.desk);
        if !length.is_zero() {
            self.events.push_back(LegEvent::Audio(payload));
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), WireError> {
        if self.listening.commit(&mut self.desk)? {
            self.tell(FromLeg::TurnCommitted);
        }
        Ok(())
    }

    fn clear(&mut self) -> Result<(), WireError> {
        self.listening.clear();
        self.desk.say(ServerEvent::InputAudioBufferCleared);
        self.tell(FromLeg::TurnCleared);
        Ok(())
    }

    fn update_session(&mut self, update: SessionUpdate) -> Result<(), WireError> {
        let before = self.desk.session.audio.clone();
        let state = SessionState {
            voice_locked: self.has_spoken,
            model_ignored: true,
        };
        session::apply(&mut self.desk.session, update, self.setup.credential, state)?;
        let audio = &self.desk.session.audio;
        if audio.input.format != before.input.format {
            self.speech.set_input(audio.input.format);
        }
        if audio.output.format != before.output.format {
            self.speech.set_output(audio.output.format);
        }
        let (manners, padding_ms) = session::manners(&self.desk.session);
        self.listening.set_manners(manners, padding_ms);
        let taking = session::turn_taking(&self.desk.session);
        if std::mem::replace(&mut self.taking, taking) != taking {
            self.tell(FromLeg::TurnTaking(taking));
        }
        let session = Box::new(self.desk.session.clone());
        self.desk.say(ServerEvent::SessionUpdated { session });
        Ok(())
    }

    /// A client's item takes its place in the client's order at once. The model is told in the order of arrival: it has
    /// no way to put words in between.
    fn create_item(
        &mut self,
        mut item: Item,
        previous_item_id: Option<&str>,
    ) -> Result<(), WireError> {
        let Item::Message { role, content, .. } = &item else {
            return Err(self.refused_item(&item));
        };
        let role = *role;
        if self.setup.credential.item(role_word(role)) == Effect::Refused {
            return Err(not_yours("item.role"));
        }
        let words = words_of(content)?;
        if item.id().is_none() {
            item.set_id(self.desk.new_id(IdPrefix::Item));
        }
        item.set_status(ItemStatus::Completed);
        let previous = self
            .desk
            .conversation
            .insert(item.clone(), Place::parse(previous_item_id))?;
        let id = item.id().unwrap_or_default().to_owned();
        self.desk.announce_finished(item, previous);
        if !words.is_empty() {
            self.remember(role, id, words);
        }
        Ok(())
    }

    fn remember(&mut self, role: Role, item_id: String, words: Words) {
        let speaker = match role {
            Role::User => {
                self.listening.on_typed(item_id);
                return self.tell(FromLeg::Text(words));
            }
            Role::Assistant => Speaker::Agent,
            Role::System => Speaker::System,
        };
        self.tell(FromLeg::Remember(HistoryTurn { speaker, words }));
    }

    /// Tools run here, so calls and results of a client's own mean nothing; client tools are not offered.
    fn refused_item(&self, item: &Item) -> WireError {
        let what = match item {
            Item::FunctionCall { .. } => "function_call",
            Item::FunctionCallOutput { .. } => "function_call_output",
            _ => "mcp",
        };
        debug_assert_eq!(self.setup.credential.item(what), Effect::Refused);
        not_yours("item.type")
    }

    /// Audio is left out: clients have it. The item is never empty, as openai-agents expects its part.
    fn retrieve(&mut self, item_id: &str) -> Result<(), WireError> {
        let mut item = self.desk.conversation.retrieve(item_id)?.clone();
        if let Item::Message { content, .. } = &mut item
            && content.is_empty()
        {
            content.push(ContentPart::OutputAudio {
                audio: None,
                transcript: Some(String::new()),
            });
        }
        self.desk
            .say(ServerEvent::ConversationItemRetrieved { item });
        Ok(())
    }

    /// The client's player stopped. Positions are clamped and old items are answered, because Pipecat goes deaf on an
    /// error and clients measure by their own clock.
    fn truncate(
        &mut self,
        now: Instant,
        item_id: String,
        content_index: u32,
        audio_end_ms: u32,
    ) -> Result<(), WireError> {
        let item = self.desk.conversation.retrieve(&item_id);
        let item = item.map_err(|error| WireError {
            code: "item_truncate_invalid_item_id",
            ..error
        })?;
        let spoken = self.replies.spoken(&item_id);
        if spoken.is_none() && !is_agent_speech(item) {
            let message = "Only model output audio messages can be truncated.";
            return Err(WireError::new(code::UNSUPPORTED_CONTENT_TYPE, message).at("item_id"));
        }
        let asked = Span::from_millis(u64::from(audio_end_ms));
        let end = spoken.map_or(asked, |spoken| asked.min(spoken.sent));
        self.stop_playing(now, &item_id, end);
        self.desk.conversation.set_transcript(&item_id, None);
        let audio_end_ms = end.millis();
        self.desk.say(ServerEvent::ConversationItemTruncated {
            item_id,
            content_index,
            audio_end_ms,
        });
        Ok(())
    }

    /// Tells the core how much of an item was heard, if that item is what the client plays. An older one could only
    /// cut what came after it.
    fn stop_playing(&mut self, now: Instant, item_id: &str, end: Span) {
        let Some(spoken) = self
            .replies
            .spoken(item_id)
            .filter(|spoken| spoken.is_latest)
        else {
            return;
        };
        let heard = self.replies.heard(item_id, end);
        if spoken.is_active {
            let is_hearing = self.listening.is_hearing();
            let reason = if is_hearing {
                ResponseReason::TurnDetected
            } else {
                ResponseReason::ClientCancelled
            };
            self.replies.cancel_all(now, reason, &mut self.desk);
        } else if end >= spoken.sent {
            return;
        }
        if let Some((item, position)) = heard {
            self.tell(FromLeg::Played { item, position });
        }
    }

    /// LiveKit deletes a reply of which nothing was heard. Words of the caller stay in the model's memory.
    fn delete(&mut self, now: Instant, item_id: String) -> Result<(), WireError> {
        self.desk
            .conversation
            .retrieve(&item_id)
            .map_err(|error| WireError {
                code: "item_delete_invalid_item_id",
                ..error
            })?;
        self.stop_playing(now, &item_id, Span::ZERO);
        self.desk.conversation.delete(&item_id)?;
        self.desk
            .say(ServerEvent::ConversationItemDeleted { item_id });
        Ok(())
    }

    fn create_response(&mut self, config: ResponseConfig) -> Result<(), WireError> {
        if self.replies.is_active() {
            let active = self.replies.active_id().unwrap_or("one that was asked for");
            let message =
                format!("Conversation already has an active response in progress: {active}.");
            return Err(WireError::new(code::ACTIVE_RESPONSE, message));
        }
        let credential = self.setup.credential;
        let is_outside = config.conversation == Some(ConversationChoice::None);
        if is_outside && credential.response_field("conversation") == Effect::Refused {
            return Err(not_yours("response.conversation"));
        }
        if config.input.is_some() && credential.response_field("input") == Effect::Refused {
            return Err(not_yours("response.input"));
        }
        if let Some(modalities) = &config.output_modalities {
            require_speech(modalities, "response.output_modalities")?;
        }
        // Empty ones are sent by clients that have none.
        let instructions = config.instructions.filter(|words| !words.is_empty());
        if instructions.is_some() && credential.response_field("instructions") == Effect::Refused {
            return Err(not_yours("response.instructions"));
        }
        let instructions = instructions.map(Words::new);
        self.replies.ask(config.metadata);
        self.tell(FromLeg::ReplyRequested { instructions });
        Ok(())
    }

    /// The client hears the end at once; the core stops the model.
    fn cancel_response(
        &mut self,
        now: Instant,
        response_id: Option<&str>,
    ) -> Result<(), WireError> {
        let is_other = response_id.is_some_and(|id| self.replies.active_id() != Some(id));
        if !self.replies.is_active() || is_other {
            // LiveKit knows this harmless race by the first two words.
            let message = "Cancellation failed: no active response found.";
            return Err(WireError::new(code::CANCEL_NOT_ACTIVE, message));
        }
        self.replies
            .cancel_all(now, ResponseReason::ClientCancelled, &mut self.desk);
        self.tell(FromLeg::ReplyCancelled);
        Ok(())
    }
}

fn role_word(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

/// The words of a message. Speech counts by its transcript; sound and pictures alone mean nothing to the core.
fn words_of(content: &[ContentPart]) -> Result<Words, WireError> {
    let mut words = String::new();
    for (index, part) in content.iter().enumerate() {
        let text = match part {
            ContentPart::InputText { text } | ContentPart::OutputText { text } => text,
            ContentPart::InputAudio {
                transcript: Some(text),
                ..
            } => text,
            _ => {
                let message = "Only text and transcribed audio can be added to the conversation.";
                return Err(WireError::new(code::INVALID_VALUE, message)
                    .at(format!("item.content[{index}]")));
            }
        };
        if !words.is_empty() {
            words.push('\n');
        }
        words.push_str(text);
    }
    Ok(Words::new(words))
}
