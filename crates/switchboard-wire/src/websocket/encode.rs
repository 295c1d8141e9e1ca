//! Frames into a write buffer. Every message leaves as one frame.
//!
//! `mask` is the client's fresh key, or `None` when we are the server.

use super::{CONTROL_BYTES_MAX, Message, mask};
use bytes::{BufMut, BytesMut};
use mask::MaskKey;

/// A close frame holds 125 bytes, of which two are the code.
pub const CLOSE_REASON_BYTES_MAX: usize = CONTROL_BYTES_MAX - 2;

const LAST: u8 = 0x80;
const MASKED: u8 = 0x80;
const TEXT: u8 = LAST | 0x1;
const BINARY: u8 = LAST | 0x2;
const CLOSE: u8 = LAST | 0x8;
const PING: u8 = LAST | 0x9;
const PONG: u8 = LAST | 0xa;

/// Writes the parts, one after the other, as one text message. Together they must be UTF-8.
///
/// This is how audio is spliced between two protocols: prefix, base64 as it came, suffix.
pub fn write_text_parts(out: &mut BytesMut, mask: Option<MaskKey>, parts: &[&[u8]]) {
    write_frame(out, mask, TEXT, parts);
}

pub fn write_text(out: &mut BytesMut, mask: Option<MaskKey>, text: &str) {
    write_frame(out, mask, TEXT, &[text.as_bytes()]);
}

pub fn write_binary(out: &mut BytesMut, mask: Option<MaskKey>, bytes: &[u8]) {
    write_frame(out, mask, BINARY, &[bytes]);
}

/// Bytes past the 125 a control frame may hold are left out.
pub fn write_ping(out: &mut BytesMut, mask: Option<MaskKey>, payload: &[u8]) {
    write_frame(out, mask, PING, &[control_payload(payload)]);
}

/// Bytes past the 125 a control frame may hold are left out; the payload of a decoded ping always fits.
pub fn write_pong(out: &mut BytesMut, mask: Option<MaskKey>, payload: &[u8]) {
    write_frame(out, mask, PONG, &[control_payload(payload)]);
}

/// The reason is cut at a character border to [`CLOSE_REASON_BYTES_MAX`].
pub fn write_close(out: &mut BytesMut, mask: Option<MaskKey>, code: u16, reason: &str) {
    let reason = &reason[..reason.floor_char_boundary(CLOSE_REASON_BYTES_MAX)];
    write_frame(out, mask, CLOSE, &[&code.to_be_bytes(), reason.as_bytes()]);
}

/// Any message as the decoder yields it. A close without a code is written without one.
pub fn write_message(out: &mut BytesMut, mask: Option<MaskKey>, message: &Message) {
    match message {
        Message::Text(text) => write_frame(out, mask, TEXT, &[text.as_bytes()]),
        Message::Binary(bytes) => write_binary(out, mask, bytes),
        Message::Ping(bytes) => write_ping(out, mask, bytes),
        Message::Pong(bytes) => write_pong(out, mask, bytes),
        Message::Close { code: None, .. } => write_frame(out, mask, CLOSE, &[]),
        Message::Close {
            code: Some(code),
            reason,
        } => write_close(out, mask, *code, reason.as_str()),
    }
}

fn control_payload(payload: &[u8]) -> &[u8] {
    &payload[..payload.len().min(CONTROL_BYTES_MAX)]
}

fn write_frame(out: &mut BytesMut, mask: Option<MaskKey>, first: u8, parts: &[&[u8]]) {
    let payload_bytes = parts.iter().map(|part| part.len()).sum();
    out.reserve(14 + payload_bytes);
    out.put_u8(first);
    write_length(out, if mask.is_some() { MASKED } else { 0 }, payload_bytes);
    if let Some(key) = mask {
        out.put_slice(&key);
    }
    let begin = out.len();
    for part in parts {
        out.put_slice(part);
    }
    if let Some(key) = mask {
        mask::apply(key, &mut out[begin..]);
    }
}

/// The shortest of the three forms, as section 5.2 demands.
fn write_length(out: &mut BytesMut, masked: u8, payload_bytes: usize) {
    match (u8::try_from(payload_bytes), u16::try_from(payload_bytes)) {
        (Ok(length @ ..=125), _) => out.put_u8(masked | length),
        (_, Ok(length)) => {
            out.put_u8(masked | 126);
            out.put_u16(length);
        }
        _ => {
            out.put_u8(masked | 127);
            out.put_u64(payload_bytes as u64);
        }
    }
}
