//! What a call holds of its recording: it copies pieces into a bounded queue and counts what does not fit.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use metrics::counter;
use switchboard_call::{Moment, Span};
use switchboard_media::frame::AudioFormat;
use switchboard_store::{JournalWrite, RecordingId};

use super::lane::{Begin, Note, Side, Sound};
use super::{RecordedCall, Recorder, Recording, files, shelving};
use crate::model::Payload;
use crate::ops::metrics::names;

/// Pieces of one call that may wait for a thread: half a minute of both sides. What comes beyond is silence in the
/// recording, and counted.
const PIECES_MAX: usize = 1_600;

/// The recording of one live call. Dropped without an end, as by a panic, it ends where it is.
#[derive(Debug)]
pub struct RecordingTap {
    lane: mpsc::Sender<Note>,
    id: RecordingId,
    began: Moment,
    last: Moment,
    waiting: Arc<AtomicUsize>,
    dropped: Span,
    is_paused: bool,
    is_over: bool,
}

impl Recorder {
    /// Begins a recording at this moment of a call whose audio has this format.
    pub fn begin(&self, of: RecordedCall, format: AudioFormat, now: Moment) -> RecordingTap {
        let offset =
            chrono::Duration::milliseconds(i64::try_from(now.millis()).unwrap_or(i64::MAX / 2));
        let recording = Recording {
            of,
            id: RecordingId::new(),
            started_at: of.offered_at + offset,
            offset_ms: offset.num_milliseconds(),
        };
        self.journal.write(
            of.tenant,
            JournalWrite::Recording(shelving::begun(&recording)),
        );
        self.open.fetch_add(1, Ordering::AcqRel);
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let tap = RecordingTap {
            lane: self.lanes[turn % self.lanes.len()].clone(),
            id: recording.id,
            began: now,
            last: now,
            waiting: Arc::default(),
            dropped: Span::ZERO,
            is_paused: false,
            is_over: false,
        };
        let path = files::path_of(&self.folder, &recording);
        tap.tell(Note::Begin(Box::new(Begin {
            recording,
            path,
            format,
            waiting: Arc::clone(&tap.waiting),
        })));
        tap
    }
}

impl RecordingTap {
    /// A piece of the caller that arrived at `now`.
    pub fn caller(&mut self, now: Moment, payload: Payload, length: Span) {
        self.last = now;
        if !self.is_paused {
            self.sound(Side::Caller, now - length, payload, length);
        }
    }

    /// The first `length` of a piece of ours that the caller began to hear at `starts`.
    pub fn agent(&mut self, starts: Moment, payload: Payload, length: Span) {
        self.sound(Side::Agent, starts, payload, length);
    }

    /// Nobody listens from here: both sides are silence.
    pub fn pause(&mut self, now: Moment) {
        self.is_paused = true;
        self.tell(Note::Pause(self.id, self.position(now)));
    }

    /// Everybody listens again.
    pub fn resume(&mut self, now: Moment) {
        self.is_paused = false;
        self.tell(Note::Resume(self.id, self.position(now)));
    }

    /// The consent was taken back: the recording is over and leaves nothing.
    pub fn discard(mut self) {
        self.is_over = true;
        self.tell(Note::Discard(self.id));
    }

    /// The call is over.
    pub fn finish(mut self, now: Moment) {
        self.last = now;
    }

    fn sound(&mut self, side: Side, at: Moment, payload: Payload, length: Span) {
        if self.waiting.load(Ordering::Relaxed) >= PIECES_MAX {
            self.dropped = self.dropped + length;
            counter!(names::RECORDING_DROPPED_MS_TOTAL).increment(length.millis());
            return;
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.tell(Note::Sound(Sound {
            id: self.id,
            side,
            at_us: self.position(at),
            payload,
            length_us: length.micros(),
        }));
    }

    /// Microseconds from the recording's beginning; negative before it.
    fn position(&self, at: Moment) -> i64 {
        let whole = |moment: Moment| i64::try_from(moment.micros()).unwrap_or(i64::MAX);
        whole(at).saturating_sub(whole(self.began))
    }

    fn tell(&self, note: Note) {
        // A thread that is gone has been counted with its recordings.
        let _ = self.lane.send(note);
    }
}

impl Drop for RecordingTap {
    fn drop(&mut self) {
        if !self.is_over {
            let at_us = self.position(self.last);
            self.tell(Note::Finish {
                id: self.id,
                at_us,
                dropped: self.dropped,
            });
        }
    }
}
