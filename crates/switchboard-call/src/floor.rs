//! Who has the floor: the caller's speech, what a reported interruption does to our reply, and when a turn
//! of the caller gets its answer.

use crate::backchannel;
use crate::call::Call;
use crate::event::EventKind;
use crate::ids::ItemId;
use crate::input::{CallerAudio, CallerWords};
use crate::interruption::{AwaitedWords, HoldCause, StopCause, Surroundings, Verdict};
use crate::limits;
use crate::output::{Command, Record, ToLeg, ToModel};
use crate::phase::Phase;
use crate::time::{Moment, Span};
use crate::words::Words;

/// An answer put off because the caller spoke is given this long after the speech, if no turn came of it.
const PUT_OFF: Span = Span::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Floor {
    speech_since: Option<Moment>,
    /// When the present turn of the caller began.
    turn_started: Option<Moment>,
    /// When the caller last stopped speaking: the start of every latency.
    caller_stopped: Option<Moment>,
    /// When the caller last did anything: spoke, typed, pressed a key.
    caller_acted: Option<Moment>,
    /// The end of a turn that deserves a reply, until its first audio has been measured against it.
    unanswered_since: Option<Moment>,
    /// Something was to be answered while the caller spoke: the end of that speech gets the answer.
    owes_answer: bool,
    last_audio: Option<Moment>,
    proposed_at: Option<Moment>,
    /// Final words of a turn that is not committed yet, and whether they ask for nothing.
    early_words: Option<(CallerWords, bool)>,
    awaited: Option<AwaitedWords>,
    /// A turn the reply went on over, because its words did not come in time. They still may.
    undecided: Option<ItemId>,
    /// The leg was told that the caller speaks.
    leg_told: bool,
}

impl Floor {
    pub(crate) fn is_caller_speaking(&self) -> bool {
        self.speech_since.is_some()
    }

    pub(crate) fn awaits_words(&self) -> bool {
        self.awaited.is_some()
    }

    pub(crate) fn caller_acted(&self) -> Option<Moment> {
        self.caller_acted
    }

    pub(crate) fn unanswered_since(&self) -> Option<Moment> {
        self.unanswered_since
    }

    /// Nothing more comes for the last turn: a later sound is no answer to it.
    pub(crate) fn on_nothing_owed(&mut self, is_audible: bool) {
        if !is_audible {
            self.unanswered_since = None;
        }
    }

    pub(crate) fn owe_answer(&mut self) {
        self.owes_answer = true;
    }

    /// When an answer that was put off is due.
    fn put_off_until(&self) -> Option<Moment> {
        let waits = self.owes_answer && self.speech_since.is_none() && self.awaited.is_none();
        waits.then(|| self.caller_stopped.unwrap_or(Moment::START) + PUT_OFF)
    }

    /// From the end of the caller's turn to now, once per turn.
    pub(crate) fn take_response(&mut self, now: Moment) -> Option<Span> {
        self.unanswered_since.take().map(|since| now.since(since))
    }

    /// A gap in the media matters only to a model that hears.
    pub(crate) fn wake(&self, model_hears: bool) -> Option<Moment> {
        let gap = self
            .speech_since
            .and(self.last_audio)
            .filter(|_| model_hears)
            .map(|last| last + limits::MEDIA_GAP);
        let awaited = self.awaited.map(|awaited| awaited.until);
        [gap, awaited, self.put_off_until()]
            .into_iter()
            .flatten()
            .min()
    }
}

impl Call {
    /// A frame of the caller: evidence for us, and the model hears it.
    pub(crate) fn on_caller_audio(&mut self, now: Moment, audio: &CallerAudio) {
        if self.secure.is_open() {
            return self.command(Command::Drop(audio.audio));
        }
        self.floor.last_audio = Some(now);
        let around = Surroundings {
            ours_dbfs: self.playback.level_at(now),
        };
        let limits = &self.settings.limits;
        let verdict =
            self.interruption
                .on_audio(now, audio.level_dbfs, audio.voice_percent, &around, limits);
        self.answering.on_sound(now, audio.level_dbfs);
        let hears = self.model.is_ready()
            && !self.answering.is_machine()
            && matches!(self.phase, Phase::Live | Phase::WithStaff | Phase::Ending);
        let in_turn = self.floor.is_caller_speaking();
        let may_wait = self.quiet_line.may_wait(now, audio.level_dbfs, in_turn);
        match (hears, may_wait) {
            (false, _) => self.command(Command::Drop(audio.audio)),
            (true, false) => self.ask_model(ToModel::Audio(audio.audio)),
            (true, true) => self.ask_model(ToModel::QuietAudio(audio.audio)),
        }
        self.apply(now, verdict);
    }

