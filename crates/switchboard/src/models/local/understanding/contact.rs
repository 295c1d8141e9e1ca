//! Who calls: a name, introduced, spelled or bare, and a telephone number.

use super::reader::{Reader, is_function_word};
use super::wishes::{NO, YES};
use crate::models::local::lexicon;

const PHONE_DIGITS_MIN: usize = 7;
/// E.164 allows 15.
const PHONE_DIGITS_MAX: usize = 15;
const NAME_WORDS_MAX: usize = 3;

impl Reader<'_> {
    pub(super) fn phone(&mut self) -> Option<String> {
        let mut best: Option<(std::ops::Range<usize>, String)> = None;
        let mut at = 0;
        while at < self.words.len() {
            let from = at;
            let mut digits = String::new();
            while let Some(spoken) = self.words.get(at).and_then(|word| spoken_digits(word)) {
                digits.push_str(&spoken);
                at += 1;
            }
            if (PHONE_DIGITS_MIN..=PHONE_DIGITS_MAX).contains(&digits.len()) {
                best = Some((from..at, digits));
            }
            at = at.max(from + 1);
        }
        let (range, digits) = best?;
        self.used[range].fill(true);
        Some(digits)
    }

    pub(super) fn introduced_name(&mut self) -> Option<String> {
        let introductions = [
            "my name is",
            "my name's",
            "the name is",
            "name is",
            "this is",
            "i am",
            "i'm",
            "it's",
            "under",
        ];
        introductions.iter().find_map(|introduction| {
            let range = self.find(introduction)?;
            let rest = self.words[range.end..].iter();
            let name: Vec<&str> = rest
                .take_while(|word| lexicon::is_name(word))
                .copied()
                .take(NAME_WORDS_MAX)
                .collect();
            if name.is_empty() {
                return self.spelled_name(range.end);
            }
            self.used[range.start..range.end + name.len()].fill(true);
            Some(capitalised(&name))
        })
    }

    /// `j o h n`, letter by letter.
    fn spelled_name(&mut self, from: usize) -> Option<String> {
        let letters = self.words[from..]
            .iter()
            .take_while(|word| word.chars().count() == 1 && word.chars().all(char::is_alphabetic));
        let count = letters.clone().count();
        if count < 2 {
            return None;
        }
        let name: String = letters.copied().collect();
        self.used[from..from + count].fill(true);
        Some(capitalised(&[&name]))
    }

    /// A name as the answer to the question for it: known names, spelled letters, or typed words that are no others.
    pub(super) fn bare_name(&mut self) -> Option<String> {
        if let Some(spelled) = self.spelled_name(0) {
            return Some(spelled);
        }
        let from = self.words.iter().position(|word| lexicon::is_name(word));
        let from = from.or_else(|| self.words.iter().position(|word| self.may_be_name(word)))?;
        let rest = self.words[from..].iter();
        let name: Vec<&str> = rest
            .take_while(|word| lexicon::is_name(word) || self.may_be_name(word))
            .take(NAME_WORDS_MAX)
            .copied()
            .collect();
        self.used[from..from + name.len()].fill(true);
        Some(capitalised(&name))
    }

    fn may_be_name(&self, word: &str) -> bool {
        word.chars().count() >= 2
            && word
                .chars()
                .all(|sign| sign.is_alphabetic() || sign == '\'')
            && !is_function_word(word)
            && !lexicon::is_common(word)
            && !YES.contains(&word)
            && !NO.contains(&word)
    }
}

fn capitalised(words: &[&str]) -> String {
    let capital = |word: &&str| {
        let mut signs = word.chars();
        let first = signs.next().into_iter().flat_map(char::to_uppercase);
        first.chain(signs).collect::<String>()
    };
    words.iter().map(capital).collect::<Vec<_>>().join(" ")
}

fn spoken_digits(word: &str) -> Option<String> {
    if let Some(digits) = word
        .strip_prefix('+')
        .or(Some(word))
        .filter(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    {
        return Some(if word.starts_with('+') {
            word.to_owned()
        } else {
            digits.to_owned()
        });
    }
    let names = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    let digit = names
        .iter()
        .position(|name| *name == word)
        .or((word == "oh").then_some(0))?;
    Some(digit.to_string())
}
