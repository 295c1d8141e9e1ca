//! Callers are handed to named parties, in order, and what became of each is a typed row.

#[path = "support/by_hand.rs"]
mod by_hand;
#[path = "support/handoff.rs"]
mod handoff;
mod support;

use by_hand::{Carrier, call_sid};
use handoff::{
    ANNA, BEN, anna_then_ben, dialled, named, no_answer, outcomes, publish, talks, transfers,
    warnings,
};
use serde_json::{Value, json};
use support::{BOUND, MEDSPA, TestServer, carrier, model};
use switchboard::config::Settings;
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, Reply};
use switchboard_sim::twilio::{
    CallHandle, CarrierEvent, FakeTwilio, FakeTwilioSettings, HumanLine, HumanSpeech, QueueLine,
};
use switchboard_store::TransferKind;

async fn server_with(
    twilio: &FakeTwilio,
    adjust: impl FnOnce(&mut Settings),
) -> (RealtimeServer, TestServer) {
    let model = model(RealtimeScript::default().otherwise(Reply::ladder(6_000))).await;
    let server = TestServer::start(twilio, Some(&model), adjust).await;
    (model, server)
}

async fn set_up(handoff: Value) -> (FakeTwilio, RealtimeServer, TestServer) {
    let twilio = carrier().await;
    let (model, server) = server_with(&twilio, |_| {}).await;
    publish(&server, handoff).await;
    (twilio, model, server)
}

/// A caller who presses 0 soon after the agent is heard.
async fn presses_zero(server: &TestServer, twilio: &FakeTwilio) -> CallHandle {
    let script = CallerScript::new().wait(1_200).press('0');
    let call = server.call(twilio, MEDSPA, script);
    call.wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;
    assert_eq!(warnings(&call), Vec::<String>::new());
    call
}

