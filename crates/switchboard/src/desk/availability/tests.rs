use chrono::{NaiveDate, NaiveTime, TimeDelta, TimeZone, Timelike};
use chrono_tz::America::New_York;
use chrono_tz::Australia::Lord_Howe;
use chrono_tz::Europe::London;
use proptest::prelude::*;

use super::*;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn utc(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn every_day(opens_minute: u16, closes_minute: u16) -> WeekHours {
    let mut hours = WeekHours::default();
    for weekday in 0..7_u8 {
        hours.open(
            Weekday::try_from(weekday).unwrap(),
            opens_minute,
            closes_minute,
        );
    }
    hours
}

fn schedule(hours: WeekHours, busy: &[(&str, &str, Occupation)]) -> Schedule {
    let busy = busy.iter().map(|(starts_at, ends_at, occupation)| Busy {
        starts_at: utc(starts_at),
        ends_at: utc(ends_at),
        occupation: *occupation,
    });
    Schedule {
        practitioner: PractitionerId::new(),
        hours,
        busy: busy.collect(),
    }
}

fn frame(zone: Tz, now: &str) -> Frame {
    Frame {
        zone,
        now: utc(now),
        rules: BookingRules::default(),
    }
}

fn wish(text: &str, duration_minutes: u32) -> Wish {
    Wish {
        day: day(text),
        duration_minutes,
        from: None,
    }
}

fn starts(slots: &[Slot]) -> Vec<String> {
    slots.iter().map(|slot| slot.start.to_rfc3339()).collect()
}

#[test]
fn an_empty_diary_offers_every_quarter_hour_that_fits() {
    let schedule = schedule(every_day(9 * 60, 10 * 60 + 30), &[]);
    let slots = free_slots(
        &schedule,
        &wish("2026-11-24", 60),
        &frame(New_York, "2026-11-21T15:00:00Z"),
    );
    let expected = ["09:00", "09:15", "09:30"].map(|at| format!("2026-11-24T{at}:00-05:00"));
    assert_eq!(starts(&slots.unwrap()), expected);
}

#[test]
fn an_appointment_frees_the_moment_it_ends() {
    let taken = [(
        "2026-11-24T14:15:00Z",
        "2026-11-24T15:00:00Z",
        Occupation::Appointment,
    )];
    let schedule = schedule(every_day(9 * 60, 11 * 60), &taken);
    let frame = frame(New_York, "2026-11-21T15:00:00Z");
    let slots = free_slots(&schedule, &wish("2026-11-24", 30), &frame).unwrap();
    let expected = ["10:00", "10:15", "10:30"].map(|at| format!("2026-11-24T{at}:00-05:00"));
    assert_eq!(starts(&slots), expected);
}

#[test]
fn a_buffer_is_kept_on_both_sides_of_an_appointment() {
    let taken = [(
        "2026-11-24T15:00:00Z",
        "2026-11-24T15:30:00Z",
        Occupation::Appointment,
    )];
    let schedule = schedule(every_day(9 * 60, 12 * 60), &taken);
    let mut frame = frame(New_York, "2026-11-21T15:00:00Z");
    frame.rules.buffer_minutes = 15;
    frame.rules.grid = Grid::HalfHour;
    let slots = free_slots(&schedule, &wish("2026-11-24", 30), &frame).unwrap();
    let expected = ["09:00", "11:00", "11:30"].map(|at| format!("2026-11-24T{at}:00-05:00"));
    assert_eq!(starts(&slots), expected);
}

#[test]
fn each_empty_day_has_its_reason() {
    let frame = frame(New_York, "2026-11-24T20:40:00Z");
    let mut monday_only = WeekHours::default();
    monday_only.open(Weekday::Mon, 540, 600);
    let reason = |schedule: &Schedule, wish: &Wish| free_slots(schedule, wish, &frame).unwrap_err();

    let mondays = schedule(monday_only, &[]);
    assert_eq!(reason(&mondays, &wish("2026-11-25", 30)), NoSlots::Closed);
    assert_eq!(reason(&mondays, &wish("2026-11-30", 90)), NoSlots::TooShort);
    assert_eq!(reason(&mondays, &wish("2026-11-23", 30)), NoSlots::Past);
    assert_eq!(
        reason(&mondays, &wish("2028-11-27", 30)),
        NoSlots::TooFarAhead
    );
    assert_eq!(
        reason(&mondays, &wish("+262142-12-31", 30)),
        NoSlots::TooFarAhead
    );

    let afternoons = schedule(every_day(15 * 60, 16 * 60), &[]);
    assert_eq!(reason(&afternoons, &wish("2026-11-24", 30)), NoSlots::Past);
    let late = Wish {
        from: NaiveTime::from_hms_opt(15, 45, 0),
        ..wish("2026-11-25", 30)
    };
    assert_eq!(reason(&afternoons, &late), NoSlots::NothingLater);

    let whole_day = |occupation| [("2026-11-25T00:00:00Z", "2026-11-26T12:00:00Z", occupation)];
    let booked = schedule(every_day(540, 600), &whole_day(Occupation::Appointment));
    assert_eq!(
        reason(&booked, &wish("2026-11-25", 30)),
        NoSlots::FullyBooked
    );
    let away = schedule(every_day(540, 600), &whole_day(Occupation::Absence));
    assert_eq!(reason(&away, &wish("2026-11-25", 30)), NoSlots::Away);
    let nobody = free_slots_of_any(&[], &wish("2026-11-25", 30), &frame);
    assert_eq!(nobody, Err(NoSlots::NotOffered));
}

#[test]
fn among_several_each_start_is_offered_once_by_the_first_who_is_free() {
    let taken = [(
        "2026-11-24T14:00:00Z",
        "2026-11-24T14:30:00Z",
        Occupation::Appointment,
    )];
    let busy = schedule(every_day(540, 600), &taken);
    let free = schedule(every_day(540, 600), &[]);
    let frame = frame(New_York, "2026-11-21T15:00:00Z");
    let both = [busy.clone(), free.clone()];
    let slots = free_slots_of_any(&both, &wish("2026-11-24", 30), &frame).unwrap();
    let owners: Vec<_> = slots.iter().map(|slot| slot.practitioner).collect();
    assert_eq!(
        owners,
        [free.practitioner, free.practitioner, busy.practitioner]
    );
}

#[test]
fn the_next_free_starts_cross_closed_days_and_stop_at_the_count() {
    let mut weekdays = WeekHours::default();
    weekdays.open(Weekday::Fri, 16 * 60, 17 * 60);
    weekdays.open(Weekday::Mon, 9 * 60, 10 * 60);
    let schedules = [schedule(weekdays, &[])];
    let frame = frame(New_York, "2026-11-27T21:00:00Z");
    let search = Search { count: 2, days: 14 };
    let slots = next_free(&schedules, 30, utc("2026-11-27T21:15:00Z"), &search, &frame);
    assert_eq!(
        starts(&slots),
        ["2026-11-27T16:30:00-05:00", "2026-11-30T09:00:00-05:00"]
    );
}

#[test]
fn a_day_of_23_hours_offers_no_time_that_its_clock_skips() {
    let schedule = schedule(every_day(60, 4 * 60), &[]);
    let mut frame = frame(New_York, "2027-03-10T15:00:00Z");
    frame.rules.grid = Grid::HalfHour;
    let slots = free_slots(&schedule, &wish("2027-03-14", 30), &frame).unwrap();
    let expected = [
        "2027-03-14T01:00:00-05:00",
        "2027-03-14T01:30:00-05:00",
        "2027-03-14T03:00:00-04:00",
        "2027-03-14T03:30:00-04:00",
    ];
    assert_eq!(starts(&slots), expected);
}

#[test]
fn a_day_of_25_hours_offers_the_repeated_hour_twice() {
    let schedule = schedule(every_day(30, 3 * 60), &[]);
    let mut frame = frame(New_York, "2027-11-03T15:00:00Z");
    frame.rules.grid = Grid::HalfHour;
    let slots = free_slots(&schedule, &wish("2027-11-07", 60), &frame).unwrap();
    let expected = [
        "2027-11-07T00:30:00-04:00",
        "2027-11-07T01:00:00-04:00",
        "2027-11-07T01:30:00-04:00",
        "2027-11-07T01:00:00-05:00",
        "2027-11-07T01:30:00-05:00",
        "2027-11-07T02:00:00-05:00",
    ];
    assert_eq!(starts(&slots), expected);
}

#[test]
fn a_door_that_opens_at_a_repeated_time_opens_the_second_time() {
    let schedule = schedule(every_day(60, 2 * 60), &[]);
    let mut frame = frame(New_York, "2027-11-03T15:00:00Z");
    frame.rules.grid = Grid::HalfHour;
    let slots = free_slots(&schedule, &wish("2027-11-07", 60), &frame).unwrap();
    assert_eq!(starts(&slots), ["2027-11-07T01:00:00-05:00"]);
}

#[test]
fn a_clock_change_of_half_an_hour_keeps_starts_on_the_grid() {
    let schedule = schedule(every_day(0, 1440), &[]);
    let frame = frame(Lord_Howe, "2026-09-30T15:00:00Z");
    let slots = free_slots(&schedule, &wish("2026-10-04", 30), &frame).unwrap();
    assert!(slots.iter().all(|slot| slot.start.minute() % 15 == 0));
    // 23.5 hours hold 94 quarters; the last one leaves no room for half an hour.
    assert_eq!(slots.len(), 93);
}

#[test]
fn hours_until_midnight_and_the_shortest_stretches_are_kept() {
    let schedule = schedule(every_day(23 * 60, 1440), &[]);
    let frame = frame(London, "2026-11-21T15:00:00Z");
    let slots = free_slots(&schedule, &wish("2026-11-24", 60), &frame).unwrap();
    assert_eq!(starts(&slots), ["2026-11-24T23:00:00+00:00"]);
    let mut nonsense = WeekHours::default();
    nonsense.open(Weekday::Mon, 600, 600);
    nonsense.open(Weekday::Mon, 700, 1441);
    assert!(nonsense.is_empty());
}

const ZONES: [Tz; 5] = [
    New_York,
    London,
    Lord_Howe,
    chrono_tz::Asia::Kathmandu,
    chrono_tz::Africa::Kigali,
];

/// Days of 2027 on which one of the zones changes its clocks, and one ordinary day.
const DAYS: [&str; 6] = [
    "2027-03-14",
    "2027-11-07",
    "2027-03-28",
    "2027-10-31",
    "2027-04-04",
    "2027-06-16",
];

prop_compose! {
    fn any_case()(
        zone in prop::sample::select(ZONES.as_slice()),
        day_text in prop::sample::select(DAYS.as_slice()),
        hours in prop::collection::vec((0_u16..1440, 1_u16..=1440), 1..3),
        busy in prop::collection::vec((-600_i64..1600, 1_i64..200), 0..6),
        duration_minutes in 1_u32..240,
        now_minutes in -3000_i64..1600,
        half_hours in any::<bool>(),
        buffer_minutes in 0_u32..30,
    ) -> (Schedule, Wish, Frame, Vec<(u16, u16)>) {
        let day: NaiveDate = day_text.parse().unwrap();
        let midnight = Utc.from_utc_datetime(&day.and_time(NaiveTime::MIN));
        let minutes = TimeDelta::minutes;
        let busy = busy.into_iter().map(|(start, length)| Busy {
            starts_at: midnight + minutes(start),
            ends_at: midnight + minutes(start + length),
            occupation: Occupation::Appointment,
        });
        let mut week = WeekHours::default();
        for (opens, closes) in &hours {
            week.open(day.weekday(), *opens, *closes);
        }
        let grid = if half_hours { Grid::HalfHour } else { Grid::Quarter };
        let rules = BookingRules { grid, buffer_minutes, ..BookingRules::default() };
        (
            Schedule { practitioner: PractitionerId::new(), hours: week, busy: busy.collect() },
            Wish { day, duration_minutes, from: None },
            Frame { zone, now: midnight + minutes(now_minutes), rules },
            hours,
        )
    }
}

proptest! {
    #[test]
    fn every_offered_time_is_open_free_ahead_and_on_the_grid(
        (schedule, wish, frame, hours) in any_case()
    ) {
        for slot in free_slots(&schedule, &wish, &frame).unwrap_or_default() {
            prop_assert!(slot.start >= frame.now + TimeDelta::minutes(30));
            prop_assert!(slot.start.minute() % frame.rules.grid.minutes() == 0);
            prop_assert_eq!(slot.end - slot.start, TimeDelta::minutes(wish.duration_minutes.into()));
            for busy in &schedule.busy {
                prop_assert!(slot.end <= busy.starts_at || busy.ends_at <= slot.start);
            }
            prop_assert!(schedule.hours.cover(slot.start, slot.end));
            for minute in 0..i64::from(wish.duration_minutes) {
                let clock = slot.start + TimeDelta::minutes(minute);
                let minute_of_day = clock.hour() * 60 + clock.minute();
                let open = |(opens, closes): &(u16, u16)| {
                    (u32::from(*opens)..u32::from(*closes)).contains(&minute_of_day)
                };
                prop_assert!(clock.date_naive() == wish.day && hours.iter().any(open), "{clock}");
            }
        }
    }

    #[test]
    fn a_day_without_free_time_is_empty_for_every_single_practitioner_too(
        (schedule, wish, frame, _) in any_case()
    ) {
        let other = Schedule { practitioner: PractitionerId::new(), busy: vec![], ..schedule.clone() };
        let both = [schedule.clone(), other.clone()];
        let alone = free_slots(&schedule, &wish, &frame).is_ok() || free_slots(&other, &wish, &frame).is_ok();
        prop_assert_eq!(free_slots_of_any(&both, &wish, &frame).is_ok(), alone);
    }
}
