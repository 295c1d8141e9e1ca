//! From one [`AudioFormat`] to another as a stream: decode, resample, encode.

use crate::frame::AudioFormat;
use crate::resample::{ResampleError, Resampler};

/// One direction of one leg. Equal formats pass untouched, with no delay.
#[derive(Debug)]
pub struct Transcoder {
    from: AudioFormat,
    to: AudioFormat,
    resampler: Resampler,
    /// First half of a PCM sample whose second half is in the next chunk.
    odd_byte: Option<u8>,
    /// Kept between chunks only to spare allocations.
    decoded: Vec<i16>,
    resampled: Vec<i16>,
}

impl Transcoder {
    /// Fails only for PCM rates the resampler does not know.
    pub fn new(from: AudioFormat, to: AudioFormat) -> Result<Self, ResampleError> {
        Ok(Self {
            from,
            to,
            resampler: Resampler::new(from.rate_hz(), to.rate_hz())?,
            odd_byte: None,
            decoded: Vec::new(),
            resampled: Vec::new(),
        })
    }

    /// True when bytes come out as they went in.
    pub fn is_pass_through(&self) -> bool {
        self.from == self.to
    }

    /// How much later sound comes out than it went in, in ms: 0 at equal rates, else 10.
    pub fn delay_ms(&self) -> u64 {
        self.resampler.delay_samples() as u64 * 1_000 / u64::from(self.to.rate_hz())
    }

    /// Appends what `bytes` completes. Chunks may end inside a sample.
    pub fn transcode(&mut self, bytes: &[u8], output: &mut Vec<u8>) {
        if self.is_pass_through() {
            return output.extend_from_slice(bytes);
        }
        self.decode(bytes);
        self.resampled.clear();
        self.resampler.process(&self.decoded, &mut self.resampled);
        self.to.encode_onto(&self.resampled, output);
    }

    /// Ends the stream, or a reply within it: appends what is still inside and begins anew.
    pub fn flush(&mut self, output: &mut Vec<u8>) {
        self.odd_byte = None;
        self.resampled.clear();
        self.resampler.flush(&mut self.resampled);
        self.to.encode_onto(&self.resampled, output);
    }

    fn decode(&mut self, mut bytes: &[u8]) {
        self.decoded.clear();
        if self.from.sample_bytes() == 2 {
            if let (Some(low), Some((&high, rest))) = (self.odd_byte, bytes.split_first()) {
                self.decoded.push(i16::from_le_bytes([low, high]));
                self.odd_byte = None;
                bytes = rest;
            }
            if let (true, Some((&last, whole))) = (bytes.len() % 2 == 1, bytes.split_last()) {
                self.odd_byte = Some(last);
                bytes = whole;
            }
        }
        self.from.decode_onto(bytes, &mut self.decoded);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone;

    const PCM_24K: AudioFormat = AudioFormat::Pcm16 { rate_hz: 24_000 };

    #[test]
    fn equal_formats_pass_untouched() {
        let mut transcoder = Transcoder::new(AudioFormat::Ulaw8k, AudioFormat::Ulaw8k).unwrap();
        let mut output = Vec::new();
        transcoder.transcode(&[0x7F, 0x00, 0x55], &mut output);
        transcoder.flush(&mut output);
        assert_eq!(output, [0x7F, 0x00, 0x55]);
        assert_eq!(transcoder.delay_ms(), 0);
    }

    #[test]
    fn chunks_that_split_a_sample_change_nothing() {
        let clip = PCM_24K.encode_from_pcm(&tone::sine(24_000, 700.0, 200, 0.5));
        let whole = through(&[&clip]);
        let pieces: Vec<&[u8]> = clip.chunks(7).collect();
        assert_eq!(through(&pieces), whole);
        assert_eq!(AudioFormat::Ulaw8k.ms_of(whole.len()), 210);
    }

    #[test]
    fn an_odd_tail_does_not_leak_into_the_next_reply() {
        let mut transcoder = Transcoder::new(PCM_24K, AudioFormat::Ulaw8k).unwrap();
        let mut output = Vec::new();
        transcoder.transcode(&[1], &mut output);
        transcoder.flush(&mut output);
        output.clear();
        transcoder.transcode(&vec![0; 960], &mut output);
        assert_eq!(output, AudioFormat::Ulaw8k.silence(20));
    }

    fn through(pieces: &[&[u8]]) -> Vec<u8> {
        let mut transcoder = Transcoder::new(PCM_24K, AudioFormat::Ulaw8k).unwrap();
        let mut output = Vec::new();
        for piece in pieces {
            transcoder.transcode(piece, &mut output);
        }
        transcoder.flush(&mut output);
        output
    }
}
