//! Barge-in: what the server stops by itself, what it leaves, and what still comes late.

use serde_json::json;
use switchboard_sim::realtime::{RealtimeScript, Reply};
use switchboard_wire::openai::{
    ItemStatus, ResponseReason, ResponseStatus, ServerEvent, ServerMessage,
};

use crate::client::{Client, audio_of, kinds, start};
use crate::turns::{BY_LEVEL, spoken, telephone};

async fn speaking(client: &mut Client) {
    client.send(json!({"type": "response.create"})).await;
    client.until("response.output_audio.delta").await;
}

fn cancelled(events: &[ServerMessage]) -> ResponseReason {
    let ServerEvent::ResponseDone { response } = &events.last().expect("events").event else {
        panic!("done")
    };
    assert_eq!(response.status, ResponseStatus::Cancelled);
    assert_eq!(response.output[0].status(), Some(ItemStatus::Incomplete));
    assert!(response.usage.is_some(), "a cancelled response is billed");
    response
        .status_details
        .as_ref()
        .and_then(|details| details.reason)
        .expect("a reason")
}

#[tokio::test]
async fn a_speaking_caller_cancels_the_reply() {
    let server = start(
        RealtimeScript::default()
            .hearing_by(BY_LEVEL)
            .otherwise(Reply::ladder(20_000)),
    )
    .await;
    let mut client = Client::configured(&server, telephone()).await;
    speaking(&mut client).await;
    client.append(&spoken(200, 0)).await;
    let events = client.until("response.done").await;
    assert_eq!(cancelled(&events), ResponseReason::TurnDetected);
    let kinds = kinds(&events);
    let from = kinds
        .iter()
        .position(|kind| kind == "input_audio_buffer.speech_started")
        .expect("heard");
    assert_eq!(
        kinds[from..],
        [
            "input_audio_buffer.speech_started",
            "response.output_audio.done",
            "response.output_audio_transcript.done",
            "response.content_part.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
    );
}

#[tokio::test]
async fn a_client_that_decides_by_itself_is_left_to_it() {
    let server = start(
        RealtimeScript::default()
            .hearing_by(BY_LEVEL)
            .otherwise(Reply::ladder(20_000)),
    )
    .await;
    let mut session = telephone();
    session["audio"]["input"]["turn_detection"]["interrupt_response"] = json!(false);
    session["audio"]["input"]["turn_detection"]["create_response"] = json!(false);
    let mut client = Client::configured(&server, session).await;
    speaking(&mut client).await;
    client.append(&spoken(300, 600)).await;
    client.until("input_audio_buffer.committed").await;
    assert_eq!(server.with_log(|log| log.sent_count(1, "response.done")), 0);
    client.send(json!({"type": "response.cancel"})).await;
    let events = client.until("response.done").await;
    assert_eq!(cancelled(&events), ResponseReason::ClientCancelled);
    assert_eq!(
        client.refused(json!({"type": "response.cancel"})).await.0,
        "response_cancel_not_active"
    );
}

#[tokio::test]
async fn late_deltas_of_a_cancelled_response_arrive_when_scripted_and_only_then() {
    let script = RealtimeScript::default()
        .reply(Reply::ladder(20_000).with_late_deltas(3))
        .otherwise(Reply::ladder(20_000));
    let server = start(script).await;
    let mut client = Client::configured(&server, telephone()).await;
    for late in [3 * 1_600, 0] {
        speaking(&mut client).await;
        client.send(json!({"type": "response.cancel"})).await;
        client.until("response.done").await;
        let events = client.until("rate_limits.updated").await;
        assert_eq!(audio_of(&events).len(), late);
    }
}
