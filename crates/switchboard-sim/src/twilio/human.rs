//! The people behind dialled numbers.

use crate::caller::{CallerScript, Clip};
use switchboard_media::tone;

/// How a dialled line behaves.
#[derive(Debug, Clone)]
pub enum HumanLine {
    /// Picks up after ringing, follows a script, and the legs are joined.
    Answers {
        ring_ms: u64,
        speech: HumanSpeech,
    },
    /// An answering machine picks up, says this and records until the other side hangs up.
    Machine {
        ring_ms: u64,
        speech: HumanSpeech,
    },
    Busy,
    /// Rings until the dial's timeout, or until this earlier moment, so that tests need not wait 30 s.
    NoAnswer {
        ring_ms_max: Option<u64>,
    },
    /// The number cannot be reached.
    Failed,
}

/// What a human says once the legs are joined. The script hears the caller.
#[derive(Debug, Clone)]
pub struct HumanSpeech {
    pub script: CallerScript,
}

impl HumanSpeech {
    pub fn new(script: CallerScript) -> Self {
        Self { script }
    }
}

impl HumanLine {
    /// A human who presses a key once the whisper is over, and then talks like [`HumanLine::default`].
    pub fn presses(digit: char) -> Self {
        let hello: Clip = tone::sine(8_000, 600.0, 1000, 0.3).into();
        let script = CallerScript::new().wait_for_quiet(300).press(digit);
        Self::Answers {
            ring_ms: 200,
            speech: HumanSpeech::new(script.wait(300).speak(hello).wait(1000).hang_up()),
        }
    }

    /// A machine with a greeting of a second and no end of its own.
    pub fn machine() -> Self {
        let greeting: Clip = tone::sine(8_000, 500.0, 1000, 0.3).into();
        Self::Machine {
            ring_ms: 200,
            speech: HumanSpeech::new(CallerScript::new().speak(greeting).wait(60_000)),
        }
    }
}

/// Who takes callers out of a queue.
#[derive(Debug, Clone)]
pub enum QueueLine {
    /// Somebody takes the caller after this long.
    Taken { after_ms: u64, speech: HumanSpeech },
    /// Nobody ever does.
    Unattended,
    /// There is no room.
    Full,
}

impl Default for HumanLine {
    /// Rings for a fifth of a second, says a second of a 600 Hz tone, and hangs up a second later.
    fn default() -> Self {
        let hello: Clip = tone::sine(8_000, 600.0, 1000, 0.3).into();
        Self::Answers {
            ring_ms: 200,
            speech: HumanSpeech::new(CallerScript::new().speak(hello).wait(1000).hang_up()),
        }
    }
}
