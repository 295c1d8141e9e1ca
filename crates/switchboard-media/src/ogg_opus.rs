//! Stereo Ogg-Opus files: samples in, a file that browsers play out. Opus is coded in pure Rust.
//!
//! ```
//! use switchboard_media::ogg_opus::{OggOpusWriter, read_ogg_opus};
//!
//! let mut file = OggOpusWriter::new(Vec::new(), 8_000)?;
//! file.push(&[0; 800], &[100; 800])?;
//! let bytes = file.finish()?;
//! let (left, right) = read_ogg_opus(&bytes, 8_000)?;
//! assert_eq!((left.len(), right.len()), (800, 800));
//! # Ok::<(), switchboard_media::ogg_opus::OggOpusError>(())
//! ```

use std::io::Write;

use opus_pure::{
    Application, MAX_PACKET_BYTES, MAX_PACKET_SAMPLES, OggOpusReader, OpusEncoder, OpusHead, Trim,
};
use thiserror::Error;

/// Bits per second of both channels together: two telephone voices stay apart and clear, at 18 MB per hour.
const BITS_PER_S: i32 = 40_000;
/// Effort of the encoder, 0 to 10. Above it costs more CPU than telephone sound can show.
const COMPLEXITY: i32 = 5;
/// Frames per second: one of 20 ms, as carriers send.
const FRAMES_PER_S: u32 = 50;
/// Opus counts time in samples of 48 kHz, whatever it codes.
const TICKS_PER_S: u32 = 48_000;

/// Why a file could not be written or read.
#[derive(Debug, Error)]
pub enum OggOpusError {
    /// The sink refused.
    #[error("the file cannot be written")]
    Sink(#[source] std::io::Error),
    /// A rate Opus does not know (8, 12, 16, 24 and 48 kHz are known), or bytes that are no such file.
    #[error("not Opus: {0}")]
    Codec(String),
}

impl From<opus_pure::Error> for OggOpusError {
    fn from(error: opus_pure::Error) -> Self {
        match error {
            opus_pure::Error::Io(error) => Self::Sink(error),
            error => Self::Codec(error.to_string()),
        }
    }
}

/// Writes one stereo file as samples come.
pub struct OggOpusWriter<W: Write> {
    encoder: OpusEncoder,
    file: opus_pure::OggOpusWriter<W>,
    /// Samples per channel of one frame.
    frame: usize,
    ticks_per_sample: u64,
    pre_skip: u64,
    /// Left, right, left … and less than a frame of it.
    pending: Vec<i16>,
    packet: Vec<u8>,
    samples: u64,
}

impl<W: Write> OggOpusWriter<W> {
    /// A file of two channels at `rate_hz` samples per second each.
    ///
    /// # Errors
    /// Opus does not know the rate, or the sink refuses.
    pub fn new(sink: W, rate_hz: u32) -> Result<Self, OggOpusError> {
        let rate = i32::try_from(rate_hz).unwrap_or(0);
        let mut encoder = OpusEncoder::new(rate, 2, Application::Audio)?;
        encoder.bitrate_bps = BITS_PER_S;
        encoder.complexity = COMPLEXITY;
        let head = OpusHead::for_encoder(&encoder, rate_hz);
        let pre_skip = u64::from(head.pre_skip);
        Ok(Self {
            encoder,
            file: opus_pure::OggOpusWriter::new(sink, head)?,
            frame: (rate_hz / FRAMES_PER_S) as usize,
            ticks_per_sample: u64::from(TICKS_PER_S / rate_hz),
            pre_skip,
            pending: Vec::new(),
            packet: vec![0; MAX_PACKET_BYTES],
            samples: 0,
        })
    }

    /// Appends samples; the shorter side is silence at its end.
    ///
    /// # Errors
    /// The sink refuses. What was written before stays playable.
    pub fn push(&mut self, left: &[i16], right: &[i16]) -> Result<(), OggOpusError> {
        let length = left.len().max(right.len());
        let at = |side: &[i16], index: usize| side.get(index).copied().unwrap_or(0);
        self.pending
            .extend((0..length).flat_map(|index| [at(left, index), at(right, index)]));
        self.samples += length as u64;
        let whole = self.frame * 2;
        let mut done = 0;
        while self.pending.len() - done >= whole {
            let frame = &self.pending[done..done + whole];
            let bytes = self
                .encoder
                .encode_s16(frame, self.frame, &mut self.packet)?;
            self.file.write_packet(&self.packet[..bytes])?;
            done += whole;
        }
        self.pending.drain(..done);
        Ok(())
    }

    /// Samples per channel that were pushed.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Ends the file exactly where the samples end, and gives the sink back.
    ///
    /// # Errors
    /// The sink refuses.
    pub fn finish(mut self) -> Result<W, OggOpusError> {
        let end = self.pre_skip + self.samples * self.ticks_per_sample;
        // The encoder is behind by its pre-skip: silence pushes the last samples out of it.
        let mut granule = u64::try_from(self.file.granule()).unwrap_or(0);
        let whole = self.frame * 2;
        while granule < end {
            self.pending.resize(whole, 0);
            let bytes = self
                .encoder
                .encode_s16(&self.pending, self.frame, &mut self.packet)?;
            let frame = self.frame as u64 * self.ticks_per_sample;
            let ticks = frame.min(end - granule);
            let packet = &self.packet[..bytes];
            let ticks = u32::try_from(ticks).unwrap_or(0);
            self.file.write_packet_with_duration(packet, ticks)?;
            granule += frame;
            self.pending.clear();
        }
        Ok(self.file.finish()?)
    }
}

/// Reads a stereo file back at `rate_hz`: left and right.
///
/// # Errors
/// The bytes are no stereo Ogg-Opus file.
pub fn read_ogg_opus(bytes: &[u8], rate_hz: u32) -> Result<(Vec<i16>, Vec<i16>), OggOpusError> {
    let rate = i32::try_from(rate_hz).unwrap_or(0);
    let mut reader = OggOpusReader::new(bytes)?;
    let channels = usize::from(reader.head().channel_count);
    if channels != 2 {
        return Err(OggOpusError::Codec(format!("{channels} channels")));
    }
    let mut decoder = reader.head().decoder(rate)?;
    let mut trim = Trim::new(reader.head(), rate, channels)?;
    let mut block = vec![0i16; MAX_PACKET_SAMPLES * channels];
    let (mut left, mut right) = (Vec::new(), Vec::new());
    for packet in reader.packets() {
        let packet = packet?;
        let samples = decoder.decode_s16(&packet.data, MAX_PACKET_SAMPLES, &mut block)?;
        for pair in trim
            .keep(&packet, &block[..samples * channels])
            .chunks_exact(2)
        {
            left.push(pair[0]);
            right.push(pair[1]);
        }
    }
    Ok((left, right))
}
