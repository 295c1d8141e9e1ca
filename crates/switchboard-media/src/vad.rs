//! Is there a voice? A score for every 16 ms of sound, by the earshot network.
//!
//! A score says nothing about who speaks or whether a turn began; [`crate::speech`] turns scores into utterances.
//! Costs about 0.3 ms of CPU per second of sound, so run it only where its answer is used.

use crate::doubling::Doubler;
use crate::resample::{ResampleError, Resampler};

/// The rate the network was trained at.
const MODEL_RATE_HZ: u32 = 16_000;
/// The frame the network takes, in samples at its own rate.
const FRAME_SAMPLES: usize = 256;
/// Length of the frame of one score, in ms.
pub const VAD_FRAME_MS: u64 = 16;

/// The score of one frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VadFrame {
    /// Where the frame begins on the pushed audio, in ms, the resampler's delay already taken off.
    pub at_ms: u64,
    /// 0 no voice, 1 voice; 0.5 is the usual border.
    pub score: f32,
}

/// Scores one mono stream.
pub struct Vad {
    detector: Box<earshot::Detector>,
    rate: Rate,
    delay_ms: u64,
    /// Samples at the model's rate that do not make a whole frame yet.
    waiting: Vec<i16>,
    frames: u64,
    scored: Vec<VadFrame>,
}

/// The way to the model's rate.
#[derive(Debug)]
enum Rate {
    /// From 8 kHz, where interruptions of telephone calls are judged: cheap to make and to run.
    Doubled(Doubler),
    /// From any other.
    Resampled(Box<Resampler>),
}

impl Rate {
    fn new(rate_hz: u32) -> Result<Self, ResampleError> {
        if rate_hz * 2 == MODEL_RATE_HZ {
            return Ok(Self::Doubled(Doubler::new()));
        }
        Ok(Self::Resampled(Box::new(Resampler::new(
            rate_hz,
            MODEL_RATE_HZ,
        )?)))
    }

    fn delay_samples(&self) -> usize {
        match self {
            Self::Doubled(_) => Doubler::delay_samples(),
            Self::Resampled(resampler) => resampler.delay_samples(),
        }
    }

    fn process(&mut self, pcm: &[i16], output: &mut Vec<i16>) {
        match self {
            Self::Doubled(doubler) => doubler.process(pcm, output),
            Self::Resampled(resampler) => resampler.process(pcm, output),
        }
    }
}

impl Vad {
    /// Takes PCM at any of [`crate::resample::RATES_HZ`].
    pub fn new(rate_hz: u32) -> Result<Self, ResampleError> {
        let rate = Rate::new(rate_hz)?;
        let delay_ms = rate.delay_samples() as u64 * 1_000 / u64::from(MODEL_RATE_HZ);
        Ok(Self {
            detector: earshot::Detector::default_boxed(),
            rate,
            delay_ms,
            waiting: Vec::new(),
            frames: 0,
            scored: Vec::new(),
        })
    }

    /// Takes a chunk of any length and hands out the frames it completes. All of it is heard even if none is taken.
    pub fn push(&mut self, pcm: &[i16]) -> impl Iterator<Item = VadFrame> + '_ {
        self.rate.process(pcm, &mut self.waiting);
        let (frames, _rest) = self.waiting.as_chunks::<FRAME_SAMPLES>();
        for frame in frames {
            let begins_ms = self.frames * VAD_FRAME_MS;
            self.scored.push(VadFrame {
                at_ms: begins_ms.saturating_sub(self.delay_ms),
                score: self.detector.predict_i16(frame),
            });
            self.frames += 1;
        }
        let taken = frames.len() * FRAME_SAMPLES;
        self.waiting.drain(..taken);
        self.scored.drain(..)
    }
}

impl std::fmt::Debug for Vad {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vad")
            .field("rate", &self.rate)
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}
