//! Whoever picks up is asked before the caller is joined: keys, whispers, machines, callers who are given back, and calls
//! of our own that come back.

#[path = "support/handoff.rs"]
mod handoff;
mod support;

use handoff::{
    ANNA, BEN, anna_then_ben, dialled, named, no_answer, outcomes, publish, talks, transfers,
    warnings,
};
use serde_json::{Value, json};
use support::{BOUND, MEDSPA, TestServer, carrier, model};
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, Reply};
use switchboard_sim::twilio::{CallHandle, CarrierEvent, FakeTwilio, HumanLine, PlaceCall};
use switchboard_store::Word;

async fn set_up(
    script: RealtimeScript,
    handoff: Value,
) -> (FakeTwilio, RealtimeServer, TestServer) {
    let twilio = carrier().await;
    let model = model(script).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    publish(&server, handoff).await;
    (twilio, model, server)
}

fn talkative() -> RealtimeScript {
    RealtimeScript::default().otherwise(Reply::ladder(6_000))
}

/// One party with these options, then voicemail.
fn anna(options: Value) -> Value {
    let mut target = json!({ "number": ANNA });
    let members = options.as_object().expect("options").clone();
    target.as_object_mut().expect("a table").extend(members);
    json!({ "target": "anna", "targets": { "anna": target } })
}

fn zero() -> CallerScript {
    CallerScript::new().wait(1_200).press('0')
}

async fn reaches(call: &CallHandle, what: impl Fn(&CarrierEvent) -> bool) {
    let reached = call.wait_for(BOUND, what).await;
    reached.unwrap_or_else(|error| panic!("{error}: {:?}", call.events()));
}

fn whispered(call: &CallHandle) -> String {
    let words = call
        .events()
        .into_iter()
        .filter_map(|timed| match timed.event {
            CarrierEvent::Whispered { text } => Some(text),
            _ => None,
        });
    words.collect::<Vec<_>>().join(" ")
}

fn is_record(event: &CarrierEvent) -> bool {
    matches!(event, CarrierEvent::VerbStarted { verb: "Record" })
}

fn was_joined(call: &CallHandle) -> bool {
    call.has(|event| {
        matches!(
            event,
            CarrierEvent::DialEnded {
                is_bridged: true,
                ..
            }
        )
    })
}

