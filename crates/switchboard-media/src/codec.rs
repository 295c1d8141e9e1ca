//! What an RTP leg codes its sound with, behind one small trait.
//!
//! Sound goes in and comes out as bytes of the codec's own [`AudioFormat`], so that G.711 passes untouched where a
//! voice model speaks it. Opus is coded at 24 kHz, the rate of the models: it needs no resampler.

use opus_pure::{Application, MAX_PACKET_BYTES, OpusDecoder, OpusEncoder};
use thiserror::Error;

use crate::frame::{AudioFormat, FRAME_MS, G711_RATE_HZ};

/// The rate Opus is coded at here.
const OPUS_RATE_HZ: u32 = 24_000;
/// RTP counts Opus in samples of 48 kHz, whatever rate it is coded at (RFC 7587).
const OPUS_CLOCK_HZ: u32 = 48_000;
/// Bits per second of one voice: wide-band speech is transparent from about 24,000 on.
const OPUS_BITS_PER_S: i32 = 32_000;
/// The longest Opus packet: 120 ms.
const OPUS_PACKET_MS_MAX: usize = 120;
/// Lost G.711 frames that are covered by fading repetition. After that a person hears a robot; silence is better.
const REPEATS_MAX: u32 = 3;

/// A packet that is none of the codec, or sound that cannot be coded.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a frame of this codec: {0}")]
pub struct CodecError(String);

impl From<opus_pure::Error> for CodecError {
    fn from(error: opus_pure::Error) -> Self {
        Self(error.to_string())
    }
}

/// Both directions of one leg. A decoder and an encoder remember what came before.
pub trait Codec: Send {
    /// The format of decoded bytes, and of those to be encoded.
    fn format(&self) -> AudioFormat;

    /// Ticks per second of the RTP timestamps.
    fn clock_hz(&self) -> u32;

    /// How long a packet plays, in ticks. None for what is no packet.
    fn ticks(&self, packet: &[u8]) -> Option<u32>;

    /// Appends the sound of a packet.
    ///
    /// # Errors
    /// It is no packet of this codec. Nothing is appended.
    fn decode(&mut self, packet: &[u8], sound: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Appends `ticks` of something plausible for a packet that is lost. `following` is the packet after it, which may
    /// hold a copy.
    fn conceal(&mut self, ticks: u32, following: Option<&[u8]>, sound: &mut Vec<u8>);

    /// Encodes exactly one frame of [`FRAME_MS`] as one packet.
    ///
    /// # Errors
    /// The frame has another length.
    fn encode(&mut self, frame: &[u8], packet: &mut Vec<u8>) -> Result<(), CodecError>;

    /// Bytes of one frame.
    fn frame_bytes(&self) -> usize {
        self.format().bytes_of(u64::from(FRAME_MS))
    }

    /// Ticks of one frame.
    fn frame_ticks(&self) -> u32 {
        self.clock_hz() / 1_000 * FRAME_MS
    }
}

/// Opus, mono at 24 kHz. Stereo packets are mixed down by the decoder.
#[derive(Debug)]
pub struct Opus {
    encoder: OpusEncoder,
    decoder: OpusDecoder,
    samples: Vec<i16>,
    coded: Vec<u8>,
}

impl Opus {
    /// Effort of the encoder, 0 to 10. Above 5 speech gains nothing that is heard, and costs a third more CPU.
    pub const EFFORT: i32 = 5;

    /// A leg that has heard and said nothing.
    ///
    /// # Errors
    /// Never for the rate used here; the library may refuse others.
    pub fn new() -> Result<Self, CodecError> {
        Self::with_effort(Self::EFFORT)
    }

    /// The same with another effort, for those who measure what it costs.
    ///
    /// # Errors
    /// Never for the rate used here; the library may refuse others.
    pub fn with_effort(effort: i32) -> Result<Self, CodecError> {
        let rate = i32::try_from(OPUS_RATE_HZ).unwrap_or_default();
        let mut encoder = OpusEncoder::new(rate, 1, Application::Voip)?;
        encoder.bitrate_bps = OPUS_BITS_PER_S;
        encoder.complexity = effort;
        Ok(Self {
            encoder,
            decoder: OpusDecoder::new(rate, 1)?,
            samples: Vec::new(),
            coded: vec![0; MAX_PACKET_BYTES],
        })
    }

    fn format_of_both() -> AudioFormat {
        AudioFormat::Pcm16 {
            rate_hz: OPUS_RATE_HZ,
        }
    }

    fn give(&self, samples: usize, sound: &mut Vec<u8>) {
        Self::format_of_both().encode_onto(&self.samples[..samples.min(self.samples.len())], sound);
    }
}

impl Codec for Opus {
    fn format(&self) -> AudioFormat {
        Self::format_of_both()
    }

