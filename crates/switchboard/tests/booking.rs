//! A booking through the whole telephone path, on both databases: the model asks, our own question is heard, this
//! caller says yes, and a row stands in the diary.

mod support;

use chrono::{Datelike, Days, NaiveTime, TimeZone, Utc, Weekday};
use serde_json::json;
use support::{BOUND, MEDSPA, TestServer, carrier, model, postgres};
use switchboard::config::{DatabaseUrl, Settings};
use switchboard_sim::caller::CallerScript;
use switchboard_sim::caller::speech::{Voice, speak};
use switchboard_sim::realtime::{RealtimeScript, Reply};
use switchboard_store::{AppointmentListing, ListFilter};

/// Two in the afternoon of a Tuesday at least a week ahead, where the spa is.
fn tuesday_at_two() -> String {
    let zone = chrono_tz::America::New_York;
    let mut day = Utc::now().with_timezone(&zone).date_naive() + Days::new(7);
    while day.weekday() != Weekday::Tue {
        day = day + Days::new(1);
    }
    let local = day.and_time(NaiveTime::from_hms_opt(14, 0, 0).expect("a time"));
    zone.from_local_datetime(&local)
        .earliest()
        .expect("a moment")
        .to_rfc3339()
}

/// A model that wants to book as soon as it may, whatever the caller said.
fn eager_model() -> RealtimeScript {
    let wanted =
        json!({ "service": "facial", "start": tuesday_at_two(), "contact_name": "Ama Osei" })
            .to_string();
    RealtimeScript::default()
        .when(
            |moment| moment.instructions.contains("Say exactly"),
            Reply::ladder(500),
        )
        .when_tool_answers("book_appointment", Reply::call_tool("end_call", "{}"))
        .when_caller_says("book", Reply::call_tool("book_appointment", &wanted))
        .otherwise(Reply::ladder(500))
}

/// Calls the spa, asks for a booking, and answers our question with `answer`.
async fn call_and_answer(
    answer: &str,
    adjust: impl FnOnce(&mut Settings),
) -> Vec<AppointmentListing> {
    let twilio = carrier().await;
    let script = eager_model()
        .caller_says("please book a facial")
        .caller_says(answer);
    let model = model(script).await;
    let server = TestServer::start(&twilio, Some(&model), adjust).await;
    let voice = Voice::default();
    let wish = speak("please book a facial", &voice).await.expect("speech");
    let reply = speak(answer, &voice).await.expect("speech");
    let caller = CallerScript::new()
        .speak_after_silence(900, wish)
        .speak_after_silence(900, reply)
        .wait(6_000)
        .hang_up();
    let call = server.call(&twilio, MEDSPA, caller);
    call.wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;
    assert!(server.reception.journal.flushed(BOUND).await);
    let refusals = model.with_log(|log| log.refusals(1).len());
    assert_eq!(refusals, 0, "the model refused nothing of ours");
    let booked = server
        .rows("medspa")
        .await
        .list_appointments(&ListFilter::default())
        .await
        .expect("appointments");
    server.stop().await;
    booked
}

fn is_tuesday_at_two(booked: &[AppointmentListing]) {
    assert_eq!(booked.len(), 1, "one appointment");
    assert_eq!(booked[0].service, "Signature facial");
    assert_eq!(
        booked[0]
            .contact
            .as_ref()
            .map(|name| name.expose().as_str()),
        Some("Ama Osei")
    );
    let wanted: chrono::DateTime<chrono::FixedOffset> = tuesday_at_two().parse().expect("a moment");
    assert_eq!(booked[0].starts_at, wanted.to_utc());
    assert!(
        booked[0].call_id.is_some(),
        "it names the call it was made in"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_booking_stands_in_the_diary() {
    is_tuesday_at_two(&call_and_answer("yes please", |_| {}).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmed_booking_stands_in_the_diary_on_postgres() {
    let url = postgres::fresh_database();
    let booked = call_and_answer("yes please", |settings| {
        settings.database.url = DatabaseUrl::new(url)
    })
    .await;
    is_tuesday_at_two(&booked);
}

#[tokio::test(flavor = "multi_thread")]
async fn a1_a_model_that_wants_to_book_cannot_when_the_caller_does_not_say_yes() {
    assert!(call_and_answer("no not like that", |_| {}).await.is_empty());
}
