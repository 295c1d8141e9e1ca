//! What a call is started with.

use crate::answering::Outgoing;
use crate::budget::Allowance;
use crate::consent::{ConsentPolicy, Greeting};
use crate::input::TurnTaking;
use crate::limits::Limits;
use crate::playback::PlaybackReport;
use crate::time::Span;
use crate::words::{Language, Words};

/// Everything about an agent and a leg that decisions depend on.
#[derive(Debug, Clone, PartialEq)]
pub struct CallSettings {
    pub limits: Limits,
    /// What shared budgets have set aside at first. None: the call has no budget but its own.
    pub allowance: Option<Allowance>,
    pub playback: PlaybackReport,
    pub turn_taking: TurnTaking,
    /// Said first, exactly. None: the agent waits to be spoken to.
    pub greeting: Option<Greeting>,
    pub consent: ConsentPolicy,
    /// Words are stored, once the consent is there.
    pub keeps_words: bool,
    /// The call is recorded, once the consent is there.
    pub records: bool,
    pub keys: Keys,
    /// We placed this call: who picks up may be a machine.
    pub outgoing: Option<Outgoing>,
    /// Sentences of the agent, the first one in its main language.
    pub sentences: Vec<Sentences>,
    /// Models configured for this agent, in order of choice. At least one.
    pub models: u32,
    /// The model hands in the caller's words, so that words can decide about interruptions.
    pub has_words: bool,
    /// Length of each cached phrase; zero when there is none.
    pub filler_length: Span,
}

/// Keys with a meaning of ours. 0 reaches a human whatever stands here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Keys {
    /// Takes the consent back: nothing more is kept, and what was is erased.
    pub withdraw: Option<char>,
    /// Begins secure entry; `#` ends it.
    pub secure_entry: Option<char>,
}

/// What the agent says on its own account, in one language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sentences {
    pub language: Language,
    pub nudge: Words,
    pub length_warning: Words,
    pub goodbye: Words,
    /// The limit of money is reached.
    pub budget: Words,
    /// Something went wrong on our side.
    pub apology: Words,
    /// A human declined, and the caller is with the agent again.
    pub returned: Words,
    /// A person of staff has talked with the caller, who is with the agent again.
    pub given_back: Words,
    /// Asks whoever may be a machine for a key.
    pub person_check: Words,
}

impl Default for CallSettings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            allowance: None,
            playback: PlaybackReport::Marks,
            turn_taking: TurnTaking::default(),
            greeting: None,
            consent: ConsentPolicy::default(),
            keeps_words: true,
            records: false,
            keys: Keys::default(),
            outgoing: None,
            sentences: vec![Sentences {
                language: Language::ENGLISH,
                nudge: "Are you still there?".into(),
                length_warning: "We have about half a minute left on this call.".into(),
                goodbye: "Thank you for calling. Goodbye.".into(),
                budget: "I have reached the limit for this call.".into(),
                apology: "I am sorry, something went wrong on our side.".into(),
                returned: "I am sorry, nobody is free right now. How else can I help?".into(),
                given_back: "I am with you again. How can I help you further?".into(),
                person_check: "If you are a person, please press any key now.".into(),
            }],
            models: 1,
            has_words: true,
            filler_length: Span::ZERO,
        }
    }
}

impl CallSettings {
    pub(crate) fn sentences(&self, language: Option<Language>) -> Option<&Sentences> {
        let spoken = self
            .sentences
            .iter()
            .find(|sentences| Some(sentences.language) == language);
        spoken.or_else(|| self.sentences.first())
    }
}
