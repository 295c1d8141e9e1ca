//! Items a client adds, cuts, deletes and asks for.

use switchboard_call::output::HistoryTurn;

use super::*;

fn message(id: Option<&str>, role: &str, part: &str, text: &str) -> Value {
    let mut item =
        json!({"type": "message", "role": role, "content": [{"type": part, "text": text}]});
    if let Some(id) = id {
        item["id"] = json!(id);
    }
    json!({"type": "conversation.item.create", "item": item})
}

fn speaking_item(stage: &mut Stage) -> String {
    stage.said();
    let said = { stage.speaking().said() };
    only(&said, "conversation.item.added")["item"]["id"]
        .as_str()
        .expect("an id")
        .to_owned()
}

fn truncate(item_id: &str, ms: u64) -> Value {
    json!({"type": "conversation.item.truncate", "item_id": item_id, "content_index": 0, "audio_end_ms": ms})
}

#[test]
fn a_replayed_history_keeps_its_ids_and_reaches_the_core_in_order() {
    let mut stage = Stage::new();
    stage.said();
    let mut first = message(Some("item_a"), "user", "input_text", "hello");
    first["previous_item_id"] = json!("root");
    let mut second = message(
        Some("item_b"),
        "assistant",
        "output_text",
        "Hello, how can I help?",
    );
    second["previous_item_id"] = json!("item_a");
    stage.client(first).client(second).client(message(
        None,
        "system",
        "input_text",
        "The caller is new.",
    ));
    let said = stage.said();
    assert_eq!(
        types(&said),
        ["conversation.item.added", "conversation.item.done"].repeat(3)
    );
    assert_eq!(said[0]["item"]["id"], "item_a");
    assert_eq!(said[0]["previous_item_id"], Value::Null);
    assert_eq!(said[2]["previous_item_id"], "item_a");
    let agent = HistoryTurn {
        speaker: Speaker::Agent,
        words: "Hello, how can I help?".into(),
    };
    let system = HistoryTurn {
        speaker: Speaker::System,
        words: "The caller is new.".into(),
    };
    assert_eq!(
        stage.told(),
        [
            FromLeg::Text("hello".into()),
            FromLeg::Remember(agent),
            FromLeg::Remember(system)
        ]
    );
    // The model's own item of the typed words is the client's.
    stage
        .model(FromModel::TurnCommitted {
            item: ItemId(3),
            typed: true,
        })
        .caller_said(ItemId(3), "hello", true);
    assert!(stage.said().is_empty());
    stage.client(message(Some("item_a"), "user", "input_text", "again"));
    assert_eq!(
        stage.said()[0]["error"]["code"],
        "item_create_duplicate_item_id"
    );
    assert!(stage.told().is_empty());
}

#[test]
fn s7_results_of_server_tools_cannot_be_written_by_a_client() {
    let mut stage = Stage::new();
    stage.said();
    let item = json!({"type": "function_call_output", "call_id": "call_1", "output": "booked"});
    stage.client(json!({"type": "conversation.item.create", "item": item, "event_id": "e"}));
    let said = stage.said();
    assert_eq!(
        (&said[0]["type"], &said[0]["error"]["event_id"]),
        (&json!("error"), &json!("e"))
    );
    stage.client(json!({"type": "response.create", "response": {"conversation": "none"}}));
    stage.client(json!({"type": "response.create", "response": {"input": []}}));
    stage.client(json!({"type": "response.create", "response": {"output_modalities": ["text"]}}));
    let params: Vec<Value> = stage
        .said()
        .iter()
        .map(|event| event["error"]["param"].clone())
        .collect();
    assert_eq!(
        params,
        [
            "response.conversation",
            "response.input",
            "response.output_modalities"
        ]
    );
    assert!(stage.told().is_empty());
}

