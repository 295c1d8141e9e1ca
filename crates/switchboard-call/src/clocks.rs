//! What time alone does to a call, looked at after every input, and the one moment to wake at next.

use crate::call::Call;
use crate::dead_air::DeadAirAction;
use crate::event::EventKind;
use crate::handoff::{Handoff, HandoffReason};
use crate::input::ModelFailure;
use crate::limits;
use crate::output::{Command, Phrase, ToLeg};
use crate::phase::Phase;
use crate::silence::SilenceAction;
use crate::time::Moment;

impl Call {
    pub(crate) fn advance(&mut self, now: Moment) {
        if self.phase == Phase::Ended {
            return;
        }
        if self.advance_absence(now) {
            return;
        }
        self.advance_playback(now);
        self.advance_handoff(now);
        match self.phase {
            Phase::Live if self.absence.is_open() => self.advance_held_call(now),
            Phase::Ending if self.absence.is_open() => self.advance_interruption(now),
            Phase::Connecting => self.advance_handshake(now),
            Phase::WithStaff => self.advance_with_staff(now),
            Phase::Live => self.advance_conversation(now),
            Phase::Ending => {
                self.advance_interruption(now);
                self.feed(now);
                self.advance_goodbye(now);
            }
            Phase::HandingOff | Phase::Ended => {}
        }
    }

    fn advance_conversation(&mut self, now: Moment) {
        if self.answering.is_machine() {
            return self.advance_machine(now);
        }
        self.advance_interruption(now);
        self.advance_awaited(now);
        self.advance_owed_answer(now);
        self.advance_media_gap(now);
        self.advance_held_tools(now);
        self.advance_tools(now);
        self.advance_confirmation(now);
        self.advance_secure_entry(now);
        self.feed(now);
        self.advance_model(now);
        self.advance_length(now);
        self.advance_automatic(now);
        self.advance_stall(now);
        self.advance_dead_air(now);
        self.advance_silence(now);
        self.advance_answering(now);
    }

    /// Nobody listens: what does not need a listener goes on.
    fn advance_held_call(&mut self, now: Moment) {
        self.advance_interruption(now);
        self.advance_awaited(now);
        self.advance_owed_answer(now);
        self.advance_media_gap(now);
        self.advance_held_tools(now);
        self.advance_tools(now);
        self.advance_secure_entry(now);
        self.advance_model(now);
        self.advance_length(now);
        self.advance_stall(now);
    }

    /// A machine is not talked to: only what was begun for a person comes to its end.
    fn advance_machine(&mut self, now: Moment) {
        self.advance_tools(now);
        self.advance_model(now);
        self.advance_length(now);
        if self.phase == Phase::Live {
            self.advance_answering(now);
        }
    }

    fn advance_playback(&mut self, now: Moment) {
        self.playback.advance(now);
        self.advance_consent(now);
        self.release_heard();
        if self.playback.take_ended() {
            self.on_playback_ended(now);
        }
    }

    pub(crate) fn release_heard(&mut self) {
        self.report_heard();
        if self.playback.has_released() {
            for audio in self.playback.take_released() {
                self.command(Command::Drop(audio));
            }
        }
    }

    /// Tells the recording what of ours was heard, before its samples are let go.
    fn report_heard(&mut self) {
        for heard in self.playback.take_played() {
            self.command(Command::Recording(heard));
        }
    }

    fn advance_length(&mut self, now: Moment) {
        let limits = &self.settings.limits;
        if limits.length_max.is_zero() {
            return;
        }
        let end = self.length_end();
        if now >= end {
            return self.hand_off(now, Handoff::because(HandoffReason::Length));
        }
        // Nobody is talked over: the warning waits for the caller's breath.
        if self.answering.is_machine() {
            return;
        }
        let due = now >= end - limits.length_warning && !self.floor.is_caller_speaking();
        if due && !std::mem::replace(&mut self.length_warned, true) {
            self.event(now, EventKind::LengthWarned);
            if let Some(sentences) = self.settings.sentences(self.turns.language()).cloned() {
                self.say(now, sentences.length_warning, sentences.language);
            }
        }
    }

    /// A model that owes a reply and does nothing for it is stuck.
    fn advance_stall(&mut self, now: Moment) {
        if self.phase == Phase::Live && self.stall_at().is_some_and(|at| now >= at) {
            self.on_model_failed(now, ModelFailure::Stalled);
        }
    }

    fn advance_dead_air(&mut self, now: Moment) {
        if self.phase != Phase::Live {
            return;
        }
        let owed_since = self.owed_since(now);
        let limits = &self.settings.limits;
        match self
            .dead_air
            .advance(now, owed_since, limits.filler_after, limits.dead_air)
        {
            None => {}
            Some(DeadAirAction::Count) => self.event(now, EventKind::DeadAirCounted),
            Some(DeadAirAction::Fill) => self.play_filler(now),
        }
    }

    /// Since when the caller hears nothing although somebody owes an answer. A spoken turn waits from the end of
    /// the speech; what we say on our own account (a nudge, a warning) from when it was due.
    fn owed_since(&mut self, now: Moment) -> Option<Moment> {
        let owes = !self.replies.is_free() || self.tools.is_waiting();
        let Some(owing) = self.dead_air.owing_since(now, owes) else {
            self.floor.on_nothing_owed(self.playback.is_audible());
            return None;
        };
        if self.playback.is_audible() || self.floor.is_caller_speaking() {
            return None;
        }
        let asked = self.floor.unanswered_since().unwrap_or(owing);
        let heard = self.playback.ended_at().max(self.absence.returned());
        Some(heard.map_or(asked, |heard| heard.max(asked)))
    }

