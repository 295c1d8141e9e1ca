//! From words to meaning: what a caller wants, and which slots the words fill.
//!
//! Pure, and tolerant: it looks for what it knows anywhere in the sentence and counts what it does not know, so that a
//! sentence about something else is not bent into a booking.

use chrono::Weekday;

use super::calendar::{ClockTime, DayAsked, DayPart};
use super::lexicon;
use super::recogniser::Heard;
use super::{LocalAgent, LocalService};

/// What the caller wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    Book,
    AskHours,
    AskPrice,
    AskDuration,
    AskServices,
    LeaveMessage,
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

    /// What three hearings of the same sound mean together: an expectant one, another expectant one, and a sceptical
    /// one. A service needs all three, because the expectant ones bend foreign sentences into wishes; what fewer of
    /// them heard is worth a question. Anything else needs two of three, or to be a plain answer to the
    /// open question, because it is read back before anything follows from it.
    #[must_use]
    pub(super) fn agreed(one: Self, two: Self, sceptical: &Self, expecting: Expecting) -> Self {
        let (first, second) = if one.is_empty() {
            (two, one)
        } else {
            (one, two)
        };
        let is_plain_after =
            |question: &[Expecting]| first.is_plain && question.contains(&expecting);
        let time = is_plain_after(&[Expecting::Day, Expecting::Time]);
        let others = [&second, sceptical];
        let all_have = |service: &usize| others.iter().all(|other| other.service == Some(*service));
        let confirmed = first.service.filter(all_have);
        let is_likely = |meaning: &&Self| {
            let is_shared = meaning.service.is_some() && meaning.service == sceptical.service;
            meaning.intent == Some(Intent::Book) || is_shared
        };
        let doubtful = [&first, &second]
            .into_iter()
            .filter(is_likely)
            .find_map(|meaning| meaning.service);
        let has_word = |intent: &Intent| match intent {
            Intent::Book if confirmed.is_some() => true,
            Intent::Book => others
                .iter()
                .all(|other| other.intent == Some(Intent::Book)),
            _ => sceptical.intent == Some(*intent),
        };
        Self {
            intent: first.intent.filter(has_word),
            service: confirmed,
            doubtful_service: doubtful.filter(|_| confirmed.is_none()),
            practitioner: two_of(
                first.practitioner,
                others.map(|other| other.practitioner),
                false,
            ),
            day: two_of(
                first.day,
                others.map(|other| other.day),
                is_plain_after(&[Expecting::Day]),
            ),
            part: two_of(first.part, others.map(|other| other.part), time),
            clock: two_of(first.clock, others.map(|other| other.clock), time),
            choice: two_of(first.choice, others.map(|other| other.choice), time),
            answer: two_of(first.answer, others.map(|other| other.answer), false),
            name: two_of(
                first.name.clone(),
                others.map(|other| other.name.clone()),
                is_plain_after(&[Expecting::Name]),
            ),
            phone: two_of(
                first.phone.clone(),
                others.map(|other| other.phone.clone()),
                false,
            ),
            digit: first.digit,
            is_plain: first.is_plain,
            words: first.words.clone(),
        }
    }
}

