//! The playback ledger: what was given to the leg, what of it the caller has heard, and what comes next.
//!
//! Heard never exceeds sent, and sent never exceeds what the model generated, whatever marks say. Between
//! marks a clock tells the position; a mark corrects it. After a clear the carrier returns all pending marks
//! as if they had been played, so they are ignored: the position was fixed at the moment of the clear.

use std::collections::VecDeque;

use crate::ids::{AudioId, ItemId, MarkId};
use crate::output::{HeardAudio, Phrase, RecordingStep};
use crate::time::{Moment, Span};

/// A mark that is this late is taken for lost, so that pacing cannot stop for good.
const MARK_LOST_AFTER: Span = Span::from_secs(1);
/// How much later than the learned delay a mark may come before the position waits for it.
const MARK_GRACE: Span = Span::from_millis(20);
/// A learned one-way delay above this says more about a stalled carrier than about its line.
const LATENCY_MAX: Span = Span::from_millis(400);
/// Pieces that wait to be sent: minutes of the smallest ones. No honest reply is longer.
const QUEUED_MAX: usize = 20_000;
/// Items whose heard position is remembered. A reply rarely has more than two.
const ITEMS_MAX: usize = 16;

/// How a leg tells what was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PlaybackReport {
    /// The carrier echoes marks (Twilio).
    #[default]
    Marks,
    /// Nothing is reported; audio plays in real time as it is sent (RTP).
    Clock,
    /// The player reports its position when it stops; until then the clock counts (front endpoint).
    Player,
}

/// A piece of the agent's voice with its place in the item it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) audio: AudioId,
    pub(crate) item: ItemId,
    pub(crate) starts_in_item: Span,
    pub(crate) length: Span,
    pub(crate) levels_dbfs: Vec<i8>,
}

impl Piece {
    fn ends_in_item(&self) -> Span {
        self.starts_in_item + self.length
    }
}

#[derive(Debug)]
struct Sent {
    what: What,
    length: Span,
    mark: MarkId,
    sent_at: Moment,
    /// When the carrier begins to play it, by our best knowledge.
    starts: Moment,
    marked: bool,
}

#[derive(Debug)]
enum What {
    Piece(Piece),
    Phrase,
}

/// A piece that is now due at the leg.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) audio: AudioId,
    pub(crate) item: ItemId,
    pub(crate) ends_in_item: Span,
    pub(crate) mark: MarkId,
}

#[derive(Debug)]
pub(crate) struct Playback {
    report: PlaybackReport,
    queued: VecDeque<Piece>,
    sent: VecDeque<Sent>,
    marks_given: u32,
    latency: Option<Span>,
    heard: VecDeque<(ItemId, Span)>,
    released: Vec<AudioId>,
    /// What was heard, in order, while a recording wants to know.
    played: Vec<RecordingStep>,
    keeps_played: bool,
    /// When the caller last heard the end of something of ours.
    ended_at: Option<Moment>,
    /// The last sound was heard to its end, and nobody has taken note of it yet.
    ended_unseen: bool,
    /// Since when nobody listens: no clock of ours counts as hearing.
    held: Option<Moment>,
}

impl Playback {
    pub(crate) fn new(report: PlaybackReport) -> Self {
        Self {
            report,
            queued: VecDeque::new(),
            sent: VecDeque::new(),
            marks_given: 0,
            latency: None,
            heard: VecDeque::new(),
            released: Vec::new(),
            played: Vec::new(),
            keeps_played: false,
            ended_at: None,
            ended_unseen: false,
            held: None,
        }
    }

    /// Nobody listens any more. What was played until now is heard, what comes later is not.
    pub(crate) fn hold(&mut self, now: Moment) {
        self.advance(now);
        self.held.get_or_insert(now);
    }

    /// The listener is back: what was on its way is played from where it stood.
    pub(crate) fn go_on(&mut self, now: Moment) {
        let Some(held) = self.held.take() else {
            return;
        };
        let pause = now.since(held);
        for sent in &mut self.sent {
            sent.sent_at = sent.sent_at + pause;
            sent.starts = sent.starts + pause;
        }
    }

    /// The moment up to which anything can have been heard.
    fn heard_until(&self, now: Moment) -> Moment {
        self.held.map_or(now, |held| held.min(now))
    }

