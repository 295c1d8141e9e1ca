//! Reading and writing the messages of both sides, over the sequences of protocol section 6.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};
use switchboard_wire::openai::{
    ClientEvent, ContentPart, Item, Response, ResponseStatus, SERVER_EVENT_TYPES, ServerEvent,
    ServerMessage, TranscriptionUsage, WireError, code, parse_client_event, parse_server_event,
};

const SEQUENCES: &[&str] = &[
    include_str!("fixtures/openai/audio_turn.json"),
    include_str!("fixtures/openai/connect.json"),
    include_str!("fixtures/openai/function_call_turn.json"),
    include_str!("fixtures/openai/housekeeping.json"),
    include_str!("fixtures/openai/idle_timeout.json"),
    include_str!("fixtures/openai/interrupted_turn.json"),
    include_str!("fixtures/openai/mcp_turn.json"),
    include_str!("fixtures/openai/out_of_band.json"),
    include_str!("fixtures/openai/text_turn.json"),
    include_str!("fixtures/openai/webrtc_playback.json"),
];

/// Every sample event of one side.
fn samples(side: &str) -> Vec<Value> {
    SEQUENCES
        .iter()
        .flat_map(|text| serde_json::from_str::<Vec<Value>>(text).expect("fixtures are JSON"))
        .filter(|sample| sample["from"] == side)
        .map(|mut sample| sample["event"].take())
        .collect()
}

fn refusal(message: &Value) -> WireError {
    parse_client_event(&message.to_string()).expect_err("must be refused")
}

fn check_refused(message: Value, code: &str, param: &str) {
    let error = refusal(&message);
    assert_eq!(
        (error.code, error.param.as_deref()),
        (code, Some(param)),
        "{message}"
    );
}

#[test]
fn every_sample_server_event_is_typed_and_survives_a_round_trip() {
    let mut seen = BTreeSet::new();
    for sample in samples("server") {
        let read = parse_server_event(sample.to_string().as_bytes()).expect("sample reads");
        assert!(!matches!(read.event, ServerEvent::Unknown(_)), "{sample}");
        let again = parse_server_event(read.to_json().as_bytes()).expect("our own form reads");
        assert_eq!(read, again);
        seen.insert(sample["type"].as_str().expect("typed").to_owned());
    }
    assert_eq!(seen.len(), 46);
    assert_eq!(
        seen,
        SERVER_EVENT_TYPES.iter().map(ToString::to_string).collect()
    );
}

#[test]
fn what_we_write_as_a_server_holds_every_field_of_the_sample() {
    for sample in samples("server") {
        let read = parse_server_event(sample.to_string().as_bytes()).expect("sample reads");
        let written: Value = serde_json::from_str(&read.to_json()).expect("JSON");
        check_contains(&written, &sample, "");
    }
}

/// Numbers may gain a decimal point where the protocol has numbers; nulls may be left out.
fn check_contains(written: &Value, sample: &Value, path: &str) {
    match (written, sample) {
        (Value::Object(written), Value::Object(sample)) => {
            for (name, value) in sample.iter().filter(|(_, value)| !value.is_null()) {
                let found = written
                    .get(name)
                    .unwrap_or_else(|| panic!("{path}.{name} is lost"));
                check_contains(found, value, &format!("{path}.{name}"));
            }
            for name in written.keys() {
                assert!(sample.contains_key(name), "{path}.{name} is invented");
            }
        }
        (Value::Array(written), Value::Array(sample)) => {
            assert_eq!(written.len(), sample.len(), "{path}");
            written
                .iter()
                .zip(sample)
                .for_each(|(a, b)| check_contains(a, b, path));
        }
        (Value::Number(a), Value::Number(b)) => {
            assert_eq!(a.is_f64(), b.is_f64(), "{path} changed its kind");
            assert_eq!(a.as_f64(), b.as_f64(), "{path}");
        }
        _ => assert_eq!(written, sample, "{path}"),
    }
}

#[test]
fn every_sample_client_event_is_accepted_and_survives_a_round_trip() {
    let mut seen = BTreeSet::new();
    for sample in samples("client") {
        let read = parse_client_event(&sample.to_string()).expect("sample is accepted");
        read.check()
            .expect("what we write is what a server accepts");
        let again = parse_client_event(&read.to_json()).expect("our own form is accepted");
        assert_eq!(read, again);
        seen.insert(sample["type"].as_str().expect("typed").to_owned());
    }
    assert_eq!(seen.len(), 11);
}

