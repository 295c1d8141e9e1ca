//! The policy: fill the slots of a booking, read them back, call the tool, say its result.
//!
//! Pure: meanings and tool results go in, words and tool requests come out. Times are only ever those that
//! `check_availability` returned; a booking is only asked for after a heard read-back was answered with yes.

mod booking;
mod keys;
mod results;
mod slots;

use std::sync::Arc;

use chrono::{DateTime, FixedOffset, NaiveDate};
use serde_json::{Value, json};
use slots::Slots;

use super::LocalAgent;
use super::calendar::{spoken_date, spoken_time};
use super::sayings;
use super::understanding::{Expecting, Intent, Meaning};

/// Times a question is asked before a person is offered.
const ASKED_MAX: u8 = 3;
/// Failures to catch a name before the booking goes on without it.
const NAME_ASKED_MAX: u8 = 2;
/// What a booking carries when its name was not understood; honest to whoever reads it.
const NAME_NOT_UNDERSTOOD: &str = "Name not understood";

/// The tool that takes a message down.
const TAKE_DOWN: &str = "capture_details";
/// Letters of a message that the tool takes.
const NOTE_LETTERS_MAX: usize = 500;

/// What the agent does in one reply.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Step {
    pub(super) say: String,
    pub(super) tools: Vec<ToolCall>,
}

/// A tool by its name, with a JSON object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ToolCall {
    pub(super) name: &'static str,
    pub(super) arguments: Value,
}

/// One free time as the tool returned it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Offer {
    pub(super) start: DateTime<FixedOffset>,
    pub(super) practitioner: Option<String>,
}

/// Where the conversation stands: which question is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    #[default]
    Request,
    Service,
    /// "Did you say …?" after a service was heard doubtfully.
    Doubt,
    Day,
    Time,
    Name,
    Confirm,
    Change,
    Waiting,
    AnythingElse,
    Message,
}

/// One conversation.
#[derive(Debug, Clone)]
pub(super) struct Dialogue {
    agent: Arc<LocalAgent>,
    today: NaiveDate,
    stage: Stage,
    slots: Slots,
    offers: Vec<Offer>,
    /// The service of the open "Did you say …?".
    doubted: Option<usize>,
    is_booking: bool,
    has_greeted: bool,
    asked: u8,
    name_asked: u8,
    /// The last question was cut before the caller heard it: an answer to it would answer something else.
    question_unheard: bool,
    /// What a result or a side question left to be said before the next question.
    remark: Option<String>,
    /// A message of the caller's that is to be taken down.
    note: Option<String>,
    goal: Option<Goal>,
    last_said: String,
}

/// What the next reply does instead of asking on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    Book,
    Person,
    OptOut,
    Goodbye,
    Repeat,
}

impl Dialogue {
    pub(super) fn new(agent: Arc<LocalAgent>, today: NaiveDate) -> Self {
        Self {
            agent,
            today,
            stage: Stage::Request,
            slots: Slots::default(),
            offers: Vec::new(),
            doubted: None,
            is_booking: false,
            has_greeted: false,
            asked: 0,
            name_asked: 0,
            question_unheard: false,
            remark: None,
            note: None,
            goal: None,
            last_said: String::new(),
        }
    }

    /// What the next turn of the caller most likely answers.
    pub(super) fn expecting(&self) -> Expecting {
        match self.stage {
            Stage::Request | Stage::AnythingElse | Stage::Waiting => Expecting::Request,
            Stage::Service | Stage::Change => Expecting::Service,
            Stage::Day => Expecting::Day,
            Stage::Time => Expecting::Time,
            Stage::Name => Expecting::Name,
            Stage::Confirm | Stage::Doubt => Expecting::YesNo,
            Stage::Message => Expecting::Message,
        }
    }

    /// The greeting or another fixed sentence was said.
    pub(super) fn announced(&mut self) {
        self.has_greeted = true;
    }

