//! Words are kept only after a disclosure that was heard to its end.

use crate::ids::ItemId;
use crate::words::{Language, Words};

/// What a tenant's law and policy ask before transcripts may be stored.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum ConsentPolicy {
    /// Nothing is asked; turns are stored from the first.
    #[default]
    NotNeeded,
    /// Nobody can give it in this call: no words are kept.
    NothingKept,
    /// Staying on the line after hearing the disclosure is the consent. It is part of the greeting.
    Implied { disclosure: Words },
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    NotNeeded,
    Owed(Words),
    /// Being said, in this item of the model once it is known.
    Said {
        disclosure: Words,
        item: Option<ItemId>,
        is_generated: bool,
    },
    Heard,
    /// Cut off: nothing of the call is kept in words.
    Cut,
}

#[derive(Debug)]
pub(crate) struct Consent {
    state: State,
}

impl Consent {
    pub(crate) fn new(policy: ConsentPolicy) -> Self {
        let state = match policy {
            ConsentPolicy::NotNeeded => State::NotNeeded,
            ConsentPolicy::NothingKept => State::Cut,
            ConsentPolicy::Implied { disclosure } => State::Owed(disclosure),
        };
        Self { state }
    }

    pub(crate) fn may_keep_words(&self) -> bool {
        matches!(self.state, State::NotNeeded | State::Heard)
    }

    /// The words that must come before anything else, while they are owed.
    pub(crate) fn owed(&self) -> Option<&Words> {
        match &self.state {
            State::Owed(disclosure) => Some(disclosure),
            _ => None,
        }
    }

    pub(crate) fn on_said(&mut self) {
        if let State::Owed(disclosure) = &mut self.state {
            let disclosure = std::mem::take(disclosure);
            self.state = State::Said {
                disclosure,
                item: None,
                is_generated: false,
            };
        }
    }

    /// The first audio after it was asked for belongs to it.
    pub(crate) fn on_audio(&mut self, spoken: ItemId) {
        if let State::Said {
            item: item @ None, ..
        } = &mut self.state
        {
            *item = Some(spoken);
        }
    }

    /// Its reply is complete: from here its length is known.
    pub(crate) fn on_generated(&mut self) {
        if let State::Said {
            item: Some(_),
            is_generated,
            ..
        } = &mut self.state
        {
            *is_generated = true;
        }
    }

    /// Its model is gone before all of it was generated: what comes next from another one is its first audio.
    /// True when it has to be said again.
    pub(crate) fn on_lost(&mut self) -> bool {
        if let State::Said {
            item,
            is_generated: false,
            ..
        } = &mut self.state
        {
            *item = None;
            return true;
        }
        false
    }

    /// The item the disclosure is spoken in, once all of it was generated.
    pub(crate) fn generated_item(&self) -> Option<ItemId> {
        match &self.state {
            State::Said {
                item,
                is_generated: true,
                ..
            } => *item,
            _ => None,
        }
    }

    /// The item was played to its end. Gives the wording once.
    pub(crate) fn on_heard(&mut self) -> Option<Words> {
        let State::Said { disclosure, .. } = &mut self.state else {
            return None;
        };
        let disclosure = std::mem::take(disclosure);
        self.state = State::Heard;
        Some(disclosure)
    }

    /// The model stopped in the middle of it: what was heard of it is not the disclosure. True once.
    pub(crate) fn on_incomplete(&mut self) -> bool {
        let is_begun = matches!(
            self.state,
            State::Said {
                item: Some(_),
                is_generated: false,
                ..
            }
        );
        is_begun && self.on_cut_if_unheard()
    }

    /// A reply was cut before the disclosure was heard to its end. True once.
    pub(crate) fn on_cut_if_unheard(&mut self) -> bool {
        let said = matches!(self.state, State::Said { .. });
        if said {
            self.state = State::Cut;
        }
        said
    }
}

/// A greeting in one language, disclosure included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    pub words: Words,
    pub language: Language,
}
