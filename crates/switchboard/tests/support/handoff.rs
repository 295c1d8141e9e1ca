//! Agents whose callers may be handed to named parties, and what is stored of that.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part of it"
)]

use serde_json::{Value, json};
use switchboard_sim::caller::{CallerScript, Clip};
use switchboard_sim::twilio::{CallHandle, CarrierEvent, HumanLine, HumanSpeech};
use switchboard_store::{ListFilter, NewNumber, TransferListing};

use crate::support::{BOUND, MEDSPA, TestServer};

pub const ANNA: &str = "+12025550181";
pub const BEN: &str = "+12025550182";
/// The number that the fake carrier's callers have.
pub const CALLER: &str = "+12025550142";

/// Gives the demo's `medspa` agent this `[handoff]`, published like an imported file.
pub async fn publish(server: &TestServer, handoff: Value) {
    let rows = server.rows("medspa").await;
    let agent = rows.agent("medspa").await.expect("an answer");
    let mut definition = agent.expect("the agent").definition;
    definition["handoff"] = handoff;
    let checked: switchboard::config::AgentDefinition =
        serde_json::from_value(definition.clone()).expect("a definition");
    switchboard::config::check_agent(&server.reception.settings, &checked).expect("allowed");
    rows.publish_agent("medspa", &definition, "test")
        .await
        .expect("published");
    // The human of a number comes before the agent's own parties; the demo's number names one.
    let number = NewNumber {
        number: MEDSPA.parse().expect("a number"),
        agent_name: "medspa".to_owned(),
        human_target: None,
        human_number: None,
        twilio_account: None,
        location: None,
    };
    rows.put_number(&number).await.expect("stored");
}

/// Anna, then Ben, one after the other.
pub fn anna_then_ben() -> Value {
    json!({
        "target": "support",
        "targets": {
            "support": { "members": ["anna", "ben"], "ring": "in_order" },
            "anna": { "number": ANNA },
            "ben": { "number": BEN },
        },
    })
}

/// A human who answers at once, is heard for a moment and hangs up.
pub fn talks() -> HumanLine {
    let hello: Clip = vec![8_000; 1_600].into();
    HumanLine::Answers {
        ring_ms: 40,
        speech: HumanSpeech::new(CallerScript::new().speak(hello).hang_up()),
    }
}

/// Who never picks up, without the test waiting for it.
pub fn no_answer() -> HumanLine {
    HumanLine::NoAnswer {
        ring_ms_max: Some(60),
    }
}

/// The call's parties in order, as (target, status).
pub async fn outcomes(server: &TestServer) -> Vec<(String, String)> {
    let row = |row: TransferListing| (row.target.to_string(), row.status.to_string());
    let mut rows: Vec<_> = transfers(server).await;
    rows.sort_by_key(|row| row.ordinal);
    rows.into_iter().map(row).collect()
}

pub async fn transfers(server: &TestServer) -> Vec<TransferListing> {
    assert!(server.reception.journal.flushed(BOUND).await, "flushed");
    let rows = server.rows("medspa").await;
    let listed = rows.list_transfers(&ListFilter::default()).await;
    listed.expect("transfers")
}

pub fn named(outcomes: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = outcomes.iter();
    pairs
        .map(|(target, status)| ((*target).to_owned(), (*status).to_owned()))
        .collect()
}

/// Every warning of the carrier: a document it would not run, a webhook that failed.
pub fn warnings(call: &CallHandle) -> Vec<String> {
    let events = call.events().into_iter();
    let warning = |event| match event {
        CarrierEvent::Warning { code, text } => Some(format!("{code}: {text}")),
        _ => None,
    };
    events.filter_map(|timed| warning(timed.event)).collect()
}

/// What the carrier dialled, in order.
pub fn dialled(call: &CallHandle) -> Vec<String> {
    let events = call.events().into_iter();
    let dial = |event| match event {
        CarrierEvent::Dialled { number } => Some(number),
        _ => None,
    };
    events.filter_map(|timed| dial(timed.event)).collect()
}