    /// Whether one more piece may wait to be sent.
    pub(crate) fn has_room(&self) -> bool {
        self.queued.len() < QUEUED_MAX
    }

    pub(crate) fn queue(&mut self, piece: Piece) {
        self.queued.push_back(piece);
    }

    /// The next piece, when the carrier has less than `backlog_low` left to play.
    pub(crate) fn next_due(&mut self, now: Moment, backlog_low: Span) -> Option<Due> {
        if self.queued.is_empty() || self.backlog(now) >= backlog_low {
            return None;
        }
        let piece = self.queued.pop_front()?;
        let mark = self.next_mark();
        let due = Due {
            audio: piece.audio,
            item: piece.item,
            ends_in_item: piece.ends_in_item(),
            mark,
        };
        let length = piece.length;
        self.append(now, What::Piece(piece), length, due.mark);
        Some(due)
    }

    /// Books a cached phrase of known length.
    pub(crate) fn phrase(&mut self, now: Moment, length: Span) -> MarkId {
        let mark = self.next_mark();
        self.append(now, What::Phrase, length, mark);
        mark
    }

    fn next_mark(&mut self) -> MarkId {
        self.marks_given = self.marks_given.wrapping_add(1);
        MarkId(self.marks_given)
    }

    fn append(&mut self, now: Moment, what: What, length: Span, mark: MarkId) {
        let arrives = now + self.latency.unwrap_or_default();
        let starts = self
            .sent
            .back()
            .map_or(arrives, |last| (last.starts + last.length).max(arrives));
        self.sent.push_back(Sent {
            what,
            length,
            mark,
            sent_at: now,
            starts,
            marked: false,
        });
    }

    /// How much the carrier still has to play.
    pub(crate) fn backlog(&self, now: Moment) -> Span {
        let now = self.heard_until(now);
        self.sent
            .back()
            .map_or(Span::ZERO, |last| (last.starts + last.length).since(now))
    }

    /// When the backlog falls below `backlog_low`, if anything waits to be sent.
    pub(crate) fn next_due_at(&self, backlog_low: Span) -> Option<Moment> {
        if self.queued.is_empty() {
            return None;
        }
        // One microsecond later, because "below" is strict.
        let refill = self.sent.back().map_or(Moment::START, |last| {
            last.starts + last.length + Span::from_micros(1) - backlog_low
        });
        Some(refill)
    }

    /// When the next piece ends, so that silence can be counted from what was heard.
    pub(crate) fn wake(&self) -> Option<Moment> {
        if self.held.is_some() {
            return None;
        }
        self.sent
            .front()
            .map(|head| match self.wait_for_mark(head) {
                Some(overdue) => overdue,
                None => head.starts + head.length,
            })
    }

    /// Anything sent and not yet played, or waiting to be sent.
    pub(crate) fn is_audible(&self) -> bool {
        !self.sent.is_empty() || !self.queued.is_empty()
    }

    pub(crate) fn has_sent(&self) -> bool {
        !self.sent.is_empty()
    }

    pub(crate) fn has_queued(&self) -> bool {
        !self.queued.is_empty()
    }

    /// All audio that is neither heard nor dropped.
    pub(crate) fn unheard(&self, now: Moment) -> Span {
        let queued = self
            .queued
            .iter()
            .fold(Span::ZERO, |sum, piece| sum + piece.length);
        self.backlog(now) + queued
    }

    /// True once after the last sound was heard to its end, by mark or by clock.
    pub(crate) fn take_ended(&mut self) -> bool {
        std::mem::take(&mut self.ended_unseen) && !self.is_audible()
    }

    pub(crate) fn ended_at(&self) -> Option<Moment> {
        self.ended_at
    }

    /// From sent to heard, as learned from marks; None where the leg does not tell.
    pub(crate) fn delay(&self) -> Option<Span> {
        match self.report {
            PlaybackReport::Marks => self.latency,
            PlaybackReport::Clock | PlaybackReport::Player => None,
        }
    }

    /// Audio whose samples are no longer needed.
    pub(crate) fn take_released(&mut self) -> Vec<AudioId> {
        std::mem::take(&mut self.released)
    }

    pub(crate) fn has_released(&self) -> bool {
        !self.released.is_empty()
    }

