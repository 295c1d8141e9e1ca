//! One made-up call, as the rows that a real one would have left.

use chrono::TimeDelta;
use serde_json::json;
use switchboard_call::end::{End, EndReason};
use switchboard_call::event::{CallEvent, EventKind};
use switchboard_call::handoff::HandoffReason;
use switchboard_call::input::{ModelFailure, ReplyOutcome};
use switchboard_call::interruption::StopCause;
use switchboard_call::tool_call::ToolStatus;
use switchboard_call::turn::Speaker as CoreSpeaker;
use switchboard_call::{Moment, Span};
use switchboard_store::{
    CallEnd, CallId, CallProgress, CallStatus, Channel, ConsentAnswer, ConsentId, ContactId,
    Currency, Direction, EndClass, HandshakeWrite, JournalWrite, Micros, NewCall, NewConsent,
    PhoneNumber, Private, Service, ServiceId, Speaker, Timestamp, ToolCallStatus, ToolCallWrite,
    TransferKind, TransferStatus, TransferWrite, TurnWrite, UsageId, UsageWrite, Word,
};

use super::MARK;
use super::chance::Chance;
use super::talk::Topic;
use crate::config::AgentDefinition;
use crate::journal::event_write;

/// What the ledger calls the model of calls that never were.
const PROVIDER: &str = "demo";
/// What a second of a made-up call costs, by component.
struct Component {
    name: &'static str,
    unit: &'static str,
    per_s: u64,
    micros_per_s: u64,
}

/// What all of them cost together.
const COST_MICROS_PER_S: u64 = 1_000;

/// Six cents a minute, split as the cost of a call with a speech-to-speech model is.
const COMPONENTS: [Component; 5] = [
    component("audio_out", "tokens", 14, 550),
    component("audio_in", "tokens", 11, 215),
    component("audio_cached", "tokens", 400, 100),
    component("text_in", "tokens", 45, 110),
    component("transcription", "ms", 550, 25),
];

const fn component(
    name: &'static str,
    unit: &'static str,
    per_s: u64,
    micros_per_s: u64,
) -> Component {
    Component {
        name,
        unit,
        per_s,
        micros_per_s,
    }
}
/// Milliseconds to say a character aloud.
const MS_PER_CHAR: u64 = 60;

/// How a made-up call goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Booked,
    Answered,
    AskedForPerson,
    PressedZero,
    HungUp,
    WentSilent,
    ModelLate,
    ModelFailed,
}

impl Outcome {
    /// Most calls go well, and none of the others is missing.
    pub(super) fn draw(chance: &mut Chance, can_book: bool) -> Self {
        match chance.below(100) {
            0..=43 if can_book => Self::Booked,
            0..=67 => Self::Answered,
            68..=75 => Self::AskedForPerson,
            76..=80 => Self::PressedZero,
            81..=89 => Self::HungUp,
            90..=93 => Self::WentSilent,
            94..=97 => Self::ModelLate,
            _ => Self::ModelFailed,
        }
    }

    const fn end(self) -> EndReason {
        match self {
            Self::Booked | Self::Answered => EndReason::AgentEnded,
            Self::AskedForPerson => EndReason::HandedOff(HandoffReason::Asked),
            Self::PressedZero => EndReason::HandedOff(HandoffReason::Dtmf0),
            Self::HungUp => EndReason::CallerHungUp,
            Self::WentSilent => EndReason::HandedOff(HandoffReason::Silence),
            Self::ModelLate => EndReason::HandedOff(HandoffReason::HandshakeTimeout),
            Self::ModelFailed => EndReason::HandedOff(HandoffReason::ModelFailed),
        }
    }
}

/// A call in the making: a clock that runs, and what is written on the way.
pub(super) struct PastCall {
    call: NewCall,
    greeting: String,
    events: u32,
    turns: u32,
    now_ms: u64,
    writes: Vec<JournalWrite>,
    booked: Option<ServiceId>,
}

impl PastCall {
    pub(super) fn offered(id: CallId, agent: &AgentDefinition, offered_at: Timestamp) -> Self {
        Self {
            call: NewCall {
                id,
                carrier_call_id: Some(format!("{MARK}{id}")),
                agent_name: agent.name.clone(),
                agent_version: Some(1),
                channel: Channel::Phone,
                direction: Direction::Inbound,
                number: None,
                caller_number: None,
                contact_id: None,
                conversation_id: None,
                location: None,
                offered_at,
            },
            greeting: format!(
                "Hello, this is {}, the automatic assistant of {}. How can I help?",
                agent.persona, agent.display_name
            ),
            events: 0,
            turns: 0,
            now_ms: 0,
            writes: Vec::new(),
            booked: None,
        }
    }

