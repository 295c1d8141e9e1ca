//! `session.update`: what merges, what is fixed, and that a refused update changes nothing.

use serde_json::{Value, json};
use switchboard_wire::openai::{
    AudioFormat, ClientEvent, Session, SessionState, SessionUpdate, TurnDetection, Voice,
    WireError, code, parse_client_event,
};

fn update(session: Value) -> Result<SessionUpdate, WireError> {
    let message = json!({"type": "session.update", "session": session}).to_string();
    match parse_client_event(&message)?.event {
        ClientEvent::SessionUpdate { session } => Ok(*session),
        other => panic!("not an update: {other:?}"),
    }
}

fn session() -> Session {
    Session {
        model: "medspa".to_owned(),
        ..Session::default()
    }
}

fn applied(mut start: Session, session: Value) -> Session {
    let update = update(session).expect("valid");
    start
        .apply(&update, SessionState::default())
        .expect("applies");
    start
}

fn check_refused(session: Value, code: &str, param: &str) {
    let error = update(session.clone()).expect_err("must be refused");
    assert_eq!(
        (error.code, error.param.as_deref()),
        (code, Some(param)),
        "{session}"
    );
}

#[test]
fn the_default_is_the_live_default_of_the_provider() {
    let written = serde_json::to_value(session()).expect("writes");
    assert_eq!(
        written["audio"],
        json!({"input": {"format": {"type": "audio/pcm", "rate": 24000}, "transcription": null, "noise_reduction": null,
            "turn_detection": {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 200,
                "idle_timeout_ms": null, "create_response": true, "interrupt_response": true}},
            "output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy", "speed": 1.0}})
    );
    assert_eq!(
        (&written["max_output_tokens"], &written["tool_choice"]),
        (&json!("inf"), &json!("auto"))
    );
    assert!(written["tracing"].is_null() && written.get("reasoning").is_none());
}

#[test]
fn nested_fields_merge_and_the_rest_stays() {
    let after = applied(
        session(),
        json!({"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcmu"},
            "turn_detection": {"type": "server_vad", "silence_duration_ms": 600}}}}),
    );
    assert_eq!(after.audio.input.format, AudioFormat::Pcmu);
    assert_eq!(after.audio.output.format, AudioFormat::default());
    let Some(TurnDetection::ServerVad(vad)) = after.audio.input.turn_detection else {
        panic!("kind stays")
    };
    assert_eq!(
        (
            vad.silence_duration_ms,
            vad.prefix_padding_ms,
            vad.interrupt_response
        ),
        (600, 300, true)
    );
}

#[test]
fn null_clears_what_is_nullable_and_absence_keeps_it() {
    let with = applied(
        session(),
        json!({"type": "realtime", "audio": {"input": {"transcription": {"model": "gpt-transcribe"}, "noise_reduction": {"type": "far_field"}}}}),
    );
    let kept = applied(
        with.clone(),
        json!({"type": "realtime", "audio": {"input": {}}}),
    );
    assert_eq!(kept, with);
    let merged = applied(
        with.clone(),
        json!({"type": "realtime", "audio": {"input": {"transcription": {"languages": ["sw"]}}}}),
    );
    let transcription = merged.audio.input.transcription.expect("kept");
    assert_eq!(
        (transcription.model.as_deref(), transcription.languages),
        (Some("gpt-transcribe"), Some(vec!["sw".to_owned()]))
    );
    let cleared = applied(
        with,
        json!({"type": "realtime", "audio": {"input": {"transcription": null, "noise_reduction": null, "turn_detection": null}}}),
    );
    assert_eq!(cleared.audio.input.transcription, None);
    assert_eq!(cleared.audio.input.noise_reduction, None);
    assert_eq!(cleared.audio.input.turn_detection, None);
}

#[test]
fn another_kind_of_turn_detection_starts_from_its_own_defaults() {
    let after = applied(
        session(),
        json!({"type": "realtime", "audio": {"input": {"turn_detection": {"type": "semantic_vad", "interrupt_response": false}}}}),
    );
    let Some(detection) = after.audio.input.turn_detection else {
        panic!("set")
    };
    assert!(!detection.interrupts() && detection.creates_responses());
}

#[test]
fn a_voice_is_locked_after_the_first_audio_but_may_be_repeated() {
    let mut session = session();
    let locked = SessionState {
        voice_locked: true,
        ..SessionState::default()
    };
    let same = update(json!({"type": "realtime", "audio": {"output": {"voice": "alloy"}}}))
        .expect("valid");
    session.apply(&same, locked).expect("an echo is no change");
    let other = update(
        json!({"type": "realtime", "instructions": "x", "audio": {"output": {"voice": "marin"}}}),
    )
    .expect("valid");
    let before = session.clone();
    let error = session.apply(&other, locked).expect_err("locked");
    assert_eq!(
        (error.code, error.param.as_deref()),
        (
            code::CANNOT_UPDATE_VOICE,
            Some("session.audio.output.voice")
        )
    );
    assert_eq!(session, before, "all or nothing");
    session
        .apply(&other, SessionState::default())
        .expect("not locked");
    assert_eq!(session.audio.output.voice, Voice::Name("marin".to_owned()));
}

