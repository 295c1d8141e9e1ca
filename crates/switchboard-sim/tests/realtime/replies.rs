//! What the model says: words along the sound, tools, failures, and what each response costs.

use std::time::Duration;

use serde_json::json;
use switchboard_media::frame::AudioFormat;
use switchboard_media::ladder::{LadderReport, detect_steps};
use switchboard_sim::realtime::{Pacing, RealtimeScript, Reply, ReplyAudio};
use switchboard_wire::openai::{
    Item, ResponseReason, ResponseStatus, ServerEvent, ServerMessage, scan_audio_delta,
};

use crate::client::{Client, audio_of, kinds, start};
use crate::turns::telephone;

fn done(events: &[ServerMessage]) -> &switchboard_wire::openai::Response {
    match &events.last().expect("events").event {
        ServerEvent::ResponseDone { response } => response,
        other => panic!("no response.done: {other:?}"),
    }
}

async fn respond(client: &mut Client) -> Vec<ServerMessage> {
    client.send(json!({"type": "response.create"})).await;
    client.until("response.done").await
}

#[tokio::test]
async fn the_ladder_arrives_whole_with_one_word_per_step() {
    let server = start(
        RealtimeScript::default()
            .paced(Pacing::burst(200))
            .reply(Reply::ladder(1_500)),
    )
    .await;
    let mut client = Client::configured(&server, telephone()).await;
    let events = respond(&mut client).await;
    let audio = audio_of(&events);
    assert_eq!(audio.len(), 12_000);
    let report = LadderReport::of(&detect_steps(&AudioFormat::Ulaw8k.decode_to_pcm(&audio)));
    assert_eq!(
        (report.runs.len(), report.skipped_ms, report.repeated_ms),
        (1, 0, 0),
        "{report:?}"
    );
    let Item::Message { content, .. } = &done(&events).output[0] else {
        panic!("a message")
    };
    let text = serde_json::to_value(content).expect("writes")[0]["transcript"].clone();
    assert_eq!(text, "0 1 2 3 4 5 6 7 8 9 10 11 12 13 14");
}