    pub(super) fn came(&mut self, by: Channel, contact: ContactId, from: Option<PhoneNumber>) {
        self.call.channel = by;
        self.call.contact_id = Some(contact);
        self.call.caller_number = from;
    }

    pub(super) fn id(&self) -> CallId {
        self.call.id
    }

    pub(super) fn contact(&self) -> Option<ContactId> {
        self.call.contact_id
    }

    pub(super) fn booked(&self) -> Option<ServiceId> {
        self.booked
    }

    pub(super) fn writes(&self) -> &[JournalWrite] {
        &self.writes
    }

    /// The whole call.
    pub(super) fn run(
        &mut self,
        outcome: Outcome,
        topic: &Topic,
        service: Option<&Service>,
        chance: &mut Chance,
    ) {
        self.writes
            .push(JournalWrite::CallOffered(self.call.clone()));
        self.pass(chance.about(700, 900));
        self.event(EventKind::LegReadied);
        self.progress(CallStatus::Answered);
        if outcome == Outcome::ModelLate {
            self.pass(3_000 - self.now_ms.min(2_900));
            self.handshake(Some(HandoffReason::HandshakeTimeout));
            return self.hand_off(outcome, chance);
        }
        self.pass(chance.about(100, 900));
        self.event(EventKind::ModelReadied { choice: 0 });
        self.handshake(None);
        self.greet(chance);
        match outcome {
            Outcome::Booked => self.talk_and_book(topic, service, chance),
            Outcome::Answered | Outcome::ModelLate => {
                self.ask(topic.question, topic.answer, chance);
                self.ask(
                    "No, that was all. Thank you.",
                    "You are welcome. Goodbye.",
                    chance,
                );
            }
            Outcome::AskedForPerson => {
                self.ask(
                    "I would like to speak with a person, please.",
                    "Of course, I put you through.",
                    chance,
                );
            }
            Outcome::PressedZero => self.event(EventKind::DigitPressed),
            Outcome::HungUp => self.ask_and_be_cut(topic, chance),
            Outcome::WentSilent => {
                self.pass(6_000);
                self.event(EventKind::SilenceNudged);
                self.pass(3_000);
            }
            Outcome::ModelFailed => {
                self.ask(topic.question, topic.answer, chance);
                let failure = ModelFailure::Disconnected;
                self.event(EventKind::ModelFailed { choice: 0, failure });
            }
        }
        match outcome.end() {
            EndReason::HandedOff(_) => self.hand_off(outcome, chance),
            _ => self.finish(outcome),
        }
    }

    fn greet(&mut self, chance: &mut Chance) {
        self.event(EventKind::GreetingStarted);
        let text = self.greeting.clone();
        self.say(CoreSpeaker::Agent, &text, Some(chance.about(250, 300)));
        self.event(EventKind::DisclosureHeard);
        self.consent(&text);
        self.event(EventKind::ConsentAnswered {
            answer: switchboard_call::ConsentAnswer::Implied,
        });
    }

    fn ask(&mut self, question: &str, answer: &str, chance: &mut Chance) {
        self.pass(chance.about(400, 1_200));
        self.event(EventKind::CallerSpeechStarted);
        self.say(CoreSpeaker::Caller, question, None);
        self.event(EventKind::CallerTurnCommitted);
        let response = chance.about(420, 700);
        self.pass(response);
        self.event(EventKind::ReplyStarted);
        self.say(CoreSpeaker::Agent, answer, Some(response));
    }

    fn talk_and_book(&mut self, topic: &Topic, service: Option<&Service>, chance: &mut Chance) {
        let name = service.map_or("visit", |service| service.name.as_str());
        self.ask(topic.question, topic.answer, chance);
        self.ask(
            &format!("I would like to book a {}.", name.to_lowercase()),
            "I have times in the coming days. Does the first one suit you?",
            chance,
        );
        self.tool(
            "check_availability",
            json!({ "service": name }),
            json!({ "free": 3 }),
            chance,
        );
        self.ask("Yes, the first one.", "Shall I book it?", chance);
        let tool = "book_appointment".to_owned();
        self.event(EventKind::ConfirmationAsked { name: tool.clone() });
        self.ask("Yes, please.", "It is booked. See you then.", chance);
        self.event(EventKind::ConfirmationAnswered {
            name: tool,
            agreed: true,
        });
        self.tool(
            "book_appointment",
            json!({ "service": name }),
            json!({ "booked": true }),
            chance,
        );
        self.booked = service.map(|service| service.id);
    }

