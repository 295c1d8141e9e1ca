//! One word, one meaning: names of our own types avoid the words we keep for nothing.
//!
//! Only type names are looked at. Foreign names belong to the crates that speak foreign
//! protocols, and prose may say what it likes.

use super::Finding;
use super::files::SourceTree;

/// Crates whose types may carry foreign names.
const FOREIGN_SPEAKERS: [&str; 3] = [
    "crates/switchboard-wire/",
    "crates/switchboard-sim/",
    "xtask/",
];

/// Word in a type name, and the word we use for that meaning.
const REPLACED_WORDS: [(&str, &str); 10] = [
    ("Customer", "Contact"),
    ("Participant", "Caller"),
    ("Bot", "Agent"),
    ("Assistant", "Agent"),
    ("Company", "Tenant"),
    ("Organisation", "Tenant"),
    ("Organization", "Tenant"),
    ("Escalation", "Handoff"),
    ("Reprompt", "Nudge"),
    ("Playout", "Playback"),
];

pub(super) fn check(tree: &SourceTree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.with_ending("rs") {
        if FOREIGN_SPEAKERS
            .iter()
            .any(|folder| file.path.starts_with(folder))
        {
            continue;
        }
        for (number, line) in file.numbered_lines() {
            let Some(name) = type_name(line) else {
                continue;
            };
            for (word, ours) in REPLACED_WORDS {
                if has_word(name, word) {
                    let message = format!("`{name}`: our word for {word} is {ours}");
                    findings.push(Finding::new(&file.path, number, message));
                }
            }
        }
    }
    findings
}

fn type_name(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    words.find(|word| ["struct", "enum", "trait", "type"].contains(word))?;
    let name = words.next()?;
    let end = name
        .find(|letter: char| !letter.is_alphanumeric())
        .unwrap_or(name.len());
    let is_declaration = !line.trim_start().starts_with("//");
    is_declaration.then_some(&name[..end])
}

/// Whether a name in upper camel case holds the word as a whole: `CallBot`, not `Bottom`.
fn has_word(name: &str, word: &str) -> bool {
    name.match_indices(word).any(|(at, _)| {
        let next = name[at + word.len()..].chars().next();
        next.is_none_or(|letter| !letter.is_lowercase())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_word_is_found_as_a_whole_word_only() {
        assert!(has_word("CallBot", "Bot"));
        assert!(has_word("BotCall", "Bot"));
        assert!(!has_word("Bottom", "Bot"));
    }

    #[test]
    fn only_declarations_of_ours_are_looked_at() {
        let ours = SourceTree::of(&[("crates/switchboard/src/a.rs", "pub struct Customer {\n")]);
        assert_eq!(check(&ours).len(), 1);
        let prose = SourceTree::of(&[("crates/switchboard/src/a.rs", "// struct Customer\n")]);
        assert!(check(&prose).is_empty());
        let foreign = SourceTree::of(&[("crates/switchboard-wire/src/a.rs", "enum Assistant {\n")]);
        assert!(check(&foreign).is_empty());
    }
}
