//! Media Streams messages (section 5): JSON in text frames, one socket per stream, Twilio is the client.
//!
//! Two ways in. [`scan_media`] finds the payload of a `media` message without building a value; it answers `None` to
//! anything it does not know by heart, and then [`parse`] decides. Payload text found by either is checked base64, so it can
//! be spliced into another protocol's JSON as it is. Two ways out: `*_parts` gather slices for
//! [`write_text_parts`](crate::websocket::write_text_parts), [`append_parts`] joins them in a plain buffer.
//!
//! ```
//! use switchboard_wire::twilio::stream::{MarkName, mark_parts, media_parts, scan_media};
//! use switchboard_wire::twilio::StreamSid;
//!
//! let stream = StreamSid::from_entropy([1; 16]);
//! let message = media_parts(&stream, b"/////w==").concat();
//! assert!(message.starts_with(b"{\"event\":\"media\""));
//! let incoming = br#"{"event":"media","sequenceNumber":"4","media":{"track":"inbound","chunk":"2","timestamp":"25","payload":"/////w=="},"streamSid":"MZ01010101010101010101010101010101"}"#;
//! let media = scan_media(incoming).expect("the shape Twilio sends");
//! assert_eq!((media.timestamp_ms, media.payload_base64), (25, &b"/////w=="[..]));
//! # let _ = mark_parts(&stream, &MarkName::from_number(7));
//! ```

mod base64_text;
mod scan;
mod send;
mod tolerant;

pub use base64_text::decoded_bytes;
pub use scan::{MediaRef, scan_media};
pub use send::{MarkName, append_parts, clear_parts, mark_parts, media_parts};

use super::id::{AccountSid, CallSid, StreamSid};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt;

/// `start` carries at most this many parameters in a document of ours; more is nobody we invited.
pub const PARAMETERS_MAX: usize = 64;

/// A message that cannot come from a Media Stream. It ends that socket and no other (threats.md S3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    #[error("the message is not a JSON object with an event")]
    NotAnEvent,
    #[error("the {0} message lacks a field or holds a wrong one")]
    Fields(&'static str),
    #[error("the payload is not base64")]
    Payload,
}

/// What Twilio sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromTwilio {
    /// First message of a socket; names no stream yet.
    Connected,
    Start(Start),
    Media(Media),
    Dtmf(Dtmf),
    Mark(Mark),
    Stop(Stop),
    /// An event of tomorrow: ignore it.
    Unknown,
}

/// Second message of a socket: which call this is. Check its token before anything else (threats.md S1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    pub sequence: u64,
    pub stream_sid: StreamSid,
    pub account_sid: AccountSid,
    pub call_sid: CallSid,
    pub tracks: Vec<String>,
    pub format: MediaFormat,
    pub parameters: Parameters,
}

/// The `<Parameter>`s of our document. Debug shows names only: one of the values is the stream token.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(pub BTreeMap<String, String>);

impl Parameters {
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.0.keys()).finish()
    }
}

/// What the payloads hold. Read it, do not assume it: SDKs know of other rates than 8 kHz.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct MediaFormat {
    pub encoding: String,
    #[serde(rename = "sampleRate", deserialize_with = "tolerant::number")]
    pub rate_hz: u64,
    #[serde(deserialize_with = "tolerant::number")]
    pub channels: u64,
}

impl MediaFormat {
    /// Raw mu-law, 8 kHz, mono: the only format documented.
    pub fn is_ulaw_8k(&self) -> bool {
        self.encoding == "audio/x-mulaw" && self.rate_hz == 8000 && self.channels == 1
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Track {
    Inbound,
    Outbound,
}

/// A piece of audio, by practice 20 ms, by contract of any length.
#[derive(Clone, PartialEq, Eq)]
pub struct Media {
    /// Counts all messages of the socket.
    pub sequence: u64,
    pub stream_sid: StreamSid,
    pub track: Track,
    /// Counts the media messages of the track.
    pub chunk: u64,
    /// Milliseconds since the stream began.
    pub timestamp_ms: u64,
    /// Checked base64 of raw mu-law.
    pub payload_base64: String,
}

impl fmt::Debug for Media {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Media")
            .field("sequence", &self.sequence)
            .field("timestamp_ms", &self.timestamp_ms)
            .field("payload_bytes", &self.payload_base64.len())
            .finish_non_exhaustive()
    }
}

/// A key press. It has no duration and no release.
#[derive(Clone, PartialEq, Eq)]
pub struct Dtmf {
    pub sequence: u64,
    pub stream_sid: StreamSid,
    /// `0` to `9`, `*`, `#`, `A` to `D`.
    pub digit: char,
}

impl fmt::Debug for Dtmf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Dtmf")
            .field("sequence", &self.sequence)
            .finish_non_exhaustive()
    }
}

/// Playback before our mark has ended, **or** was cleared. Marks prove nothing by themselves (threats.md S4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    pub sequence: u64,
    pub stream_sid: StreamSid,
    pub name: String,
}

