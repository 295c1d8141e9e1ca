//! The words for what a caller wants, for one of what was offered, and for yes and no.

use super::reader::Reader;
use super::{Choice, Intent};

pub(super) const BOOKING_WORDS: &[&str] = &[
    "book",
    "booking",
    "appointment",
    "appointments",
    "schedule",
    "reserve",
    "reservation",
    "slot",
    "opening",
    "openings",
    "available",
    "availability",
    "visit",
    "session",
    "fit",
    "squeeze",
    "arrange",
];

/// Patterns of words in a row, longest first where one contains another.
const INTENTS: &[(Intent, &[&str])] = &[
    (
        Intent::Person,
        &[
            "real person",
            "speak to a person",
            "talk to a person",
            "speak to a human",
            "talk to a human",
            "speak with a person",
            "get me a person",
            "get me a human",
            "a person please",
            "a human please",
            "human being",
            "speak to somebody",
            "speak to someone",
            "talk to somebody",
            "talk to someone",
            "speak with someone",
            "speak with somebody",
            "the receptionist",
            "the manager",
            "an operator",
            "representative",
            "talk to a real",
            "connect me",
            "put me through",
            "transfer me",
        ],
    ),
    (
        Intent::OptOut,
        &[
            "stop calling me",
            "stop calling",
            "do not call me",
            "don't call me",
            "never call me",
            "not call me again",
            "take me off your list",
            "off your list",
            "opt out",
            "not want to be called",
            "don't want to be called",
        ],
    ),
    (
        Intent::AskHours,
        &[
            "opening hours",
            "your hours",
            "business hours",
            "do you open",
            "do you close",
            "are you open",
            "are you closed",
            "you closing",
            "late are you open",
        ],
    ),
    (
        Intent::AskPrice,
        &[
            "how much",
            "what does",
            "the price",
            "price of",
            "cost",
            "costs",
            "prices",
            "do you charge",
        ],
    ),
    (Intent::AskDuration, &["how long"]),
    (
        Intent::AskServices,
        &[
            "what services",
            "which services",
            "what treatments",
            "which treatments",
            "do you offer",
            "your services",
            "your treatments",
        ],
    ),
    (
        Intent::LeaveMessage,
        &["leave a message", "take a message", "pass on a message"],
    ),
    (
        Intent::Goodbye,
        &[
            "goodbye",
            "good bye",
            "bye",
            "that's all",
            "that is all",
            "that's it",
            "nothing else",
            "hang up",
        ],
    ),
    (
        Intent::Repeat,
        &[
            "repeat that",
            "say that again",
            "pardon",
            "come again",
            "repeat please",
        ],
    ),
];

pub(super) const YES: &[&str] = &[
    "yes",
    "yeah",
    "yep",
    "yup",
    "sure",
    "okay",
    "ok",
    "correct",
    "perfect",
    "absolutely",
    "definitely",
    "sounds good",
    "that's right",
    "that is right",
    "that works",
    "that's fine",
    "go ahead",
    "please do",
    "of course",
];
pub(super) const NO: &[&str] = &[
    "no",
    "nope",
    "not right",
    "wrong",
    "incorrect",
    "never mind",
    "don't",
    "do not",
    "not sure",
    "not correct",
    "cancel",
];

impl Reader<'_> {
    pub(super) fn intent(&mut self) -> Option<Intent> {
        // Alone it is a wish, in a longer sentence it may be anybody.
        if self.words.len() <= 2 && self.take_any(&["person", "human", "operator"]) {
            return Some(Intent::Person);
        }
        let found = INTENTS.iter().find(|(_, phrases)| self.has_any(phrases))?;
        self.use_any(found.1);
        Some(found.0)
    }

    pub(super) fn choice(&mut self) -> Option<Choice> {
        if self.take_any(&[
            "none of those",
            "none of them",
            "another day",
            "different day",
            "another time",
            "something else",
        ]) {
            return Some(Choice::Other);
        }
        if self.take_any(&[
            "whatever you have",
            "any time",
            "anytime",
            "any of them",
            "doesn't matter",
            "don't mind",
            "the earliest",
            "as soon as possible",
            "the earlier",
            "next available",
        ]) {
            return Some(Choice::Any);
        }
        if self.take_any(&["last one", "the last", "the later", "the latest"]) {
            return Some(Choice::Last);
        }
        let nth = ["first one", "second one", "third one", "fourth one"]
            .iter()
            .position(|phrase| self.take(phrase));
        nth.map(Choice::Nth)
    }

    pub(super) fn answer(&mut self) -> Option<bool> {
        // "No, that's not right" and "yes, but no" are refusals: a doubtful yes books nothing.
        let is_no = self.take_any(NO);
        let is_yes = self.take_any(YES);
        self.use_any(YES);
        self.use_any(NO);
        match (is_no, is_yes) {
            (true, _) => Some(false),
            (false, true) => Some(true),
            _ => None,
        }
    }
}
