//! Whole telephone calls: fake carrier, our server, strict fake model, all over loopback with their real protocols.

mod support;

use support::{BOUND, HUMAN, MEDSPA, TestServer, carrier, model};
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, Reply};
use switchboard_sim::twilio::{CarrierEvent, EndedBy};
use switchboard_store::{CallStatus, EndClass};

/// A caller says something, the agent answers and ends the call properly.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_answered_understood_and_ended_by_the_agent() {
    let twilio = carrier().await;
    let script = RealtimeScript::default()
        .caller_says("I would like to book a facial")
        .when_caller_says("book", Reply::call_tool("end_call", "{}"))
        .reply(Reply::ladder(600))
        .reply(Reply::ladder(600))
        .otherwise(Reply::ladder(600));
    let model = model(script).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    let voice = switchboard_sim::caller::speech::speak(
        "I would like to book a facial",
        &Default::default(),
    )
    .await
    .expect("speech");
    let call = server.call(
        &twilio,
        MEDSPA,
        CallerScript::new().speak_after_silence(800, voice),
    );
    call.wait_for_end(BOUND).await.expect("the call ends");
    for event in call.events() {
        eprintln!("{:?}", event);
    }
    server.idle().await;
    let refusals = model.with_log(|log| log.refusals(1).into_iter().cloned().collect::<Vec<_>>());
    assert!(
        refusals.is_empty(),
        "the model refused something: {refusals:?}"
    );
    let calls = server.calls("medspa").await;
    let turns = server.turns("medspa").await;
    for turn in &turns {
        eprintln!(
            "{} {:?} g={:?} h={:?}",
            turn.seq,
            turn.speaker,
            turn.generated_text.as_ref().map(|t| t.expose()),
            turn.heard_text.as_ref().map(|t| t.expose())
        );
    }
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].status, CallStatus::Ended);
    assert_eq!(
        calls[0].end_class,
        Some(EndClass::Success),
        "{:?}",
        calls[0].end_reason
    );
    assert!(
        call.has(|event| matches!(
            event,
            CarrierEvent::Ended {
                by: EndedBy::Rest,
                ..
            }
        )),
        "ended by REST, not by the document"
    );
    assert!(
        !call.has(|event| matches!(event, CarrierEvent::Dialled { .. })),
        "nobody is dialled after a proper end"
    );
    server.stop().await;
}

/// `0` reaches a human at any moment.
#[tokio::test(flavor = "multi_thread")]
async fn zero_reaches_the_human_during_the_greeting() {
    let twilio = carrier().await;
    let model = model(RealtimeScript::default().otherwise(Reply::ladder(6_000))).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    let call = server.call(&twilio, MEDSPA, CallerScript::new().wait(1_500).press('0'));
    let dialled = call
        .wait_for(BOUND, |event| matches!(event, CarrierEvent::Dialled { .. }))
        .await
        .expect("dialled");
    assert!(
        matches!(&dialled.event, CarrierEvent::Dialled { number } if number == HUMAN),
        "{dialled:?}"
    );
    call.wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;
    let calls = server.calls("medspa").await;
    assert_eq!(
        calls[0].end_reason.as_ref().map(|reason| reason.as_str()),
        Some("dtmf_0")
    );
    server.stop().await;
}
