//! The yardstick of a call over WebRTC: coding its sound, and nothing else.
//!
//! The same codec with the same settings as the server's, one per call, in the order in which a server meets them:
//! a frame of every call before the next frame of the first.

use anyhow::Result;
use switchboard_media::codec::{Codec, Opus};
use switchboard_media::frame::{AudioFormat, FRAME_MS};

use crate::voice::voice_24k;

/// Sound of one voice in frames of 20 ms, coded and not.
pub struct CodedVoice {
    /// 16-bit samples at 24 kHz, as bytes.
    pub frames: Vec<Vec<u8>>,
    /// The same as Opus packets.
    pub packets: Vec<Vec<u8>>,
}

impl CodedVoice {
    /// Codes the voice once.
    ///
    /// # Errors
    /// The codec refuses its own format.
    pub fn new() -> Result<Self> {
        let mut opus = Opus::new()?;
        let format = AudioFormat::Pcm16 { rate_hz: 24_000 };
        let sound = format.encode_from_pcm(&voice_24k());
        let frames: Vec<Vec<u8>> = sound
            .chunks_exact(opus.frame_bytes())
            .map(<[u8]>::to_vec)
            .collect();
        let packets = frames.iter().map(|frame| {
            let mut packet = Vec::new();
            opus.encode(frame, &mut packet)?;
            anyhow::Ok(packet)
        });
        Ok(Self {
            packets: packets.collect::<Result<_>>()?,
            frames,
        })
    }
}

/// What is coded per second of one call.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    /// Frames of the agent that are encoded.
    pub encoded: f64,
    /// Packets of the caller that are decoded.
    pub decoded: f64,
    /// Of the encoder, 0 to 10.
    pub effort: i32,
}

/// Codes so many seconds of so many calls, as fast as it goes.
///
/// # Errors
/// The codec refuses its own packets.
pub fn code(calls: u32, seconds: u32, share: Share) -> Result<()> {
    let voice = CodedVoice::new()?;
    let mut codecs = (0..calls)
        .map(|_| Opus::with_effort(share.effort))
        .collect::<Result<Vec<_>, _>>()?;
    let frames_per_s = 1_000.0 / f64::from(FRAME_MS);
    let (mut packet, mut sound) = (Vec::new(), Vec::new());
    // Of each in due proportion: a debt that is paid in whole frames.
    let (mut to_encode, mut to_decode) = (0.0, 0.0);
    for tick in 0..seconds as usize * frames_per_s as usize {
        to_encode += share.encoded / frames_per_s;
        to_decode += share.decoded / frames_per_s;
        for (number, codec) in codecs.iter_mut().enumerate() {
            let place = (tick + number * 7) % voice.frames.len();
            if to_decode >= 1.0 {
                sound.clear();
                codec.decode(&voice.packets[place], &mut sound)?;
            }
            if to_encode >= 1.0 {
                packet.clear();
                codec.encode(&voice.frames[place], &mut packet)?;
            }
        }
        to_encode -= f64::from(u8::from(to_encode >= 1.0));
        to_decode -= f64::from(u8::from(to_decode >= 1.0));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_has_a_packet_for_each_frame_and_the_work_takes_all_of_them() {
        let voice = CodedVoice::new().unwrap();
        assert_eq!((voice.frames.len(), voice.packets.len()), (150, 150));
        assert!(voice.packets.iter().all(|packet| packet.len() > 10));
        let share = Share {
            encoded: 25.0,
            decoded: 50.0,
            effort: Opus::EFFORT,
        };
        code(2, 1, share).unwrap();
    }
}
