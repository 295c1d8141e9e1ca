//! The HTTP upgrade, both sides.

use bytes::BytesMut;
use switchboard_wire::websocket::*;

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn request() -> UpgradeHeaders<'static> {
    UpgradeHeaders {
        connection: Some(b"keep-alive, Upgrade"),
        upgrade: Some(b"WebSocket"),
        version: Some(b"13"),
        key: Some(KEY.as_bytes()),
    }
}

#[test]
fn the_key_of_section_1_3_is_accepted() {
    let accept = accept_upgrade("GET", request());
    assert_eq!(accept.as_deref(), Ok("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
}

#[test]
fn requests_that_are_no_upgrade_are_refused_with_a_status() {
    let cases = [
        ("POST", request(), HandshakeError::Method, 405),
        (
            "GET",
            UpgradeHeaders {
                connection: Some(b"close"),
                ..request()
            },
            HandshakeError::NoUpgrade,
            426,
        ),
        (
            "GET",
            UpgradeHeaders {
                upgrade: None,
                ..request()
            },
            HandshakeError::NoUpgrade,
            426,
        ),
        (
            "GET",
            UpgradeHeaders {
                version: Some(b"8"),
                ..request()
            },
            HandshakeError::Version,
            426,
        ),
        (
            "GET",
            UpgradeHeaders {
                key: Some(b"c2hvcnQ="),
                ..request()
            },
            HandshakeError::Key,
            400,
        ),
    ];
    for (method, headers, error, status) in cases {
        assert_eq!(accept_upgrade(method, headers), Err(error.clone()));
        assert_eq!(error.status(), status);
    }
}

#[test]
fn our_client_and_our_server_agree() {
    let mut wire = BytesMut::new();
    write_upgrade_request(&mut wire, "localhost:1", "/a?b=c", KEY, &[("X-Test", "1")])
        .expect("plain text");
    let request = parse_request_head(&wire)
        .expect("a head")
        .expect("a whole head");
    assert_eq!(request.line.target, "/a?b=c");
    assert_eq!(request.header("x-test"), Some("1"));
    assert_eq!(request.head_bytes, wire.len());
    let accept =
        accept_upgrade(&request.line.method, request.upgrade_headers()).expect("an upgrade");

    let mut answer = BytesMut::new();
    write_upgrade_response(
        &mut answer,
        &accept,
        &[("Sec-WebSocket-Protocol", "realtime")],
    )
    .expect("plain text");
    let head = parse_response_head(&answer)
        .expect("a head")
        .expect("a whole head");
    let chosen = check_upgrade_response(&head, KEY, &["realtime", "other"]);
    assert_eq!(chosen, Ok(Some("realtime".to_owned())));
    assert_eq!(
        check_upgrade_response(&head, KEY, &[]),
        Err(HandshakeError::Subprotocol)
    );
    let other_key = key_from_nonce([7; 16]);
    assert_eq!(
        check_upgrade_response(&head, &other_key, &["realtime"]),
        Err(HandshakeError::Accept)
    );
}

#[test]
fn a_refusal_keeps_its_status() {
    let head = parse_response_head(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
        .expect("a head")
        .expect("a whole head");
    let refused = HandshakeError::Refused { status: 401 };
    assert_eq!(check_upgrade_response(&head, KEY, &[]), Err(refused));
}

#[test]
fn h8_a_line_break_cannot_start_another_header() {
    let mut wire = BytesMut::new();
    let header = [("X-Test", "1\r\nEvil: 2")];
    let written = write_upgrade_request(&mut wire, "h", "/", KEY, &header);
    assert_eq!(written, Err(HandshakeError::HeaderText));
    assert!(wire.is_empty());
}

#[test]
fn s2_a_head_without_end_is_refused_and_values_stay_out_of_debug() {
    assert_eq!(parse_request_head(&[b'a'; 100]), Ok(None));
    let endless = parse_request_head(&[b'a'; HEAD_BYTES_MAX]);
    assert_eq!(endless, Err(HandshakeError::HeadTooLarge));
    let head = parse_request_head(b"GET / HTTP/1.1\r\nAuthorization: Bearer sk-canary\r\n\r\n");
    assert!(!format!("{head:?}").contains("canary"));
}
