//! The desk over a real database.

use chrono::NaiveTime;
use switchboard_store::{
    CallId, Channel, Direction, ListFilter, NewCall, NewContact, Private, TenantStore,
};

use super::availability::NoSlots;
use super::fixture::{CALLER, NOW, SOMEBODY_ELSE, Town, at, desk_for, desk_for_caller, number};
use super::*;

fn request(service: &str, start: &str, key: &str) -> BookingRequest {
    BookingRequest {
        service: service.to_owned(),
        start: at(start),
        practitioner: None,
        contact_name: PersonName::parse("Ama Osei").unwrap(),
        phone: None,
        call: None,
        idempotency_key: key.to_owned(),
    }
}

fn question(service: &str, day: &str) -> AvailabilityQuestion {
    AvailabilityQuestion {
        service: service.to_owned(),
        day: day.parse().unwrap(),
        practitioner: None,
        from: None,
    }
}

fn starts(times: &[FreeTime]) -> Vec<String> {
    let told = |time: &FreeTime| format!("{} {}", time.start.to_rfc3339(), time.practitioner);
    times.iter().map(told).collect()
}

async fn appointments(spa: &TenantStore) -> usize {
    spa.list_appointments(&ListFilter::default())
        .await
        .unwrap()
        .len()
}

async fn contacts(spa: &TenantStore) -> usize {
    spa.list_contacts(&ListFilter::default())
        .await
        .unwrap()
        .len()
}

#[tokio::test]
async fn a_booking_is_a_row_with_contact_practitioner_and_local_time() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let desk = desk_for_caller(&spa);
    let request = request("a facial please", "2026-11-24T14:00:00-05:00", "1");
    let booked = desk.book(at(NOW), &request).await.unwrap();

    assert_eq!(booked.service, "Signature facial");
    assert_eq!(booked.practitioner, "Priya Nair");
    assert_eq!(booked.start.to_rfc3339(), "2026-11-24T14:00:00-05:00");
    assert_eq!(booked.end.to_rfc3339(), "2026-11-24T15:00:00-05:00");
    let rows = spa.list_appointments(&ListFilter::default()).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].id, booked.id);
    assert_eq!(rows[0].starts_at, at("2026-11-24T19:00:00Z"));
    assert_eq!(rows[0].note, None);
    let contact = spa.contact(rows[0].contact_id).await.unwrap().unwrap();
    assert_eq!(contact.name.unwrap().expose(), "Ama Osei");
    assert_eq!(contact.phone.unwrap().expose(), CALLER);
}

#[tokio::test]
async fn of_twenty_bookings_at_once_one_wins_and_the_others_learn_the_next_free_times() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let tasks = (0..20).map(|index| {
        let desk = desk_for(&spa, Caller::default());
        let request = request(
            "facial",
            "2026-11-24T14:00:00-05:00",
            &format!("call:{index}"),
        );
        tokio::spawn(async move { desk.book(at(NOW), &request).await })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut won = 0;
    for task in tasks {
        match task.await.unwrap() {
            Ok(_) => won += 1,
            Err(DeskError::SlotTaken { next_free }) => assert_eq!(
                starts(&next_free),
                [
                    "2026-11-24T15:00:00-05:00 Priya Nair",
                    "2026-11-24T15:15:00-05:00 Priya Nair",
                    "2026-11-24T15:30:00-05:00 Priya Nair"
                ]
            ),
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!((won, appointments(&spa).await), (1, 1));
}

#[tokio::test]
async fn two_who_do_a_service_take_two_bookings_at_one_time_and_no_third() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let mut who = Vec::new();
    for key in ["1", "2"] {
        let request = request("massage", "2026-11-24T14:00:00-05:00", key);
        let booked = desk_for_caller(&spa).book(at(NOW), &request).await.unwrap();
        who.push(booked.practitioner);
    }
    assert_eq!(who, ["Marcus Bell", "Priya Nair"]);
    let third = request("massage", "2026-11-24T14:00:00-05:00", "3");
    let refused = desk_for_caller(&spa)
        .book(at(NOW), &third)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "slot_taken");
    assert_eq!(appointments(&spa).await, 2);
}

#[tokio::test]
async fn a_repeated_key_gives_the_same_appointment_and_books_nothing_more() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let desk = desk_for(&spa, Caller::default());
    let mut request = request("massage", "2026-11-24T14:00:00-05:00", "call:1");
    request.call = Some(CallId::new());
    let first = desk.book(at(NOW), &request).await.unwrap();
    request.call = None;
    let second = desk.book(at(NOW), &request).await.unwrap();
    assert_eq!(first, second);
    assert_eq!((appointments(&spa).await, contacts(&spa).await), (1, 1));
}

