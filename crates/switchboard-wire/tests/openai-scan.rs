//! The scanners of the two hot messages never disagree with the full parser.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use serde_json::{Value, json};
use switchboard_wire::openai::{
    APPEND_PREFIX, APPEND_SUFFIX, AudioDeltaPrefix, ClientEvent, PartDelta, ServerEvent,
    decode_audio, decoded_len, parse_client_event, parse_server_event, scan_append,
    scan_audio_delta,
};

const DELTA: &str = r#"{"type":"response.output_audio.delta","event_id":"event_1","response_id":"resp_1","item_id":"item_1","output_index":0,"content_index":2,"delta":"AAAA"}"#;

#[test]
fn a_delta_as_the_provider_writes_it_is_scanned() {
    let delta = scan_audio_delta(DELTA.as_bytes()).expect("plain");
    assert_eq!((delta.response_id, delta.item_id), ("resp_1", "item_1"));
    assert_eq!(
        (delta.output_index, delta.content_index, delta.delta_base64),
        (0, 2, &b"AAAA"[..])
    );
}

#[test]
fn an_append_as_the_sdks_write_it_is_scanned() {
    for text in [
        r#"{"type":"input_audio_buffer.append","audio":"AAAA"}"#,
        r#"{"audio":"AAAA","type":"input_audio_buffer.append"}"#,
        r#"{"type": "input_audio_buffer.append", "audio": "AAAA", "event_id": "event_9"} "#,
    ] {
        assert_eq!(scan_append(text.as_bytes()), Some(&b"AAAA"[..]), "{text}");
    }
}