#[test]
fn s4_a_truncation_beyond_what_was_sent_is_clamped() {
    let mut stage = Stage::new();
    let item = speaking_item(&mut stage);
    stage.done(REPLY, ReplyOutcome::Completed);
    stage.said();
    stage.client(truncate(&item, 99_000));
    let said = stage.said();
    assert_eq!(types(&said), ["conversation.item.truncated"]);
    assert_eq!(said[0]["audio_end_ms"], 200);
    assert!(stage.told().is_empty(), "all of it was heard");
    stage
        .client(truncate(&item, 120))
        .client(json!({"type": "conversation.item.retrieve", "item_id": item}));
    assert_eq!(
        stage.told(),
        [FromLeg::Played {
            item: ITEM,
            position: Span::from_millis(120)
        }]
    );
    let said = stage.said();
    assert_eq!(
        types(&said),
        ["conversation.item.truncated", "conversation.item.retrieved"]
    );
    assert_eq!(said[1]["item"]["content"][0]["type"], "output_audio");
}

#[test]
fn a_player_that_stopped_ends_the_active_response_before_it_is_answered() {
    let mut stage = Stage::new();
    let item = speaking_item(&mut stage);
    stage.client(truncate(&item, 50));
    assert_eq!(
        stage.types(),
        [
            &ITEM_ENDS[..],
            &RESPONSE_ENDS,
            &["conversation.item.truncated"]
        ]
        .concat()
    );
    assert_eq!(
        stage.told(),
        [FromLeg::Played {
            item: ITEM,
            position: Span::from_millis(50)
        }]
    );
    // LiveKit sends a cancel as well.
    stage.client(json!({"type": "response.cancel"}));
    assert_eq!(
        stage.said()[0]["error"]["code"],
        "response_cancel_not_active"
    );
}

#[test]
fn cutting_an_old_item_does_not_cut_what_came_after_it() {
    let mut stage = Stage::new();
    let item = speaking_item(&mut stage);
    stage
        .done(REPLY, ReplyOutcome::Completed)
        .reply_begins(ReplyId(2))
        .speaks(ReplyId(2), ItemId(8));
    stage.said();
    stage.client(truncate(&item, 50));
    assert_eq!(stage.types(), ["conversation.item.truncated"]);
    assert!(stage.told().is_empty());
}

#[test]
fn a_position_after_a_tool_belongs_to_the_later_item() {
    let mut stage = Stage::new();
    let item = speaking_item(&mut stage);
    stage.model(FromModel::Failed(
        switchboard_call::input::ModelFailure::Disconnected,
    ));
    stage.reply_begins(ReplyId(2)).speaks(ReplyId(2), ItemId(8));
    stage.client(truncate(&item, 260));
    assert_eq!(
        stage.told(),
        [FromLeg::Played {
            item: ItemId(8),
            position: Span::from_millis(60)
        }]
    );
}

#[test]
fn a_reply_of_which_nothing_was_heard_is_deleted() {
    let mut stage = Stage::new();
    let item = speaking_item(&mut stage);
    stage.client(json!({"type": "conversation.item.delete", "item_id": item}));
    assert_eq!(
        stage.types().last().map(String::as_str),
        Some("conversation.item.deleted")
    );
    assert_eq!(
        stage.told(),
        [FromLeg::Played {
            item: ITEM,
            position: Span::ZERO
        }]
    );
    stage.client(json!({"type": "conversation.item.retrieve", "item_id": item}));
    assert_eq!(
        stage.said()[0]["error"]["code"],
        "item_retrieve_invalid_item_id"
    );
}

#[test]
fn only_speech_of_the_agent_can_be_truncated() {
    let mut stage = Stage::new();
    stage.client(message(Some("typed"), "user", "input_text", "hello"));
    stage.said();
    stage
        .client(truncate("typed", 10))
        .client(truncate("nobody", 10));
    let codes: Vec<Value> = stage
        .said()
        .iter()
        .map(|event| event["error"]["code"].clone())
        .collect();
    assert_eq!(
        codes,
        ["unsupported_content_type", "item_truncate_invalid_item_id"]
    );
}