impl Mark {
    /// The number our [`MarkName`] was made from; `None` for a name that is not ours.
    pub fn number(&self) -> Option<u64> {
        MarkName::number_of(&self.name)
    }
}

/// Last message of a socket: the call ended or left the stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    pub sequence: u64,
    pub stream_sid: StreamSid,
    pub call_sid: CallSid,
}

/// Reads any message. Unknown events and unknown fields are accepted, wrong or missing ones are not.
pub fn parse(message: &[u8]) -> Result<FromTwilio, StreamError> {
    let event = serde_json::from_slice::<Event>(message).map_err(|_| StreamError::NotAnEvent)?;
    match event.event.as_str() {
        "connected" => Ok(FromTwilio::Connected),
        "start" => read(message, "start", |wire: StartWire| {
            (wire.start.custom_parameters.len() <= PARAMETERS_MAX
                && wire.stream_sid == wire.start.stream_sid)
                .then_some(FromTwilio::Start(Start {
                    sequence: wire.sequence_number,
                    stream_sid: wire.stream_sid,
                    account_sid: wire.start.account_sid,
                    call_sid: wire.start.call_sid,
                    tracks: wire.start.tracks,
                    format: wire.start.media_format,
                    parameters: Parameters(wire.start.custom_parameters),
                }))
        }),
        "media" => media(message),
        "dtmf" => read(message, "dtmf", |wire: DtmfWire| {
            Some(FromTwilio::Dtmf(Dtmf {
                sequence: wire.sequence_number,
                stream_sid: wire.stream_sid,
                digit: dtmf_digit(&wire.dtmf.digit)?,
            }))
        }),
        "mark" => read(message, "mark", |wire: MarkWire| {
            Some(FromTwilio::Mark(Mark {
                sequence: wire.sequence_number,
                stream_sid: wire.stream_sid,
                name: wire.mark.name,
            }))
        }),
        "stop" => read(message, "stop", |wire: StopWire| {
            Some(FromTwilio::Stop(Stop {
                sequence: wire.sequence_number,
                stream_sid: wire.stream_sid,
                call_sid: wire.stop.call_sid,
            }))
        }),
        _ => Ok(FromTwilio::Unknown),
    }
}

fn read<W: for<'de> Deserialize<'de>>(
    message: &[u8],
    name: &'static str,
    convert: impl FnOnce(W) -> Option<FromTwilio>,
) -> Result<FromTwilio, StreamError> {
    let wire = serde_json::from_slice(message).map_err(|_| StreamError::Fields(name))?;
    convert(wire).ok_or(StreamError::Fields(name))
}

fn media(message: &[u8]) -> Result<FromTwilio, StreamError> {
    let wire: MediaWire =
        serde_json::from_slice(message).map_err(|_| StreamError::Fields("media"))?;
    let track = match wire.media.track.as_str() {
        "inbound" => Track::Inbound,
        "outbound" => Track::Outbound,
        _ => return Err(StreamError::Fields("media")),
    };
    decoded_bytes(wire.media.payload.as_bytes()).ok_or(StreamError::Payload)?;
    Ok(FromTwilio::Media(Media {
        sequence: wire.sequence_number,
        stream_sid: wire.stream_sid,
        track,
        chunk: wire.media.chunk,
        timestamp_ms: wire.media.timestamp,
        payload_base64: wire.media.payload,
    }))
}

fn dtmf_digit(text: &str) -> Option<char> {
    let mut characters = text.chars();
    let digit = characters.next()?;
    let is_digit = matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D');
    (is_digit && characters.next().is_none()).then_some(digit)
}

#[derive(Deserialize)]
struct Event {
    event: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartWire {
    #[serde(deserialize_with = "tolerant::number")]
    sequence_number: u64,
    stream_sid: StreamSid,
    start: StartFields,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StartFields {
    stream_sid: StreamSid,
    account_sid: AccountSid,
    call_sid: CallSid,
    tracks: Vec<String>,
    media_format: MediaFormat,
    #[serde(default)]
    custom_parameters: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MediaWire {
    #[serde(deserialize_with = "tolerant::number")]
    sequence_number: u64,
    stream_sid: StreamSid,
    media: MediaFields,
}

#[derive(Deserialize)]
struct MediaFields {
    track: String,
    #[serde(deserialize_with = "tolerant::number")]
    chunk: u64,
    #[serde(deserialize_with = "tolerant::number")]
    timestamp: u64,
    payload: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DtmfWire {
    #[serde(deserialize_with = "tolerant::number")]
    sequence_number: u64,
    stream_sid: StreamSid,
    dtmf: DtmfFields,
}

#[derive(Deserialize)]
struct DtmfFields {
    digit: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MarkWire {
    #[serde(deserialize_with = "tolerant::number")]
    sequence_number: u64,
    stream_sid: StreamSid,
    mark: MarkFields,
}

#[derive(Deserialize)]
struct MarkFields {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StopWire {
    #[serde(deserialize_with = "tolerant::number")]
    sequence_number: u64,
    stream_sid: StreamSid,
    stop: StopFields,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StopFields {
    call_sid: CallSid,
}