    pub(crate) fn on_speech_started(&mut self, now: Moment) {
        self.event(now, EventKind::CallerSpeechStarted);
        if self.answering.is_machine() {
            return;
        }
        self.answering.on_speech_started();
        self.floor.speech_since = Some(now);
        self.floor.turn_started = Some(now);
        let is_nudging = self.silence.is_nudging();
        self.on_caller_acted(now);
        let audible = self.playback.is_audible();
        if audible && self.turn_taking.speech_interrupts {
            self.floor.proposed_at = Some(now);
            self.interruption.propose(now, self.playback.unheard(now));
            self.event(now, EventKind::InterruptionProposed);
        } else {
            let is_premature =
                self.replies.is_silent_answer() || (is_nudging && self.replies.is_silent());
            if !audible && is_premature && self.turn_taking.speech_interrupts {
                self.cancel_reply();
            }
            self.tell_leg_speech_started();
        }
    }

    /// The caller is there.
    pub(crate) fn on_caller_acted(&mut self, now: Moment) {
        self.floor.caller_acted = Some(now);
        if !self.answering.is_machine() {
            self.silence.restart();
        }
    }

    fn tell_leg_speech_started(&mut self) {
        // A client's player stops at this word, and it is a person it plays.
        if self.floor.leg_told || self.phase == Phase::WithStaff {
            return;
        }
        self.ask_leg(ToLeg::SpeechStarted);
        if self.floor.speech_since.is_some() {
            self.floor.leg_told = true;
        } else {
            // Decided after the speech was over: its end will not be reported again.
            self.ask_leg(ToLeg::SpeechStopped);
        }
    }

    pub(crate) fn on_speech_stopped(&mut self, now: Moment) {
        self.event(now, EventKind::CallerSpeechStopped);
        self.answering.on_speech_stopped(now);
        let spoke = self
            .floor
            .speech_since
            .take()
            .map_or(Span::ZERO, |since| now.since(since));
        self.floor.caller_stopped = Some(now);
        self.on_caller_acted(now);
        if std::mem::take(&mut self.floor.leg_told) {
            self.ask_leg(ToLeg::SpeechStopped);
        }
        let verdict = self.interruption.on_speech_stopped(now, spoke);
        self.apply(now, verdict);
    }

    pub(crate) fn on_turn_committed(&mut self, now: Moment, item: ItemId, typed: bool) {
        self.event(now, EventKind::CallerTurnCommitted);
        // The greeting of a machine is nobody's turn.
        if self.answering.is_machine() {
            return;
        }
        if typed {
            self.turns.caller_committed(item, now, (now, now));
            self.take_turn(now, now);
            if self.turn_taking.replies_to_text {
                self.request_reply(now, None);
            }
            return;
        }
        let ended = self.floor.caller_stopped.unwrap_or(now);
        let started = self.floor.turn_started.take().unwrap_or(ended).min(ended);
        self.turns.caller_committed(item, now, (started, ended));
        if self.take_early_words(now, item) {
            return self.settle(now, item, true);
        }
        let verdict = self.interruption.on_committed(now);
        self.apply(now, verdict);
        if self.interruption.is_certain() {
            self.interruption.reset();
        }
        if self.interruption.is_open() {
            let until = now + self.settings.limits.interruption_words;
            self.floor.awaited = Some(AwaitedWords { item, until });
        } else {
            self.take_turn(now, ended);
            if self.turn_taking.replies_to_speech {
                self.request_reply(now, None);
            }
        }
    }

    /// Books words that came before their turn was an item. True when they ask for nothing.
    fn take_early_words(&mut self, now: Moment, item: ItemId) -> bool {
        let early = self.floor.early_words.take();
        let Some((said, asks_nothing)) = early.filter(|(said, _)| said.item == item) else {
            return false;
        };
        if !asks_nothing {
            self.book_caller_words(now, &said);
        }
        asks_nothing
    }

