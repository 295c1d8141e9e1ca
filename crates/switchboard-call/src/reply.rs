//! Replies: one at a time, paid for before they start, booked while they play.

use std::collections::VecDeque;

use crate::call::Call;
use crate::event::EventKind;
use crate::ids::{ItemId, ReplyId};
use crate::input::{AgentAudio, ReplyDone, ReplyOutcome};
use crate::output::{Command, Record, ToLeg, ToModel};
use crate::phase::Phase;
use crate::playback::Piece;
use crate::time::Moment;
use crate::turn::TurnRecord;
use crate::words::{Language, Words};

/// Replies waiting for their turn. A client that asks for more loses its newest requests.
const WANTED_MAX: usize = 16;

/// What the model is to do next, once it is free.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Wanted {
    Reply { instructions: Option<Words> },
    Say { words: Words, language: Language },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Free,
    Requested {
        at: Moment,
    },
    Active {
        reply: ReplyId,
        at: Moment,
        heard_anything: bool,
    },
}

#[derive(Debug, Default)]
pub(crate) struct Replies {
    state: State,
    wanted: VecDeque<Wanted>,
    /// What was asked of the model and is not done yet.
    present: Option<Wanted>,
    /// The last reply that is over by our decision; what still comes from it is late.
    over: Option<ReplyId>,
    /// The last reply that is done by the model's word.
    done: Option<ReplyId>,
    cancelling: bool,
}

impl Replies {
    pub(crate) fn is_free(&self) -> bool {
        self.state == State::Free && self.wanted.is_empty()
    }

    /// Since when the model owes something, if it does.
    pub(crate) fn owed_since(&self) -> Option<Moment> {
        match self.state {
            State::Free => None,
            State::Requested { at } | State::Active { at, .. } => Some(at),
        }
    }

    /// Something was asked for and has not made a sound yet.
    pub(crate) fn is_silent(&self) -> bool {
        match self.state {
            State::Free => false,
            State::Requested { .. } => true,
            State::Active { heard_anything, .. } => !heard_anything,
        }
    }

    /// An answer that has not made a sound yet: the caller goes on, so it is premature.
    pub(crate) fn is_silent_answer(&self) -> bool {
        self.is_silent() && matches!(self.present, Some(Wanted::Reply { .. }))
    }

    fn free(&mut self) {
        self.state = State::Free;
        self.present = None;
        self.cancelling = false;
    }

    pub(crate) fn is_late(&self, reply: ReplyId) -> bool {
        self.over.is_some_and(|over| reply <= over)
    }
}

impl Call {
    /// The first thing said: the disclosure that the law asks for, then the greeting.
    pub(crate) fn greet(&mut self, now: Moment) {
        let Some(greeting) = self.settings.greeting.clone() else {
            return;
        };
        self.event(now, EventKind::GreetingStarted);
        self.disclose_and_greet(now, greeting);
    }

    /// The human sent the caller back: the agent says so and asks what else it can do.
    pub(crate) fn welcome_back(&mut self, now: Moment) {
        if let Some(sentences) = self.settings.sentences(self.turns.language()).cloned() {
            self.say(now, sentences.returned, sentences.language);
        }
    }

    /// Somebody wants a reply: the caller's turn is over, a tool answered, or a client asked.
    pub(crate) fn request_reply(&mut self, now: Moment, instructions: Option<Words>) {
        if self.answering.is_machine() || self.phase == Phase::WithStaff {
            return;
        }
        if self.answering.is_listening() {
            return self.greet_called_party(now);
        }
        // While our question is open the caller answers it, and the model does not.
        if self.confirmation.is_open() {
            return;
        }
        // One that was cut off comes before anything else.
        if self.phase == Phase::Live {
            self.disclose(now);
        }
        if self.consent.is_open_question() || self.consent.was_settled_at(now) {
            return;
        }
        if self.phase == Phase::Connecting || self.phase == Phase::Live {
            self.want(now, Wanted::Reply { instructions });
        }
    }

    pub(crate) fn say(&mut self, now: Moment, words: Words, language: Language) {
        self.want(now, Wanted::Say { words, language });
    }

    /// Says this before anything else that waits.
    pub(crate) fn say_first(&mut self, now: Moment, words: Words, language: Language) {
        let wanted = Wanted::Say { words, language };
        self.replies.wanted.push_front(wanted);
        self.start_wanted(now);
    }

    fn want(&mut self, now: Moment, wanted: Wanted) {
        // One waiting reply answers everything that was said until it starts.
        let waits = self
            .replies
            .wanted
            .iter()
            .any(|waiting| matches!(waiting, Wanted::Reply { instructions: None }));
        let is_told = waits && wanted == (Wanted::Reply { instructions: None });
        if !is_told && self.replies.wanted.len() < WANTED_MAX {
            self.replies.wanted.push_back(wanted);
        }
        self.start_wanted(now);
    }