    /// The carrier played everything up to this mark. Unknown marks (of cleared pieces) change nothing.
    pub(crate) fn on_mark(&mut self, now: Moment, mark: MarkId) {
        let Some(index) = self.sent.iter().position(|sent| sent.mark == mark) else {
            return;
        };
        for sent in self.sent.iter_mut().take(index + 1) {
            sent.marked = true;
        }
        let marked = &self.sent[index];
        // A mark cannot come before its audio could have been played: then it lies, and the clock stays.
        let earliest = marked.sent_at + marked.length;
        if now + MARK_GRACE < earliest {
            return;
        }
        if index == 0 && marked.starts <= marked.sent_at + self.latency.unwrap_or_default() {
            self.learn_latency(now.since(earliest));
        }
        let ended = now - self.latency.unwrap_or_default().min(now.since(earliest));
        self.finish_through(index, ended);
        self.restart_after(ended);
        self.advance(now);
    }

    fn learn_latency(&mut self, round_trip: Span) {
        let one_way = Span::from_micros(round_trip.micros() / 2).min(LATENCY_MAX);
        self.latency = Some(match self.latency {
            // Falls at once and rises slowly: a late mark is usually a late process, not a longer line.
            Some(known) if one_way > known => {
                Span::from_micros((known.micros() * 7 + one_way.micros()) / 8)
            }
            _ => one_way,
        });
    }

    fn finish_through(&mut self, index: usize, ended: Moment) {
        for _ in 0..=index {
            if let Some(sent) = self.sent.pop_front() {
                self.finish(sent, ended);
            }
        }
    }

    fn finish(&mut self, sent: Sent, ended: Moment) {
        self.note_played(&sent.what, sent.starts, sent.length);
        if let What::Piece(piece) = sent.what {
            self.hear(piece.item, piece.ends_in_item());
            self.released.push(piece.audio);
        }
        if self.sent.is_empty() {
            self.ended_at = Some(ended);
            self.ended_unseen = self.queued.is_empty();
        }
    }

    /// Moves the clock of what follows to the moment the piece before it really ended.
    fn restart_after(&mut self, ended: Moment) {
        let latency = self.latency.unwrap_or_default();
        let mut next = ended;
        for sent in &mut self.sent {
            sent.starts = next.max(sent.sent_at + latency);
            next = sent.starts + sent.length;
        }
    }

    /// Books everything as heard that the clock says was played.
    pub(crate) fn advance(&mut self, now: Moment) {
        let now = self.heard_until(now);
        while let Some(head) = self.sent.front() {
            let ended = head.starts + head.length;
            let due = match self.wait_for_mark(head) {
                Some(overdue) => now >= overdue,
                None => now >= ended,
            };
            if !due {
                return;
            }
            if let Some(sent) = self.sent.pop_front() {
                self.finish(sent, ended);
            }
        }
    }

    /// For a piece whose mark is outstanding: when its mark counts as lost.
    fn wait_for_mark(&self, head: &Sent) -> Option<Moment> {
        (self.report == PlaybackReport::Marks && !head.marked)
            .then(|| head.starts + head.length + MARK_LOST_AFTER)
    }

    /// How much of the item was heard by now.
    pub(crate) fn heard(&self, now: Moment, item: ItemId) -> Span {
        self.heard_ahead(now, Span::ZERO, item)
    }

    /// How much of the item will have been heard a little later, if nothing is sent any more.
    fn heard_ahead(&self, now: Moment, ahead: Span, item: ItemId) -> Span {
        let now = self.heard_until(now);
        let mut heard = self.booked(item);
        let latency = self.latency.unwrap_or_default();
        for sent in &self.sent {
            let played = (now + ahead).since(sent.starts).min(sent.length);
            if let What::Piece(piece) = &sent.what
                && piece.item == item
                && !played.is_zero()
            {
                heard = heard.max(piece.starts_in_item + played);
            }
            let over_by = now.since(sent.starts + sent.length);
            let waits = self.report == PlaybackReport::Marks && !sent.marked;
            if waits && over_by > latency + MARK_GRACE {
                break;
            }
        }
        heard
    }

    /// How much of the item is known to be heard: what is still between two marks does not count.
    pub(crate) fn booked(&self, item: ItemId) -> Span {
        self.heard
            .iter()
            .rev()
            .find(|(known, _)| *known == item)
            .map_or(Span::ZERO, |(_, heard)| *heard)
    }

