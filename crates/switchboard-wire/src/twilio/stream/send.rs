//! What we send: audio, marks, and the order to forget what was not played.

use super::StreamSid;
use bytes::{BufMut, BytesMut};
use std::fmt::{self, Write};

/// The slices of `{"event":"media",…}` around a payload, which must be base64 of raw mu-law without any header.
///
/// Text of [`scan_media`](super::scan_media), [`decoded_bytes`](super::decoded_bytes) or an encoder is safe here; nothing is
/// escaped.
pub fn media_parts<'a>(stream_sid: &'a StreamSid, payload_base64: &'a [u8]) -> [&'a [u8]; 5] {
    [
        b"{\"event\":\"media\",\"streamSid\":\"",
        stream_sid.as_bytes(),
        b"\",\"media\":{\"payload\":\"",
        payload_base64,
        b"\"}}",
    ]
}

/// The slices of `{"event":"mark",…}`: Twilio sends the name back when what was sent before has been played or cleared.
pub fn mark_parts<'a>(stream_sid: &'a StreamSid, name: &'a MarkName) -> [&'a [u8]; 5] {
    [
        b"{\"event\":\"mark\",\"streamSid\":\"",
        stream_sid.as_bytes(),
        b"\",\"mark\":{\"name\":\"",
        name.as_bytes(),
        b"\"}}",
    ]
}

/// The slices of `{"event":"clear",…}`: Twilio drops what was not played and returns all pending marks.
pub fn clear_parts(stream_sid: &StreamSid) -> [&[u8]; 3] {
    [
        b"{\"event\":\"clear\",\"streamSid\":\"",
        stream_sid.as_bytes(),
        b"\"}",
    ]
}

/// Joins parts at the end of a buffer, without a frame around them.
pub fn append_parts(out: &mut BytesMut, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.put_slice(part));
}

/// The name of a mark: a number of ours in decimal, kept inline so that a mark costs no allocation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MarkName {
    digits: [u8; Self::BYTES_MAX],
    length: u8,
}

impl MarkName {
    /// `u64::MAX` has twenty digits.
    const BYTES_MAX: usize = 20;

    pub fn from_number(number: u64) -> Self {
        let mut name = Self {
            digits: [0; Self::BYTES_MAX],
            length: 0,
        };
        write!(name, "{number}").expect("twenty digits hold every u64");
        name
    }

    /// The number in a name that came back; `None` unless it is one [`MarkName::from_number`] could have written.
    pub fn number_of(name: &str) -> Option<u64> {
        let number = name.parse().ok()?;
        (Self::from_number(number).as_bytes() == name.as_bytes()).then_some(number)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.digits[..usize::from(self.length)]
    }
}

impl Write for MarkName {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let begin = usize::from(self.length);
        let end = begin + text.len();
        let slot = self.digits.get_mut(begin..end).ok_or(fmt::Error)?;
        slot.copy_from_slice(text.as_bytes());
        self.length = u8::try_from(end).map_err(|_| fmt::Error)?;
        Ok(())
    }
}

impl fmt::Debug for MarkName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "MarkName({})",
            String::from_utf8_lossy(self.as_bytes())
        )
    }
}
