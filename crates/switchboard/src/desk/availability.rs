//! Which times are free: a pure function of opening hours, the diary, the zone and the present.
//!
//! A day is a local day of the business. Starts lie on quarter or half hours of the wall clock; lengths are real
//! minutes, so a treatment over a clock change is as long as on any other day.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use switchboard_store::PractitionerId;

use super::local_time::{first_moment, last_moment};

/// Minutes of the longest opening stretch: a local day that closes at its midnight.
const DAY_MINUTES: u16 = 24 * 60;
const QUARTER_MINUTES: i64 = 15;

/// Free starts of one practitioner on the wished day, in order of time.
///
/// # Errors
/// The reason why there is none.
pub fn free_slots(schedule: &Schedule, wish: &Wish, frame: &Frame) -> Result<Vec<Slot>, NoSlots> {
    frame.check_day(wish.day)?;
    let mut why = NoSlots::Closed;
    let mut slots = Vec::new();
    for (opens, closes) in schedule.hours.moments_on(wish.day, frame.zone) {
        for start in frame.rules.grid.starts(opens, closes) {
            match slot_at(schedule, wish, frame, start, closes) {
                Ok(slot) => slots.push(slot),
                Err(reason) => why = why.max(reason),
            }
        }
        why = why.max(NoSlots::TooShort);
    }
    slots.sort_by_key(|slot| slot.start);
    slots.dedup_by_key(|slot| slot.start);
    if slots.is_empty() {
        Err(why)
    } else {
        Ok(slots)
    }
}

/// Free starts of whoever is free, each start once: the first schedule in the list that is free has it.
///
/// # Errors
/// The reason of the practitioner who came nearest to having time.
pub fn free_slots_of_any(
    schedules: &[Schedule],
    wish: &Wish,
    frame: &Frame,
) -> Result<Vec<Slot>, NoSlots> {
    let mut why = NoSlots::NotOffered;
    let mut slots = Vec::new();
    for schedule in schedules {
        match free_slots(schedule, wish, frame) {
            Ok(found) => slots.extend(found),
            Err(reason) => why = why.max(reason),
        }
    }
    slots.sort_by_key(|slot| slot.start);
    slots.dedup_by_key(|slot| slot.start);
    if slots.is_empty() {
        Err(why)
    } else {
        Ok(slots)
    }
}

/// The next free starts at or after a moment, at most `count`, within `days` local days.
pub fn next_free(
    schedules: &[Schedule],
    duration_minutes: u32,
    from: DateTime<Utc>,
    search: &Search,
    frame: &Frame,
) -> Vec<Slot> {
    let first_day = from.with_timezone(&frame.zone).date_naive();
    let mut slots = Vec::new();
    for day in first_day.iter_days().take(search.days) {
        let wish = Wish {
            day,
            duration_minutes,
            from: None,
        };
        let free = free_slots_of_any(schedules, &wish, frame).unwrap_or_default();
        slots.extend(free.into_iter().filter(|slot| slot.start >= from));
        if slots.len() >= search.count {
            break;
        }
    }
    slots.truncate(search.count);
    slots
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// A local day of the business.
    pub day: NaiveDate,
    pub duration_minutes: u32,
    /// Not before this wall-clock time.
    pub from: Option<NaiveTime>,
}

/// What the answer depends on beside the diary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    pub zone: Tz,
    pub now: DateTime<Utc>,
    pub rules: BookingRules,
}

/// How the business books.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BookingRules {
    /// Where starts lie. Default: quarter hours.
    pub grid: Grid,
    /// Minutes from now to the earliest start. Default 30: a person must be able to arrive, and staff to notice.
    pub lead_minutes: u32,
    /// Minutes kept free before and after every appointment. Default 0.
    pub buffer_minutes: u32,
    /// Days ahead that can be booked. Default 365: beyond it nobody knows the opening hours.
    pub ahead_days_max: u32,
}