    fn clock_hz(&self) -> u32 {
        OPUS_CLOCK_HZ
    }

    fn ticks(&self, packet: &[u8]) -> Option<u32> {
        opus_pure::packet::samples_48k(packet)
            .ok()
            .and_then(|ticks| u32::try_from(ticks).ok())
    }

    fn decode(&mut self, packet: &[u8], sound: &mut Vec<u8>) -> Result<(), CodecError> {
        // An empty packet would mean "lost" to the decoder, and is none.
        if self.ticks(packet).is_none() {
            return Err(CodecError("no Opus header".to_owned()));
        }
        let most = Self::format_of_both().rate_hz() as usize / 1_000 * OPUS_PACKET_MS_MAX;
        self.samples.resize(most, 0);
        let samples = self.decoder.decode_s16(packet, most, &mut self.samples)?;
        self.give(samples, sound);
        Ok(())
    }

    fn conceal(&mut self, ticks: u32, following: Option<&[u8]>, sound: &mut Vec<u8>) {
        let wanted = (ticks / (OPUS_CLOCK_HZ / OPUS_RATE_HZ)) as usize;
        // The decoder conceals in steps of 2.5 ms.
        let step = OPUS_RATE_HZ as usize / 400;
        let wanted = (wanted / step * step).min(OPUS_RATE_HZ as usize / 1_000 * OPUS_PACKET_MS_MAX);
        self.samples.clear();
        self.samples.resize(wanted, 0);
        if wanted == 0 {
            return;
        }
        let made = match following {
            Some(packet) => self
                .decoder
                .decode_fec_s16(packet, wanted, &mut self.samples),
            None => self.decoder.decode_s16(&[], wanted, &mut self.samples),
        };
        if made.is_err() {
            self.samples.fill(0);
        }
        self.give(wanted, sound);
    }

    fn encode(&mut self, frame: &[u8], packet: &mut Vec<u8>) -> Result<(), CodecError> {
        if frame.len() != self.frame_bytes() {
            return Err(CodecError(format!("{} bytes", frame.len())));
        }
        self.samples.clear();
        Self::format_of_both().decode_onto(frame, &mut self.samples);
        let bytes = self
            .encoder
            .encode_s16(&self.samples, self.samples.len(), &mut self.coded)?;
        packet.extend_from_slice(&self.coded[..bytes]);
        Ok(())
    }
}

/// G.711, either law: a packet is its own samples.
#[derive(Debug)]
pub struct G711 {
    format: AudioFormat,
    last: Vec<i16>,
    repeats: u32,
}

impl G711 {
    /// PCMU.
    pub fn ulaw() -> Self {
        Self::of(AudioFormat::Ulaw8k)
    }

    /// PCMA.
    pub fn alaw() -> Self {
        Self::of(AudioFormat::Alaw8k)
    }

    fn of(format: AudioFormat) -> Self {
        Self {
            format,
            last: Vec::new(),
            repeats: 0,
        }
    }
}

impl Codec for G711 {
    fn format(&self) -> AudioFormat {
        self.format
    }

    fn clock_hz(&self) -> u32 {
        G711_RATE_HZ
    }

    fn ticks(&self, packet: &[u8]) -> Option<u32> {
        u32::try_from(packet.len()).ok().filter(|ticks| *ticks > 0)
    }

    fn decode(&mut self, packet: &[u8], sound: &mut Vec<u8>) -> Result<(), CodecError> {
        if packet.is_empty() {
            return Err(CodecError("an empty packet".to_owned()));
        }
        sound.extend_from_slice(packet);
        let tail = packet.len().saturating_sub(self.frame_bytes());
        self.last.clear();
        self.format.decode_onto(&packet[tail..], &mut self.last);
        self.repeats = 0;
        Ok(())
    }

    fn conceal(&mut self, ticks: u32, _following: Option<&[u8]>, sound: &mut Vec<u8>) {
        self.repeats += 1;
        let is_faded = self.repeats > REPEATS_MAX || self.last.is_empty();
        for sample in &mut self.last {
            *sample = if is_faded { 0 } else { *sample / 2 };
        }
        if self.last.is_empty() {
            self.last.push(0);
        }
        let covered: Vec<i16> = self
            .last
            .iter()
            .copied()
            .cycle()
            .take(ticks as usize)
            .collect();
        self.format.encode_onto(&covered, sound);
    }

