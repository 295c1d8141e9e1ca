//! What the model says in one response, and how it goes wrong.

use std::time::Duration;

use switchboard_media::ladder::{STEP_MS, step_at};
use switchboard_wire::openai::ResponseReason;

use super::audio::{ReplyAudio, SpeechError};

/// One scripted response.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Speech first, then tool calls, each an item of the response.
    pub parts: Vec<ReplyPart>,
    /// How it ends when nobody stops it.
    pub ending: Ending,
    /// Time from `response.created` to the first item.
    pub think: Duration,
    /// Audio position at which generation stops for good, without any `.done`.
    pub stall_at_ms: Option<u64>,
    /// Audio position at which the socket is cut without a close frame.
    pub drop_at_ms: Option<u64>,
    /// Audio position at which generation pauses, and for how long.
    pub stutter: Option<(u64, Duration)>,
    /// Deltas that still arrive after the response was cancelled and done.
    pub late_deltas: usize,
}

/// An item of a response.
#[derive(Debug, Clone)]
pub enum ReplyPart {
    /// An assistant message: speech, or its words alone when the response is text.
    Speech(Speech),
    /// A function call.
    ToolCall {
        /// Tool name.
        name: String,
        /// JSON text.
        arguments: String,
        /// A fresh one when `None`.
        call_id: Option<String>,
    },
}

/// Sound with its words.
#[derive(Debug, Clone)]
pub struct Speech {
    /// The sound.
    pub audio: ReplyAudio,
    /// In order; a word's delta is sent before the audio that holds it.
    pub words: Vec<Word>,
}

/// A word and where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// With the space before it, as transcripts are concatenated.
    pub text: String,
    /// Position in the reply's audio.
    pub at_ms: u64,
}

/// How a response ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Completed,
    /// `failed`, with an error code such as `rate_limit_exceeded`, before anything is said.
    Failed {
        /// Error code.
        code: String,
        /// Error message.
        message: String,
    },
    /// `incomplete`, after what was said.
    Incomplete(ResponseReason),
}

impl Reply {
    /// A reply of these parts.
    pub fn new(parts: Vec<ReplyPart>) -> Self {
        Self {
            parts,
            ending: Ending::Completed,
            think: Duration::ZERO,
            stall_at_ms: None,
            drop_at_ms: None,
            stutter: None,
            late_deltas: 0,
        }
    }

    /// A text spoken by `espeak-ng` in English.
    ///
    /// # Errors
    /// The program is missing.
    pub fn say(text: &str) -> Result<Self, SpeechError> {
        Ok(Self::audio(ReplyAudio::speech(text, "en")?, text))
    }

    /// Any sound with its text; words are laid out over the sound by their length.
    pub fn audio(audio: ReplyAudio, text: &str) -> Self {
        let words = lay_out(text, audio.length_ms());
        Self::new(vec![ReplyPart::Speech(Speech { audio, words })])
    }

    /// The first `length_ms` of the tone ladder. Its transcript is one word per step, the step's number, so heard text
    /// can be held against heard sound.
    pub fn ladder(length_ms: u64) -> Self {
        let words = (0..length_ms.div_ceil(STEP_MS))
            .map(|step| {
                let space = if step == 0 { "" } else { " " };
                Word {
                    text: format!("{space}{}", step_at(step * STEP_MS)),
                    at_ms: step * STEP_MS,
                }
            })
            .collect();
        let audio = ReplyAudio::ladder(0, length_ms);
        Self::new(vec![ReplyPart::Speech(Speech { audio, words })])
    }

    /// A function call.
    pub fn call_tool(name: &str, arguments: &str) -> Self {
        Self::new(Vec::new()).then_call_tool(name, arguments)
    }

    /// A response that fails before anything is said.
    pub fn failed(code: &str, message: &str) -> Self {
        let ending = Ending::Failed {
            code: code.to_owned(),
            message: message.to_owned(),
        };
        Self {
            ending,
            ..Self::new(Vec::new())
        }
    }

    /// `response.created` and nothing after it.
    pub fn nothing() -> Self {
        Self::ladder(STEP_MS).stalling_at(0)
    }

    /// A function call behind what is said already.
    #[must_use]
    pub fn then_call_tool(mut self, name: &str, arguments: &str) -> Self {
        self.parts.push(ReplyPart::ToolCall {
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            call_id: None,
        });
        self
    }

    /// Thinks before it speaks.
    #[must_use]
    pub fn after(mut self, think: Duration) -> Self {
        self.think = think;
        self
    }

    /// Stops for good at an audio position.
    #[must_use]
    pub fn stalling_at(mut self, audio_ms: u64) -> Self {
        self.stall_at_ms = Some(audio_ms);
        self
    }

    /// Cuts the socket at an audio position.
    #[must_use]
    pub fn dropping_at(mut self, audio_ms: u64) -> Self {
        self.drop_at_ms = Some(audio_ms);
        self
    }

    /// Pauses at an audio position.
    #[must_use]
    pub fn stuttering_at(mut self, audio_ms: u64, pause: Duration) -> Self {
        self.stutter = Some((audio_ms, pause));
        self
    }

    /// Sends deltas after the response was cancelled, as a race on the wire does.
    #[must_use]
    pub fn with_late_deltas(mut self, count: usize) -> Self {
        self.late_deltas = count;
        self
    }

    /// Ends `incomplete`.
    #[must_use]
    pub fn ending_incomplete(mut self, reason: ResponseReason) -> Self {
        self.ending = Ending::Incomplete(reason);
        self
    }

    /// Everything it would say.
    pub fn text(&self) -> String {
        self.parts
            .iter()
            .filter_map(|part| match part {
                ReplyPart::Speech(speech) => Some(speech.text()),
                ReplyPart::ToolCall { .. } => None,
            })
            .collect()
    }
}

impl Speech {
    /// Its whole transcript.
    pub fn text(&self) -> String {
        self.words.iter().map(|word| &*word.text).collect()
    }
}

/// Gives each word a share of the sound by its characters.
fn lay_out(text: &str, length_ms: u64) -> Vec<Word> {
    let chars_total = text.chars().count().max(1) as u64;
    let mut chars_before = 0;
    text.split_inclusive(char::is_whitespace)
        .scan("", |pending_space, word| {
            let text = format!("{pending_space}{}", word.trim_end());
            *pending_space = if word.ends_with(char::is_whitespace) {
                " "
            } else {
                ""
            };
            let at_ms = length_ms * chars_before / chars_total;
            chars_before += word.chars().count() as u64;
            Some(Word { text, at_ms })
        })
        .filter(|word| !word.text.trim().is_empty())
        .collect()
}
