//! Finds phrases in one sentence, and remembers which of its words were of use.

use super::wishes::{NO, YES};
use crate::models::local::lexicon;

/// Longer turns are cut before they are understood: a spoken turn of two minutes has about 1500 characters.
const MEANING_CHARACTERS_MAX: usize = 4_000;
/// Shorter stems are compared whole: "see" and "seed" have nothing in common.
const STEM_CHARACTERS_MIN: usize = 4;

/// Reads one sentence and remembers which words it could use.
pub(super) struct Reader<'a> {
    pub(super) words: Vec<&'a str>,
    pub(super) used: Vec<bool>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(tokens: &'a [String]) -> Self {
        Self {
            words: tokens.iter().map(String::as_str).collect(),
            used: vec![false; tokens.len()],
        }
    }

    /// Where the phrase stands, words compared by their stems.
    pub(super) fn find(&self, phrase: &str) -> Option<std::ops::Range<usize>> {
        let wanted: Vec<&str> = phrase.split_whitespace().collect();
        if wanted.is_empty() {
            return None;
        }
        let at = self.words.windows(wanted.len()).position(|words| {
            let mut pairs = words.iter().zip(&wanted);
            pairs.all(|(word, wanted)| word == wanted || is_same_stem(word, wanted))
        })?;
        Some(at..at + wanted.len())
    }

    pub(super) fn take(&mut self, phrase: &str) -> bool {
        let Some(range) = self.find(phrase) else {
            return false;
        };
        self.used[range].fill(true);
        true
    }

    pub(super) fn take_any(&mut self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.take(phrase))
    }

    pub(super) fn has_any(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.find(phrase).is_some())
    }

    pub(super) fn use_any(&mut self, phrases: &[&str]) {
        for phrase in phrases {
            self.take(phrase);
        }
    }

    /// How many words that carry meaning were used, and how many were not.
    pub(super) fn weighty_words(&self) -> (usize, usize) {
        let pairs = || self.words.iter().zip(&self.used);
        let is_answer = |word: &str| YES.contains(&word) || NO.contains(&word);
        let known =
            pairs().filter(|(word, used)| **used && (!is_function_word(word) || is_answer(word)));
        let unknown = pairs().filter(|(word, used)| !**used && !is_function_word(word));
        (known.count(), unknown.count())
    }
}

/// Lower-case words; digits and letters are kept, punctuation is not, `2:30` and `3pm` become words of their own.
pub(super) fn tokens(text: &str) -> Vec<String> {
    let mut spaced = String::with_capacity(text.len() + 8);
    let mut last = ' ';
    for sign in text
        .chars()
        .flat_map(char::to_lowercase)
        .take(MEANING_CHARACTERS_MAX)
    {
        let sign = if sign == '’' { '\'' } else { sign };
        if last.is_ascii_digit() && sign.is_alphabetic()
            || last.is_alphabetic() && sign.is_ascii_digit()
        {
            spaced.push(' ');
        }
        spaced.push(if sign.is_alphanumeric() || "'+".contains(sign) {
            sign
        } else {
            ' '
        });
        last = sign;
    }
    let words = spaced.split_whitespace().map(str::to_owned);
    words
        .filter(|word| !["st", "nd", "rd", "th"].contains(&word.as_str()))
        .collect()
}

/// Words without weight: they neither speak for nor against having understood.
pub(super) fn is_function_word(word: &str) -> bool {
    lexicon::FUNCTION_WORDS.contains(&word)
}

fn is_same_stem(one: &str, other: &str) -> bool {
    fn stem(word: &str) -> &str {
        let endings = ["ings", "ing", "ers", "ed", "er", "es", "s"];
        let cut = endings
            .iter()
            .filter_map(|ending| word.strip_suffix(ending));
        cut.into_iter()
            .find(|stem| stem.chars().count() >= STEM_CHARACTERS_MIN)
            .unwrap_or(word)
    }
    one.chars().count() >= STEM_CHARACTERS_MIN && stem(one) == stem(other)
}
