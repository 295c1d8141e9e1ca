//! Changing the sample rate of a stream.
//!
//! Works in blocks of 20 ms, the carrier's own frame, with a linear-phase filter: any event comes out 10 ms later than
//! it went in, at every pair of rates, and at least 91 % of the narrower band passes. Chunks of any size may be pushed; the
//! samples that come out are the same however the input was cut.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _};
use thiserror::Error;

/// Rates the resampler accepts, in Hz. 22050 and 44100 are what espeak-ng and sound files speak.
pub const RATES_HZ: [u32; 7] = [8_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

/// Length of one block in ms: one carrier frame, so a frame pushed is a frame returned.
const BLOCK_MS: usize = 20;

/// Why a resampler could not be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ResampleError {
    /// The rate is none of [`RATES_HZ`].
    #[error("sample rate {rate_hz} Hz is not supported")]
    UnsupportedRate { rate_hz: u32 },
}

/// One mono stream from one rate to another.
#[derive(Debug)]
pub struct Resampler {
    from_hz: u32,
    to_hz: u32,
    /// None when both rates are equal: samples are copied.
    blocks: Option<Blocks>,
}

impl Resampler {
    /// Both rates must be in [`RATES_HZ`]; equal rates copy and add no delay.
    pub fn new(from_hz: u32, to_hz: u32) -> Result<Self, ResampleError> {
        for rate_hz in [from_hz, to_hz] {
            if !RATES_HZ.contains(&rate_hz) {
                return Err(ResampleError::UnsupportedRate { rate_hz });
            }
        }
        let blocks = (from_hz != to_hz).then(|| Blocks::new(from_hz, to_hz));
        Ok(Self {
            from_hz,
            to_hz,
            blocks,
        })
    }

    /// How many samples of the output rate pass before the first input sample is heard: 10 ms, 0 for equal rates.
    pub fn delay_samples(&self) -> usize {
        let delay = |blocks: &Blocks| blocks.fft.output_delay();
        self.blocks.as_ref().map_or(0, delay)
    }

    /// Appends every whole block that `input` completes; up to 20 ms stay inside until the next call.
    pub fn process(&mut self, input: &[i16], output: &mut Vec<i16>) {
        match &mut self.blocks {
            Some(blocks) => blocks.push(input, output),
            None => output.extend_from_slice(input),
        }
    }

    /// Ends the stream: appends what is still inside and begins anew.
    ///
    /// Over the whole stream the output then has the input's duration plus [`Self::delay_samples`].
    pub fn flush(&mut self, output: &mut Vec<i16>) {
        if let Some(blocks) = &mut self.blocks {
            blocks.flush(output, u64::from(self.from_hz), u64::from(self.to_hz));
        }
    }
}

/// A whole clip, without the filter's delay: output and input start at the same moment and last equally long.
pub fn resample_clip(clip: &[i16], from_hz: u32, to_hz: u32) -> Result<Vec<i16>, ResampleError> {
    let mut resampler = Resampler::new(from_hz, to_hz)?;
    let mut output = Vec::new();
    resampler.process(clip, &mut output);
    resampler.flush(&mut output);
    output.drain(..resampler.delay_samples().min(output.len()));
    Ok(output)
}

/// Collects input into blocks of fixed size, because the FFT takes nothing else.
struct Blocks {
    fft: Fft<f32>,
    input: Vec<f32>,
    output: Vec<f32>,
    pushed_samples: u64,
    emitted_samples: u64,
}

impl std::fmt::Debug for Blocks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Blocks")
            .field("waiting_samples", &self.input.len())
            .field("pushed_samples", &self.pushed_samples)
            .finish_non_exhaustive()
    }
}

impl Blocks {
    fn new(from_hz: u32, to_hz: u32) -> Self {
        let (from, to) = (from_hz as usize, to_hz as usize);
        let block = from * BLOCK_MS / 1_000;
        let fft = Fft::new(from, to, block, 1, FixedSync::Both)
            .expect("rates and block size are not zero, checked by the caller");
        Self {
            input: Vec::with_capacity(fft.input_frames_next()),
            output: vec![0.0; fft.output_frames_next()],
            fft,
            pushed_samples: 0,
            emitted_samples: 0,
        }
    }

    fn push(&mut self, mut input: &[i16], output: &mut Vec<i16>) {
        self.pushed_samples += input.len() as u64;
        let block = self.fft.input_frames_next();
        while !input.is_empty() {
            let (now, later) = input.split_at(input.len().min(block - self.input.len()));
            self.input
                .extend(now.iter().map(|&sample| f32::from(sample)));
            input = later;
            if self.input.len() == block {
                self.turn_block(output);
            }
        }
    }

    fn turn_block(&mut self, output: &mut Vec<i16>) {
        let (frames_in, frames_out) = (self.input.len(), self.output.len());
        let from = InterleavedSlice::new(&self.input, 1, frames_in).expect("one mono block");
        let mut to =
            InterleavedSlice::new_mut(&mut self.output, 1, frames_out).expect("one mono block");
        self.fft
            .process_into_buffer(&from, &mut to, None)
            .expect("both blocks have the size the resampler asked for");
        // The cast saturates: a filter overshoots full scale instead of wrapping round.
        output.extend(self.output.iter().map(|sample| sample.round() as i16));
        self.emitted_samples += frames_out as u64;
        self.input.clear();
    }

    fn flush(&mut self, output: &mut Vec<i16>, from_hz: u64, to_hz: u64) {
        let lasts = (self.pushed_samples * to_hz).div_ceil(from_hz);
        let wanted = lasts + self.fft.output_delay() as u64;
        while self.emitted_samples < wanted {
            self.input.resize(self.fft.input_frames_next(), 0.0);
            self.turn_block(output);
        }
        let surplus = (self.emitted_samples - wanted) as usize;
        output.truncate(output.len().saturating_sub(surplus));
        self.fft.reset();
        self.input.clear();
        (self.pushed_samples, self.emitted_samples) = (0, 0);
    }
}
