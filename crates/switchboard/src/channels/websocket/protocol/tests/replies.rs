//! Responses: their order, their ends, and that they never overlap.

use switchboard_call::ids::ToolCallId;
use switchboard_call::input::{ModelFailure, ToolRequest};

use super::*;

#[test]
fn a_spoken_response_comes_in_the_providers_order() {
    let mut stage = Stage::new();
    stage.said();
    stage.speaking().done(REPLY, ReplyOutcome::Completed);
    let said = stage.said();
    let expected = [
        &["response.created"][..],
        &ITEM_BEGINS,
        &[WORDS, AUDIO],
        &ITEM_ENDS,
        &RESPONSE_ENDS,
    ]
    .concat();
    assert_eq!(types(&said), expected);
    let done = &only(&said, "response.done")["response"];
    assert_eq!(done["status"], "completed");
    assert_eq!(done["output"][0]["content"][0]["transcript"], "Which day?");
    assert!(done["usage"].is_object(), "SDKs expect usage on every end");
    assert_eq!(
        only(&said, "response.created")["response"]["voice"],
        Value::Null
    );
    assert_eq!(
        only(&said, "response.created")["response"]["audio"]["output"]["voice"],
        "marin"
    );
}

#[test]
fn a_response_ends_only_when_all_its_audio_was_given_to_the_client() {
    let mut stage = Stage::new();
    stage.reply_begins(REPLY).words(REPLY, ITEM, "One two");
    let (first, second) = (stage.makes(REPLY, ITEM), stage.makes(REPLY, ITEM));
    stage.plays(first).done(REPLY, ReplyOutcome::Completed);
    assert!(
        !stage.types().contains(&"response.done".to_owned()),
        "the second piece is still to come"
    );
    let end = stage.plays(second).types();
    assert_eq!(end, [&[AUDIO][..], &ITEM_ENDS, &RESPONSE_ENDS].concat());
}

#[test]
fn the_next_response_waits_until_the_last_one_was_played() {
    let mut stage = Stage::new();
    stage.reply_begins(REPLY);
    let first = stage.makes(REPLY, ITEM);
    stage.done(REPLY, ReplyOutcome::Completed);
    let (next, next_item) = (ReplyId(2), ItemId(9));
    stage.said();
    stage.reply_begins(next).words(next, next_item, "And then");
    let second = stage.makes(next, next_item);
    assert!(
        stage.said().is_empty(),
        "nothing of the next one is told yet"
    );
    let types = stage.plays(first).types();
    let begins = [&["response.created"][..], &ITEM_BEGINS, &[WORDS]].concat();
    assert_eq!(
        types,
        [
            &ITEM_BEGINS[..],
            &[AUDIO],
            &ITEM_ENDS,
            &RESPONSE_ENDS,
            &begins
        ]
        .concat()
    );
    assert_eq!(stage.plays(second).types(), [AUDIO]);
}

#[test]
fn what_is_said_around_a_tool_is_one_response_with_one_item() {
    let mut stage = Stage::new();
    stage.said();
    stage.speaking();
    let request = ToolRequest {
        reply: REPLY,
        call: ToolCallId(1),
        name: "book".to_owned(),
        arguments: "{}".into(),
    };
    stage
        .model(FromModel::ToolRequested(request))
        .done(REPLY, ReplyOutcome::Completed);
    assert!(
        !stage.types().contains(&"response.done".to_owned()),
        "the tool's answer is still to be said"
    );
    stage
        .reply_begins(ReplyId(2))
        .words(ReplyId(2), ItemId(8), "Booked.")
        .speaks(ReplyId(2), ItemId(8));
    stage.done(ReplyId(2), ReplyOutcome::Completed);
    let said = stage.said();
    assert_eq!(
        types(&said),
        [&[WORDS, AUDIO][..], &ITEM_ENDS, &RESPONSE_ENDS].concat()
    );
    let output = &only(&said, "response.done")["response"]["output"];
    assert_eq!(output.as_array().map(Vec::len), Some(1));
    assert_eq!(output[0]["content"][0]["transcript"], "Which day? Booked.");
}