#[test]
fn a_client_is_told_the_code_and_the_dotted_path() {
    check_refused(
        json!({"type": "session.update"}),
        code::MISSING_REQUIRED_PARAMETER,
        "session",
    );
    check_refused(
        json!({"type": "session.update", "session": {"voice": "ash"}}),
        code::MISSING_REQUIRED_PARAMETER,
        "session.type",
    );
    check_refused(
        json!({"type": "session.update", "session": {"type": "realtime", "voice": "ash"}}),
        code::UNKNOWN_PARAMETER,
        "session.voice",
    );
    check_refused(
        json!({"type": "response.create", "response": {"modalities": ["audio"]}}),
        code::UNKNOWN_PARAMETER,
        "response.modalities",
    );
    check_refused(
        json!({"type": "response.make"}),
        code::INVALID_VALUE,
        "type",
    );
    check_refused(
        json!({"type": "response.cancel", "now": true}),
        code::UNKNOWN_PARAMETER,
        "now",
    );
    check_refused(
        json!({"type": "conversation.item.truncate", "item_id": "item_1", "content_index": 0, "audio_end_ms": 12.5}),
        code::INVALID_TYPE,
        "audio_end_ms",
    );
    check_refused(
        json!({"type": "conversation.item.truncate", "item_id": "item_1", "content_index": 0, "audio_end_ms": -1}),
        code::INTEGER_BELOW_MIN_VALUE,
        "audio_end_ms",
    );
    check_refused(
        json!({"type": "input_audio_buffer.append", "audio": 7}),
        code::INVALID_TYPE,
        "audio",
    );
}

/// LiveKit's plugin sends `"instructions":null`.
#[test]
fn null_means_absent_in_every_field_of_a_response_request() {
    let names = [
        "instructions",
        "output_modalities",
        "audio",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "reasoning",
        "max_output_tokens",
        "prompt",
        "metadata",
        "conversation",
        "input",
    ];
    let nulls: serde_json::Map<String, Value> = names
        .map(|name| (name.to_owned(), Value::Null))
        .into_iter()
        .collect();
    let message = json!({"type": "response.create", "response": nulls}).to_string();
    let event = parse_client_event(&message).expect("accepted").event;
    assert_eq!(
        event,
        ClientEvent::ResponseCreate {
            response: Some(Box::default())
        }
    );
}

#[test]
fn a_client_that_sends_no_json_or_no_type_is_told_so() {
    let not_json = parse_client_event("{\"type\":").expect_err("not JSON");
    assert_eq!(not_json.code, code::INVALID_JSON);
    assert_eq!(refusal(&json!([1])).code, code::INVALID_EVENT);
    let untyped = refusal(&json!({"event_id": "e7"}));
    assert_eq!(
        (untyped.code, untyped.event_id.as_deref()),
        (code::INVALID_EVENT, Some("e7"))
    );
}

#[test]
fn a_refusal_names_the_client_event_and_quotes_little_of_it() {
    let long_word = "x".repeat(100_000);
    let error = refusal(&json!({"type": long_word, "event_id": "e1"}));
    assert_eq!(error.event_id.as_deref(), Some("e1"));
    assert!(error.message.len() < 600);
    let error = refusal(&json!({"type": "response.cancel", "event_id": "e".repeat(513)}));
    assert_eq!(
        (error.param.as_deref(), error.event_id),
        (Some("event_id"), None)
    );
}

#[test]
fn beta_content_types_of_a_client_are_refused() {
    let item = |role: &str, part: Value| json!({"type": "conversation.item.create", "item": {"type": "message", "role": role, "content": [part]}});
    for (role, kind) in [
        ("user", "text"),
        ("system", "text"),
        ("assistant", "text"),
        ("assistant", "audio"),
    ] {
        check_refused(
            item(role, json!({"type": kind, "text": "hi"})),
            code::INVALID_VALUE,
            "item.content[0].type",
        );
    }
    check_refused(
        item(
            "assistant",
            json!({"type": "output_audio", "transcript": "hi"}),
        ),
        code::MISSING_REQUIRED_PARAMETER,
        "item.content[0].text",
    );
    check_refused(
        item("assistant", json!({"type": "output_audio", "text": "hi"})),
        code::INVALID_VALUE,
        "item.content[0].type",
    );
    check_refused(
        json!({"type": "conversation.item.create", "item": {"type": "item_reference", "id": "item_1"}}),
        code::INVALID_VALUE,
        "item.type",
    );
}