/// Threat M3: nobody is joined who has not pressed the key.
#[tokio::test(flavor = "multi_thread")]
async fn m3_a_human_hears_why_and_presses_1_before_the_caller_is_joined() {
    let options = json!({
        "whisper": { "en": "This one is in a hurry." },
        "whisper_summary": true,
    });
    let arguments = r#"{"reason":"Burst pipe & water <everywhere>","target":"anna"}"#;
    let script = RealtimeScript::default()
        .reply(Reply::ladder(400))
        .reply(Reply::ladder(400).then_call_tool("transfer_to_human", arguments))
        .otherwise(Reply::ladder(6_000));
    let (twilio, _model, server) = set_up(script, anna(options)).await;
    twilio.set_human(ANNA, HumanLine::presses('1'));
    let call = server.call(&twilio, MEDSPA, CallerScript::new());
    call.wait_for_end(BOUND).await.expect("the call ends");
    assert_eq!(warnings(&call), Vec::<String>::new());
    let told = whispered(&call);
    for words in [
        "This one is in a hurry.",
        "Burst pipe & water <everywhere>",
        "Press 1",
    ] {
        assert!(told.contains(words), "{told}");
    }
    assert!(was_joined(&call));
    assert_eq!(outcomes(&server).await, named(&[("anna", "accepted")]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_key_and_no_key_are_a_refusal_and_the_next_is_rung() {
    let mut parties = anna_then_ben();
    parties["targets"]["support"]["accept"] = json!(true);
    let (twilio, _model, server) = set_up(talkative(), parties).await;
    twilio.set_human(ANNA, HumanLine::presses('2'));
    twilio.set_human(BEN, HumanLine::presses('1'));
    let call = server.call(&twilio, MEDSPA, zero());
    call.wait_for_end(BOUND).await.expect("the call ends");
    assert_eq!(
        outcomes(&server).await,
        named(&[("anna", "declined"), ("ben", "accepted")])
    );

    // A machine that picks up presses nothing, with or without detection.
    twilio.set_human(ANNA, HumanLine::machine());
    twilio.set_human(BEN, talks());
    let silent = server.call(&twilio, MEDSPA, zero());
    reaches(&silent, is_record).await;
    assert!(!was_joined(&silent), "{:?}", silent.events());
    silent.hang_up();
    silent.wait_for_end(BOUND).await.expect("the call ends");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answering_machine_does_not_get_the_caller() {
    let options = json!({ "machine_detection": true });
    let (twilio, _model, server) = set_up(talkative(), anna(options)).await;
    twilio.set_human(ANNA, HumanLine::machine());
    let call = server.call(&twilio, MEDSPA, zero());
    reaches(&call, is_record).await;
    assert!(call.has(|event| *event
        == CarrierEvent::MachineDetected {
            answered_by: "machine_start"
        }));
    call.hang_up();
    call.wait_for_end(BOUND).await.expect("the call ends");
    assert_eq!(outcomes(&server).await, named(&[("anna", "machine")]));

    twilio.set_human(ANNA, talks());
    let helped = server.call(&twilio, MEDSPA, zero());
    helped.wait_for_end(BOUND).await.expect("the call ends");
    assert!(!helped.has(is_record), "a person is no machine");
    server.stop().await;
}

/// The human sends the caller back, and the same call goes on: one row, one end, with the conversation so far.
#[tokio::test(flavor = "multi_thread")]
async fn a_human_who_declines_gives_the_caller_back_to_the_agent() {
    let (twilio, model, server) = set_up(talkative(), anna(json!({ "attended": true }))).await;
    twilio.set_human(ANNA, HumanLine::presses('2'));
    let call = server.call(&twilio, MEDSPA, zero());
    let second_stream = |event: &CarrierEvent| matches!(event, CarrierEvent::StreamStarted { .. });
    reaches(&call, |event| {
        matches!(event, CarrierEvent::HumanPressed { digit: '2' })
    })
    .await;
    support::wait_for("the stream opens again", || {
        let events = call.events();
        events
            .iter()
            .filter(|timed| second_stream(&timed.event))
            .count()
            == 2
    })
    .await;
    support::wait_for("the agent is heard again", || {
        let events = call.events();
        let again = events.iter().rposition(|timed| second_stream(&timed.event));
        let heard = |timed: &switchboard_sim::twilio::TimedEvent| {
            matches!(timed.event, CarrierEvent::MediaReceived { .. })
        };
        again.is_some_and(|again| events[again..].iter().any(heard))
    })
    .await;
    let sessions = model.with_log(|log| log.connections());
    assert_eq!(sessions, 2, "a fresh session");
    assert_eq!(outcomes(&server).await, named(&[("anna", "declined")]));
    assert_eq!(server.reception.live.count(), 1, "the same call goes on");
    call.hang_up();
    call.wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;
    let calls = server.calls("medspa").await;
    assert_eq!(calls.len(), 1);
    assert_eq!(
        calls[0].end_reason.as_ref().map(Word::as_str),
        Some("caller_hung_up")
    );
    assert_eq!(warnings(&call), Vec::<String>::new());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attended_human_who_takes_the_call_or_never_answers_ends_it_for_the_agent() {
    for (line, outcome) in [
        (HumanLine::presses('1'), "accepted"),
        (no_answer(), "no_answer"),
    ] {
        let (twilio, _model, server) = set_up(talkative(), anna(json!({ "attended": true }))).await;
        twilio.set_human(ANNA, line);
        let call = server.call(&twilio, MEDSPA, zero());
        if outcome == "no_answer" {
            reaches(&call, is_record).await;
            call.hang_up();
        }
        call.wait_for_end(BOUND).await.expect("the call ends");
        server.idle().await;
        assert_eq!(outcomes(&server).await, named(&[("anna", outcome)]));
        let calls = server.calls("medspa").await;
        assert_eq!(
            calls[0].end_reason.as_ref().map(Word::as_str),
            Some("dtmf_0")
        );
        server.stop().await;
    }
}

/// Threat M3: what comes back to us gets voicemail, no agent and no dial.
#[tokio::test(flavor = "multi_thread")]
async fn m3_a_call_of_our_own_that_comes_back_gets_voicemail_and_rings_nobody() {
    let (twilio, model, server) = set_up(talkative(), anna(json!({}))).await;
    let place = |from: &str, forwarder: Option<&str>| {
        let mut place = PlaceCall::new(server.voice_url(), MEDSPA, CallerScript::new());
        place.from = from.to_owned();
        place.forwarded_from = forwarder.map(str::to_owned);
        twilio.place_call(place)
    };
    let own_number = place(MEDSPA, None);
    let forwarded = place("+12025550142", Some(ANNA));
    for call in [own_number, forwarded] {
        reaches(&call, is_record).await;
        assert_eq!(dialled(&call), Vec::<String>::new());
        assert!(!call.has(|event| matches!(event, CarrierEvent::StreamConnecting { .. })));
        call.hang_up();
        call.wait_for_end(BOUND).await.expect("the call ends");
    }
    assert_eq!(model.with_log(|log| log.connections()), 0, "no agent");
    assert!(transfers(&server).await.is_empty());
    let calls = server.calls("medspa").await;
    let reasons: Vec<_> = calls
        .iter()
        .filter_map(|row| row.end_reason.as_ref())
        .collect();
    assert!(
        reasons
            .iter()
            .all(|reason| reason.as_str() == "forwarding_loop"),
        "{reasons:?}"
    );
    server.stop().await;
}

/// Threat M3: while a human is being dialled, a call from their line is our own come back; afterwards it is a caller.
#[tokio::test(flavor = "multi_thread")]
async fn m3_a_call_from_a_line_that_is_being_dialled_gets_voicemail() {
    let (twilio, _model, server) = set_up(talkative(), anna(json!({}))).await;
    twilio.set_human(ANNA, HumanLine::NoAnswer { ring_ms_max: None });
    let waiting = server.call(&twilio, MEDSPA, zero());
    reaches(&waiting, |event| {
        matches!(event, CarrierEvent::Dialled { .. })
    })
    .await;
    let place = || {
        let mut place = PlaceCall::new(server.voice_url(), MEDSPA, CallerScript::new());
        place.from = ANNA.to_owned();
        twilio.place_call(place)
    };
    let back = place();
    reaches(&back, is_record).await;
    assert_eq!(dialled(&back), Vec::<String>::new());
    waiting.hang_up();
    back.hang_up();
    waiting.wait_for_end(BOUND).await.expect("the call ends");
    back.wait_for_end(BOUND).await.expect("the call ends");
    assert_eq!(transfers(&server).await.len(), 1);
    let later = place();
    reaches(&later, |event| {
        matches!(event, CarrierEvent::StreamStarted { .. })
    })
    .await;
    later.hang_up();
    later.wait_for_end(BOUND).await.expect("the call ends");
    server.stop().await;
}