#[tokio::test]
async fn a_word_is_sent_before_the_audio_that_holds_it() {
    let server = start(
        RealtimeScript::default()
            .paced(Pacing::burst(100))
            .reply(Reply::ladder(500)),
    )
    .await;
    let mut client = Client::configured(&server, telephone()).await;
    let events = respond(&mut client).await;
    let order: Vec<String> = events
        .iter()
        .filter_map(|message| match &message.event {
            ServerEvent::OutputAudioTranscriptDelta(part) => Some(part.delta.trim().to_owned()),
            ServerEvent::OutputAudioDelta(_) => Some("sound".to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(
        order,
        [
            "0", "sound", "1", "sound", "2", "sound", "3", "sound", "4", "sound"
        ]
    );
}

#[tokio::test]
async fn audio_comes_faster_than_real_time_but_not_all_at_once() {
    let server = start(
        RealtimeScript::default()
            .paced(Pacing {
                delta_ms: 200,
                speed: 4.0,
            })
            .reply(Reply::ladder(4_000)),
    )
    .await;
    let mut client = Client::configured(&server, telephone()).await;
    let asked = std::time::Instant::now();
    let events = respond(&mut client).await;
    let took = asked.elapsed();
    assert!(
        (Duration::from_millis(950)..Duration::from_millis(4_000)).contains(&took),
        "{took:?}"
    );
    assert_eq!(audio_of(&events).len(), 32_000);
}

#[tokio::test]
async fn the_hot_path_scanner_reads_the_deltas() {
    let server = start(RealtimeScript::default()).await;
    let mut client = Client::configured(&server, telephone()).await;
    for message in respond(&mut client).await {
        if let ServerEvent::OutputAudioDelta(part) = &message.event {
            let text = message.to_json();
            assert_eq!(
                scan_audio_delta(text.as_bytes()).map(|delta| delta.item_id),
                Some(&*part.item_id)
            );
        }
    }
}

#[tokio::test]
async fn given_mu_law_passes_byte_for_byte_and_is_converted_elsewhere() {
    let bytes: Vec<u8> = (0..=255).cycle().take(1_600).collect();
    let reply = Reply::audio(ReplyAudio::ulaw(bytes.clone()), "noise");
    let server = start(RealtimeScript::default().otherwise(reply)).await;
    let mut client = Client::configured(&server, telephone()).await;
    assert_eq!(audio_of(&respond(&mut client).await), bytes);
    let mut client = Client::connect(&server).await;
    assert_eq!(
        audio_of(&respond(&mut client).await).len(),
        9_600,
        "200 ms of PCM at 24 kHz"
    );
}

#[tokio::test]
async fn a_tool_call_keeps_its_order_and_its_answer_is_matched_by_name() {
    let script = RealtimeScript::default()
        .reply(Reply::ladder(200).then_call_tool("check_availability", r#"{"service":"facial"}"#))
        .when_tool_answers(
            "check_availability",
            Reply::failed("seen", "The result was seen."),
        );
    let server = start(script).await;
    let mut client = Client::configured(&server, telephone()).await;
    let events = respond(&mut client).await;
    let kinds = kinds(&events);
    let after_speech = kinds
        .iter()
        .rposition(|kind| kind == "response.output_item.added")
        .expect("the call");
    assert_eq!(
        kinds[after_speech..],
        [
            "response.output_item.added",
            "conversation.item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "conversation.item.done",
            "response.output_item.done",
            "response.done",
        ]
    );
    let Item::FunctionCall {
        call_id,
        name,
        arguments,
        ..
    } = &done(&events).output[1]
    else {
        panic!("a call")
    };
    assert_eq!(
        (&**name, &**arguments),
        ("check_availability", r#"{"service":"facial"}"#)
    );
    let result = json!({"type": "function_call_output", "call_id": call_id, "output": "{}"});
    client
        .send(json!({"type": "conversation.item.create", "item": result}))
        .await;
    let events = respond(&mut client).await;
    assert_eq!(done(&events).status, ResponseStatus::Failed);
    assert_eq!(server.with_log(|log| log.tool_results(1).len()), 1);
}

#[tokio::test]
async fn what_the_caller_says_chooses_the_reply() {
    let script = RealtimeScript::default()
        .when_caller_says("refund", Reply::call_tool("transfer_to_human", "{}"))
        .when(|moment| moment.connection == 9, Reply::nothing());
    let server = start(script).await;
    let mut client = Client::configured(&server, telephone()).await;
    let item = json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "A REFUND, please"}]});
    client
        .send(json!({"type": "conversation.item.create", "item": item}))
        .await;
    let events = respond(&mut client).await;
    assert!(
        matches!(&done(&events).output[0], Item::FunctionCall { name, .. } if name == "transfer_to_human")
    );
    let events = respond(&mut client).await;
    assert!(
        matches!(&done(&events).output[0], Item::Message { .. }),
        "the words were answered already"
    );
}

#[tokio::test]
async fn a_second_response_is_refused_while_one_runs_but_not_beside_the_conversation() {
    let server = start(RealtimeScript::default().reply(Reply::nothing())).await;
    let mut client = Client::configured(&server, telephone()).await;
    client.send(json!({"type": "response.create"})).await;
    client.until("response.created").await;
    let create = json!({"type": "response.create", "event_id": "r2"});
    assert_eq!(
        client.refused(create).await.0,
        "conversation_already_has_active_response"
    );
    client.send(json!({"type": "response.create", "response": {"conversation": "none", "output_modalities": ["text"], "metadata": {"job": "summary"}}})).await;
    let events = client.until("response.done").await;
    let response = done(&events);
    assert_eq!(response.conversation_id, None);
    assert_eq!(
        response
            .metadata
            .as_ref()
            .and_then(|metadata| metadata.get("job"))
            .map(String::as_str),
        Some("summary")
    );
    assert!(!kinds(&events).contains(&"conversation.item.added".to_owned()));
    assert!(kinds(&events).contains(&"response.output_text.delta".to_owned()));
}

#[tokio::test]
async fn a_failed_response_is_no_error_event() {
    let script = RealtimeScript::default()
        .reply(Reply::failed("rate_limit_exceeded", "Slow down."))
        .reply(Reply::ladder(200).ending_incomplete(ResponseReason::MaxOutputTokens));
    let server = start(script).await;
    let mut client = Client::configured(&server, telephone()).await;
    let events = respond(&mut client).await;
    let details = done(&events).status_details.clone().expect("details");
    assert_eq!(
        details.error.and_then(|error| error.code).as_deref(),
        Some("rate_limit_exceeded")
    );
    assert_eq!(kinds(&events), ["response.created", "response.done"]);
    let events = respond(&mut client).await;
    assert_eq!(done(&events).status, ResponseStatus::Incomplete);
    assert_eq!(server.with_log(|log| log.sent_count(1, "error")), 0);
}

#[tokio::test]
async fn usage_grows_with_the_conversation_and_counts_audio_by_time() {
    let server = start(RealtimeScript::default().otherwise(Reply::ladder(1_000))).await;
    let mut client = Client::configured(&server, telephone()).await;
    let first = done(&respond(&mut client).await).usage.expect("usage");
    assert_eq!(first.output_token_details.audio_tokens, 20, "one per 50 ms");
    let second = done(&respond(&mut client).await).usage.expect("usage");
    assert!(
        second.input_token_details.audio_tokens >= 20,
        "the first reply is read again"
    );
    assert_eq!(
        second.total_tokens,
        second.input_tokens + second.output_tokens
    );
    assert!(second.input_token_details.cached_tokens <= second.input_token_details.text_tokens);
}

#[tokio::test]
async fn the_voice_is_locked_once_something_was_said() {
    let server = start(RealtimeScript::default()).await;
    let mut client = Client::configured(&server, telephone()).await;
    let update = |voice: &str| json!({"type": "session.update", "session": {"type": "realtime", "audio": {"output": {"voice": voice}}}});
    client.send(update("marin")).await;
    client.until("session.updated").await;
    respond(&mut client).await;
    assert_eq!(
        client.refused(update("cedar")).await.0,
        "cannot_update_voice"
    );
    client.send(update("marin")).await;
    client.until("session.updated").await;
}