/// The caller hears the beep and hangs up: no message.
fn reached_voicemail(call: &CallHandle) -> bool {
    call.has(|event| matches!(event, CarrierEvent::VerbStarted { verb: "Record" }))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_in_the_group_is_rung_when_the_first_is_busy() {
    let (twilio, _model, server) = set_up(anna_then_ben()).await;
    twilio.set_human(ANNA, HumanLine::Busy);
    twilio.set_human(BEN, talks());
    let call = presses_zero(&server, &twilio).await;
    assert_eq!(dialled(&call), [ANNA, BEN]);
    assert_eq!(
        outcomes(&server).await,
        named(&[("anna", "busy"), ("ben", "accepted")])
    );
    assert!(!reached_voicemail(&call));
    let rows = transfers(&server).await;
    let helped = rows.iter().find(|row| row.target.as_str() == "ben");
    let helped = helped.expect("ben's row");
    assert_eq!((helped.ordinal, helped.kind), (2, TransferKind::Number));
    assert_eq!(helped.reason.as_str(), "dtmf_0");
    assert_eq!(helped.talked_s, Some(1), "a started second counts");
    assert!(helped.ended_at.is_some());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_takes_the_call_so_it_ends_in_voicemail() {
    let (twilio, _model, server) = set_up(anna_then_ben()).await;
    twilio.set_human(ANNA, no_answer());
    twilio.set_human(BEN, HumanLine::Failed);
    let script = CallerScript::new().wait(1_200).press('0');
    let call = server.call(&twilio, MEDSPA, script);
    let records =
        |event: &CarrierEvent| matches!(event, CarrierEvent::VerbStarted { verb: "Record" });
    call.wait_for(BOUND, records).await.expect("voicemail");
    call.hang_up();
    call.wait_for_end(BOUND).await.expect("the call ends");
    assert_eq!(
        outcomes(&server).await,
        named(&[("anna", "no_answer"), ("ben", "failed")])
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_at_once_rings_together_and_is_one_row() {
    let (twilio, _model, server) = set_up(json!({
        "target": "support",
        "targets": {
            "support": { "members": ["anna", "ben"] },
            "anna": { "number": ANNA },
            "ben": { "sip": "sip:ben@pbx.example.com" },
        },
    }))
    .await;
    twilio.set_human(ANNA, no_answer());
    twilio.set_human("sip:ben@pbx.example.com", talks());
    let call = presses_zero(&server, &twilio).await;
    assert_eq!(dialled(&call), [ANNA, "sip:ben@pbx.example.com"]);
    let rows = transfers(&server).await;
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0].kind, TransferKind::Group);
    assert_eq!(outcomes(&server).await, named(&[("support", "accepted")]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_party_is_not_rung() {
    let closed = json!({ "number": ANNA, "hours": { "monday": [] }, "next": "ben" });
    let (twilio, _model, server) = set_up(json!({
        "target": "anna",
        "targets": { "anna": closed, "ben": { "number": BEN } },
    }))
    .await;
    twilio.set_human(BEN, talks());
    let call = presses_zero(&server, &twilio).await;
    assert_eq!(dialled(&call), [BEN]);
    assert_eq!(outcomes(&server).await, named(&[("ben", "accepted")]));
    server.stop().await;
}

/// Threat M4: the caller who finds all lines busy leaves a message, and nobody is dialled for it.
#[tokio::test(flavor = "multi_thread")]
async fn m4_beyond_the_limit_of_lines_a_caller_gets_voicemail() {
    let twilio = carrier().await;
    let (_model, server) = server_with(&twilio, |settings| settings.handoff.lines_max = 1).await;
    publish(&server, json!({ "number": ANNA })).await;
    let patient = HumanSpeech::new(CallerScript::new().wait(60_000));
    let speech = patient.clone();
    twilio.set_human(
        ANNA,
        HumanLine::Answers {
            ring_ms: 40,
            speech,
        },
    );
    let script = || CallerScript::new().wait(1_000).press('0');
    let first = server.call(&twilio, MEDSPA, script());
    let answered = |event: &CarrierEvent| matches!(event, CarrierEvent::HumanAnswered { .. });
    first.wait_for(BOUND, answered).await.expect("a human");
    let second = server.call(&twilio, MEDSPA, script());
    let records =
        |event: &CarrierEvent| matches!(event, CarrierEvent::VerbStarted { verb: "Record" });
    second.wait_for(BOUND, records).await.expect("voicemail");
    assert_eq!(dialled(&second), Vec::<String>::new());
    first.hang_up();
    second.hang_up();
    first.wait_for_end(BOUND).await.expect("the call ends");
    second.wait_for_end(BOUND).await.expect("the call ends");
    assert_eq!(transfers(&server).await.len(), 1);
    server.stop().await;
}

/// The caller who finds no permit goes to the same parties, in the first document.
#[tokio::test(flavor = "multi_thread")]
async fn at_the_limit_of_calls_the_same_parties_are_rung_without_a_stream() {
    let twilio = carrier().await;
    let (_model, server) = server_with(&twilio, |settings| settings.calls.concurrent_max = 0).await;
    let mut parties = anna_then_ben();
    parties["targets"]["support"]["caller_id"] = json!("caller");
    publish(&server, parties).await;
    twilio.set_human(ANNA, HumanLine::Busy);
    twilio.set_human(BEN, talks());
    let call = server.call(&twilio, MEDSPA, CallerScript::new());
    call.wait_for_end(BOUND).await.expect("the call ends");
    let streams = |event: &CarrierEvent| matches!(event, CarrierEvent::StreamConnecting { .. });
    assert!(!call.has(streams));
    assert_eq!(dialled(&call), [ANNA, BEN]);
    let rows = transfers(&server).await;
    assert!(
        rows.iter()
            .all(|row| row.reason.as_str() == "concurrency_limit")
    );
    assert_eq!(
        outcomes(&server).await,
        named(&[("anna", "busy"), ("ben", "accepted")])
    );
    server.stop().await;
}

fn queue(seconds: u64) -> Value {
    json!({
        "target": "desk",
        "targets": { "desk": { "queue": "front-desk", "queue_s_max": seconds, "announcement": { "en": "Please hold." } } },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_waits_in_a_queue_with_announcements_until_somebody_takes_the_call() {
    let HumanLine::Answers { speech, .. } = talks() else {
        panic!("talks is an answer");
    };
    let taken = QueueLine::Taken {
        after_ms: 1_500,
        speech,
    };
    let twilio = FakeTwilio::start(FakeTwilioSettings {
        queues: [("front-desk".to_owned(), taken)].into(),
        ..FakeTwilioSettings::default()
    });
    let twilio = twilio.await.expect("the fake carrier starts");
    let (_model, server) = server_with(&twilio, |_| {}).await;
    publish(&server, queue(60)).await;
    let call = presses_zero(&server, &twilio).await;
    let said = |event: &CarrierEvent| matches!(event, CarrierEvent::Said { text } if text == "Please hold.");
    assert!(call.has(said), "{:?}", call.events());
    let rows = transfers(&server).await;
    assert_eq!(rows[0].kind, TransferKind::Queue);
    assert_eq!(outcomes(&server).await, named(&[("desk", "accepted")]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_nobody_attends_gives_the_caller_to_voicemail() {
    let (twilio, _model, server) = set_up(queue(1)).await;
    let script = CallerScript::new().wait(1_000).press('0');
    let call = server.call(&twilio, MEDSPA, script);
    let left = |event: &CarrierEvent| matches!(event, CarrierEvent::QueueLeft { result: "leave" });
    // The announcement and its pause are through before the next look at the clock.
    let bound = BOUND * 2;
    call.wait_for(bound, left).await.expect("out of the queue");
    let records =
        |event: &CarrierEvent| matches!(event, CarrierEvent::VerbStarted { verb: "Record" });
    call.wait_for(BOUND, records).await.expect("voicemail");
    call.hang_up();
    call.wait_for_end(BOUND).await.expect("the call ends");
    assert_eq!(outcomes(&server).await, named(&[("desk", "no_answer")]));
    server.stop().await;
}

/// Nothing of ours is asked by the document for our death, and no leg of a human is recorded by it.
#[tokio::test(flavor = "multi_thread")]
async fn the_document_for_our_death_rings_the_same_parties_and_asks_nobody() {
    let mut parties = anna_then_ben();
    parties["targets"]["support"]["attended"] = json!(true);
    parties["targets"]["support"]["machine_detection"] = json!(true);
    parties["targets"]["support"]["next"] = json!("desk");
    parties["targets"]["desk"] = json!({ "queue": "front-desk" });
    let (twilio, _model, server) = set_up(parties).await;
    let by_hand = Carrier::new(&server.base, twilio.account_sid(), twilio.auth_token());
    let answer = by_hand.voice(&call_sid(), MEDSPA).await;
    let (_, death) = answer.body.split_once("</Connect>").expect("a stream");
    let order = [ANNA, BEN, "<Record"].map(|text| death.find(text).expect(text));
    assert!(order.is_sorted(), "{death}");
    for asks in [
        "action=",
        "url=",
        "statusCallback=\"",
        "machineDetection",
        "Enqueue",
        "record=",
    ] {
        let is_recording = death.contains("recordingStatusCallback=\"");
        let found = death.replace("recordingStatusCallback=\"", "");
        assert!(is_recording && !found.contains(asks), "{asks}: {death}");
    }
    assert!(transfers(&server).await.is_empty(), "nobody was rung");
    server.stop().await;
}

/// Threat H3: the same report twice, late, and behind a newer one leaves the same rows and gets the same document.
#[tokio::test(flavor = "multi_thread")]
async fn h3_reports_of_a_dial_twice_and_late_leave_the_same_rows() {
    let twilio = carrier().await;
    let (_model, server) = server_with(&twilio, |settings| settings.calls.concurrent_max = 0).await;
    publish(&server, anna_then_ben()).await;
    let by_hand = Carrier::new(&server.base, twilio.account_sid(), twilio.auth_token());
    let sid = call_sid();
    let first = by_hand.voice(&sid, MEDSPA).await;
    let ended = |document: &str| {
        let (_, rest) = document.split_once("action=\"").expect("an action");
        let url = rest.split('"').next().expect("its end");
        url.replace("&amp;", "&").replacen(&server.base, "", 1)
    };
    let report = |status: &str| {
        let mut form = by_hand.form(&sid, MEDSPA, "in-progress");
        form.push("DialCallStatus", status);
        form.push("DialBridged", "false");
        form
    };
    let anna = ended(&first.body);
    let second = by_hand.post(&anna, &report("busy")).await;
    assert!(second.body.contains(BEN), "{}", second.body);
    let ben = ended(&second.body);
    assert_ne!(anna, ben);
    let voicemail = by_hand.post(&ben, &report("no-answer")).await;
    assert!(voicemail.body.contains("<Record"), "{}", voicemail.body);
    // The first one again, with another word, after the second.
    let again = by_hand.post(&anna, &report("failed")).await;
    assert_eq!(again, second);
    assert_eq!(by_hand.post(&ben, &report("completed")).await, voicemail);
    assert_eq!(
        outcomes(&server).await,
        named(&[("anna", "busy"), ("ben", "no_answer")])
    );
    server.stop().await;
}

/// Threat H1: a ticket proves nothing. Who signs for another tenant's call learns and changes nothing.
#[tokio::test(flavor = "multi_thread")]
async fn h1_a_ticket_without_the_right_signature_is_refused() {
    let twilio = carrier().await;
    let (_model, server) = server_with(&twilio, |settings| settings.calls.concurrent_max = 0).await;
    publish(&server, anna_then_ben()).await;
    let by_hand = Carrier::new(&server.base, twilio.account_sid(), twilio.auth_token());
    let sid = call_sid();
    let document = by_hand.voice(&sid, MEDSPA).await.body;
    let (_, rest) = document
        .split_once("/twilio/dial-ended?")
        .expect("a ticket");
    let query = rest
        .split('"')
        .next()
        .expect("its end")
        .replace("&amp;", "&");
    let stranger = by_hand.account(&by_hand::account_sid(), "0123456789abcdef0123456789abcdef");
    let mut form = stranger.form(&sid, MEDSPA, "in-progress");
    form.push("DialCallStatus", "busy");
    for path in [
        "dial-ended",
        "human/whisper",
        "human/answer",
        "human/status",
        "human/machine",
        "queue-wait",
    ] {
        let path = format!("/twilio/{path}?{query}");
        assert_eq!(stranger.post(&path, &form).await.status, 403, "{path}");
        assert_eq!(
            by_hand.post_signed(&path, &form, None).await.status,
            403,
            "{path}"
        );
    }
    let bent = query.replace("n=1", "n=0");
    let path = format!("/twilio/dial-ended?{bent}");
    assert_eq!(by_hand.post(&path, &form).await.status, 400);
    assert_eq!(outcomes(&server).await, named(&[("anna", "ringing")]));
    server.stop().await;
}