    pub(crate) fn start_wanted(&mut self, now: Moment) {
        let is_silenced = self.phase == Phase::WithStaff;
        if is_silenced || self.replies.state != State::Free || !self.model.is_ready() {
            return;
        }
        let Some(wanted) = self.replies.wanted.pop_front() else {
            return;
        };
        if !self.budget_admits(now, &wanted) {
            return;
        }
        self.replies.state = State::Requested { at: now };
        self.replies.present = Some(wanted.clone());
        self.replies.cancelling = false;
        self.event(now, EventKind::ReplyRequested);
        match wanted {
            Wanted::Reply { instructions } => self.ask_model(ToModel::Reply { instructions }),
            Wanted::Say { words, language } => self.ask_model(ToModel::Say { words, language }),
        }
    }

    pub(crate) fn on_reply_started(&mut self, now: Moment, reply: ReplyId) {
        if self.replies.is_late(reply) {
            return;
        }
        let cancelling = self.replies.cancelling;
        self.replies.state = State::Active {
            reply,
            at: now,
            heard_anything: false,
        };
        if cancelling {
            // It was cancelled before the model had even confirmed it.
            self.replies.over = Some(reply);
        }
        self.event(now, EventKind::ReplyStarted);
    }

    pub(crate) fn on_agent_audio(&mut self, now: Moment, audio: AgentAudio) {
        let accepts = matches!(self.phase, Phase::Live | Phase::Ending);
        if !accepts || self.replies.is_late(audio.reply) || !self.playback.has_room() {
            self.event(
                now,
                EventKind::LateAudioDropped {
                    length: audio.length,
                },
            );
            self.command(Command::Drop(audio.audio));
            return;
        }
        if let State::Active { heard_anything, .. } = &mut self.replies.state {
            *heard_anything = true;
        }
        let said = match &self.replies.present {
            Some(Wanted::Say { words, .. }) => Some(words),
            _ => None,
        };
        self.consent.on_audio(said, audio.item);
        self.confirmation.on_audio(said, audio.item);
        let Some(starts_in_item) =
            self.turns
                .agent_audio(now, audio.item, audio.length, &audio.levels_dbfs)
        else {
            return self.command(Command::Drop(audio.audio));
        };
        self.playback.queue(Piece {
            audio: audio.audio,
            item: audio.item,
            starts_in_item,
            length: audio.length,
            levels_dbfs: audio.levels_dbfs,
        });
    }

    pub(crate) fn on_agent_words(
        &mut self,
        now: Moment,
        reply: ReplyId,
        item: ItemId,
        delta: &Words,
    ) {
        if !self.replies.is_late(reply) {
            self.turns.agent_words(now, item, delta.expose());
        }
    }

    pub(crate) fn book_cost(&mut self, now: Moment, done: &ReplyDone) {
        self.budget.spend(done.cost_micros);
        self.event(
            now,
            EventKind::ReplyFinished {
                outcome: done.outcome,
                cost_micros: done.cost_micros,
            },
        );
        self.watch_budget(now);
    }

    pub(crate) fn on_reply_done(&mut self, now: Moment, done: &ReplyDone) {
        self.book_cost(now, done);
        let is_present = match self.replies.state {
            State::Free => false,
            State::Active { reply, .. } => reply == done.reply,
            // One that was refused before it started; a word about an earlier one frees nothing.
            State::Requested { .. } => self.replies.done.is_none_or(|last| done.reply > last),
        };
        if !is_present {
            return;
        }
        self.replies.done = self.replies.done.max(Some(done.reply));
        let mut is_incomplete = false;
        match done.outcome {
            ReplyOutcome::Failed(failure) => return self.on_model_failed(now, failure),
            ReplyOutcome::Completed => {
                self.turns.agent_generated();
                self.consent.on_generated();
                let said = match &self.replies.present {
                    Some(Wanted::Say { words, .. }) => Some(words),
                    _ => None,
                };
                self.answering.on_generated(said);
                self.confirmation.on_generated();
                // Heard to its end before its end was known: now the words are certain.
                if !self.playback.is_audible() {
                    self.book_agent_turn(now, false);
                }
            }
            // Only the model knows where its words end when it stops early.
            ReplyOutcome::Cancelled | ReplyOutcome::Incomplete => {
                is_incomplete = true;
            }
        }
        self.replies.free();
        if is_incomplete {
            self.on_disclosure_incomplete(now);
        }
        self.start_wanted(now);
    }

