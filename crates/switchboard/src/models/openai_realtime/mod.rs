//! OpenAI Realtime, GA protocol, as one voice model.
//!
//! The vendor's verdicts are proposals here: the session is configured with `create_response` and
//! `interrupt_response` off, so the vendor never answers or stops by itself (conversation.md). It never decides
//! anything about the conversation; it only translates.

mod calls;
mod direct;
mod names;
mod session;
#[cfg(test)]
mod tests;
mod translate;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use switchboard_call::input::{FromModel, LegClosed, ModelFailure};
use switchboard_call::output::{HistoryTurn, ToModel};
use switchboard_call::turn::Speaker;
use switchboard_wire::openai::{
    APPEND_PREFIX, APPEND_SUFFIX, ClientEvent, ClientMessage, HandshakeRefusal, Item,
    ResponseConfig, Role, ToolChoice, ToolMode,
};
use switchboard_wire::websocket::{Message, close_code};

use crate::config::prices::RunningBill;
use crate::model::{ModelEvent, ModelFormats};
use crate::models::breaker::Attempt;
use crate::socket::{SocketError, WebSocket, dial};
pub use calls::{VendorCall, VendorCalls, VendorRefusal};
use direct::Direct;
use names::Names;
pub use session::OpenAiSetup;

/// Longest piece of a delta that is played at once: a multiple of 480 bytes of G.711 (640 base64 characters, 60 ms).
const PIECE_MS: u64 = 240;
/// Most of a quiet line that is gathered into one message. What follows it is loud or of no hurry either.
const GATHER_MS: u64 = 100;

/// One open session.
#[derive(Debug)]
pub struct OpenAiRealtime {
    socket: WebSocket,
    setup: Arc<OpenAiSetup>,
    state: State,
    history: Vec<HistoryTurn>,
    names: Names,
    ready: VecDeque<ModelEvent>,
    /// The caller's quiet line, in the session's input format, that goes with the next message.
    gathered: Vec<u8>,
    /// Replies asked for in this session, for the ids of their requests.
    asked: u32,
    /// The request for a reply that the vendor has neither begun nor refused.
    open_request: Option<String>,
    /// What hearing the caller has cost and no reply has been billed for.
    unbilled_micros: u64,
    /// What the ledger has of this session.
    running_bill: RunningBill,
    /// Until the session is ready or has failed. None for probes.
    attempt: Option<Attempt>,
    /// The caller's media goes to the vendor, and this socket stands beside it.
    direct: Option<Box<Direct>>,
    /// Sidebands before this one.
    is_second: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Connected; the vendor has not greeted yet.
    Connected,
    /// Our one configuration is on its way. All or nothing.
    Configuring,
    Ready,
    Failed,
}

impl OpenAiRealtime {
    /// Connects the call's `session`th model session. Refusals of key and model come later, as events.
    ///
    /// # Errors
    /// No connection, or no upgrade.
    pub async fn open(
        setup: Arc<OpenAiSetup>,
        history: Vec<HistoryTurn>,
        session: u32,
    ) -> Result<Self, ModelFailure> {
        let authorization = format!("Bearer {}", setup.api_key.expose());
        let headers = [("Authorization", authorization.as_str())];
        let socket = dial(&setup.url, &headers, setup.socket_limits);
        let socket = match tokio::time::timeout(setup.connect_time_max, socket).await {
            Ok(Ok(socket)) => socket,
            Ok(Err(error)) => {
                tracing::warn!(%error, "cannot connect to the voice model");
                return Err(ModelFailure::Disconnected);
            }
            Err(_) => return Err(ModelFailure::Stalled),
        };
        Ok(Self::over(socket, setup, history, session))
    }

    fn over(
        socket: WebSocket,
        setup: Arc<OpenAiSetup>,
        history: Vec<HistoryTurn>,
        session: u32,
    ) -> Self {
        let direct = setup.is_direct.then(Box::default);
        Self {
            socket,
            setup,
            state: State::Connected,
            history,
            names: Names::new(session),
            ready: VecDeque::new(),
            gathered: Vec::new(),
            asked: 0,
            open_request: None,
            unbilled_micros: 0,
            running_bill: RunningBill::default(),
            attempt: None,
            direct,
            is_second: session > 0,
        }
    }

    /// The same, with an attempt that learns what comes of it.
    #[must_use]
    pub fn with_attempt(self, attempt: Attempt) -> Self {
        Self {
            attempt: Some(attempt),
            ..self
        }
    }

