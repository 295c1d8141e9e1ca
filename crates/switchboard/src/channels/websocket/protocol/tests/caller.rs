//! The caller's side: speech, turns, backchannels, commits.

use super::*;

const TURN: ItemId = ItemId(3);
const TURN_BEGINS: [&str; 2] = [
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
];
const TURN_ITEM: [&str; 3] = [
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
];
const TRANSCRIPT: &str = "conversation.item.input_audio_transcription.completed";

fn speech(stage: &mut Stage, ms: u64) -> &mut Stage {
    stage
        .append_ms(1_000)
        .model(FromModel::SpeechStarted)
        .leg(ToLeg::SpeechStarted);
    stage
        .append_ms(ms)
        .model(FromModel::SpeechStopped)
        .leg(ToLeg::SpeechStopped)
}

#[test]
fn a_turn_comes_in_the_providers_order_on_the_appended_timeline() {
    let mut stage = Stage::new();
    stage.said();
    speech(&mut stage, 800).model(FromModel::TurnCommitted {
        item: TURN,
        typed: false,
    });
    stage
        .caller_said(TURN, "a facial", false)
        .caller_said(TURN, "a facial please", true);
    let said = stage.said();
    let delta = "conversation.item.input_audio_transcription.delta";
    assert_eq!(
        types(&said),
        [&TURN_BEGINS[..], &TURN_ITEM, &[delta, TRANSCRIPT]].concat()
    );
    assert_eq!(said[0]["audio_start_ms"], 700, "with the padding of 300 ms");
    assert_eq!(said[1]["audio_end_ms"], 1_800);
    let id = &said[0]["item_id"];
    assert!(
        said[1..3]
            .iter()
            .chain(&said[5..])
            .all(|event| event["item_id"] == *id)
    );
    assert_eq!(said[6]["transcript"], "a facial please");
    assert_eq!(said[6]["usage"]["type"], "duration");
    stage.client(json!({"type": "conversation.item.retrieve", "item_id": id}));
    assert_eq!(
        stage.said()[0]["item"]["content"][0]["transcript"],
        "a facial please"
    );
}

#[test]
fn speech_of_the_next_turn_begins_after_the_last_one_ended() {
    let mut stage = Stage::new();
    stage.said();
    speech(&mut stage, 400).model(FromModel::TurnCommitted {
        item: TURN,
        typed: false,
    });
    stage
        .model(FromModel::SpeechStarted)
        .leg(ToLeg::SpeechStarted)
        .model(FromModel::SpeechStopped);
    let said = stage.said();
    let times: Vec<u64> = said
        .iter()
        .filter_map(|e| e["audio_start_ms"].as_u64().or(e["audio_end_ms"].as_u64()))
        .collect();
    assert_eq!(times, [700, 1_400, 1_400, 1_401]);
}

#[test]
fn a_backchannel_over_a_reply_is_never_told() {
    let mut stage = Stage::new();
    stage.speaking();
    stage.said();
    stage
        .model(FromModel::SpeechStarted)
        .core(EventKind::InterruptionProposed)
        .append_ms(300);
    stage
        .model(FromModel::SpeechStopped)
        .model(FromModel::TurnCommitted {
            item: TURN,
            typed: false,
        });
    stage
        .caller_said(TURN, "mm-hm", true)
        .pass(Duration::from_secs(3));
    assert!(stage.said().is_empty());
    stage.done(REPLY, ReplyOutcome::Completed);
    assert_eq!(
        only(&stage.said(), "response.done")["response"]["status"],
        "completed"
    );
}

#[test]
fn a_turn_held_while_undecided_is_told_when_it_stops_the_reply() {
    let mut stage = Stage::new();
    stage.speaking();
    stage.said();
    stage
        .model(FromModel::SpeechStarted)
        .core(EventKind::InterruptionProposed)
        .append_ms(300);
    stage
        .model(FromModel::SpeechStopped)
        .model(FromModel::TurnCommitted {
            item: TURN,
            typed: false,
        });
    assert!(stage.said().is_empty());
    stage
        .caller_said(TURN, "wait", true)
        .stopped_by(StopCause::StopWord)
        .turn_cut();
    let types = stage.types();
    let turn = [&TURN_BEGINS[..], &TURN_ITEM, &[TRANSCRIPT]].concat();
    assert_eq!(types, [&turn[..], &ITEM_ENDS, &RESPONSE_ENDS].concat());
}

