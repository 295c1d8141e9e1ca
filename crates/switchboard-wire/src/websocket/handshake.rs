//! The HTTP/1.1 upgrade (RFC 6455 section 4), both sides.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::{BufMut, BytesMut};
use sha1::{Digest, Sha1};
use std::fmt;

/// 16 KiB: Azure and CDN front ends send up to 8 KiB of cookies and policies; a head without end must not be buffered.
pub const HEAD_BYTES_MAX: usize = 16 * 1024;
/// A head of more fields than this is hostile; vendors send about thirty.
const HEADERS_MAX: usize = 100;
const VERSION: &[u8] = b"13";
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Why an upgrade did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    #[error("the request is not a GET")]
    Method,
    #[error("the request does not ask for an upgrade to websocket")]
    NoUpgrade,
    #[error("the WebSocket version is not 13")]
    Version,
    #[error("the key is missing or is not 16 bytes of base64")]
    Key,
    #[error("the server answered {status} instead of 101")]
    Refused { status: u16 },
    #[error("the server's accept value does not belong to our key")]
    Accept,
    #[error("the server chose an extension that nobody offered")]
    Extension,
    #[error("the server chose a subprotocol that nobody offered")]
    Subprotocol,
    #[error("the head is not HTTP/1.1")]
    Head,
    #[error("the head has more than 16 KiB or 100 fields")]
    HeadTooLarge,
    #[error("a header or target holds a control character")]
    HeaderText,
}

impl HandshakeError {
    /// The HTTP status a server answers a refused request with (section 4.4 for the version).
    pub fn status(&self) -> u16 {
        match self {
            Self::Method => 405,
            Self::NoUpgrade | Self::Version => 426,
            Self::HeadTooLarge => 431,
            _ => 400,
        }
    }
}

/// `Sec-WebSocket-Accept` for a `Sec-WebSocket-Key` (section 4.2.2).
pub fn accept_key(sec_websocket_key: &[u8]) -> String {
    let mut sha = Sha1::new();
    sha.update(sec_websocket_key);
    sha.update(ACCEPT_GUID);
    STANDARD.encode(sha.finalize())
}

/// `Sec-WebSocket-Key` from sixteen random bytes of the caller.
pub fn key_from_nonce(nonce: [u8; 16]) -> String {
    STANDARD.encode(nonce)
}

/// The four headers that make a request an upgrade. Repeated `Connection` headers are given joined by commas.
#[derive(Debug, Clone, Copy, Default)]
pub struct UpgradeHeaders<'a> {
    pub connection: Option<&'a [u8]>,
    pub upgrade: Option<&'a [u8]>,
    pub version: Option<&'a [u8]>,
    pub key: Option<&'a [u8]>,
}

/// Checks a client's request and returns the accept value for the 101 answer.
pub fn accept_upgrade(method: &str, headers: UpgradeHeaders<'_>) -> Result<String, HandshakeError> {
    if method != "GET" {
        return Err(HandshakeError::Method);
    }
    if !has_token(headers.connection, b"upgrade") || !has_token(headers.upgrade, b"websocket") {
        return Err(HandshakeError::NoUpgrade);
    }
    if headers.version.map(<[u8]>::trim_ascii) != Some(VERSION) {
        return Err(HandshakeError::Version);
    }
    let key = headers.key.ok_or(HandshakeError::Key)?.trim_ascii();
    match STANDARD.decode(key) {
        Ok(nonce) if nonce.len() == 16 => Ok(accept_key(key)),
        _ => Err(HandshakeError::Key),
    }
}

/// Checks a server's answer to the request that carried `key`. `offered` are our subprotocols; the chosen one is returned.
pub fn check_upgrade_response(
    head: &Head<StatusLine>,
    key: &str,
    offered: &[&str],
) -> Result<Option<String>, HandshakeError> {
    if head.line.status != 101 {
        return Err(HandshakeError::Refused {
            status: head.line.status,
        });
    }
    let bytes = |name| head.header(name).map(str::as_bytes);
    if !has_token(bytes("connection"), b"upgrade") || !has_token(bytes("upgrade"), b"websocket") {
        return Err(HandshakeError::NoUpgrade);
    }
    if head.header("sec-websocket-accept") != Some(accept_key(key.as_bytes()).as_str()) {
        return Err(HandshakeError::Accept);
    }
    if head.header("sec-websocket-extensions").is_some() {
        return Err(HandshakeError::Extension);
    }
    match head.header("sec-websocket-protocol") {
        None => Ok(None),
        Some(chosen) if offered.contains(&chosen) => Ok(Some(chosen.to_owned())),
        Some(_) => Err(HandshakeError::Subprotocol),
    }
}

/// The client's request. `host` is the `Host` value, `target` path and query, `headers` whatever else the server wants.
pub fn write_upgrade_request(
    out: &mut BytesMut,
    host: &str,
    target: &str,
    key: &str,
    headers: &[(&str, &str)],
) -> Result<(), HandshakeError> {
    let texts = headers.iter().flat_map(|(name, value)| [*name, *value]);
    check_text([host, target, key].into_iter().chain(texts))?;
    if target.contains(' ') {
        return Err(HandshakeError::HeaderText);
    }
    put(out, &["GET ", target, " HTTP/1.1\r\nHost: ", host]);
    put(
        out,
        &[
            "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ",
            key,
            "\r\n",
        ],
    );
    put_headers(out, headers);
    Ok(())
}