#[tokio::test]
async fn an_appointment_names_its_call_once_the_call_is_stored() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let call = offer_call(&spa).await;
    let desk = desk_for_caller(&spa);
    let mut stored = request("massage", "2026-11-24T14:00:00-05:00", "1");
    stored.call = Some(call);
    let mut lagging = request("massage", "2026-11-25T14:00:00-05:00", "2");
    lagging.call = Some(CallId::new());
    let (first, second) = (
        desk.book(at(NOW), &stored).await.unwrap(),
        desk.book(at(NOW), &lagging).await.unwrap(),
    );
    assert_eq!(desk.book(at(NOW), &stored).await.unwrap(), first);
    let rows = spa.list_appointments(&ListFilter::default()).await.unwrap();
    let call_of = |id| rows.iter().find(|row| row.id == id).unwrap().call_id;
    assert_eq!((call_of(first.id), call_of(second.id)), (Some(call), None));
}

async fn offer_call(spa: &TenantStore) -> CallId {
    let call = NewCall {
        id: CallId::new(),
        carrier_call_id: None,
        agent_name: "spa".to_owned(),
        agent_version: None,
        channel: Channel::WebVoice,
        direction: Direction::Inbound,
        number: None,
        caller_number: None,
        contact_id: None,
        conversation_id: None,
        location: None,
        offered_at: at(NOW),
    };
    spa.offer_call(&call).await.unwrap();
    call.id
}

#[tokio::test]
async fn a_time_that_cannot_be_booked_says_why_and_what_is_free() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let desk = desk_for_caller(&spa);
    let monday_nine = "2026-11-23T09:00:00-05:00 Priya Nair";
    for (start, code, first_free) in [
        ("2026-11-22T14:00:00-05:00", "closed", monday_nine),
        ("2026-11-23T08:00:00-05:00", "outside_hours", monday_nine),
        (
            "2026-11-24T16:30:00-05:00",
            "outside_hours",
            "2026-11-25T09:00:00-05:00 Priya Nair",
        ),
        (
            "2026-11-24T14:07:00-05:00",
            "off_grid",
            "2026-11-24T14:15:00-05:00 Priya Nair",
        ),
        ("2026-11-20T14:00:00-05:00", "past", monday_nine),
        ("0001-01-01T00:00:00Z", "past", monday_nine),
    ] {
        let refused = desk
            .book(at(NOW), &request("facial", start, "1"))
            .await
            .unwrap_err();
        assert_eq!(
            (refused.code(), starts(refused.next_free())[0].as_str()),
            (code, first_free)
        );
    }
    let refused = desk
        .book(at(NOW), &request("facial", "9999-12-31T23:59:59Z", "1"))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), "too_far_ahead");
    let refused = desk
        .book(at(NOW), &request("tattoo", "2026-11-24T14:00:00Z", "1"))
        .await
        .unwrap_err();
    assert_eq!(refused.options(), ["Signature facial", "Swedish massage"]);
    assert_eq!((appointments(&spa).await, contacts(&spa).await), (0, 0));
}

#[tokio::test]
async fn free_times_follow_the_diary_and_the_practitioner_asked_for() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let desk = desk_for_caller(&spa);
    let booking = request("facial", "2026-11-24T14:00:00-05:00", "1");
    desk.book(at(NOW), &booking).await.unwrap();

    let mut asked = question("facial", "2026-11-24");
    asked.from = NaiveTime::from_hms_opt(13, 15, 0);
    let free = desk.availability(at(NOW), &asked).await.unwrap();
    assert_eq!(
        starts(&free.slots)[0],
        "2026-11-24T15:00:00-05:00 Priya Nair"
    );

    let mut asked = question("massage", "2026-11-24");
    asked.practitioner = Some("marcus".to_owned());
    let free = desk.availability(at(NOW), &asked).await.unwrap();
    assert!(starts(&free.slots).contains(&"2026-11-24T14:00:00-05:00 Marcus Bell".to_owned()));
    asked.service = "facial".to_owned();
    let refused = desk.availability(at(NOW), &asked).await.unwrap_err();
    assert_eq!(
        (refused.code(), refused.options()),
        ("not_offered", &["Priya Nair".to_owned()][..])
    );
}

