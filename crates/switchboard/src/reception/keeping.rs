//! What is kept of a call, and what the caller is told and asked about it first.

use switchboard_call::{ConsentBasis, ConsentPolicy};
use switchboard_store::Word;

use super::ReadyAgent;
use crate::config::AgentDefinition;
use crate::config::agent::{ConsentMode, Kept};
use crate::journal::DisclosedPurposes;
use crate::switches::CallSwitches;

/// What is kept of one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Keeping {
    /// Words, sound, both or nothing.
    pub(super) kept: Kept,
    /// What is said in the place of the agent's own disclosure.
    wording: Option<String>,
    /// Which version of the wording is said.
    version: String,
}

/// What a client has to tell its people before they talk: the disclosure, where something is kept and the agent does not
/// say it itself, because it does not speak first.
#[must_use]
pub fn unsaid_disclosure(agent: &ReadyAgent, switches: &CallSwitches) -> Option<String> {
    if agent.definition.greeting.realtime {
        return None;
    }
    let keeping = Keeping::of(agent, false, switches);
    let policy = keeping.policy(&agent.definition, true);
    let kept = keeping.kept.words && policy.basis != ConsentBasis::Never;
    policy
        .disclosure
        .filter(|_| kept)
        .map(|words| words.expose().to_owned())
}

impl Keeping {
    /// What the agent's definition says, unless it is switched otherwise. `records` is false where no sound is taken.
    pub(super) fn of(agent: &ReadyAgent, records: bool, switches: &CallSwitches) -> Self {
        let consent = &agent.definition.consent;
        let wording = switches.consent_wording.clone();
        let whose = wording.as_ref().map_or("", |_| ":switched");
        Self {
            kept: Kept {
                words: switches.transcription.unwrap_or(consent.transcribe),
                sound: switches.recording.unwrap_or(consent.record) && records,
            },
            version: format!("{}:{}{whose}", agent.definition.name, agent.version),
            wording,
        }
    }

    /// What the core asks for. Where the agent does not speak first nothing is disclosed: then only what needs no
    /// explicit answer is kept in words, and no sound.
    pub(super) fn policy(&self, definition: &AgentDefinition, speaks_first: bool) -> ConsentPolicy {
        let language = definition.first_language();
        let disclosure = definition.disclosure(language, self.kept);
        // Whoever would be told something is told it in the switched words; nobody is told because there are some.
        let disclosure = disclosure.map(|own| {
            self.wording
                .clone()
                .unwrap_or_else(|| own.as_str().to_owned())
        });
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
