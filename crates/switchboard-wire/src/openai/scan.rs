//! The two hot messages without a JSON value: caller audio going up, agent audio coming down.
//!
//! At a thousand calls each is read and written fifty times a second per call, and most of its bytes are
//! base64. The scanners accept the plain form every known peer writes and answer `None` to anything
//! unusual, so that the full parser decides; they never disagree with it.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::error::{WireError, code};

/// What stands before the base64 of an append event.
pub const APPEND_PREFIX: &[u8] = br#"{"type":"input_audio_buffer.append","audio":""#;
/// What stands behind it.
pub const APPEND_SUFFIX: &[u8] = br#""}"#;

/// Most fields a scanned message may have; the protocol's have seven.
const FIELDS_MAX: usize = 16;

/// A `response.output_audio.delta`, borrowed from its frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioDeltaRef<'a> {
    /// The response.
    pub response_id: &'a str,
    /// The item.
    pub item_id: &'a str,
    /// Place of the item in the response.
    pub output_index: u32,
    /// Place of the part in the item.
    pub content_index: u32,
    /// The audio: printable ASCII, not yet known to be base64.
    pub delta_base64: &'a [u8],
}

/// Finds the audio of a `response.output_audio.delta`, or `None` if the full parser must look.
pub fn scan_audio_delta(text: &[u8]) -> Option<AudioDeltaRef<'_>> {
    let (mut kind, mut response, mut item, mut delta) = (None, None, None, None);
    let (mut output, mut content, mut event, mut obfuscation) = (None, None, None, None);
    for_each_field(text, |name, value| match (name, value) {
        (b"type", Scalar::Text(b"response.output_audio.delta")) => set_once(&mut kind, ()),
        (b"response_id", Scalar::Text(id)) => set_once(&mut response, id),
        (b"item_id", Scalar::Text(id)) => set_once(&mut item, id),
        (b"delta", Scalar::Text(audio)) => set_once(&mut delta, audio),
        (b"output_index", Scalar::Number(index)) => set_once(&mut output, index),
        (b"content_index", Scalar::Number(index)) => set_once(&mut content, index),
        (b"event_id", Scalar::Text(_)) => set_once(&mut event, ()),
        (b"obfuscation", Scalar::Text(_)) => set_once(&mut obfuscation, ()),
        _ => None,
    })?;
    kind?;
    Some(AudioDeltaRef {
        response_id: std::str::from_utf8(response?).ok()?,
        item_id: std::str::from_utf8(item?).ok()?,
        output_index: output?,
        content_index: content?,
        delta_base64: delta?,
    })
}

/// Finds the base64 of an `input_audio_buffer.append`, or `None` if the full parser must look.
///
/// The audio is printable ASCII and within the size limit, but not yet known to be base64.
pub fn scan_append(text: &[u8]) -> Option<&[u8]> {
    let (mut kind, mut audio, mut event) = (None, None, None);
    for_each_field(text, |name, value| match (name, value) {
        (b"type", Scalar::Text(b"input_audio_buffer.append")) => set_once(&mut kind, ()),
        (b"audio", Scalar::Text(base64)) => set_once(&mut audio, base64),
        (b"event_id", Scalar::Text(id)) if id.len() <= super::EVENT_ID_CHARS_MAX => {
            set_once(&mut event, ())
        }
        _ => None,
    })?;
    kind?;
    audio.filter(|base64| base64.len() <= super::APPEND_AUDIO_BYTES_MAX / 3 * 4)
}

/// A second field of the same name is for the full parser.
fn set_once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    match slot.replace(value) {
        None => Some(()),
        Some(_) => None,
    }
}

enum Scalar<'a> {
    Text(&'a [u8]),
    Number(u32),
}

