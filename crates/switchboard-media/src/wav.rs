//! WAV files in memory: read what recorders and synthesisers write, write what everybody reads.
//!
//! Reading is tolerant: chunks of other kinds are skipped, a file cut short gives the samples it has, and a length that a
//! program could not know when it wrote to a pipe (espeak-ng: 0x7ffff000; others: 0 or 0xffffffff) means "the rest".

use thiserror::Error;

use crate::frame::AudioFormat;

/// The fastest rate accepted, in Hz: above it are only broken headers.
pub const RATE_HZ_MAX: u32 = 192_000;
/// Bytes before the samples of the files written here.
pub const HEADER_BYTES: usize = 44;

const TAG_PCM: u16 = 1;
const TAG_ALAW: u16 = 6;
const TAG_ULAW: u16 = 7;
/// Says that the real tag is the first two bytes of the sub-format.
const TAG_EXTENSIBLE: u16 = 0xFFFE;
/// Lengths from here on are placeholders of programs that write to a pipe.
const UNKNOWN_BYTES_MIN: usize = 0x7FFF_F000;

/// One mono clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wav {
    /// Samples per second, 1..=[`RATE_HZ_MAX`].
    pub rate_hz: u32,
    /// The mean of all channels.
    pub samples: Vec<i16>,
}

impl Wav {
    /// Duration in whole ms.
    pub fn length_ms(&self) -> u64 {
        self.samples.len() as u64 * 1_000 / u64::from(self.rate_hz.max(1))
    }
}

/// Why bytes are no sound we can read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WavError {
    /// The file does not begin with RIFF and WAVE.
    #[error("not a WAV file")]
    NotWav,
    /// No whole `fmt ` chunk stands before the samples.
    #[error("the WAV file has no format")]
    FormatMissing,
    /// There is no `data` chunk.
    #[error("the WAV file has no samples")]
    DataMissing,
    /// Neither 16-bit PCM nor 8-bit mu-law or A-law.
    #[error("WAV format {tag} with {bits} bits is not supported")]
    UnsupportedFormat { tag: u16, bits: u16 },
    /// No channels, or a rate outside 1..=[`RATE_HZ_MAX`].
    #[error("WAV with {channels} channels at {rate_hz} Hz is not supported")]
    UnsupportedShape { channels: u16, rate_hz: u32 },
}

/// Reads a whole file, any number of channels, mixed to mono. Takes no more memory than twice the file.
pub fn read(file: &[u8]) -> Result<Wav, WavError> {
    let (format, data) = parts(file)?;
    Ok(format.decode(data))
}

/// The first two channels of a file, and samples per second. A mono file has silence on the right.
///
/// # Errors
/// As [`read`].
pub fn read_sides(file: &[u8]) -> Result<(u32, Vec<i16>, Vec<i16>), WavError> {
    let (format, data) = parts(file)?;
    let interleaved = format.carriage.decode_to_pcm(data);
    let channels = usize::from(format.channels);
    let side = |at: usize| {
        let frames = interleaved.chunks_exact(channels);
        frames
            .map(|frame| frame.get(at).copied().unwrap_or(0))
            .collect()
    };
    Ok((format.rate_hz, side(0), side(1)))
}

/// What the samples are, and the samples.
fn parts(file: &[u8]) -> Result<(Format, &[u8]), WavError> {
    let header = file.get(..12).ok_or(WavError::NotWav)?;
    if &header[..4] != b"RIFF" || &header[8..] != b"WAVE" {
        return Err(WavError::NotWav);
    }
    let length_unknown = is_placeholder(le_u32(header, 4).unwrap_or(0) as usize);
    let mut format = None;
    let mut rest = &file[12..];
    while let Some((id, declared, body)) = split_chunk(rest) {
        match id {
            b"fmt " => format = Some(Format::read(body.get(..declared).unwrap_or(body))?),
            b"data" => {
                let to_the_end = declared == 0 && length_unknown;
                let data = body.get(..declared).filter(|_| !to_the_end);
                let format = format.ok_or(WavError::FormatMissing)?;
                return Ok((format, data.unwrap_or(body)));
            }
            _ => {}
        }
        // Chunks are padded to an even length.
        let padded = declared.saturating_add(declared % 2);
        rest = body.get(padded..).unwrap_or_default();
    }
    Err(WavError::DataMissing)
}

