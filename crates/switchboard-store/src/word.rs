//! Technical words: text that cannot hold personal data because of the letters it may use.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Longer than any reason, status or event name of ours or of a carrier.
const WORD_BYTES_MAX: usize = 64;

/// A short technical word such as `handshake_timeout`, `no-answer` or `response.done`.
///
/// Letters of a to z, digits, `_`, `-`, `.`, at least one letter, at most 64 bytes. So no telephone number, no
/// sentence and no e-mail address fits where a `Word` is asked for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Word(Cow<'static, str>);

/// The text is not a technical word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a technical word has 1 to 64 letters a-z, digits, '_', '-' or '.', and at least one letter"
)]
pub struct WordError;

impl Word {
    pub fn parse(text: &str) -> Result<Self, WordError> {
        if is_word(text) {
            Ok(Self(Cow::Owned(text.to_owned())))
        } else {
            Err(WordError)
        }
    }

    /// A word written in the source.
    ///
    /// # Panics
    /// At compile time in a constant, otherwise at the first use, when the text is not a word.
    pub const fn new(text: &'static str) -> Self {
        assert!(is_word(text), "not a technical word");
        Self(Cow::Borrowed(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

const fn is_word(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut has_letter = false;
    let mut i = 0;
    while i < bytes.len() {
        match bytes[i] {
            b'a'..=b'z' => has_letter = true,
            b'0'..=b'9' | b'_' | b'-' | b'.' => {}
            _ => return false,
        }
        i += 1;
    }
    has_letter && bytes.len() <= WORD_BYTES_MAX
}

impl From<&'static str> for Word {
    /// # Panics
    /// When the text in the source is not a word; see [`Word::new`].
    fn from(text: &'static str) -> Self {
        Self::new(text)
    }
}

impl TryFrom<String> for Word {
    type Error = WordError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Word> for String {
    fn from(word: Word) -> Self {
        word.0.into_owned()
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

stored_as_text!(Word, |word| word.as_str(), Word::parse);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d5_a_technical_word_cannot_hold_a_number_a_sentence_or_an_address() {
        for text in [
            "",
            "+12025550103",
            "12025550103",
            "Ama Osei",
            "ama@example.org",
            "é",
        ] {
            assert_eq!(Word::parse(text), Err(WordError), "{text}");
        }
        for text in ["dtmf_0", "no-answer", "response.done", "handshake_timeout"] {
            assert_eq!(Word::parse(text).unwrap().as_str(), text);
        }
    }
}