    fn encode(&mut self, frame: &[u8], packet: &mut Vec<u8>) -> Result<(), CodecError> {
        if frame.len() != self.frame_bytes() {
            return Err(CodecError(format!("{} bytes", frame.len())));
        }
        packet.extend_from_slice(frame);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{level, tone};

    fn packets_of(codec: &mut dyn Codec, sound: &[u8]) -> Vec<Vec<u8>> {
        let bytes = codec.frame_bytes();
        let frames = sound.chunks_exact(bytes);
        frames
            .map(|frame| {
                let mut packet = Vec::new();
                codec.encode(frame, &mut packet).expect("a whole frame");
                packet
            })
            .collect()
    }

    fn tone_for(codec: &dyn Codec) -> Vec<u8> {
        let format = codec.format();
        format.encode_from_pcm(&tone::sine(format.rate_hz(), 440.0, 400, 0.5))
    }

    fn codecs() -> [Box<dyn Codec>; 3] {
        [
            Box::new(Opus::new().expect("a codec")),
            Box::new(G711::ulaw()),
            Box::new(G711::alaw()),
        ]
    }

    #[test]
    fn what_is_said_is_heard_as_long_and_as_loud() {
        for mut codec in codecs() {
            let said = tone_for(codec.as_ref());
            let mut heard = Vec::new();
            for packet in packets_of(codec.as_mut(), &said) {
                assert_eq!(codec.ticks(&packet), Some(codec.frame_ticks()));
                codec.decode(&packet, &mut heard).expect("our own packet");
            }
            assert_eq!(heard.len(), said.len());
            let format = codec.format();
            // The first frames are the codec's own delay.
            let settled = format.bytes_of(100);
            let level = format.level_dbfs(&heard[settled..]);
            let wanted = format.level_dbfs(&said[settled..]);
            assert!((level - wanted).abs() < 1.5, "{level} for {wanted}");
        }
    }

    #[test]
    fn an_opus_voice_costs_no_more_than_its_rate() {
        let mut opus = Opus::new().expect("a codec");
        let packets = packets_of(&mut opus, &tone_for(&Opus::new().expect("a codec")));
        let bytes: usize = packets.iter().map(Vec::len).sum();
        assert!(
            bytes * 8 * 1_000 / 400 < 2 * OPUS_BITS_PER_S as usize,
            "{bytes} bytes in 400 ms"
        );
    }

    #[test]
    fn a_lost_packet_is_covered_for_its_whole_length_and_fades() {
        for mut codec in codecs() {
            let said = tone_for(codec.as_ref());
            let packets = packets_of(codec.as_mut(), &said);
            let mut heard = Vec::new();
            for packet in &packets {
                codec.decode(packet, &mut heard).expect("our own packet");
            }
            let frame = codec.frame_bytes();
            let mut levels = Vec::new();
            for _ in 0..20 {
                let mut covered = Vec::new();
                codec.conceal(codec.frame_ticks(), None, &mut covered);
                assert_eq!(covered.len(), frame);
                levels.push(codec.format().level_dbfs(&covered));
            }
            assert!(levels[0] > -30.0, "the first gap is covered: {levels:?}");
            assert!(levels[19] < -40.0, "nobody drones on: {levels:?}");
        }
    }

    #[test]
    fn stereo_and_long_packets_of_others_are_understood() {
        let mut theirs = OpusEncoder::new(48_000, 2, Application::Audio).expect("an encoder");
        theirs.bitrate_bps = 64_000;
        let left = tone::sine(48_000, 440.0, 60, 0.5);
        let both: Vec<i16> = left.iter().flat_map(|sample| [*sample, *sample]).collect();
        let mut packet = vec![0; 4_000];
        let bytes = theirs.encode_s16(&both, 2_880, &mut packet).expect("60 ms");
        let mut ours = Opus::new().expect("a codec");
        let mut heard = Vec::new();
        ours.decode(&packet[..bytes], &mut heard).expect("decodes");
        assert_eq!(ours.format().ms_of(heard.len()), 60);
        let pcm = ours.format().decode_to_pcm(&heard);
        assert!(level::level_dbfs_pcm(&pcm) > -20.0);
    }

    proptest! {
        #[test]
        fn no_packet_of_a_stranger_makes_anything_panic(
            packets in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..400), 1..8),
        ) {
            for mut codec in codecs() {
                let mut heard = Vec::new();
                for packet in &packets {
                    let _ = codec.decode(packet, &mut heard);
                    codec.conceal(codec.frame_ticks(), Some(packet), &mut heard);
                    let most = codec.format().bytes_of(OPUS_PACKET_MS_MAX as u64 + 20).max(420);
                    prop_assert!(heard.len() <= most * packets.len());
                }
            }
        }
    }
}