    /// What the agent said in an earlier session of the same call.
    pub(super) fn remembers_saying(&mut self, words: &str) {
        self.has_greeted = true;
        if words.contains(sayings::BOOKED) {
            self.stage = Stage::AnythingElse;
            self.is_booking = false;
            self.slots = Slots::default();
        }
    }

    /// The caller did not hear the end of the last reply, where its question is.
    pub(super) fn question_was_unheard(&mut self) {
        self.question_unheard = true;
    }

    /// Takes a turn of the caller. The answer is asked for by [`Self::reply`].
    pub(super) fn heard(&mut self, meaning: &Meaning) {
        self.has_greeted = true;
        let mut meaning = self.with_digit(meaning);
        if std::mem::take(&mut self.question_unheard)
            && self.stage == Stage::Confirm
            && meaning.answer == Some(true)
        {
            // A yes over a question that was cut before its end books nothing: the question is asked again.
            meaning.answer = None;
            if meaning.is_empty() {
                return;
            }
        }
        if self.stage == Stage::Message && meaning.intent.is_none() {
            return self.on_message(&meaning.words);
        }
        if meaning.is_empty() {
            if self.stage != Stage::Name {
                self.asked = self.asked.saturating_add(1);
            }
            self.remark = Some(sayings::NOT_UNDERSTOOD.to_owned());
            self.on_name(&meaning);
            return;
        }
        self.asked = 0;
        self.remark = None;
        if self.on_intent(&meaning) {
            return;
        }
        self.on_doubt(&meaning);
        self.fill(&meaning);
        self.on_answer(&meaning);
        self.on_name(&meaning);
    }

    fn on_message(&mut self, words: &str) {
        let words = words.trim();
        if words.is_empty() {
            self.asked = self.asked.saturating_add(1);
            self.remark = Some(sayings::NOT_UNDERSTOOD.to_owned());
            return;
        }
        self.stage = Stage::AnythingElse;
        if self.agent.tools.iter().any(|tool| tool == TAKE_DOWN) {
            self.note = Some(words.chars().take(NOTE_LETTERS_MAX).collect());
        } else {
            self.remark = Some(sayings::MESSAGE_NOT_KEPT.to_owned());
        }
    }

    /// True when the intent was dealt with and fills no slots.
    fn on_intent(&mut self, meaning: &Meaning) -> bool {
        match meaning.intent {
            Some(Intent::Person) => self.goal = Some(Goal::Person),
            Some(Intent::OptOut) => self.goal = Some(Goal::OptOut),
            Some(Intent::Goodbye) => self.goal = Some(Goal::Goodbye),
            Some(Intent::Repeat) => self.goal = Some(Goal::Repeat),
            Some(Intent::AskHours) => self.remark = Some(self.agent.opening.clone()),
            Some(Intent::AskServices) => self.remark = Some(sayings::services(&self.agent)),
            Some(Intent::AskPrice) => {
                self.remark = Some(sayings::price(&self.agent, self.asked_service(meaning)))
            }
            Some(Intent::AskDuration) => {
                self.remark = Some(sayings::duration(&self.agent, self.asked_service(meaning)))
            }
            Some(Intent::LeaveMessage) => self.stage = Stage::Message,
            Some(Intent::Book) => {
                self.is_booking |= !self.agent.services.is_empty();
                return false;
            }
            None => return false,
        }
        true
    }

    fn asked_service(&self, meaning: &Meaning) -> Option<usize> {
        meaning.service.or(self.slots.service)
    }

    fn on_answer(&mut self, meaning: &Meaning) {
        let changes = meaning.service.is_some()
            || meaning.day.is_some()
            || meaning.clock.is_some()
            || meaning.part.is_some();
        match (self.stage, meaning.answer) {
            (Stage::Confirm, Some(true)) if !changes && self.slots.start.is_some() => {
                self.goal = Some(Goal::Book)
            }
            (Stage::Confirm, Some(false)) if !changes => self.stage = Stage::Change,
            (Stage::Change, _) if meaning.name.is_some() => {}
            (Stage::AnythingElse, Some(false)) => self.goal = Some(Goal::Goodbye),
            (Stage::Request, Some(true)) if !self.is_booking => {
                self.is_booking = !self.agent.services.is_empty()
            }
            _ => {}
        }
        if self.stage == Stage::Change && has_word(&meaning.words, &["name"]) {
            self.slots.name = None;
        }
        if self.stage == Stage::Change
            && has_word(&meaning.words, &["day", "date", "time"])
            && !changes
        {
            self.slots.day = None;
            self.slots.start = None;
            self.stage = Stage::Request;
        }
    }

