//! What a few words said over our own speech mean: agreement that stops nothing, a wish to stop, or a turn.

use crate::words::Language;

/// A longer utterance is a turn, whatever its words.
const BACKCHANNEL_WORDS_MAX: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// No word at all: a cough, a door, an echo.
    Nothing,
    /// "mm-hm", "ndiyo", "oui": heard, stops nothing.
    Backchannel,
    /// "wait", "hapana", "attends": stop now.
    Stop,
    /// Anything else: somebody takes the floor.
    Content,
}

const ENGLISH: &[&str] = &[
    "mm", "mmm", "mhm", "mmhm", "mmhmm", "hm", "hmm", "uh", "huh", "uhhuh", "um", "ah", "oh", "ok",
    "okay", "yes", "yeah", "yep", "yup", "right", "sure", "alright", "fine", "good", "great",
    "cool", "nice", "i", "see", "exactly", "got", "it",
];
const SWAHILI: &[&str] = &[
    "ndiyo", "ndio", "eeh", "ehe", "ee", "aha", "haya", "sawa", "naam", "mm", "mhm", "mmhm", "hm",
    "oh", "ok", "kweli",
];
const FRENCH: &[&str] = &[
    "oui", "ouais", "ouaip", "mm", "mhm", "mmhm", "hm", "hum", "euh", "ah", "oh", "ok", "okay",
    "daccord", "voilà", "voila", "bien", "exact", "sûr", "sur", "accord", "d",
];
const KINYARWANDA: &[&str] = &[
    "yego", "ego", "yee", "eee", "ee", "mm", "mhm", "mmhm", "hm", "sawa", "neza", "ni", "byo",
    "nibyo", "ok", "oh",
];

const STOP_ENGLISH: &[&str] = &[
    "wait", "stop", "no", "hold", "pause", "sorry", "actually", "but", "hang",
];
const STOP_SWAHILI: &[&str] = &[
    "hapana", "subiri", "ngoja", "simama", "acha", "la", "samahani", "lakini",
];
const STOP_FRENCH: &[&str] = &[
    "attends", "attendez", "stop", "non", "arrête", "arrêtez", "arrete", "arretez", "pardon",
    "mais", "minute",
];
const STOP_KINYARWANDA: &[&str] = &[
    "oya", "tegereza", "hagarara", "reka", "buretse", "ariko", "imbabazi",
];

/// Words that agree to a question, in the four languages.
const ASSENT: &[&str] = &[
    "yes",
    "yeah",
    "yep",
    "yup",
    "ok",
    "okay",
    "sure",
    "right",
    "correct",
    "exactly",
    "absolutely",
    "please",
    "ndiyo",
    "ndio",
    "naam",
    "sawa",
    "haya",
    "oui",
    "ouais",
    "daccord",
    "accord",
    "yego",
    "ego",
];
/// Words that refuse it, beside those that ask to stop.
const REFUSALS: &[&str] = &[
    "not",
    "dont",
    "never",
    "different",
    "another",
    "pas",
    "sio",
    "si",
];
/// Words that say no to a question, in the four languages. "wait" and "but" are none: they ask for another moment.
const DECLINES: &[&str] = &[
    "no", "nope", "nah", "not", "dont", "never", "refuse", "hapana", "sitaki", "sio", "non", "pas",
    "jamais", "oya", "sinshaka", "ntabwo",
];
/// A longer answer is a sentence of its own, and the model should hear it.
const ASSENT_WORDS_MAX: usize = 8;

struct Lexicon {
    language: Language,
    agreement: &'static [&'static str],
    stop: &'static [&'static str],
}

const LEXICONS: [Lexicon; 4] = [
    Lexicon {
        language: Language::ENGLISH,
        agreement: ENGLISH,
        stop: STOP_ENGLISH,
    },
    Lexicon {
        language: Language::SWAHILI,
        agreement: SWAHILI,
        stop: STOP_SWAHILI,
    },
    Lexicon {
        language: Language::FRENCH,
        agreement: FRENCH,
        stop: STOP_FRENCH,
    },
    Lexicon {
        language: Language::KINYARWANDA,
        agreement: KINYARWANDA,
        stop: STOP_KINYARWANDA,
    },
];