#[test]
fn anything_unusual_is_left_to_the_full_parser() {
    for text in [
        r#"{"type":"input_audio_buffer.append","audio":"AAAA","audio":"BBBB"}"#,
        r#"{"type":"input_audio_buffer.append","audio":"AA\u0041A"}"#,
        r#"{"type":"input_audio_buffer.append","audio":"AAAA","lang":"sw"}"#,
        r#"{"type":"input_audio_buffer.append","audio":"AAAA"} x"#,
        r#"{"type":"input_audio_buffer.append","audio":"AAAA",}"#,
        r#"{"type":"input_audio_buffer.commit"}"#,
        r#"{"type":"input_audio_buffer.append","audio":null}"#,
        r#"{"audio":"AAAA"}"#,
        "{\"type\":\"input_audio_buffer.append\",\"audio\":\"AA\nA\"}",
        "",
    ] {
        assert_eq!(scan_append(text.as_bytes()), None, "{text}");
    }
    for (from, to) in [
        ("\"content_index\":2", "\"content_index\":02"),
        ("\"content_index\":2", "\"content_index\":2.0"),
        ("\"content_index\":2", "\"content_index\":-2"),
        ("\"content_index\":2,", ""),
        ("output_audio.delta", "output_text.delta"),
        ("\"event_id\"", "\"new_field\""),
    ] {
        let text = DELTA.replace(from, to);
        assert_ne!(text, DELTA);
        assert_eq!(scan_audio_delta(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn spliced_messages_are_what_the_full_parser_expects() {
    let append = [APPEND_PREFIX, b"AAAA", APPEND_SUFFIX].concat();
    let parsed = parse_client_event(std::str::from_utf8(&append).expect("text")).expect("accepted");
    assert_eq!(
        parsed.event,
        ClientEvent::InputAudioBufferAppend {
            audio: "AAAA".into()
        }
    );
    assert_eq!(scan_append(&append), Some(&b"AAAA"[..]));

    let prefix = AudioDeltaPrefix::new("resp_1", "item_\"1", 0, 0);
    let text = prefix.parts("event_5", b"AAAA").concat();
    let parsed = parse_server_event(&text).expect("reads");
    assert_eq!(parsed.event_id.as_deref(), Some("event_5"));
    let ServerEvent::OutputAudioDelta(PartDelta { item_id, delta, .. }) = parsed.event else {
        panic!("typed")
    };
    assert_eq!((&*item_id, &*delta), ("item_\"1", "AAAA"));
}

#[test]
fn bad_base64_of_a_client_leaves_the_buffer_as_it_was() {
    let mut audio = vec![1, 2];
    assert_eq!(
        decode_audio(b"AAA", &mut audio)
            .expect_err("short")
            .param
            .as_deref(),
        Some("audio")
    );
    assert!(decode_audio(b"AAAAAA$A", &mut audio).is_err());
    assert_eq!(audio, [1, 2]);
    decode_audio(b"AwQ=", &mut audio).expect("valid");
    assert_eq!(audio, [1, 2, 3, 4]);
}

fn check_agrees_on_append(text: &[u8]) {
    let Some(audio) = scan_append(text) else {
        return;
    };
    let text = std::str::from_utf8(text).expect("a scanned message is text");
    let full = parse_client_event(text)
        .expect("a scanned message is valid")
        .event;
    let audio = String::from_utf8(audio.to_vec()).expect("ASCII");
    assert_eq!(full, ClientEvent::InputAudioBufferAppend { audio });
}

fn check_agrees_on_delta(text: &[u8]) {
    let Some(scanned) = scan_audio_delta(text) else {
        return;
    };
    let full = parse_server_event(text)
        .expect("a scanned message is valid")
        .event;
    let ServerEvent::OutputAudioDelta(part) = full else {
        panic!("not a delta")
    };
    assert_eq!(
        (scanned.response_id, scanned.item_id),
        (&*part.response_id, &*part.item_id)
    );
    assert_eq!(
        (scanned.output_index, scanned.content_index),
        (part.output_index, part.content_index)
    );
    assert_eq!(scanned.delta_base64, part.delta.as_bytes());
}

proptest! {
    #[test]
    fn decoded_length_is_known_without_decoding(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        prop_assert_eq!(decoded_len(STANDARD.encode(&bytes).as_bytes()), Some(bytes.len()));
    }

    #[test]
    fn plain_messages_are_always_scanned(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        output in 0_u32..1000,
        order in Just(vec![0, 1, 2, 3, 4, 5, 6]).prop_shuffle(),
    ) {
        let audio = STANDARD.encode(bytes);
        let fields = [
            json!({"type": "response.output_audio.delta"}), json!({"event_id": "e"}), json!({"response_id": "r"}),
            json!({"item_id": "i"}), json!({"output_index": output}), json!({"content_index": 0}), json!({"delta": audio}),
        ];
        let inner: Vec<String> = order.iter().map(|index: &usize| {
            let text = fields[*index].to_string();
            text[1..text.len() - 1].to_owned()
        }).collect();
        let text = format!("{{{}}}", inner.join(", "));
        let scanned = scan_audio_delta(text.as_bytes());
        prop_assert_eq!(scanned.map(|delta| delta.delta_base64), Some(audio.as_bytes()));
        check_agrees_on_delta(text.as_bytes());
    }

    #[test]
    fn damaged_messages_never_fool_the_scanners(
        at in any::<prop::sample::Index>(),
        cut in 0_usize..4,
        insert in prop::collection::vec(prop_oneof![
            Just(b'"'), Just(b'\\'), Just(b','), Just(b'}'), Just(b'{'), Just(b':'), Just(b'0'), Just(b' '), any::<u8>(),
        ], 0..4),
    ) {
        for text in [DELTA, r#"{"type":"input_audio_buffer.append","event_id":"e","audio":"AAAA"}"#] {
            let mut bytes = text.as_bytes().to_vec();
            let start = at.index(bytes.len());
            let end = (start + cut).min(bytes.len());
            bytes.splice(start..end, insert.iter().copied());
            check_agrees_on_append(&bytes);
            check_agrees_on_delta(&bytes);
        }
    }

    #[test]
    fn random_objects_never_fool_the_scanners(pairs in prop::collection::vec((
        prop::sample::select(vec!["type", "audio", "delta", "event_id", "item_id", "response_id", "output_index", "content_index", "ty\\u0070e"]),
        prop::sample::select(vec!["\"input_audio_buffer.append\"", "\"response.output_audio.delta\"", "\"AAAA\"", "1", "-1", "1.5", "null", "{}", "\"\\n\""]),
    ), 0..9)) {
        let inner: Vec<String> = pairs.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let text = format!("{{{}}}", inner.join(","));
        check_agrees_on_append(text.as_bytes());
        check_agrees_on_delta(text.as_bytes());
        let _: Result<Value, _> = serde_json::from_str(&text);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check_agrees_on_append(&bytes);
        check_agrees_on_delta(&bytes);
        let _ = decoded_len(&bytes);
        let _ = decode_audio(&bytes, &mut Vec::new());
    }
}
