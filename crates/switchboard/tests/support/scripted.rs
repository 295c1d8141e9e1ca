//! Phone calls that a scripted model answers, and what is seen of them from outside.

use switchboard_sim::realtime::{RealtimeScript, RealtimeServer, Reply};
use switchboard_sim::twilio::{CallHandle, CarrierEvent, FakeTwilio};
use switchboard_store::{CallListing, Word};

use crate::support::{BOUND, HUMAN, TestServer, carrier, model};

/// The disclosure, then a long ladder.
pub(crate) fn talkative() -> RealtimeScript {
    RealtimeScript::default()
        .reply(Reply::ladder(400))
        .reply(Reply::ladder(6_000))
        .otherwise(Reply::ladder(800))
}

pub(crate) async fn with_script(
    script: RealtimeScript,
) -> (FakeTwilio, RealtimeServer, TestServer) {
    let twilio = carrier().await;
    let model = model(script).await;
    let server = TestServer::start(&twilio, Some(&model), |settings| {
        // Longer than the watchdog, so that a silent network has one reason and not either of two.
        settings.openai.connect_ms_max = 10_000;
        // A megabyte of a model's words costs more than a call may, which would end it before anything is proven.
        settings.calls.budget_micros = 1_000_000_000;
        // Several callers fall back at once, and each shall reach the human.
        settings.handoff.lines_max = 20;
        // Failures are what these tests are about; the breaker has its own.
        settings.openai.breaker_failures_max = 100;
        settings.openai.breaker_window = 100;
    })
    .await;
    (twilio, model, server)
}

pub(crate) fn dials(call: &CallHandle) -> Vec<String> {
    let dialled = |event| match event {
        CarrierEvent::Dialled { number } => Some(number),
        _ => None,
    };
    let events = call.events().into_iter();
    events.filter_map(|timed| dialled(timed.event)).collect()
}

pub(crate) async fn dialled(call: &CallHandle) {
    call.wait_for(BOUND, |event| matches!(event, CarrierEvent::Dialled { .. }))
        .await
        .unwrap_or_else(|error| panic!("{error}: {:?}", call.events()));
    assert_eq!(dials(call), [HUMAN]);
}

pub(crate) async fn row_of(server: &TestServer, call: &CallHandle) -> CallListing {
    let calls = server.calls("medspa").await;
    let sid = call.sid().as_str();
    let mut found = calls
        .into_iter()
        .filter(|row| row.carrier_call_id.as_deref() == Some(sid));
    found.next().expect("the call is stored")
}

pub(crate) fn reason(row: &CallListing) -> &str {
    row.end_reason.as_ref().map_or("none", Word::as_str)
}

/// The agent is heard.
pub(crate) async fn speaks(call: &CallHandle) {
    call.wait_for(BOUND, |event| {
        matches!(event, CarrierEvent::MediaReceived { .. })
    })
    .await
    .unwrap_or_else(|error| panic!("{error}: {:?}", call.events()));
}
