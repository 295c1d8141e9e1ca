//! Utterances: where speech begins and ends on the audio timeline.
//!
//! Scores of [`crate::vad`] go through a hysteresis, a shortest length and a silence that must pass. Whether an
//! utterance opens, ends or interrupts a turn is not decided here.
//!
//! ```
//! use switchboard_media::speech::{SpeechDetector, SpeechDetectorSettings};
//!
//! let mut detector = SpeechDetector::new(8_000, SpeechDetectorSettings::default())?;
//! let one_frame = [0i16; 160];
//! assert_eq!(detector.push(&one_frame).count(), 0);
//! # Ok::<(), switchboard_media::resample::ResampleError>(())
//! ```

use crate::resample::ResampleError;
use crate::vad::{VAD_FRAME_MS, Vad, VadFrame};

/// How far a score may fall below the threshold before it counts as silence: scores flicker inside words.
///
/// More would only move ends: after the voice a score sinks below 0.5 within 30–130 ms, below 0.35 within 110–240 ms
/// (20 espeak-ng utterances in five voices, 8 kHz, light noise).
const RELEASE_BELOW_THRESHOLD: f32 = 0.1;

/// What counts as an utterance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpeechDetectorSettings {
    /// A frame with this score or more is voice, 0 to 1.
    pub threshold: f32,
    /// Voice must have been heard this long, in ms, before speech has started; shorter noises are ignored.
    pub speech_ms_min: u64,
    /// Silence of this length, in ms, ends the speech.
    pub silence_ms: u64,
    /// How far the reported start is moved to before the first voiced frame, in ms, to keep the first syllable whole.
    pub prefix_padding_ms: u64,
}

impl Default for SpeechDetectorSettings {
    /// 0.5, 64 ms, 500 ms, 300 ms: the usual values of voice APIs, and four frames against clicks.
    fn default() -> Self {
        Self {
            threshold: 0.5,
            speech_ms_min: 64,
            silence_ms: 500,
            prefix_padding_ms: 300,
        }
    }
}

/// A border of an utterance, in ms of the audio pushed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpeechEvent {
    /// Speech began here: first voiced frame less the padding, never before the end of the utterance before.
    SpeechStarted { at_ms: u64 },
    /// Speech ended here: the end of the last voiced frame, about 100 ms after the voice itself because scores sink
    /// slowly. Reported when `silence_ms` more have passed.
    SpeechStopped { at_ms: u64 },
}

/// Finds the utterances of one mono stream.
#[derive(Debug)]
pub struct SpeechDetector {
    vad: Vad,
    utterance: Utterance,
    found: Vec<SpeechEvent>,
}

impl SpeechDetector {
    /// Takes PCM at any of [`crate::resample::RATES_HZ`].
    pub fn new(rate_hz: u32, settings: SpeechDetectorSettings) -> Result<Self, ResampleError> {
        Ok(Self {
            vad: Vad::new(rate_hz)?,
            utterance: Utterance::new(settings),
            found: Vec::new(),
        })
    }

    /// Takes a chunk of any length and hands out the borders it reveals, oldest first.
    ///
    /// Time passes only by pushing: whoever has a gap in the stream pushes silence for it, or speech never ends.
    pub fn push(&mut self, pcm: &[i16]) -> impl Iterator<Item = SpeechEvent> + '_ {
        for frame in self.vad.push(pcm) {
            self.found.extend(self.utterance.hear(frame));
        }
        self.found.drain(..)
    }

    /// True from `SpeechStarted` to `SpeechStopped`.
    pub fn is_speaking(&self) -> bool {
        self.utterance.speaking
    }

    /// End of the last frame that was scored, in ms; up to 46 ms behind what was pushed.
    pub fn position_ms(&self) -> u64 {
        self.utterance.position_ms
    }

    /// Score of the last frame, 0 to 1, for evidence and journals.
    pub fn last_score(&self) -> f32 {
        self.utterance.last_score
    }

    /// Takes effect with the next frame; an utterance under way stays open.
    pub fn change_settings(&mut self, settings: SpeechDetectorSettings) {
        self.utterance.settings = settings;
    }
}

/// The decision, apart from the network so that it can be tested on written scores.
#[derive(Debug)]
struct Utterance {
    settings: SpeechDetectorSettings,
    speaking: bool,
    /// First voiced frame of a run not yet long enough, with the voiced time so far.
    candidate: Option<Candidate>,
    voice_end_ms: u64,
    position_ms: u64,
    last_score: f32,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    from_ms: u64,
    voiced_ms: u64,
}

impl Utterance {
    fn new(settings: SpeechDetectorSettings) -> Self {
        Self {
            settings,
            speaking: false,
            candidate: None,
            voice_end_ms: 0,
            position_ms: 0,
            last_score: 0.0,
        }
    }

