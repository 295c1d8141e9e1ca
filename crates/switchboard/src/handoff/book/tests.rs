//! Who is tried, in which order and when.

use chrono::{TimeZone, Utc};

use super::*;

const BOOK: &str = r#"
ring_s_max = 20
target = "support"

[targets.support]
members = ["anna", "ben"]
ring = "in_order"
hours.monday = ["09:00-17:00"]
next = "night"
attended = true

[targets.anna]
number = "+12025550101"
ring_s_max = 7
hours.monday = ["12:00-13:00"]

[targets.ben]
sip = "sip:ben@pbx.example.com"

[targets.sales]
members = ["anna", "ben"]

[targets.night]
queue = "night-desk"
queue_s_max = 60
next = "support"

[targets.premium]
number = "+19005550100"
"#;

fn settings() -> Settings {
    Settings {
        handoff: toml::from_str(BOOK).expect("a right book"),
        ..Settings::default()
    }
}

fn book() -> TargetBook {
    let settings = settings();
    let called = PhoneNumber::parse("+12025550103").expect("a number");
    let mut book = TargetBook::of(&settings, None, HumanOfNumber::default(), Some(&called));
    book.zone = Tz::America__Chicago;
    book
}

/// A Monday in January, by the clock of Chicago.
fn monday(hour: u32, minute: u32) -> DateTime<Utc> {
    let local = Tz::America__Chicago.with_ymd_and_hms(2027, 1, 11, hour, minute, 0);
    local.single().expect("a moment").with_timezone(&Utc)
}

fn names(parties: &[Party]) -> Vec<String> {
    let words = parties.iter().map(|party| party.name.as_str().to_owned());
    words.collect()
}

#[test]
fn a_group_in_order_is_its_members_one_after_the_other_in_their_hours() {
    let book = book();
    assert_eq!(
        names(&book.parties(None, monday(12, 30))),
        ["anna", "ben", "night"]
    );
    assert_eq!(names(&book.parties(None, monday(9, 0))), ["ben", "night"]);
    assert_eq!(names(&book.parties(None, monday(17, 0))), ["night"]);
    let anna = &book.parties(None, monday(12, 30))[0];
    assert_eq!(
        (anna.seconds_max, anna.legs(), anna.kind),
        (7, 1, TransferKind::Number)
    );
    assert!(anna.target.attended, "how a member is asked is the group's");
}

#[test]
fn hours_follow_the_clock_of_the_business_through_the_change_of_time() {
    let book = book();
    let summer = Tz::America__Chicago.with_ymd_and_hms(2027, 7, 12, 9, 0, 0);
    let summer = summer.single().expect("a Monday").with_timezone(&Utc);
    assert_eq!(names(&book.parties(None, summer)), ["ben", "night"]);
    assert_ne!(summer.time(), monday(9, 0).time());
}

#[test]
fn a_group_at_once_is_one_party_with_all_its_lines() {
    let parties = book().parties(Some("sales"), monday(3, 0));
    assert_eq!(names(&parties), ["sales", "night"]);
    assert_eq!(
        (parties[0].legs(), parties[0].kind),
        (2, TransferKind::Group)
    );
}

#[test]
fn after_a_party_come_those_behind_it_and_a_circle_ends() {
    let book = book();
    let after = |wanted, after| names(&book.parties_after(wanted, after, monday(12, 30)));
    assert_eq!(after(None, "anna"), ["ben", "night"]);
    assert_eq!(after(Some("sales"), "sales"), ["anna", "ben", "night"]);
    assert_eq!(after(None, "night"), Vec::<String>::new());
    assert_eq!(after(None, "nobody"), Vec::<String>::new());
}

#[test]
fn a_party_that_was_rung_while_open_leads_on_after_it_closed() {
    let late = book().parties_after(None, "anna", monday(13, 0));
    assert_eq!(names(&late), ["ben", "night"]);
}

#[test]
fn m2_a_party_that_may_not_be_dialled_is_left_out_also_at_the_time_of_the_call() {
    assert_eq!(
        names(&book().parties(Some("premium"), monday(12, 30))),
        ["anna", "ben", "night"]
    );
}

#[test]
fn the_human_of_the_called_number_comes_before_those_of_the_agent() {
    let settings = settings();
    let human = PhoneNumber::parse("+12025550199").expect("a number");
    let of_number = HumanOfNumber {
        number: Some(&human),
        target: None,
    };
    let book = TargetBook::of(&settings, None, of_number, None);
    let parties = book.parties(None, monday(12, 30));
    assert_eq!(names(&parties), ["human"]);
    assert!(book.has_number(&human));
    assert_eq!(book.numbers_of("human"), [&human]);
}

#[test]
fn a_number_may_lead_to_a_party_by_name_and_a_name_that_is_gone_to_the_usual_one() {
    let settings = settings();
    let parties = |name: &'static str| {
        let target = Word::new(name);
        let of_number = HumanOfNumber {
            number: None,
            target: Some(&target),
        };
        let mut book = TargetBook::of(&settings, None, of_number, None);
        book.zone = Tz::America__Chicago;
        names(&book.parties(None, monday(12, 30)))
    };
    assert_eq!(parties("night"), ["night", "anna", "ben"]);
    assert_eq!(parties("nobody"), ["anna", "ben", "night"]);
}