impl Default for BookingRules {
    fn default() -> Self {
        Self {
            grid: Grid::Quarter,
            lead_minutes: 30,
            buffer_minutes: 0,
            ahead_days_max: 365,
        }
    }
}

/// Where starts lie on the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grid {
    Quarter,
    HalfHour,
}

/// Where and how far to look for the next free starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Search {
    pub count: usize,
    pub days: usize,
}

/// One practitioner's hours and diary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pub practitioner: PractitionerId,
    pub hours: WeekHours,
    pub busy: Vec<Busy>,
}

/// A time that is taken, from its start up to but not including its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy {
    pub starts_at: DateTime<Utc>,
    pub ends_at: DateTime<Utc>,
    pub occupation: Occupation,
}

/// What takes a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occupation {
    Appointment,
    /// Holiday, illness, training.
    Absence,
}

/// A start that can be booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    pub practitioner: PractitionerId,
    pub start: DateTime<Tz>,
    pub end: DateTime<Tz>,
}

/// Why there is no free time. Ordered: among several practitioners the last one in this list is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum NoSlots {
    #[error("nobody who was asked for does this")]
    NotOffered,
    #[error("closed on that day")]
    Closed,
    #[error("not open long enough for this on that day")]
    TooShort,
    #[error("further ahead than bookings are taken")]
    TooFarAhead,
    #[error("that time has passed, or is too soon")]
    Past,
    #[error("away on that day")]
    Away,
    #[error("fully booked on that day")]
    FullyBooked,
    #[error("nothing free that late on that day")]
    NothingLater,
}

impl NoSlots {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotOffered => "not_offered",
            Self::Closed => "closed",
            Self::TooShort => "too_short",
            Self::TooFarAhead => "too_far_ahead",
            Self::Past => "past",
            Self::Away => "away",
            Self::FullyBooked => "fully_booked",
            Self::NothingLater => "nothing_later",
        }
    }
}

/// Opening hours of a week in local time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WeekHours([Vec<OpenMinutes>; 7]);

/// A stretch of opening in minutes of the local day; 1440 is the midnight that ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OpenMinutes {
    opens: u16,
    closes: u16,
}

impl WeekHours {
    /// Adds a stretch, in minutes of the local day. One that ends before it begins, or after midnight, opens nothing.
    pub fn open(&mut self, weekday: Weekday, opens_minute: u16, closes_minute: u16) {
        if opens_minute < closes_minute && closes_minute <= DAY_MINUTES {
            let stretch = OpenMinutes {
                opens: opens_minute,
                closes: closes_minute,
            };
            self.0[weekday.num_days_from_monday() as usize].push(stretch);
        }
    }

    /// Whether there is no opening on any day.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(Vec::is_empty)
    }

    /// Whether there is any opening on the weekday of this day.
    pub(super) fn opens_on(&self, day: NaiveDate) -> bool {
        !self.0[day.weekday().num_days_from_monday() as usize].is_empty()
    }

    /// The stretches of a local day as moments.
    fn moments_on(
        &self,
        day: NaiveDate,
        zone: Tz,
    ) -> impl Iterator<Item = (DateTime<Tz>, DateTime<Tz>)> {
        let stretches = &self.0[day.weekday().num_days_from_monday() as usize];
        stretches
            .iter()
            .map(move |stretch| stretch.moments_on(day, zone))
    }

    /// Whether the whole time from `start` to `end` lies in one stretch of the day on which it starts.
    pub(super) fn cover(&self, start: DateTime<Tz>, end: DateTime<Tz>) -> bool {
        let mut stretches = self.moments_on(start.date_naive(), start.timezone());
        stretches.any(|(opens, closes)| opens <= start && end <= closes)
    }
}

