//! One session of the model server: messages and time go in, frames come out. No sockets.

mod media;
mod speaking;
#[cfg(test)]
mod tests;
mod turns;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use switchboard_wire::openai::{
    CLOSE_GOING_AWAY, ClientEvent, ErrorBody, HandshakeRefusal, IdPrefix, Item,
    MAX_DURATION_REASON, ServerEvent, ServerMessage, Session, SessionState, SessionUpdate,
    UnknownEvent, WireError, code, parse_client_event, scan_append, wire_id,
};

use super::conversation::Conversation;
use super::hearing::Hearing;
use super::log::ReceivedKind;
use super::response::{Active, Step};
use super::script::{Faults, RealtimeScript};
use super::server::Recorder;

/// Life of a session as `session.created` tells it.
const SESSION_SECONDS: u64 = 3_600;
/// What the provider says when nobody gave instructions, in our words.
const DEFAULT_INSTRUCTIONS: &str = "You are a friendly voice assistant. Answer briefly.";

/// What the connection has to do.
#[derive(Debug)]
pub(super) enum Output {
    /// Send a text frame.
    Text(String),
    /// Send a close frame and end.
    Close(u16, String),
    /// End without a close frame.
    Drop,
    /// Read nothing any more.
    StopReading,
}

/// Something that happens by itself.
#[derive(Debug)]
enum Due {
    Created,
    Emit(Box<ServerEvent>),
    Idle,
    Expire,
    Drop,
    StopReading,
    /// The caller has heard this response to its end.
    Played(String),
}

/// Where ids come from: one draw of entropy per session, then counting, so that a session cannot exhaust the system.
#[derive(Debug)]
struct Ids(u128);

impl Ids {
    fn next(&mut self, prefix: IdPrefix) -> String {
        // An odd step and an odd multiplier: all 2^128 states come before one repeats.
        self.0 = self
            .0
            .wrapping_add(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let mixed =
            (self.0 ^ (self.0 >> 61)).wrapping_mul(0xd129_42f0_a5b3_1d6b_8f3e_27c9_4b7d_16e5);
        wire_id(prefix, (mixed ^ (mixed >> 67)).to_be_bytes())
    }
}

#[derive(Debug)]
pub(super) struct Engine {
    script: Arc<RealtimeScript>,
    faults: Faults,
    recorder: Recorder,
    ids: Ids,
    session: Session,
    conversation: Conversation,
    hearing: Hearing,
    active: Vec<Active>,
    timers: Vec<(Instant, Due)>,
    outputs: VecDeque<Output>,
    /// The turn being spoken: its item and where it began.
    speaking: Option<(String, u64)>,
    used_rules: HashSet<usize>,
    responses: usize,
    turns: usize,
    has_spoken: bool,
    cached_tokens: u64,
    /// Sound travels beside the session: it is a call's.
    media: Option<media::Media>,
}

impl Engine {
    pub(super) fn new(
        script: Arc<RealtimeScript>,
        recorder: Recorder,
        model: String,
        entropy: [u8; 16],
        unix_s: u64,
        now: Instant,
    ) -> Self {
        let mut ids = Ids(u128::from_be_bytes(entropy));
        let faults = script.faults_of(recorder.connection());
        let session = Session {
            id: ids.next(IdPrefix::Session),
            model,
            instructions: DEFAULT_INSTRUCTIONS.to_owned(),
            expires_at: unix_s + SESSION_SECONDS,
            ..Session::default()
        };
        let conversation = Conversation {
            id: ids.next(IdPrefix::Conversation),
            entries: Vec::new(),
        };
        let mut hearing = Hearing::new(script.voice_detection);
        hearing.configure(
            session.audio.input.format,
            session.audio.input.turn_detection,
        );
        let expire = faults.expire_after.unwrap_or(script.session_duration);
        let mut timers = vec![(now + expire, Due::Expire)];
        if !faults.is_silent {
            timers.push((now + faults.created_delay, Due::Created));
        }
        timers.extend(faults.drop_after.map(|after| (now + after, Due::Drop)));
        timers.extend(
            faults
                .stop_reading_after
                .map(|after| (now + after, Due::StopReading)),
        );
        Self {
            script,
            faults,
            recorder,
            ids,
            session,
            conversation,
            hearing,
            active: Vec::new(),
            timers,
            outputs: VecDeque::new(),
            speaking: None,
            used_rules: HashSet::new(),
            responses: 0,
            turns: 0,
            has_spoken: false,
            cached_tokens: 0,
            media: None,
        }
    }

