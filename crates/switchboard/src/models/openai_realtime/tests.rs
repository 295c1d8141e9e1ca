//! The adapter against a vendor that is played by hand over loopback.

use std::sync::Arc;

use std::future::poll_fn;
use std::time::Duration;

use serde_json::{Value, json};
use switchboard_call::input::{ReplyDone, ReplyOutcome};
use switchboard_media::frame::AudioFormat;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::config::{LimitsSettings, ModelPrices, Secret};
use crate::socket::{Io, SocketLimits};

/// Far more than loopback needs, so that a hang fails instead of standing.
const PATIENCE: Duration = Duration::from_secs(10);

fn configured() -> OpenAiSetup {
    let mut setup = setup();
    setup.configure(Vec::new());
    setup
}

fn setup() -> OpenAiSetup {
    let format = AudioFormat::Ulaw8k;
    OpenAiSetup {
        url: String::new(),
        api_key: Secret::new("sk-test"),
        model: "a-model".to_owned(),
        voice: "marin".to_owned(),
        instructions: "Be kind.".to_owned(),
        update: String::new(),
        formats: ModelFormats {
            input: format,
            output: format,
        },
        transcription_model: Some("ears".to_owned()),
        languages: vec!["en".to_owned()],
        threshold: 0.5,
        prefix_padding_ms: 300,
        silence_ms: 600,
        connect_time_max: PATIENCE,
        socket_limits: SocketLimits::model(&LimitsSettings::default()),
        prices: ModelPrices {
            audio_out: 64_000_000,
            ..ModelPrices::default()
        },
        transcription_prices: ModelPrices {
            audio_in: 10_000_000,
            ..ModelPrices::default()
        },
        is_direct: false,
    }
}

/// A session that the vendor has not said a word to, and the vendor's end of it.
async fn connected() -> (OpenAiRealtime, WebSocket) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (accepted, connected) = tokio::join!(listener.accept(), TcpStream::connect(address));
    let limits = setup().socket_limits;
    let vendor = WebSocket::server(accepted.unwrap().0, None, &[], limits);
    let ours = WebSocket::client(Io::Plain(connected.unwrap()), &[], limits);
    let model = OpenAiRealtime::over(ours, Arc::new(configured()), Vec::new(), 0);
    (model, vendor)
}

/// A session that is ready, and the vendor's end of it.
async fn ready() -> (OpenAiRealtime, WebSocket) {
    let (mut model, mut vendor) = connected().await;
    let session = json!({"type": "realtime"});
    say(
        &mut vendor,
        &json!({"type": "session.created", "event_id": "e", "session": session}),
    )
    .await;
    say(
        &mut vendor,
        &json!({"type": "session.updated", "event_id": "e", "session": session}),
    )
    .await;
    assert_eq!(next(&mut model).await, FromModel::Ready);
    assert_eq!(heard(&mut vendor).await["type"], "session.update");
    (model, vendor)
}

async fn say(vendor: &mut WebSocket, event: &Value) {
    vendor.send_text(&event.to_string());
    vendor.flush().await.expect("open");
}

async fn heard(vendor: &mut WebSocket) -> Value {
    let message = tokio::time::timeout(PATIENCE, vendor.next()).await;
    let Message::Text(text) = message.expect("in time").expect("open") else {
        panic!("no text");
    };
    serde_json::from_slice(text.as_bytes()).expect("JSON")
}

/// The next event; lines of the ledger are passed over.
async fn next(model: &mut OpenAiRealtime) -> FromModel {
    loop {
        let next = poll_fn(|context| model.poll_next(context));
        match tokio::time::timeout(PATIENCE, next).await {
            Ok(ModelEvent::Event(event)) => return event,
            Ok(ModelEvent::Usage(_) | ModelEvent::Leg(_)) => {}
            Ok(ModelEvent::Audio(_)) => panic!("no audio was sent"),
            Err(_) => panic!("nothing in time"),
        }
    }
}

