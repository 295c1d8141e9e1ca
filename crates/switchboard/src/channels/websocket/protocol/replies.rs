//! The responses of one connection, strictly one after the other.
//!
//! The provider knows one active response at a time and clients break when two overlap. The core may ask for the next
//! reply while the last one is still being played, so responses queue here: the front one is announced, the others
//! wait. A response ends when its model is done *and* its audio was given to the client, or was given up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use switchboard_call::Span;
use switchboard_call::ids::{AudioId, ItemId, ReplyId};
use switchboard_call::input::{AgentAudio, ReplyDone, ReplyOutcome};
use switchboard_wire::openai::{AudioDeltaPrefix, IdPrefix, ResponseReason};

use super::desk::Desk;
use super::response::{Ending, Metadata, SpokenItem, Stage, WireResponse};

/// A stop that nobody confirmed or took back after this is a stop: the core decides within 700 ms.
const UNDECIDED_MAX: Duration = Duration::from_secs(2);
/// A response to which nothing happened for this long is ended, so that a lost event cannot block a client for ever.
/// Tools may take 10 s and a model's reopening less.
const UNTOUCHED_MAX: Duration = Duration::from_secs(30);

/// A person of staff who says nothing for this long has finished a response.
const STAFF_PAUSE: Duration = Duration::from_secs(1);
/// A client holds a response's sound until it is over.
const STAFF_LENGTH_MAX: Span = Span::from_secs(30);

/// What is known about a spoken item that a client reports about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spoken {
    /// Audio given to the client.
    pub(super) sent: Span,
    /// It belongs to the response that is active now.
    pub(super) is_active: bool,
    /// Nothing was asked for since: what the client plays, if anything, is this.
    pub(super) is_latest: bool,
}

#[derive(Debug, Default)]
pub(super) struct Replies {
    queue: VecDeque<WireResponse>,
    /// A `response.create` that the core has not begun yet.
    asked: Option<Metadata>,
    /// The item of the last finished response.
    last: Option<SpokenItem>,
    /// The piece observed last, until the core took it.
    arriving: Option<AudioId>,
    /// The core stopped the reply, but may still take it back.
    stopped: Option<Instant>,
    /// The front is no reply of a model: a person of staff speaks.
    is_staff: bool,
}

impl Replies {
    /// The response a second `response.create` would collide with.
    pub(super) fn active_id(&self) -> Option<&str> {
        self.queue.front().map(|front| front.id.as_str())
    }

    pub(super) fn is_active(&self) -> bool {
        !self.queue.is_empty() || self.asked.is_some()
    }

    /// Something is being said to the client now.
    pub(super) fn is_speaking(&self) -> bool {
        self.queue.front().is_some_and(WireResponse::has_played)
    }

    /// The client asks; the response begins when the core asks the model.
    pub(super) fn ask(&mut self, metadata: Metadata) {
        self.asked = Some(metadata);
    }

    /// The core asked the model for a reply.
    pub(super) fn on_requested(&mut self, now: Instant, desk: &mut Desk) {
        if self.stopped.is_some() {
            self.cancel_all(now, ResponseReason::TurnDetected, desk);
        }
        match self.queue.back_mut() {
            Some(last) if last.stage == Stage::Continues => {
                last.stage = Stage::Requested;
                last.touched = now;
            }
            _ => self.open(now, desk),
        }
        self.announce_front(desk);
    }

    fn open(&mut self, now: Instant, desk: &mut Desk) {
        let asked = self.asked.take();
        let id = desk.new_id(IdPrefix::Response);
        self.queue.push_back(WireResponse::new(id, asked, now));
    }

    fn announce_front(&mut self, desk: &mut Desk) {
        if let Some(front) = self.queue.front_mut() {
            front.announce(desk);
        }
    }

    /// A reply nobody waits for was cancelled before it began, and stays unseen.
    pub(super) fn on_started(&mut self, now: Instant, reply: ReplyId) {
        if let Some(response) = self
            .queue
            .iter_mut()
            .find(|response| response.stage == Stage::Requested)
        {
            response.begin(reply);
            response.touched = now;
        }
    }

    fn of_reply(&mut self, now: Instant, reply: ReplyId) -> Option<&mut WireResponse> {
        let response = self
            .queue
            .iter_mut()
            .find(|response| response.has_reply(reply))?;
        response.touched = now;
        Some(response)
    }

    pub(super) fn on_words(&mut self, now: Instant, reply: ReplyId, delta: &str, desk: &mut Desk) {
        if let Some(response) = self.of_reply(now, reply) {
            response.add_words(delta, desk);
        }
    }

    pub(super) fn on_audio(&mut self, now: Instant, audio: &AgentAudio) {
        self.arriving = self.of_reply(now, audio.reply).map(|response| {
            response.add_audio(audio.item, audio.audio, audio.length);
            audio.audio
        });
    }

