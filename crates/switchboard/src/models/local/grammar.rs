//! What callers may say next, as example sentences grown from a small grammar with the business's own words in it.
//!
//! The sentences teach the recogniser's language; they are not the only ones understood.

use super::LocalAgent;
use super::language_model::Counts;
use super::lexicon;
use super::rules::RULES;
use super::understanding::Expecting;

/// Enough that every pair of neighbouring words of the grammar is seen several times; more brought nothing.
const SENTENCES: usize = 12_000;
/// Growth stops here whatever the rules say.
const SENTENCE_WORDS_MAX: usize = 40;
const DEPTH_MAX: usize = 12;

/// Counts of the sentences a caller of this agent may say after this question.
pub(super) fn expected_sentences(agent: &LocalAgent, expecting: Expecting) -> Counts {
    let business = BusinessWords::of(agent);
    let mut counts = Counts::new(lexicon::common_words());
    let mut dice = Dice(SEED);
    for _ in 0..SENTENCES {
        let mut sentence = Vec::with_capacity(16);
        let opening = if dice.roll(10) < 5 {
            expected_rule(expecting)
        } else {
            "S"
        };
        grow(opening, &business, &mut dice, &mut sentence, 0);
        sentence.truncate(SENTENCE_WORDS_MAX);
        if !sentence.is_empty() {
            counts.add(&sentence);
        }
    }
    counts
}

/// Any fixed number: the same agent always gets the same language.
const SEED: u64 = 0x5EED_0001;

pub(super) fn expected_rule(expecting: Expecting) -> &'static str {
    match expecting {
        Expecting::Request | Expecting::Message => "REQUEST",
        Expecting::Service => "S1",
        Expecting::Day => "DAYREPLY",
        Expecting::Time => "TIMEREPLY",
        Expecting::Name => "NAMEREPLY",
        Expecting::YesNo => "YESNO",
    }
}

/// The words of one business, cleaned for a language model: letters and apostrophes only, so that no name of a service
/// can break out of its line or its format.
pub(super) struct BusinessWords {
    pub(super) services: Vec<String>,
    pub(super) people: Vec<String>,
}

impl BusinessWords {
    pub(super) fn of(agent: &LocalAgent) -> Self {
        let phrases = agent
            .services
            .iter()
            .flat_map(|service| std::iter::once(&service.name).chain(&service.synonyms));
        let people = agent.practitioners.iter().flat_map(|practitioner| {
            let name = spoken(&practitioner.name);
            let last = name.rsplit(' ').next().unwrap_or_default();
            let titled = name
                .starts_with("doctor ")
                .then(|| format!("doctor {last}"));
            [Some(name.clone()), titled]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
        });
        Self {
            services: phrases
                .map(|phrase| spoken(phrase))
                .filter(|phrase| !phrase.is_empty())
                .collect(),
            people: people.filter(|name| !name.is_empty()).collect(),
        }
    }
}

/// Lower-case words of letters and apostrophes; "Dr." becomes "doctor".
fn spoken(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower
        .split(|sign: char| !sign.is_alphabetic() && sign != '\'')
        .filter(|word| !word.is_empty());
    words
        .map(|word| if word == "dr" { "doctor" } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}

/// A small linear congruential generator: reproducible, and no dependency.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % sides.max(1)
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.roll(items.len()))
    }
}

fn grow<'a>(
    rule: &'a str,
    business: &'a BusinessWords,
    dice: &mut Dice,
    sentence: &mut Vec<&'a str>,
    depth: usize,
) {
    match rule {
        "SERVICE" => sentence.extend(
            dice.pick(&business.services)
                .into_iter()
                .flat_map(|name| name.split(' ')),
        ),
        "PERSON" => sentence.extend(
            dice.pick(&business.people)
                .into_iter()
                .flat_map(|name| name.split(' ')),
        ),
        "FIRST" => sentence.extend(dice.pick(&lexicon::NAMES[..lexicon::FIRST_NAMES])),
        "LAST" => sentence.extend(dice.pick(&lexicon::NAMES[lexicon::FIRST_NAMES..])),
        "MONTH" => sentence.extend(dice.pick(lexicon::MONTHS)),
        "ORDINAL" => sentence.extend(dice.pick(lexicon::ORDINALS)),
        "UNITS" => sentence.extend(dice.pick(&lexicon::ORDINALS[..9])),
        _ => {
            let Some((_, choices)) = RULES.iter().find(|(name, _)| *name == rule) else {
                sentence.push(rule);
                return;
            };
            let choice = dice.pick(choices).filter(|_| depth < DEPTH_MAX);
            for part in choice.into_iter().flat_map(|choice| choice.split(' ')) {
                grow(part, business, dice, sentence, depth + 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a6_a_semicolon_in_a_service_name_reaches_no_recogniser() {
        assert_eq!(
            spoken("Facial; <grammar> {x} \\end\\ \n\t1"),
            "facial grammar x end"
        );
        assert_eq!(spoken("Dr. Lena Ortiz"), "doctor lena ortiz");
    }
}
