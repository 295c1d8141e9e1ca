//! The server's side of the Realtime protocol towards one client, as a plain struct without a socket.
//!
//! Three things go in: what the client writes, what the model says and what the core decides. Two come out: messages to
//! the client and events for the core. It never decides about the conversation; it tells one client what is decided,
//! in the order the provider would.

mod conversation;
mod credentials;
mod desk;
mod farewell;
mod incoming;
mod lenient;
mod listening;
mod outbox;
mod replies;
mod response;
mod session;
mod speech;
#[cfg(test)]
mod tests;
mod track;

use std::collections::VecDeque;
use std::time::Instant;

use serde_json::{Map, Value, json};
use switchboard_call::BudgetKind;
use switchboard_call::end::End;
use switchboard_call::event::{CallEvent, EventKind};
use switchboard_call::input::{FromLeg, FromModel, TurnTaking};
use switchboard_call::interruption::StopCause;
use switchboard_call::output::{Record, ToLeg};
use switchboard_call::turn::{Speaker, TurnRecord};
use switchboard_wire::openai::{ResponseReason, ServerEvent, Session, UnknownEvent};

pub(in crate::channels) use credentials::Credential;
pub(in crate::channels) use farewell::{ClientKind, Farewell};
pub(in crate::channels) use outbox::Outgoing;
pub(in crate::channels) use session::AgentProfile;
pub(super) use session::{check_session, first_session};
pub(in crate::channels) use speech::CALL_FORMAT;

use super::comeback::ResumeOffer;
use crate::leg::LegEvent;
use crate::model::Payload;
use desk::Desk;
use listening::Listening;
use replies::Replies;
use speech::Speech;
use track::Track;

/// How one client is served.
#[derive(Debug, Clone)]
pub(in crate::channels) struct ClientSetup {
    /// The agent it talks to.
    pub(in crate::channels) agent: AgentProfile,
    /// What it may do.
    pub(in crate::channels) credential: Credential,
    /// Which client it is.
    pub(in crate::channels) kind: ClientKind,
    /// It asked for `switchboard.*` events. Off by default: openai-agents takes every unknown event for an error.
    pub(in crate::channels) wants_own_events: bool,
    /// Makes its ids unlike those of other connections.
    pub(in crate::channels) seed: u64,
    /// `sess_…`, the name of the session.
    pub(in crate::channels) session_id: String,
    /// How it comes back when its connection is lost; None for clients that do not know how.
    pub(in crate::channels) resume: Option<ResumeOffer>,
}

/// One client's view of a call.
#[derive(Debug)]
pub(in crate::channels) struct ClientProtocol {
    setup: ClientSetup,
    desk: Desk,
    listening: Listening,
    replies: Replies,
    speech: Speech,
    /// Sound goes beside the events.
    track: Option<Track>,
    taking: TurnTaking,
    is_ready: bool,
    has_spoken: bool,
    events: VecDeque<LegEvent>,
    farewell: Option<Farewell>,
    /// Number and heard milliseconds of the agent's turn as last told.
    last_heard: (u32, u64),
}

impl ClientProtocol {
    /// The first message is `session.created`, at once (section 14).
    pub(in crate::channels) fn new(setup: ClientSetup) -> Self {
        let session = session::first_session(&setup.agent);
        Self::with_session(setup, session)
    }

    fn with_session(setup: ClientSetup, mut session: Session) -> Self {
        session.id.clone_from(&setup.session_id);
        let (manners, padding_ms) = session::manners(&session);
        let taking = session::turn_taking(&session);
        let mut desk = Desk::new(setup.seed, session);
        let session = Box::new(desk.session.clone());
        desk.say(ServerEvent::SessionCreated { session });
        let offer = setup.resume.clone();
        let mut protocol = Self {
            setup,
            desk,
            listening: Listening::new(manners, padding_ms),
            replies: Replies::default(),
            speech: Speech::default(),
            track: None,
            taking,
            is_ready: false,
            has_spoken: false,
            events: VecDeque::new(),
            farewell: None,
            last_heard: (0, 0),
        };
        if let Some(offer) = offer {
            let session_id = protocol.setup.session_id.clone();
            let mut told = told_of(&offer);
            told["session_id"] = json!(session_id);
            protocol.say_own("switchboard.session", told);
        }
        if let Some(text) = protocol.setup.agent.disclosure.take() {
            protocol.say_own("switchboard.disclosure", json!({ "text": text }));
        }
        protocol
    }

    /// The client is back. What it missed follows; `is_complete` says whether that is all of it.
    pub(in crate::channels) fn tell_resumed(&mut self, offer: &ResumeOffer, is_complete: bool) {
        let mut told = told_of(offer);
        told["complete"] = json!(is_complete);
        self.say_own("switchboard.resumed", told);
    }

    /// The model can hear: only now is anything of the client read, so that nothing is lost or told out of order.
    pub(in crate::channels) fn is_ready(&self) -> bool {
        self.is_ready
    }

    pub(in crate::channels) fn take_event(&mut self) -> Option<LegEvent> {
        self.events.pop_front()
    }

