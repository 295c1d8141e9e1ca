//! The questions and tool calls that lead to a booking, one slot after the other.

use chrono::NaiveDate;
use serde_json::{Map, Value, json};

use super::{Dialogue, NAME_NOT_UNDERSTOOD, Stage, Step, say};
use crate::models::local::calendar::{ClockTime, DayPart, clock_text};
use crate::models::local::sayings;

impl Dialogue {
    pub(super) fn next_of_booking(&mut self) -> Step {
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

    pub(super) fn book(&mut self) -> Step {
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
}
