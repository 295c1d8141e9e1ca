//! How a call ends: a goodbye that is heard, a handoff, a leg that is gone. Exactly one end.

use crate::call::Call;
use crate::end::{End, EndReason};
use crate::event::EventKind;
use crate::handoff::{Handoff, HandoffReason, HandoffStep, HandoffUnderWay, TransferOutcome};
use crate::input::{ClosingLine, LegClosed};
use crate::interruption::StopCause;
use crate::limits;
use crate::output::{Command, ToLeg};
use crate::phase::Phase;
use crate::time::Moment;

/// A goodbye on its way: the leg is hung up when it was heard, or at its limit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goodbye {
    pub(crate) until: Moment,
    pub(crate) reason: EndReason,
    pub(crate) then: Afterwards,
}

/// What comes when a goodbye was heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Afterwards {
    HangUp,
    /// A human takes over, because a budget is spent.
    HandOff,
}

impl Call {
    /// The agent wants to end: what it is saying is heard first; if it says nothing, we say goodbye.
    pub(crate) fn say_goodbye(&mut self, now: Moment) {
        // Whoever heard no hello needs no goodbye, and a machine gets its message.
        if self.answering.is_machine() {
            return;
        }
        let audible = self.playback.is_audible();
        if !audible && let Some(sentences) = self.settings.sentences(self.turns.language()).cloned()
        {
            self.say(now, sentences.goodbye, sentences.language);
        }
        if self.phase == Phase::Live {
            self.phase = Phase::Ending;
            let until = now + self.playback.unheard(now) + limits::GOODBYE;
            let reason = EndReason::AgentEnded;
            let then = Afterwards::HangUp;
            self.goodbye = Some(Goodbye {
                until,
                reason,
                then,
            });
        }
    }

    pub(crate) fn advance_goodbye(&mut self, now: Moment) {
        let Some(goodbye) = self.goodbye.filter(|_| self.phase == Phase::Ending) else {
            return;
        };
        let heard = !self.playback.is_audible() && self.replies.is_free();
        if !heard && now < goodbye.until {
            return;
        }
        match goodbye.then {
            Afterwards::HangUp => self.hang_up_now(now),
            Afterwards::HandOff => self.hand_off(now, Handoff::because(HandoffReason::Budget)),
        }
    }

    pub(crate) fn hang_up_now(&mut self, now: Moment) {
        self.ask_leg(ToLeg::HangUp);
        let with_machine = self.answering.end_reason(self.playback.is_audible());
        let by = self.goodbye.map(|goodbye| goodbye.reason);
        self.end(now, with_machine.or(by).unwrap_or(EndReason::AgentEnded));
    }

    /// Staff ends the call: what is being said stops, and the caller hears this before the leg is hung up. Where nobody
    /// listens, or nothing can be said, it ends at once; a goodbye on its way goes on.
    pub(crate) fn end_saying(&mut self, now: Moment, line: ClosingLine) {
        if self.phase == Phase::Ending {
            return;
        }
        let sentences = self.settings.sentences(self.turns.language()).cloned();
        let can_speak = self.phase == Phase::Live && !self.answering.is_machine();
        let Some(sentences) = sentences.filter(|_| can_speak) else {
            return self.end_by_control(now);
        };
        self.interrupt(now, StopCause::Explicit);
        self.forget_wanted();
        let words = match line {
            ClosingLine::Goodbye => sentences.goodbye,
            ClosingLine::Apology => sentences.apology,
        };
        self.say(now, words, sentences.language);
        self.phase = Phase::Ending;
        self.goodbye = Some(Goodbye {
            until: now + limits::GOODBYE,
            reason: EndReason::EndedByControl,
            then: Afterwards::HangUp,
        });
    }

    /// As if the leg had closed, and the leg is told.
    pub(crate) fn caller_hangs_up(&mut self, now: Moment) {
        self.ask_leg(ToLeg::HangUp);
        self.end_with_leg(now, LegClosed::HungUp);
    }

    pub(crate) fn end_by_control(&mut self, now: Moment) {
        let reason = match self.phase {
            Phase::WithStaff => EndReason::HandedOff(HandoffReason::Staff),
            _ => EndReason::EndedByControl,
        };
        self.ask_leg(ToLeg::HangUp);
        self.end(now, reason);
    }

    /// Responsibility moves to a human. The first reason wins.
    pub(crate) fn hand_off(&mut self, now: Moment, handoff: Handoff) {
        if matches!(self.phase, Phase::HandingOff | Phase::Ended) {
            return;
        }
        let reason = handoff.reason;
        if self.answering.is_machine() {
            self.finish_handshake(now, Some(reason));
            return self.end_with_machine(now);
        }
        self.finish_handshake(now, Some(reason));
        self.release_staff(now);
        self.phase = Phase::HandingOff;
        self.event(now, EventKind::HandoffStarted { reason });
        if self.playback.has_sent() {
            self.ask_leg(ToLeg::Clear);
            self.playback.clear(now);
        }
        self.drop_playback(now);
        self.interruption.reset();
        self.abandon_replies();
        self.command(Command::Transfer(handoff.clone()));
        self.close_model();
        self.handoff = Some(HandoffUnderWay::new(
            now,
            handoff,
            self.settings.limits.transfer_answer,
        ));
    }