/// The server's 101 for an accept value of [`accept_upgrade`].
pub fn write_upgrade_response(
    out: &mut BytesMut,
    accept: &str,
    headers: &[(&str, &str)],
) -> Result<(), HandshakeError> {
    let texts = headers.iter().flat_map(|(name, value)| [*name, *value]);
    check_text(std::iter::once(accept).chain(texts))?;
    put(
        out,
        &[
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ",
            accept,
            "\r\n",
        ],
    );
    put_headers(out, headers);
    Ok(())
}

fn put(out: &mut BytesMut, parts: &[&str]) {
    parts.iter().for_each(|part| out.put_slice(part.as_bytes()));
}

fn put_headers(out: &mut BytesMut, headers: &[(&str, &str)]) {
    for (name, value) in headers {
        put(out, &[name, ": ", value, "\r\n"]);
    }
    out.put_slice(b"\r\n");
}

/// A line break in a value would start a header of somebody else's choosing.
fn check_text<'a>(mut texts: impl Iterator<Item = &'a str>) -> Result<(), HandshakeError> {
    if texts.any(|text| text.bytes().any(|byte| byte.is_ascii_control())) {
        return Err(HandshakeError::HeaderText);
    }
    Ok(())
}

fn has_token(list: Option<&[u8]>, token: &[u8]) -> bool {
    list.is_some_and(|list| {
        list.split(|byte| *byte == b',')
            .any(|item| item.trim_ascii().eq_ignore_ascii_case(token))
    })
}

/// First line and headers of an HTTP/1.1 message. Debug shows names only: values hold keys.
#[derive(Clone, PartialEq, Eq)]
pub struct Head<L> {
    pub line: L,
    /// In order of arrival; names in lower case.
    pub headers: Vec<(String, String)>,
    /// How many bytes of the buffer the head took, its blank line included.
    pub head_bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestLine {
    pub method: String,
    /// Path and query exactly as sent, which is what signatures cover.
    pub target: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusLine {
    pub status: u16,
}

impl<L> Head<L> {
    /// The first header of that name, which is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(header, _)| header == name);
        found.next().map(|(_, value)| value.as_str())
    }

    pub fn upgrade_headers(&self) -> UpgradeHeaders<'_> {
        let bytes = |name| self.header(name).map(str::as_bytes);
        UpgradeHeaders {
            connection: bytes("connection"),
            upgrade: bytes("upgrade"),
            version: bytes("sec-websocket-version"),
            key: bytes("sec-websocket-key"),
        }
    }
}

impl<L: fmt::Debug> fmt::Debug for Head<L> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name).collect();
        formatter
            .debug_struct("Head")
            .field("line", &self.line)
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

/// Reads a request's head from the front of `bytes`; `None` means that its blank line has not come yet.
pub fn parse_request_head(bytes: &[u8]) -> Result<Option<Head<RequestLine>>, HandshakeError> {
    parse_head(bytes, |line| {
        let mut words = line.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let is_http = words.next()? == "HTTP/1.1" && words.next().is_none();
        (is_http && !method.is_empty() && !target.is_empty()).then(|| RequestLine {
            method: method.to_owned(),
            target: target.to_owned(),
        })
    })
}

/// Reads a response's head from the front of `bytes`; `None` means that its blank line has not come yet.
pub fn parse_response_head(bytes: &[u8]) -> Result<Option<Head<StatusLine>>, HandshakeError> {
    parse_head(bytes, |line| {
        let rest = line
            .strip_prefix("HTTP/1.1 ")
            .or(line.strip_prefix("HTTP/1.0 "))?;
        let digits = rest.get(..3)?;
        let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
        let ends = matches!(rest.as_bytes().get(3), None | Some(b' '));
        (is_number && ends).then_some(StatusLine {
            status: digits.parse().ok()?,
        })
    })
}

fn parse_head<L>(
    bytes: &[u8],
    first_line: impl FnOnce(&str) -> Option<L>,
) -> Result<Option<Head<L>>, HandshakeError> {
    let window = &bytes[..bytes.len().min(HEAD_BYTES_MAX)];
    let Some(end) = memchr::memmem::find(window, b"\r\n\r\n") else {
        return match bytes.len() {
            ..HEAD_BYTES_MAX => Ok(None),
            _ => Err(HandshakeError::HeadTooLarge),
        };
    };
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| HandshakeError::Head)?;
    let mut lines = text.split("\r\n");
    let line = lines
        .next()
        .and_then(first_line)
        .ok_or(HandshakeError::Head)?;
    let mut headers = Vec::new();
    for header in lines {
        if headers.len() == HEADERS_MAX {
            return Err(HandshakeError::HeadTooLarge);
        }
        headers.push(parse_header(header).ok_or(HandshakeError::Head)?);
    }
    Ok(Some(Head {
        line,
        headers,
        head_bytes: end + 4,
    }))
}

fn parse_header(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once(':')?;
    let is_token = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
    let is_text = value
        .bytes()
        .all(|byte| byte == b'\t' || !byte.is_ascii_control());
    let is_good = !name.is_empty() && name.bytes().all(is_token) && is_text;
    is_good.then(|| (name.to_ascii_lowercase(), value.trim_ascii().to_owned()))
}
