//! Who picked up a call that we placed: a person gets the agent, a machine gets one message after its tone, or nothing.
//!
//! The carrier's verdict comes beside the call: before the stream, seconds after the agent could speak, twice, or never.
//! Until it comes a person is assumed, because a person notices each second of silence and a machine none. Whoever picks
//! up says hello first, so the agent listens for a moment before it greets: two greetings at once are none.
//! A verdict of a machine that comes late stops whatever the agent says, waits for the tone and leaves the message.
//! The first verdict stands, except that a machine whose greeting was heard may be said to record now. A key pressed is a
//! person, whatever the verdict: machines press none.

use crate::call::Call;
use crate::end::EndReason;
use crate::ending::{Afterwards, Goodbye};
use crate::event::EventKind;
use crate::interruption::StopCause;
use crate::limits;
use crate::output::ToLeg;
use crate::phase::Phase;
use crate::time::Moment;
use crate::words::{Language, Words};

/// A tone or a voice is louder than this; the noise of an open line is not.
const SOUND_MIN_DBFS: i8 = -45;

/// Who picked up, by the carrier's detection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnsweredBy {
    Human,
    /// A machine whose greeting goes on.
    MachineGreeting,
    /// A machine that records from here: its tone, or the silence behind its greeting, was heard.
    MachineRecording,
    Fax,
    /// The carrier cannot tell.
    Unknown,
}

impl AnsweredBy {
    pub const ALL: [Self; 5] = [
        Self::Human,
        Self::MachineGreeting,
        Self::MachineRecording,
        Self::Fax,
        Self::Unknown,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Human => "human",
            Self::MachineGreeting => "machine_greeting",
            Self::MachineRecording => "machine_recording",
            Self::Fax => "fax",
            Self::Unknown => "unknown",
        }
    }
}

/// What an agent does with whoever picked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnAnswer {
    Talk,
    /// Wait for tone or silence, say the message once, hang up.
    LeaveMessage,
    HangUp,
}

/// What a call that we placed needs beside what every call needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub machine: OnAnswer,
    pub unknown: OnAnswer,
    pub fax: OnAnswer,
    /// What a machine is told, word for word.
    pub message: Words,
    pub language: Language,
}

