//! Turn detection on the audio a client appends: audio time, never wall clock (protocol section 0.8).

use switchboard_media::level::level_dbfs_pcm;
use switchboard_media::speech::{SpeechDetector, SpeechDetectorSettings, SpeechEvent};
use switchboard_wire::openai::{AudioFormat, Eagerness, TurnDetection};

use super::audio::media_format;
use super::script::VoiceDetection;

/// Audio kept from before speech when nobody speaks; covers any sensible prefix padding.
const QUIET_BUFFER_MS: u64 = 3_000;
/// Shortest loud stretch that counts as speech when listening by level.
const LOUD_MS_MIN: u64 = 60;
/// Slice of audio judged at once when listening by level.
const LEVEL_FRAME_MS: u64 = 20;

/// A border of the caller's speech, in ms of all audio appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Prefix padding included.
    Started { at_ms: u64 },
    /// Silence window included.
    Stopped { at_ms: u64 },
}

/// The input audio buffer and the ear on it.
#[derive(Debug)]
pub(super) struct Hearing {
    detection: VoiceDetection,
    format: AudioFormat,
    ear: Option<Ear>,
    /// Audio before the current format was set.
    base_ms: u64,
    format_bytes: u64,
    buffer: Vec<u8>,
    is_speaking: bool,
}

#[derive(Debug)]
struct Ear {
    /// Position on the session's timeline at which this ear began to listen.
    start_ms: u64,
    settings: SpeechDetectorSettings,
    kind: EarKind,
}

#[derive(Debug)]
enum EarKind {
    Speech(Box<SpeechDetector>),
    Level(LevelEar),
}

impl Hearing {
    pub(super) fn new(detection: VoiceDetection) -> Self {
        Self {
            detection,
            format: AudioFormat::default(),
            ear: None,
            base_ms: 0,
            format_bytes: 0,
            buffer: Vec::new(),
            is_speaking: false,
        }
    }

    /// Follows the session; an ear that stays keeps what it has heard.
    pub(super) fn configure(&mut self, format: AudioFormat, turn_detection: Option<TurnDetection>) {
        if format != self.format {
            self.base_ms = self.appended_ms();
            self.format_bytes = 0;
            self.format = format;
            self.buffer.clear();
            self.ear = None;
        }
        match (turn_detection.and_then(detector_settings), &mut self.ear) {
            (None, ear) => {
                *ear = None;
                self.is_speaking = false;
            }
            (Some(settings), Some(ear)) => ear.change_settings(settings),
            (Some(settings), None) => {
                self.is_speaking = false;
                self.ear = Some(Ear::new(
                    self.detection,
                    self.format,
                    settings,
                    self.appended_ms(),
                ));
            }
        }
    }

    /// Length of all audio appended so far.
    pub(super) fn appended_ms(&self) -> u64 {
        self.base_ms + self.format_bytes / self.format.bytes_per_ms() as u64
    }

    /// Length of the audio not committed yet.
    pub(super) fn buffered_ms(&self) -> u64 {
        (self.buffer.len() / self.format.bytes_per_ms()) as u64
    }

    pub(super) fn bytes_per_ms(&self) -> usize {
        self.format.bytes_per_ms()
    }

    /// Takes audio and tells what it reveals, oldest first.
    pub(super) fn append(&mut self, audio: &[u8]) -> Vec<Heard> {
        self.buffer.extend_from_slice(audio);
        self.format_bytes += audio.len() as u64;
        let Some(ear) = &mut self.ear else {
            return Vec::new();
        };
        let heard = ear.push(&media_format(self.format).decode_to_pcm(audio));
        for border in &heard {
            self.is_speaking = matches!(border, Heard::Started { .. });
        }
        // While nobody speaks only the padding is worth keeping; a turn just ended is still to be committed.
        if heard.is_empty() && !self.is_speaking {
            let keep = media_format(self.format).bytes_of(QUIET_BUFFER_MS);
            let excess = self.buffer.len().saturating_sub(keep);
            self.buffer.drain(..excess);
        }
        heard
    }

    /// Takes the audio of a turn that began at `start_ms`, or everything buffered.
    pub(super) fn commit(&mut self, start_ms: Option<u64>) -> Vec<u8> {
        let mut audio = std::mem::take(&mut self.buffer);
        if let Some(start_ms) = start_ms {
            let wanted_ms = self.appended_ms().saturating_sub(start_ms);
            let excess = audio
                .len()
                .saturating_sub(media_format(self.format).bytes_of(wanted_ms));
            audio.drain(..excess);
        }
        audio
    }

    pub(super) fn clear(&mut self) {
        self.buffer.clear();
    }
}

