//! The rules of conversation items.

use serde_json::{Value, json};
use switchboard_sim::realtime::{Pacing, RealtimeScript, Reply};
use switchboard_wire::openai::{Item, ServerEvent};

use crate::client::{Client, start};
use crate::turns::telephone;

fn said(id: &str, text: &str) -> Value {
    json!({"id": id, "type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]})
}

fn create(item: Value, previous: Option<&str>) -> Value {
    let mut event = json!({"type": "conversation.item.create", "item": item});
    if let Some(previous) = previous {
        event["previous_item_id"] = json!(previous);
    }
    event
}

async fn added_behind(client: &mut Client, event: Value) -> Option<String> {
    client.send(event).await;
    let events = client.until("conversation.item.done").await;
    match &events[0].event {
        ServerEvent::ConversationItemAdded {
            previous_item_id, ..
        } => previous_item_id.clone(),
        other => panic!("not added: {other:?}"),
    }
}

#[tokio::test]
async fn items_go_where_the_client_says() {
    let server = start(RealtimeScript::default()).await;
    let mut client = Client::connect(&server).await;
    assert_eq!(
        added_behind(&mut client, create(said("item_b", "b"), None)).await,
        None
    );
    assert_eq!(
        added_behind(&mut client, create(said("item_d", "d"), None))
            .await
            .as_deref(),
        Some("item_b")
    );
    assert_eq!(
        added_behind(&mut client, create(said("item_a", "a"), Some("root"))).await,
        None
    );
    assert_eq!(
        added_behind(&mut client, create(said("item_c", "c"), Some("item_b")))
            .await
            .as_deref(),
        Some("item_b")
    );
    let lost = client
        .refused(create(said("item_e", "e"), Some("item_x")))
        .await;
    assert_eq!(lost.1.as_deref(), Some("previous_item_id"));
    let twice = client.refused(create(said("item_a", "a"), None)).await;
    assert_eq!(
        twice,
        ("invalid_value".to_owned(), Some("item.id".to_owned()))
    );
}

#[tokio::test]
async fn beta_parts_agent_audio_and_results_for_nobody_are_refused() {
    let server = start(RealtimeScript::default()).await;
    let mut client = Client::connect(&server).await;
    let part = |role: &str, kind: &str| json!({"type": "message", "role": role, "content": [{"type": kind, "text": "x"}]});
    for (role, kind) in [
        ("user", "text"),
        ("assistant", "text"),
        ("assistant", "audio"),
        ("system", "output_text"),
    ] {
        let refused = client.refused(create(part(role, kind), None)).await;
        assert_eq!(
            refused,
            (
                "invalid_value".to_owned(),
                Some("item.content[0].type".to_owned())
            ),
            "{role} {kind}"
        );
    }
    let output = json!({"type": "function_call_output", "call_id": "call_none", "output": "{}"});
    assert_eq!(
        client.refused(create(output, None)).await.1.as_deref(),
        Some("item.call_id")
    );
    assert_eq!(
        server.with_log(|log| log.sent_count(1, "conversation.item.added")),
        0
    );
}

#[tokio::test]
async fn deleted_items_are_gone() {
    let server = start(RealtimeScript::default()).await;
    let mut client = Client::connect(&server).await;
    added_behind(&mut client, create(said("item_a", "a"), None)).await;
    client
        .send(json!({"type": "conversation.item.retrieve", "item_id": "item_a"}))
        .await;
    client.until("conversation.item.retrieved").await;
    client
        .send(json!({"type": "conversation.item.delete", "item_id": "item_a"}))
        .await;
    client.until("conversation.item.deleted").await;
    let gone = client
        .refused(json!({"type": "conversation.item.delete", "item_id": "item_a"}))
        .await;
    assert_eq!(gone.1.as_deref(), Some("item_id"));
    let reference = json!({"type": "response.create", "response": {"input": [{"type": "item_reference", "id": "item_a"}]}});
    assert_eq!(
        client.refused(reference).await.1.as_deref(),
        Some("response.input[0].id")
    );
}

#[tokio::test]
async fn truncation_keeps_to_the_audio_that_exists() {
    let server = start(
        RealtimeScript::default()
            .paced(Pacing::burst(200))
            .otherwise(Reply::ladder(1_000)),
    )
    .await;
    let mut client = Client::configured(&server, telephone()).await;
    added_behind(&mut client, create(said("item_a", "a"), None)).await;
    client.send(json!({"type": "response.create"})).await;
    let events = client.until("response.done").await;
    let ServerEvent::ResponseDone { response } = &events.last().expect("done").event else {
        panic!("done")
    };
    let item_id = response.output[0].id().expect("an id").to_owned();
    let truncate = |item: &str, end_ms: Value| json!({"type": "conversation.item.truncate", "item_id": item, "content_index": 0, "audio_end_ms": end_ms});
    assert_eq!(
        client.refused(truncate(&item_id, json!(1_001))).await.0,
        "invalid_value"
    );
    assert_eq!(
        client.refused(truncate(&item_id, json!(640.5))).await,
        ("invalid_type".to_owned(), Some("audio_end_ms".to_owned()))
    );
    assert_eq!(
        client.refused(truncate("item_a", json!(10))).await.0,
        "unsupported_content_type"
    );
    assert_eq!(
        client
            .refused(truncate("item_x", json!(10)))
            .await
            .1
            .as_deref(),
        Some("item_id")
    );
    client.send(truncate(&item_id, json!(640))).await;
    client.until("conversation.item.truncated").await;
    assert_eq!(
        client.refused(truncate(&item_id, json!(641))).await.0,
        "invalid_value",
        "it is shorter now"
    );
    client
        .send(json!({"type": "conversation.item.retrieve", "item_id": item_id}))
        .await;
    let events = client.until("conversation.item.retrieved").await;
    let ServerEvent::ConversationItemRetrieved {
        item: Item::Message { content, .. },
    } = &events.last().expect("one").event
    else {
        panic!("a message")
    };
    assert!(
        serde_json::to_value(content).expect("writes")[0]
            .get("transcript")
            .is_none(),
        "the transcript is dropped"
    );
    assert_eq!(server.with_log(|log| log.truncations(1).len()), 1);
}