/// Reads an utterance in its language, or in any of the four when the language is unknown.
pub(crate) fn meaning(words: &str, language: Option<Language>) -> Meaning {
    let tokens = tokens(words);
    if tokens.is_empty() {
        return Meaning::Nothing;
    }
    let lexicons = lexicons(language);
    let said = |token: &String, list: fn(&Lexicon) -> &'static [&'static str]| {
        lexicons
            .iter()
            .any(|lexicon| list(lexicon).contains(&token.as_str()))
    };
    if tokens
        .iter()
        .any(|token| said(token, |lexicon| lexicon.stop))
    {
        return Meaning::Stop;
    }
    let agreed = tokens
        .iter()
        .all(|token| said(token, |lexicon| lexicon.agreement));
    if agreed && tokens.len() <= BACKCHANNEL_WORDS_MAX {
        Meaning::Backchannel
    } else {
        Meaning::Content
    }
}

/// A clear yes: at least one word of assent, and none that refuses. A hum is no assent.
pub(crate) fn agrees(words: &str, language: Option<Language>) -> bool {
    let tokens = tokens(words);
    let assents = tokens.iter().any(|token| ASSENT.contains(&token.as_str()));
    assents && !refuses(words, language) && tokens.len() <= ASSENT_WORDS_MAX
}

/// A clear no: whoever says yes and no has said no.
pub(crate) fn declines(words: &str) -> bool {
    let said = |token: &String| DECLINES.contains(&token.as_str());
    tokens(words).iter().any(said)
}

/// At least one word that refuses or asks to stop.
fn refuses(words: &str, language: Option<Language>) -> bool {
    let tokens = tokens(words);
    let said = |list: &[&str]| tokens.iter().any(|token| list.contains(&token.as_str()));
    lexicons(language).iter().any(|lexicon| said(lexicon.stop)) || said(REFUSALS)
}

/// Agreement or no words at all.
pub(crate) fn asks_nothing(words: &str, language: Option<Language>) -> bool {
    matches!(
        meaning(words, language),
        Meaning::Backchannel | Meaning::Nothing
    )
}

fn lexicons(language: Option<Language>) -> &'static [Lexicon] {
    let known = LEXICONS
        .iter()
        .position(|lexicon| Some(lexicon.language) == language);
    known.map_or(&LEXICONS[..], |index| &LEXICONS[index..=index])
}

fn tokens(words: &str) -> Vec<String> {
    words
        .split(|character: char| character.is_whitespace() || character == '-' || character == ',')
        .map(normalised)
        .filter(|token| !token.is_empty())
        .collect()
}

fn normalised(token: &str) -> String {
    token
        .chars()
        .filter(|character| character.is_alphabetic())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_agreement_and_short_refusal_are_told_apart_in_four_languages() {
        let agree = [
            "mm-hm",
            "Uh-huh.",
            "ndiyo",
            "oui",
            "d'accord",
            "yego",
            "okay",
            "sawa sawa",
            "I see",
            "right",
        ];
        let stop = [
            "wait",
            "stop",
            "hapana",
            "attends",
            "oya",
            "no no",
            "Attendez !",
            "subiri kidogo",
            "hold on",
        ];
        for words in agree {
            assert_eq!(meaning(words, None), Meaning::Backchannel, "{words}");
        }
        for words in stop {
            assert_eq!(meaning(words, None), Meaning::Stop, "{words}");
        }
    }

    #[test]
    fn a_known_language_reads_only_its_own_words() {
        assert_eq!(meaning("la", Some(Language::SWAHILI)), Meaning::Stop);
        assert_eq!(meaning("la", Some(Language::FRENCH)), Meaning::Content);
        assert_eq!(
            meaning("sawa", Language::parse("sw-KE")),
            Meaning::Backchannel
        );
    }

    #[test]
    fn noise_is_nothing_and_a_sentence_is_content() {
        assert_eq!(meaning(" ... ", None), Meaning::Nothing);
        assert_eq!(meaning("what time do you open", None), Meaning::Content);
        assert_eq!(meaning("yes yes yes yes", None), Meaning::Content);
    }
}