fn error(code: &str, event_id: Option<&str>) -> Value {
    let error = json!({
        "type": "invalid_request_error", "code": code, "message": "no", "param": null, "event_id": event_id,
    });
    json!({"type": "error", "event_id": "e", "error": error})
}

/// A mark in the stream of events: whatever came before it has been read.
async fn nothing_came(model: &mut OpenAiRealtime, vendor: &mut WebSocket) {
    let mark = json!({
        "type": "input_audio_buffer.speech_stopped", "event_id": "e", "item_id": "item_1", "audio_end_ms": 1,
    });
    say(vendor, &mark).await;
    assert_eq!(next(model).await, FromModel::SpeechStopped);
}

#[tokio::test]
async fn a_refused_request_for_a_reply_fails_it_at_once_instead_of_leaving_it_open() {
    let (mut model, mut vendor) = ready().await;
    model.send(ToModel::Reply { instructions: None });
    model.flush().await;
    let request = heard(&mut vendor).await;
    assert_eq!(request["type"], "response.create");
    let id = request["event_id"].as_str().expect("an id");

    say(&mut vendor, &error("invalid_value", Some("another"))).await;
    say(&mut vendor, &error("invalid_value", None)).await;
    nothing_came(&mut model, &mut vendor).await;

    say(&mut vendor, &error("invalid_value", Some(id))).await;
    let FromModel::ReplyDone(done) = next(&mut model).await else {
        panic!("not the reply's end");
    };
    assert_eq!(done.outcome, ReplyOutcome::Failed(ModelFailure::Protocol));
    say(&mut vendor, &error("invalid_value", Some(id))).await;
    nothing_came(&mut model, &mut vendor).await;
}

/// The configuration is taken whole or not at all, and it is all we have said: whatever is wrong before it is confirmed, the
/// session will not be ours. Refused keys and models come this way too. The vendor may leave the socket open, so neither a
/// close nor the watchdog is waited for.
#[tokio::test]
async fn an_error_before_the_session_is_configured_fails_it_at_once_whatever_its_code() {
    for code in [
        "invalid_value",
        "server_error",
        "response_cancel_not_active",
    ] {
        let (mut model, mut vendor) = connected().await;
        let session = json!({"type": "realtime"});
        let created = json!({"type": "session.created", "event_id": "e", "session": session});
        say(&mut vendor, &created).await;
        say(&mut vendor, &error(code, None)).await;
        let failed = FromModel::Failed(ModelFailure::Refused);
        assert_eq!(next(&mut model).await, failed, "{code}");
        let updated = json!({"type": "session.updated", "event_id": "e", "session": session});
        vendor.send_text(&updated.to_string());
        let _ = vendor.flush().await;
        let late = poll_fn(|context| model.poll_next(context));
        let late = tokio::time::timeout(Duration::ZERO, late).await;
        assert!(
            late.is_err(),
            "a confirmation that comes too late revives nothing"
        );
    }
}

#[tokio::test]
async fn the_loser_of_a_race_ends_no_reply() {
    let (mut model, mut vendor) = ready().await;
    model.send(ToModel::Reply { instructions: None });
    model.flush().await;
    let request = heard(&mut vendor).await;
    let id = request["event_id"].as_str();
    for code in [
        "conversation_already_has_active_response",
        "response_cancel_not_active",
    ] {
        say(&mut vendor, &error(code, id)).await;
    }
    nothing_came(&mut model, &mut vendor).await;
}

