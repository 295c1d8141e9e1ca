//! Frames out of a read buffer.

use super::{CONTROL_BYTES_MAX, Limits, Message, ProtocolError, Role, Text, close_code, mask};
use bytes::{Buf, Bytes, BytesMut};

const OPCODE_CONTINUATION: u8 = 0x0;
const OPCODE_TEXT: u8 = 0x1;
const OPCODE_BINARY: u8 = 0x2;
const OPCODE_CLOSE: u8 = 0x8;
const OPCODE_PING: u8 = 0x9;
const OPCODE_PONG: u8 = 0xa;

/// Reads one direction of one connection. Holds only the fragments of a message that is still open.
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    limits: Limits,
    open: Option<OpenMessage>,
    finished: bool,
}

/// A message of which the last fragment has not come.
#[derive(Debug)]
struct OpenMessage {
    is_text: bool,
    bytes: BytesMut,
    fragments: usize,
}

/// The two to fourteen bytes before a payload.
#[derive(Debug, Clone, Copy)]
struct Header {
    is_last: bool,
    opcode: u8,
    mask: Option<mask::MaskKey>,
    header_bytes: usize,
    payload_bytes: usize,
}

impl Decoder {
    /// `role` is ours: a server expects masked frames, a client plain ones.
    pub fn new(role: Role, limits: Limits) -> Self {
        Self {
            role,
            limits,
            open: None,
            finished: false,
        }
    }

    /// Takes the next message from the front of `buffer`; `None` means that more bytes are needed.
    ///
    /// The message shares the buffer's memory: drop it before the next read and the buffer is reused. After a close frame
    /// or an error whatever else the peer sends is discarded and the answer is `None`.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Message>, ProtocolError> {
        while !self.finished {
            let step = self.decode_frame(buffer);
            self.finished = matches!(step, Err(_) | Ok(Step::Done(Message::Close { .. })));
            match step? {
                Step::Done(message) => return Ok(Some(message)),
                Step::Fragment => {}
                Step::NeedsBytes => return Ok(None),
            }
        }
        buffer.clear();
        Ok(None)
    }

    fn decode_frame(&mut self, buffer: &mut BytesMut) -> Result<Step, ProtocolError> {
        let Some(header) = self.header(buffer)? else {
            return Ok(Step::NeedsBytes);
        };
        // Compared this way round because the sum could overflow for a hostile length on 32-bit machines.
        if buffer.len() - header.header_bytes < header.payload_bytes {
            return Ok(Step::NeedsBytes);
        }
        buffer.advance(header.header_bytes);
        let mut payload = buffer.split_to(header.payload_bytes);
        if let Some(key) = header.mask {
            mask::apply(key, &mut payload);
        }
        if header.opcode >= OPCODE_CLOSE {
            return control(header.opcode, payload.freeze()).map(Step::Done);
        }
        self.data(header, payload)
    }

    /// Refuses a bad header as soon as its bytes are there, before any payload is waited for.
    fn header(&self, buffer: &[u8]) -> Result<Option<Header>, ProtocolError> {
        let [first, second, rest @ ..] = buffer else {
            return Ok(None);
        };
        let opcode = first & 0x0f;
        let is_last = first & 0x80 != 0;
        if first & 0x70 != 0 {
            return Err(ProtocolError::ReservedBits);
        }
        if !matches!(opcode, OPCODE_CONTINUATION..=OPCODE_BINARY | OPCODE_CLOSE..=OPCODE_PONG) {
            return Err(ProtocolError::ReservedOpcode(opcode));
        }
        let is_masked = second & 0x80 != 0;
        match (self.role, is_masked) {
            (Role::Server, false) => return Err(ProtocolError::Unmasked),
            (Role::Client, true) => return Err(ProtocolError::Masked),
            _ => {}
        }
        if opcode >= OPCODE_CLOSE {
            if !is_last {
                return Err(ProtocolError::ControlFragmented);
            }
            if usize::from(second & 0x7f) > CONTROL_BYTES_MAX {
                return Err(ProtocolError::ControlTooLong);
            }
        }
        let Some((length_bytes, payload_bytes)) = payload_length(second & 0x7f, rest)? else {
            return Ok(None);
        };
        let payload_bytes = self.within_limit(opcode, payload_bytes)?;
        self.check_order(opcode)?;
        let mask = if is_masked {
            let Some(key) = rest.get(length_bytes..length_bytes + 4) else {
                return Ok(None);
            };
            Some([key[0], key[1], key[2], key[3]])
        } else {
            None
        };
        Ok(Some(Header {
            is_last,
            opcode,
            mask,
            header_bytes: 2 + length_bytes + if is_masked { 4 } else { 0 },
            payload_bytes,
        }))
    }

    fn within_limit(&self, opcode: u8, payload_bytes: u64) -> Result<usize, ProtocolError> {
        let bytes_max = self.limits.message_bytes_max;
        let held = match &self.open {
            Some(open) if opcode == OPCODE_CONTINUATION => open.bytes.len(),
            _ => 0,
        };
        usize::try_from(payload_bytes)
            .ok()
            .filter(|bytes| opcode >= OPCODE_CLOSE || *bytes <= bytes_max.saturating_sub(held))
            .ok_or(ProtocolError::TooLarge { bytes_max })
    }

    fn check_order(&self, opcode: u8) -> Result<(), ProtocolError> {
        match opcode {
            OPCODE_CONTINUATION if self.open.is_none() => {
                Err(ProtocolError::UnexpectedContinuation)
            }
            OPCODE_TEXT | OPCODE_BINARY if self.open.is_some() => {
                Err(ProtocolError::MessageInsideMessage)
            }
            _ => Ok(()),
        }
    }

    fn data(&mut self, header: Header, payload: BytesMut) -> Result<Step, ProtocolError> {
        let Some(mut open) = self.open.take() else {
            let is_text = header.opcode == OPCODE_TEXT;
            if header.is_last {
                return data_message(is_text, payload.freeze()).map(Step::Done);
            }
            // Copied so that an open message does not pin the caller's read buffer.
            self.open = Some(OpenMessage {
                is_text,
                bytes: BytesMut::from(&payload[..]),
                fragments: 1,
            });
            return Ok(Step::Fragment);
        };
        open.fragments += 1;
        if open.fragments > self.limits.fragments_max {
            return Err(ProtocolError::TooFragmented {
                fragments_max: self.limits.fragments_max,
            });
        }
        open.bytes.extend_from_slice(&payload);
        if header.is_last {
            return data_message(open.is_text, open.bytes.freeze()).map(Step::Done);
        }
        self.open = Some(open);
        Ok(Step::Fragment)
    }
}