    /// What to say and do now.
    pub(super) fn reply(&mut self) -> Step {
        let mut step = self.next_step();
        if let Some(remark) = self.remark.take() {
            step.say = format!("{remark} {}", step.say).trim().to_owned();
        }
        self.last_said.clone_from(&step.say);
        step
    }

    fn next_step(&mut self) -> Step {
        if let Some(note) = self.note.take() {
            let words = sayings::TAKING_DOWN.to_owned();
            return self.call(words, TAKE_DOWN, json!({ "job": note }));
        }
        match self.goal.take() {
            Some(Goal::Person) => {
                return self.transfer(sayings::CONNECTING, "the caller asked for a person");
            }
            Some(Goal::OptOut) => {
                self.stage = Stage::AnythingElse;
                self.is_booking = false;
                return self.call(sayings::NOTING.to_owned(), "opt_out", json!({}));
            }
            Some(Goal::Goodbye) => return self.goodbye(),
            Some(Goal::Book) => return self.book(),
            Some(Goal::Repeat) if !self.last_said.is_empty() => return say(self.last_said.clone()),
            Some(Goal::Repeat) | None => {}
        }
        if self.asked >= ASKED_MAX {
            return self.transfer(
                sayings::CONNECTING_AFTER_FAILURES,
                "the offline agent did not understand the caller",
            );
        }
        if !std::mem::replace(&mut self.has_greeted, true) {
            return say(sayings::greeting(&self.agent));
        }
        if !self.is_booking {
            let question = match self.stage {
                Stage::Message => sayings::ASK_MESSAGE.to_owned(),
                Stage::AnythingElse => sayings::ANYTHING_ELSE.to_owned(),
                _ => sayings::ask_request(&self.agent),
            };
            return say(question);
        }
        self.next_of_booking()
    }

    fn transfer(&mut self, words: &str, reason: &str) -> Step {
        self.asked = 0;
        self.call(
            words.to_owned(),
            "transfer_to_human",
            json!({ "reason": reason }),
        )
    }

    fn goodbye(&mut self) -> Step {
        self.stage = Stage::AnythingElse;
        self.call(sayings::goodbye(&self.agent), "end_call", json!({}))
    }

    /// A tool this agent may not use is not asked for; the caller hears so.
    fn call(&mut self, words: String, name: &'static str, arguments: Value) -> Step {
        if self.agent.tools.iter().any(|tool| tool == name) {
            let tools = vec![ToolCall { name, arguments }];
            return Step { say: words, tools };
        }
        match name {
            "end_call" => say(words),
            "transfer_to_human" => say(sayings::NO_PERSON.to_owned()),
            // Whoever does not want to be called is not told that nobody can do that.
            "opt_out" => {
                self.transfer(sayings::CONNECTING, "the caller does not want to be called")
            }
            _ => {
                self.is_booking = false;
                self.stage = Stage::AnythingElse;
                say(sayings::CANNOT_BOOK.to_owned())
            }
        }
    }
}

fn say(words: String) -> Step {
    Step {
        say: words,
        tools: Vec::new(),
    }
}

fn has_word(text: &str, words: &[&str]) -> bool {
    let lower = text.to_lowercase();
    lower
        .split(|sign: char| !sign.is_alphanumeric())
        .any(|word| words.contains(&word))
}

/// How the day and time of an offer are said.
pub(super) fn spoken_start(start: DateTime<FixedOffset>) -> String {
    format!(
        "{} at {}",
        spoken_date(start.date_naive()),
        spoken_time(start)
    )
}
