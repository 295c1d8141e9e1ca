//! The sending time of a piece of audio, inside its first samples.
//!
//! Each of 15 mu-law bytes holds four bits in its quietest codes (at most 120 of 32768, about -49 dBFS), so a stamp is
//! no sound: level meters and voice detectors behind it see what they saw before. Fifteen bytes are twenty base64
//! characters, so a stamp is spliced in front of prepared audio without encoding that again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Bytes of a stamp.
pub const STAMP_BYTES: usize = 15;
/// Base64 characters of a stamp.
pub const STAMP_CHARACTERS: usize = 20;
/// The quiet half of the positive mu-law codes.
const QUIET: u8 = 0xF0;
/// Digits of the call's number: 4,096 calls.
const CALL_DIGITS: usize = 3;
/// Digits of the time: 44 bits of microseconds are 200 days.
const TIME_DIGITS: usize = STAMP_BYTES - 1 - CALL_DIGITS;

/// What a stamped piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The caller's line without speech.
    Quiet,
    /// The caller speaks.
    Speech,
    /// The first piece of a reply.
    Reply,
}

/// Who sent a piece, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub kind: Kind,
    /// Number of the call, below 4,096.
    pub call: u16,
    /// Microseconds of the load's clock.
    pub sent_micros: u64,
}

impl Stamp {
    /// The first twenty base64 characters of a piece.
    pub fn to_base64(self) -> [u8; STAMP_CHARACTERS] {
        let kind = match self.kind {
            Kind::Quiet => 1,
            Kind::Speech => 2,
            Kind::Reply => 3,
        };
        let digits = u64::from(self.call) << (4 * TIME_DIGITS) | self.sent_micros;
        let mut bytes = [QUIET | kind; STAMP_BYTES];
        for (place, byte) in bytes[1..].iter_mut().enumerate() {
            let shift = 4 * (STAMP_BYTES - 2 - place);
            *byte = QUIET | (digits >> shift & 0xF) as u8;
        }
        let mut text = [0; STAMP_CHARACTERS];
        STANDARD
            .encode_slice(bytes, &mut text)
            .expect("fifteen bytes are twenty characters");
        text
    }

    /// Reads the stamp in front of a piece, if it has one.
    pub fn of_base64(payload: &[u8]) -> Option<Self> {
        let mut bytes = [0; STAMP_BYTES + 3];
        let read = STANDARD
            .decode_slice(payload.get(..STAMP_CHARACTERS)?, &mut bytes)
            .ok()?;
        Self::of_bytes(&bytes[..read])
    }

    /// The same, of mu-law bytes.
    pub fn of_bytes(payload: &[u8]) -> Option<Self> {
        let bytes = payload.first_chunk::<STAMP_BYTES>()?;
        if bytes.iter().any(|byte| byte & QUIET != QUIET) {
            return None;
        }
        let kind = match bytes[0] & 0xF {
            1 => Kind::Quiet,
            2 => Kind::Speech,
            3 => Kind::Reply,
            _ => return None,
        };
        let digits = bytes[1..]
            .iter()
            .fold(0_u64, |digits, byte| digits << 4 | u64::from(byte & 0xF));
        let sent_micros = digits & ((1 << (4 * TIME_DIGITS)) - 1);
        let call = (digits >> (4 * TIME_DIGITS)) as u16;
        Some(Self {
            kind,
            call,
            sent_micros,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_back_from_the_audio_it_stands_in() {
        let stamp = Stamp {
            kind: Kind::Speech,
            call: 4_095,
            sent_micros: 123_456_789_012,
        };
        let payload = [&stamp.to_base64()[..], b"/////w=="].concat();
        assert_eq!(Stamp::of_base64(&payload), Some(stamp));
    }

    #[test]
    fn loud_audio_and_short_audio_hold_no_stamp() {
        let loud = STANDARD.encode([0x80; 160]);
        assert_eq!(Stamp::of_base64(loud.as_bytes()), None);
        assert_eq!(Stamp::of_base64(b"////"), None);
    }
}
