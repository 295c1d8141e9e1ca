//! What takes minutes on a socket takes none here: time is moved.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{Engine, Output};
use crate::realtime::reply::Reply;
use crate::realtime::script::{RealtimeScript, VoiceDetection};
use crate::realtime::server::Recorder;

/// More wake-ups than any of these sessions needs.
const WAKES_MAX: usize = 1_000;

fn engine(script: RealtimeScript, now: Instant) -> Engine {
    let script = script.hearing_by(VoiceDetection::Level {
        threshold_dbfs: -40.0,
    });
    let recorder = Recorder::alone(script.clone());
    let mut engine = Engine::new(
        Arc::new(script),
        recorder,
        "gpt-test".to_owned(),
        [7; 16],
        1_700_000_000,
        now,
    );
    engine.wake(now);
    engine
}

/// Types of everything sent, with `close` and `drop` for the ends.
fn drained(engine: &mut Engine) -> Vec<String> {
    std::iter::from_fn(|| engine.poll())
        .map(|output| match output {
            Output::Text(text) => super::kind_of(&text),
            Output::Close(code, _) => format!("close {code}"),
            Output::Drop => "drop".to_owned(),
            Output::StopReading => "stop reading".to_owned(),
        })
        .collect()
}

/// Lets time pass up to `until`, waking when asked; answers with what was sent.
fn pass(engine: &mut Engine, until: Instant) -> Vec<String> {
    let mut sent = drained(engine);
    for _ in 0..WAKES_MAX {
        let Some(wake) = engine.next_wake().filter(|wake| *wake <= until) else {
            return sent;
        };
        engine.wake(wake);
        sent.extend(drained(engine));
    }
    panic!("the session wakes for ever");
}

fn idle_after_5_s(engine: &mut Engine, now: Instant) {
    let update = json!({"type": "session.update", "session": {"type": "realtime", "audio": {"input": {
        "turn_detection": {"type": "server_vad", "idle_timeout_ms": 5_000}}}}});
    engine.handle_text(now, &update.to_string());
}

#[test]
fn the_idle_timeout_speaks_up_after_playback_and_not_before() {
    let now = Instant::now();
    let mut engine = engine(
        RealtimeScript::default().otherwise(Reply::ladder(4_000)),
        now,
    );
    idle_after_5_s(&mut engine, now);
    engine.handle_text(now, r#"{"type":"response.create"}"#);
    let before = pass(&mut engine, now + Duration::from_millis(8_990));
    assert!(before.contains(&"response.done".to_owned()));
    assert!(
        !before.contains(&"input_audio_buffer.timeout_triggered".to_owned()),
        "4 s of playback, then 5 s"
    );
    let after = pass(&mut engine, now + Duration::from_millis(9_010));
    assert_eq!(
        after[..5],
        [
            "input_audio_buffer.timeout_triggered",
            "input_audio_buffer.committed",
            "conversation.item.added",
            "conversation.item.done",
            "response.created",
        ]
    );
}

#[test]
fn a_caller_who_speaks_stops_the_idle_timeout() {
    let now = Instant::now();
    let mut engine = engine(RealtimeScript::default(), now);
    idle_after_5_s(&mut engine, now);
    engine.handle_text(now, r#"{"type":"response.create"}"#);
    pass(&mut engine, now + Duration::from_secs(3));
    let loud = vec![0x30_u8; 48 * 200];
    let base64 = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, loud);
    let append = json!({"type": "input_audio_buffer.append", "audio": base64}).to_string();
    engine.handle_text(now + Duration::from_secs(3), &append);
    let sent = pass(&mut engine, now + Duration::from_secs(60));
    assert!(
        sent.contains(&"input_audio_buffer.speech_started".to_owned()),
        "{sent:?}"
    );
    assert!(!sent.contains(&"input_audio_buffer.timeout_triggered".to_owned()));
}

#[test]
fn a_session_ends_after_an_hour_with_1001() {
    let now = Instant::now();
    let mut engine = engine(RealtimeScript::default(), now);
    let sent = pass(&mut engine, now + Duration::from_secs(3_599));
    assert_eq!(sent, ["session.created"]);
    assert_eq!(
        pass(&mut engine, now + Duration::from_secs(3_600)),
        ["close 1001"]
    );
}

#[test]
fn a_stalled_response_never_wakes_the_session_again() {
    let now = Instant::now();
    let mut engine = engine(
        RealtimeScript::default().reply(Reply::ladder(2_000).stalling_at(600)),
        now,
    );
    engine.handle_text(now, r#"{"type":"response.create"}"#);
    let sent = pass(&mut engine, now + Duration::from_secs(3_000));
    assert_eq!(
        sent.iter()
            .filter(|kind| *kind == "response.output_audio.delta")
            .count(),
        3
    );
    assert!(!sent.contains(&"response.done".to_owned()));
}
