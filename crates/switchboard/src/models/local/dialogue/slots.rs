//! What is known of the appointment wished for, and how a turn of the caller fills or changes it.

use chrono::{NaiveDate, Timelike};

use super::{Dialogue, NAME_ASKED_MAX, NAME_NOT_UNDERSTOOD, Offer, Stage};
use crate::models::local::calendar::{ClockTime, DayPart};
use crate::models::local::sayings;
use crate::models::local::understanding::{Choice, Meaning};

#[derive(Debug, Clone, Default)]
pub(super) struct Slots {
    pub(super) service: Option<usize>,
    pub(super) practitioner: Option<usize>,
    pub(super) day: Option<NaiveDate>,
    pub(super) part: Option<DayPart>,
    pub(super) clock: Option<ClockTime>,
    pub(super) start: Option<Offer>,
    pub(super) name: Option<String>,
    pub(super) phone: Option<String>,
}

impl Dialogue {
    /// A doubtful service opens a question, and a yes to it fills the slot.
    pub(super) fn on_doubt(&mut self, meaning: &Meaning) {
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

    pub(super) fn fill(&mut self, meaning: &Meaning) {
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

    pub(super) fn on_name(&mut self, meaning: &Meaning) {
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
}
