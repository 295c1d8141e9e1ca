//! Days of a tenant, by its own clock: 23, 24 or 25 hours, and once in a while another length.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use chrono_tz::Tz;
use switchboard_store::{DayBounds, UsageDay};

use crate::desk::local_time::first_moment;

/// Before so much of a day is over, it says nothing about the rest.
const FORECAST_AFTER: TimeDelta = TimeDelta::hours(1);

/// One day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Day {
    /// Its date in the zone.
    pub date: NaiveDate,
    /// Its first moment.
    pub from: DateTime<Utc>,
    /// The first moment of the next one.
    pub to: DateTime<Utc>,
}

impl Day {
    /// The day that it is at `now` in the zone.
    pub fn of(now: DateTime<Utc>, zone: Tz) -> Self {
        Self::dated(now.with_timezone(&zone).date_naive(), zone)
    }

    /// The day of this date. A date that the zone skipped is empty.
    pub fn dated(date: NaiveDate, zone: Tz) -> Self {
        let next = date.checked_add_days(Days::new(1)).unwrap_or(date);
        let begins = |date: NaiveDate| first_moment(zone, date.and_time(NaiveTime::MIN)).to_utc();
        Self {
            date,
            from: begins(date),
            to: begins(next),
        }
    }

    /// Its date as text.
    pub fn name(&self) -> String {
        self.date.to_string()
    }

    /// Its bounds, for the database.
    pub fn bounds(&self) -> DayBounds {
        DayBounds {
            from: self.from,
            to: self.to,
        }
    }

    /// What the whole day costs if it goes on as it began, rounded down.
    pub fn forecast(&self, spent_micros: i64, now: DateTime<Utc>) -> Option<i64> {
        let over = (now - self.from).min(self.to - self.from);
        if over < FORECAST_AFTER {
            return None;
        }
        let whole = i128::from((self.to - self.from).num_seconds());
        let forecast = i128::from(spent_micros) * whole / i128::from(over.num_seconds().max(1));
        i64::try_from(forecast).ok()
    }
}

/// The days that a range touches, the first and the last cut to it.
pub fn days_of(from: DateTime<Utc>, to: DateTime<Utc>, zone: Tz) -> Vec<UsageDay> {
    let mut days = Vec::new();
    let mut date = from.with_timezone(&zone).date_naive();
    loop {
        let day = Day::dated(date, zone);
        if day.from >= to {
            return days;
        }
        let (begins, ends) = (day.from.max(from), day.to.min(to));
        if begins < ends {
            days.push(UsageDay {
                name: day.name(),
                from: begins,
                to: ends,
            });
        }
        let Some(next) = date.checked_add_days(Days::new(1)) else {
            return days;
        };
        date = next;
    }
}

#[cfg(test)]
mod tests {
    use chrono_tz::Africa::Nairobi;
    use chrono_tz::America::New_York;
    use chrono_tz::Pacific::Apia;

    use super::*;

    fn time(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    #[test]
    fn m1_a_day_begins_at_the_tenants_midnight() {
        let day = Day::of(time("2026-11-22T21:30:00Z"), Nairobi);
        assert_eq!(day.name(), "2026-11-23");
        assert_eq!(day.from, time("2026-11-22T21:00:00Z"));
        assert_eq!(day.to, time("2026-11-23T21:00:00Z"));
    }

    #[test]
    fn m1_days_of_23_and_25_hours_leave_no_moment_out_and_count_none_twice() {
        for (date, hours) in [("2027-03-14", 23), ("2027-11-07", 25), ("2027-06-01", 24)] {
            let date: NaiveDate = date.parse().expect("a date");
            let day = Day::dated(date, New_York);
            assert_eq!((day.to - day.from).num_hours(), hours, "{date}");
            let next = Day::of(day.to, New_York);
            assert_eq!(next.from, day.to);
            assert_eq!(Day::of(day.to - TimeDelta::seconds(1), New_York), day);
        }
    }

    #[test]
    fn a_date_that_a_zone_skipped_has_no_length() {
        let day = Day::dated("2011-12-30".parse().expect("a date"), Apia);
        assert_eq!(day.from, day.to);
        let days = days_of(
            time("2011-12-29T00:00:00Z"),
            time("2012-01-01T00:00:00Z"),
            Apia,
        );
        let names: Vec<_> = days.iter().map(|day| day.name.as_str()).collect();
        assert_eq!(
            names,
            ["2011-12-28", "2011-12-29", "2011-12-31", "2012-01-01"]
        );
        let length: i64 = days.iter().map(|day| (day.to - day.from).num_hours()).sum();
        assert_eq!(length, 72);
    }

    #[test]
    fn a_day_is_forecast_from_what_is_over_of_it() {
        let day = Day::dated("2026-11-22".parse().expect("a date"), chrono_tz::UTC);
        assert_eq!(day.forecast(100, time("2026-11-22T00:30:00Z")), None);
        assert_eq!(day.forecast(100, time("2026-11-22T06:00:00Z")), Some(400));
        assert_eq!(day.forecast(100, time("2026-11-24T06:00:00Z")), Some(100));
    }
}
