//! A script in motion: frame heard in, frame spoken out. Time is counted in frames; there is no clock.

use super::{CallerScript, Clip, Step};
use std::collections::VecDeque;
use switchboard_media::g711;
use switchboard_media::level::level_dbfs_ulaw;

/// A frame louder than this is sound. Comfort noise of carriers lies below -55 dBFS, quiet speech above -40.
pub const SOUND_DBFS_MIN: f32 = -48.0;
/// Gaps shorter than this inside words do not end a stretch of sound.
const GAP_MS_MAX: u64 = 200;
const FRAME_MS: u64 = 20;
const FRAME_BYTES: usize = 160;

/// What the caller does in one frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mouth {
    /// 20 ms of mu-law.
    pub sound: [u8; FRAME_BYTES],
    /// A clip began in this frame; its length.
    pub began_to_speak_ms: Option<u64>,
    pub has_ended_speaking: bool,
    pub digit: Option<char>,
    /// A waiting step gave up at its bound.
    pub has_lost_patience: bool,
    pub hangs_up: bool,
}

/// One caller of one call.
#[derive(Debug)]
pub struct CallerRunner {
    steps: VecDeque<Step>,
    speaking: Option<Speaking>,
    /// Time in the present step.
    step_ms: u64,
    heard: Heard,
}

#[derive(Debug)]
struct Speaking {
    clip: Clip,
    position: usize,
}

/// What the ear knows about the agent's voice.
#[derive(Debug, Default)]
struct Heard {
    /// Since the last step ended.
    has_sound: bool,
    quiet_ms: u64,
    sound_ms: u64,
}

impl CallerRunner {
    pub fn new(script: CallerScript) -> Self {
        Self {
            steps: script.steps.into(),
            speaking: None,
            step_ms: 0,
            heard: Heard::default(),
        }
    }

    /// Adds steps at the end, for a call that is steered while it runs.
    pub fn add(&mut self, steps: impl IntoIterator<Item = Step>) {
        self.steps.extend(steps);
    }

    /// Whether all steps are done.
    pub fn is_done(&self) -> bool {
        self.steps.is_empty() && self.speaking.is_none()
    }

    /// Hears one frame of mu-law and says what the mouth does meanwhile.
    pub fn tick(&mut self, ear: &[u8]) -> Mouth {
        self.heard.listen(ear);
        let mut mouth = Mouth {
            sound: [g711::ULAW_SILENCE; FRAME_BYTES],
            began_to_speak_ms: None,
            has_ended_speaking: false,
            digit: None,
            has_lost_patience: false,
            hangs_up: false,
        };
        if self.speaking.is_none() {
            self.step(&mut mouth);
        }
        self.speak(&mut mouth);
        mouth
    }

    /// Runs steps until one takes time. At most one key is pressed per frame.
    fn step(&mut self, mouth: &mut Mouth) {
        while let Some(step) = self.steps.front() {
            let is_over = match step {
                Step::Wait { ms } => self.step_ms >= *ms,
                Step::WaitForQuiet { quiet_ms, .. } => {
                    self.heard.has_sound && self.heard.quiet_ms >= *quiet_ms
                }
                Step::WaitForSound { sound_ms, .. } => self.heard.sound_ms >= *sound_ms,
                Step::Speak(_) | Step::Press(_) | Step::HangUp => true,
            };
            let has_lost_patience = match step {
                Step::WaitForQuiet { bound_ms, .. } | Step::WaitForSound { bound_ms, .. } => {
                    !is_over && self.step_ms >= *bound_ms
                }
                _ => false,
            };
            mouth.has_lost_patience |= has_lost_patience;
            if !is_over && !has_lost_patience {
                self.step_ms += FRAME_MS;
                return;
            }
            if self.act(mouth) {
                return;
            }
        }
    }

    /// Takes the front step off the list; true if it fills this frame.
    fn act(&mut self, mouth: &mut Mouth) -> bool {
        self.step_ms = 0;
        match self.steps.pop_front() {
            Some(Step::Speak(clip)) => {
                mouth.began_to_speak_ms = Some(clip.len() as u64 / 8);
                self.speaking = Some(Speaking { clip, position: 0 });
                true
            }
            Some(Step::Press(digit)) => {
                mouth.digit = Some(digit);
                self.heard.has_sound = false;
                true
            }
            Some(Step::HangUp) => {
                mouth.hangs_up = true;
                true
            }
            _ => false,
        }
    }

