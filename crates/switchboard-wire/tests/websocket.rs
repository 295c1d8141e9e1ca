//! RFC 6455 framing, both roles.

use bytes::{Bytes, BytesMut};
use proptest::prelude::*;
use switchboard_wire::websocket::*;

const KEY: MaskKey = [0x37, 0xfa, 0x21, 0x3d];

fn small() -> Limits {
    Limits {
        message_bytes_max: 1000,
        fragments_max: 4,
    }
}

/// Everything a decoder yields for `bytes` that arrive at once.
fn decode(role: Role, bytes: &[u8]) -> Result<Vec<Message>, ProtocolError> {
    let mut decoder = Decoder::new(role, small());
    let mut buffer = BytesMut::from(bytes);
    let mut messages = Vec::new();
    while let Some(message) = decoder.decode(&mut buffer)? {
        messages.push(message);
    }
    Ok(messages)
}

fn text(text: &'static str) -> Message {
    Message::Text(Text::from(text))
}

#[test]
fn the_examples_of_section_5_7_decode() {
    let plain = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    let masked = [
        0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    let fragmented = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f];
    assert_eq!(decode(Role::Client, &plain), Ok(vec![text("Hello")]));
    assert_eq!(decode(Role::Server, &masked), Ok(vec![text("Hello")]));
    assert_eq!(decode(Role::Client, &fragmented), Ok(vec![text("Hello")]));

    let mut written = BytesMut::new();
    write_text_parts(&mut written, Some(KEY), &[b"He", b"", b"llo"]);
    assert_eq!(written[..], masked);
}

#[test]
fn a_ping_may_come_between_fragments() {
    let bytes = [0x01, 0x01, b'a', 0x89, 0x01, b'p', 0x80, 0x01, b'b'];
    let expected = vec![Message::Ping(Bytes::from_static(b"p")), text("ab")];
    assert_eq!(decode(Role::Client, &bytes), Ok(expected));
}

#[test]
fn what_the_rfc_forbids_is_refused_with_its_close_code() {
    use ProtocolError as E;
    let too_large = E::TooLarge { bytes_max: 1000 };
    let cases: &[(Role, &[u8], E, u16)] = &[
        (Role::Client, &[0xc1, 0x00], E::ReservedBits, 1002),
        (Role::Client, &[0x83, 0x00], E::ReservedOpcode(3), 1002),
        (Role::Client, &[0x8b, 0x00], E::ReservedOpcode(11), 1002),
        (Role::Client, &[0x81, 0x80], E::Masked, 1002),
        (Role::Server, &[0x81, 0x05], E::Unmasked, 1002),
        (Role::Client, &[0x09, 0x00], E::ControlFragmented, 1002),
        (Role::Client, &[0x89, 0x7e, 0, 126], E::ControlTooLong, 1002),
        (Role::Client, &[0x81, 0x7e, 0, 125], E::LengthForm, 1002),
        (
            Role::Client,
            &[0x82, 0x7f, 0, 0, 0, 0, 0, 0, 0xff, 0xff],
            E::LengthForm,
            1002,
        ),
        (
            Role::Client,
            &[0x82, 0x7f, 0xff, 0, 0, 0, 0, 0, 0, 0],
            too_large,
            1009,
        ),
        (Role::Client, &[0x81, 0x7e, 0x03, 0xe9], too_large, 1009),
        (Role::Client, &[0x80, 0x00], E::UnexpectedContinuation, 1002),
        (
            Role::Client,
            &[0x01, 0x00, 0x81, 0x00],
            E::MessageInsideMessage,
            1002,
        ),
        (Role::Client, &[0x81, 0x01, 0xff], E::NotUtf8, 1007),
        (Role::Client, &[0x88, 0x01, 0x03], E::BadClose, 1002),
        (Role::Client, &[0x88, 0x02, 0x03, 0xed], E::BadClose, 1002),
        (Role::Client, &[0x88, 0x02, 0x03, 0xe7], E::BadClose, 1002),
        (
            Role::Client,
            &[0x88, 0x03, 0x03, 0xe8, 0xff],
            E::NotUtf8,
            1007,
        ),
    ];
    for (role, bytes, error, close_code) in cases {
        assert_eq!(decode(*role, bytes), Err(*error), "{bytes:02x?}");
        assert_eq!(error.close_code(), *close_code);
    }
}

