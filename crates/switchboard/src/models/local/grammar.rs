//! What callers may say next, as example sentences grown from a small grammar with the business's own words in it.
//!
//! The sentences teach the recogniser's language; they are not the only ones understood.

use super::LocalAgent;
use super::language_model::Counts;
use super::lexicon;
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

fn expected_rule(expecting: Expecting) -> &'static str {
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
struct BusinessWords {
    services: Vec<String>,
    people: Vec<String>,
}

impl BusinessWords {
    fn of(agent: &LocalAgent) -> Self {
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

/// Capitals are rules, the rest are words. A choice written twice is twice as likely.
const RULES: &[(&str, &[&str])] = &[
    (
        "S",
        &[
            "REQUEST",
            "REQUEST",
            "REQUEST",
            "REQUEST",
            "QUESTION",
            "ANSWER",
            "YESNO",
            "INTRODUCTION",
            "TIMEREPLY",
            "DAYREPLY",
        ],
    ),
    (
        "REQUEST",
        &[
            "BOOKING",
            "BOOKING",
            "BOOKING",
            "GREETING BOOKING",
            "GREETING BOOKING",
            "PREAMBLE BOOKING",
            "GREETING PREAMBLE BOOKING",
            "QUESTION",
            "S1",
            "S1 WHEN",
            "BOOKING with PERSON",
        ],
    ),
    (
        "GREETING",
        &[
            "hi",
            "hello",
            "hey",
            "hi there",
            "hey there",
            "hello there",
            "good morning",
            "good afternoon",
            "good evening",
            "yes hello",
            "hi yes",
            "hello yes",
            "yeah hi",
            "um",
            "well",
            "so",
            "okay",
        ],
    ),
    (
        "PREAMBLE",
        &[
            "my friend told me about you",
            "i've heard about you",
            "i have a question",
            "i'm calling because",
            "i have been thinking about it",
            "my name is NAME",
            "this is NAME",
            "my friend told me about your SERVICE",
        ],
    ),
    (
        "BOOKING",
        &[
            "WANT BOOK S1 WHEN POLITE",
            "WANT BOOK S1 WHEN",
            "WANT BOOK S1 WHEN",
            "WANT S1 WHEN POLITE",
            "WANT S1 WHEN",
            "WANT S1",
            "WANT BOOK S1",
            "BOOK S1 WHEN",
            "BOOK S1 WHEN POLITE",
            "AVAILABLE S1 WHEN",
            "AVAILABLE WHEN S1",
            "AVAILABLE S1",
            "WANT COME WHEN for S1",
            "WANT COME for S1 WHEN",
            "can i COME WHEN",
            "can you PUT me DOWN S1 WHEN",
            "could you PUT me DOWN WHEN for S1",
            "WANT S1 WHEN WHEN",
            "WANT BOOK VISIT",
            "WANT BOOK VISIT WHEN",
        ],
    ),
    (
        "WANT",
        &[
            "i'd like",
            "i would like",
            "i'd like to",
            "i would like to",
            "i want",
            "i want to",
            "i need",
            "i need to",
            "can i",
            "could i",
            "can you",
            "could you",
            "may i",
            "i'm looking to",
            "i'm looking for",
            "i'm hoping to",
            "i'm hoping for",
            "i was wondering if i could",
            "i was wondering if you could",
            "i was hoping to",
            "is it possible to",
            "i'd love to",
            "i'd love",
            "i would love",
            "i'm calling to",
            "let's",
            "let me",
            "please",
            "i'm interested in",
            "can we",
            "we would like",
            "we'd like",
            "i'd be interested in",
            "i'm trying to",
            "i think i want",
            "i think i'd like",
            "i've been meaning to",
            "i have been meaning to",
            "would it be possible to",
            "i was thinking of",
            "could you please",
            "my wife and i would like",
            "my husband and i would like",
            "my daughter wants",
            "help me",
        ],
    ),
    (
        "BOOK",
        &[
            "book",
            "book me in for",
            "book me for",
            "make an appointment for",
            "get an appointment for",
            "schedule",
            "schedule me for",
            "reserve",
            "arrange",
            "set up",
            "get",
            "have",
            "try",
            "do",
            "come in for",
            "sign up for",
            "grab",
            "make a booking for",
            "see someone about",
            "see somebody for",
            "find a time for",
            "get in for",
            "an appointment for",
            "a booking for",
            "a slot for",
            "a time for",
            "getting",
            "having",
            "put me down for",
            "fit me in for",
            "squeeze me in for",
            "sign me up for",
            "set me up with",
            "set me up for",
            "give me",
        ],
    ),
    (
        "PUT",
        &[
            "put", "fit", "squeeze", "book", "set", "sign", "get", "schedule",
        ],
    ),
    (
        "DOWN",
        &["down for", "in for", "in", "up for", "up with", "for"],
    ),
    (
        "COME",
        &[
            "come in", "come by", "drop in", "get in", "visit", "stop by",
        ],
    ),
    (
        "VISIT",
        &[
            "an appointment",
            "a booking",
            "a visit",
            "a time",
            "a slot",
            "something",
            "appointment",
        ],
    ),
    (
        "S1",
        &[
            "ARTICLE SERVICE",
            "SERVICE",
            "ARTICLE SERVICE",
            "SERVICE",
            "SERVICE TREATMENT",
            "your SERVICE",
            "SERVICE POLITE",
        ],
    ),
    ("TREATMENT", &["appointment", "treatment", "session"]),
    (
        "ARTICLE",
        &["a", "an", "the", "some", "another", "my", "a", "a"],
    ),
    (
        "AVAILABLE",
        &[
            "do you have anything free for",
            "do you have anything for",
            "do you have any openings for",
            "do you have time for",
            "do you have space for",
            "would you have anything for",
            "would you have space for",
            "have you got any time for",
            "is there any chance of",
            "any chance of",
            "any openings for",
            "what do you have for",
            "what's your earliest opening for",
            "what is the next available slot for",
            "when is the next free time for",
            "what times do you have for",
            "are there any slots for",
            "is there an opening for",
            "anything available for",
            "the next available slot for",
            "the earliest appointment for",
            "when can i have",
            "when can i come in for",
            "when could i get",
            "do you have availability for",
            "any availability for",
        ],
    ),
    (
        "WHEN",
        &[
            "DAY",
            "DAY",
            "DAY TIME",
            "TIME DAY",
            "DAY at CLOCK",
            "DAY at CLOCK",
            "TIME",
            "maybe DAY",
            "sometime DAY",
            "some time DAY",
            "maybe DAY TIME",
            "PARTOF DAY",
            "DAY PARTOF",
            "DAY PARTOF",
        ],
    ),
    (
        "DAY",
        &[
            "on WEEKDAY",
            "on WEEKDAY",
            "this WEEKDAY",
            "next WEEKDAY",
            "next WEEKDAY",
            "for WEEKDAY",
            "WEEKDAY",
            "WEEKDAY",
            "today",
            "tomorrow",
            "for tomorrow",
            "the day after tomorrow",
            "next week",
            "this week",
            "on the DATE",
            "the DATE",
            "for the DATE",
            "on the DATE of MONTH",
            "MONTH DATE",
            "on MONTH DATE",
            "by WEEKDAY",
            "this coming WEEKDAY",
        ],
    ),
    (
        "WEEKDAY",
        &[
            "monday",
            "tuesday",
            "wednesday",
            "thursday",
            "friday",
            "saturday",
            "sunday",
        ],
    ),
    (
        "DATE",
        &["ORDINAL", "ORDINAL", "twenty UNITS", "thirty first"],
    ),
    (
        "TIME",
        &[
            "at CLOCK",
            "CLOCK",
            "around CLOCK",
            "after CLOCK",
            "in the morning",
            "in the afternoon",
            "PARTOF",
            "at CLOCK in the morning",
            "at CLOCK in the afternoon",
            "CLOCK a m",
            "CLOCK p m",
            "at noon",
            "at HOUR o'clock",
            "HOUR o'clock",
            "before CLOCK",
            "tonight",
        ],
    ),
    ("PARTOF", &["morning", "afternoon", "evening"]),
    (
        "CLOCK",
        &[
            "HOUR thirty",
            "HOUR fifteen",
            "HOUR forty five",
            "half past HOUR",
            "quarter past HOUR",
            "quarter to HOUR",
            "HOUR",
            "HOUR",
            "HOUR",
        ],
    ),
    (
        "HOUR",
        &[
            "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
            "eleven", "twelve",
        ],
    ),
    (
        "POLITE",
        &[
            "please",
            "please",
            "thank you",
            "if possible",
            "if you can",
            "if that works",
        ],
    ),
    (
        "QUESTION",
        &[
            "what are your opening hours",
            "what are your hours",
            "when do you open",
            "when do you close",
            "when do you close DAY",
            "when do you open DAY",
            "are you open DAY",
            "how late are you open",
            "how much is S1",
            "how much does S1 cost",
            "what does S1 cost",
            "what's the price of S1",
            "how much do you charge for S1",
            "can i talk to a real person",
            "can i speak to HUMAN",
            "i want to speak to HUMAN",
            "i'd like to talk to HUMAN",
            "let me talk to HUMAN",
            "get me HUMAN",
            "connect me to HUMAN",
            "what services do you offer",
            "what do you offer",
            "what treatments do you have",
            "how long does S1 take",
            "could you say that again",
            "could you repeat that",
        ],
    ),
    (
        "HUMAN",
        &[
            "a person",
            "a real person",
            "a human",
            "somebody",
            "someone",
            "the receptionist",
            "the manager",
            "a human being",
        ],
    ),
    (
        "YESNO",
        &[
            "yes",
            "yes",
            "yeah",
            "yep",
            "yes please",
            "sure",
            "okay",
            "that works",
            "yeah that works",
            "yes that's right",
            "that's right",
            "correct",
            "that's correct",
            "sounds good",
            "perfect",
            "great",
            "that's fine",
            "yes i'm sure",
            "yes book it",
            "please do",
            "go ahead",
            "no",
            "no",
            "nope",
            "no thank you",
            "no thanks",
            "that's not right",
            "no that's not right",
            "no that's wrong",
            "wrong",
            "cancel",
            "cancel that",
            "never mind",
            "change the day",
            "change the time",
            "change the name",
        ],
    ),
    (
        "ANSWER",
        &[
            "goodbye",
            "bye",
            "bye bye",
            "that's all",
            "that's all thanks",
            "no that's all",
            "thank you goodbye",
            "that's all thanks goodbye",
            "thanks",
            "thank you",
            "no thank you goodbye",
            "i don't know",
            "help",
        ],
    ),
    (
        "TIMEREPLY",
        &[
            "the first one",
            "the first one",
            "the first one please",
            "the first",
            "the second one",
            "the last one",
            "the first one please",
            "the second one works for me",
            "the second one please",
            "CLOCK works for me",
            "CLOCK would be better",
            "the earlier one",
            "the later one",
            "any time",
            "whatever you have",
            "the earliest",
            "CLOCK please",
            "CLOCK please",
            "HOUR o'clock",
            "HOUR o'clock please",
            "the CLOCK one",
            "i'll take the first one",
            "i'll take CLOCK",
            "let's do CLOCK",
            "let's say CLOCK",
            "at CLOCK",
            "CLOCK",
            "CLOCK",
            "DAY instead",
            "none of those",
            "another day",
            "a different day",
            "something else",
            "in the PARTOF",
            "DAY would be better",
            "yes please",
            "HOUR thirty please",
        ],
    ),
    (
        "DAYREPLY",
        &[
            "DAY",
            "DAY please",
            "DAY",
            "DAY TIME",
            "DAY PARTOF",
            "how about DAY",
            "let's say DAY",
            "DAY would be good",
            "maybe DAY",
            "DAY works for me",
            "can we do DAY",
            "i can do DAY",
            "DAY at CLOCK",
            "as soon as possible",
        ],
    ),
    (
        "NAMEREPLY",
        &[
            "my name is NAME",
            "my name is NAME",
            "this is NAME",
            "it's NAME",
            "NAME",
            "NAME",
            "i'm NAME",
            "the name is NAME",
            "sure it's NAME",
            "yes it's NAME",
        ],
    ),
    ("INTRODUCTION", &["my name is NAME", "this is NAME"]),
    ("NAME", &["FIRST LAST", "FIRST LAST", "FIRST"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_that_is_used_is_written() {
        let built_in = [
            "SERVICE", "PERSON", "FIRST", "LAST", "MONTH", "ORDINAL", "UNITS",
        ];
        for (_, choices) in RULES {
            let parts = choices.iter().flat_map(|choice| choice.split(' '));
            let rules = parts.filter(|part| {
                part.chars()
                    .all(|sign| sign.is_ascii_uppercase() || sign.is_ascii_digit())
            });
            for rule in rules {
                let is_known =
                    built_in.contains(&rule) || RULES.iter().any(|(name, _)| *name == rule);
                assert!(is_known, "{rule} is used and not written");
            }
        }
    }

    #[test]
    fn a6_a_semicolon_in_a_service_name_reaches_no_recogniser() {
        assert_eq!(
            spoken("Facial; <grammar> {x} \\end\\ \n\t1"),
            "facial grammar x end"
        );
        assert_eq!(spoken("Dr. Lena Ortiz"), "doctor lena ortiz");
    }
}
