//! The formats audio travels in, and how many bytes make how many milliseconds.

use std::fmt;

use crate::g711;

/// How samples are carried. PCM is signed 16-bit little-endian, all formats are mono.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AudioFormat {
    /// Linear samples at `rate_hz` per second.
    Pcm16 { rate_hz: u32 },
    /// G.711 mu-law at 8 kHz, one byte per sample.
    Ulaw8k,
    /// G.711 A-law at 8 kHz, one byte per sample.
    Alaw8k,
}

/// Samples per second of both G.711 laws.
pub const G711_RATE_HZ: u32 = 8_000;
/// Length of the frame a telephone carrier sends, in ms.
pub const FRAME_MS: u32 = 20;

impl AudioFormat {
    /// Samples per second.
    pub const fn rate_hz(self) -> u32 {
        match self {
            Self::Pcm16 { rate_hz } => rate_hz,
            Self::Ulaw8k | Self::Alaw8k => G711_RATE_HZ,
        }
    }

    /// Bytes of one sample.
    pub const fn sample_bytes(self) -> usize {
        match self {
            Self::Pcm16 { .. } => 2,
            Self::Ulaw8k | Self::Alaw8k => 1,
        }
    }

    /// Bytes of one second; exact at every rate.
    pub const fn bytes_per_second(self) -> usize {
        self.rate_hz() as usize * self.sample_bytes()
    }

    /// Bytes of one millisecond, rounded down for rates that are no multiple of 1000 Hz.
    pub const fn bytes_per_ms(self) -> usize {
        self.rate_hz() as usize / 1_000 * self.sample_bytes()
    }

    /// Whole milliseconds in `len` bytes, rounded down; 0 at a rate of 0 Hz.
    pub const fn ms_of(self, len: usize) -> u64 {
        match self.bytes_per_second() as u64 {
            0 => 0,
            per_second => (len as u64).saturating_mul(1_000) / per_second,
        }
    }

    /// Bytes of `ms` milliseconds, rounded down to whole samples.
    pub const fn bytes_of(self, ms: u64) -> usize {
        let samples = ms.saturating_mul(self.rate_hz() as u64) / 1_000;
        (samples as usize).saturating_mul(self.sample_bytes())
    }

    /// `ms` milliseconds of silence in this format.
    pub fn silence(self, ms: u64) -> Vec<u8> {
        let byte = match self {
            Self::Pcm16 { .. } => 0,
            Self::Ulaw8k => g711::ULAW_SILENCE,
            Self::Alaw8k => g711::ALAW_SILENCE,
        };
        vec![byte; self.bytes_of(ms)]
    }

    /// Samples at the format's own rate. An odd last PCM byte is left out.
    pub fn decode_to_pcm(self, bytes: &[u8]) -> Vec<i16> {
        let mut pcm = Vec::with_capacity(bytes.len() / self.sample_bytes());
        self.decode_onto(bytes, &mut pcm);
        pcm
    }

    /// Appends what [`Self::decode_to_pcm`] returns.
    pub fn decode_onto(self, bytes: &[u8], pcm: &mut Vec<i16>) {
        match self {
            Self::Pcm16 { .. } => {
                let (pairs, _odd) = bytes.as_chunks();
                pcm.extend(pairs.iter().copied().map(i16::from_le_bytes));
            }
            Self::Ulaw8k => g711::decode_ulaw(bytes, pcm),
            Self::Alaw8k => g711::decode_alaw(bytes, pcm),
        }
    }

    /// Bytes of samples that are already at the format's own rate.
    pub fn encode_from_pcm(self, pcm: &[i16]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(pcm.len() * self.sample_bytes());
        self.encode_onto(pcm, &mut bytes);
        bytes
    }

    /// Appends what [`Self::encode_from_pcm`] returns.
    pub fn encode_onto(self, pcm: &[i16], bytes: &mut Vec<u8>) {
        match self {
            Self::Pcm16 { .. } => bytes.extend(pcm.iter().flat_map(|sample| sample.to_le_bytes())),
            Self::Ulaw8k => g711::encode_ulaw(pcm, bytes),
            Self::Alaw8k => g711::encode_alaw(pcm, bytes),
        }
    }

    /// Level of encoded bytes in dBFS, see [`crate::level`].
    pub fn level_dbfs(self, bytes: &[u8]) -> f32 {
        match self {
            Self::Pcm16 { .. } => crate::level::level_dbfs_pcm(&self.decode_to_pcm(bytes)),
            Self::Ulaw8k => crate::level::level_dbfs_ulaw(bytes),
            Self::Alaw8k => crate::level::level_dbfs_alaw(bytes),
        }
    }
}

/// For people and logs: `pcm16 24000 Hz`, `mu-law 8000 Hz`, `A-law 8000 Hz`.
impl fmt::Display for AudioFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Pcm16 { .. } => "pcm16",
            Self::Ulaw8k => "mu-law",
            Self::Alaw8k => "A-law",
        };
        write!(f, "{name} {} Hz", self.rate_hz())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AudioFormat::{Alaw8k, Pcm16, Ulaw8k};

    const PCM_24K: AudioFormat = Pcm16 { rate_hz: 24_000 };

    #[test]
    fn a_carrier_frame_has_160_bytes() {
        assert_eq!(Ulaw8k.bytes_of(FRAME_MS.into()), 160);
        assert_eq!(Alaw8k.bytes_per_ms(), 8);
        assert_eq!(PCM_24K.bytes_per_ms(), 48);
        assert_eq!(PCM_24K.ms_of(960), 20);
        assert_eq!(Ulaw8k.silence(1), [0xFF; 8]);
    }

    #[test]
    fn odd_rates_stay_exact_over_a_second_and_no_rate_panics() {
        let odd = Pcm16 { rate_hz: 22_050 };
        assert_eq!(odd.ms_of(44_100), 1_000);
        assert_eq!(odd.bytes_of(1_000), 44_100);
        assert_eq!(odd.bytes_of(1) % 2, 0);
        assert_eq!(Pcm16 { rate_hz: 0 }.ms_of(10), 0);
        assert!(Pcm16 { rate_hz: u32::MAX }.ms_of(usize::MAX) > 0);
    }

    #[test]
    fn pcm_bytes_are_little_endian_and_an_odd_byte_is_left_out() {
        assert_eq!(PCM_24K.decode_to_pcm(&[0x01, 0x80, 0xAA]), [-32_767]);
        assert_eq!(PCM_24K.encode_from_pcm(&[-32_767]), [0x01, 0x80]);
    }

    #[test]
    fn formats_name_themselves_for_people() {
        let names = [PCM_24K, Ulaw8k, Alaw8k].map(|format| format.to_string());
        assert_eq!(names, ["pcm16 24000 Hz", "mu-law 8000 Hz", "A-law 8000 Hz"]);
    }
}
