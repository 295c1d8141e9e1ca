//! How a telephone call ends at the carrier: nobody is dialled after a goodbye, nobody twice, also when the process stops.

#[path = "support/by_hand.rs"]
mod by_hand;
mod support;

use by_hand::{Carrier, call_sid};
use support::{BOUND, HUMAN, MEDSPA, TestServer, carrier, model, wait_for};
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, Reply};
use switchboard_sim::twilio::{CallHandle, CarrierEvent, EndedBy, FakeTwilio, RestFault};

/// The disclosure, a word, and the agent ends the call.
fn farewell() -> RealtimeScript {
    RealtimeScript::default()
        .reply(Reply::ladder(400))
        .reply(Reply::ladder(400).then_call_tool("end_call", "{}"))
        .otherwise(Reply::ladder(400))
}

async fn with_script(script: RealtimeScript) -> (FakeTwilio, RealtimeServer, TestServer) {
    let twilio = carrier().await;
    let model = model(script).await;
    let server = TestServer::start(&twilio, Some(&model), |_| {}).await;
    (twilio, model, server)
}

fn dials(call: &CallHandle) -> usize {
    let events = call.events();
    let is_dial = |event: &CarrierEvent| matches!(event, CarrierEvent::Dialled { .. });
    events.iter().filter(|timed| is_dial(&timed.event)).count()
}

fn is_ended_by_rest(event: &CarrierEvent) -> bool {
    let by = EndedBy::Rest;
    matches!(event, CarrierEvent::Ended { by: ended_by, .. } if *ended_by == by)
}

async fn speaks(call: &CallHandle) {
    let heard = |event: &CarrierEvent| matches!(event, CarrierEvent::MediaReceived { .. });
    call.wait_for(BOUND, heard).await.expect("the agent speaks");
}

/// A token that was rotated a second ago, an error of the carrier's own: the caller has heard a goodbye.
#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_that_the_carrier_forbids_keeps_the_stream_and_dials_nobody() {
    let (twilio, _model, server) = with_script(farewell()).await;
    let forbidden = |status, code| RestFault::Refuse { status, code };
    twilio.push_rest_faults([forbidden(401, 20003), forbidden(400, 20001)]);
    let call = server.call(&twilio, MEDSPA, CallerScript::new());
    call.wait_for_end(BOUND).await.expect("the call ends");
    assert!(call.has(is_ended_by_rest), "{:?}", call.events());
    assert_eq!(dials(&call), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_waits_until_the_carrier_knows_of_the_last_hang_up() {
    let (twilio, _model, server) = with_script(farewell()).await;
    twilio.push_rest_faults([RestFault::Delay { ms: 1_000 }]);
    let call = server.call(&twilio, MEDSPA, CallerScript::new());
    wait_for("the hang-up is on its way", || {
        !twilio.rest_requests().is_empty()
    })
    .await;
    server.idle().await;
    server.stop().await;
    assert!(
        call.has(is_ended_by_rest),
        "a process that is gone by now has cut the stream of a caller who was told goodbye: {:?}",
        call.events()
    );
    assert_eq!(dials(&call), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_that_comes_too_late_does_not_tear_the_caller_from_the_human() {
    let (twilio, _model, server) =
        with_script(RealtimeScript::default().otherwise(Reply::ladder(6_000))).await;
    let call = server.call(&twilio, MEDSPA, CallerScript::new());
    speaks(&call).await;
    twilio.push_rest_faults([RestFault::Delay { ms: 2_500 }]);
    call.press('0');
    call.wait_for_end(BOUND).await.expect("the call ends");
    assert_eq!(dials(&call), 1, "{:?}", call.events());
    let redirected = |event: &CarrierEvent| matches!(event, CarrierEvent::Redirected);
    assert!(!call.has(redirected), "{:?}", call.events());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_process_stops_callers_go_to_the_human_and_webhooks_are_answered() {
    let (twilio, _model, server) =
        with_script(RealtimeScript::default().otherwise(Reply::ladder(6_000))).await;
    let by_hand = Carrier::new(&server.base, twilio.account_sid(), twilio.auth_token());
    let call = server.call(&twilio, MEDSPA, CallerScript::new());
    speaks(&call).await;
    let reception = server.reception.clone();
    let stopping = tokio::spawn(server.stop());
    wait_for("no permits are given", || reception.admission.is_closed()).await;

    let late = by_hand.voice(&call_sid(), MEDSPA).await;
    assert!(late.has_dial() && !late.has_stream(), "{}", late.body);
    assert!(late.body.contains(HUMAN), "{}", late.body);
    let mut dial_ended = by_hand.form(call.sid(), MEDSPA, "in-progress");
    dial_ended.push("DialCallStatus", "no-answer");
    let voicemail = by_hand.post("/twilio/dial-ended", &dial_ended).await;
    assert!(voicemail.body.contains("<Record"), "{}", voicemail.body);
    assert_eq!(reception.live.count(), 1, "the call in progress goes on");

    call.hang_up();
    call.wait_for_end(BOUND).await.expect("the call ends");
    stopping.await.expect("the server stops");
}
