//! From words to meaning: what a caller wants, and which slots the words fill.
//!
//! Pure, and tolerant: it looks for what it knows anywhere in the sentence and counts what it does not know, so that a
//! sentence about something else is not bent into a booking.

mod agreement;
mod contact;
mod reader;
mod services;
mod times;
mod wishes;

use reader::{Reader, tokens};
use wishes::BOOKING_WORDS;

use super::LocalAgent;
use super::calendar::{ClockTime, DayAsked, DayPart};
use super::recogniser::Heard;

/// What the caller wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Book,
    AskHours,
    AskPrice,
    AskDuration,
    AskServices,
    LeaveMessage,
    /// Never to be called again.
    OptOut,
    Person,
    Goodbye,
    Repeat,
}

/// One of what was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// Counted from 0.
    Nth(usize),
    Last,
    Any,
    /// "None of those", "another day".
    Other,
}

/// What one turn of the caller says. Everything not said is None.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Meaning {
    pub(super) intent: Option<Intent>,
    /// Index into the agent's services.
    pub(super) service: Option<usize>,
    /// Index into the agent's practitioners.
    pub(super) practitioner: Option<usize>,
    pub(super) day: Option<DayAsked>,
    pub(super) part: Option<DayPart>,
    pub(super) clock: Option<ClockTime>,
    pub(super) choice: Option<Choice>,
    pub(super) answer: Option<bool>,
    /// With capitals.
    pub(super) name: Option<String>,
    /// Digits with a leading plus if said.
    pub(super) phone: Option<String>,
    /// A key of the keypad.
    pub(super) digit: Option<char>,
    /// The words themselves, for a message.
    pub(super) words: String,
    /// A service that one hearing named and the other did not: worth a question, not more.
    pub(super) doubtful_service: Option<usize>,
    /// Short, and every word that carries meaning was understood.
    pub(super) is_plain: bool,
}

impl Meaning {
    /// A key press.
    pub(super) fn of_digit(digit: char) -> Self {
        Self {
            digit: Some(digit),
            words: digit.to_string(),
            ..Self::default()
        }
    }

    /// Nothing in it that a dialogue could use.
    pub(super) fn is_empty(&self) -> bool {
        let blank = Self {
            words: String::new(),
            is_plain: false,
            ..self.clone()
        };
        blank == Self::default()
    }
}

/// More words than this are a speech, and no plain answer.
const PLAIN_WORDS_MAX: usize = 7;

/// What was asked last: a bare word means different things after different questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) enum Expecting {
    /// Whatever the caller wants.
    #[default]
    Request,
    Service,
    Day,
    /// One of the offered times.
    Time,
    Name,
    YesNo,
    Message,
}

/// Understands one turn. `text` may be typed or recognised; its case and punctuation do not matter.
pub(super) fn understand(text: &str, agent: &LocalAgent, expecting: Expecting) -> Meaning {
    let (meaning, unknown_outweighs) = understand_all(text, agent, expecting);
    // More than half of the words that carry meaning have none here.
    if unknown_outweighs && expecting != Expecting::Message {
        return Meaning {
            words: meaning.words,
            ..Meaning::default()
        };
    }
    meaning
}

/// What one recognised turn means, by all its hearings.
pub(super) fn understand_heard(heard: &Heard, agent: &LocalAgent, expecting: Expecting) -> Meaning {
    let one = understand(&heard.text, agent, expecting);
    let Some(again) = &heard.again else {
        return one;
    };
    let two = understand(&again.as_it_is, agent, expecting);
    // A sceptical hearing is full of other words; it is asked only for what it confirms.
    let (sceptical, _) = understand_all(&again.sceptical, agent, expecting);
    let mut meaning = Meaning::agreed(one, two, &sceptical, expecting);
    meaning.words.clone_from(&heard.text);
    meaning
}

fn understand_all(text: &str, agent: &LocalAgent, expecting: Expecting) -> (Meaning, bool) {
    let tokens = tokens(text);
    let mut reader = Reader::new(&tokens);
    let mut meaning = Meaning {
        words: text.trim().to_owned(),
        ..Meaning::default()
    };
    meaning.intent = reader.intent();
    meaning.choice = reader.choice();
    meaning.phone = reader.phone();
    meaning.name = reader.introduced_name();
    meaning.service = reader.service(&agent.services);
    meaning.practitioner = reader.practitioner(agent);
    meaning.day = reader.day();
    meaning.part = reader.part();
    meaning.clock = reader.clock(meaning.part, expecting);
    meaning.answer = reader.answer();
    if expecting == Expecting::Name && meaning.name.is_none() {
        meaning.name = reader.bare_name();
    }
    let about_booking = reader.has_any(BOOKING_WORDS);
    reader.use_any(BOOKING_WORDS);
    let (known, unknown) = reader.weighty_words();
    meaning.is_plain = unknown == 0 && tokens.len() <= PLAIN_WORDS_MAX;
    let was_asked_for = expecting == Expecting::Service && meaning.service.is_some();
    meaning.intent = settle_intent(&meaning, about_booking || was_asked_for);
    (meaning, unknown > known)
}

fn settle_intent(meaning: &Meaning, about_booking: bool) -> Option<Intent> {
    let is_dated = meaning.day.is_some() || meaning.clock.is_some() || meaning.part.is_some();
    match meaning.intent {
        // "Are you open on Friday for a facial" asks; "a facial when you open on Friday" books.
        Some(intent) => Some(intent),
        None if about_booking || (meaning.service.is_some() && is_dated) => Some(Intent::Book),
        None => None,
    }
}