    /// The caller takes the floor in the middle of the answer, and goes.
    fn ask_and_be_cut(&mut self, topic: &Topic, chance: &mut Chance) {
        self.pass(chance.about(400, 800));
        self.say(CoreSpeaker::Caller, topic.question, None);
        let response = chance.about(420, 900);
        self.pass(response);
        let heard = topic
            .answer
            .split_whitespace()
            .take(3)
            .collect::<Vec<_>>()
            .join(" ");
        let length = heard.len() as u64 * MS_PER_CHAR;
        let turn = self.turn(
            CoreSpeaker::Agent,
            topic.answer,
            &heard,
            Some(response),
            length,
        );
        self.event(EventKind::ReplyInterrupted {
            cause: StopCause::Words,
            heard: Span::from_millis(length),
            after: Span::from_millis(chance.about(200, 200)),
        });
        self.turn_ended(turn, CoreSpeaker::Agent, true, Some(response));
        self.say(CoreSpeaker::Caller, "Never mind, I call again later.", None);
    }

    fn hand_off(&mut self, outcome: Outcome, chance: &mut Chance) {
        let EndReason::HandedOff(reason) = outcome.end() else {
            return;
        };
        self.event(EventKind::HandoffStarted { reason });
        let talked = chance.below(10) < 8;
        self.pass(chance.about(900, 600));
        let at = self.at();
        let write = TransferWrite {
            call_id: self.call.id,
            ordinal: 1,
            reason: Word::new(reason.as_str()),
            target: Word::new("front_desk"),
            kind: TransferKind::Number,
            status: if talked {
                TransferStatus::Accepted
            } else {
                TransferStatus::NoAnswer
            },
            legs: 1,
            counts_until: at,
            at,
            is_over: true,
            talked_s: talked.then(|| i64::from(20 + chance.below(200))),
        };
        self.writes.push(JournalWrite::Transfer(write));
        self.finish(outcome);
    }

    fn finish(&mut self, outcome: Outcome) {
        let reason = outcome.end();
        let class = reason.class();
        self.event(EventKind::CallEnded(End { reason, class }));
        for (place, part) in (1..).zip(COMPONENTS) {
            self.usage(place, part, self.now_ms / 1_000);
        }
        self.writes.push(JournalWrite::CallEnded(CallEnd {
            call_id: self.call.id,
            reason: Word::new(reason.as_str()),
            class: class_of(class),
            at: self.at(),
        }));
    }

    /// A line of the ledger. Its id comes from the call's, so that it is the same each time.
    fn usage(&mut self, place: u8, part: Component, seconds: u64) {
        let mut bytes = *self.call.id.uuid().as_bytes();
        bytes[15] ^= place;
        let quantity = seconds * part.per_s;
        let cost = seconds * part.micros_per_s;
        self.writes.push(JournalWrite::Usage(UsageWrite {
            id: UsageId::from_uuid(uuid::Uuid::from_bytes(bytes)),
            call_id: Some(self.call.id),
            component: part.name.to_owned(),
            provider: PROVIDER.to_owned(),
            model: PROVIDER.to_owned(),
            unit: part.unit.to_owned(),
            quantity: i64::try_from(quantity).unwrap_or_default(),
            cost_micros: Micros(i64::try_from(cost).unwrap_or_default()),
            currency: Currency::USD,
            at: self.at(),
            turn: None,
        }));
    }

    fn handshake(&mut self, fell_back: Option<HandoffReason>) {
        let elapsed = Span::from_millis(self.now_ms);
        self.event(EventKind::HandshakeFinished { elapsed, fell_back });
        self.writes.push(JournalWrite::Handshake(HandshakeWrite {
            call_id: self.call.id,
            started_at: self.call.offered_at,
            elapsed_ms: i64::try_from(self.now_ms).unwrap_or_default(),
            fell_back: fell_back.is_some_and(HandoffReason::is_fallback),
            reason: fell_back.map(|reason| Word::new(reason.as_str())),
        }));
    }

    fn consent(&mut self, wording: &str) {
        let mut bytes = *self.call.id.uuid().as_bytes();
        bytes[15] ^= 3;
        self.writes.push(JournalWrite::Consent(NewConsent {
            id: ConsentId::from_uuid(uuid::Uuid::from_bytes(bytes)),
            contact_id: self.call.contact_id,
            call_id: Some(self.call.id),
            purpose: Word::new("transcription"),
            wording: wording.to_owned(),
            language: "en".to_owned(),
            answer: ConsentAnswer::Implied,
            answer_text: None,
            heard_ms: i64::try_from(wording.len() as u64 * MS_PER_CHAR).ok(),
            disclosed_at: self.at(),
            answered_at: Some(self.at()),
            version: None,
            complete: Some(true),
        }));
    }

