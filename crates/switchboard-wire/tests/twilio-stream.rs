//! Media Streams messages: the scanner against the parser, and what is refused.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::BytesMut;
use proptest::prelude::*;
use serde_json::{Value, json};
use switchboard_wire::twilio::StreamSid;
use switchboard_wire::twilio::stream::*;

const STREAM: &str = "MZ0123456789abcdef0123456789abcdef";
const START: &[u8] = include_bytes!("fixtures/twilio/start.json");

fn media_message(payload: &str) -> String {
    format!(
        r#"{{"event":"media","sequenceNumber":"4","media":{{"track":"inbound","chunk":"3","timestamp":"60","payload":"{payload}"}},"streamSid":"{STREAM}"}}"#
    )
}

/// What the scanner saw, in the parser's type.
fn owned(media: MediaRef<'_>) -> FromTwilio {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("checked text");
    FromTwilio::Media(Media {
        sequence: media.sequence,
        stream_sid: StreamSid::parse(&text(media.stream_sid)).expect("checked by the scanner"),
        track: media.track,
        chunk: media.chunk,
        timestamp_ms: media.timestamp_ms,
        payload_base64: text(media.payload_base64),
    })
}

#[test]
fn twilios_own_shape_is_scanned() {
    let payload = STANDARD.encode([0xff; 160]);
    let message = media_message(&payload);
    let media = scan_media(message.as_bytes()).expect("the usual shape");
    assert_eq!(media.payload_base64, payload.as_bytes());
    assert_eq!((media.payload_bytes, media.timestamp_ms), (160, 60));
    assert_eq!((media.sequence, media.chunk), (4, 3));
    assert_eq!(media.track, Track::Inbound);
    assert_eq!(parse(message.as_bytes()), Ok(owned(media)));
}

#[test]
fn the_unusual_is_left_to_the_parser() {
    let usual = media_message("/w==");
    let unusual = [
        usual.replace("\"event\":", "\"event\": "),
        usual.replace("\"3\"", "3"),
        usual.replace("/w==", "\\/w=="),
        usual.replace("{\"event\"", "{\"new\":\"x\",\"event\""),
        format!("{usual}\n"),
    ];
    for message in unusual {
        assert_eq!(scan_media(message.as_bytes()), None, "{message}");
        assert_eq!(
            parse(message.as_bytes()),
            parse(usual.as_bytes()),
            "{message}"
        );
    }
}

#[test]
fn s3_bad_media_is_an_error_for_both() {
    let usual = media_message("/w==");
    let cases = [
        (usual.replace("/w==", "/w="), StreamError::Payload),
        (usual.replace("/w==", "/x=="), StreamError::Payload),
        (usual.replace("/w==", "\u{e9}w=="), StreamError::Payload),
        (
            usual.replace("\"60\"", "\"-60\""),
            StreamError::Fields("media"),
        ),
        (
            usual.replace("inbound", "sideways"),
            StreamError::Fields("media"),
        ),
        (usual.replace("MZ", "CA"), StreamError::Fields("media")),
        (
            usual.replace("\"chunk\":\"3\"", "\"chunk\":\"3\",\"chunk\":\"3\""),
            StreamError::Fields("media"),
        ),
        (
            usual.trim_end_matches('}').to_owned(),
            StreamError::NotAnEvent,
        ),
        ("[]".to_owned(), StreamError::NotAnEvent),
        ("{}".to_owned(), StreamError::NotAnEvent),
    ];
    for (message, error) in cases {
        assert_eq!(scan_media(message.as_bytes()), None, "{message}");
        assert_eq!(parse(message.as_bytes()), Err(error), "{message}");
    }
}

#[test]
fn a_start_names_its_call_and_hides_its_token() {
    let Ok(FromTwilio::Start(start)) = parse(START) else {
        panic!("the recorded start message");
    };
    assert_eq!(start.parameters.value("t"), Some("token-canary"));
    assert!(start.format.is_ulaw_8k());
    assert_eq!(start.stream_sid.as_str(), STREAM);
    assert!(!format!("{start:?}").contains("canary"));

    let text = std::str::from_utf8(START).expect("UTF-8");
    let other_stream = text.replacen(STREAM, "MZffffffffffffffffffffffffffffffff", 1);
    assert_eq!(
        parse(other_stream.as_bytes()),
        Err(StreamError::Fields("start"))
    );
    let wide = text.replace("8000", "16000");
    let Ok(FromTwilio::Start(wide)) = parse(wide.as_bytes()) else {
        panic!("other formats are read, not refused");
    };
    assert!(!wide.format.is_ulaw_8k());
}