    /// The core did not take the piece that just came.
    pub(super) fn on_dropped(&mut self) {
        if let Some(audio) = self.arriving.take()
            && let Some(response) = self
                .queue
                .iter_mut()
                .find(|response| response.has_piece(audio))
        {
            response.drop_audio(audio);
        }
    }

    pub(super) fn on_tool_requested(&mut self, now: Instant, reply: ReplyId) {
        if let Some(response) = self.of_reply(now, reply) {
            response.wants_tool = true;
        }
    }

    /// The model is done with a reply. It stays active while its audio is being played.
    pub(super) fn on_done(&mut self, now: Instant, done: &ReplyDone, desk: &mut Desk) {
        let is_cancelling = self.stopped.is_some();
        let index = self
            .queue
            .iter()
            .position(|response| response.has_reply(done.reply));
        let index = index.or_else(|| {
            self.queue
                .iter()
                .position(|response| response.stage == Stage::Requested)
        });
        let Some(response) = index.and_then(|index| self.queue.get_mut(index)) else {
            return;
        };
        response.touched = now;
        let given_up = response.was_dropped && !response.has_played() && !response.has_unplayed();
        let cancelled = Stage::Ended(Ending::Cancelled(ResponseReason::TurnDetected));
        response.stage = match done.outcome {
            ReplyOutcome::Completed if given_up => cancelled,
            ReplyOutcome::Completed if std::mem::take(&mut response.wants_tool) => Stage::Continues,
            ReplyOutcome::Completed => Stage::Ended(Ending::Completed),
            ReplyOutcome::Cancelled => cancelled,
            ReplyOutcome::Incomplete => Stage::Ended(Ending::Incomplete),
            // The core asks another session for the same answer, or ends the call.
            ReplyOutcome::Failed(_) => Stage::Continues,
        };
        if done.outcome == ReplyOutcome::Cancelled && is_cancelling {
            return self.cancel_all(now, ResponseReason::TurnDetected, desk);
        }
        self.settle(desk);
    }

    /// The model's session broke: what it was saying is asked for again in the next one.
    pub(super) fn on_model_failed(&mut self, now: Instant) {
        for response in &mut self.queue {
            if matches!(response.stage, Stage::Generating(_) | Stage::Requested) {
                response.stage = Stage::Continues;
                response.touched = now;
            }
        }
    }

    /// A piece goes to the client. None: it belongs to a response that is over for the client.
    pub(super) fn play(
        &mut self,
        now: Instant,
        audio: AudioId,
        desk: &mut Desk,
    ) -> Option<Arc<AudioDeltaPrefix>> {
        let index = self
            .queue
            .iter()
            .position(|response| response.has_piece(audio))?;
        for _ in 0..index {
            self.finish_front(None, desk);
        }
        self.announce_front(desk);
        let front = self.queue.front_mut()?;
        front.touched = now;
        front.play(audio, desk)
    }

    /// A phrase of ours goes into the response it bridges a wait for; without one it is not heard.
    pub(super) fn play_phrase(
        &mut self,
        now: Instant,
        length: Span,
        desk: &mut Desk,
    ) -> Option<Arc<AudioDeltaPrefix>> {
        let front = self.queue.front_mut()?;
        front.touched = now;
        Some(front.play_phrase(length, desk))
    }

    /// A person of staff speaks in the agent's place. A response of theirs ends with a pause, or when it gets long: a
    /// client shows and keeps it as one.
    pub(super) fn play_staff(
        &mut self,
        now: Instant,
        length: Span,
        desk: &mut Desk,
    ) -> Option<Arc<AudioDeltaPrefix>> {
        let is_long = |front: &WireResponse| front.sent() >= STAFF_LENGTH_MAX;
        if self.is_staff && self.queue.front().is_some_and(is_long) {
            self.end_staff(desk);
        }
        if !self.is_staff {
            // What the agent was saying was stopped before.
            self.cancel_all(now, ResponseReason::ClientCancelled, desk);
            self.open(now, desk);
            self.is_staff = true;
            self.queue.front_mut()?.stage = Stage::Continues;
            self.announce_front(desk);
        }
        self.play_phrase(now, length, desk)
    }

    /// The person has said what they said.
    pub(super) fn end_staff(&mut self, desk: &mut Desk) {
        if std::mem::take(&mut self.is_staff) {
            self.finish_front(None, desk);
        }
    }

    /// Ends what is done and played, and lets the next one begin.
    pub(super) fn settle(&mut self, desk: &mut Desk) {
        while let Some(front) = self.queue.front() {
            match front.stage {
                Stage::Ended(Ending::Cancelled(_)) => {}
                Stage::Ended(_) if !front.has_unplayed() => {}
                _ => return,
            }
            self.finish_front(None, desk);
        }
    }

    /// `forced`: how it ends if the model did not say.
    fn finish_front(&mut self, forced: Option<Ending>, desk: &mut Desk) {
        let Some(front) = self.queue.pop_front() else {
            return;
        };
        let ending = forced.unwrap_or(match front.stage {
            Stage::Ended(ending) => ending,
            Stage::Requested | Stage::Generating(_) | Stage::Continues => Ending::Completed,
        });
        if matches!(ending, Ending::Cancelled(_)) && !front.is_expected() {
            return;
        }
        if let Some(spoken) = front.finish(ending, desk) {
            self.last = Some(spoken);
        }
        self.announce_front(desk);
    }

