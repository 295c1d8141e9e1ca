//! Sentences of ours as audio, synthesised once, for moments when no model can speak.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use switchboard_call::Span;
use switchboard_media::frame::AudioFormat;

use crate::config::AgentDefinition;
use crate::leg::PhraseAudio;
use crate::model::Payload;

/// Fillers by their text and format.
#[derive(Debug, Default)]
pub struct PhraseCache(Mutex<HashMap<(String, AudioFormat), Payload>>);

impl PhraseCache {
    /// Keeps the audio of one filler.
    pub fn keep(&self, text: &str, format: AudioFormat, audio: Payload) {
        self.lock().insert((text.to_owned(), format), audio);
    }

    /// The phrases of an agent in a leg's format, as far as they were synthesised.
    pub fn of(&self, agent: &AgentDefinition, format: AudioFormat) -> PhraseAudio {
        let text = agent.phrases.filler(agent.first_language()).to_owned();
        PhraseAudio {
            filler: self.lock().get(&(text, format)).cloned(),
        }
    }

    /// How long the agent's filler plays; zero when there is none.
    pub fn filler_length(&self, agent: &AgentDefinition, format: AudioFormat) -> Span {
        self.of(agent, format)
            .filler
            .map_or(Span::ZERO, |audio| audio.length(format))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(String, AudioFormat), Payload>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