    fn hear(&mut self, item: ItemId, position: Span) {
        if let Some(entry) = self.heard.iter_mut().find(|(known, _)| *known == item) {
            entry.1 = entry.1.max(position);
            return;
        }
        if self.heard.len() == ITEMS_MAX {
            self.heard.pop_front();
        }
        self.heard.push_back((item, position));
    }

    /// The player's own word on how much it played before it stopped, never beyond what was sent.
    pub(crate) fn on_played(&mut self, item: ItemId, position: Span) {
        let sent = self
            .sent
            .iter()
            .filter_map(|sent| match &sent.what {
                What::Piece(piece) if piece.item == item => Some(piece.ends_in_item()),
                _ => None,
            })
            .max()
            .unwrap_or_else(|| self.booked(item));
        if let Some(entry) = self.heard.iter_mut().find(|(known, _)| *known == item) {
            entry.1 = position.min(sent);
        } else {
            self.hear(item, position.min(sent));
        }
    }

    /// The carrier's buffer is emptied now. What was not heard to its end goes back to the head of the queue,
    /// so that the reply can go on from the last mark if the interruption was none.
    pub(crate) fn clear(&mut self, now: Moment) {
        let now = self.heard_until(now);
        self.advance(now);
        // The clear itself travels, and what plays meanwhile is heard.
        let ahead = self.latency.unwrap_or_default();
        let items: Vec<ItemId> = self
            .sent
            .iter()
            .filter_map(|sent| sent.what.item())
            .collect();
        for item in items {
            let heard = self.heard_ahead(now, ahead, item);
            if !heard.is_zero() {
                self.hear(item, heard);
            }
        }
        self.note_played_until_clear(now, ahead);
        for sent in std::mem::take(&mut self.sent).into_iter().rev() {
            if let What::Piece(piece) = sent.what {
                self.queued.push_front(piece);
            }
        }
        self.ended_at = Some(now);
    }

    /// What the ear got of each piece before the clear arrived.
    fn note_played_until_clear(&mut self, now: Moment, ahead: Span) {
        let sent = std::mem::take(&mut self.sent);
        for piece in &sent {
            let played = (now + ahead).since(piece.starts).min(piece.length);
            self.note_played(&piece.what, piece.starts, played);
        }
        self.sent = sent;
    }

    fn note_played(&mut self, what: &What, starts: Moment, length: Span) {
        if !self.keeps_played || length.is_zero() {
            return;
        }
        let what = match what {
            What::Piece(piece) => HeardAudio::Agent(piece.audio),
            What::Phrase => HeardAudio::Phrase(Phrase::Filler),
        };
        self.played.push(RecordingStep::Heard {
            what,
            starts,
            length,
        });
    }

    /// From here what is heard is noted, or no longer.
    pub(crate) fn keep_played(&mut self, keeps: bool) {
        self.keeps_played = keeps;
        self.played.clear();
    }

    pub(crate) fn take_played(&mut self) -> Vec<RecordingStep> {
        std::mem::take(&mut self.played)
    }

    /// Gives up everything that was not sent.
    pub(crate) fn drop_queued(&mut self) {
        self.released
            .extend(self.queued.drain(..).map(|piece| piece.audio));
    }

    /// Level of our own sound at the caller's ear at this moment, for the echo estimate.
    pub(crate) fn level_at(&self, now: Moment) -> Option<i8> {
        let playing = self
            .sent
            .iter()
            .find(|sent| now >= sent.starts && now < sent.starts + sent.length)?;
        let What::Piece(piece) = &playing.what else {
            return None;
        };
        let slot = usize::try_from(now.since(playing.starts).millis() / 20).unwrap_or(usize::MAX);
        piece.levels_dbfs.get(slot).copied()
    }
}