    pub(in crate::channels) fn take_outgoing(&mut self) -> Option<Outgoing> {
        self.desk.take_outgoing()
    }

    /// The call is over; what was to be said is said.
    pub(in crate::channels) fn take_farewell(&mut self) -> Option<Farewell> {
        self.farewell.take()
    }

    fn tell(&mut self, event: FromLeg) {
        self.events.push_back(LegEvent::Event(event));
    }

    /// What the model says, before the core decides about it.
    pub(in crate::channels) fn observe_model(&mut self, now: Instant, event: &FromModel) {
        let desk = &mut self.desk;
        match event {
            FromModel::Ready => self.is_ready = true,
            FromModel::SpeechStarted => self.listening.on_speech_started(desk),
            FromModel::SpeechStopped => self.listening.on_speech_stopped(desk),
            FromModel::TurnCommitted { item, typed: true } => {
                self.listening.on_typed_committed(*item, desk)
            }
            FromModel::TurnCommitted { item, typed: false } => {
                self.listening.on_turn_committed(now, *item, desk)
            }
            FromModel::CallerWords(said) => self.listening.on_words(said, desk),
            FromModel::ReplyStarted { reply } => self.replies.on_started(now, *reply),
            FromModel::Audio(audio) => self.replies.on_audio(now, audio),
            FromModel::AgentWords { reply, delta, .. } => {
                self.replies.on_words(now, *reply, delta.expose(), desk)
            }
            FromModel::ToolRequested(request) => self.replies.on_tool_requested(now, request.reply),
            FromModel::ReplyDone(done) => self.replies.on_done(now, done, desk),
            FromModel::Failed(_) => self.replies.on_model_failed(now),
            FromModel::WordsAligned { .. } => {}
        }
        self.settle_track();
    }

    /// What the core decided.
    pub(in crate::channels) fn observe_event(&mut self, now: Instant, event: &CallEvent) {
        let desk = &mut self.desk;
        match &event.kind {
            EventKind::ReplyRequested => {
                self.listening
                    .on_reply_requested(self.replies.is_speaking(), desk);
                self.replies.on_requested(now, desk);
            }
            EventKind::InterruptionProposed => self.listening.on_proposed(),
            EventKind::ReplyInterrupted { cause, .. } => {
                let is_final = *cause == StopCause::Explicit;
                let reason = if is_final {
                    ResponseReason::ClientCancelled
                } else {
                    ResponseReason::TurnDetected
                };
                if !is_final {
                    // Whatever told the core to stop, the client's player has to stop too.
                    self.listening.tell_started(desk);
                }
                self.replies.on_stopped(now, is_final, reason, desk);
            }
            EventKind::ReplyResumed => self.replies.on_resumed(),
            EventKind::TurnEnded {
                speaker: Speaker::Agent,
                interrupted: true,
                ..
            } => self.replies.on_turn_cut(now, desk),
            EventKind::LateAudioDropped { .. } => self.replies.on_dropped(),
            EventKind::StaffTookOver => {
                // Whatever its player still holds of the agent is not to be heard over a person.
                self.listening.tell_started(desk);
                self.say_own("switchboard.staff", json!({ "has_call": true }));
            }
            EventKind::StaffGaveBack { .. } => {
                self.replies.end_staff(desk);
                self.say_own("switchboard.staff", json!({ "has_call": false }));
            }
            EventKind::HandoffStarted { reason } => {
                self.replies.end_staff(desk);
                self.say_own("switchboard.handoff", json!({ "reason": reason.as_str() }));
            }
            EventKind::BudgetWarned {
                budget,
                spent_micros,
            } => self.tell_budget(*budget, *spent_micros, false),
            EventKind::BudgetSpent {
                budget,
                spent_micros,
            } => self.tell_budget(*budget, *spent_micros, true),
            // That something is done, never with what: arguments and results are read by staff.
            EventKind::ToolStarted { name, .. } => {
                self.say_own("switchboard.tool_started", json!({ "tool": name }));
            }
            EventKind::ToolFinished {
                name, status, took, ..
            } => self.say_own(
                "switchboard.tool_finished",
                json!({ "tool": name, "status": status.as_str(), "took_ms": took.millis() }),
            ),
            EventKind::ConfirmationAsked { name } => {
                self.say_own("switchboard.confirmation_asked", json!({ "tool": name }));
            }
            EventKind::ConfirmationAnswered { name, agreed } => self.say_own(
                "switchboard.confirmation_answered",
                json!({ "tool": name, "agreed": agreed }),
            ),
            EventKind::CallEnded(end) => self.on_ended(now, *end),
            _ => {}
        }
        self.settle_track();
    }

    /// A budget is nearly spent, or does not hold another reply.
    fn tell_budget(&mut self, budget: BudgetKind, spent_micros: u64, is_spent: bool) {
        let word = json!({
            "budget": budget.as_str(), "spent_micros": spent_micros, "spent": is_spent,
        });
        self.say_own("switchboard.budget", word);
    }

