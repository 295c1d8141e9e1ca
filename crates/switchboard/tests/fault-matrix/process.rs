//! Rows of our own process: killed with `kill -9`, and frozen for longer than every limit of its own.

use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, Reply};
use switchboard_sim::twilio::{CarrierEvent, FakeTwilio, StreamEnd};

use crate::scripted::{dialled, dials, speaks};
use crate::served::{Served, assert_whole};
use crate::support::{BOUND, HUMAN, carrier, model, wait_for};

/// What waits in memory may be lost with the process: 200 ms by default, and the time of one transaction.
const LOST_MS_MAX: u64 = 600;

async fn around() -> (FakeTwilio, RealtimeServer, Served) {
    let twilio = carrier().await;
    let model = model(RealtimeScript::default().otherwise(Reply::ladder(8_000))).await;
    let served = Served::start(&twilio, &model, &[]).await;
    (twilio, model, served)
}

#[tokio::test(flavor = "multi_thread")]
async fn after_kill_9_the_carrier_dials_the_human_and_no_older_event_is_lost() {
    let (twilio, _model, mut served) = around().await;
    let call = served.call(&twilio);
    speaks(&call).await;
    let before = 3;
    for _ in 0..before {
        call.press('5');
    }
    let pressed = |event: &CarrierEvent| matches!(event, CarrierEvent::CallerPressed { .. });
    wait_for("the keys are pressed", || {
        call.events()
            .iter()
            .filter(|timed| pressed(&timed.event))
            .count()
            == before
    })
    .await;
    let pressed_ms = call.ear_ms();
    wait_for("the keys are older than what may be lost", || {
        call.ear_ms() >= pressed_ms + LOST_MS_MAX
    })
    .await;
    served.kill().await;

    dialled(&call).await;
    call.wait_for_end(BOUND).await.expect("the call ends");
    let broke = StreamEnd::ConnectionLost;
    assert!(call.has(|event| matches!(event, CarrierEvent::StreamEnded { end } if *end == broke)));
    served.restart().await;
    let ended = served.ended_call().await;
    assert_eq!(
        (&ended["end_reason"], &ended["end_class"]),
        (&"process_lost".into(), &"us".into())
    );
    let events = served.list("events").await;
    let keys = events
        .iter()
        .filter(|event| event["name"] == "digit_pressed");
    assert_eq!(keys.count(), before, "events of before the kill are there");
    assert_whole(&events);
    served.kill().await;
}

/// A stop that is no end: the carrier waits, and the process comes back to a call whose moments have passed.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_frozen_past_its_limits_wakes_up_to_its_call() {
    let (twilio, _model, mut served) = around().await;
    let call = served.call(&twilio);
    speaks(&call).await;
    served.signal("-STOP");
    let frozen_ms = call.ear_ms();
    wait_for("more than the silence limit has passed", || {
        call.ear_ms() >= frozen_ms + 11_000
    })
    .await;
    served.signal("-CONT");
    // The agent goes on, or the human has been dialled for the time that was lost: a key tells which, and both are help.
    call.press('0');
    dialled(&call).await;
    call.wait_for_end(BOUND).await.expect("the call ends");
    assert_eq!(dials(&call), [HUMAN]);
    let ended = served.ended_call().await;
    assert_ne!(ended["end_class"], "unknown", "{ended}");
    served.kill().await;
}