/// A mono file of 16-bit PCM.
pub fn write_pcm16(rate_hz: u32, samples: &[i16]) -> Vec<u8> {
    let mut file = Vec::with_capacity(HEADER_BYTES + samples.len() * 2);
    file.extend(pcm16_header(rate_hz, 1, samples.len() * 2));
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}

/// A stereo file of 16-bit PCM; the shorter side ends in silence.
pub fn write_pcm16_stereo(rate_hz: u32, left: &[i16], right: &[i16]) -> Vec<u8> {
    let frames = left.len().max(right.len());
    let mut file = Vec::with_capacity(HEADER_BYTES + frames * 4);
    file.extend(pcm16_header(rate_hz, 2, frames * 4));
    for index in 0..frames {
        for side in [left, right] {
            file.extend(side.get(index).unwrap_or(&0).to_le_bytes());
        }
    }
    file
}

/// The header for `data_bytes` of interleaved 16-bit PCM, for whoever writes the samples later.
///
/// Beyond 4 GiB the lengths stay at their largest value, which readers take as "the rest".
pub fn pcm16_header(rate_hz: u32, channels: u16, data_bytes: usize) -> [u8; HEADER_BYTES] {
    let data = u32::try_from(data_bytes).unwrap_or(u32::MAX);
    let block = channels.saturating_mul(2);
    let fields: [&[u8]; 13] = [
        b"RIFF",
        &data.saturating_add(36).to_le_bytes(),
        b"WAVE",
        b"fmt ",
        &16u32.to_le_bytes(),
        &TAG_PCM.to_le_bytes(),
        &channels.to_le_bytes(),
        &rate_hz.to_le_bytes(),
        &rate_hz.saturating_mul(block.into()).to_le_bytes(),
        &block.to_le_bytes(),
        &16u16.to_le_bytes(),
        b"data",
        &data.to_le_bytes(),
    ];
    let bytes = fields.concat();
    bytes.try_into().expect("the fields have 44 bytes")
}

fn is_placeholder(bytes: usize) -> bool {
    bytes == 0 || bytes >= UNKNOWN_BYTES_MIN
}

/// Name, declared length and everything after the chunk header, however short of the length it is.
fn split_chunk(rest: &[u8]) -> Option<(&[u8; 4], usize, &[u8])> {
    let (id, after) = rest.split_first_chunk::<4>()?;
    let (declared, body) = after.split_first_chunk::<4>()?;
    Some((id, u32::from_le_bytes(*declared) as usize, body))
}

#[derive(Debug, Clone, Copy)]
struct Format {
    carriage: AudioFormat,
    rate_hz: u32,
    channels: u16,
}

impl Format {
    fn read(chunk: &[u8]) -> Result<Self, WavError> {
        let field = |at| le_u16(chunk, at).ok_or(WavError::FormatMissing);
        let (channels, bits) = (field(2)?, field(14)?);
        let rate_hz = le_u32(chunk, 4).ok_or(WavError::FormatMissing)?;
        let tag = match field(0)? {
            TAG_EXTENSIBLE => field(24)?,
            tag => tag,
        };
        if channels == 0 || !(1..=RATE_HZ_MAX).contains(&rate_hz) {
            return Err(WavError::UnsupportedShape { channels, rate_hz });
        }
        let carriage = match (tag, bits) {
            (TAG_PCM, 16) => AudioFormat::Pcm16 { rate_hz },
            (TAG_ULAW, 8) => AudioFormat::Ulaw8k,
            (TAG_ALAW, 8) => AudioFormat::Alaw8k,
            _ => return Err(WavError::UnsupportedFormat { tag, bits }),
        };
        Ok(Self {
            carriage,
            rate_hz,
            channels,
        })
    }

    fn decode(self, data: &[u8]) -> Wav {
        let interleaved = self.carriage.decode_to_pcm(data);
        let channels = usize::from(self.channels);
        let mean = |frame: &[i16]| {
            let sum: i32 = frame.iter().copied().map(i32::from).sum();
            (sum / i32::from(self.channels)) as i16
        };
        let samples = match channels {
            1 => interleaved,
            _ => interleaved.chunks_exact(channels).map(mean).collect(),
        };
        Wav {
            rate_hz: self.rate_hz,
            samples,
        }
    }
}

fn le_u16(bytes: &[u8], at: usize) -> Option<u16> {
    let field = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_le_bytes(*field))
}

fn le_u32(bytes: &[u8], at: usize) -> Option<u32> {
    let field = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*field))
}