    fn on_ended(&mut self, now: Instant, end: End) {
        self.replies.end_all(now, &mut self.desk);
        let word = json!({ "reason": end.reason.as_str(), "class": end.class.as_str() });
        self.say_own("switchboard.ended", word);
        let farewell = Farewell::after(end, self.setup.kind);
        if let Some(error) = farewell.error.clone() {
            self.desk.say(ServerEvent::Error { error });
        }
        self.farewell = Some(farewell);
    }

    /// What was finally heard.
    pub(in crate::channels) fn observe_record(&mut self, record: &Record) {
        if let Record::Turn(turn) = record
            && turn.speaker == Speaker::Agent
        {
            self.on_agent_turn(turn);
        }
    }

    fn on_agent_turn(&mut self, turn: &TurnRecord) {
        let Some(item_id) = self.replies.last_item_id().map(str::to_owned) else {
            return;
        };
        // A turn is booked again when it goes on, and often nothing was added.
        let told = (turn.seq, turn.heard_audio.millis());
        if std::mem::replace(&mut self.last_heard, told) == told {
            return;
        }
        let heard = turn.heard.expose();
        if turn.interrupted {
            self.desk.conversation.set_transcript(&item_id, Some(heard));
            self.tell_truncated(&item_id, turn);
        }
        let fields = json!({
            "item_id": item_id,
            "text": heard,
            "audio_ms": turn.heard_audio.millis(),
            "interrupted": turn.interrupted,
        });
        self.say_own("switchboard.heard", fields);
    }

    /// A client with a loudspeaker of its own truncates by itself; over a media track only we know what was heard.
    fn tell_truncated(&mut self, item_id: &str, turn: &TurnRecord) {
        if self.track.is_some() {
            self.desk.say(ServerEvent::ConversationItemTruncated {
                item_id: item_id.to_owned(),
                content_index: 0,
                audio_end_ms: turn.heard_audio.millis(),
            });
        }
    }

    fn say_own(&mut self, kind: &str, fields: Value) {
        if self.setup.wants_own_events {
            let fields: Map<String, Value> = fields.as_object().cloned().unwrap_or_default();
            self.desk.say(ServerEvent::Unknown(UnknownEvent {
                kind: kind.to_owned(),
                fields,
            }));
        }
    }

    /// Audio for the client. What belongs to a response it was told the end of is not sent.
    pub(in crate::channels) fn play(&mut self, now: Instant, command: &ToLeg, payload: &Payload) {
        let desk = &mut self.desk;
        let prefix = match command {
            ToLeg::Play { audio, .. } => self.replies.play(now, *audio, desk),
            ToLeg::PlayPhrase { .. } => {
                let format = self
                    .track
                    .as_ref()
                    .map_or(CALL_FORMAT, |track| track.format);
                self.replies.play_phrase(now, payload.length(format), desk)
            }
            // Over a track a person is simply heard; in events their voice needs a response to be in.
            ToLeg::PlayStaff { .. } if self.track.is_some() => {
                self.has_spoken = true;
                return;
            }
            ToLeg::PlayStaff { .. } => {
                self.replies
                    .play_staff(now, payload.length(CALL_FORMAT), desk)
            }
            _ => None,
        };
        if let Some(track) = &mut self.track {
            self.has_spoken = true;
            track.on_play(self.replies.active_id(), &mut self.desk);
        } else if let Some(prefix) = prefix
            && let Some(base64) = self.speech.say(payload)
        {
            self.has_spoken = true;
            self.desk.outbox().say_audio(prefix, base64);
        }
        self.replies.settle(&mut self.desk);
    }

    /// Any command but audio. An end is told with its reason, by the event that follows it.
    pub(in crate::channels) fn send(&mut self, command: &ToLeg) {
        match command {
            ToLeg::SpeechStarted => self.listening.tell_started(&mut self.desk),
            // Stopping is told by what the model heard: it cannot be wrong, only not yet told.
            ToLeg::SpeechStopped => {}
            // Without a track the client clears its own player when it reads `speech_started` or the end of the response.
            ToLeg::Clear => {
                if let Some(track) = &mut self.track {
                    track.on_clear(&mut self.desk);
                }
            }
            ToLeg::Play { .. }
            | ToLeg::PlayPhrase { .. }
            | ToLeg::PlayStaff { .. }
            | ToLeg::HangUp
            | ToLeg::Cut => {}
        }
    }

    /// Time passed.
    pub(in crate::channels) fn on_time(&mut self, now: Instant) {
        self.listening.on_time(now, &mut self.desk);
        self.replies.on_time(now, &mut self.desk);
    }

    /// When time alone changes something.
    pub(in crate::channels) fn deadline(&self) -> Option<Instant> {
        self.listening
            .deadline()
            .into_iter()
            .chain(self.replies.deadline())
            .min()
    }
}

fn told_of(offer: &ResumeOffer) -> Value {
    json!({
        "call_id": offer.call,
        "resume_token": offer.token.expose(),
        "grace_s": offer.grace_s,
    })
}
