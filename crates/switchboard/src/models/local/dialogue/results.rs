//! What the tools answered: free times, an appointment, or a failure that is said and not hidden.

use chrono::{DateTime, Datelike, Timelike};
use serde_json::Value;

use super::slots::Slots;
use super::{Dialogue, Offer, Stage};
use crate::models::local::calendar::{ClockTime, DayPart};
use crate::models::local::sayings;

/// Free times read out at once. Two can be told apart by ear: recognisers take "first" for "third" more often than not.
const OFFERS_MAX: usize = 2;

impl Dialogue {
    /// Takes what a tool answered; the next reply says it.
    pub(in crate::models::local) fn tool_answered(&mut self, name: &str, output: &str) {
        let result: Value = serde_json::from_str(output).unwrap_or_default();
        match name {
            "check_availability" => self.on_availability(&result),
            "book_appointment" => self.on_booked(&result),
            "opt_out" => self.on_opted_out(&result),
            "capture_details" => self.on_taken_down(&result),
            "transfer_to_human" => self.on_refused(&result, sayings::NO_PERSON),
            _ => {}
        }
    }

    fn on_opted_out(&mut self, result: &Value) {
        let is_done = result.get("opted_out") == Some(&Value::Bool(true));
        let refusal = result["error"]["message"].as_str();
        self.remark = Some(match refusal {
            _ if is_done => sayings::OPTED_OUT.to_owned(),
            Some(words) => words.to_owned(),
            None => sayings::TOOL_FAILED.to_owned(),
        });
    }

    fn on_refused(&mut self, result: &Value, words: &str) {
        if result.get("error").is_some() {
            self.remark = Some(words.to_owned());
        }
    }

    fn on_taken_down(&mut self, result: &Value) {
        let words = match result.get("taken_down") {
            Some(_) => sayings::TAKEN_DOWN,
            None => sayings::TOOL_FAILED,
        };
        self.remark = Some(words.to_owned());
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