#[test]
fn model_kind_and_enabled_tracing_are_fixed() {
    let mut session = session();
    for (update_json, param) in [
        (
            json!({"type": "realtime", "model": "other", "instructions": "x"}),
            "session.model",
        ),
        (json!({"type": "transcription"}), "session.type"),
    ] {
        let before = session.clone();
        let error = session
            .apply(
                &update(update_json).expect("valid"),
                SessionState::default(),
            )
            .expect_err("fixed");
        assert_eq!(error.param.as_deref(), Some(param));
        assert_eq!(session, before);
    }
    session = applied(
        session,
        json!({"type": "realtime", "model": "medspa", "tracing": "auto"}),
    );
    let off = update(json!({"type": "realtime", "tracing": null})).expect("valid");
    assert!(session.apply(&off, SessionState::default()).is_err());
}

/// The OpenAI agents SDK names its own default model in every update.
#[test]
fn another_model_is_ignored_where_the_server_chooses_it() {
    let mut session = session();
    let other =
        update(json!({"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "x"}))
            .expect("valid");
    let state = SessionState {
        model_ignored: true,
        ..SessionState::default()
    };
    session.apply(&other, state).expect("the rest applies");
    assert_eq!((&*session.model, &*session.instructions), ("medspa", "x"));
}

#[test]
fn numbers_outside_their_bounds_are_refused_with_the_path() {
    let input = |field: Value| json!({"type": "realtime", "audio": {"input": field}});
    let vad = |field: &str, value: Value| {
        input(json!({"turn_detection": {"type": "server_vad", field: value}}))
    };
    let below = code::INTEGER_BELOW_MIN_VALUE;
    let above = code::INTEGER_ABOVE_MAX_VALUE;
    let path = "session.audio.input.turn_detection";
    check_refused(
        input(json!({"format": {"type": "audio/pcm", "rate": 16000}})),
        below,
        "session.audio.input.format.rate",
    );
    check_refused(
        vad("idle_timeout_ms", json!(4_999)),
        below,
        &format!("{path}.idle_timeout_ms"),
    );
    check_refused(
        vad("idle_timeout_ms", json!(30_001)),
        above,
        &format!("{path}.idle_timeout_ms"),
    );
    check_refused(
        vad("threshold", json!(1.5)),
        above,
        &format!("{path}.threshold"),
    );
    check_refused(
        vad("eagerness", json!("low")),
        code::UNKNOWN_PARAMETER,
        &format!("{path}.eagerness"),
    );
    check_refused(
        json!({"type": "realtime", "max_output_tokens": 0}),
        below,
        "session.max_output_tokens",
    );
    check_refused(
        json!({"type": "realtime", "max_output_tokens": 4_097}),
        above,
        "session.max_output_tokens",
    );
    check_refused(
        json!({"type": "realtime", "max_output_tokens": "much"}),
        code::INVALID_VALUE,
        "session.max_output_tokens",
    );
    check_refused(
        json!({"type": "realtime", "audio": {"output": {"speed": 9}}}),
        above,
        "session.audio.output.speed",
    );
    check_refused(
        json!({"type": "realtime", "output_modalities": ["audio", "text"]}),
        code::INVALID_VALUE,
        "session.output_modalities",
    );
    check_refused(
        json!({"type": "realtime", "truncation": {"type": "retention_ratio", "retention_ratio": 1.1}}),
        above,
        "session.truncation.retention_ratio",
    );
    check_refused(
        json!({"type": "realtime", "tools": [{"type": "function", "name": "a", "strict": true}]}),
        code::UNKNOWN_PARAMETER,
        "session.tools[0].strict",
    );
    check_refused(
        json!({"type": "realtime", "instructions": null}),
        code::INVALID_TYPE,
        "session.instructions",
    );
    check_refused(
        json!({"type": "realtime", "temperature": 0.8}),
        code::UNKNOWN_PARAMETER,
        "session.temperature",
    );
}

#[test]
fn response_metadata_is_bounded() {
    let create = |metadata: Value| {
        parse_client_event(
            &json!({"type": "response.create", "response": {"metadata": metadata}}).to_string(),
        )
    };
    assert!(create(json!({"k": "v".repeat(512)})).is_ok());
    assert_eq!(
        create(json!({"k": "v".repeat(513)}))
            .expect_err("long value")
            .param
            .as_deref(),
        Some("response.metadata.k")
    );
    assert!(create(json!({"k".repeat(65): "v"})).is_err());
    let many: serde_json::Map<String, Value> =
        (0..17).map(|n| (n.to_string(), json!(""))).collect();
    assert!(create(Value::Object(many)).is_err());
    assert!(create(json!({"k": 1})).is_err());
}

/// S7: what a credential may change is decided by the names of the fields present.
#[test]
fn s7_an_update_lists_exactly_the_fields_it_touches() {
    let touched = update(json!({"type": "realtime", "instructions": "x", "tracing": null,
        "audio": {"output": {"voice": "ash"}, "input": {"turn_detection": null, "format": {"type": "audio/pcmu"}}}}))
    .expect("valid")
    .fields();
    assert_eq!(
        touched,
        [
            "audio.input.format",
            "audio.input.turn_detection",
            "audio.output.voice",
            "instructions",
            "tracing"
        ]
    );
    assert!(
        update(json!({"type": "realtime"}))
            .expect("valid")
            .fields()
            .is_empty()
    );
}

#[test]
fn a_millisecond_has_48_bytes_of_pcm_and_8_of_g711() {
    assert_eq!(AudioFormat::default().bytes_per_ms(), 48);
    assert_eq!(AudioFormat::Pcmu.bytes_per_ms(), 8);
    assert_eq!(AudioFormat::Pcma.bytes_per_ms(), 8);
}
