//! The plain answers to one question as a grammar without any other way: JSGF, as pocketsphinx reads it.
//!
//! It hears "tuesday afternoon please" right where a language that expects everything hears "two afternoon please", and
//! it hears some answer in every sound. So it is believed only where another hearing has most of its words too.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::LocalAgent;
use super::grammar::{BusinessWords, expected_rule};
use super::lexicon;
use super::rules::RULES;
use super::understanding::Expecting;

/// What may stand around a plain answer.
const BEFORE: &str = "um | well | so | okay | yes | hi | hello";
const AFTER: &str = "please | thank you | thanks | if possible";

/// The grammar of the plain answers to what was asked, of words the decoder can speak; None after an open question.
pub(super) fn strict_grammar(
    agent: &LocalAgent,
    expecting: Expecting,
    speakable: &BTreeSet<String>,
) -> Option<String> {
    if matches!(expecting, Expecting::Request | Expecting::Message) {
        return None;
    }
    let root = expected_rule(expecting);
    let business = BusinessWords::of(agent);
    let mut grammar = format!(
        "#JSGF V1.0;\ngrammar answer;\npublic <sentence> = [{BEFORE}] <{root}> [{AFTER}];\n"
    );
    let mut open = vec![root.to_owned()];
    let mut written = BTreeSet::new();
    while let Some(rule) = open.pop() {
        if !written.insert(rule.clone()) {
            continue;
        }
        let choices = choices_of(&rule, &business);
        let spoken: BTreeSet<String> = choices
            .into_iter()
            .filter(|choice| is_speakable(choice, speakable))
            .collect();
        if spoken.is_empty() {
            return None;
        }
        open.extend(
            spoken
                .iter()
                .flat_map(|choice| choice.split(' '))
                .filter(|part| is_rule(part))
                .map(str::to_owned),
        );
        let spoken: Vec<String> = spoken.iter().map(|choice| written_choice(choice)).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(grammar, "<{rule}> = {};", spoken.join(" | "));
    }
    Some(grammar)
}

fn choices_of(rule: &str, business: &BusinessWords) -> Vec<String> {
    let listed = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    match rule {
        "SERVICE" => business.services.clone(),
        "PERSON" => business.people.clone(),
        "FIRST" => listed(&lexicon::NAMES[..lexicon::FIRST_NAMES]),
        "LAST" => listed(&lexicon::NAMES[lexicon::FIRST_NAMES..]),
        "MONTH" => listed(lexicon::MONTHS),
        "ORDINAL" => listed(lexicon::ORDINALS),
        "UNITS" => listed(&lexicon::ORDINALS[..9]),
        _ => RULES
            .iter()
            .find(|(name, _)| *name == rule)
            .map(|(_, choices)| listed(choices))
            .unwrap_or_default(),
    }
}

/// Capitals are rules, as in [`RULES`].
fn is_rule(part: &str) -> bool {
    part.chars()
        .all(|sign| sign.is_ascii_uppercase() || sign.is_ascii_digit())
}

/// One word the dictionary lacks would make the decoder refuse the whole grammar.
fn is_speakable(choice: &str, speakable: &BTreeSet<String>) -> bool {
    !choice.is_empty()
        && choice
            .split(' ')
            .all(|part| is_rule(part) || speakable.contains(part))
}

fn written_choice(choice: &str) -> String {
    let parts = choice.split(' ').map(|part| {
        if is_rule(part) {
            format!("<{part}>")
        } else {
            part.to_owned()
        }
    });
    parts.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::super::grammar::expected_sentences;
    use super::super::tests::spa;
    use super::*;

    #[test]
    fn a_question_about_the_day_has_a_grammar_of_days_and_an_open_one_has_none() {
        let agent = spa();
        let mut speakable = expected_sentences(&agent, Expecting::Day).vocabulary();
        speakable.remove("wednesday");
        let grammar =
            strict_grammar(&agent, Expecting::Day, &speakable).expect("days can be spoken");
        assert!(grammar.contains("tuesday"), "{grammar}");
        assert!(
            !grammar.contains("wednesday"),
            "only what the decoder can speak"
        );
        assert_eq!(strict_grammar(&agent, Expecting::Request, &speakable), None);
    }
}
