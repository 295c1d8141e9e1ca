//! Words people said, and the languages they said them in.

use core::fmt;

/// Something a person or an agent said, a tool's arguments, a tool's answer: personal content.
/// Its text form is a placeholder, so it cannot slip into a log line.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Words(String);

impl Words {
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself. Only for sending it where it belongs: to the model, to the leg, to the store.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.trim().is_empty()
    }

    pub fn push_str(&mut self, text: &str) {
        self.0.push_str(text);
    }
}

impl fmt::Debug for Words {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "‹{} characters›", self.0.chars().count())
    }
}

impl From<String> for Words {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Words {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// A language as a two-letter ISO 639-1 code in lower case, for instance `en` or `rw`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Language([u8; 2]);

impl Language {
    pub const ENGLISH: Self = Self(*b"en");
    pub const SWAHILI: Self = Self(*b"sw");
    pub const FRENCH: Self = Self(*b"fr");
    pub const KINYARWANDA: Self = Self(*b"rw");

    /// Reads the primary subtag of a BCP 47 tag: `en-US` is `en`. None when it is not two ASCII letters.
    #[must_use]
    pub fn parse(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default().as_bytes();
        match primary {
            [a, b] if a.is_ascii_alphabetic() && b.is_ascii_alphabetic() => {
                Some(Self([a.to_ascii_lowercase(), b.to_ascii_lowercase()]))
            }
            _ => None,
        }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or("en")
    }
}
