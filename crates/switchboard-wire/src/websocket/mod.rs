//! WebSocket (RFC 6455) without sockets, for both roles.
//!
//! [`Decoder`] takes frames out of a read buffer the caller owns; the `write_*` functions append frames to a write buffer
//! the caller owns. A message that arrives in one frame is split off the read buffer without copying and unmasked where it
//! lies, so a call's fifty messages a second cost no allocation once the buffers have grown. No extension is spoken, and
//! in particular no compression: a peer cannot make us inflate anything.
//!
//! ```
//! use bytes::BytesMut;
//! use switchboard_wire::websocket::{Decoder, Limits, Message, Role, write_text_parts};
//!
//! let mut wire = BytesMut::new();
//! write_text_parts(&mut wire, None, &[b"{\"audio\":\"", b"/////w==", b"\"}"]);
//! let mut client = Decoder::new(Role::Client, Limits::default());
//! let Ok(Some(Message::Text(text))) = client.decode(&mut wire) else { unreachable!() };
//! assert_eq!(text.as_str(), "{\"audio\":\"/////w==\"}");
//! ```

mod decode;
mod encode;
mod handshake;
mod mask;

pub use decode::Decoder;
pub use encode::{
    CLOSE_REASON_BYTES_MAX, write_binary, write_close, write_message, write_ping, write_pong,
    write_text, write_text_parts,
};
pub use handshake::{
    HEAD_BYTES_MAX, HandshakeError, Head, RequestLine, StatusLine, UpgradeHeaders, accept_key,
    accept_upgrade, check_upgrade_response, key_from_nonce, parse_request_head,
    parse_response_head, write_upgrade_request, write_upgrade_response,
};
pub use mask::MaskKey;

use bytes::Bytes;
use std::fmt;

/// Which end of the connection *we* are. A server reads masked frames and writes plain ones, a client the reverse.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Client,
    Server,
}

/// What a peer may make us hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one message, all fragments together; a frame can never be larger. Past it: close code 1009.
    pub message_bytes_max: usize,
    /// Frames one message may be cut into, so that empty fragments cannot keep a message open for ever.
    pub fragments_max: usize,
}

/// 256 KiB: a second of base64 PCM at 48 kHz is 128 KiB, and no vendor message we know is longer (threats.md H6).
pub const MESSAGE_BYTES_MAX: usize = 256 * 1024;
/// No vendor fragments; proxies cut at 4 KiB at the smallest, which makes 64 pieces of the longest message.
pub const FRAGMENTS_MAX: usize = 256;
/// RFC 6455 section 5.5.
pub const CONTROL_BYTES_MAX: usize = 125;

impl Default for Limits {
    fn default() -> Self {
        Self {
            message_bytes_max: MESSAGE_BYTES_MAX,
            fragments_max: FRAGMENTS_MAX,
        }
    }
}

/// One message or control frame, whole and unmasked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Text(Text),
    Binary(Bytes),
    /// Answer with [`write_pong`] and the same bytes.
    Ping(Bytes),
    Pong(Bytes),
    /// `code` is `None` when the peer gave none. Answer with [`write_close`], then close.
    Close {
        code: Option<u16>,
        reason: Text,
    },
}

/// Bytes known to be UTF-8, sharing the read buffer they arrived in. Debug shows the length only: messages hold speech.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Text(Bytes);

impl Text {
    /// `None` unless the bytes are UTF-8.
    pub fn from_utf8(bytes: Bytes) -> Option<Self> {
        std::str::from_utf8(&bytes).ok()?;
        Some(Self(bytes))
    }

    /// The scanners of the hot path work on bytes; this is free.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Checks UTF-8 a second time, because unsafe code is forbidden here. Use [`Text::as_bytes`] where every frame passes.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("checked when the text was made")
    }

    pub fn into_bytes(self) -> Bytes {
        self.0
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(Bytes::from(text))
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Self(Bytes::from_static(text.as_bytes()))
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Text({} bytes)", self.0.len())
    }
}

/// What a peer did wrong. The connection is over: send a close frame with [`ProtocolError::close_code`], then close.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    #[error("a reserved bit is set although no extension was agreed")]
    ReservedBits,
    #[error("opcode {0} is reserved")]
    ReservedOpcode(u8),
    #[error("a client frame is not masked")]
    Unmasked,
    #[error("a server frame is masked")]
    Masked,
    #[error("a control frame is fragmented")]
    ControlFragmented,
    #[error("a control frame has more than 125 bytes")]
    ControlTooLong,
    #[error("a frame length is not in its shortest form")]
    LengthForm,
    #[error("a message has more than {bytes_max} bytes")]
    TooLarge { bytes_max: usize },
    #[error("a message is cut into more than {fragments_max} fragments")]
    TooFragmented { fragments_max: usize },
    #[error("a continuation came without a beginning")]
    UnexpectedContinuation,
    #[error("a message began inside another")]
    MessageInsideMessage,
    #[error("a text is not UTF-8")]
    NotUtf8,
    #[error("a close frame has one byte or a code that may not be sent")]
    BadClose,
}

impl ProtocolError {
    /// The close code of RFC 6455 section 7.4.1 for this error.
    pub fn close_code(self) -> u16 {
        match self {
            Self::TooLarge { .. } | Self::TooFragmented { .. } => close_code::TOO_BIG,
            Self::NotUtf8 => close_code::BAD_DATA,
            _ => close_code::PROTOCOL,
        }
    }
}

/// Close codes we send (RFC 6455 section 7.4.1).
pub mod close_code {
    pub const NORMAL: u16 = 1000;
    pub const GOING_AWAY: u16 = 1001;
    pub const PROTOCOL: u16 = 1002;
    pub const BAD_DATA: u16 = 1007;
    pub const POLICY: u16 = 1008;
    pub const TOO_BIG: u16 = 1009;
    pub const INTERNAL: u16 = 1011;

    /// Whether a code may stand in a close frame: 1004 to 1006 and 1015 never do, 1016 to 2999 are unassigned.
    pub fn may_be_sent(code: u16) -> bool {
        matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
    }
}
