//! What a wall clock of the business means, on days of 23, 24 and 25 hours.

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, TimeDelta, TimeZone};
use chrono_tz::Tz;

/// Minutes after which a gap in local time has surely ended: the longest one known skipped a whole day (Samoa, 2011).
const GAP_MINUTES_MAX: i64 = 26 * 60;

/// The first moment at which a wall clock shows `local`. Inside a gap it is the moment the gap ends.
pub(crate) fn first_moment(zone: Tz, local: NaiveDateTime) -> DateTime<Tz> {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(moment) | MappedLocalTime::Ambiguous(moment, _) => moment,
        MappedLocalTime::None => end_of_gap(zone, local),
    }
}

/// The last moment at which a wall clock shows `local`. Inside a gap it is the moment the gap ends.
pub(super) fn last_moment(zone: Tz, local: NaiveDateTime) -> DateTime<Tz> {
    match zone.from_local_datetime(&local) {
        MappedLocalTime::Single(moment) | MappedLocalTime::Ambiguous(_, moment) => moment,
        MappedLocalTime::None => end_of_gap(zone, local),
    }
}

fn end_of_gap(zone: Tz, local: NaiveDateTime) -> DateTime<Tz> {
    (1..=GAP_MINUTES_MAX)
        .filter_map(|minutes| local.checked_add_signed(TimeDelta::minutes(minutes)))
        .find_map(|later| zone.from_local_datetime(&later).earliest())
        .unwrap_or_else(|| zone.from_utc_datetime(&local))
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;
    use chrono_tz::America::New_York;
    use chrono_tz::Pacific::Apia;

    use super::*;

    fn at(year: i32, month: u32, day: u32, hour: u32, minute: u32) -> NaiveDateTime {
        let date = NaiveDate::from_ymd_opt(year, month, day).unwrap();
        date.and_hms_opt(hour, minute, 0).unwrap()
    }

    #[test]
    fn a_time_that_a_clock_skips_is_the_moment_it_skips_to() {
        let moment = first_moment(New_York, at(2027, 3, 14, 2, 30));
        assert_eq!(moment.to_rfc3339(), "2027-03-14T03:00:00-04:00");
        assert_eq!(last_moment(New_York, at(2027, 3, 14, 2, 30)), moment);
    }

    #[test]
    fn a_time_that_a_clock_shows_twice_has_two_moments() {
        let local = at(2027, 11, 7, 1, 30);
        assert_eq!(
            first_moment(New_York, local).to_rfc3339(),
            "2027-11-07T01:30:00-04:00"
        );
        assert_eq!(
            last_moment(New_York, local).to_rfc3339(),
            "2027-11-07T01:30:00-05:00"
        );
    }

    #[test]
    fn a_whole_missing_day_ends_at_the_next_one() {
        let moment = first_moment(Apia, at(2011, 12, 30, 0, 0));
        assert_eq!(moment.naive_local(), at(2011, 12, 31, 0, 0));
    }
}