    fn play_filler(&mut self, now: Moment) {
        let length = self.settings.filler_length;
        if length.is_zero() || !self.leg_ready {
            return;
        }
        let mark = self.playback.phrase(now, length);
        self.ask_leg(ToLeg::PlayPhrase {
            phrase: Phrase::Filler,
            mark,
        });
        self.event(now, EventKind::FillerPlayed);
    }

    fn advance_silence(&mut self, now: Moment) {
        if self.phase != Phase::Live {
            return;
        }
        // Whoever is asked, or cannot be heard, is not silent.
        let counts = !self.consent.awaits_answer() && !self.secure.is_open();
        let quiet_since = (counts && self.is_quiet()).then(|| self.quiet_since(now));
        let limits = &self.settings.limits;
        match self.silence.advance(
            now,
            quiet_since,
            limits.silence_nudge,
            limits.silence_handoff,
        ) {
            None => {}
            Some(SilenceAction::HandOff) => {
                self.hand_off(now, Handoff::because(HandoffReason::Silence));
            }
            Some(SilenceAction::Nudge) => {
                self.event(now, EventKind::SilenceNudged);
                // A disclosure that was cut off asks whether somebody is there as well as a nudge does.
                if self.consent.owes_disclosure() {
                    return self.disclose(now);
                }
                if let Some(sentences) = self.settings.sentences(self.turns.language()).cloned() {
                    self.say(now, sentences.nudge, sentences.language);
                }
            }
        }
    }

    fn quiet_since(&self, now: Moment) -> Moment {
        let heard = self.playback.ended_at().max(self.absence.returned());
        heard.max(self.floor.caller_acted()).unwrap_or(now).min(now)
    }

    /// The earliest moment at which time alone changes something.
    pub(crate) fn wake(&self) -> Option<Moment> {
        let limits = &self.settings.limits;
        let absence = self.absence.wake(limits.absence_max);
        match self.phase {
            Phase::Ended => None,
            Phase::Live if absence.is_some() => earliest([absence, self.held_wake()]),
            Phase::WithStaff => earliest([
                absence,
                self.staff.wake(),
                self.tools.wake(),
                self.model.wake(),
            ]),
            Phase::Ending if absence.is_some() => {
                earliest([absence, self.interruption.wake(limits)])
            }
            Phase::HandingOff => self
                .handoff
                .as_ref()
                .and_then(crate::handoff::HandoffUnderWay::wake),
            Phase::Connecting => {
                let handshake =
                    (!self.model.is_ready()).then_some(self.connecting_since + limits.handshake);
                let stream = self.connecting_since + limits::STREAM_OPEN;
                earliest([handshake, Some(stream), absence])
            }
            Phase::Ending => earliest([
                self.goodbye.map(|goodbye| goodbye.until),
                self.interruption.wake(limits),
                self.feeding_wake(),
                self.playback.wake(),
            ]),
            Phase::Live => self.conversation_wake(),
        }
    }

    /// What goes on while nobody listens.
    fn held_wake(&self) -> Option<Moment> {
        let limits = &self.settings.limits;
        let length = (!limits.length_max.is_zero()).then(|| self.length_wake());
        earliest([
            length,
            self.interruption.wake(limits),
            self.floor.wake(self.model.is_ready()),
            self.tools.wake(),
            self.consent_wake(),
            self.secure.wake(),
            self.model.wake(),
            self.stall_at(),
        ])
    }

    fn conversation_wake(&self) -> Option<Moment> {
        let limits = &self.settings.limits;
        let length = (!limits.length_max.is_zero()).then(|| self.length_wake());
        if self.answering.is_machine() {
            let length = (!limits.length_max.is_zero()).then(|| self.length_end());
            return earliest([
                length,
                self.playback.wake(),
                self.tools.wake(),
                self.model.wake(),
                self.answering.wake(),
            ]);
        }
        earliest([
            length,
            self.automatic
                .wake(limits.automatic_max, self.floor.is_caller_speaking()),
            self.answering.wake(),
            self.feeding_wake(),
            self.playback.wake(),
            self.interruption.wake(limits),
            self.floor.wake(self.model.is_ready()),
            self.tools.wake(),
            self.confirmation.wake(),
            self.consent_wake(),
            self.secure.wake(),
            self.model.wake(),
            self.stall_at(),
            self.dead_air.wake(limits.filler_after, limits.dead_air),
            self.silence
                .wake(limits.silence_nudge, limits.silence_handoff),
        ])
    }

    /// When the agent has had the caller for as long as it may.
    fn length_end(&self) -> Moment {
        Moment::START + self.settings.limits.length_max + self.staff.had()
    }

    fn length_wake(&self) -> Moment {
        let end = self.length_end();
        if self.length_warned || self.floor.is_caller_speaking() {
            end
        } else {
            end - self.settings.limits.length_warning
        }
    }

    fn feeding_wake(&self) -> Option<Moment> {
        if !self.leg_ready || self.interruption.pauses_playback() {
            return None;
        }
        self.playback.next_due_at(self.settings.limits.backlog_low)
    }
}

fn earliest<const N: usize>(moments: [Option<Moment>; N]) -> Option<Moment> {
    moments.into_iter().flatten().min()
}
