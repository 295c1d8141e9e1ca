//! Finding the audio of a `media` message without building a JSON value.
//!
//! Fifty of these arrive per call and second. The scanner knows objects of plain strings in any order and nothing else: no
//! blanks, escapes, numbers, repeated or unknown keys. What it accepts, [`parse`](super::parse) accepts with the same
//! result; a property test holds the two together.

use super::base64_text::decoded_bytes;
use super::tolerant::digits;
use super::{StreamSid, Track};
use memchr::memchr2;

/// A `media` message that borrows from the frame it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaRef<'a> {
    pub sequence: u64,
    /// `MZ` and 32 digits; compare with [`StreamSid::as_bytes`].
    pub stream_sid: &'a [u8],
    pub track: Track,
    pub chunk: u64,
    pub timestamp_ms: u64,
    /// Checked base64 of raw mu-law.
    pub payload_base64: &'a [u8],
    /// Length of the audio itself: eight bytes are a millisecond.
    pub payload_bytes: usize,
}

/// `None` means "not a media message in the usual shape": give it to [`parse`](super::parse).
pub fn scan_media(message: &[u8]) -> Option<MediaRef<'_>> {
    let mut cursor = Cursor { rest: message };
    let mut outer = Outer::default();
    cursor.byte(b'{')?;
    loop {
        match cursor.key()? {
            b"event" => fill(&mut outer.event, cursor.string()?)?,
            b"sequenceNumber" => fill(&mut outer.sequence, cursor.string()?)?,
            b"streamSid" => fill(&mut outer.stream_sid, cursor.string()?)?,
            b"media" => fill(&mut outer.media, cursor.media()?)?,
            _ => return None,
        }
        if !cursor.continues()? {
            break;
        }
    }
    if !cursor.rest.is_empty() || outer.event? != b"media" {
        return None;
    }
    outer.finish()
}

#[derive(Default)]
struct Outer<'a> {
    event: Option<&'a [u8]>,
    sequence: Option<&'a [u8]>,
    stream_sid: Option<&'a [u8]>,
    media: Option<Inner<'a>>,
}

#[derive(Default)]
struct Inner<'a> {
    track: Option<&'a [u8]>,
    chunk: Option<&'a [u8]>,
    timestamp: Option<&'a [u8]>,
    payload: Option<&'a [u8]>,
}

impl<'a> Outer<'a> {
    fn finish(self) -> Option<MediaRef<'a>> {
        let media = self.media?;
        let stream_sid = self.stream_sid?;
        StreamSid::parse(std::str::from_utf8(stream_sid).ok()?).ok()?;
        let payload_base64 = media.payload?;
        Some(MediaRef {
            sequence: digits(self.sequence?)?,
            stream_sid,
            track: match media.track? {
                b"inbound" => Track::Inbound,
                b"outbound" => Track::Outbound,
                _ => return None,
            },
            chunk: digits(media.chunk?)?,
            timestamp_ms: digits(media.timestamp?)?,
            payload_base64,
            payload_bytes: decoded_bytes(payload_base64)?,
        })
    }
}

/// A key seen twice is somebody's trick: serde refuses it, and so do we.
fn fill<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn byte(&mut self, expected: u8) -> Option<()> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        (*first == expected).then_some(())
    }

    /// A string without escapes. Control characters pass here and fail where the value is read.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.byte(b'"')?;
        let end = memchr2(b'"', b'\\', self.rest)?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        self.byte(b'"')?;
        Some(text)
    }

    fn key(&mut self) -> Option<&'a [u8]> {
        let key = self.string()?;
        self.byte(b':')?;
        Some(key)
    }

    /// After a value: does another follow, or does the object end?
    fn continues(&mut self) -> Option<bool> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        match first {
            b',' => Some(true),
            b'}' => Some(false),
            _ => None,
        }
    }

    fn media(&mut self) -> Option<Inner<'a>> {
        let mut inner = Inner::default();
        self.byte(b'{')?;
        loop {
            let slot = match self.key()? {
                b"track" => &mut inner.track,
                b"chunk" => &mut inner.chunk,
                b"timestamp" => &mut inner.timestamp,
                b"payload" => &mut inner.payload,
                _ => return None,
            };
            fill(slot, self.string()?)?;
            if !self.continues()? {
                return Some(inner);
            }
        }
    }
}
