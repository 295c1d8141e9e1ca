//! r6: the database is gone, and whoever calls is answered all the same.

#[path = "support/by_hand.rs"]
mod by_hand;
mod support;

use by_hand::{Carrier, call_sid};
use support::{BOUND, HUMAN, MEDSPA, TRADES, TestServer, carrier, model};
use switchboard_sim::caller::CallerScript;
use switchboard_sim::realtime::{RealtimeScript, Reply};
use switchboard_sim::twilio::{CarrierEvent, FakeTwilio};

async fn agent_speaks(server: &TestServer, twilio: &FakeTwilio) {
    let script = CallerScript::new().wait(1_500).hang_up();
    let call = server.call(twilio, MEDSPA, script);
    call.wait_for(BOUND, |event| {
        matches!(event, CarrierEvent::MediaReceived { .. })
    })
    .await
    .expect("the agent speaks");
    assert!(!call.has(|event| matches!(event, CarrierEvent::Dialled { .. })));
    call.wait_for_end(BOUND).await.expect("the call ends");
    server.idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn r6_a_number_that_was_called_before_is_answered_by_its_agent_without_a_database() {
    let twilio = carrier().await;
    let model = model(RealtimeScript::default().otherwise(Reply::ladder(8_000))).await;
    let server = TestServer::start(&twilio, Some(&model), |_| ()).await;
    agent_speaks(&server, &twilio).await;
    assert_eq!(
        server.calls("medspa").await.len(),
        1,
        "everything is stored"
    );
    server.reception.store.close().await;
    agent_speaks(&server, &twilio).await;
    let waiting = server.reception.journal.waiting();
    assert!(waiting > 0, "the row of the call waits for the database");
}

#[tokio::test(flavor = "multi_thread")]
async fn r6_without_a_database_an_agent_that_never_answered_is_replaced_by_the_human() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |_| ()).await;
    let hand = Carrier::new(&server.base, twilio.account_sid(), twilio.auth_token());
    // A status of some call is enough to learn where its number leads, and makes no agent ready.
    let status = hand.status(&call_sid(), TRADES, "completed", 0).await;
    assert_eq!(status.status, 204);
    server.reception.store.close().await;
    let answer = hand.voice(&call_sid(), TRADES).await;
    assert_eq!(answer.status, 200);
    assert!(answer.has_dial() && !answer.has_stream(), "{}", answer.body);
    assert!(answer.body.contains(HUMAN));
    let unknown = hand.voice(&call_sid(), MEDSPA).await;
    assert_eq!(
        unknown.status, 503,
        "the carrier's own fallback document is asked"
    );
}
