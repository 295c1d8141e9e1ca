//! One thread of the recorder: decodes, lays out, encodes and writes the recordings that were given to it.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufWriter};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use switchboard_call::Span;
use switchboard_media::frame::AudioFormat;
use switchboard_media::ogg_opus::{OggOpusError, OggOpusWriter};
use switchboard_store::RecordingId;
use tokio::sync::mpsc::UnboundedSender;

use super::Recording;
use super::shelving::{Finished, Outcome};
use super::timeline::Timeline;
use crate::model::Payload;

/// What we say is known as heard when it was played, so that the sides do not come in step. Longer than any piece.
const LAG_US: i64 = 10_000_000;

/// Which channel.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    /// Left.
    Caller,
    /// Right.
    Agent,
}

/// What a tap says. Positions are microseconds from the recording's beginning.
#[derive(Debug)]
pub(super) enum Note {
    Begin(Box<Begin>),
    Sound(Sound),
    Pause(RecordingId, i64),
    Resume(RecordingId, i64),
    Discard(RecordingId),
    Finish {
        id: RecordingId,
        at_us: i64,
        dropped: Span,
    },
}

#[derive(Debug)]
pub(super) struct Begin {
    pub(super) recording: Recording,
    pub(super) path: PathBuf,
    pub(super) format: AudioFormat,
    /// Pieces on their way to this thread.
    pub(super) waiting: Arc<AtomicUsize>,
}

#[derive(Debug)]
pub(super) struct Sound {
    pub(super) id: RecordingId,
    pub(super) side: Side,
    pub(super) at_us: i64,
    pub(super) payload: Payload,
    pub(super) length_us: u64,
}

/// Works until the recorder is gone.
pub(super) fn run(notes: &mpsc::Receiver<Note>, finished: &UnboundedSender<Finished>) {
    let mut tracks: HashMap<RecordingId, Track> = HashMap::new();
    while let Ok(note) = notes.recv() {
        match note {
            Note::Begin(begin) => {
                tracks.insert(begin.recording.id, Track::begin(*begin));
            }
            Note::Sound(sound) => {
                if let Some(track) = tracks.get_mut(&sound.id) {
                    track.hear(&sound);
                }
            }
            Note::Pause(id, at_us) => {
                if let Some(track) = tracks.get_mut(&id) {
                    track.timeline.go_blind(at_us);
                }
            }
            Note::Resume(id, at_us) => {
                if let Some(track) = tracks.get_mut(&id) {
                    track.timeline.see(at_us);
                }
            }
            Note::Discard(id) => {
                if let Some(track) = tracks.remove(&id) {
                    let _ = finished.send(track.discard());
                }
            }
            Note::Finish { id, at_us, dropped } => {
                if let Some(track) = tracks.remove(&id) {
                    let _ = finished.send(track.finish(at_us, dropped));
                }
            }
        }
    }
}

struct Track {
    begin: Begin,
    timeline: Timeline,
    /// None once it broke.
    file: Option<OggOpusWriter<BufWriter<File>>>,
    samples: u64,
    bytes: Vec<u8>,
    pcm: Vec<i16>,
}

impl Track {
    fn begin(begin: Begin) -> Self {
        let rate_hz = begin.format.rate_hz();
        let file = create(&begin.path)
            .map_err(OggOpusError::Sink)
            .and_then(|file| OggOpusWriter::new(BufWriter::new(file), rate_hz));
        let mut track = Self {
            timeline: Timeline::new(rate_hz),
            begin,
            file: None,
            samples: 0,
            bytes: Vec::new(),
            pcm: Vec::new(),
        };
        match file {
            Ok(file) => track.file = Some(file),
            Err(error) => track.broke(&error),
        }
        track
    }

    fn broke(&mut self, error: &OggOpusError) {
        self.file = None;
        let call_id = self.begin.recording.of.call;
        let cause = std::error::Error::source(error).map(ToString::to_string);
        tracing::error!(%call_id, %error, cause, "a recording broke");
    }

    fn hear(&mut self, sound: &Sound) {
        self.begin.waiting.fetch_sub(1, Ordering::Relaxed);
        if self.file.is_none() {
            return;
        }
        let format = self.begin.format;
        let Some(bytes) = sound.payload.bytes(&mut self.bytes) else {
            return;
        };
        let heard = usize::try_from(sound.length_us / 1_000).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(format.bytes_of(heard as u64))];
        self.pcm.clear();
        format.decode_onto(bytes, &mut self.pcm);
        match sound.side {
            Side::Caller => {
                self.timeline.push_live(0, sound.at_us, &self.pcm);
                self.write_until(sound.at_us - LAG_US);
            }
            Side::Agent => self.timeline.push_at(1, sound.at_us, &self.pcm),
        }
    }

    fn write_until(&mut self, at_us: i64) {
        let (left, right) = self.timeline.take_until(at_us);
        let Some(file) = self.file.as_mut().filter(|_| !left.is_empty()) else {
            return;
        };
        match file.push(&left, &right) {
            Ok(()) => self.samples = file.samples(),
            Err(error) => self.broke(&error),
        }
    }

    fn finish(mut self, at_us: i64, dropped: Span) -> Finished {
        self.write_until(at_us);
        let ended = self.file.take().map(end);
        let outcome = match ended {
            Some(Ok(())) => Outcome::Whole,
            Some(Err(error)) => {
                self.broke(&error);
                Outcome::Broken
            }
            None => Outcome::Broken,
        };
        self.into_finished(outcome, dropped)
    }

    fn discard(mut self) -> Finished {
        self.file = None;
        if let Err(error) = fs::remove_file(&self.begin.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            let call_id = self.begin.recording.of.call;
            tracing::error!(%call_id, %error, "a withdrawn recording could not be removed");
        }
        self.into_finished(Outcome::Discarded, Span::ZERO)
    }

    fn into_finished(self, outcome: Outcome, dropped: Span) -> Finished {
        let rate_hz = u64::from(self.begin.format.rate_hz());
        Finished {
            length_ms: self.samples * 1_000 / rate_hz.max(1),
            recording: self.begin.recording,
            path: self.begin.path,
            outcome,
            dropped,
        }
    }
}

/// A file for the server alone.
fn create(path: &std::path::Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
}

fn end(file: OggOpusWriter<BufWriter<File>>) -> Result<(), OggOpusError> {
    let buffered = file.finish()?;
    let file = buffered
        .into_inner()
        .map_err(|error| OggOpusError::Sink(error.into_error()))?;
    file.sync_all().map_err(OggOpusError::Sink)
}
