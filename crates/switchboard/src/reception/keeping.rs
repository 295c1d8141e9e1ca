//! What is kept of a call, and what the caller is told and asked about it first.

use switchboard_call::{ConsentBasis, ConsentPolicy};
use switchboard_store::Word;

use super::ReadyAgent;
use crate::config::AgentDefinition;
use crate::config::agent::{ConsentMode, Kept};
use crate::journal::DisclosedPurposes;

/// What is kept of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Keeping {
    /// Words, sound, both or nothing.
    pub(super) kept: Kept,
    /// Which version of the wording is said.
    version: String,
}

impl Keeping {
    /// What the agent's definition says.
    pub(super) fn of(agent: &ReadyAgent, records: bool) -> Self {
        let consent = &agent.definition.consent;
        Self {
            kept: Kept {
                words: consent.transcribe,
                sound: consent.record && records,
            },
            version: format!("{}:{}", agent.definition.name, agent.version),
        }
    }

    /// What the core asks for. Where the agent does not speak first nothing is disclosed: then only what needs no
    /// explicit answer is kept in words, and no sound.
    pub(super) fn policy(&self, definition: &AgentDefinition, speaks_first: bool) -> ConsentPolicy {
        let language = definition.first_language();
        let disclosure = definition.disclosure(language, self.kept);
        let disclosure = disclosure.filter(|_| speaks_first);
        let is_nothing = !self.kept.words && !self.kept.sound;
        let basis = match definition.consent.mode {
            ConsentMode::Never => ConsentBasis::Never,
            ConsentMode::NotNeeded => ConsentBasis::NotNeeded,
            // Nobody is asked for what is not kept.
            _ if is_nothing => ConsentBasis::Never,
            ConsentMode::Implied if speaks_first => ConsentBasis::Implied,
            ConsentMode::Implied => ConsentBasis::NotNeeded,
            ConsentMode::Asked => ConsentBasis::Asked,
        };
        ConsentPolicy {
            disclosure: disclosure.map(|text| text.as_str().into()),
            basis,
        }
    }

    /// What the evidence of a consent says it is for.
    pub(super) fn purposes(&self) -> DisclosedPurposes {
        let words = self.kept.words.then(|| Word::new("transcription"));
        let sound = self.kept.sound.then(|| Word::new("recording"));
        DisclosedPurposes {
            purposes: words.into_iter().chain(sound).collect(),
            version: self.version.clone(),
        }
    }
}