#[test]
fn beta_content_types_of_a_server_are_understood_but_never_written() {
    let read: ContentPart =
        serde_json::from_value(json!({"type": "audio", "transcript": "hi"})).expect("reads");
    assert_eq!(
        read,
        ContentPart::OutputAudio {
            audio: None,
            transcript: Some("hi".into())
        }
    );
    let written = serde_json::to_value(&read).expect("writes");
    assert_eq!(written["type"], "output_audio");
}

#[test]
fn a_server_may_grow_new_events_fields_and_words() {
    let unknown = parse_server_event(br#"{"type":"response.sung","event_id":"e","key":1}"#)
        .expect("tolerated");
    assert_eq!(unknown.event_id.as_deref(), Some("e"));
    assert!(matches!(unknown.event, ServerEvent::Unknown(event) if event.kind == "response.sung"));

    let mut sample = samples("server")
        .into_iter()
        .find(|s| s["type"] == "response.done")
        .expect("sample");
    sample["mood"] = json!({"deep": [1]});
    sample["response"]["status"] = json!("postponed");
    sample["response"]["output"][0]["content"][0] = json!({"type": "hologram"});
    sample["response"]["usage"]["joules"] = json!(3);
    let read = parse_server_event(sample.to_string().as_bytes()).expect("tolerated");
    let ServerEvent::ResponseDone { response } = read.event else {
        panic!("typed")
    };
    assert_eq!(response.status, ResponseStatus::Unknown);
    assert!(
        matches!(&response.output[0], Item::Message { content, .. } if content == &[ContentPart::Unknown])
    );
}

#[test]
fn a_session_with_a_field_of_a_new_shape_keeps_the_rest() {
    let mut sample = samples("server")
        .into_iter()
        .find(|s| s["type"] == "session.created")
        .expect("sample");
    sample["session"]["truncation"] = json!({"type": "summary"});
    sample["session"]["audio"]["input"]["turn_detection"] = json!({"type": "gaze_vad"});
    sample["session"]["max_output_tokens"] = json!("many");
    let read = parse_server_event(sample.to_string().as_bytes()).expect("tolerated");
    let ServerEvent::SessionCreated { session } = read.event else {
        panic!("typed")
    };
    assert_eq!(session.id, "sess_001");
    assert_eq!(
        session
            .audio
            .input
            .turn_detection
            .map(|detection| detection.interrupts()),
        Some(false)
    );
}

#[test]
fn a_known_event_without_its_fields_is_an_error_not_an_unknown_event() {
    let error =
        parse_server_event(br#"{"type":"response.done","event_id":"e"}"#).expect_err("malformed");
    assert!(error.to_string().contains("response.done"), "{error}");
    assert!(parse_server_event(b"[]").is_err());
}

#[test]
fn a_status_is_never_null_on_the_wire() {
    let item = Item::input_text(switchboard_wire::openai::Role::User, "hi");
    assert_eq!(
        serde_json::to_value(&item).expect("writes"),
        json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]})
    );
}

#[test]
fn an_error_becomes_an_error_event_with_all_five_fields() {
    let error = refusal(&json!({"type": "response.cancel", "event_id": "e1", "now": 1}));
    let message = ServerMessage::new("event_1".into(), error.to_event());
    let written: Value = serde_json::from_str(&message.to_json()).expect("JSON");
    assert_eq!(
        written,
        json!({"type": "error", "event_id": "event_1", "error": {"type": "invalid_request_error",
            "code": "unknown_parameter", "message": "Unknown parameter: 'now'.", "param": "now", "event_id": "e1"}})
    );
}