    fn hear(&mut self, frame: VadFrame) -> Option<SpeechEvent> {
        self.last_score = frame.score;
        self.position_ms = frame.at_ms + VAD_FRAME_MS;
        if self.speaking {
            self.hear_while_speaking(frame)
        } else {
            self.hear_while_silent(frame)
        }
    }

    fn hear_while_silent(&mut self, frame: VadFrame) -> Option<SpeechEvent> {
        if frame.score < self.release_threshold() {
            self.candidate = None;
            return None;
        }
        if frame.score >= self.settings.threshold {
            let candidate = self.candidate.get_or_insert(Candidate {
                from_ms: frame.at_ms,
                voiced_ms: 0,
            });
            candidate.voiced_ms += VAD_FRAME_MS;
        }
        let long_enough = |c: &Candidate| c.voiced_ms >= self.settings.speech_ms_min;
        let begun = self.candidate.take_if(|candidate| long_enough(candidate))?;
        Some(self.start(begun))
    }

    fn start(&mut self, begun: Candidate) -> SpeechEvent {
        let padded_ms = begun
            .from_ms
            .saturating_sub(self.settings.prefix_padding_ms);
        let at_ms = padded_ms.max(self.voice_end_ms);
        self.speaking = true;
        self.voice_end_ms = self.position_ms;
        SpeechEvent::SpeechStarted { at_ms }
    }

    fn hear_while_speaking(&mut self, frame: VadFrame) -> Option<SpeechEvent> {
        if frame.score >= self.release_threshold() {
            self.voice_end_ms = self.position_ms;
            return None;
        }
        if self.position_ms - self.voice_end_ms < self.settings.silence_ms {
            return None;
        }
        self.speaking = false;
        Some(SpeechEvent::SpeechStopped {
            at_ms: self.voice_end_ms,
        })
    }

    fn release_threshold(&self) -> f32 {
        self.settings.threshold - RELEASE_BELOW_THRESHOLD
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SpeechEvent::{SpeechStarted, SpeechStopped};

    /// Each letter is one frame of 16 ms: `#` voice, `-` between the two thresholds, `.` silence.
    fn events(frames: &str) -> Vec<SpeechEvent> {
        let settings = SpeechDetectorSettings {
            threshold: 0.5,
            speech_ms_min: 48,
            silence_ms: 64,
            prefix_padding_ms: 32,
        };
        let mut utterance = Utterance::new(settings);
        let score = |letter| match letter {
            '#' => 0.9,
            '-' => 0.4,
            _ => 0.1,
        };
        let hear = |(index, letter)| {
            let at_ms = index as u64 * VAD_FRAME_MS;
            utterance.hear(VadFrame {
                at_ms,
                score: score(letter),
            })
        };
        frames.chars().enumerate().filter_map(hear).collect()
    }

    #[test]
    fn an_utterance_starts_before_its_voice_and_ends_with_it() {
        let borders = [
            SpeechStarted { at_ms: 4 * 16 - 32 },
            SpeechStopped { at_ms: 8 * 16 },
        ];
        assert_eq!(events("....####...."), borders);
    }

    #[test]
    fn a_click_is_no_speech() {
        assert_eq!(events("..##......##...#.#.#.#.#"), []);
    }

    #[test]
    fn flicker_between_the_thresholds_neither_starts_nor_ends_speech() {
        assert_eq!(events("--------------------"), []);
        assert_eq!(events("#-#-#----------"), [SpeechStarted { at_ms: 0 }]);
    }

    #[test]
    fn a_pause_shorter_than_the_silence_keeps_one_utterance() {
        assert_eq!(events("####...####....").len(), 2);
    }

    #[test]
    fn padding_never_reaches_into_the_utterance_before() {
        let borders = events("####....####....");
        assert_eq!(borders[1], SpeechStopped { at_ms: 64 });
        assert_eq!(borders[2], SpeechStarted { at_ms: 96 });
        let close = events("###.....###");
        assert_eq!(close[2], SpeechStarted { at_ms: 96 });
        let mut tight = Utterance::new(SpeechDetectorSettings {
            speech_ms_min: 16,
            silence_ms: 16,
            ..SpeechDetectorSettings::default()
        });
        let scores = [0.9, 0.0, 0.9];
        let hear = |(index, score)| {
            let at_ms = index as u64 * VAD_FRAME_MS;
            tight.hear(VadFrame { at_ms, score })
        };
        let found: Vec<_> = scores.into_iter().enumerate().filter_map(hear).collect();
        assert_eq!(found[2], SpeechStarted { at_ms: 16 });
    }
}
