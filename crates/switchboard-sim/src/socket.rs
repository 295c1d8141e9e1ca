//! A WebSocket over TCP for both fakes, client and server side, on the codec of `switchboard-wire`.
//!
//! Plain TCP only: fakes live on loopback. Reading and flushing are safe to cancel inside `select!`; what was half written
//! stays in the buffer.

use bytes::{Buf, BytesMut};
use std::io;
use std::time::Duration;
use switchboard_wire::websocket::{
    self as ws, Decoder, HandshakeError, Head, Limits, MaskKey, Message, ProtocolError,
    RequestLine, Role, StatusLine,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Free space offered to each read. Two Twilio messages fit; longer ones grow the buffer.
const READ_BYTES: usize = 4 * 1024;
/// A fake must not wait for ever for a server that accepts and then says nothing.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a socket could not be opened or did not go on.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    #[error("the URL is not ws://host[:port]/path: {0}")]
    Url(String),
    #[error("the connection failed: {0}")]
    Io(#[from] io::Error),
    #[error("the handshake failed: {0}")]
    Handshake(#[from] HandshakeError),
    #[error("the peer broke the protocol: {0}")]
    Protocol(#[from] ProtocolError),
    #[error("the handshake took longer than {HANDSHAKE_TIMEOUT:?}")]
    HandshakeTimeout,
    #[error("the peer closed the connection during the handshake")]
    HandshakeClosed,
}

/// An open WebSocket. Use it whole, or [`Socket::split`] it to read and write in one `select!`.
#[derive(Debug)]
pub struct Socket {
    pub reader: SocketReader,
    pub writer: SocketWriter,
}

impl Socket {
    /// Opens `ws://…` as a client. Headers are sent as they are spelt here, after the usual ones.
    pub async fn connect(url: &str, headers: &[(&str, &str)]) -> Result<Self, SocketError> {
        let target = Target::parse(url)?;
        let stream = TcpStream::connect(&target.authority).await?;
        Self::connect_over(stream, &target, headers).await
    }

    /// Speaks to `address` what `url` says, whatever its scheme: a public name served by a loopback port.
    pub async fn connect_to(
        address: std::net::SocketAddr,
        url: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, SocketError> {
        let target = Target::of_any_scheme(url)?;
        let stream = TcpStream::connect(address).await?;
        Self::connect_over(stream, &target, headers).await
    }

    async fn connect_over(
        stream: TcpStream,
        target: &Target,
        headers: &[(&str, &str)],
    ) -> Result<Self, SocketError> {
        let shake = handshake_as_client(stream, target, headers);
        tokio::time::timeout(HANDSHAKE_TIMEOUT, shake)
            .await
            .map_err(|_| SocketError::HandshakeTimeout)?
    }

    /// Reads a client's request; look at it, then [`PendingUpgrade::accept`] or [`PendingUpgrade::refuse`].
    pub async fn receive(mut stream: TcpStream) -> Result<PendingUpgrade, SocketError> {
        stream.set_nodelay(true)?;
        let mut buffer = BytesMut::with_capacity(READ_BYTES);
        let read = read_head(&mut stream, &mut buffer, ws::parse_request_head);
        let head = tokio::time::timeout(HANDSHAKE_TIMEOUT, read)
            .await
            .map_err(|_| SocketError::HandshakeTimeout)??;
        Ok(PendingUpgrade {
            stream,
            buffer,
            head,
        })
    }

    fn new(stream: TcpStream, role: Role, buffer: BytesMut) -> Self {
        let (read, write) = stream.into_split();
        Self {
            reader: SocketReader {
                read,
                decoder: Decoder::new(role, Limits::default()),
                buffer,
            },
            writer: SocketWriter {
                write,
                masks: (role == Role::Client).then(Masks::new),
                buffer: BytesMut::with_capacity(READ_BYTES),
            },
        }
    }

    /// The next message that is not a ping or pong; pings are answered. `None` when the peer has closed the connection.
    pub async fn next(&mut self) -> Result<Option<Message>, SocketError> {
        loop {
            match self.reader.next().await? {
                Some(Message::Ping(payload)) => {
                    self.writer.queue_pong(&payload);
                    self.writer.flush().await?;
                }
                Some(Message::Pong(_)) => {}
                other => return Ok(other),
            }
        }
    }

    pub async fn send_text(&mut self, text: &str) -> Result<(), SocketError> {
        self.writer.queue_text_parts(&[text.as_bytes()]);
        Ok(self.writer.flush().await?)
    }

    /// Sends a close frame; the connection itself closes when the socket is dropped.
    pub async fn close(&mut self, code: u16, reason: &str) -> Result<(), SocketError> {
        self.writer.queue_close(code, reason);
        Ok(self.writer.flush().await?)
    }

    pub fn split(self) -> (SocketReader, SocketWriter) {
        (self.reader, self.writer)
    }

    /// Drops the connection with a TCP reset instead of an orderly end.
    pub fn reset(self) {
        self.writer.reset();
    }
}

/// A client that has asked and not been answered.
#[derive(Debug)]
pub struct PendingUpgrade {
    stream: TcpStream,
    buffer: BytesMut,
    pub head: Head<RequestLine>,
}

impl PendingUpgrade {
    /// Answers 101, with these headers added.
    pub async fn accept(mut self, headers: &[(&str, &str)]) -> Result<Socket, SocketError> {
        let accept = ws::accept_upgrade(&self.head.line.method, self.head.upgrade_headers())?;
        let mut out = BytesMut::new();
        ws::write_upgrade_response(&mut out, &accept, headers)?;
        self.stream.write_all(&out).await?;
        Ok(Socket::new(self.stream, Role::Server, self.buffer))
    }

    /// Answers with another status and a body, then closes.
    pub async fn refuse(mut self, status: u16, body: &str) -> Result<(), SocketError> {
        let answer = format!(
            "HTTP/1.1 {status} Refused\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        self.stream.write_all(answer.as_bytes()).await?;
        Ok(self.stream.shutdown().await?)
    }

    /// Resets the connection without an answer.
    pub fn reset(self) {
        let _ = self.stream.set_zero_linger();
    }
}

/// The reading half.
#[derive(Debug)]
pub struct SocketReader {
    read: OwnedReadHalf,
    decoder: Decoder,
    buffer: BytesMut,
}

impl SocketReader {
    /// The next message, pings included. `None` when the peer has closed the connection. Safe to cancel.
    pub async fn next(&mut self) -> Result<Option<Message>, SocketError> {
        loop {
            if let Some(message) = self.decoder.decode(&mut self.buffer)? {
                return Ok(Some(message));
            }
            self.buffer.reserve(READ_BYTES);
            if self.read.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }
}

/// The writing half: queue, then flush.
#[derive(Debug)]
pub struct SocketWriter {
    write: OwnedWriteHalf,
    /// Present on the client's side only.
    masks: Option<Masks>,
    buffer: BytesMut,
}

impl SocketWriter {
    /// Queues one text message made of these parts.
    pub fn queue_text_parts(&mut self, parts: &[&[u8]]) {
        let mask = self.mask();
        ws::write_text_parts(&mut self.buffer, mask, parts);
    }

    pub fn queue_binary(&mut self, bytes: &[u8]) {
        let mask = self.mask();
        ws::write_binary(&mut self.buffer, mask, bytes);
    }

    pub fn queue_ping(&mut self, payload: &[u8]) {
        let mask = self.mask();
        ws::write_ping(&mut self.buffer, mask, payload);
    }

    pub fn queue_pong(&mut self, payload: &[u8]) {
        let mask = self.mask();
        ws::write_pong(&mut self.buffer, mask, payload);
    }

    pub fn queue_close(&mut self, code: u16, reason: &str) {
        let mask = self.mask();
        ws::write_close(&mut self.buffer, mask, code, reason);
    }

    /// Queues bytes that need not be a frame: for peers that must survive nonsense.
    pub fn queue_raw(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    pub fn queued_bytes(&self) -> usize {
        self.buffer.len()
    }

    /// Writes what is queued. Safe to cancel: what was not written stays queued.
    pub async fn flush(&mut self) -> io::Result<()> {
        while self.buffer.has_remaining() {
            if self.write.write_buf(&mut self.buffer).await? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Ends our direction in order; the peer reads to the end of it.
    pub async fn shutdown(&mut self) -> io::Result<()> {
        self.write.shutdown().await
    }

    /// Makes the drop of both halves a TCP reset.
    pub fn reset(self) {
        let stream: &TcpStream = self.write.as_ref();
        let _ = stream.set_zero_linger();
        // Dropping the half would end our direction in order first.
        self.write.forget();
    }

    fn mask(&mut self) -> Option<MaskKey> {
        self.masks.as_mut().map(Masks::next)
    }
}

/// Masking keys need not be secret between fakes, only varied: a xorshift generator with a random start.
#[derive(Debug)]
struct Masks {
    state: u64,
}

impl Masks {
    fn new() -> Self {
        Self {
            state: u64::from_ne_bytes(random_bytes()) | 1,
        }
    }

    fn next(&mut self) -> MaskKey {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let [a, b, c, d, ..] = self.state.to_be_bytes();
        [a, b, c, d]
    }
}

pub(crate) fn random_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}

/// Where a URL points, split as a request needs it.
struct Target {
    authority: String,
    path: String,
}

impl Target {
    fn parse(url: &str) -> Result<Self, SocketError> {
        if !url.starts_with("ws://") {
            return Err(SocketError::Url(url.to_owned()));
        }
        Self::of_any_scheme(url)
    }

    fn of_any_scheme(url: &str) -> Result<Self, SocketError> {
        let error = || SocketError::Url(url.to_owned());
        let (_, rest) = url.split_once("://").ok_or_else(error)?;
        let path_begin = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(path_begin);
        if authority.is_empty() {
            return Err(error());
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| {
            !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
        });
        Ok(Self {
            authority: if has_port {
                authority.to_owned()
            } else {
                format!("{authority}:80")
            },
            path: if path.starts_with('/') {
                path.to_owned()
            } else {
                format!("/{path}")
            },
        })
    }
}

async fn handshake_as_client(
    mut stream: TcpStream,
    target: &Target,
    headers: &[(&str, &str)],
) -> Result<Socket, SocketError> {
    stream.set_nodelay(true)?;
    let key = ws::key_from_nonce(random_bytes());
    let mut buffer = BytesMut::with_capacity(READ_BYTES);
    ws::write_upgrade_request(&mut buffer, &target.authority, &target.path, &key, headers)?;
    stream.write_all(&buffer).await?;
    buffer.clear();
    let head: Head<StatusLine> =
        read_head(&mut stream, &mut buffer, ws::parse_response_head).await?;
    let offered: Vec<&str> = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-protocol"))
        .flat_map(|(_, value)| value.split(',').map(str::trim))
        .collect();
    ws::check_upgrade_response(&head, &key, &offered)?;
    Ok(Socket::new(stream, Role::Client, buffer))
}

/// One of the two head parsers of the codec.
type ParseHead<L> = fn(&[u8]) -> Result<Option<Head<L>>, HandshakeError>;

/// Reads until the head is whole; what follows it stays in the buffer.
async fn read_head<L>(
    stream: &mut TcpStream,
    buffer: &mut BytesMut,
    parse: ParseHead<L>,
) -> Result<Head<L>, SocketError> {
    loop {
        if let Some(head) = parse(buffer)? {
            buffer.advance(head.head_bytes);
            return Ok(head);
        }
        buffer.reserve(READ_BYTES);
        if stream.read_buf(buffer).await? == 0 {
            return Err(SocketError::HandshakeClosed);
        }
    }
}