/// The first value if another hearing has it too or it is believed, else what the two others share.
fn two_of<T: PartialEq>(
    first: Option<T>,
    [second, third]: [Option<T>; 2],
    is_believed: bool,
) -> Option<T> {
    if first.is_some() && (is_believed || first == second || first == third) {
        return first;
    }
    second.filter(|second| third.as_ref() == Some(second))
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

const BOOKING_WORDS: &[&str] = &[
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

const YES: &[&str] = &[
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
const NO: &[&str] = &[
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

/// Words without weight: they neither speak for nor against having understood.
fn is_function_word(word: &str) -> bool {
    lexicon::FUNCTION_WORDS.contains(&word)
}

/// Lower-case words; digits and letters are kept, punctuation is not, `2:30` and `3pm` become words of their own.
fn tokens(text: &str) -> Vec<String> {
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

/// Longer turns are cut before they are understood: a spoken turn of two minutes has about 1500 characters.
const MEANING_CHARACTERS_MAX: usize = 4_000;

/// Reads one sentence and remembers which words it could use.
struct Reader<'a> {
    words: Vec<&'a str>,
    used: Vec<bool>,
}

impl<'a> Reader<'a> {
    fn new(tokens: &'a [String]) -> Self {
        Self {
            words: tokens.iter().map(String::as_str).collect(),
            used: vec![false; tokens.len()],
        }
    }

    /// Where the phrase stands, words compared by their stems.
    fn find(&self, phrase: &str) -> Option<std::ops::Range<usize>> {
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

    fn take(&mut self, phrase: &str) -> bool {
        let Some(range) = self.find(phrase) else {
            return false;
        };
        self.used[range].fill(true);
        true
    }

    fn take_any(&mut self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.take(phrase))
    }

    fn has_any(&self, phrases: &[&str]) -> bool {
        phrases.iter().any(|phrase| self.find(phrase).is_some())
    }

    fn use_any(&mut self, phrases: &[&str]) {
        for phrase in phrases {
            self.take(phrase);
        }
    }

    /// How many words that carry meaning were used, and how many were not.
    fn weighty_words(&self) -> (usize, usize) {
        let pairs = || self.words.iter().zip(&self.used);
        let is_answer = |word: &str| YES.contains(&word) || NO.contains(&word);
        let known =
            pairs().filter(|(word, used)| **used && (!is_function_word(word) || is_answer(word)));
        let unknown = pairs().filter(|(word, used)| !**used && !is_function_word(word));
        (known.count(), unknown.count())
    }

    fn intent(&mut self) -> Option<Intent> {
        // Alone it is a wish, in a longer sentence it may be anybody.
        if self.words.len() <= 2 && self.take_any(&["person", "human", "operator"]) {
            return Some(Intent::Person);
        }
        let found = INTENTS.iter().find(|(_, phrases)| self.has_any(phrases))?;
        self.use_any(found.1);
        Some(found.0)
    }

    fn choice(&mut self) -> Option<Choice> {
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

    fn phone(&mut self) -> Option<String> {
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

    fn introduced_name(&mut self) -> Option<String> {
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
    fn bare_name(&mut self) -> Option<String> {
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

    fn service(&mut self, services: &[LocalService]) -> Option<usize> {
        let mut phrases: Vec<(String, usize)> = Vec::new();
        for (index, service) in services.iter().enumerate() {
            phrases.extend(
                service_phrases(index, services)
                    .into_iter()
                    .map(|phrase| (phrase, index)),
            );
            phrases.push((service.name.to_lowercase(), index));
        }
        phrases.sort_by_key(|(phrase, _)| {
            std::cmp::Reverse(phrase.split_whitespace().count() * 100 + phrase.len())
        });
        let (phrase, index) = phrases
            .into_iter()
            .find(|(phrase, _)| self.find(phrase).is_some())?;
        self.take(&phrase);
        // "My legs lasered", "the laser thing": what belongs to the same service is understood too.
        for phrase in service_phrases(index, services) {
            self.take(&phrase);
        }
        Some(index)
    }

    fn practitioner(&mut self, agent: &LocalAgent) -> Option<usize> {
        agent.practitioners.iter().position(|practitioner| {
            let name = practitioner.name.to_lowercase().replace('.', "");
            let parts = name
                .split_whitespace()
                .filter(|part| !["dr", "doctor", "mr", "mrs", "ms"].contains(part));
            parts.into_iter().any(|part| {
                ["with", "by", "see", "doctor", "dr"]
                    .iter()
                    .any(|before| self.take(&format!("{before} {part}")))
            }) || self.take(&name)
        })
    }

    fn day(&mut self) -> Option<DayAsked> {
        if self.take("day after tomorrow") {
            return Some(DayAsked::InDays(2));
        }
        let relative = [("tomorrow", 1), ("today", 0), ("tonight", 0)];
        if let Some((_, days)) = relative.iter().find(|(word, _)| self.take(word)) {
            return Some(DayAsked::InDays(*days));
        }
        if let Some(date) = self.date() {
            return Some(date);
        }
        let weekday = self.words.iter().position(|word| weekday(word).is_some());
        if let Some(at) = weekday {
            self.used[at] = true;
            return weekday_at(&self.words, at);
        }
        self.take("next week").then_some(DayAsked::NextWeek)
    }

    /// "The twenty fourth", "november third", "24 november". A bare number is no date.
    fn date(&mut self) -> Option<DayAsked> {
        let month_at = self.words.iter().position(|word| month(word).is_some());
        let from = month_at.map_or(0, |at| at.saturating_sub(3));
        for at in from..self.words.len() {
            let Some((day, length, is_ordinal)) = self.day_of_month(at) else {
                continue;
            };
            let follows_the = at > 0 && self.words[at - 1] == "the";
            let is_choice = self
                .words
                .get(at + length)
                .is_some_and(|word| *word == "one");
            if month_at.is_none() && (!is_ordinal || !follows_the || is_choice) {
                continue;
            }
            self.used[at..at + length].fill(true);
            if let Some(month_at) = month_at {
                self.used[month_at] = true;
            }
            return Some(DayAsked::Date {
                month: month_at.and_then(|at| month(self.words[at])),
                day,
            });
        }
        None
    }

    fn day_of_month(&self, at: usize) -> Option<(u32, usize, bool)> {
        let word = *self.words.get(at)?;
        if let Some(day) = ordinal(word) {
            return Some((day, 1, true));
        }
        let tens = match word {
            "twenty" => 20,
            "thirty" => 30,
            _ => {
                return word
                    .parse()
                    .ok()
                    .filter(|day| (1..=31).contains(day))
                    .map(|day| (day, 1, true));
            }
        };
        let unit = ordinal(self.words.get(at + 1)?).filter(|unit| *unit < 10)?;
        (tens + unit <= 31).then_some((tens + unit, 2, true))
    }

    fn part(&mut self) -> Option<DayPart> {
        for greeting in ["good morning", "good afternoon", "good evening"] {
            self.take(greeting);
        }
        let parts = [
            ("morning", DayPart::Morning),
            ("afternoon", DayPart::Afternoon),
            ("evening", DayPart::Evening),
            ("tonight", DayPart::Evening),
        ];
        for (word, part) in parts {
            let at = (0..self.words.len())
                .find(|at| self.words[*at] == word && (*at == 0 || self.words[at - 1] != "good"));
            if let Some(at) = at {
                self.used[at] = true;
                return Some(part);
            }
        }
        None
    }

    fn clock(&mut self, part: Option<DayPart>, expecting: Expecting) -> Option<ClockTime> {
        let (at, length, hour, minute) = (0..self.words.len()).find_map(|at| {
            let (length, hour, minute, is_certain) = self.clock_at(at)?;
            let is_led = at > 0
                && [
                    "at", "around", "about", "by", "after", "before", "past", "to",
                ]
                .contains(&self.words[at - 1]);
            let stands_alone =
                expecting == Expecting::Time && self.words.get(at + length) != Some(&"one");
            (is_certain || is_led || stands_alone).then_some((at, length, hour, minute))
        })?;
        if self.used[at..at + length].iter().any(|used| *used) {
            return None;
        }
        self.used[at..at + length].fill(true);
        let is_afternoon = self.half_of_day(at + length).or(match part {
            Some(DayPart::Morning) => Some(false),
            Some(_) => Some(true),
            None => None,
        });
        Some(ClockTime {
            hour,
            minute,
            is_afternoon,
        })
    }

    /// Words taken, hour, minute, and whether it can be nothing but a time.
    fn clock_at(&self, at: usize) -> Option<(usize, u32, u32, bool)> {
        let word = |offset: usize| self.words.get(at + offset).copied().unwrap_or_default();
        if ["noon", "midday"].contains(&word(0)) {
            return Some((1, 12, 0, true));
        }
        if word(1) == "past" || word(1) == "to" {
            let hour = hour(word(2))?;
            return match (word(0), word(1)) {
                ("half", "past") => Some((3, hour, 30, true)),
                ("quarter", "past") => Some((3, hour, 15, true)),
                ("quarter", _) => Some((3, if hour == 1 { 12 } else { hour - 1 }, 45, true)),
                _ => None,
            };
        }
        let hour = hour(word(0))?;
        let half = |offset| {
            ["am", "pm", "a", "p"].contains(&word(offset))
                && (word(offset).len() == 2 || word(offset + 1) == "m")
        };
        let (minute, length) = match (word(1), word(2)) {
            ("thirty" | "30", _) => (30, 2),
            ("fifteen" | "15", _) => (15, 2),
            ("forty", "five") => (45, 3),
            ("45", _) => (45, 2),
            ("00", _) => (0, 2),
            _ => (0, 1),
        };
        if word(length) == "o'clock" {
            return Some((length + 1, hour, minute, true));
        }
        Some((
            length,
            hour,
            minute,
            minute > 0 || half(length) || word(length) == "in" && word(length + 1) == "the",
        ))
    }

    fn half_of_day(&mut self, at: usize) -> Option<bool> {
        let word = |offset: usize| self.words.get(at + offset).copied().unwrap_or_default();
        let (length, is_afternoon) = match (word(0), word(1)) {
            ("am", _) => (1, false),
            ("pm", _) => (1, true),
            ("a", "m") => (2, false),
            ("p", "m") => (2, true),
            _ => return None,
        };
        self.used[at..at + length].fill(true);
        Some(is_afternoon)
    }

    fn answer(&mut self) -> Option<bool> {
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

const PHONE_DIGITS_MIN: usize = 7;
/// E.164 allows 15.
const PHONE_DIGITS_MAX: usize = 15;
const NAME_WORDS_MAX: usize = 3;

/// The phrases that mean a service: its synonyms, and the words only its own name has.
pub(super) fn service_phrases(index: usize, services: &[LocalService]) -> Vec<String> {
    let Some(service) = services.get(index) else {
        return Vec::new();
    };
    let mut phrases: Vec<String> = service
        .synonyms
        .iter()
        .map(|synonym| synonym.to_lowercase())
        .collect();
    let name = service.name.to_lowercase();
    for word in name.split_whitespace() {
        let is_elsewhere = services.iter().enumerate().any(|(other, service)| {
            other != index
                && (has_word(&service.name, word)
                    || service
                        .synonyms
                        .iter()
                        .any(|synonym| has_word(synonym, word)))
        });
        if !is_elsewhere && word.len() > 3 && !GENERIC_SERVICE_WORDS.contains(&word) {
            phrases.push(word.to_owned());
        }
    }
    phrases
}

/// Words of service names that say nothing about which one is meant.
const GENERIC_SERVICE_WORDS: &[&str] = &[
    "treatment",
    "therapy",
    "session",
    "service",
    "visit",
    "hair",
    "tissue",
    "teeth",
    "deep",
];

fn has_word(text: &str, word: &str) -> bool {
    text.to_lowercase()
        .split_whitespace()
        .any(|other| other == word)
}

/// Shorter stems are compared whole: "see" and "seed" have nothing in common.
const STEM_CHARACTERS_MIN: usize = 4;

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

fn hour(word: &str) -> Option<u32> {
    let names = [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ];
    let named = names
        .iter()
        .position(|name| *name == word)
        .and_then(|at| u32::try_from(at + 1).ok());
    named.or_else(|| {
        word.parse()
            .ok()
            .filter(|hour| (1..=23).contains(hour) && word.len() <= 2)
    })
}

fn ordinal(word: &str) -> Option<u32> {
    let at = lexicon::ORDINALS
        .iter()
        .position(|ordinal| *ordinal == word)?;
    match word {
        "thirtieth" => Some(30),
        _ => u32::try_from(at + 1).ok(),
    }
}

fn month(word: &str) -> Option<u32> {
    // "May I" is a question and "march" is walked: both are rarer in a booking than their months, except "may".
    let at = lexicon::MONTHS
        .iter()
        .position(|month| *month == word && *month != "may")?;
    u32::try_from(at + 1).ok()
}

fn weekday(word: &str) -> Option<Weekday> {
    let word = word.trim_end_matches("'s");
    (word.len() >= 6).then(|| word.parse().ok()).flatten()
}

fn weekday_at(words: &[&str], at: usize) -> Option<DayAsked> {
    weekday(words[at]).map(DayAsked::Weekday)
}
