//! How words sound: the packaged dictionary, espeak-ng for names it lacks, and variants without the American r.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::child::{Run, espeak};

/// A guess for one word takes 5 ms.
const GUESS_LIMIT: Duration = Duration::from_secs(5);
const GUESS_BYTES_MAX: u64 = 64 * 1024;

/// Pronunciations by word, in the dictionary's phonemes.
pub(super) type Pronunciations = BTreeMap<String, Vec<String>>;

/// Looks up every word; words that are nowhere are missing from the answer.
pub(super) async fn pronounce(words: &BTreeSet<String>, dictionary: &Path) -> Pronunciations {
    let mut found = look_up(words, dictionary).await;
    let missing: Vec<&String> = words
        .iter()
        .filter(|word| !found.contains_key(*word))
        .collect();
    for (word, guess) in guess(&missing).await {
        found.insert(word, vec![guess]);
    }
    for sounds in found.values_mut() {
        let variants: Vec<String> = sounds
            .iter()
            .flat_map(|sound| [without_r(sound), with_open_o(sound)])
            .flatten()
            .collect();
        for variant in variants {
            if !sounds.contains(&variant) {
                sounds.push(variant);
            }
        }
    }
    found
}

/// Dictionary lines read `word PH ON EMES` or `word(2) PH ON EMES`.
async fn look_up(words: &BTreeSet<String>, dictionary: &Path) -> Pronunciations {
    let text = tokio::fs::read_to_string(dictionary)
        .await
        .unwrap_or_default();
    let mut found = Pronunciations::new();
    for line in text.lines() {
        let Some((entry, sound)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        let word = entry.split('(').next().unwrap_or(entry);
        if words.contains(word) {
            found
                .entry(word.to_owned())
                .or_default()
                .push(sound.trim().to_owned());
        }
    }
    found
}

async fn guess(words: &[&String]) -> Vec<(String, String)> {
    let Ok(program) = espeak() else {
        return Vec::new();
    };
    let args = ["-q", "-v", "en-us", "-b", "1", "--ipa"].map(str::to_owned);
    let mut guesses = Vec::new();
    for word in words {
        let run = Run {
            program: &program,
            args: &args,
            stdin: format!("{word}\n").into_bytes(),
            limit: GUESS_LIMIT,
            output_bytes_max: GUESS_BYTES_MAX,
        };
        let ipa = run
            .output()
            .await
            .ok()
            .and_then(|output| String::from_utf8(output).ok());
        if let Some(sound) = ipa.and_then(|ipa| from_ipa(&ipa)) {
            guesses.push(((*word).clone(), sound));
        }
    }
    guesses
}

/// Longest first: `tʃ` before `t`.
const IPA: &[(&str, &str)] = &[
    ("tʃ", "CH"),
    ("dʒ", "JH"),
    ("eɪ", "EY"),
    ("aɪ", "AY"),
    ("aʊ", "AW"),
    ("ɔɪ", "OY"),
    ("oʊ", "OW"),
    ("əʊ", "OW"),
    ("əl", "AH L"),
    ("iə", "IY AH"),
    ("ɜː", "ER"),
    ("ɔː", "AO"),
    ("ɑː", "AA"),
    ("iː", "IY"),
    ("uː", "UW"),
    ("oː", "AO"),
    ("n̩", "AH N"),
    ("ɚ", "ER"),
    ("ɝ", "ER"),
    ("ɐ", "AH"),
    ("ə", "AH"),
    ("ʌ", "AH"),
    ("ɪ", "IH"),
    ("ᵻ", "IH"),
    ("i", "IY"),
    ("u", "UW"),
    ("ʊ", "UH"),
    ("ɛ", "EH"),
    ("e", "EH"),
    ("æ", "AE"),
    ("a", "AA"),
    ("ɔ", "AO"),
    ("ɒ", "AA"),
    ("o", "OW"),
    ("ɾ", "T"),
    ("ʔ", "T"),
    ("b", "B"),
    ("d", "D"),
    ("ð", "DH"),
    ("f", "F"),
    ("ɡ", "G"),
    ("g", "G"),
    ("h", "HH"),
    ("j", "Y"),
    ("k", "K"),
    ("l", "L"),
    ("m", "M"),
    ("n", "N"),
    ("ŋ", "NG"),
    ("p", "P"),
    ("ɹ", "R"),
    ("r", "R"),
    ("s", "S"),
    ("ʃ", "SH"),
    ("t", "T"),
    ("θ", "TH"),
    ("v", "V"),
    ("w", "W"),
    ("z", "Z"),
    ("ʒ", "ZH"),
];

/// None when nothing of it is known.
fn from_ipa(ipa: &str) -> Option<String> {
    let mut rest = ipa.trim();
    let mut sounds = Vec::new();
    while let Some(first) = rest.chars().next() {
        let known = IPA.iter().find(|(sign, _)| rest.starts_with(sign));
        let length = known.map_or(first.len_utf8(), |(sign, _)| sign.len());
        sounds.extend(known.map(|(_, sound)| *sound));
        rest = &rest[length..];
    }
    (!sounds.is_empty()).then(|| sounds.join(" "))
}

const VOWELS: &[&str] = &[
    "AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW",
];

/// As spoken where an r before a consonant is silent (England, East Africa): `AA R` is `AA`, a last `ER` is `AH`.
fn without_r(sound: &str) -> Option<String> {
    let sounds: Vec<&str> = sound.split(' ').collect();
    let is_vowel = |at: usize| sounds.get(at).is_some_and(|sound| VOWELS.contains(sound));
    let mut spoken = Vec::with_capacity(sounds.len());
    for (at, sound) in sounds.iter().enumerate() {
        let before_vowel = is_vowel(at + 1);
        match *sound {
            "R" if at > 0 && is_vowel(at - 1) && !before_vowel => {
                if ["EH", "IH", "UH"].contains(&sounds[at - 1]) {
                    spoken.push("AH");
                }
            }
            "ER" if at + 1 == sounds.len() => spoken.push("AH"),
            other => spoken.push(other),
        }
    }
    let spoken = spoken.join(" ");
    (spoken != sound).then_some(spoken)
}

/// As spoken where "cot" and "caught" have one vowel: every `AO` but that before r is `AA`.
fn with_open_o(sound: &str) -> Option<String> {
    let sounds: Vec<&str> = sound.split(' ').collect();
    let opened = sounds.iter().enumerate().map(|(at, sound)| match *sound {
        "AO" if sounds.get(at + 1) != Some(&"R") => "AA",
        other => other,
    });
    let opened = opened.collect::<Vec<_>>().join(" ");
    (opened != sound).then_some(opened)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_vowel_for_cot_and_caught_is_a_variant() {
        assert_eq!(
            with_open_o("B OW T AO K S").as_deref(),
            Some("B OW T AA K S")
        );
        assert_eq!(with_open_o("M AO R"), None);
    }

    #[test]
    fn international_signs_become_dictionary_phonemes() {
        assert_eq!(
            from_ipa("h\u{2c8}aɪdɹɐf\u{2cc}eɪʃəl").as_deref(),
            Some("HH AY D R AH F EY SH AH L")
        );
        assert_eq!(from_ipa("?!"), None);
    }

    #[test]
    fn a_silent_r_is_a_variant_and_an_audible_one_is_not() {
        assert_eq!(without_r("M AA R CH").as_deref(), Some("M AA CH"));
        assert_eq!(without_r("F IH L ER").as_deref(), Some("F IH L AH"));
        assert_eq!(without_r("T AH M AA R OW"), None);
    }
}