#[test]
fn a_turn_held_past_the_replys_end_is_told_before_its_answer() {
    let mut stage = Stage::new();
    stage.speaking();
    stage
        .model(FromModel::SpeechStarted)
        .core(EventKind::InterruptionProposed)
        .append_ms(300);
    stage
        .model(FromModel::SpeechStopped)
        .model(FromModel::TurnCommitted {
            item: TURN,
            typed: false,
        });
    stage.done(REPLY, ReplyOutcome::Completed);
    stage.said();
    stage.core(EventKind::ReplyRequested);
    assert_eq!(
        stage.types(),
        [&TURN_BEGINS[..], &TURN_ITEM, &["response.created"]].concat()
    );
}

#[test]
fn speech_that_may_not_interrupt_is_told_at_once() {
    let mut stage = Stage::new();
    let detection = json!({"type": "server_vad", "interrupt_response": false});
    let session = json!({"type": "realtime", "audio": {"input": {"turn_detection": detection}}});
    stage
        .client(json!({"type": "session.update", "session": session}))
        .speaking();
    stage.said();
    stage
        .model(FromModel::SpeechStarted)
        .append_ms(300)
        .model(FromModel::SpeechStopped);
    assert_eq!(stage.types(), TURN_BEGINS);
    let taking = stage.told();
    assert!(
        matches!(&taking[0], FromLeg::TurnTaking(taking) if !taking.speech_interrupts && taking.replies_to_speech)
    );
}

#[test]
fn a_client_without_turn_detection_commits_by_itself() {
    let mut stage = Stage::new();
    let session = json!({"type": "realtime", "audio": {"input": {"turn_detection": null}}});
    stage.client(json!({"type": "session.update", "session": session}));
    stage.said();
    stage.told();
    stage.client(json!({"type": "input_audio_buffer.commit", "event_id": "early"}));
    let refused = stage.said();
    assert_eq!(
        refused[0]["error"]["code"],
        "input_audio_buffer_commit_empty"
    );
    assert_eq!(refused[0]["error"]["event_id"], "early");
    assert!(stage.told().is_empty());
    // The model's own detector found one turn already; it belongs to the client's.
    stage
        .append_ms(500)
        .model(FromModel::SpeechStarted)
        .leg(ToLeg::SpeechStarted);
    stage
        .model(FromModel::SpeechStopped)
        .model(FromModel::TurnCommitted {
            item: TURN,
            typed: false,
        });
    stage.caller_said(TURN, "book", true).append_ms(500);
    assert!(stage.said().is_empty(), "no speech events, no items");
    stage.client(json!({"type": "input_audio_buffer.commit"}));
    assert_eq!(stage.told(), [FromLeg::TurnCommitted]);
    stage
        .model(FromModel::TurnCommitted {
            item: ItemId(4),
            typed: false,
        })
        .caller_said(ItemId(4), "a facial", true);
    let said = stage.said();
    assert_eq!(
        types(&said),
        [&TURN_ITEM[..], &[TRANSCRIPT, TRANSCRIPT]].concat()
    );
    assert_eq!(said[4]["transcript"], "book a facial");
    stage.client(json!({"type": "input_audio_buffer.clear"}));
    assert_eq!(stage.types(), ["input_audio_buffer.cleared"]);
    assert_eq!(stage.told(), [FromLeg::TurnCleared]);
}

#[test]
fn s3_what_is_no_audio_is_an_error_and_the_talk_goes_on() {
    let mut stage = Stage::new();
    stage.said();
    stage.client(
        json!({"type": "input_audio_buffer.append", "audio": "not base64!", "event_id": "bad"}),
    );
    assert_eq!(stage.said()[0]["error"]["param"], "audio");
    assert!(stage.protocol.take_event().is_none());
    stage.append_ms(20);
    assert!(matches!(
        stage.protocol.take_event(),
        Some(LegEvent::Audio(Payload::Base64(_)))
    ));
}

#[test]
fn a_reply_that_stops_tells_the_caller_is_speaking_even_if_only_the_core_noticed() {
    let mut stage = Stage::new();
    stage.speaking();
    stage.said();
    stage
        .model(FromModel::SpeechStarted)
        .core(EventKind::InterruptionProposed);
    let (heard, after) = (Span::ZERO, Span::ZERO);
    stage.core(EventKind::ReplyInterrupted {
        cause: StopCause::Voice,
        heard,
        after,
    });
    assert_eq!(stage.types(), ["input_audio_buffer.speech_started"]);
}

#[test]
fn speech_that_is_no_proposal_is_told_with_the_next_frame_at_the_latest() {
    let mut stage = Stage::new();
    stage.said();
    stage.append_ms(400).model(FromModel::SpeechStarted);
    assert!(stage.said().is_empty(), "the core may still propose it");
    stage.append_ms(20);
    assert_eq!(stage.types(), ["input_audio_buffer.speech_started"]);
}