    /// Stops the model's present reply, if it still generates.
    pub(crate) fn cancel_reply(&mut self) {
        match self.replies.state {
            State::Free => return,
            State::Active { reply, .. } => self.replies.over = Some(reply),
            State::Requested { .. } => {}
        }
        if !std::mem::replace(&mut self.replies.cancelling, true) {
            self.ask_model(ToModel::CancelReply);
        }
    }

    /// The client's own cancel: what was generated stays, what was not heard is dropped.
    pub(crate) fn on_reply_cancelled(&mut self, now: Moment) {
        self.interrupt(now, crate::interruption::StopCause::Explicit);
    }

    /// The model is gone in the middle of a reply: what was sent plays on, the rest never comes.
    pub(crate) fn lose_reply(&mut self) {
        if let State::Active { reply, .. } = self.replies.state {
            self.replies.over = Some(reply);
        }
        // Whoever takes over owes it still: an answer goes on from what was heard, a sentence begins anew.
        let owes_disclosure = self.consent.on_lost();
        let is_unheard = self.replies.is_silent() || owes_disclosure;
        if let Some(lost) = self.replies.present.take()
            && !self.replies.cancelling
            && (is_unheard || matches!(lost, Wanted::Reply { .. }))
        {
            self.replies.wanted.push_front(lost);
        }
        self.replies.free();
    }

    /// Nobody listens to the model any more.
    pub(crate) fn abandon_replies(&mut self) {
        self.replies.free();
        self.forget_wanted();
    }

    pub(crate) fn resume_after_reopening(&mut self, now: Moment) {
        self.replies.over = None;
        self.replies.done = None;
        self.start_wanted(now);
    }

    /// It stays the next thing until the budgets have answered.
    pub(crate) fn wait_for_allowance(&mut self, wanted: &Wanted) {
        self.replies.wanted.push_front(wanted.clone());
    }

    pub(crate) fn forget_wanted(&mut self) {
        self.replies.wanted.clear();
    }

    /// Gives the carrier what it needs next and books it.
    pub(crate) fn feed(&mut self, now: Moment) {
        if !self.leg_ready || self.absence.is_open() || self.interruption.pauses_playback() {
            return;
        }
        while let Some(due) = self
            .playback
            .next_due(now, self.settings.limits.backlog_low)
        {
            let response = self.floor.take_response(now);
            self.turns.agent_sent(due.item, due.ends_in_item, response);
            self.dead_air.on_answered();
            self.ask_leg(ToLeg::Play {
                audio: due.audio,
                item: due.item,
                mark: due.mark,
            });
        }
    }

    /// Books what was heard of the agent's open turn and emits it as it stands.
    pub(crate) fn book_agent_turn(&mut self, now: Moment, interrupted: bool) {
        if !self.turns.has_agent_turn() {
            return;
        }
        for item in self.turns.agent_items() {
            self.turns.agent_heard(item, self.playback.heard(now, item));
        }
        let Some(record) = self
            .turns
            .agent_record(now, interrupted, self.playback.delay())
        else {
            return;
        };
        self.emit_agent_turn(now, record);
    }

    pub(crate) fn emit_agent_turn(&mut self, now: Moment, record: TurnRecord) {
        let (response, heard) = self.turns.untold_latency(&record);
        self.automatic.on_ours(record.heard.expose());
        self.event(
            now,
            EventKind::TurnEnded {
                seq: record.seq,
                speaker: record.speaker,
                interrupted: record.interrupted,
                response,
                heard,
            },
        );
        self.keep(Record::Turn(record));
    }

    /// Personal content leaves the call only with consent.
    pub(crate) fn keep(&mut self, record: Record) {
        let is_hidden = matches!(&record, Record::Turn(turn) if self.secure.hides(turn));
        if self.may_keep_words() && !is_hidden {
            self.record(record);
        }
    }

    /// The last sound of the agent was heard.
    pub(crate) fn on_playback_ended(&mut self, now: Moment) {
        self.book_agent_turn(now, false);
        if !self.silence.is_nudging() && !self.answering.is_machine() {
            self.silence.restart();
        }
    }

    /// Nothing is played, owed, asked or said.
    pub(crate) fn is_quiet(&self) -> bool {
        !self.playback.is_audible()
            && self.replies.is_free()
            && !self.tools.is_waiting()
            && !self.floor.is_caller_speaking()
            && !self.floor.awaits_words()
    }

    pub(crate) fn stall_at(&self) -> Option<Moment> {
        let owed = self.replies.owed_since()?;
        (!self.tools.is_waiting() && !self.playback.has_queued())
            .then(|| owed.max(self.model.last_answer()) + self.settings.limits.model_stall)
    }
}