#[test]
fn metadata_and_event_id_come_back() {
    let mut stage = Stage::new();
    stage.said();
    let create = json!({"type": "response.create", "event_id": "e1",
        "response": {"instructions": null, "metadata": {"client_event_id": "e1"}}});
    stage.client(create);
    assert_eq!(
        stage.told(),
        [FromLeg::ReplyRequested { instructions: None }]
    );
    stage.client(json!({"type": "response.create", "event_id": "e2"}));
    let refused = stage.said();
    assert_eq!(
        refused[0]["error"]["code"],
        "conversation_already_has_active_response"
    );
    assert_eq!(refused[0]["error"]["event_id"], "e2");
    assert!(stage.told().is_empty(), "the core hears of one");
    stage.speaking().done(REPLY, ReplyOutcome::Completed);
    let said = stage.said();
    for kind in ["response.created", "response.done"] {
        assert_eq!(
            only(&said, kind)["response"]["metadata"],
            json!({"client_event_id": "e1"})
        );
    }
}

#[test]
fn a_clients_cancel_ends_the_response_at_once_and_nothing_late_comes() {
    let mut stage = Stage::new();
    stage.speaking();
    let late = stage.makes(REPLY, ITEM);
    stage.said();
    stage.client(json!({"type": "response.cancel"}));
    let said = stage.said();
    assert_eq!(types(&said), [&ITEM_ENDS[..], &RESPONSE_ENDS].concat());
    let response = &only(&said, "response.done")["response"];
    assert_eq!(response["status"], "cancelled");
    assert_eq!(
        response["status_details"],
        json!({"type": "cancelled", "reason": "client_cancelled"})
    );
    assert_eq!(response["output"][0]["status"], "incomplete");
    assert_eq!(stage.told(), [FromLeg::ReplyCancelled]);
    stage
        .stopped_by(StopCause::Explicit)
        .words(REPLY, ITEM, "late")
        .plays(late);
    stage.done(REPLY, ReplyOutcome::Cancelled);
    assert!(stage.said().is_empty(), "a cancelled response stays silent");
    stage.client(json!({"type": "response.cancel", "event_id": "again"}));
    let refused = stage.said();
    assert_eq!(refused[0]["error"]["code"], "response_cancel_not_active");
    assert!(
        refused[0]["error"]["message"]
            .as_str()
            .is_some_and(|text| text.starts_with("Cancellation failed"))
    );
    assert!(stage.told().is_empty());
}

#[test]
fn a_stop_by_voice_ends_the_response_when_it_is_certain() {
    let mut stage = Stage::new();
    stage.speaking();
    stage.said();
    stage
        .model(FromModel::SpeechStarted)
        .core(EventKind::InterruptionProposed);
    assert!(
        stage.said().is_empty(),
        "while it is undecided the client's player goes on"
    );
    stage.stopped_by(StopCause::Voice);
    assert_eq!(stage.types(), ["input_audio_buffer.speech_started"]);
    stage.turn_cut();
    let said = stage.said();
    assert_eq!(types(&said), [&ITEM_ENDS[..], &RESPONSE_ENDS].concat());
    assert_eq!(
        only(&said, "response.done")["response"]["status_details"]["reason"],
        "turn_detected"
    );
}

#[test]
fn a_stop_that_was_taken_back_leaves_the_response_whole() {
    let mut stage = Stage::new();
    stage.speaking();
    let rest = stage.makes(REPLY, ITEM);
    stage
        .model(FromModel::SpeechStarted)
        .core(EventKind::InterruptionProposed)
        .stopped_by(StopCause::Voice);
    stage.core(EventKind::ReplyResumed);
    stage.said();
    stage
        .plays(rest)
        .pass(Duration::from_secs(3))
        .done(REPLY, ReplyOutcome::Completed);
    let said = stage.said();
    assert_eq!(types(&said)[0], AUDIO);
    assert_eq!(
        only(&said, "response.done")["response"]["status"],
        "completed"
    );
}