/// Walks a flat object of plain texts and small whole numbers; `None` as soon as it is anything else.
fn for_each_field<'a>(
    text: &'a [u8],
    mut visit: impl FnMut(&'a [u8], Scalar<'a>) -> Option<()>,
) -> Option<()> {
    let mut rest = expect_byte(text, b'{')?;
    for _ in 0..FIELDS_MAX {
        let (name, after) = plain_text(expect_byte(rest, b'"')?)?;
        let after = skip_space(expect_byte(after, b':')?);
        let (value, after) = match after.first()? {
            b'"' => plain_text(&after[1..]).map(|(text, after)| (Scalar::Text(text), after))?,
            b'0'..=b'9' => small_number(after)?,
            _ => return None,
        };
        visit(name, value)?;
        let after = skip_space(after);
        match after.first()? {
            b',' => rest = &after[1..],
            b'}' => return skip_space(&after[1..]).is_empty().then_some(()),
            _ => return None,
        }
    }
    None
}

fn skip_space(text: &[u8]) -> &[u8] {
    let spaces = text
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
        .count();
    &text[spaces..]
}

fn expect_byte(text: &[u8], byte: u8) -> Option<&[u8]> {
    skip_space(text).strip_prefix(&[byte])
}

/// The text up to its closing quote: printable ASCII without escapes.
fn plain_text(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'"', text)?;
    let (inside, after) = (&text[..end], &text[end + 1..]);
    // One pass without an early exit, so that the compiler uses vector instructions.
    let is_plain = inside.iter().fold(true, |plain, byte| {
        plain & (*byte >= 0x20) & (*byte < 0x7f) & (*byte != b'\\')
    });
    is_plain.then_some((inside, after))
}

/// Up to nine digits without a leading zero, so that the value always fits.
fn small_number(text: &[u8]) -> Option<(Scalar<'_>, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits > 9 || (digits > 1 && text[0] == b'0') {
        return None;
    }
    let number = text[..digits]
        .iter()
        .fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    let after = &text[digits..];
    (!matches!(after.first(), Some(b'.' | b'e' | b'E'))).then_some((Scalar::Number(number), after))
}

/// Bytes that padded base64 of this text decodes to, without decoding; `None` if its length is impossible.
pub fn decoded_len(base64: &[u8]) -> Option<usize> {
    if !base64.len().is_multiple_of(4) {
        return None;
    }
    let padding = base64
        .iter()
        .rev()
        .take(2)
        .take_while(|byte| **byte == b'=')
        .count();
    Some(base64.len() / 4 * 3 - padding)
}

/// Decodes a client's audio behind what `out` holds already.
///
/// # Errors
/// `invalid_value` at `audio`; `out` is then as it was.
pub fn decode_audio(base64: &[u8], out: &mut Vec<u8>) -> Result<(), WireError> {
    let before = out.len();
    STANDARD.decode_vec(base64, out).map_err(|_| {
        out.truncate(before);
        WireError::new(
            code::INVALID_VALUE,
            "Invalid 'audio': expected base64 encoded bytes.",
        )
        .at("audio")
    })
}

/// The constant beginning of a reply's audio deltas, made once per content part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioDeltaPrefix {
    text: String,
}

impl AudioDeltaPrefix {
    /// Prepares the deltas of one content part.
    pub fn new(response_id: &str, item_id: &str, output_index: u32, content_index: u32) -> Self {
        let mut text = String::with_capacity(192);
        let (response_id, item_id) = (quoted(response_id), quoted(item_id));
        write!(
            text,
            r#"{{"type":"response.output_audio.delta","response_id":{response_id},"item_id":{item_id},"output_index":{output_index},"content_index":{content_index},"event_id":""#
        )
        .expect("writing to a string cannot fail");
        Self { text }
    }

    /// The slices of one text frame. `event_id` must be one of [`super::wire_id`], which needs no escaping.
    pub fn parts<'a>(&'a self, event_id: &'a str, base64: &'a [u8]) -> [&'a [u8]; 5] {
        [
            self.text.as_bytes(),
            event_id.as_bytes(),
            br#"","delta":""#,
            base64,
            br#""}"#,
        ]
    }
}

fn quoted(text: &str) -> String {
    serde_json::to_string(text).expect("a string is always JSON")
}
