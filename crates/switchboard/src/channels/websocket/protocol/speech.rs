//! Audio between the client's formats and the call's: pass-through for 24 kHz PCM, transcoded for G.711.

use bytes::Bytes;
use switchboard_call::Span;
use switchboard_media::frame::AudioFormat;
use switchboard_media::transcode::Transcoder;
use switchboard_wire::openai::{self, WireError, code, decode_audio, decoded_len};

use crate::model::{Payload, length_of};

/// What the call speaks on this leg. Clients' default, so that the usual one is never touched.
pub(in crate::channels) const CALL_FORMAT: AudioFormat = AudioFormat::Pcm16 { rate_hz: 24_000 };

/// Both directions of one client.
#[derive(Debug)]
pub(super) struct Speech {
    input: Transcoder,
    output: Transcoder,
    scratch: Vec<u8>,
}

impl Default for Speech {
    fn default() -> Self {
        Self {
            input: to_call(CALL_FORMAT),
            output: to_client(CALL_FORMAT),
            scratch: Vec::new(),
        }
    }
}

impl Speech {
    /// The client appends audio of this format from now on.
    pub(super) fn set_input(&mut self, format: openai::AudioFormat) {
        self.input = to_call(media_format(format));
    }

    /// The client plays audio of this format from now on.
    pub(super) fn set_output(&mut self, format: openai::AudioFormat) {
        self.output = to_client(media_format(format));
    }

    /// The caller's audio in the call's format, and how long it plays. The alphabet is checked, so that a client learns
    /// of its mistake; the padding is checked by whoever decodes.
    ///
    /// # Errors
    /// No base64, or half a sample.
    pub(super) fn hear(&mut self, base64: Bytes) -> Result<(Payload, Span), WireError> {
        if !self.input.is_pass_through() {
            return self.hear_transcoded(&base64);
        }
        let bytes = decoded_len(&base64)
            .filter(|_| has_base64_alphabet(&base64))
            .ok_or_else(no_base64)?;
        if bytes % 2 != 0 {
            let message = "Invalid 'audio': expected whole 16-bit samples.";
            return Err(WireError::new(code::INVALID_VALUE, message).at("audio"));
        }
        Ok((Payload::Base64(base64), length_of(bytes, CALL_FORMAT)))
    }

    fn hear_transcoded(&mut self, base64: &[u8]) -> Result<(Payload, Span), WireError> {
        self.scratch.clear();
        decode_audio(base64, &mut self.scratch)?;
        let mut bytes = Vec::with_capacity(self.scratch.len() * 6);
        self.input.transcode(&self.scratch, &mut bytes);
        let length = length_of(bytes.len(), CALL_FORMAT);
        Ok((Payload::Raw(Bytes::from(bytes)), length))
    }

    /// The agent's audio as the client's base64. None: the model sent no base64, or nothing is complete yet.
    pub(super) fn say(&mut self, payload: &Payload) -> Option<Bytes> {
        if self.output.is_pass_through() {
            return Some(match payload {
                Payload::Base64(text) => text.clone(),
                Payload::Raw(_) => Bytes::from(payload.base64().into_owned()),
            });
        }
        let mut bytes = Vec::new();
        self.output
            .transcode(payload.bytes(&mut self.scratch)?, &mut bytes);
        (!bytes.is_empty())
            .then(|| Bytes::from(Payload::Raw(Bytes::from(bytes)).base64().into_owned()))
    }
}

fn to_call(format: AudioFormat) -> Transcoder {
    Transcoder::new(format, CALL_FORMAT).expect("8, 16 and 24 kHz are known to the resampler")
}

fn to_client(format: AudioFormat) -> Transcoder {
    Transcoder::new(CALL_FORMAT, format).expect("8, 16 and 24 kHz are known to the resampler")
}

fn media_format(format: openai::AudioFormat) -> AudioFormat {
    match format {
        openai::AudioFormat::Pcm { rate } => AudioFormat::Pcm16 { rate_hz: rate },
        openai::AudioFormat::Pcmu => AudioFormat::Ulaw8k,
        openai::AudioFormat::Pcma => AudioFormat::Alaw8k,
    }
}

fn has_base64_alphabet(text: &[u8]) -> bool {
    // One pass without an early exit, as audio is nearly always right.
    text.iter().fold(true, |all, byte| {
        all & matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' | b'=')
    })
}

fn no_base64() -> WireError {
    WireError::new(
        code::INVALID_VALUE,
        "Invalid 'audio': expected base64 encoded bytes.",
    )
    .at("audio")
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn audio_of_the_calls_format_passes_untouched() {
        let base64 = Bytes::from(STANDARD.encode([1_u8; 960]));
        let (payload, length) = Speech::default().hear(base64.clone()).expect("audio");
        assert_eq!(length, Span::from_millis(20));
        assert!(matches!(payload, Payload::Base64(text) if text == base64));
    }

    #[test]
    fn a_telephones_format_is_transcoded_both_ways() {
        let mut speech = Speech::default();
        speech.set_input(openai::AudioFormat::Pcmu);
        speech.set_output(openai::AudioFormat::Pcma);
        let frame = Bytes::from(STANDARD.encode(AudioFormat::Ulaw8k.silence(200)));
        let (payload, length) = speech.hear(frame).expect("audio");
        assert!(matches!(payload, Payload::Raw(_)));
        assert!(
            length <= Span::from_millis(200) && length >= Span::from_millis(180),
            "{length:?}"
        );
        let said = speech
            .say(&Payload::Raw(Bytes::from(CALL_FORMAT.silence(200))))
            .expect("audio");
        let bytes = STANDARD.decode(said).expect("base64");
        assert!(
            (1_440..=1_600).contains(&bytes.len()),
            "{} bytes for 200 ms",
            bytes.len()
        );
    }

    #[test]
    fn a_companions_16_khz_become_the_calls_24_khz() {
        let mut speech = Speech::default();
        speech.set_input(openai::AudioFormat::Pcm { rate: 16_000 });
        let samples = Bytes::from(STANDARD.encode([0_u8; 3_200]));
        let mut length = Span::ZERO;
        for _ in 0..10 {
            length = length + speech.hear(samples.clone()).expect("audio").1;
        }
        let lost = Span::from_secs(1).micros().saturating_sub(length.micros());
        assert!(lost <= 20_000, "1,600 samples are 100 ms: {length:?}");
    }

    #[test]
    fn what_is_no_audio_is_refused() {
        for text in ["a", "****", "AAA="] {
            let error = Speech::default().hear(Bytes::from_static(text.as_bytes()));
            let is_half_a_sample = text == "AAA=";
            assert_eq!(error.is_err(), !is_half_a_sample, "{text}");
        }
        assert!(
            Speech::default().hear(Bytes::from_static(b"AA==")).is_err(),
            "half a sample"
        );
    }
}
