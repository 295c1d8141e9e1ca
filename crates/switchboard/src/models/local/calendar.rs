//! Days and times the way callers say them, and the way the agent says them back.

use chrono::{DateTime, Datelike, Days, FixedOffset, NaiveDate, Timelike, Weekday};

/// A day as it was asked for, before it is laid on the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayAsked {
    /// Days from today: 0 today, 1 tomorrow.
    InDays(u64),
    /// The coming weekday, never today.
    Weekday(Weekday),
    /// A day of the month, of the coming such month when none was named.
    Date { month: Option<u32>, day: u32 },
    /// The Monday after this one.
    NextWeek,
}

impl DayAsked {
    /// The date meant on `today`. None when there is no such date, as the 31st of June.
    pub(super) fn on_calendar(self, today: NaiveDate) -> Option<NaiveDate> {
        match self {
            Self::InDays(days) => today.checked_add_days(Days::new(days)),
            Self::Weekday(weekday) => (1..=7)
                .filter_map(|days| today.checked_add_days(Days::new(days)))
                .find(|date| date.weekday() == weekday),
            Self::NextWeek => Self::Weekday(Weekday::Mon).on_calendar(today),
            Self::Date { month, day } => coming_date(today, month, day),
        }
    }
}

fn coming_date(today: NaiveDate, month: Option<u32>, day: u32) -> Option<NaiveDate> {
    let months = today.month0()..today.month0() + 13;
    months
        .filter(|month0| month.is_none_or(|wanted| month0 % 12 + 1 == wanted))
        .filter_map(|month0| {
            let year = today.year() + i32::try_from(month0 / 12).ok()?;
            NaiveDate::from_ymd_opt(year, month0 % 12 + 1, day)
        })
        .find(|date| *date >= today)
}

/// A stretch of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DayPart {
    Morning,
    Afternoon,
    Evening,
}

impl DayPart {
    /// First minute of the stretch, in minutes after midnight.
    pub(super) fn first_minute(self) -> u32 {
        match self {
            Self::Morning => 0,
            Self::Afternoon => 12 * 60,
            Self::Evening => 17 * 60,
        }
    }

    /// First minute after the stretch.
    pub(super) fn end_minute(self) -> u32 {
        match self {
            Self::Morning => 12 * 60,
            Self::Afternoon => 18 * 60,
            Self::Evening => 24 * 60,
        }
    }
}

/// A time on the clock face. Callers seldom say which half of the day they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClockTime {
    /// 0 to 12 as said, or 13 to 23.
    pub(super) hour: u32,
    pub(super) minute: u32,
    /// Said with "p m", "in the afternoon" or "in the evening"; false for "a m"; None when not said.
    pub(super) is_afternoon: Option<bool>,
}

/// Before this hour a bare "three" means the afternoon: businesses that take bookings are closed at night.
const FIRST_BUSINESS_HOUR: u32 = 8;

impl ClockTime {
    /// Minutes after midnight.
    pub(super) fn minute_of_day(self) -> u32 {
        let hour = self.hour % 24;
        let is_afternoon = self.is_afternoon.unwrap_or(hour < FIRST_BUSINESS_HOUR);
        let hour = match (hour, is_afternoon) {
            (12, _) if self.is_afternoon == Some(false) => 0,
            (0..=11, true) => hour + 12,
            _ => hour,
        };
        hour * 60 + self.minute
    }
}

/// `Tuesday, November 24th`.
pub(super) fn spoken_date(date: NaiveDate) -> String {
    format!(
        "{}{}",
        date.format("%A, %B %-d"),
        ordinal_ending(date.day())
    )
}

fn ordinal_ending(day: u32) -> &'static str {
    match (day % 10, day) {
        (_, 11..=13) => "th",
        (1, _) => "st",
        (2, _) => "nd",
        (3, _) => "rd",
        _ => "th",
    }
}

/// `2 PM`, `10:30 AM`.
pub(super) fn spoken_time(start: DateTime<FixedOffset>) -> String {
    let half = if start.hour() < 12 { "AM" } else { "PM" };
    let (_, hour) = start.hour12();
    match start.minute() {
        0 => format!("{hour} {half}"),
        minute => format!("{hour}:{minute:02} {half}"),
    }
}

/// `14:30`, as tools take it.
pub(super) fn clock_text(minute_of_day: u32) -> String {
    format!("{:02}:{:02}", minute_of_day / 60 % 24, minute_of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a date of this test")
    }

    #[test]
    fn a_weekday_is_the_coming_one_and_never_today() {
        let saturday = date("2026-11-21");
        let on = |asked: DayAsked| asked.on_calendar(saturday);
        assert_eq!(
            on(DayAsked::Weekday(Weekday::Tue)),
            Some(date("2026-11-24"))
        );
        assert_eq!(
            on(DayAsked::Weekday(Weekday::Sat)),
            Some(date("2026-11-28"))
        );
        assert_eq!(on(DayAsked::InDays(2)), Some(date("2026-11-23")));
        assert_eq!(on(DayAsked::NextWeek), Some(date("2026-11-23")));
    }

    #[test]
    fn a_day_of_the_month_is_the_coming_one_and_impossible_days_are_none() {
        let today = date("2026-11-21");
        let on = |month, day| DayAsked::Date { month, day }.on_calendar(today);
        assert_eq!(on(None, 24), Some(date("2026-11-24")));
        assert_eq!(on(None, 3), Some(date("2026-12-03")));
        assert_eq!(on(Some(1), 5), Some(date("2027-01-05")));
        assert_eq!(on(None, 31), Some(date("2026-12-31")));
        assert_eq!(on(Some(6), 31), None);
    }

    #[test]
    fn a_bare_three_is_the_afternoon_and_a_bare_ten_the_morning() {
        let at = |hour, is_afternoon| {
            ClockTime {
                hour,
                minute: 30,
                is_afternoon,
            }
            .minute_of_day()
        };
        assert_eq!(at(3, None), 15 * 60 + 30);
        assert_eq!(at(10, None), 10 * 60 + 30);
        assert_eq!(at(12, None), 12 * 60 + 30);
        assert_eq!(at(8, Some(true)), 20 * 60 + 30);
        assert_eq!(clock_text(at(14, None)), "14:30");
    }
}