#[tokio::test]
async fn a_closed_day_names_the_next_free_times() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let asked = question("facial", "2026-11-22");
    let free = desk_for_caller(&spa)
        .availability(at(NOW), &asked)
        .await
        .unwrap();
    assert_eq!((free.slots.len(), free.reason), (0, Some(NoSlots::Closed)));
    assert_eq!(
        starts(&free.next_free)[0],
        "2026-11-23T09:00:00-05:00 Priya Nair"
    );
}

#[tokio::test]
async fn a_practitioners_own_hours_replace_those_of_the_business() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let practitioners = spa.list_practitioners().await.unwrap();
    let priya = practitioners
        .iter()
        .find(|known| known.name == "Priya Nair")
        .unwrap()
        .id;
    let saturday = switchboard_store::OpeningHours {
        practitioner_id: Some(priya),
        weekday: 6,
        opens_minute: 600,
        closes_minute: 720,
    };
    spa.replace_opening_hours(Some(priya), &[saturday])
        .await
        .unwrap();
    let desk = desk_for_caller(&spa);
    let free = desk
        .availability(at(NOW), &question("facial", "2026-11-28"))
        .await
        .unwrap();
    assert_eq!(
        starts(&free.slots)[0],
        "2026-11-28T10:00:00-05:00 Priya Nair"
    );
    let free = desk
        .availability(at(NOW), &question("facial", "2026-11-24"))
        .await
        .unwrap();
    assert_eq!(free.reason, Some(NoSlots::Closed));
}

async fn store_contact(spa: &TenantStore, name: &str, phone: &str) {
    let contact = NewContact {
        name: Some(Private::from(name)),
        phone: Some(number(phone)),
        ..NewContact::default()
    };
    spa.create_contact(&contact).await.unwrap();
}

fn asking(name: Option<&str>, phone: Option<&str>) -> ContactQuestion {
    ContactQuestion {
        name: name.map(|name| PersonName::parse(name).unwrap()),
        phone: phone.map(Private::from),
    }
}

async fn names_found(desk: &Desk, name: Option<&str>, phone: Option<&str>) -> Vec<String> {
    let found = desk.find_contacts(&asking(name, phone)).await.unwrap();
    found
        .iter()
        .map(|contact| contact.name.expose().clone())
        .collect()
}

#[tokio::test]
async fn a1_by_caller_id_a_caller_learns_of_no_contact_but_their_own() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    store_contact(&spa, "Ama Osei", CALLER).await;
    store_contact(&spa, "Kofi Mensah", SOMEBODY_ELSE).await;
    let desk = desk_for_caller(&spa);
    let nobody = Vec::<String>::new();
    assert_eq!(names_found(&desk, None, None).await, ["Ama Osei"]);
    assert_eq!(
        names_found(&desk, Some("ama osey"), None).await,
        ["Ama Osei"]
    );
    assert_eq!(
        names_found(&desk, None, Some("202 555 0142")).await,
        ["Ama Osei"]
    );
    assert_eq!(names_found(&desk, Some("Kofi Mensah"), None).await, nobody);
    assert_eq!(names_found(&desk, None, Some(SOMEBODY_ELSE)).await, nobody);
    assert!(PersonName::parse("%").is_err());

    let withheld = desk_for(&spa, Caller::default());
    assert_eq!(
        names_found(&withheld, Some("Ama Osei"), Some(CALLER)).await,
        nobody
    );
    let staff = desk_for(
        &spa,
        Caller {
            phone: None,
            assurance: Assurance::Staff,
        },
    );
    assert_eq!(
        names_found(&staff, Some("kofi"), None).await,
        ["Kofi Mensah"]
    );
    assert_eq!(
        names_found(&staff, None, Some(SOMEBODY_ELSE)).await,
        ["Kofi Mensah"]
    );
}

