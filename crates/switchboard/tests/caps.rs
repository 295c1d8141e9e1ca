//! Caps per caller's number, per key and per person (threat M5). Two machines that talk to each other are in
//! `crates/switchboard-call/tests/promises/automatic_parties.rs`.

#[path = "support/by_hand.rs"]
mod by_hand;
mod support;

use by_hand::{Answer, Carrier, call_sid};
use chrono::Utc;
use support::{MEDSPA, TRADES, TestServer, carrier, model};
use switchboard::config::Settings;
use switchboard::config::agent::CallPurpose;
use switchboard::desk::outgoing::{CallTarget, OutgoingRefusal, Wish, place};
use switchboard_sim::realtime::RealtimeScript;
use switchboard_sim::twilio::FakeTwilio;
use switchboard_store::{
    CallId, ConsentAnswer, ConsentId, JournalWrite, NewConsent, PhoneNumber, TenantStore, Word,
};
use switchboard_wire::twilio::{CallSid, Form};

async fn site(adjust: impl FnOnce(&mut Settings)) -> (FakeTwilio, TestServer, Carrier) {
    let twilio = carrier().await;
    let model = model(RealtimeScript::default()).await;
    let server = TestServer::start(&twilio, Some(&model), adjust).await;
    let hand = Carrier::new(&server.base, twilio.account_sid(), twilio.auth_token());
    (twilio, server, hand)
}

async fn calls_from(hand: &Carrier, call: &CallSid, to: &str, from: &str) -> Answer {
    let form = hand.form(call, to, "ringing");
    let pairs = form.parameters().iter();
    let pairs = pairs.filter(|(name, _)| name != "From");
    let mut changed: Form = pairs.map(|(name, value)| (&**name, &**value)).collect();
    changed.push("From", from);
    hand.post("/twilio/voice", &changed).await
}

const ONE: &str = "+12025550142";
const OTHER: &str = "+12025550143";

#[tokio::test(flavor = "multi_thread")]
async fn m5_a_number_that_holds_its_calls_gets_a_human_and_others_do_not_notice() {
    let (_twilio, server, hand) = site(|it| it.calls.caller_concurrent_max = 2).await;
    let calls = [call_sid(), call_sid(), call_sid()];
    for call in &calls[..2] {
        assert!(calls_from(&hand, call, MEDSPA, ONE).await.has_stream());
    }
    let third = calls_from(&hand, &calls[2], MEDSPA, ONE).await;
    assert!(third.has_dial() && !third.has_stream(), "{}", third.body);
    let again = calls_from(&hand, &calls[2], MEDSPA, ONE).await;
    assert_eq!(again, third, "a repeated webhook is no further call");
    for (to, from) in [(MEDSPA, OTHER), (TRADES, ONE), (MEDSPA, "anonymous")] {
        let answer = calls_from(&hand, &call_sid(), to, from).await;
        assert!(answer.has_stream(), "{to} {from}");
    }
    // One that ended makes room.
    hand.status(&calls[0], MEDSPA, "completed", 1).await;
    assert_eq!(server.calls("medspa").await.len(), 5);
    assert!(
        calls_from(&hand, &call_sid(), MEDSPA, ONE)
            .await
            .has_stream()
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn m5_a_number_that_calls_all_the_time_hears_an_apology_and_nobody_is_rung() {
    let (_twilio, server, hand) = site(|it| it.calls.caller_hour_max = 3).await;
    for _ in 0..3 {
        let call = call_sid();
        assert!(calls_from(&hand, &call, MEDSPA, ONE).await.has_stream());
        hand.status(&call, MEDSPA, "completed", 1).await;
    }
    let call = call_sid();
    let fourth = calls_from(&hand, &call, MEDSPA, ONE).await;
    assert!(fourth.body.contains("<Say"), "{}", fourth.body);
    assert!(!fourth.has_dial() && !fourth.has_stream() && !fourth.body.contains("<Record"));
    assert!(
        calls_from(&hand, &call_sid(), MEDSPA, OTHER)
            .await
            .has_stream()
    );
    let stored = server.calls("medspa").await;
    let capped = stored
        .iter()
        .find(|it| it.carrier_call_id.as_deref() == Some(call.as_str()));
    let reason = capped.expect("it is stored").end_reason.as_ref();
    assert_eq!(reason.map(Word::as_str), Some("caller_limit"));
    server.stop().await;
}

async fn agrees(rows: &TenantStore, to: &PhoneNumber) {
    let contact = rows.ensure_contact_by_phone(to).await.expect("a contact");
    let consent = NewConsent {
        id: ConsentId::new(),
        contact_id: Some(contact.id),
        call_id: None,
        purpose: Word::new("outgoing_calls"),
        wording: "May we call you about your appointments?".to_owned(),
        language: "en".to_owned(),
        answer: ConsentAnswer::Granted,
        answer_text: None,
        heard_ms: None,
        complete: Some(true),
        version: None,
        disclosed_at: Utc::now(),
        answered_at: Some(Utc::now()),
    };
    let stored = rows.apply(&[JournalWrite::Consent(consent)]).await;
    stored.expect("a consent");
}

#[tokio::test(flavor = "multi_thread")]
async fn m5_nobody_is_asked_for_more_often_in_a_day_and_no_tenant_asks_without_end() {
    let (_twilio, server, _hand) = site(|settings| {
        settings.outgoing.hour_from = 0;
        settings.outgoing.hour_until = 24;
        settings.outgoing.person_day_max = 2;
        settings.outgoing.tenant_hour_max = 3;
    })
    .await;
    let rows = server.rows("medspa").await;
    let installation = server.reception.store.installation();
    let tenant = installation.find_tenant("medspa").await;
    let tenant = tenant.expect("an answer").expect("the tenant").id;
    let agent = server.reception.agent(tenant, "medspa").await;
    let agent = agent.expect("the agent").definition;
    let wish = |to: &PhoneNumber| Wish {
        id: CallId::new(),
        agent: "medspa".to_owned(),
        to: CallTarget::Number(to.clone()),
        purpose: CallPurpose::Reminder,
        from: None,
        // Nobody is dialled in this test.
        not_before: Some(Utc::now() + chrono::Duration::hours(20)),
        not_after: Some(Utc::now() + chrono::Duration::hours(23)),
        context: None,
        appointment: None,
    };
    let people: Vec<PhoneNumber> = [ONE, OTHER, "+12025550144"]
        .iter()
        .map(|text| text.parse().expect("a number"))
        .collect();
    for person in &people {
        agrees(&rows, person).await;
    }
    let settings = &server.reception.settings;
    let ask = async |wish: &Wish| place(&rows, settings, &agent, wish, Utc::now()).await;
    let first = wish(&people[0]);
    ask(&first).await.expect("placed");
    ask(&first).await.expect("the same wish again is no other");
    ask(&wish(&people[0])).await.expect("placed");
    let refused = ask(&wish(&people[0])).await.expect_err("too often");
    assert_eq!(refused, OutgoingRefusal::PersonTooOften);
    ask(&wish(&people[1])).await.expect("placed");
    let refused = ask(&wish(&people[2])).await.expect_err("too many");
    assert_eq!(refused, OutgoingRefusal::TooManyCalls);
    server.stop().await;
}