#[tokio::test]
async fn m1_hearing_the_caller_counts_with_the_next_reply_and_once() {
    let (mut model, mut vendor) = ready().await;
    let usage =
        json!({"type": "tokens", "input_tokens": 50, "output_tokens": 0, "total_tokens": 50});
    let completed = json!({
        "type": "conversation.item.input_audio_transcription.completed", "event_id": "e",
        "item_id": "item_1", "content_index": 0, "transcript": "hello", "usage": usage,
    });
    say(&mut vendor, &completed).await;
    assert!(matches!(next(&mut model).await, FromModel::CallerWords(_)));
    let done = |id: &str| {
        let usage = json!({
            "total_tokens": 10, "input_tokens": 0, "output_tokens": 10,
            "input_token_details": {"text_tokens": 0, "audio_tokens": 0, "cached_tokens": 0},
            "output_token_details": {"text_tokens": 0, "audio_tokens": 10},
        });
        let response = json!({
            "object": "realtime.response", "id": id, "status": "completed", "output": [], "usage": usage,
        });
        json!({"type": "response.done", "event_id": "e", "response": response})
    };
    for (id, cost) in [("resp_1", 640 + 500), ("resp_2", 640)] {
        say(&mut vendor, &done(id)).await;
        let FromModel::ReplyDone(ReplyDone { cost_micros, .. }) = next(&mut model).await else {
            panic!("not the reply's end");
        };
        assert_eq!(cost_micros, cost, "{id}");
    }
}

#[tokio::test]
async fn a_closed_session_says_goodbye_behind_everything_it_sent() {
    let (mut model, mut vendor) = ready().await;
    model.send(ToModel::CancelReply);
    let closing = tokio::spawn(model.close());
    assert_eq!(heard(&mut vendor).await["type"], "response.cancel");
    let goodbye = tokio::time::timeout(PATIENCE, vendor.next()).await;
    let goodbye = goodbye.expect("in time").expect("open");
    assert!(matches!(
        goodbye,
        Message::Close {
            code: Some(1000),
            ..
        }
    ));
    vendor.send_close(1000, "");
    vendor.flush().await.expect("open");
    let closed = tokio::time::timeout(PATIENCE, closing).await;
    closed.expect("in time").expect("without a panic");
}

/// The bytes of the next append.
async fn appended(vendor: &mut WebSocket) -> Vec<u8> {
    let append = heard(vendor).await;
    assert_eq!(append["type"], "input_audio_buffer.append");
    let audio = append["audio"].as_str().expect("base64");
    STANDARD.decode(audio).expect("base64")
}

#[tokio::test]
async fn a_quiet_line_goes_in_messages_of_100_ms() {
    let (mut model, mut vendor) = ready().await;
    for frame in 0..10 {
        model.gather_audio(&[frame; 160]);
    }
    model.flush().await;
    let first = appended(&mut vendor).await;
    assert_eq!(first.len(), 800);
    assert_eq!((first[0], first[799]), (0, 4));
    assert_eq!(appended(&mut vendor).await.last(), Some(&9));
}

#[tokio::test]
async fn what_was_gathered_goes_before_a_voice_and_before_anything_else_that_is_asked_for() {
    let (mut model, mut vendor) = ready().await;
    model.gather_audio(&[1; 160]);
    model.gather_audio(&[2; 160]);
    model.send_audio(STANDARD.encode([3; 160]).as_bytes());
    model.gather_audio(&[4; 160]);
    model.send(ToModel::CommitTurn);
    model.send_audio(STANDARD.encode([5; 160]).as_bytes());
    model.flush().await;
    let together = [[1; 160], [2; 160], [3; 160]].concat();
    assert_eq!(appended(&mut vendor).await, together);
    assert_eq!(appended(&mut vendor).await, [4; 160]);
    assert_eq!(
        heard(&mut vendor).await["type"],
        "input_audio_buffer.commit"
    );
    assert_eq!(appended(&mut vendor).await, [5; 160]);
}

#[tokio::test]
async fn text_that_is_no_base64_takes_nothing_with_it() {
    let (mut model, mut vendor) = ready().await;
    model.gather_audio(&[1; 160]);
    model.send_audio(b"no base64");
    model.send(ToModel::CommitTurn);
    model.flush().await;
    assert_eq!(appended(&mut vendor).await, [1; 160]);
}