    fn speak(&mut self, mouth: &mut Mouth) {
        let Some(speaking) = &mut self.speaking else {
            return;
        };
        let rest = &speaking.clip[speaking.position..];
        let piece = &rest[..rest.len().min(FRAME_BYTES)];
        for (byte, sample) in mouth.sound.iter_mut().zip(piece) {
            *byte = g711::linear_to_ulaw(*sample);
        }
        speaking.position += piece.len();
        if speaking.position == speaking.clip.len() {
            self.speaking = None;
            mouth.has_ended_speaking = true;
            self.heard.has_sound = false;
        }
    }
}

impl Heard {
    fn listen(&mut self, ear: &[u8]) {
        if level_dbfs_ulaw(ear) > SOUND_DBFS_MIN {
            self.has_sound = true;
            self.quiet_ms = 0;
            self.sound_ms += FRAME_MS;
        } else {
            self.quiet_ms += FRAME_MS;
            if self.quiet_ms >= GAP_MS_MAX {
                self.sound_ms = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchboard_media::tone;

    const QUIET: [u8; FRAME_BYTES] = [g711::ULAW_SILENCE; FRAME_BYTES];

    fn loud() -> Vec<u8> {
        let mut bytes = Vec::new();
        g711::encode_ulaw(&tone::sine(8000, 440.0, 20, 0.3), &mut bytes);
        bytes
    }

    /// The frame at which `is_it` first holds, while the ear hears what `ear` says for each frame.
    fn first(
        script: CallerScript,
        ear: impl Fn(usize) -> bool,
        is_it: impl Fn(&Mouth) -> bool,
    ) -> Option<usize> {
        let loud = loud();
        let mut runner = CallerRunner::new(script);
        (0..3000).find(|frame| {
            let heard = if ear(*frame) { &loud[..] } else { &QUIET };
            is_it(&runner.tick(heard))
        })
    }

    #[test]
    fn a_caller_waits_for_the_agent_to_finish() {
        let script = CallerScript::new().speak_after_silence(600, vec![1000; 1600]);
        let spoke = first(
            script,
            |frame| (50..100).contains(&frame),
            |mouth| mouth.began_to_speak_ms == Some(200),
        );
        assert_eq!(spoke, Some(100 + 600 / 20 - 1));
    }

    #[test]
    fn short_gaps_do_not_count_as_quiet_and_interruptions_wait_for_sound() {
        let script = CallerScript::new().speak_when_hears(400, vec![1000; 160]);
        let with_gaps = |frame| frame >= 10 && frame % 6 != 0;
        let spoke = first(script, with_gaps, |mouth| mouth.began_to_speak_ms.is_some());
        assert!(
            spoke.is_some_and(|frame| (30..40).contains(&frame)),
            "{spoke:?}"
        );
    }

    #[test]
    fn a_caller_who_hears_nothing_loses_patience_at_the_bound() {
        let script = CallerScript::new().wait_for_quiet(600).hang_up();
        let gave_up = first(script, |_| false, |mouth| mouth.has_lost_patience);
        assert_eq!(gave_up, Some((super::super::BOUND_MS / FRAME_MS) as usize));
    }

    #[test]
    fn keys_are_pressed_one_per_frame_and_words_end() {
        let script = CallerScript::new()
            .press('1')
            .press('2')
            .speak(vec![1000; 200]);
        let mut runner = CallerRunner::new(script);
        assert_eq!(runner.tick(&QUIET).digit, Some('1'));
        assert_eq!(runner.tick(&QUIET).digit, Some('2'));
        let begins = runner.tick(&QUIET);
        assert!(begins.began_to_speak_ms.is_some() && !begins.has_ended_speaking);
        let ends = runner.tick(&QUIET);
        assert!(ends.has_ended_speaking);
        assert_eq!(ends.sound[40..], QUIET[40..]);
        assert!(runner.is_done());
    }
}