impl OpenMinutes {
    /// When a clock shows a border twice, the stretch is the shorter one: nobody is booked before a door opens.
    fn moments_on(self, day: NaiveDate, zone: Tz) -> (DateTime<Tz>, DateTime<Tz>) {
        let midnight = day.and_time(NaiveTime::MIN);
        let local = |minute: u16| midnight + TimeDelta::minutes(i64::from(minute));
        let closes = first_moment(zone, local(self.closes));
        let opens = last_moment(zone, local(self.opens));
        if opens < closes {
            (opens, closes)
        } else {
            (first_moment(zone, local(self.opens)), closes)
        }
    }
}

impl Frame {
    /// The earliest start that may be booked now.
    pub(super) fn earliest_start(&self) -> DateTime<Utc> {
        self.now + TimeDelta::minutes(i64::from(self.rules.lead_minutes))
    }

    /// Refuses local days before today and beyond what is booked ahead.
    pub(super) fn check_day(&self, day: NaiveDate) -> Result<(), NoSlots> {
        let today = self.now.with_timezone(&self.zone).date_naive();
        let ahead_days = day.signed_duration_since(today).num_days();
        if ahead_days < 0 {
            Err(NoSlots::Past)
        } else if ahead_days > i64::from(self.rules.ahead_days_max) {
            Err(NoSlots::TooFarAhead)
        } else {
            Ok(())
        }
    }
}

impl Grid {
    const fn minutes(self) -> u32 {
        match self {
            Self::Quarter => 15,
            Self::HalfHour => 30,
        }
    }

    /// Whether the wall clock shows a start of this grid.
    pub(super) fn has(self, moment: DateTime<Tz>) -> bool {
        moment.minute().is_multiple_of(self.minutes())
            && moment.second() == 0
            && moment.nanosecond() == 0
    }

    /// Moments of the grid from `opens` up to `closes`.
    ///
    /// Every zone of today is whole quarters away from UTC, so quarters of real time stay quarters of the wall clock
    /// over a clock change. Half hours may not: they are looked at one by one.
    fn starts(
        self,
        opens: DateTime<Tz>,
        closes: DateTime<Tz>,
    ) -> impl Iterator<Item = DateTime<Tz>> {
        let after_quarter = i64::from(opens.minute()) % QUARTER_MINUTES;
        let to_quarter = (QUARTER_MINUTES - after_quarter) % QUARTER_MINUTES;
        let first = opens + TimeDelta::minutes(to_quarter);
        let quarters = closes.signed_duration_since(first).num_minutes() / QUARTER_MINUTES;
        let moments = (0..=quarters).map(move |n| first + TimeDelta::minutes(n * QUARTER_MINUTES));
        moments.filter(move |moment| self.has(*moment))
    }
}

fn slot_at(
    schedule: &Schedule,
    wish: &Wish,
    frame: &Frame,
    start: DateTime<Tz>,
    closes: DateTime<Tz>,
) -> Result<Slot, NoSlots> {
    let end = start + TimeDelta::minutes(i64::from(wish.duration_minutes));
    if end > closes {
        return Err(NoSlots::TooShort);
    }
    if start < frame.earliest_start() {
        return Err(NoSlots::Past);
    }
    let buffer = TimeDelta::minutes(i64::from(frame.rules.buffer_minutes));
    if let Some(occupation) = schedule.occupation_between(start - buffer, end + buffer) {
        return Err(match occupation {
            Occupation::Appointment => NoSlots::FullyBooked,
            Occupation::Absence => NoSlots::Away,
        });
    }
    if wish.from.is_some_and(|from| start.time() < from) {
        return Err(NoSlots::NothingLater);
    }
    Ok(Slot {
        practitioner: schedule.practitioner,
        start,
        end,
    })
}

impl Schedule {
    /// What takes any part of the time from `start` to `end`.
    pub(super) fn occupation_between(
        &self,
        start: DateTime<Tz>,
        end: DateTime<Tz>,
    ) -> Option<Occupation> {
        let overlap = self
            .busy
            .iter()
            .find(|busy| busy.starts_at < end && start < busy.ends_at);
        overlap.map(|busy| busy.occupation)
    }
}

#[cfg(test)]
mod tests;