enum Step {
    Done(Message),
    Fragment,
    NeedsBytes,
}

/// How many bytes the extended length takes and what it says; lengths must be in their shortest form (section 5.2).
fn payload_length(short: u8, rest: &[u8]) -> Result<Option<(usize, u64)>, ProtocolError> {
    let (length_bytes, length, shortest) = match (short, rest) {
        (126, [a, b, ..]) => (2, u64::from(u16::from_be_bytes([*a, *b])), 126),
        (127, [a, b, c, d, e, f, g, h, ..]) => {
            let length = u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
            (8, length, 1 << 16)
        }
        (126 | 127, _) => return Ok(None),
        _ => (0, u64::from(short), 0),
    };
    if length < shortest {
        return Err(ProtocolError::LengthForm);
    }
    Ok(Some((length_bytes, length)))
}

fn data_message(is_text: bool, bytes: Bytes) -> Result<Message, ProtocolError> {
    if !is_text {
        return Ok(Message::Binary(bytes));
    }
    let text = Text::from_utf8(bytes).ok_or(ProtocolError::NotUtf8)?;
    Ok(Message::Text(text))
}

fn control(opcode: u8, payload: Bytes) -> Result<Message, ProtocolError> {
    match opcode {
        OPCODE_PING => Ok(Message::Ping(payload)),
        OPCODE_PONG => Ok(Message::Pong(payload)),
        _ => close(payload),
    }
}

fn close(payload: Bytes) -> Result<Message, ProtocolError> {
    let code = match payload[..] {
        [] => None,
        [high, low, ..] => Some(u16::from_be_bytes([high, low])),
        [_] => return Err(ProtocolError::BadClose),
    };
    if code.is_some_and(|code| !close_code::may_be_sent(code)) {
        return Err(ProtocolError::BadClose);
    }
    let reason = payload.slice(payload.len().min(2)..);
    let reason = Text::from_utf8(reason).ok_or(ProtocolError::NotUtf8)?;
    Ok(Message::Close { code, reason })
}