impl What {
    fn item(&self) -> Option<ItemId> {
        match self {
            Self::Piece(piece) => Some(piece.item),
            Self::Phrase => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: Span = Span::from_millis(200);

    fn at(millis: u64) -> Moment {
        Moment::from_millis(millis)
    }

    fn ms(millis: u64) -> Span {
        Span::from_millis(millis)
    }

    fn queued(report: PlaybackReport, pieces: u32) -> Playback {
        let mut playback = Playback::new(report);
        for number in 0..pieces {
            playback.queue(Piece {
                audio: AudioId(number),
                item: ItemId(1),
                starts_in_item: ms(u64::from(number) * 200),
                length: ms(200),
                levels_dbfs: Vec::new(),
            });
        }
        playback
    }

    fn send_all_due(playback: &mut Playback, now: Moment) -> Vec<MarkId> {
        std::iter::from_fn(|| playback.next_due(now, LOW))
            .take(100)
            .map(|due| due.mark)
            .collect()
    }

    #[test]
    fn backlog_stays_between_200_and_400_ms() {
        let mut playback = queued(PlaybackReport::Clock, 20);
        for now in (0..3_000).step_by(20) {
            playback.advance(at(now));
            send_all_due(&mut playback, at(now));
            let backlog = playback.backlog(at(now)).millis();
            assert!((200..=400).contains(&backlog), "{backlog} ms at {now}");
        }
    }

    #[test]
    fn the_position_follows_the_clock_between_marks() {
        let mut playback = queued(PlaybackReport::Marks, 4);
        let marks = send_all_due(&mut playback, at(1_000));
        assert_eq!(marks.len(), 1, "200 ms are enough for now");
        assert_eq!(playback.heard(at(1_070), ItemId(1)), ms(70));
        send_all_due(&mut playback, at(1_020));
        playback.on_mark(at(1_200), marks[0]);
        assert_eq!(playback.heard(at(1_250), ItemId(1)), ms(250));
    }

    #[test]
    fn s4_heard_never_exceeds_sent_whatever_the_marks_say() {
        let mut playback = queued(PlaybackReport::Marks, 4);
        let marks = send_all_due(&mut playback, at(0));
        playback.on_mark(at(1), marks[0]);
        playback.on_mark(at(2), MarkId(999));
        assert_eq!(
            playback.heard(at(3), ItemId(1)),
            ms(3),
            "an early mark does not move the clock"
        );
        assert_eq!(
            playback.heard(at(60_000), ItemId(1)),
            ms(200),
            "only 200 ms were ever sent"
        );
    }

    #[test]
    fn s4_a_stalled_carrier_does_not_hear_on() {
        let mut playback = queued(PlaybackReport::Marks, 4);
        send_all_due(&mut playback, at(0));
        send_all_due(&mut playback, at(10));
        assert_eq!(
            playback.heard(at(390), ItemId(1)),
            ms(200),
            "the first mark is 190 ms late"
        );
    }

    #[test]
    fn a_lost_mark_stops_nothing_for_good() {
        let mut playback = queued(PlaybackReport::Marks, 8);
        let mut sent = 0;
        for now in (0..6_000).step_by(20) {
            playback.advance(at(now));
            sent += send_all_due(&mut playback, at(now)).len();
        }
        assert_eq!(sent, 8);
        assert!(!playback.is_audible());
    }

    #[test]
    fn a_clear_fixes_the_position_and_keeps_the_rest_for_a_resume() {
        let mut playback = queued(PlaybackReport::Marks, 3);
        let first = send_all_due(&mut playback, at(0));
        let second = send_all_due(&mut playback, at(10));
        playback.on_mark(at(200), first[0]);
        playback.clear(at(270));
        playback.on_mark(at(275), second[0]);
        assert_eq!(playback.heard(at(400), ItemId(1)), ms(270));
        assert_eq!(playback.take_released(), vec![AudioId(0)]);
        let again = playback
            .next_due(at(500), LOW)
            .expect("the second piece plays again");
        assert_eq!(again.audio, AudioId(1));
    }

    #[test]
    fn the_delay_of_the_line_is_learned_from_marks() {
        let mut playback = queued(PlaybackReport::Marks, 3);
        let first = send_all_due(&mut playback, at(0));
        send_all_due(&mut playback, at(10));
        // 40 ms there, 200 ms of audio, 40 ms back.
        playback.on_mark(at(280), first[0]);
        assert_eq!(
            playback.heard(at(300), ItemId(1)),
            ms(260),
            "played since 240, we hear of it 40 ms later"
        );
    }

    #[test]
    fn a_player_reports_its_own_position_but_never_more_than_was_sent() {
        let mut playback = queued(PlaybackReport::Player, 2);
        send_all_due(&mut playback, at(0));
        playback.clear(at(150));
        playback.on_played(ItemId(1), ms(120));
        assert_eq!(playback.heard(at(500), ItemId(1)), ms(120));
        playback.on_played(ItemId(1), ms(90_000));
        assert!(playback.heard(at(500), ItemId(1)) <= ms(200));
    }
}
