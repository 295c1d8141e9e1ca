//! The keypad: a key answers the question that is open.

use super::{Dialogue, Stage};
use crate::models::local::calendar::DayAsked;
use crate::models::local::understanding::{Choice, Intent, Meaning};

impl Dialogue {
    /// A key answers the question that is open.
    pub(super) fn with_digit(&self, meaning: &Meaning) -> Meaning {
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
                meaning.day = place.map(|place| DayAsked::InDays(place as u64 + 1))
            }
            (Stage::Time, '9') => meaning.choice = Some(Choice::Other),
            (Stage::Time, '1'..='8') => meaning.choice = place.map(Choice::Nth),
            (Stage::Confirm, '1') => meaning.answer = Some(true),
            (Stage::Confirm, '2') => meaning.answer = Some(false),
            _ => {}
        }
        meaning
    }
}