    /// The turn is the caller's and deserves a reply.
    fn answer_turn(&mut self, now: Moment, ended: Moment) {
        self.take_turn(now, ended);
        self.request_reply(now, None);
    }

    /// The turn was the caller's: our own before it is closed, and what we say next is measured against its end.
    fn take_turn(&mut self, now: Moment, ended: Moment) {
        self.floor.owes_answer = false;
        self.floor.unanswered_since = Some(ended);
        self.dead_air.on_caller_turn();
        if !self.playback.is_audible() {
            self.book_agent_turn(now, false);
            self.turns.close_agent_turn();
        }
    }

    /// The client asks for a reply itself: its latency counts from there.
    pub(crate) fn on_reply_asked(&mut self, now: Moment, instructions: Option<Words>) {
        self.floor.unanswered_since.get_or_insert(now);
        self.request_reply(now, instructions);
    }

    pub(crate) fn on_caller_words(&mut self, now: Moment, said: &CallerWords) {
        if self.hides_words(said) {
            return;
        }
        let awaited = self
            .floor
            .awaited
            .is_some_and(|awaited| awaited.item == said.item);
        if said.is_final && self.floor.undecided == Some(said.item) {
            return self.decide_late(now, said);
        }
        let is_backchannel = self.weigh_words(now, said, awaited);
        if !said.is_final {
            return;
        }
        self.weigh_automatic(now, said.words.expose());
        // Some recognisers know the words before the turn is an item: they wait for it.
        if self.turns.committed_at(said.item).is_none() {
            self.floor.early_words = Some((said.clone(), is_backchannel));
            return;
        }
        // A backchannel is heard, and is no turn.
        if !(awaited && is_backchannel) {
            self.book_caller_words(now, said);
        }
        if awaited {
            self.floor.awaited = None;
            self.settle(now, said.item, is_backchannel);
        }
    }

    /// Words that came after the reply had gone on: late, but they are the caller's.
    fn decide_late(&mut self, now: Moment, said: &CallerWords) {
        self.floor.undecided = None;
        if backchannel::asks_nothing(said.words.expose(), said.language) {
            return self.forget_turn(said.item);
        }
        self.interrupt(now, StopCause::Words);
        self.book_caller_words(now, said);
        if self.turn_taking.replies_to_speech {
            self.answer_turn(now, self.floor.caller_stopped.unwrap_or(now));
        }
    }

    /// A turn that was none: neither the model nor the record keeps it.
    fn forget_turn(&mut self, item: ItemId) {
        self.ask_model(ToModel::Delete { item });
        self.turns.caller_deleted(item);
    }

    /// What the words do to an interruption under way. True when they ask for nothing.
    fn weigh_words(&mut self, now: Moment, said: &CallerWords, awaited: bool) -> bool {
        let words = said.words.expose();
        let reported = self.interruption.reported();
        let is_earlier = self
            .turns
            .committed_at(said.item)
            .is_some_and(|committed| committed < reported);
        // Words about an earlier turn say nothing about the sound that is weighed now, unless they ask to stop.
        if is_earlier && (!awaited || backchannel::asks_nothing(words, said.language)) {
            return awaited;
        }
        let verdict = self
            .interruption
            .on_words(now, words, said.language, said.is_final);
        self.apply(now, verdict);
        matches!(
            verdict,
            Some(Verdict::Hold(HoldCause::Backchannel | HoldCause::NoWords) | Verdict::Resume(_))
        )
    }

    pub(crate) fn book_caller_words(&mut self, now: Moment, said: &CallerWords) {
        self.keep_caller_words(now, said);
        // What is said to a person answers no question of ours.
        if self.phase == Phase::WithStaff {
            return;
        }
        self.on_confirmation_words(now, said);
        self.on_consent_words(now, said);
    }

    fn keep_caller_words(&mut self, now: Moment, said: &CallerWords) {
        if let Some(record) = self.turns.caller_words(said) {
            let seq = record.seq;
            self.keep(Record::Turn(record));
            let speaker = crate::turn::Speaker::Caller;
            self.event(
                now,
                EventKind::TurnEnded {
                    seq,
                    speaker,
                    interrupted: false,
                    response: None,
                    heard: None,
                },
            );
        }
    }

