//! The policy: fill the slots of a booking, read them back, call the tool, say its result.
//!
//! Pure: meanings and tool results go in, words and tool requests come out. Times are only ever those that
//! `check_availability` returned; a booking is only asked for after a heard read-back was answered with yes.

use std::sync::Arc;

use chrono::{DateTime, Datelike, FixedOffset, NaiveDate, Timelike};
use serde_json::{Map, Value, json};

use super::LocalAgent;
use super::calendar::{ClockTime, DayPart, clock_text, spoken_date, spoken_time};
use super::sayings;
use super::understanding::{Choice, Expecting, Intent, Meaning};

/// Free times read out at once. Two can be told apart by ear: recognisers take "first" for "third" more often than not.
const OFFERS_MAX: usize = 2;
/// Times a question is asked before a person is offered.
const ASKED_MAX: u8 = 3;
/// Failures to catch a name before the booking goes on without it.
const NAME_ASKED_MAX: u8 = 2;
/// What a booking carries when its name was not understood; honest to whoever reads it.
const NAME_NOT_UNDERSTOOD: &str = "Name not understood";

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

#[derive(Debug, Clone, Default)]
struct Slots {
    service: Option<usize>,
    practitioner: Option<usize>,
    day: Option<NaiveDate>,
    part: Option<DayPart>,
    clock: Option<ClockTime>,
    start: Option<Offer>,
    name: Option<String>,
    phone: Option<String>,
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
    goal: Option<Goal>,
    last_said: String,
}