    /// The core stopped the reply. Unless somebody asked for it in so many words it may go on again.
    pub(super) fn on_stopped(
        &mut self,
        now: Instant,
        is_final: bool,
        reason: ResponseReason,
        desk: &mut Desk,
    ) {
        if is_final {
            self.cancel_all(now, reason, desk);
        } else {
            self.stopped = Some(now);
        }
    }

    /// The stop was an error; the same response goes on.
    pub(super) fn on_resumed(&mut self) {
        self.stopped = None;
    }

    /// The core booked the agent's turn as cut: the stop holds.
    pub(super) fn on_turn_cut(&mut self, now: Instant, desk: &mut Desk) {
        if self.stopped.is_some() {
            self.cancel_all(now, ResponseReason::TurnDetected, desk);
        }
    }

    /// Nothing of what was asked for is heard any more. Whoever waits for a response gets its end.
    pub(super) fn cancel_all(&mut self, now: Instant, reason: ResponseReason, desk: &mut Desk) {
        self.stopped = None;
        self.is_staff = false;
        if self.asked.is_some() {
            self.open(now, desk);
        }
        while !self.queue.is_empty() {
            // Popped before it ends, so that the next one is not announced only to be cancelled.
            let rest = self.queue.split_off(1);
            self.finish_front(Some(Ending::Cancelled(reason)), desk);
            self.queue = rest;
        }
    }

    /// The call is over. What was said to its end is complete, even if the model meant to go on after a tool.
    pub(super) fn end_all(&mut self, now: Instant, desk: &mut Desk) {
        let is_whole = self.queue.front().is_some_and(|front| {
            let is_generated = matches!(
                front.stage,
                Stage::Continues | Stage::Ended(Ending::Completed)
            );
            is_generated && front.has_played() && !front.has_unplayed()
        });
        if is_whole && let Some(front) = self.queue.front_mut() {
            front.stage = Stage::Ended(Ending::Completed);
            self.settle(desk);
        }
        // The protocol knows no third reason.
        self.cancel_all(now, ResponseReason::ClientCancelled, desk);
    }

    /// What was sent of an item of ours, if it is still of interest.
    pub(super) fn spoken(&self, item_id: &str) -> Option<Spoken> {
        let (spoken, is_active) = self.find(item_id)?;
        let is_latest = if is_active {
            self.queue.len() == 1
        } else {
            !self.is_active()
        };
        Some(Spoken {
            sent: spoken.sent,
            is_active,
            is_latest,
        })
    }

    /// Which item of the call was heard how far.
    pub(super) fn heard(&self, item_id: &str, position: Span) -> Option<(ItemId, Span)> {
        self.find(item_id)?.0.heard(position)
    }

    fn find(&self, item_id: &str) -> Option<(&SpokenItem, bool)> {
        let active = self
            .queue
            .front()
            .filter(|front| front.item_id() == Some(item_id));
        let active = active
            .and_then(WireResponse::spoken)
            .map(|spoken| (spoken, true));
        active.or_else(|| {
            self.last
                .as_ref()
                .filter(|last| last.id == item_id)
                .map(|last| (last, false))
        })
    }

    /// The item that was spoken last, for what the core tells about it later.
    pub(super) fn last_item_id(&self) -> Option<&str> {
        let active = self
            .queue
            .front()
            .filter(|front| front.has_played())
            .and_then(WireResponse::item_id);
        active.or_else(|| self.last.as_ref().map(|last| last.id.as_str()))
    }

    pub(super) fn on_time(&mut self, now: Instant, desk: &mut Desk) {
        if self.staff_until().is_some_and(|until| now >= until) {
            self.end_staff(desk);
        }
        if self
            .stopped
            .is_some_and(|since| now >= since + UNDECIDED_MAX)
        {
            self.cancel_all(now, ResponseReason::TurnDetected, desk);
        }
        if self
            .queue
            .front()
            .is_some_and(|front| now >= front.touched + UNTOUCHED_MAX)
        {
            tracing::warn!("a response to a client stood still and was ended");
            let is_over = self
                .queue
                .front()
                .is_some_and(|front| matches!(front.stage, Stage::Ended(_)));
            self.finish_front((!is_over).then_some(Ending::Failed), desk);
            self.settle(desk);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let stopped = self.stopped.map(|since| since + UNDECIDED_MAX);
        let untouched = self
            .queue
            .front()
            .map(|front| front.touched + UNTOUCHED_MAX);
        let staff = self.staff_until();
        stopped.into_iter().chain(untouched).chain(staff).min()
    }

    fn staff_until(&self) -> Option<Instant> {
        let front = self.queue.front().filter(|_| self.is_staff)?;
        Some(front.touched + STAFF_PAUSE)
    }
}