#[test]
fn harmless_errors_are_told_from_the_others() {
    for (code, is_benign) in [
        ("response_cancel_not_active", true),
        ("conversation_already_has_active_response", true),
        ("input_audio_buffer_commit_empty", true),
        ("unsupported_content_type", true),
        ("unknown_parameter", false),
        ("session_expired", false),
    ] {
        let text = json!({"type": "error", "event_id": "e", "error": {"type": "x", "code": code, "message": "m"}});
        let read = parse_server_event(text.to_string().as_bytes()).expect("reads");
        let ServerEvent::Error { error } = read.event else {
            panic!("typed")
        };
        assert_eq!(error.is_benign(), is_benign, "{code}");
    }
}

#[test]
fn usage_of_the_price_check_vector_reads_exactly() {
    let done = samples("server")
        .into_iter()
        .find(|s| s["type"] == "response.done")
        .expect("sample");
    let response: Response = serde_json::from_value(done["response"].clone()).expect("reads");
    let usage = response.usage.expect("usage");
    assert_eq!(
        (
            usage.input_token_details.text_tokens,
            usage.input_token_details.audio_tokens
        ),
        (119, 13)
    );
    assert_eq!(
        usage.input_token_details.cached_tokens_details.text_tokens,
        64
    );
    assert_eq!(
        (
            usage.output_token_details.text_tokens,
            usage.output_token_details.audio_tokens
        ),
        (30, 91)
    );
    let new: TranscriptionUsage =
        serde_json::from_value(json!({"type": "credits", "n": 1})).expect("tolerated");
    assert_eq!(new, TranscriptionUsage::Unknown);
}

#[test]
fn a_deeply_nested_or_huge_message_is_refused_without_harm() {
    let nested = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(parse_client_event(&nested).is_err());
    let many: Vec<Value> = (0..2_000)
        .map(|_| json!({"type": "input_text", "text": ""}))
        .collect();
    check_refused(
        json!({"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": many}}),
        code::INVALID_VALUE,
        "item.content",
    );
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z_.]{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["realtime", "auto", "message", "inf", "server_vad"])
            .prop_map(Value::from),
    ];
    let names = prop::sample::select(vec![
        "type", "session", "audio", "input", "output", "format", "item", "content", "role", "id",
        "x",
    ]);
    leaf.prop_recursive(4, 32, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse_server_event(&bytes);
        let _ = parse_client_event(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn a_sample_with_one_field_replaced_never_panics_and_what_passes_is_typed(
        index in any::<prop::sample::Index>(),
        pick in any::<prop::sample::Index>(),
        value in any_json(),
    ) {
        let mut client = samples("client").swap_remove(index.index(samples("client").len()));
        replace_one(&mut client, pick, value.clone());
        if let Err(error) = parse_client_event(&client.to_string()) {
            // The types never refuse what the schema let through.
            prop_assert!(error.param.is_some() || error.code == code::INVALID_EVENT, "{} {}", client, error);
        }
        let mut server = samples("server").swap_remove(index.index(samples("server").len()));
        replace_one(&mut server, pick, value);
        let _ = parse_server_event(server.to_string().as_bytes());
    }

    #[test]
    fn texts_of_any_kind_survive_a_round_trip(text in any::<String>(), id in "[ -~]{0,40}") {
        let sent = ClientEvent::ConversationItemCreate { item: Item::tool_result(id.clone(), text), previous_item_id: Some(id) };
        let sent = switchboard_wire::openai::ClientMessage::from(sent);
        prop_assert_eq!(parse_client_event(&sent.to_json()), Ok(sent));
    }
}

/// Replaces one leaf or branch somewhere below the top.
fn replace_one(value: &mut Value, pick: prop::sample::Index, new: Value) {
    let mut paths = Vec::new();
    collect_paths(value, String::new(), &mut paths);
    let path = &paths[pick.index(paths.len())];
    *value.pointer_mut(path).expect("a collected path exists") = new;
}

fn collect_paths(value: &Value, path: String, paths: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map {
                collect_paths(inner, format!("{path}/{name}"), paths);
            }
        }
        Value::Array(values) => {
            for (index, inner) in values.iter().enumerate() {
                collect_paths(inner, format!("{path}/{index}"), paths);
            }
        }
        _ => {}
    }
    paths.push(path);
}