impl Outgoing {
    const fn on(&self, answered_by: AnsweredBy) -> OnAnswer {
        match answered_by {
            AnsweredBy::Human => OnAnswer::Talk,
            AnsweredBy::MachineGreeting | AnsweredBy::MachineRecording => self.machine,
            AnsweredBy::Fax => self.fax,
            AnsweredBy::Unknown => self.unknown,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody is in charge yet.
    Connecting,
    /// Whoever picked up may say hello until this moment.
    Listening {
        until: Moment,
        at_most: Moment,
    },
    /// A person, or one assumed.
    Talking,
    /// A machine still speaks.
    AwaitingTone {
        last_sound: Moment,
        until: Moment,
    },
    LeavingMessage {
        is_generated: bool,
    },
}

#[derive(Debug)]
pub(crate) struct Answering {
    plan: Option<Outgoing>,
    verdict: Option<AnsweredBy>,
    state: State,
    is_person: bool,
}

impl Answering {
    pub(crate) fn new(plan: Option<Outgoing>) -> Self {
        Self {
            plan,
            verdict: None,
            state: State::Connecting,
            is_person: false,
        }
    }

    fn on_verdict(&self) -> OnAnswer {
        match (&self.plan, self.verdict) {
            (Some(plan), Some(verdict)) if !self.is_person => plan.on(verdict),
            _ => OnAnswer::Talk,
        }
    }

    /// Nobody is there to talk to: no reply, no nudge and no human for it.
    pub(crate) fn is_machine(&self) -> bool {
        match self.state {
            State::AwaitingTone { .. } | State::LeavingMessage { .. } => true,
            State::Connecting => self.on_verdict() != OnAnswer::Talk,
            State::Listening { .. } | State::Talking => false,
        }
    }

    pub(crate) fn is_listening(&self) -> bool {
        matches!(self.state, State::Listening { .. })
    }

    /// Whether this verdict changes what is known.
    fn is_news(&self, answered_by: AnsweredBy) -> bool {
        match self.verdict {
            None => true,
            Some(AnsweredBy::MachineGreeting) => answered_by == AnsweredBy::MachineRecording,
            Some(_) => false,
        }
    }

    pub(crate) fn on_sound(&mut self, now: Moment, level_dbfs: i8) {
        if let State::AwaitingTone { last_sound, .. } = &mut self.state
            && level_dbfs >= SOUND_MIN_DBFS
        {
            *last_sound = now;
        }
    }

    /// Somebody says hello: the agent lets them.
    pub(crate) fn on_speech_started(&mut self) {
        if let State::Listening { until, at_most } = &mut self.state {
            *until = *at_most;
        }
    }

    /// A hello that becomes no turn is over all the same.
    pub(crate) fn on_speech_stopped(&mut self, now: Moment) {
        if let State::Listening { until, at_most } = &mut self.state {
            *until = (now + limits::HELLO_TURN).min(*at_most);
        }
    }

    /// All of this was generated.
    pub(crate) fn on_generated(&mut self, said: Option<&Words>) {
        let message = self.plan.as_ref().map(|plan| &plan.message);
        if let State::LeavingMessage { is_generated } = &mut self.state
            && said.is_some()
            && said == message
        {
            *is_generated = true;
        }
    }

    /// How the call ends if it ends now with a machine on the line. `is_audible`: something of ours is still unheard.
    pub(crate) fn end_reason(&self, is_audible: bool) -> Option<EndReason> {
        if !self.is_machine() {
            return None;
        }
        if self.state == (State::LeavingMessage { is_generated: true }) && !is_audible {
            return Some(EndReason::MessageLeft);
        }
        Some(match self.verdict {
            Some(AnsweredBy::Fax) => EndReason::FaxAnswered,
            Some(AnsweredBy::Unknown) => EndReason::UnknownAnswered,
            _ => EndReason::MachineAnswered,
        })
    }

    pub(crate) fn wake(&self) -> Option<Moment> {
        match self.state {
            State::Listening { until, .. } => Some(until),
            State::AwaitingTone { last_sound, until } => {
                Some(until.min(last_sound + limits::TONE_QUIET))
            }
            State::Connecting | State::Talking | State::LeavingMessage { .. } => None,
        }
    }
}

impl Call {
    /// Leg and model are ready: an agent that was called greets, one that called listens who is there.
    pub(crate) fn begin_conversation(&mut self, now: Moment) {
        if self.answering.plan.is_none() || self.settings.greeting.is_none() {
            self.answering.state = State::Talking;
            return self.greet(now);
        }
        self.answering.state = State::Listening {
            until: now + limits::HELLO,
            at_most: now + limits::HELLO_MAX,
        };
        if self.answering.verdict.is_some() {
            self.act_on_verdict(now);
        }
    }

    /// The carrier says who picked up. It means nothing for a call that came in.
    pub(crate) fn on_answered_by(&mut self, now: Moment, answered_by: AnsweredBy) {
        if self.answering.plan.is_none() || !self.answering.is_news(answered_by) {
            return;
        }
        self.answering.verdict = Some(answered_by);
        self.event(now, EventKind::PartyDetected { by: answered_by });
        let hangs_up = self.answering.on_verdict() == OnAnswer::HangUp;
        match self.phase {
            Phase::Live | Phase::Ending => self.act_on_verdict(now),
            Phase::Connecting if hangs_up => self.hang_up_on_machine(now),
            Phase::Connecting | Phase::WithStaff | Phase::HandingOff | Phase::Ended => {}
        }
    }

    fn act_on_verdict(&mut self, now: Moment) {
        match self.answering.on_verdict() {
            // Who still says hello is let finish: the end of it brings the greeting.
            OnAnswer::Talk if self.floor.is_caller_speaking() => {}
            OnAnswer::Talk => self.greet_called_party(now),
            OnAnswer::HangUp => {
                self.answering.state = State::LeavingMessage {
                    is_generated: false,
                };
                self.hang_up_on_machine(now);
            }
            OnAnswer::LeaveMessage => {
                self.await_tone(now);
                if self.answering.verdict == Some(AnsweredBy::MachineRecording) {
                    self.leave_message(now);
                }
            }
        }
    }

    fn hang_up_on_machine(&mut self, now: Moment) {
        self.finish_handshake(now, None);
        self.hang_up_now(now);
    }

    /// The greeting is the answer to a hello, and the beginning where nobody said one.
    pub(crate) fn greet_called_party(&mut self, now: Moment) {
        if self.answering.is_listening() {
            self.answering.state = State::Talking;
            self.greet(now);
        }
    }

    /// What the agent says and had in mind was meant for a person.
    fn await_tone(&mut self, now: Moment) {
        if matches!(self.answering.state, State::AwaitingTone { .. }) {
            return;
        }
        self.interrupt(now, StopCause::Explicit);
        self.phase = Phase::Live;
        self.goodbye = None;
        self.answering.state = State::AwaitingTone {
            last_sound: now,
            until: now + limits::TONE_MAX,
        };
        // Nobody hears a disclosure any more, and nobody answers it.
        self.close_consent(now);
        self.silence.stop();
        self.withdraw_question(now);
    }

    fn leave_message(&mut self, now: Moment) {
        let Some(plan) = self.answering.plan.clone() else {
            return;
        };
        self.answering.state = State::LeavingMessage {
            is_generated: false,
        };
        self.phase = Phase::Ending;
        let until = now + limits::MESSAGE;
        let reason = EndReason::AgentEnded;
        let then = Afterwards::HangUp;
        self.goodbye = Some(Goodbye {
            until,
            reason,
            then,
        });
        self.event(now, EventKind::MessageStarted);
        self.say(now, plan.message, plan.language);
    }

    /// A key was pressed: whoever was taken for a machine is a person, and has the floor.
    pub(crate) fn on_key(&mut self, now: Moment) {
        if self.answering.plan.is_none() {
            return;
        }
        let was_machine = self.answering.is_machine();
        self.answering.is_person = true;
        self.greet_called_party(now);
        if was_machine && self.phase != Phase::Connecting {
            self.answering.state = State::Talking;
            self.phase = Phase::Live;
            self.goodbye = None;
            self.silence.restart();
        }
    }

    /// Time alone: nobody said hello, or the machine fell silent.
    pub(crate) fn advance_answering(&mut self, now: Moment) {
        let is_due = self.answering.wake().is_some_and(|at| now >= at);
        match self.answering.state {
            State::Listening { .. } if is_due => self.greet_called_party(now),
            State::AwaitingTone { .. } if is_due => self.leave_message(now),
            _ => {}
        }
    }

    /// Responsibility for a machine goes to nobody: the call ends.
    pub(crate) fn end_with_machine(&mut self, now: Moment) {
        self.ask_leg(ToLeg::HangUp);
        let reason = self.answering.end_reason(true);
        self.end(now, reason.unwrap_or(EndReason::MachineAnswered));
    }
}