    /// The next thing to do on the socket.
    pub(super) fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Self::wake`] wants to be called.
    pub(super) fn next_wake(&self) -> Option<Instant> {
        let timers = self.timers.iter().map(|(at, _)| *at);
        timers
            .chain(self.active.iter().filter_map(Active::due))
            .min()
    }

    /// Does everything that is due.
    pub(super) fn wake(&mut self, now: Instant) {
        while let Some(index) = self.earliest_timer(now) {
            // Not `swap_remove`: events due at the same moment keep the order they were planned in.
            let (_, due) = self.timers.remove(index);
            self.on_due(now, due);
        }
        while let Some((index, step)) = self.due_step(now) {
            self.perform(now, index, step);
        }
    }

    fn earliest_timer(&self, now: Instant) -> Option<usize> {
        let due = self
            .timers
            .iter()
            .enumerate()
            .filter(|(_, (at, _))| *at <= now);
        due.min_by_key(|(_, (at, _))| *at).map(|(index, _)| index)
    }

    fn due_step(&mut self, now: Instant) -> Option<(usize, Step)> {
        self.active
            .iter_mut()
            .enumerate()
            .find_map(|(index, active)| active.next_step(now).map(|step| (index, step)))
    }

    fn on_due(&mut self, now: Instant, due: Due) {
        match due {
            Due::Created => self.greet(),
            Due::Emit(event) => self.emit(*event),
            Due::Idle => self.on_idle(now),
            Due::Expire => self.close(CLOSE_GOING_AWAY, MAX_DURATION_REASON),
            Due::Drop => self.outputs.push_back(Output::Drop),
            Due::StopReading => self.outputs.push_back(Output::StopReading),
            Due::Played(response_id) => self.on_played(response_id),
        }
    }

    /// Turns a client away: one `error`, then the close.
    pub(super) fn refuse(&mut self, refusal: HandshakeRefusal) {
        self.timers.clear();
        self.emit(ServerEvent::Error {
            error: refusal.error(),
        });
        let (close_code, reason) = refusal.close();
        self.close(close_code, &reason);
    }

    pub(super) fn close(&mut self, close_code: u16, reason: &str) {
        self.recorder.sent(&format!("close {close_code}"));
        self.outputs
            .push_back(Output::Close(close_code, reason.to_owned()));
    }

    /// Cuts the socket without a close frame.
    pub(super) fn drop_socket(&mut self) {
        self.outputs.push_back(Output::Drop);
    }

    fn greet(&mut self) {
        self.emit(ServerEvent::SessionCreated {
            session: Box::new(self.session.clone()),
        });
        self.emit_unknown();
        for number in 0..self.faults.error_burst {
            let message =
                format!("The server had an error while processing your request ({number}).");
            let error = ErrorBody {
                kind: "server_error".to_owned(),
                message,
                ..ErrorBody::default()
            };
            self.emit(ServerEvent::Error { error });
        }
        if self.faults.malformed_frames {
            self.outputs
                .push_back(Output::Text("{\"type\":".to_owned()));
            self.outputs.push_back(Output::Text(
                r#"{"type":"response.done","event_id":"event_x"}"#.to_owned(),
            ));
        }
    }

    fn emit_unknown(&mut self) {
        if self.faults.unknown_events {
            let mut fields = serde_json::Map::new();
            fields.insert("novelty".to_owned(), serde_json::json!({"deep": [1, null]}));
            let kind = "session.mood.updated".to_owned();
            self.emit(ServerEvent::Unknown(UnknownEvent { kind, fields }));
        }
    }

    /// Sends an event, twice if the script wants it.
    pub(super) fn emit(&mut self, event: ServerEvent) {
        let text = ServerMessage::new(self.ids.next(IdPrefix::Event), event).to_json();
        // Load runs keep no record and double nothing; they need not look into what they just wrote.
        let is_watched = self.script.keep_log || !self.faults.duplicated_types.is_empty();
        let kind = if is_watched {
            kind_of(&text)
        } else {
            String::new()
        };
        let copies = if self.faults.duplicated_types.contains(&kind) {
            2
        } else {
            1
        };
        for _ in 0..copies {
            self.recorder.sent(&kind);
            self.outputs.push_back(Output::Text(text.clone()));
        }
    }

    /// Takes a client's text frame.
    pub(super) fn handle_text(&mut self, now: Instant, text: &str) {
        if self.faults.is_silent {
            return;
        }
        if let Some(base64) = scan_append(text.as_bytes()) {
            if let Err(error) = self.append(now, base64) {
                self.answer_error(text, error);
            }
            return;
        }
        let message = match parse_client_event(text) {
            Ok(message) => message,
            Err(error) => return self.answer_error(text, error),
        };
        let event_id = message.event_id.clone();
        let outcome = match message.event {
            ClientEvent::InputAudioBufferAppend { ref audio } => self.append(now, audio.as_bytes()),
            ref event => {
                let outcome = self.handle_event(now, event.clone());
                if outcome.is_ok() {
                    self.recorder
                        .received(ReceivedKind::Event(Box::new(message)));
                }
                outcome
            }
        };
        if let Err(error) = outcome {
            self.answer_error(text, error.answering(event_id.as_deref()));
        }
    }

    /// Takes a binary frame, which the protocol does not have.
    pub(super) fn handle_binary(&mut self) {
        let error = WireError::new(code::INVALID_EVENT, "Binary frames are not supported.");
        self.answer_error("", error);
    }

    fn answer_error(&mut self, text: &str, error: WireError) {
        self.emit(error.to_event());
        let text = text.to_owned();
        self.recorder
            .received(ReceivedKind::Refused { text, error });
    }

    fn handle_event(&mut self, now: Instant, event: ClientEvent) -> Result<(), WireError> {
        match event {
            ClientEvent::SessionUpdate { session } => self.update(now, &session),
            ClientEvent::InputAudioBufferAppend { audio } => self.append(now, audio.as_bytes()),
            ClientEvent::InputAudioBufferCommit => self.commit_by_client(now),
            ClientEvent::InputAudioBufferClear => {
                self.hearing.clear();
                self.emit(ServerEvent::InputAudioBufferCleared);
                Ok(())
            }
            ClientEvent::ConversationItemCreate {
                item,
                previous_item_id,
            } => self.create_item(now, item, previous_item_id.as_deref()),
            ClientEvent::ConversationItemRetrieve { item_id } => {
                let item = self.conversation.retrieved(&item_id)?;
                self.emit(ServerEvent::ConversationItemRetrieved { item });
                Ok(())
            }
            ClientEvent::ConversationItemTruncate {
                item_id,
                content_index,
                audio_end_ms,
            } => self.truncate(item_id, content_index, audio_end_ms),
            ClientEvent::ConversationItemDelete { item_id } => {
                self.conversation.delete(&item_id)?;
                self.emit(ServerEvent::ConversationItemDeleted { item_id });
                Ok(())
            }
            ClientEvent::ResponseCreate { response } => {
                self.create_response(now, *response.unwrap_or_default())
            }
            ClientEvent::ResponseCancel { response_id } => {
                self.cancel_by_client(now, response_id.as_deref())
            }
            ClientEvent::OutputAudioBufferClear => self.clear_output(now),
        }
    }

    fn update(&mut self, now: Instant, update: &SessionUpdate) -> Result<(), WireError> {
        if let Some(error) = &self.faults.refuses_updates {
            return Err(error.clone());
        }
        self.refuse_on_call(update)?;
        self.session.apply(
            update,
            SessionState {
                voice_locked: self.has_spoken,
                model_ignored: false,
            },
        )?;
        let input = &self.session.audio.input;
        self.hearing.configure(input.format, input.turn_detection);
        if input.turn_detection.is_none() {
            self.speaking = None;
        }
        let updated = ServerEvent::SessionUpdated {
            session: Box::new(self.session.clone()),
        };
        self.emit_after(now, self.faults.updated_delay, updated);
        Ok(())
    }

    fn emit_after(&mut self, now: Instant, delay: Duration, event: ServerEvent) {
        if delay.is_zero() {
            self.emit(event);
        } else {
            self.timers.push((now + delay, Due::Emit(Box::new(event))));
        }
    }

    fn create_item(
        &mut self,
        now: Instant,
        item: Item,
        previous_item_id: Option<&str>,
    ) -> Result<(), WireError> {
        let fresh_id = self.ids.next(IdPrefix::Item);
        let entry = self.conversation.create(item, previous_item_id, fresh_id)?;
        let previous_item_id = self.conversation.previous_of(&entry.id);
        let audio_ms = (entry.audio.len() / self.hearing.bytes_per_ms()) as u64;
        if audio_ms > 0 {
            let understood = self.next_turn_text();
            let stored = self
                .conversation
                .find(&entry.id)
                .expect("the item was just added");
            stored.audio_ms = audio_ms;
            stored.understood = understood;
            self.transcribe(now, entry.id, audio_ms);
        }
        self.emit(ServerEvent::ConversationItemAdded {
            item: entry.item.clone(),
            previous_item_id: previous_item_id.clone(),
        });
        self.emit(ServerEvent::ConversationItemDone {
            item: entry.item,
            previous_item_id,
        });
        Ok(())
    }

    fn truncate(
        &mut self,
        item_id: String,
        content_index: u32,
        audio_end_ms: u32,
    ) -> Result<(), WireError> {
        self.conversation
            .truncate(&item_id, content_index, audio_end_ms)?;
        let audio_end_ms = u64::from(audio_end_ms);
        self.emit(ServerEvent::ConversationItemTruncated {
            item_id,
            content_index,
            audio_end_ms,
        });
        Ok(())
    }
}

fn kind_of(text: &str) -> String {
    #[derive(serde::Deserialize)]
    struct Head {
        r#type: String,
    }
    serde_json::from_str::<Head>(text)
        .map(|head| head.r#type)
        .unwrap_or_default()
}