/// Semantic detection cannot be imitated; a silence per eagerness stands for it.
fn detector_settings(turn_detection: TurnDetection) -> Option<SpeechDetectorSettings> {
    let standard = SpeechDetectorSettings::default();
    match turn_detection {
        TurnDetection::ServerVad(vad) => Some(SpeechDetectorSettings {
            threshold: vad.threshold as f32,
            silence_ms: u64::from(vad.silence_duration_ms),
            prefix_padding_ms: u64::from(vad.prefix_padding_ms),
            ..standard
        }),
        TurnDetection::SemanticVad(vad) => Some(SpeechDetectorSettings {
            silence_ms: match vad.eagerness {
                Eagerness::Low => 1_000,
                Eagerness::Medium | Eagerness::Auto => 600,
                Eagerness::High => 300,
            },
            ..standard
        }),
        TurnDetection::Unknown => None,
    }
}

impl Ear {
    fn new(
        detection: VoiceDetection,
        format: AudioFormat,
        settings: SpeechDetectorSettings,
        start_ms: u64,
    ) -> Self {
        let rate_hz = media_format(format).rate_hz();
        let kind = match detection {
            VoiceDetection::Speech => EarKind::Speech(Box::new(
                SpeechDetector::new(rate_hz, settings).expect("the protocol's rates are supported"),
            )),
            VoiceDetection::Level { threshold_dbfs } => {
                EarKind::Level(LevelEar::new(rate_hz, threshold_dbfs))
            }
        };
        Self {
            start_ms,
            settings,
            kind,
        }
    }

    fn change_settings(&mut self, settings: SpeechDetectorSettings) {
        self.settings = settings;
        if let EarKind::Speech(detector) = &mut self.kind {
            detector.change_settings(settings);
        }
    }

    fn push(&mut self, pcm: &[i16]) -> Vec<Heard> {
        let events: Vec<SpeechEvent> = match &mut self.kind {
            EarKind::Speech(detector) => detector.push(pcm).collect(),
            EarKind::Level(ear) => ear.push(pcm, self.settings),
        };
        let (start_ms, silence_ms) = (self.start_ms, self.settings.silence_ms);
        events
            .into_iter()
            .map(|event| match event {
                SpeechEvent::SpeechStarted { at_ms } => Heard::Started {
                    at_ms: start_ms + at_ms,
                },
                SpeechEvent::SpeechStopped { at_ms } => Heard::Stopped {
                    at_ms: start_ms + at_ms + silence_ms,
                },
            })
            .collect()
    }
}

/// Hears whatever is loud.
#[derive(Debug)]
struct LevelEar {
    threshold_dbfs: f32,
    frame_samples: usize,
    pending: Vec<i16>,
    position_ms: u64,
    loud_since_ms: Option<u64>,
    loud_until_ms: u64,
    is_speaking: bool,
}

impl LevelEar {
    fn new(rate_hz: u32, threshold_dbfs: f32) -> Self {
        Self {
            threshold_dbfs,
            frame_samples: rate_hz as usize / 1000 * LEVEL_FRAME_MS as usize,
            pending: Vec::new(),
            position_ms: 0,
            loud_since_ms: None,
            loud_until_ms: 0,
            is_speaking: false,
        }
    }

    fn push(&mut self, pcm: &[i16], settings: SpeechDetectorSettings) -> Vec<SpeechEvent> {
        self.pending.extend_from_slice(pcm);
        let pending = std::mem::take(&mut self.pending);
        let mut frames = pending.chunks_exact(self.frame_samples);
        let events = frames
            .by_ref()
            .filter_map(|frame| self.hear(level_dbfs_pcm(frame) >= self.threshold_dbfs, settings))
            .collect();
        self.pending.extend_from_slice(frames.remainder());
        events
    }

    fn hear(&mut self, is_loud: bool, settings: SpeechDetectorSettings) -> Option<SpeechEvent> {
        let start_ms = self.position_ms;
        self.position_ms += LEVEL_FRAME_MS;
        if is_loud {
            self.loud_until_ms = self.position_ms;
            let since_ms = *self.loud_since_ms.get_or_insert(start_ms);
            if !self.is_speaking && self.position_ms - since_ms >= LOUD_MS_MIN {
                self.is_speaking = true;
                let at_ms = since_ms.saturating_sub(settings.prefix_padding_ms);
                return Some(SpeechEvent::SpeechStarted { at_ms });
            }
            return None;
        }
        if !self.is_speaking {
            self.loud_since_ms = None;
        } else if self.position_ms - self.loud_until_ms >= settings.silence_ms {
            self.is_speaking = false;
            self.loud_since_ms = None;
            return Some(SpeechEvent::SpeechStopped {
                at_ms: self.loud_until_ms,
            });
        }
        None
    }
}