    /// The next event. Cancel-safe.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<ModelEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Poll::Ready(event);
            }
            if self.state == State::Failed {
                return Poll::Pending;
            }
            if self.direct.is_some() && self.advance_direct() {
                continue;
            }
            match ready!(self.socket.poll_next(context)) {
                Ok(Message::Text(text)) => self.on_message(text.into_bytes()),
                Ok(Message::Close { code, reason }) => self.on_close(code, reason.as_str()),
                Ok(_) => {}
                Err(error) => self.on_broken(&error),
            }
        }
    }

    fn on_close(&mut self, code: Option<u16>, reason: &str) {
        let code = code.unwrap_or(1005);
        // A sideband lives as long as its call (openai-realtime.md section 1.1).
        if self.direct.is_some() && code == close_code::NORMAL {
            return self.leave(LegClosed::HungUp);
        }
        let failure = match (code, HandshakeRefusal::from_close(code, reason)) {
            (_, Some(_)) => ModelFailure::Refused,
            (1001, None) => ModelFailure::SessionExpired,
            (3000..=4999, None) => ModelFailure::Refused,
            _ => ModelFailure::Disconnected,
        };
        tracing::warn!(code, ?failure, "the voice model closed its session");
        self.fail(failure);
    }

    fn on_broken(&mut self, error: &SocketError) {
        tracing::warn!(%error, "lost the voice model");
        self.fail(match error {
            SocketError::Protocol(_) => ModelFailure::Protocol,
            SocketError::Broken(_) => ModelFailure::Disconnected,
            SocketError::Stuck => ModelFailure::Stalled,
        });
    }

    fn fail(&mut self, failure: ModelFailure) {
        if self.state != State::Failed {
            self.state = State::Failed;
            if let Some(attempt) = self.attempt.take() {
                attempt.failed();
            }
            self.emit(FromModel::Failed(failure));
        }
    }

    fn emit(&mut self, event: FromModel) {
        self.ready.push_back(ModelEvent::Event(event));
    }

    /// What this model is asked to do, in the vendor's words.
    pub fn send(&mut self, command: ToModel) {
        self.send_gathered();
        match command {
            ToModel::Open { .. } | ToModel::Audio(_) | ToModel::QuietAudio(_) => {}
            ToModel::Silence(span) => self.send_silence(span.millis()),
            ToModel::Text(words) => self.send_words(words.expose()),
            ToModel::Remember(turn) => self.remember(&turn),
            ToModel::Digit(digit) => {
                self.send_words(&format!("[The caller pressed {digit} on the keypad.]"))
            }
            ToModel::CommitTurn => self.send_event(ClientEvent::InputAudioBufferCommit),
            ToModel::ClearTurn => self.send_event(ClientEvent::InputAudioBufferClear),
            ToModel::Reply { instructions } => {
                let instructions =
                    instructions.map(|words| self.setup.with_instructions(words.expose()));
                self.create_response(ResponseConfig {
                    instructions,
                    ..ResponseConfig::default()
                });
            }
            ToModel::Say { words, language } => {
                let instructions = Some(self.setup.say_exactly(words.expose(), language.as_str()));
                let tool_choice = Some(ToolChoice::Mode(ToolMode::None));
                self.create_response(ResponseConfig {
                    instructions,
                    tool_choice,
                    ..ResponseConfig::default()
                });
            }
            ToModel::CancelReply => {
                if !self.stop_direct() {
                    self.send_event(ClientEvent::ResponseCancel { response_id: None });
                }
            }
            // The vendor cuts by itself what it plays.
            ToModel::Truncate { .. } if self.direct.is_some() => {}
            ToModel::Truncate { item, heard } => {
                if let Some((item_id, audio_end_ms)) = self.names.truncation(item, heard.millis()) {
                    self.send_event(ClientEvent::ConversationItemTruncate {
                        item_id,
                        content_index: 0,
                        audio_end_ms,
                    });
                }
            }
            ToModel::Delete { item } => {
                if let Some(item_id) = self.names.item_name(item) {
                    self.send_event(ClientEvent::ConversationItemDelete { item_id });
                }
            }
            ToModel::ToolResult { call, output } => {
                if let Some(call_id) = self.names.tool_name(call) {
                    let item = Item::tool_result(call_id, output.expose());
                    self.send_event(ClientEvent::ConversationItemCreate {
                        item,
                        previous_item_id: None,
                    });
                }
            }
            // The socket closes with [`OpenAiRealtime::close`].
            ToModel::Close => {}
        }
    }

    /// One response at a time: the core waits for `response.done`, so a second one here would be our error. It carries
    /// an id, because a refused request has no `response.done`: its error is the reply's end.
    fn create_response(&mut self, response: ResponseConfig) {
        self.asked += 1;
        let event_id = format!("reply_{}", self.asked);
        self.open_request = Some(event_id.clone());
        let is_plain = response == ResponseConfig::default();
        let response = (!is_plain).then(|| Box::new(response));
        self.send_message(&ClientMessage {
            event_id: Some(event_id),
            event: ClientEvent::ResponseCreate { response },
        });
    }

    /// The caller's audio as base64 text in the session's input format.
    pub fn send_audio(&mut self, base64: &[u8]) {
        if self.state != State::Ready || self.direct.is_some() {
            return;
        }
        if self.gathered.is_empty() {
            return self.append(base64);
        }
        // One message for both: a base64 text that ends in padding cannot be joined.
        let quiet = self.gathered.len();
        if STANDARD.decode_vec(base64, &mut self.gathered).is_err() {
            self.gathered.truncate(quiet);
        }
        self.send_gathered();
    }

    /// The caller's quiet line, in the session's input format.
    pub fn gather_audio(&mut self, bytes: &[u8]) {
        if self.state != State::Ready || self.direct.is_some() {
            return;
        }
        self.gathered.extend_from_slice(bytes);
        if self.gathered.len() >= self.setup.formats.input.bytes_of(GATHER_MS) {
            self.send_gathered();
        }
    }

    fn send_gathered(&mut self) {
        if !self.gathered.is_empty() {
            let text = STANDARD.encode(&self.gathered);
            self.gathered.clear();
            self.append(text.as_bytes());
        }
    }

    fn append(&mut self, base64: &[u8]) {
        self.socket
            .send_parts(&[APPEND_PREFIX, base64, APPEND_SUFFIX]);
    }

    fn send_silence(&mut self, ms: u64) {
        let silence = STANDARD.encode(self.setup.formats.input.silence(ms));
        self.send_audio(silence.as_bytes());
    }

    /// Typed words become an item of our own id, so that the core can delete it like a spoken turn.
    fn send_words(&mut self, words: &str) {
        let (item_id, item) = self.names.new_typed_item();
        let mut message = Item::input_text(Role::User, words);
        message.set_id(item_id);
        self.send_event(ClientEvent::ConversationItemCreate {
            item: message,
            previous_item_id: None,
        });
        self.emit(FromModel::TurnCommitted { item, typed: true });
        self.emit(FromModel::CallerWords(
            switchboard_call::input::CallerWords {
                item,
                words: words.into(),
                is_final: true,
                language: None,
                confidence_percent: None,
            },
        ));
    }

    fn replay_history(&mut self) {
        // A call at the vendor remembers what was said in it.
        if self.direct.is_some() {
            self.history.clear();
            if self.is_second {
                self.stop_what_runs();
            }
        }
        for turn in std::mem::take(&mut self.history) {
            self.remember(&turn);
        }
    }

    fn remember(&mut self, turn: &HistoryTurn) {
        let item = match turn.speaker {
            Speaker::Agent => Item::replayed_reply(turn.words.expose()),
            Speaker::Caller => Item::input_text(Role::User, turn.words.expose()),
            Speaker::Human | Speaker::System => Item::input_text(Role::System, turn.words.expose()),
        };
        self.send_event(ClientEvent::ConversationItemCreate {
            item,
            previous_item_id: None,
        });
    }

    fn send_event(&mut self, event: ClientEvent) {
        self.send_message(&ClientMessage::from(event));
    }

    fn send_message(&mut self, message: &ClientMessage) {
        if let (ClientEvent::ConversationItemCreate { .. }, Some(direct)) =
            (&message.event, &mut self.direct)
        {
            direct.expect_item();
        }
        debug_assert!(
            message.check().is_ok(),
            "we send only what the vendor takes: {:?}",
            message.check()
        );
        self.socket.send_text(&message.to_json());
    }

    /// Pushes out what the vendor takes now.
    pub async fn flush(&mut self) {
        if let Err(error) = self.socket.flush().await {
            self.on_broken(&error);
        }
    }

    /// Says goodbye and lets the vendor answer it, at most a second.
    pub async fn close(self) {
        self.socket.close(close_code::NORMAL, "").await;
    }

    /// When the vendor must have read something.
    pub fn deadline(&self) -> Option<Instant> {
        let direct = self.direct.as_ref().and_then(|direct| direct.deadline());
        self.socket.deadline().into_iter().chain(direct).min()
    }

    /// The formats this session was opened with.
    pub fn formats(&self) -> ModelFormats {
        self.setup.formats
    }
}