    fn tool(
        &mut self,
        name: &'static str,
        arguments: serde_json::Value,
        result: serde_json::Value,
        chance: &mut Chance,
    ) {
        let started_at = self.at();
        self.event(EventKind::ToolStarted {
            name: name.to_owned(),
            idempotency_number: self.events,
        });
        let took = chance.about(20, 180);
        self.pass(took);
        self.event(EventKind::ToolFinished {
            name: name.to_owned(),
            status: ToolStatus::Answered,
            took: Span::from_millis(took),
            after_interruption: false,
        });
        self.writes.push(JournalWrite::ToolCall(ToolCallWrite {
            call_id: self.call.id,
            seq: i64::from(self.events),
            tool: Word::new(name),
            server: Word::new("switchboard"),
            vendor_id: None,
            idempotency_key: None,
            status: ToolCallStatus::Succeeded,
            arguments: Private::new(arguments),
            result: Some(Private::new(result)),
            started_at,
            finished_at: Some(self.at()),
            duration_ms: i64::try_from(took).ok(),
        }));
    }

    /// A turn that is heard to its end.
    fn say(&mut self, speaker: CoreSpeaker, text: &str, response: Option<u64>) {
        let length = text.len() as u64 * MS_PER_CHAR;
        let turn = self.turn(speaker, text, text, response, length);
        self.turn_ended(turn, speaker, false, response);
        if speaker == CoreSpeaker::Agent {
            self.event(EventKind::ReplyFinished {
                outcome: ReplyOutcome::Completed,
                cost_micros: length / 1_000 * COST_MICROS_PER_S,
            });
        }
    }

    fn turn(
        &mut self,
        speaker: CoreSpeaker,
        text: &str,
        heard: &str,
        response: Option<u64>,
        length: u64,
    ) -> u32 {
        self.turns += 1;
        let started_at = self.at();
        self.pass(length);
        let words = |text: &str| Some(Private::new(text.to_owned()));
        self.writes.push(JournalWrite::Turn(TurnWrite {
            call_id: self.call.id,
            seq: i64::from(self.turns),
            speaker: match speaker {
                CoreSpeaker::Caller => Speaker::Caller,
                _ => Speaker::Agent,
            },
            generated_text: words(text),
            sent_text: words(heard),
            heard_text: words(heard),
            language: Some("en".to_owned()),
            confidence: (speaker == CoreSpeaker::Caller).then_some(0.94),
            interrupted: text != heard,
            response_ms: response.and_then(|ms| i64::try_from(ms).ok()),
            heard_ms: response.and_then(|ms| i64::try_from(ms + 140).ok()),
            started_at,
            ended_at: Some(self.at()),
        }));
        self.turns
    }

    fn turn_ended(
        &mut self,
        seq: u32,
        speaker: CoreSpeaker,
        interrupted: bool,
        response: Option<u64>,
    ) {
        self.event(EventKind::TurnEnded {
            seq,
            speaker,
            interrupted,
            response: response.map(Span::from_millis),
            heard: response.map(|ms| Span::from_millis(ms + 140)),
        });
    }

    fn progress(&mut self, status: CallStatus) {
        self.writes.push(JournalWrite::CallProgressed(CallProgress {
            call_id: self.call.id,
            status,
            carrier_status: None,
            at: self.at(),
        }));
    }

    fn event(&mut self, kind: EventKind) {
        self.events += 1;
        let event = CallEvent {
            number: self.events,
            at: Moment::from_millis(self.now_ms),
            kind,
        };
        let write = event_write(self.call.id, &event, self.at());
        self.writes.push(JournalWrite::Event(write));
    }

    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
    }

    fn at(&self) -> Timestamp {
        let passed = i64::try_from(self.now_ms).unwrap_or_default();
        self.call.offered_at + TimeDelta::milliseconds(passed)
    }
}

const fn class_of(class: switchboard_call::end::EndClass) -> EndClass {
    match class {
        switchboard_call::end::EndClass::Success => EndClass::Success,
        switchboard_call::end::EndClass::Caller => EndClass::Caller,
        switchboard_call::end::EndClass::Us => EndClass::Us,
        switchboard_call::end::EndClass::Upstream => EndClass::Upstream,
        switchboard_call::end::EndClass::Unknown => EndClass::Unknown,
    }
}
