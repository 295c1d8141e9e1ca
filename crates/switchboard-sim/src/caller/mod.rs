//! Callers that follow a script: they hear what the agent says and speak real sound, in steps of 20 ms.
//!
//! ```
//! use switchboard_sim::caller::CallerScript;
//!
//! let script = CallerScript::new()
//!     .speak_after_silence(600, vec![0; 8000])
//!     .press('0')
//!     .wait(500)
//!     .hang_up();
//! assert_eq!(script.steps.len(), 5); // to wait for silence and to speak are two
//! ```

mod runner;
pub mod speech;

pub use runner::{CallerRunner, Mouth, SOUND_DBFS_MIN};

use std::sync::Arc;

/// Sound as a telephone carries it: 8 kHz, mono, linear. Shared because a thousand calls may say the same.
pub type Clip = Arc<[i16]>;

/// A wait without its own bound ends after this long, so that a script cannot hang for ever.
pub const BOUND_MS: u64 = 30_000;

/// What a caller does, one step after the other.
#[derive(Debug, Clone, Default)]
pub struct CallerScript {
    pub steps: Vec<Step>,
}

/// One step. A step that waits moves on at its bound, and the log says so.
#[derive(Debug, Clone)]
pub enum Step {
    Wait {
        ms: u64,
    },
    Speak(Clip),
    /// Waits until the agent has said something since the last step and has then been quiet for this long.
    WaitForQuiet {
        quiet_ms: u64,
        bound_ms: u64,
    },
    /// Waits until the agent has spoken for this long without a gap: the beginning of an interruption.
    WaitForSound {
        sound_ms: u64,
        bound_ms: u64,
    },
    /// `0` to `9`, `*`, `#`, `A` to `D`.
    Press(char),
    HangUp,
}

impl CallerScript {
    /// A caller who says nothing and stays until the other side ends.
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    #[must_use]
    pub fn wait(self, ms: u64) -> Self {
        self.then(Step::Wait { ms })
    }

    #[must_use]
    pub fn speak(self, clip: impl Into<Clip>) -> Self {
        self.then(Step::Speak(clip.into()))
    }

    /// Speaks once the agent has said something and then been quiet for `quiet_ms`.
    #[must_use]
    pub fn speak_after_silence(self, quiet_ms: u64, clip: impl Into<Clip>) -> Self {
        self.wait_for_quiet(quiet_ms).speak(clip)
    }

    /// Speaks into the agent's words once these have lasted `sound_ms`.
    #[must_use]
    pub fn speak_when_hears(self, sound_ms: u64, clip: impl Into<Clip>) -> Self {
        let bound_ms = BOUND_MS;
        self.then(Step::WaitForSound { sound_ms, bound_ms })
            .speak(clip)
    }

    #[must_use]
    pub fn wait_for_quiet(self, quiet_ms: u64) -> Self {
        let bound_ms = BOUND_MS;
        self.then(Step::WaitForQuiet { quiet_ms, bound_ms })
    }

    #[must_use]
    pub fn press(self, digit: char) -> Self {
        self.then(Step::Press(digit))
    }

    #[must_use]
    pub fn hang_up(self) -> Self {
        self.then(Step::HangUp)
    }
}