    pub(crate) fn on_transfer(&mut self, now: Moment, outcome: TransferOutcome) {
        let Some(under_way) = &mut self.handoff else {
            return;
        };
        let step = under_way.on_outcome(now, outcome);
        let reason = under_way.handoff.reason;
        match outcome {
            TransferOutcome::Accepted => self.event(now, EventKind::TransferAccepted),
            TransferOutcome::Failed => self.event(now, EventKind::TransferFailed),
            TransferOutcome::Unsupported => {
                self.ask_leg(ToLeg::HangUp);
                return self.end(now, EndReason::NobodyToHandOffTo(reason));
            }
            TransferOutcome::Attended | TransferOutcome::Returned | TransferOutcome::Parted => {}
        }
        self.take_handoff_step(now, step);
    }

    pub(crate) fn advance_handoff(&mut self, now: Moment) {
        if let Some(under_way) = &mut self.handoff {
            let step = under_way.advance(now);
            self.take_handoff_step(now, step);
        }
    }

    fn take_handoff_step(&mut self, now: Moment, step: HandoffStep) {
        let Some(reason) = self
            .handoff
            .as_ref()
            .map(|under_way| under_way.handoff.reason)
        else {
            return;
        };
        match step {
            HandoffStep::Nothing => {}
            // Without an open leg the carrier's own document is already on its way to the human.
            HandoffStep::CutLeg | HandoffStep::GiveUp => {
                self.event(now, EventKind::LegCut);
                self.ask_leg(ToLeg::Cut);
                self.end(now, EndReason::HandedOff(reason));
            }
            HandoffStep::Part => self.end(now, EndReason::HandedOff(reason)),
            HandoffStep::TakeBack => self.take_back(now),
        }
    }

    /// The human declined: the same call goes on, with a model session that knows what was said.
    fn take_back(&mut self, now: Moment) {
        self.handoff = None;
        self.phase = Phase::Connecting;
        self.leg_ready = false;
        self.connecting_since = now;
        self.has_returned = true;
        self.event(now, EventKind::CallerReturned);
        self.reopen_model(now);
    }

    /// Whether the caller is with a human who may give them back.
    pub(crate) fn is_away(&self) -> bool {
        let handoff = self.handoff.as_ref();
        handoff.is_some_and(HandoffUnderWay::is_away)
    }

    pub(crate) fn end_with_leg(&mut self, now: Moment, closed: LegClosed) {
        if let Some(under_way) = &mut self.handoff
            && under_way.outlives_leg(now)
        {
            self.leg_ready = false;
            return;
        }
        let handed_off = self
            .handoff
            .as_ref()
            .map(|under_way| under_way.handoff.reason);
        let with_machine = self.answering.end_reason(self.playback.is_audible());
        let reason = match (handed_off, self.phase, closed) {
            (None, _, _) if with_machine.is_some() => {
                with_machine.unwrap_or(EndReason::MachineAnswered)
            }
            (Some(reason), _, _) => EndReason::HandedOff(reason),
            (None, Phase::Ending, _) => self
                .goodbye
                .map_or(EndReason::AgentEnded, |goodbye| goodbye.reason),
            (None, Phase::WithStaff, LegClosed::HungUp) => {
                EndReason::HandedOff(HandoffReason::Staff)
            }
            (None, _, LegClosed::HungUp) => EndReason::CallerHungUp,
            (None, _, LegClosed::Lost) => EndReason::LegLost,
            (None, _, LegClosed::ProtocolError) => EndReason::LegProtocolError,
        };
        self.end(now, reason);
    }

    /// The carrier opened no stream although the model is ready.
    pub(crate) fn advance_handshake(&mut self, now: Moment) {
        if self.phase != Phase::Connecting {
            return;
        }
        if now >= self.connecting_since + self.settings.limits.handshake && !self.model.is_ready() {
            self.hand_off(now, Handoff::because(HandoffReason::HandshakeTimeout));
        } else if now >= self.connecting_since + limits::STREAM_OPEN {
            // Not hung up: the carrier's own document may have the caller at a human by now.
            self.ask_leg(ToLeg::Cut);
            self.end(now, EndReason::StreamNeverOpened);
        }
    }

    /// Nothing more is said: the turn is what was heard of it.
    fn drop_playback(&mut self, now: Moment) {
        self.close_consent(now);
        self.book_agent_turn(now, self.playback.is_audible());
        self.playback.drop_queued();
    }

    pub(crate) fn end(&mut self, now: Moment, reason: EndReason) {
        if self.phase == Phase::Ended {
            return;
        }
        self.playback.clear(now);
        self.drop_playback(now);
        self.release_heard();
        self.abandon_tools(now);
        self.finish_handshake(now, None);
        self.release_staff(now);
        self.phase = Phase::Ended;
        self.close_model();
        let end = End::of(reason);
        self.event(now, EventKind::CallEnded(end));
        self.command(Command::End(end));
    }
}