#[test]
fn s2_fragments_cannot_exceed_the_message_limit_or_never_end() {
    let mut grows = BytesMut::new();
    grows.extend_from_slice(&[0x02, 0x7e, 0x02, 0x58]);
    grows.extend_from_slice(&[0; 600]);
    grows.extend_from_slice(&[0x80, 0x7e, 0x02, 0x58]);
    let error = ProtocolError::TooLarge { bytes_max: 1000 };
    assert_eq!(decode(Role::Client, &grows), Err(error));

    let endless = [0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let error = ProtocolError::TooFragmented { fragments_max: 4 };
    assert_eq!(decode(Role::Client, &endless), Err(error));
}

#[test]
fn nothing_is_read_after_a_close_or_an_error() {
    let mut decoder = Decoder::new(Role::Client, small());
    let mut buffer = BytesMut::from(&[0x88, 0x02, 0x03, 0xe8, 0x81, 0x01, b'x'][..]);
    let close = Message::Close {
        code: Some(1000),
        reason: Text::default(),
    };
    assert_eq!(decoder.decode(&mut buffer), Ok(Some(close)));
    assert_eq!(decoder.decode(&mut buffer), Ok(None));
    assert!(buffer.is_empty());

    let mut decoder = Decoder::new(Role::Client, small());
    let mut buffer = BytesMut::from(&[0xc1, 0x00, 0x81, 0x01, b'x'][..]);
    assert!(decoder.decode(&mut buffer).is_err());
    assert_eq!(decoder.decode(&mut buffer), Ok(None));
}

#[test]
fn an_unfragmented_message_is_not_copied_and_the_buffer_is_reused() {
    let mut buffer = BytesMut::with_capacity(4096);
    let mut decoder = Decoder::new(Role::Client, Limits::default());
    let mut addresses = std::collections::HashSet::new();
    for _ in 0..100 {
        buffer.reserve(1024);
        write_text_parts(&mut buffer, None, &[&[b'a'; 300]]);
        let whole = buffer.as_ptr_range();
        let Ok(Some(Message::Text(text))) = decoder.decode(&mut buffer) else {
            panic!("a whole frame was there");
        };
        assert!(whole.contains(&text.as_bytes().as_ptr()));
        addresses.insert(text.as_bytes().as_ptr() as usize);
    }
    assert!(
        addresses.len() < 20,
        "memory was not reused: {}",
        addresses.len()
    );
}

#[test]
fn a_long_close_reason_is_cut_at_a_character() {
    let mut written = BytesMut::new();
    write_close(&mut written, None, 4401, &"é".repeat(100));
    let messages = decode(Role::Client, &written).expect("a valid frame");
    let [Message::Close { code, reason }] = &messages[..] else {
        panic!("one close frame");
    };
    assert_eq!(*code, Some(4401));
    assert_eq!(reason.as_str(), "é".repeat(61));
}

#[test]
fn d5_debug_shows_no_words() {
    let message = text("my name is Ada");
    assert!(!format!("{message:?}").contains("Ada"));
}

fn any_message() -> impl Strategy<Value = Message> {
    let control = proptest::collection::vec(any::<u8>(), 0..=125);
    let data = proptest::collection::vec(any::<u8>(), 0..900);
    prop_oneof![
        "\\PC{0,200}".prop_map(|text| Message::Text(Text::from(text))),
        Just(text("")),
        data.prop_map(|bytes| Message::Binary(bytes.into())),
        control
            .clone()
            .prop_map(|bytes| Message::Ping(bytes.into())),
        control.prop_map(|bytes| Message::Pong(bytes.into())),
    ]
}

proptest! {
    #[test]
    fn messages_survive_any_splitting_of_the_bytes(
        messages in proptest::collection::vec(any_message(), 1..8),
        cuts in proptest::collection::vec(1usize..300, 1..50),
        key in any::<Option<[u8; 4]>>(),
    ) {
        let mut wire = BytesMut::new();
        for message in &messages {
            write_message(&mut wire, key, message);
        }
        let role = if key.is_some() { Role::Server } else { Role::Client };
        let mut decoder = Decoder::new(role, small());
        let mut buffer = BytesMut::new();
        let mut decoded = Vec::new();
        let mut cuts = cuts.iter().cycle();
        while !wire.is_empty() {
            let cut = wire.len().min(*cuts.next().expect("a cycle"));
            buffer.extend_from_slice(&wire.split_to(cut));
            while let Some(message) = decoder.decode(&mut buffer).expect("our own frames") {
                decoded.push(message);
            }
        }
        prop_assert_eq!(decoded, messages);
    }

    #[test]
    fn r7_arbitrary_bytes_never_panic(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        is_server in any::<bool>(),
    ) {
        let role = if is_server { Role::Server } else { Role::Client };
        let _ = decode(role, &bytes);
        let _ = parse_request_head(&bytes);
        let _ = parse_response_head(&bytes);
    }

    #[test]
    fn r7_plausible_headers_with_arbitrary_payload_never_panic(
        first in prop_oneof![Just(0x01u8), Just(0x80), Just(0x81), Just(0x82), Just(0x88), Just(0x89)],
        bytes in proptest::collection::vec(any::<u8>(), 0..120),
    ) {
        let mut wire = vec![first, bytes.len() as u8];
        wire.extend_from_slice(&bytes);
        wire.extend_from_slice(&wire.clone());
        let _ = decode(Role::Client, &wire);
    }
}