    /// What becomes of a turn said over our reply, now that its meaning is known.
    fn settle(&mut self, now: Moment, item: ItemId, is_backchannel: bool) {
        if is_backchannel {
            let committed = self.turns.committed_at(item).unwrap_or(now);
            self.forget_turn(item);
            return self.let_pass(committed);
        }
        if self.interruption.is_open() {
            self.apply(now, Some(Verdict::Confirm));
            self.interruption.reset();
        }
        if !self.turn_taking.replies_to_speech {
            return;
        }
        // Whoever goes on speaking is answered once, at the end.
        if self.floor.is_caller_speaking() {
            self.floor.owe_answer();
        } else {
            self.answer_turn(now, self.floor.caller_stopped.unwrap_or(now));
        }
    }

    /// The reply goes on. A sound reported since this turn is still being weighed.
    fn let_pass(&mut self, committed: Moment) {
        if committed >= self.interruption.reported() {
            self.interruption.reset();
        }
    }

    /// What was put off while the caller spoke is answered, if the speech was no turn of its own.
    pub(crate) fn advance_owed_answer(&mut self, now: Moment) {
        if self.floor.put_off_until().is_some_and(|until| now >= until) {
            self.answer_turn(now, now);
        }
    }

    /// The model's detector is gone with its session: what it had begun to report never ends.
    pub(crate) fn on_detector_lost(&mut self, now: Moment) {
        if self.floor.speech_since.take().is_some() {
            self.floor.caller_stopped = Some(now);
            self.on_caller_acted(now);
        }
        if std::mem::take(&mut self.floor.leg_told) {
            self.ask_leg(ToLeg::SpeechStopped);
        }
        let is_let_pass = self.interruption.is_held() && self.playback.is_audible();
        if self.floor.awaited.take().is_some() && !is_let_pass {
            self.floor.owes_answer = true;
        }
        self.floor.proposed_at = None;
        self.interruption.reset();
    }

    /// No words came in time: over a reply that still plays it was nothing, after its end it is a turn.
    pub(crate) fn advance_awaited(&mut self, now: Moment) {
        let Some(awaited) = self.floor.awaited.filter(|awaited| now >= awaited.until) else {
            return;
        };
        // A second sound is being weighed: its decision is due at once and settles both.
        if self.interruption.is_deciding() {
            let until = now + self.settings.limits.interruption_voice;
            self.floor.awaited = Some(AwaitedWords { until, ..awaited });
            return;
        }
        self.floor.awaited = None;
        let held = self.interruption.is_held() && self.playback.is_audible();
        if held && self.settings.has_words {
            self.floor.undecided = Some(awaited.item);
            let committed = self.turns.committed_at(awaited.item).unwrap_or(now);
            return self.let_pass(committed);
        }
        self.settle(now, awaited.item, held);
    }

    pub(crate) fn advance_interruption(&mut self, now: Moment) {
        let limits = &self.settings.limits;
        let verdict = self.interruption.advance(now, limits);
        self.apply(now, verdict);
        // Our reply ended while nobody decided: nothing is left to interrupt.
        if self.interruption.is_held()
            && !self.playback.is_audible()
            && self.floor.awaited.is_none()
        {
            self.interruption.reset();
        }
    }

    fn apply(&mut self, now: Moment, verdict: Option<Verdict>) {
        match verdict {
            None => {}
            Some(Verdict::Hold(cause)) => self.hold(now, cause),
            Some(Verdict::Stop(cause)) => self.stop(now, cause),
            Some(Verdict::Confirm) => self.forget_unheard(now),
            Some(Verdict::Resume(_)) => self.event(now, EventKind::ReplyResumed),
        }
    }

    fn hold(&mut self, now: Moment, cause: HoldCause) {
        if let Some(proposed) = self.floor.proposed_at.take() {
            self.event(
                now,
                EventKind::InterruptionHeld {
                    cause,
                    hole: now.since(proposed),
                },
            );
        }
    }

    fn stop(&mut self, now: Moment, cause: StopCause) {
        if !self.playback.is_audible() && self.replies.is_free() {
            return self.interruption.reset();
        }
        let after = self
            .floor
            .proposed_at
            .take()
            .map_or(Span::ZERO, |proposed| now.since(proposed));
        self.ask_leg(ToLeg::Clear);
        self.playback.clear(now);
        self.tell_leg_speech_started();
        let heard = self.heard_of_turn(now);
        self.event(
            now,
            EventKind::ReplyInterrupted {
                cause,
                heard,
                after,
            },
        );
        if self.interruption.is_certain() {
            self.forget_unheard(now);
        }
    }

