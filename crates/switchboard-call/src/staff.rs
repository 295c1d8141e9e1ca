//! A person of staff talks with the caller in the agent's place, and may give the caller back.
//!
//! The agent falls silent in the same moment and stays so: nothing that waits to be said is said, no tool is begun, and
//! no clock of the conversation runs. Its model goes on hearing the caller, so that what the caller says meanwhile is
//! written down as far as it may be, and is known when the agent goes on. Whoever loses the connection to the caller may
//! come back for a moment; then the agent speaks again, because the caller must not be left in silence.

use crate::automatic::AutomaticParty;
use crate::call::Call;
use crate::event::EventKind;
use crate::ids::AudioId;
use crate::interruption::StopCause;
use crate::limits;
use crate::output::{Command, HeardAudio, HistoryTurn, RecordingStep, ToLeg, ToModel};
use crate::phase::Phase;
use crate::time::{Moment, Span};
use crate::turn::Speaker;

/// What the agent is told of the time in which it was silent.
const NOTE: &str = "A member of staff has just talked with the caller in your place. What the caller said meanwhile is \
                    in this conversation, what the colleague said is not. Do not undo what they may have agreed on; ask.";

/// Why a person of staff has the caller no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GiveBack {
    /// They wished so.
    Asked,
    /// Their connection was lost, and they did not come back.
    Lost,
    /// They had the caller for [`limits::STAFF_MAX`].
    TimeUp,
}

impl GiveBack {
    /// Stable name for lists, webhooks and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Lost => "lost",
            Self::TimeUp => "time_up",
        }
    }
}

/// A piece of a staff member's voice: no samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaffAudio {
    pub audio: AudioId,
    pub length: Span,
}

#[derive(Debug, Default)]
pub(crate) struct Staff {
    /// Since when somebody has the caller.
    since: Option<Moment>,
    /// Since when their connection is lost.
    lost: Option<Moment>,
    /// Until when the caller hears what they have said.
    plays_until: Moment,
    /// How long earlier stretches were.
    before: Span,
}

impl Staff {
    /// Time that was theirs, and so does not count as the agent's.
    pub(crate) fn had(&self) -> Span {
        self.before
    }

    pub(crate) fn wake(&self) -> Option<Moment> {
        let since = self.since?;
        let longest = since + limits::STAFF_MAX;
        let grace = self.lost.map(|lost| lost + limits::STAFF_GRACE);
        Some(grace.map_or(longest, |grace| grace.min(longest)))
    }

    /// They have the caller no more. True when they had.
    fn leave(&mut self, now: Moment) -> bool {
        let Some(since) = self.since.take() else {
            return false;
        };
        self.lost = None;
        self.before = self.before + now.since(since);
        true
    }
}

impl Call {
    /// Somebody of staff wants the caller. Refused, by staying in the phase it is, where no conversation is going on that
    /// a person could go on with, and where nobody may listen.
    pub(crate) fn take_over(&mut self, now: Moment) {
        if self.phase == Phase::WithStaff {
            if self.staff.lost.take().is_some() {
                self.event(now, EventKind::StaffTookOver);
            }
            return;
        }
        let converses = matches!(self.phase, Phase::Live | Phase::Ending);
        if !converses || self.answering.is_machine() || self.secure.is_open() {
            return;
        }
        self.interrupt(now, StopCause::Explicit);
        self.forget_wanted();
        self.goodbye = None;
        self.consent.set_aside();
        self.give_up_floor();
        self.silence.stop();
        self.phase = Phase::WithStaff;
        self.withdraw_question(now);
        self.refuse_held_tools(now);
        self.staff.since = Some(now);
        self.staff.plays_until = now;
        self.event(now, EventKind::StaffTookOver);
    }

    /// A piece of their voice. Who is far ahead of real time is not buffered for: the caller would hear them late from
    /// then on.
    pub(crate) fn on_staff_audio(&mut self, now: Moment, said: StaffAudio) {
        let StaffAudio { audio, length } = said;
        let hears = self.phase == Phase::WithStaff && self.leg_ready && !self.absence.is_open();
        let starts = self.staff.plays_until.max(now);
        if !hears || starts.since(now) > limits::STAFF_AHEAD {
            self.event(now, EventKind::LateAudioDropped { length });
            return self.command(Command::Drop(audio));
        }
        self.staff.plays_until = starts + length;
        self.ask_leg(ToLeg::PlayStaff { audio });
        if self.is_recording {
            self.command(Command::Recording(RecordingStep::Heard {
                what: HeardAudio::Agent(audio),
                starts,
                length,
            }));
        }
        self.command(Command::Drop(audio));
    }

    /// Their connection broke. They may come back within the grace.
    pub(crate) fn on_staff_lost(&mut self, now: Moment) {
        if self.phase == Phase::WithStaff && self.staff.lost.is_none() {
            self.staff.lost = Some(now);
            self.event(now, EventKind::StaffLost);
        }
    }

    /// The agent has the caller again, and says so.
    pub(crate) fn give_back(&mut self, now: Moment, cause: GiveBack) {
        if self.phase != Phase::WithStaff || !self.staff.leave(now) {
            return;
        }
        self.phase = Phase::Live;
        self.event(now, EventKind::StaffGaveBack { cause });
        self.forget_wanted();
        self.give_up_floor();
        self.silence.restart();
        // A person has heard whom they talk to.
        self.automatic = AutomaticParty::default();
        self.revive_model(now);
        self.tell_model_or_hold(ToModel::Remember(HistoryTurn {
            speaker: Speaker::System,
            words: NOTE.into(),
        }));
        self.disclose(now);
        if self.consent.is_open_question() {
            return;
        }
        match self.settings.sentences(self.turns.language()).cloned() {
            Some(sentences) => self.say(now, sentences.given_back, sentences.language),
            None => self.request_reply(now, None),
        }
    }

    /// The caller goes elsewhere, or the call ends: nobody of staff has them any more.
    pub(crate) fn release_staff(&mut self, now: Moment) {
        self.staff.leave(now);
    }

    pub(crate) fn advance_with_staff(&mut self, now: Moment) {
        self.advance_tools(now);
        self.advance_model(now);
        if self.staff.wake().is_some_and(|until| now >= until) {
            let cause = match self.staff.lost {
                Some(_) => GiveBack::Lost,
                None => GiveBack::TimeUp,
            };
            self.give_back(now, cause);
        }
    }
}