/// What the next reply does instead of asking on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    Book,
    Person,
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
            self.stage = Stage::AnythingElse;
            self.remark = Some(sayings::MESSAGE_NOT_KEPT.to_owned());
            return;
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

    /// True when the intent was dealt with and fills no slots.
    fn on_intent(&mut self, meaning: &Meaning) -> bool {
        match meaning.intent {
            Some(Intent::Person) => self.goal = Some(Goal::Person),
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

    /// A doubtful service opens a question, and a yes to it fills the slot.
    fn on_doubt(&mut self, meaning: &Meaning) {
        if self.stage == Stage::Doubt {
            self.stage = Stage::Request;
            let doubted = self.doubted.take();
            if meaning.answer == Some(true) && meaning.service.is_none() {
                self.slots.service = doubted;
                self.forget_time();
            }
        }
        if meaning.doubtful_service.is_some()
            && self.slots.service.is_none()
            && !self.agent.services.is_empty()
        {
            self.is_booking = true;
            self.doubted = meaning.doubtful_service;
        }
    }

    fn asked_service(&self, meaning: &Meaning) -> Option<usize> {
        meaning.service.or(self.slots.service)
    }

    fn fill(&mut self, meaning: &Meaning) {
        let is_asked_for = matches!(
            self.stage,
            Stage::Service
                | Stage::Day
                | Stage::Time
                | Stage::Name
                | Stage::Confirm
                | Stage::Change
        );
        if !self.is_booking && !is_asked_for && meaning.service.is_none() {
            return;
        }
        if let Some(service) = meaning.service {
            self.is_booking = true;
            self.doubted = None;
            if self.slots.service != Some(service) {
                self.slots.service = Some(service);
                self.forget_time();
            }
        }
        if meaning.practitioner.is_some() && meaning.practitioner != self.slots.practitioner {
            self.slots.practitioner = meaning.practitioner;
            self.forget_time();
        }
        if let Some(asked) = meaning.day {
            match asked.on_calendar(self.today) {
                Some(day) => self.change_day(day),
                None => self.remark = Some(sayings::NO_SUCH_DAY.to_owned()),
            }
        }
        if self.stage == Stage::Time {
            self.choose(meaning);
        } else if meaning.clock.is_some() || meaning.part.is_some() {
            if self.slots.start.is_some() {
                self.forget_time();
            }
            (self.slots.clock, self.slots.part) = (meaning.clock, meaning.part);
        }
        if meaning.phone.is_some() {
            self.slots.phone.clone_from(&meaning.phone);
        }
        if self.is_booking && meaning.name.is_some() {
            self.slots.name.clone_from(&meaning.name);
        }
    }

    fn change_day(&mut self, day: NaiveDate) {
        if self.slots.day != Some(day) {
            self.slots.day = Some(day);
            self.forget_time();
        }
    }

    fn forget_time(&mut self) {
        self.slots.start = None;
        self.offers.clear();
        if matches!(self.stage, Stage::Time | Stage::Confirm | Stage::Name) {
            self.stage = Stage::Request;
        }
    }

    /// An offer is chosen by its place, or by its time.
    fn choose(&mut self, meaning: &Meaning) {
        let by_clock = meaning
            .clock
            .and_then(|clock| self.offer_at(clock.minute_of_day()));
        let by_place = match meaning.choice {
            Some(Choice::Nth(place)) => self.offers.get(place),
            Some(Choice::Last) => self.offers.last(),
            Some(Choice::Any) => self.offers.first(),
            Some(Choice::Other) | None => None,
        };
        let only = (self.offers.len() == 1 && meaning.answer == Some(true))
            .then(|| self.offers.first())
            .flatten();
        if let Some(offer) = by_clock.or(by_place).or(only).cloned() {
            self.slots.start = Some(offer);
            return;
        }
        if meaning.choice == Some(Choice::Other)
            || (meaning.answer == Some(false) && meaning.day.is_none())
        {
            self.slots.day = None;
            (self.slots.clock, self.slots.part) = (None, None);
            self.offers.clear();
            return;
        }
        if meaning.clock.is_some() || meaning.part.is_some() {
            // Another time of the same day: the tool is asked again.
            (self.slots.clock, self.slots.part) = (meaning.clock, meaning.part);
            self.offers.clear();
        }
    }

    fn offer_at(&self, minute_of_day: u32) -> Option<&Offer> {
        self.offers
            .iter()
            .find(|offer| offer.start.hour() * 60 + offer.start.minute() == minute_of_day)
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

    fn on_name(&mut self, meaning: &Meaning) {
        if self.stage != Stage::Name || self.slots.name.is_some() {
            return;
        }
        if meaning.is_empty() || meaning.digit == Some('1') {
            self.name_asked = self.name_asked.saturating_add(1);
        }
        if self.name_asked >= NAME_ASKED_MAX || meaning.digit == Some('1') {
            self.slots.name = Some(NAME_NOT_UNDERSTOOD.to_owned());
            self.remark = Some(sayings::NAME_NOT_CAUGHT.to_owned());
        }
    }

    /// A key answers the question that is open.
    fn with_digit(&self, meaning: &Meaning) -> Meaning {
        let mut meaning = meaning.clone();
        let Some(digit) = meaning.digit else {
            return meaning;
        };
        let place = digit
            .to_digit(10)
            .and_then(|digit| usize::try_from(digit).ok())
            .and_then(|digit| digit.checked_sub(1));
        if digit == '0' {
            meaning.intent = Some(Intent::Person);
        }
        match (self.stage, digit) {
            (Stage::Request | Stage::AnythingElse, '1') => meaning.intent = Some(Intent::Book),
            (Stage::Request | Stage::AnythingElse, '2') => meaning.intent = Some(Intent::AskHours),
            (Stage::Request | Stage::AnythingElse, '9') => meaning.intent = Some(Intent::Goodbye),
            (Stage::Service | Stage::Change, _) => {
                meaning.service = place.filter(|place| *place < self.agent.services.len())
            }
            (Stage::Day, '1'..='6') => {
                meaning.day = place.map(|place| super::calendar::DayAsked::InDays(place as u64 + 1))
            }
            (Stage::Time, '9') => meaning.choice = Some(Choice::Other),
            (Stage::Time, '1'..='8') => meaning.choice = place.map(Choice::Nth),
            (Stage::Confirm, '1') => meaning.answer = Some(true),
            (Stage::Confirm, '2') => meaning.answer = Some(false),
            _ => {}
        }
        meaning
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
        match self.goal.take() {
            Some(Goal::Person) => {
                return self.transfer(sayings::CONNECTING, "the caller asked for a person");
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

    fn next_of_booking(&mut self) -> Step {
        let telephone = self.agent.telephone;
        let Some(service) = self.slots.service else {
            if let Some(doubted) = self.doubted {
                self.stage = Stage::Doubt;
                return say(sayings::did_you_say(&self.agent.services[doubted].name));
            }
            self.stage = Stage::Service;
            return say(sayings::ask_service(&self.agent));
        };
        let Some(day) = self.slots.day else {
            self.stage = Stage::Day;
            return say(sayings::ask_day(
                &self.agent.services[service].name,
                self.today,
                telephone,
            ));
        };
        if self.slots.start.is_none() {
            if self.offers.is_empty() {
                return self.ask_availability(service, day);
            }
            self.stage = Stage::Time;
            return say(sayings::offer(day, &self.offers, telephone));
        }
        if self.slots.name.is_none() {
            self.stage = Stage::Name;
            return say(sayings::ask_name(self.name_asked, telephone));
        }
        if self.stage == Stage::Change {
            return say(sayings::ASK_CHANGE.to_owned());
        }
        self.stage = Stage::Confirm;
        say(self.read_back(service))
    }

    fn read_back(&self, service: usize) -> String {
        let offer = self
            .slots
            .start
            .as_ref()
            .expect("confirmed bookings have a start");
        let name = self
            .slots
            .name
            .as_deref()
            .filter(|name| *name != NAME_NOT_UNDERSTOOD);
        sayings::read_back(
            &self.agent.services[service].name,
            offer,
            name,
            self.agent.telephone,
        )
    }

    fn ask_availability(&mut self, service: usize, day: NaiveDate) -> Step {
        let mut arguments = Map::new();
        arguments.insert("service".into(), json!(self.agent.services[service].name));
        arguments.insert("day".into(), json!(day.format("%Y-%m-%d").to_string()));
        if let Some(practitioner) = self
            .slots
            .practitioner
            .and_then(|at| self.agent.practitioners.get(at))
        {
            arguments.insert("practitioner".into(), json!(practitioner.name));
        }
        let from = self
            .slots
            .clock
            .map(ClockTime::minute_of_day)
            .or(self.slots.part.map(DayPart::first_minute));
        if let Some(from) = from.filter(|from| *from > 0) {
            arguments.insert("from".into(), json!(clock_text(from)));
        }
        self.stage = Stage::Waiting;
        self.call(
            sayings::LOOKING.to_owned(),
            "check_availability",
            Value::Object(arguments),
        )
    }

    fn book(&mut self) -> Step {
        let (Some(service), Some(offer)) = (self.slots.service, self.slots.start.clone()) else {
            return self.next_of_booking();
        };
        let mut arguments = Map::new();
        arguments.insert("service".into(), json!(self.agent.services[service].name));
        arguments.insert("start".into(), json!(offer.start.to_rfc3339()));
        if let Some(practitioner) = offer.practitioner {
            arguments.insert("practitioner".into(), json!(practitioner));
        }
        let name = self.slots.name.as_deref().unwrap_or(NAME_NOT_UNDERSTOOD);
        arguments.insert("contact_name".into(), json!(name));
        if let Some(phone) = &self.slots.phone {
            arguments.insert("phone".into(), json!(phone));
        }
        self.stage = Stage::Waiting;
        self.call(
            sayings::BOOKING.to_owned(),
            "book_appointment",
            Value::Object(arguments),
        )
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
            _ => {
                self.is_booking = false;
                self.stage = Stage::AnythingElse;
                say(sayings::CANNOT_BOOK.to_owned())
            }
        }
    }

    /// Takes what a tool answered; the next reply says it.
    pub(super) fn tool_answered(&mut self, name: &str, output: &str) {
        let result: Value = serde_json::from_str(output).unwrap_or_default();
        match name {
            "check_availability" => self.on_availability(&result),
            "book_appointment" => self.on_booked(&result),
            "transfer_to_human" => self.on_refused(&result, sayings::NO_PERSON),
            _ => {}
        }
    }

    fn on_refused(&mut self, result: &Value, words: &str) {
        if result.get("error").is_some() {
            self.remark = Some(words.to_owned());
        }
    }

    fn on_availability(&mut self, result: &Value) {
        let Some(slots) = result.get("slots").and_then(Value::as_array) else {
            return self.on_tool_failure(result);
        };
        let free: Vec<Offer> = slots.iter().filter_map(offer).collect();
        self.stage = Stage::Time;
        let wanted = self.slots.clock.map(ClockTime::minute_of_day);
        let exact = wanted.and_then(|minute| free.iter().find(|offer| minute_of(offer) == minute));
        if let Some(exact) = exact {
            self.slots.start = Some(exact.clone());
            self.offers = vec![exact.clone()];
            return;
        }
        let day = self.slots.day.unwrap_or(self.today);
        if free.is_empty() {
            let from = self.slots.clock.is_some() || self.slots.part.is_some();
            self.remark = Some(sayings::nothing_free(
                day,
                from,
                result.get("reason").and_then(Value::as_str),
            ));
            self.slots.day = None;
            (self.slots.clock, self.slots.part) = (None, None);
            return;
        }
        let until = self.slots.part.map_or(24 * 60, DayPart::end_minute);
        let within = free.iter().filter(|offer| minute_of(offer) < until).count();
        let pool = if within > 0 {
            &free[..within]
        } else {
            &free[..]
        };
        self.offers = spread(pool);
        if wanted.is_some() {
            self.remark = Some(sayings::NOT_AT_THAT_TIME.to_owned());
        } else if within == 0 {
            self.remark = Some(sayings::NOT_IN_THAT_PART.to_owned());
        }
        (self.slots.clock, self.slots.part) = (None, None);
    }

    fn on_booked(&mut self, result: &Value) {
        if let Some(appointment) = result.get("appointment") {
            let start = appointment
                .get("start")
                .and_then(Value::as_str)
                .and_then(|text| DateTime::parse_from_rfc3339(text).ok());
            let service = appointment
                .get("service")
                .and_then(Value::as_str)
                .unwrap_or("appointment");
            let practitioner = appointment
                .get("practitioner")
                .and_then(Value::as_str)
                .map(str::to_owned);
            let start = start.or(self.slots.start.as_ref().map(|offer| offer.start));
            self.remark = Some(sayings::booked(
                service,
                start
                    .map(|start| Offer {
                        start,
                        practitioner,
                    })
                    .as_ref(),
            ));
            self.stage = Stage::AnythingElse;
            self.is_booking = false;
            let (name, phone) = (self.slots.name.take(), self.slots.phone.take());
            self.slots = Slots {
                name,
                phone,
                ..Slots::default()
            };
            self.offers.clear();
            return;
        }
        let next_free = result
            .pointer("/error/next_free")
            .or(result.get("next_free"))
            .and_then(Value::as_array);
        self.slots.start = None;
        self.offers = next_free
            .into_iter()
            .flatten()
            .filter_map(offer)
            .take(OFFERS_MAX)
            .collect();
        if let Some(first) = self.offers.first() {
            self.slots.day = Some(first.start.date_naive());
            self.offers
                .retain(|offer| Some(offer.start.date_naive()) == self.slots.day);
            self.remark = Some(sayings::TAKEN.to_owned());
            self.stage = Stage::Time;
            return;
        }
        self.on_tool_failure(result);
    }

    /// The tool failed: say so, and offer a person instead of trying for ever.
    fn on_tool_failure(&mut self, result: &Value) {
        let code = result
            .pointer("/error/code")
            .and_then(Value::as_str)
            .unwrap_or_default();
        self.slots.start = None;
        self.offers.clear();
        self.slots.day = None;
        self.stage = Stage::Request;
        self.remark = Some(
            match code {
                "slot_taken" => sayings::TAKEN,
                "closed" => sayings::CLOSED,
                _ => {
                    self.is_booking = false;
                    sayings::TOOL_FAILED
                }
            }
            .to_owned(),
        );
    }
}

fn say(words: String) -> Step {
    Step {
        say: words,
        tools: Vec::new(),
    }
}

fn minute_of(offer: &Offer) -> u32 {
    offer.start.hour() * 60 + offer.start.minute()
}

/// First and last of many: neighbouring times would say little about the day.
fn spread(free: &[Offer]) -> Vec<Offer> {
    if free.len() <= OFFERS_MAX {
        return free.to_vec();
    }
    [0, free.len() - 1]
        .iter()
        .map(|at| free[*at].clone())
        .collect()
}

fn offer(slot: &Value) -> Option<Offer> {
    let start = slot
        .get("start")
        .and_then(Value::as_str)
        .or(slot.as_str())?;
    let start = DateTime::parse_from_rfc3339(start).ok()?;
    // A year beyond four digits cannot be said or booked.
    (1..=9999).contains(&start.year()).then(|| Offer {
        start,
        practitioner: slot
            .get("practitioner")
            .and_then(Value::as_str)
            .map(str::to_owned),
    })
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