#[test]
fn the_rare_messages_are_read() {
    let connected = br#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#;
    assert_eq!(parse(connected), Ok(FromTwilio::Connected));
    assert_eq!(
        parse(br#"{"event":"tomorrow","x":[1]}"#),
        Ok(FromTwilio::Unknown)
    );

    let message = |name: &str, fields: Value| {
        let mut value = json!({"event": name, "sequenceNumber": "9", "streamSid": STREAM});
        value[name] = fields;
        parse(value.to_string().as_bytes())
    };
    let Ok(FromTwilio::Dtmf(dtmf)) =
        message("dtmf", json!({"track": "inbound_track", "digit": "0"}))
    else {
        panic!("a key press");
    };
    assert_eq!(dtmf.digit, '0');
    for digit in ["", "00", "x", "é"] {
        let refused = message("dtmf", json!({"digit": digit}));
        assert_eq!(refused, Err(StreamError::Fields("dtmf")));
    }
    let Ok(FromTwilio::Mark(mark)) = message("mark", json!({"name": "17"})) else {
        panic!("a mark");
    };
    assert_eq!(mark.number(), Some(17));
    let call = "CA0123456789abcdef0123456789abcdef";
    let Ok(FromTwilio::Stop(stop)) = message("stop", json!({"accountSid": "x", "callSid": call}))
    else {
        panic!("a stop");
    };
    assert_eq!(stop.call_sid.as_str(), call);
}

#[test]
fn what_we_send_is_the_json_twilio_documents() {
    let stream = StreamSid::parse(STREAM).expect("an id");
    let mut out = BytesMut::new();
    append_parts(&mut out, &media_parts(&stream, b"/w=="));
    let value: Value = serde_json::from_slice(&out).expect("JSON");
    assert_eq!(
        value,
        json!({"event": "media", "streamSid": STREAM, "media": {"payload": "/w=="}})
    );

    let name = MarkName::from_number(u64::MAX);
    let value: Value = serde_json::from_slice(&mark_parts(&stream, &name).concat()).expect("JSON");
    assert_eq!(
        value,
        json!({"event": "mark", "streamSid": STREAM, "mark": {"name": "18446744073709551615"}})
    );

    let value: Value = serde_json::from_slice(&clear_parts(&stream).concat()).expect("JSON");
    assert_eq!(value, json!({"event": "clear", "streamSid": STREAM}));
}

#[test]
fn only_our_own_mark_names_have_a_number() {
    for foreign in ["", "007", "+7", "7 ", "x", "18446744073709551616"] {
        assert_eq!(MarkName::number_of(foreign), None, "{foreign}");
    }
}

/// Values as Twilio sends them, and near misses of them.
fn any_field() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => "[0-9]{1,20}".prop_map(Value::from),
        2 => any::<u32>().prop_map(Value::from),
        1 => "\\PC{0,6}".prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!({"a": []})),
    ]
}

fn any_payload() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => proptest::collection::vec(any::<u8>(), 0..20).prop_map(|bytes| STANDARD.encode(bytes).into()),
        1 => "[A-Za-z0-9+/=\"\\\\\n]{0,12}".prop_map(Value::from),
        1 => any_field(),
    ]
}

fn any_media() -> impl Strategy<Value = String> {
    let track = prop_oneof![Just(json!("inbound")), Just(json!("outbound")), any_field()];
    let sid = prop_oneof![4 => Just(json!(STREAM)), 1 => any_field()];
    let event = prop_oneof![8 => Just(json!("media")), 1 => Just(json!("mark")), 1 => any_field()];
    let inner = (track, any_field(), any_field(), any_payload()).prop_map(
        |(track, chunk, timestamp, payload)| {
            vec![
                ("track", track),
                ("chunk", chunk),
                ("timestamp", timestamp),
                ("payload", payload),
            ]
        },
    );
    let inner = inner.prop_shuffle().prop_map(|fields| object(&fields));
    (event, any_field(), sid, inner, any::<bool>())
        .prop_map(|(event, sequence, sid, media, is_extra)| {
            let mut fields = vec![
                ("event", event.to_string()),
                ("sequenceNumber", sequence.to_string()),
                ("streamSid", sid.to_string()),
                ("media", media),
            ];
            if is_extra {
                fields.push(("event", "\"media\"".to_owned()));
                fields.truncate(4 + usize::from(sequence.is_u64()));
            }
            fields
        })
        .prop_shuffle()
        .prop_map(|fields| {
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| format!("\"{name}\":{value}"))
                .collect();
            format!("{{{}}}", fields.join(","))
        })
}

fn object(fields: &[(&str, Value)]) -> String {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", fields.join(","))
}

/// The scanner may decline; it may not differ.
fn scanner_agrees(message: &[u8]) -> Result<(), TestCaseError> {
    if let Some(media) = scan_media(message) {
        prop_assert_eq!(parse(message), Ok(owned(media)));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_scanner_never_differs_from_the_parser(message in any_media()) {
        scanner_agrees(message.as_bytes())?;
    }

    #[test]
    fn the_scanner_never_differs_on_damaged_messages(
        position in 0usize..400,
        byte in any::<u8>(),
        is_insert in any::<bool>(),
    ) {
        let mut message = media_message(&STANDARD.encode([0x7f; 40])).into_bytes();
        let position = position % message.len();
        if is_insert {
            message.insert(position, byte);
        } else {
            message[position] = byte;
        }
        scanner_agrees(&message)?;
    }

    #[test]
    fn plain_messages_in_any_order_are_scanned(
        sequence in 1u32..,
        bytes in proptest::collection::vec(any::<u8>(), 0..200),
        inner in Just(vec![0, 1, 2, 3]).prop_shuffle(),
    ) {
        let payload = STANDARD.encode(&bytes);
        let fields = [("track", json!("inbound")), ("chunk", json!("1")), ("timestamp", json!("20")), ("payload", json!(payload))];
        let shuffled: Vec<_> = inner.into_iter().map(|index: usize| fields[index].clone()).collect();
        let message = format!(r#"{{"media":{},"sequenceNumber":"{sequence}","streamSid":"{STREAM}","event":"media"}}"#, object(&shuffled));
        let media = scan_media(message.as_bytes()).expect("plain strings only");
        prop_assert_eq!(media.payload_bytes, bytes.len());
        prop_assert_eq!(media.sequence, u64::from(sequence));
    }

    #[test]
    fn r7_arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes);
        let _ = scan_media(&bytes);
        let _ = decoded_bytes(&bytes);
    }

    #[test]
    fn r7_arbitrary_json_never_panics(name in "start|media|dtmf|mark|stop|connected", fields in any_field(), more in any_field()) {
        let mut value = json!({"event": name, "sequenceNumber": more, "streamSid": STREAM});
        value[&name] = fields;
        let _ = parse(value.to_string().as_bytes());
    }
}
