//! The line between a live call and the person of staff who has the caller. Neither side waits for the other: audio that
//! one does not take in time is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use switchboard_media::frame::AudioFormat;
use switchboard_media::resample::{ResampleError, Resampler};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use crate::drive::{DriveHandle, DriveInput};
use crate::model::Payload;

/// What the person's page sends and gets, whatever the call speaks.
pub const STAFF_RATE_HZ: u32 = 24_000;
/// Pieces of the caller that may wait for the person: some two seconds.
const WAITING_MAX: usize = 100;
/// Pieces of the person that may wait for the call: a second. A call that is slower than that is broken.
const SAID_MAX: usize = 50;
/// The person's voice goes to the call in pieces of a frame each.
const PIECE_MS: u32 = 20;

/// What a call tells the person.
#[derive(Debug)]
pub enum ToStaff {
    /// A piece of the caller, in the format of the leg.
    Caller(Payload),
    /// They have the caller no more.
    Over(StaffOver),
}

/// Why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaffOver {
    /// The agent has the caller again.
    GivenBack,
    /// The caller goes to another human.
    HandedOff,
    /// The call is over.
    Ended,
}

impl StaffOver {
    /// Stable name for pages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GivenBack => "given_back",
            Self::HandedOff => "handed_off",
            Self::Ended => "ended",
        }
    }
}

/// Why somebody does not get the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTaken {
    /// Somebody else has them.
    Already,
    /// There is no conversation that a person could go on with.
    NotNow,
}

/// Somebody wants the caller.
#[derive(Debug)]
pub struct TakeOver {
    /// Their line.
    pub line: StaffLine,
    /// What the leg speaks, or why not.
    pub answer: oneshot::Sender<Result<AudioFormat, NotTaken>>,
}

/// What the person does.
#[derive(Debug)]
pub enum FromStaff {
    /// Says a piece, in the format of the leg. The permit counts it while it waits.
    Said(Payload, OwnedSemaphorePermit),
    /// Gives the caller back.
    GiveBack,
    /// Is gone.
    Lost,
}

/// The call's end of a line.
#[derive(Debug)]
pub struct StaffLine {
    id: u64,
    sender: mpsc::Sender<ToStaff>,
}

impl StaffLine {
    /// Which line it is.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Tells the person something. What they do not take in time they do not hear.
    pub fn tell(&self, what: ToStaff) {
        let _ = self.sender.try_send(what);
    }
}

/// The person's end of a line. Dropped, the call is told that they are gone.
#[derive(Debug)]
pub struct StaffEnd {
    id: u64,
    coming: mpsc::Receiver<ToStaff>,
    call: DriveHandle,
    room: Arc<Semaphore>,
}

impl StaffEnd {
    /// Asks a call for its caller.
    ///
    /// # Errors
    /// Why not; `None` when the call is over.
    pub async fn take_over(call: DriveHandle) -> Result<(Self, AudioFormat), Option<NotTaken>> {
        static LINES: AtomicU64 = AtomicU64::new(1);
        let id = LINES.fetch_add(1, Ordering::Relaxed);
        let (sender, coming) = mpsc::channel(WAITING_MAX);
        let (answer, answered) = oneshot::channel();
        let line = StaffLine { id, sender };
        let end = Self {
            id,
            coming,
            call,
            room: Arc::new(Semaphore::new(SAID_MAX)),
        };
        let asked = DriveInput::TakeOver(Box::new(TakeOver { line, answer }));
        end.call.send(asked);
        match answered.await {
            Ok(Ok(format)) => Ok((end, format)),
            Ok(Err(why)) => Err(Some(why)),
            Err(_) => Err(None),
        }
    }

    /// What comes from the call next; None when it is over.
    pub async fn next(&mut self) -> Option<ToStaff> {
        self.coming.recv().await
    }

    /// Says a piece to the caller.
    pub fn say(&self, piece: Payload) {
        match Arc::clone(&self.room).try_acquire_owned() {
            Ok(permit) => self.tell(FromStaff::Said(piece, permit)),
            Err(_) => {
                metrics::counter!("switchboard_audio_dropped_total", "reason" => "staff_unheard")
                    .increment(1);
            }
        }
    }

    /// Gives the caller back to the agent.
    pub fn give_back(&self) {
        self.tell(FromStaff::GiveBack);
    }

    fn tell(&self, what: FromStaff) {
        self.call.send(DriveInput::Staff(self.id, what));
    }
}

impl Drop for StaffEnd {
    fn drop(&mut self) {
        self.tell(FromStaff::Lost);
    }
}

/// Both voices on their way between the page's format and the leg's.
pub struct Voices {
    format: AudioFormat,
    to_page: Resampler,
    to_leg: Resampler,
    /// Samples of the person that do not fill a piece yet.
    said: Vec<i16>,
    scratch: Vec<u8>,
}

impl Voices {
    /// For a leg that speaks `format`.
    ///
    /// # Errors
    /// A rate that no resampler knows.
    pub fn new(format: AudioFormat) -> Result<Self, ResampleError> {
        Ok(Self {
            format,
            to_page: Resampler::new(format.rate_hz(), STAFF_RATE_HZ)?,
            to_leg: Resampler::new(STAFF_RATE_HZ, format.rate_hz())?,
            said: Vec::new(),
            scratch: Vec::new(),
        })
    }

    /// The caller as the page gets it: little-endian 16-bit samples.
    pub fn caller(&mut self, payload: &Payload) -> Vec<u8> {
        let mut samples = Vec::new();
        if let Some(bytes) = payload.bytes(&mut self.scratch) {
            self.format.decode_onto(bytes, &mut samples);
        }
        let mut heard = Vec::new();
        self.to_page.process(&samples, &mut heard);
        heard.iter().flat_map(|it| it.to_le_bytes()).collect()
    }

    /// The whole pieces that these samples of the page complete. An odd last byte is no sample.
    pub fn staff(&mut self, bytes: &[u8]) -> Vec<Payload> {
        let (pairs, _odd) = bytes.as_chunks();
        let samples: Vec<i16> = pairs.iter().copied().map(i16::from_le_bytes).collect();
        self.to_leg.process(&samples, &mut self.said);
        let piece = (self.format.rate_hz() * PIECE_MS / 1_000) as usize;
        let whole = self.said.len() / piece * piece;
        let said: Vec<i16> = self.said.drain(..whole).collect();
        said.chunks(piece)
            .map(|samples| Payload::Raw(self.format.encode_from_pcm(samples).into()))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_page_sends_comes_out_in_whole_frames_and_none_is_lost() {
        let mut voices = Voices::new(AudioFormat::Ulaw8k).expect("a known rate");
        // Messages of 13 ms and an odd byte.
        let message = vec![0_u8; 2 * 24 * 13 + 1];
        let pieces: Vec<Payload> = (0..100).flat_map(|_| voices.staff(&message)).collect();
        assert!(pieces.iter().all(|piece| piece.len() == 160));
        // 1,300 ms, less what the filter and the last frame hold.
        assert!((62..=65).contains(&pieces.len()), "{}", pieces.len());
    }

    #[test]
    fn the_caller_comes_at_the_pages_rate() {
        let mut voices = Voices::new(AudioFormat::Ulaw8k).expect("a known rate");
        let frame = Payload::Raw(AudioFormat::Ulaw8k.silence(20).into());
        let bytes: usize = (0..50).map(|_| voices.caller(&frame).len()).sum();
        let ms = bytes / 2 / 24;
        assert!((960..=1_000).contains(&ms), "{ms} ms");
    }
}