#[test]
fn a_stop_nobody_speaks_of_again_is_a_stop() {
    let mut stage = Stage::new();
    stage.speaking().stopped_by(StopCause::Voice);
    stage.said();
    stage.pass(Duration::from_secs(3));
    assert_eq!(
        only(&stage.said(), "response.done")["response"]["status"],
        "cancelled"
    );
}

#[test]
fn a_reply_given_up_before_it_was_heard_is_cancelled() {
    let mut stage = Stage::new();
    stage.reply_begins(REPLY);
    stage.makes(REPLY, ITEM);
    stage.core(EventKind::LateAudioDropped {
        length: Span::from_millis(PIECE_MS),
    });
    stage.done(REPLY, ReplyOutcome::Completed);
    let said = stage.said();
    assert_eq!(
        only(&said, "response.done")["response"]["status"],
        "cancelled"
    );
    assert!(!types(&said).contains(&AUDIO.to_owned()));
}

#[test]
fn a_model_that_breaks_and_is_replaced_finishes_the_same_response() {
    let mut stage = Stage::new();
    stage
        .speaking()
        .model(FromModel::Failed(ModelFailure::Disconnected));
    stage.said();
    stage
        .reply_begins(ReplyId(100))
        .speaks(ReplyId(100), ItemId(100))
        .done(ReplyId(100), ReplyOutcome::Completed);
    assert_eq!(
        stage.types(),
        [&[AUDIO][..], &ITEM_ENDS, &RESPONSE_ENDS].concat()
    );
}

#[test]
fn a_response_that_stands_still_is_ended() {
    let mut stage = Stage::new();
    stage
        .core(EventKind::ReplyRequested)
        .pass(Duration::from_secs(29));
    assert!(!stage.types().contains(&"response.done".to_owned()));
    stage.pass(Duration::from_secs(2));
    assert_eq!(
        only(&stage.said(), "response.done")["response"]["status"],
        "failed"
    );
}

#[test]
fn no_two_responses_are_ever_active_whatever_order_things_come_in() {
    // A fixed sequence of everything, walked with many strides, so that a failing order can be repeated.
    for stride in 1..100_u32 {
        let mut stage = Stage::new();
        let mut pieces = Vec::new();
        for step in 0..60_u32 {
            let reply = ReplyId(step / 7);
            match step.wrapping_mul(stride).wrapping_add(step * step) % 11 {
                0 => stage.core(EventKind::ReplyRequested),
                1 => stage.model(FromModel::ReplyStarted { reply }),
                2 => stage.words(reply, ItemId(reply.0), "word "),
                3 | 4 => {
                    pieces.push(stage.makes(reply, ItemId(reply.0)));
                    &mut stage
                }
                5 => match pieces.pop() {
                    Some(audio) => stage.plays(audio),
                    None => &mut stage,
                },
                6 => stage.done(reply, ReplyOutcome::Completed),
                7 => stage.stopped_by(StopCause::Voice),
                8 => stage.turn_cut(),
                9 => stage.client(json!({"type": "response.create"})),
                _ => stage.client(json!({"type": "response.cancel"})),
            };
        }
        require_sequence(&stage.said());
    }
}

/// As conformance/event_order.py: one active response, and every part belongs to it.
fn require_sequence(said: &[Value]) {
    let mut active: Option<&str> = None;
    for event in said {
        let response = event["response"]["id"].as_str();
        match event["type"].as_str().unwrap_or_default() {
            "response.created" => {
                assert_eq!(active, None, "{response:?} began");
                active = response;
            }
            "response.done" => {
                assert_eq!(active, response);
                active = None;
            }
            _ => {
                if let Some(id) = event["response_id"].as_str() {
                    assert_eq!(Some(id), active, "{}", event["type"]);
                }
            }
        }
    }
}
