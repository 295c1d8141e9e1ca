//! What the model's voice is made of, rendered once per session format and cut into deltas.

use std::collections::HashMap;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use switchboard_media::frame;
use switchboard_media::ladder::ToneLadder;
use switchboard_media::resample::resample_clip;
use switchboard_media::wav;
use switchboard_wire::openai::AudioFormat;

/// Rate of `audio/pcm` on this protocol.
const PCM_RATE_HZ: u32 = 24_000;

/// Why a text could not be spoken.
#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    /// The program is missing or failed; install `espeak-ng`.
    #[error("espeak-ng could not be run: {0}")]
    Program(#[from] std::io::Error),
    /// It wrote no sound.
    #[error("espeak-ng wrote no readable sound")]
    NoSound,
}

/// Sound of a reply. Cheap to clone; renderings are shared, so many calls cost the encoding of one.
#[derive(Debug, Clone)]
pub struct ReplyAudio {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    source: Source,
    rendered: Mutex<HashMap<(u8, u64), Arc<Rendered>>>,
}

#[derive(Debug)]
enum Source {
    Pcm { rate_hz: u32, samples: Vec<i16> },
    Ulaw(Vec<u8>),
    Ladder { from_ms: u64, to_ms: u64 },
}

/// Audio in one format, ready to send.
#[derive(Debug)]
pub(super) struct Rendered {
    pub(super) deltas: Vec<Delta>,
    pub(super) total_ms: u64,
}

/// One piece of audio.
#[derive(Debug)]
pub(super) struct Delta {
    pub(super) base64: String,
    /// Position of its first and last sample in the reply.
    pub(super) start_ms: u64,
    pub(super) end_ms: u64,
}

impl ReplyAudio {
    /// Samples at any rate `switchboard_media` resamples from.
    pub fn pcm(rate_hz: u32, samples: Vec<i16>) -> Self {
        Self::new(Source::Pcm { rate_hz, samples })
    }

    /// G.711 bytes; a session in mu-law gets exactly these.
    pub fn ulaw(bytes: Vec<u8>) -> Self {
        Self::new(Source::Ulaw(bytes))
    }

    /// The tone ladder from one position to another, which lets a test see what was heard, skipped and repeated.
    pub fn ladder(from_ms: u64, to_ms: u64) -> Self {
        Self::new(Source::Ladder { from_ms, to_ms })
    }

    /// Speaks a text with `espeak-ng`; `voice` is one of its names, such as `en` or `sw`. Blocks for some 50 ms.
    ///
    /// # Errors
    /// The program is missing or wrote no sound.
    pub fn speech(text: &str, voice: &str) -> Result<Self, SpeechError> {
        let mut child = Command::new("espeak-ng")
            .args(["-v", voice, "--stdin", "--stdout"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut stdin = child.stdin.take().expect("stdin was piped");
        stdin.write_all(text.as_bytes())?;
        drop(stdin);
        let sound = child.wait_with_output()?;
        let sound = wav::read(&sound.stdout).map_err(|_| SpeechError::NoSound)?;
        Ok(Self::pcm(sound.rate_hz, sound.samples))
    }

    fn new(source: Source) -> Self {
        let rendered = Mutex::default();
        Self {
            inner: Arc::new(Inner { source, rendered }),
        }
    }

    /// Length in whole milliseconds.
    pub fn length_ms(&self) -> u64 {
        match &self.inner.source {
            Source::Pcm { rate_hz, samples } => samples.len() as u64 * 1000 / u64::from(*rate_hz),
            Source::Ulaw(bytes) => bytes.len() as u64 / 8,
            Source::Ladder { from_ms, to_ms } => to_ms.saturating_sub(*from_ms),
        }
    }

    pub(super) fn rendered(&self, format: AudioFormat, delta_ms: u64) -> Arc<Rendered> {
        let key = (format_number(format), delta_ms);
        let mut cache = self
            .inner
            .rendered
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(
            cache
                .entry(key)
                .or_insert_with(|| Arc::new(self.render(format, delta_ms))),
        )
    }

    fn render(&self, format: AudioFormat, delta_ms: u64) -> Rendered {
        let bytes = self.encode(media_format(format));
        let bytes_per_ms = format.bytes_per_ms();
        let delta_bytes = usize::try_from(delta_ms)
            .map_or(usize::MAX, |ms| ms.max(1).saturating_mul(bytes_per_ms));
        let mut position = 0;
        let deltas = bytes
            .chunks(delta_bytes)
            .map(|chunk| {
                let start_ms = (position / bytes_per_ms) as u64;
                position += chunk.len();
                Delta {
                    base64: STANDARD.encode(chunk),
                    start_ms,
                    end_ms: (position / bytes_per_ms) as u64,
                }
            })
            .collect();
        Rendered {
            deltas,
            total_ms: (bytes.len() / bytes_per_ms) as u64,
        }
    }

    fn encode(&self, format: frame::AudioFormat) -> Vec<u8> {
        match &self.inner.source {
            Source::Ulaw(bytes) if format == frame::AudioFormat::Ulaw8k => bytes.clone(),
            Source::Ulaw(bytes) => {
                let samples = frame::AudioFormat::Ulaw8k.decode_to_pcm(bytes);
                format.encode_from_pcm(&at_rate(&samples, frame::G711_RATE_HZ, format.rate_hz()))
            }
            Source::Pcm { rate_hz, samples } => {
                format.encode_from_pcm(&at_rate(samples, *rate_hz, format.rate_hz()))
            }
            Source::Ladder { from_ms, to_ms } => {
                format.encode_from_pcm(&ToneLadder::new(format.rate_hz()).render(*from_ms, *to_ms))
            }
        }
    }
}

fn at_rate(samples: &[i16], from_hz: u32, to_hz: u32) -> Vec<i16> {
    resample_clip(samples, from_hz, to_hz).expect("a script uses rates that can be resampled")
}

/// The samples behind a session's format.
pub(super) fn media_format(format: AudioFormat) -> frame::AudioFormat {
    match format {
        AudioFormat::Pcm { .. } => frame::AudioFormat::Pcm16 {
            rate_hz: PCM_RATE_HZ,
        },
        AudioFormat::Pcmu => frame::AudioFormat::Ulaw8k,
        AudioFormat::Pcma => frame::AudioFormat::Alaw8k,
    }
}

fn format_number(format: AudioFormat) -> u8 {
    match format {
        AudioFormat::Pcm { .. } => 0,
        AudioFormat::Pcmu => 1,
        AudioFormat::Pcma => 2,
    }
}
