//! Days, dates, parts of a day and times of the clock.

use chrono::Weekday;

use super::Expecting;
use super::reader::Reader;
use crate::models::local::calendar::{ClockTime, DayAsked, DayPart};
use crate::models::local::lexicon;

impl Reader<'_> {
    pub(super) fn day(&mut self) -> Option<DayAsked> {
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

    pub(super) fn part(&mut self) -> Option<DayPart> {
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

    pub(super) fn clock(
        &mut self,
        part: Option<DayPart>,
        expecting: Expecting,
    ) -> Option<ClockTime> {
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
