//! Languages an agent speaks, and texts in them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A language we have fixed sentences, backchannels and tests for.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Language {
    /// English.
    #[default]
    #[serde(rename = "en")]
    English,
    /// Swahili.
    #[serde(rename = "sw")]
    Swahili,
    /// French.
    #[serde(rename = "fr")]
    French,
    /// Kinyarwanda.
    #[serde(rename = "rw")]
    Kinyarwanda,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 4] = [
        Self::English,
        Self::Swahili,
        Self::French,
        Self::Kinyarwanda,
    ];

    /// Its ISO 639-1 code.
    pub fn code(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Swahili => "sw",
            Self::French => "fr",
            Self::Kinyarwanda => "rw",
        }
    }

    /// The language of an ISO 639-1 code, a region behind it ignored (`en-US`).
    pub fn from_code(code: &str) -> Option<Self> {
        let bare = code.split(['-', '_']).next().unwrap_or_default();
        Self::ALL
            .into_iter()
            .find(|language| language.code().eq_ignore_ascii_case(bare))
    }
}

/// One text per language: `en = "Hello"`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Texts(BTreeMap<Language, String>);

impl Texts {
    /// The text in `language`, if there is one.
    pub fn in_language(&self, language: Language) -> Option<&str> {
        self.0.get(&language).map(String::as_str)
    }

    /// True when there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Languages that have a text.
    pub fn languages(&self) -> impl Iterator<Item = Language> + '_ {
        self.0.keys().copied()
    }
}