#[tokio::test]
async fn a1_naming_a_foreign_number_neither_reveals_nor_changes_its_contact() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    store_contact(&spa, "Kofi Mensah", SOMEBODY_ELSE).await;
    let before = spa
        .find_contact_by_phone(&number(SOMEBODY_ELSE))
        .await
        .unwrap();
    let desk = desk_for_caller(&spa);
    let foreign = Private::from(SOMEBODY_ELSE);
    let name = PersonName::parse("Mallory Moe").unwrap();
    let made = desk.create_contact(&name, Some(&foreign)).await.unwrap();
    assert_eq!(made.name.expose(), "Mallory Moe");
    let again = desk.create_contact(&name, Some(&foreign)).await.unwrap();
    assert_eq!(again, made);
    let after = spa
        .find_contact_by_phone(&number(SOMEBODY_ELSE))
        .await
        .unwrap();
    assert_eq!(before, after);
    assert_eq!(contacts(&spa).await, 2);

    let mut booking = request("facial", "2026-11-24T14:00:00-05:00", "1");
    booking.contact_name = name;
    booking.phone = Some(foreign);
    desk.book(at(NOW), &booking).await.unwrap();
    let rows = spa.list_appointments(&ListFilter::default()).await.unwrap();
    assert_eq!(rows[0].contact_id, made.id);
    let note = rows[0].note.as_ref().unwrap().expose();
    assert_eq!(note, &format!("gave the number {SOMEBODY_ELSE}"));
}

#[tokio::test]
async fn a_contact_is_found_or_made_by_number_and_only_an_empty_name_is_filled() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    spa.ensure_contact_by_phone(&number(CALLER)).await.unwrap();
    let desk = desk_for_caller(&spa);
    assert_eq!(names_found(&desk, None, None).await, Vec::<String>::new());
    let ama = PersonName::parse("  Ama   Osei ").unwrap();
    let first = desk.create_contact(&ama, None).await.unwrap();
    let kofi = PersonName::parse("Kofi Mensah").unwrap();
    let second = desk.create_contact(&kofi, None).await.unwrap();
    assert_eq!(first, second);
    assert_eq!(second.name.expose(), "Ama Osei");
    assert_eq!(contacts(&spa).await, 1);

    let mut booking = request("facial", "2026-11-24T14:00:00-05:00", "1");
    booking.contact_name = kofi;
    desk.book(at(NOW), &booking).await.unwrap();
    let rows = spa.list_appointments(&ListFilter::default()).await.unwrap();
    assert_eq!(
        rows[0].note.as_ref().unwrap().expose(),
        "booked for Kofi Mensah"
    );
}

#[tokio::test]
async fn without_a_number_one_call_makes_one_contact_and_may_ask_for_it() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let desk = desk_for(&spa, Caller::default());
    let ama = PersonName::parse("Ama Osei").unwrap();
    desk.clone().create_contact(&ama, None).await.unwrap();
    desk.book(
        at(NOW),
        &request("facial", "2026-11-24T14:00:00-05:00", "1"),
    )
    .await
    .unwrap();
    assert_eq!(contacts(&spa).await, 1);
    assert_eq!(
        names_found(&desk, Some("Ama Osei"), None).await,
        ["Ama Osei"]
    );
    let other_call = desk_for(&spa, Caller::default());
    assert_eq!(
        names_found(&other_call, Some("Ama Osei"), None).await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn one_tenant_sees_and_fills_no_diary_of_another() {
    let town = Town::found().await;
    let (ours, theirs) = (town.open_spa("ours").await, town.open_spa("theirs").await);
    store_contact(&theirs, "Kofi Mensah", SOMEBODY_ELSE).await;
    let booking = request("facial", "2026-11-24T14:00:00-05:00", "1");
    let there = desk_for_caller(&theirs)
        .book(at(NOW), &booking)
        .await
        .unwrap();
    let here = desk_for_caller(&ours)
        .book(at(NOW), &booking)
        .await
        .unwrap();
    assert_ne!(there.id, here.id);
    assert_eq!(
        (appointments(&ours).await, appointments(&theirs).await),
        (1, 1)
    );
    let staff = desk_for(
        &ours,
        Caller {
            phone: None,
            assurance: Assurance::Staff,
        },
    );
    assert_eq!(
        names_found(&staff, Some("Kofi"), None).await,
        Vec::<String>::new()
    );
}

#[tokio::test]
async fn bookings_around_a_clock_change_keep_their_wall_time() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let desk = desk_for_caller(&spa);
    for (day, expected) in [
        ("2027-03-12", "2027-03-12T14:00:00Z"),
        ("2027-03-15", "2027-03-15T13:00:00Z"),
    ] {
        let free = desk
            .availability(at(NOW), &question("facial", day))
            .await
            .unwrap();
        assert_eq!(free.slots[0].start, at(expected));
        let booked = desk
            .book(at(NOW), &request("facial", expected, day))
            .await
            .unwrap();
        assert_eq!(
            booked.start.time(),
            NaiveTime::from_hms_opt(9, 0, 0).unwrap()
        );
    }
}