    fn heard_of_turn(&self, now: Moment) -> Span {
        let items = self.turns.agent_items();
        items
            .into_iter()
            .fold(Span::ZERO, |sum, item| sum + self.playback.heard(now, item))
    }

    /// The stop is real: model, queue and record keep what was heard and nothing else.
    fn forget_unheard(&mut self, now: Moment) {
        if self.playback.has_sent() {
            self.ask_leg(ToLeg::Clear);
            self.playback.clear(now);
        }
        self.on_disclosure_cut(now);
        // Who takes the floor during a goodbye has not finished.
        if self.phase == Phase::Ending {
            self.phase = Phase::Live;
            self.goodbye = None;
        }
        let is_cut = self.playback.is_audible() || !self.replies.is_free();
        self.cancel_reply();
        self.forget_wanted();
        for item in self.turns.agent_items() {
            let heard = self.playback.heard(now, item);
            let generated = self.turns.generated_audio(item);
            if generated.is_zero() || heard >= generated {
                continue;
            }
            self.ask_model(if heard.is_zero() {
                ToModel::Delete { item }
            } else {
                ToModel::Truncate { item, heard }
            });
        }
        self.playback.drop_queued();
        self.book_agent_turn(now, is_cut);
        self.turns.close_agent_turn();
        self.tools.on_interrupted();
        self.refuse_held_tools(now);
    }

    /// Nothing of what was begun between caller and agent is decided or answered any more.
    pub(crate) fn give_up_floor(&mut self) {
        self.floor.awaited = None;
        self.floor.undecided = None;
        self.floor.early_words = None;
        self.floor.owes_answer = false;
        self.floor.unanswered_since = None;
        self.floor.proposed_at = None;
        self.interruption.reset();
        if std::mem::take(&mut self.floor.leg_told) {
            self.ask_leg(ToLeg::SpeechStopped);
        }
    }

    fn is_conversing(&self) -> bool {
        matches!(self.phase, Phase::Live | Phase::Ending)
    }

    /// Stops our reply without asking: a key, typed words, a client's request.
    pub(crate) fn interrupt(&mut self, now: Moment, cause: StopCause) {
        let is_silent = !self.playback.is_audible() && self.replies.is_free();
        if is_silent || !self.is_conversing() {
            return;
        }
        if self.playback.is_audible() {
            self.ask_leg(ToLeg::Clear);
            self.playback.clear(now);
        }
        let heard = self.heard_of_turn(now);
        self.event(
            now,
            EventKind::ReplyInterrupted {
                cause,
                heard,
                after: Span::ZERO,
            },
        );
        self.forget_unheard(now);
        self.floor.awaited = None;
        self.interruption.reset();
    }

    /// The player's own word on what it has played, after it stopped by itself.
    pub(crate) fn on_player_report(&mut self, now: Moment, item: ItemId, position: Span) {
        if !self.is_conversing() {
            return;
        }
        // A word about a turn that is over corrects that turn and leaves the one after it alone.
        if !self.turns.agent_items().contains(&item) {
            return self.correct_heard(now, item, position);
        }
        if position >= self.turns.generated_audio(item) {
            return;
        }
        self.playback.clear(now);
        self.playback.on_played(item, position);
        self.forget_unheard(now);
        self.floor.awaited = None;
        self.interruption.reset();
    }

    fn correct_heard(&mut self, now: Moment, item: ItemId, heard: Span) {
        if let Some(record) = self.turns.agent_corrected(now, item, heard) {
            self.ask_model(ToModel::Truncate { item, heard });
            self.emit_agent_turn(now, record);
        }
    }

    /// The carrier sends nothing while the caller speaks: without silence the model's detector never ends the turn.
    pub(crate) fn advance_media_gap(&mut self, now: Moment) {
        let gap = self
            .floor
            .last_audio
            .is_some_and(|last| now.since(last) >= limits::MEDIA_GAP);
        if self.floor.speech_since.is_some()
            && gap
            && self.model.is_ready()
            && self.phase == Phase::Live
        {
            self.floor.last_audio = Some(now);
            self.event(now, EventKind::MediaGapFilled);
            self.ask_model(ToModel::Silence(limits::MEDIA_GAP_FILL));
        }
    }
}
