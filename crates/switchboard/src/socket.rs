//! A WebSocket as one value without a task: reads are cancel-safe, writes are owned state.
//!
//! What a peer does not take stays in a bounded buffer and is pushed on by the next read; a peer that takes
//! nothing for the write time of its [`SocketLimits`] or lets the bound be passed is given up. So nothing here is ever awaited
//! except the next message.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use switchboard_wire::websocket::{
    self, Decoder, Limits, MaskKey, Message, ProtocolError, Role, close_code,
};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::config::LimitsSettings;
use crate::http::ConnectionPermit;

/// Carriers send frames of 20 ms; what is larger than this is none of theirs.
const CARRIER_MESSAGE_BYTES_MAX: usize = 64 * 1024;
/// A model's longest event is a whole response with its transcript, or a large delta of audio.
const MODEL_MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Room for a burst of messages; a larger message grows the buffer for as long as it is read.
const READ_BYTES: usize = 16 * 1024;
/// Free room without which a read is not worth its system call.
const READ_FREE_BYTES_MIN: usize = 4 * 1024;
/// A write buffer larger than this is given back once it is empty: what goes out 50 times a second is some 300 bytes, the
/// audio of a reply goes out four times.
const OUTGOING_KEEP_BYTES_MAX: usize = 512;
/// A read buffer that grew past this for one large message is not lent again.
const READ_KEEP_BYTES_MAX: usize = 64 * 1024;

thread_local! {
    /// The read buffer of whichever socket reads now. A socket owns one only while a part of a message waits in it, so a
    /// call that listens costs none.
    static LENT: Cell<BytesMut> = Cell::new(BytesMut::new());
}

/// The stream below a WebSocket.
#[derive(Debug)]
pub enum Io {
    /// Plain TCP: an upgraded request of ours, or a `ws:` address.
    Plain(TcpStream),
    /// TLS that we opened, for a `wss:` address.
    Tls(Box<TlsStream<TcpStream>>),
}

/// Why a socket is no longer of use.
#[derive(Debug, Error)]
pub enum SocketError {
    /// The stream broke or ended without a close.
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    /// The peer broke the protocol.
    #[error("the peer broke the WebSocket protocol: {0}")]
    Protocol(ProtocolError),
    /// The peer does not read: too many bytes wait, or they wait too long.
    #[error("the peer does not read")]
    Stuck,
}

/// One WebSocket, in either role.
#[derive(Debug)]
pub struct WebSocket {
    io: Io,
    decoder: Decoder,
    incoming: BytesMut,
    outgoing: BytesMut,
    outgoing_max: usize,
    write_time_max: Duration,
    stuck_since: Option<Instant>,
    masks: Option<Masks>,
    /// Counts the connection at the listener for as long as the socket lives.
    _permit: Option<ConnectionPermit>,
}

/// Mask keys of a client. They protect intermediaries from scripts in browsers, not secrets: a fast sequence will do.
#[derive(Debug)]
struct Masks(u64);

impl Masks {
    fn new() -> Self {
        Self(getrandom::u64().unwrap_or(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// xorshift64 (Marsaglia 2003).
    fn next(&mut self) -> MaskKey {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let bytes = self.0.to_le_bytes();
        [bytes[2], bytes[3], bytes[4], bytes[5]]
    }
}

impl WebSocket {
    /// The server's end of an upgraded request. `read` holds what the peer sent behind its head.
    pub fn server(
        tcp: TcpStream,
        permit: Option<ConnectionPermit>,
        read: &[u8],
        limits: SocketLimits,
    ) -> Self {
        Self::new(Io::Plain(tcp), Role::Server, permit, read, limits)
    }

    /// The client's end after a successful upgrade. `read` holds what the peer sent behind its head.
    pub fn client(io: Io, read: &[u8], limits: SocketLimits) -> Self {
        Self::new(io, Role::Client, None, read, limits)
    }

    fn new(
        io: Io,
        role: Role,
        permit: Option<ConnectionPermit>,
        read: &[u8],
        limits: SocketLimits,
    ) -> Self {
        let message_limits = Limits {
            message_bytes_max: limits.message_bytes_max,
            ..Limits::default()
        };
        Self {
            io,
            decoder: Decoder::new(role, message_limits),
            incoming: BytesMut::from(read),
            outgoing: BytesMut::new(),
            outgoing_max: limits.outgoing_bytes_max,
            write_time_max: limits.write_time_max,
            stuck_since: None,
            masks: (role == Role::Client).then(Masks::new),
            _permit: permit,
        }
    }

    /// The next message. Pings are answered here. Cancel-safe: nothing read is lost when the future is dropped.
    ///
    /// # Errors
    /// The connection broke, the peer broke the protocol, or it does not read. The socket is of no further use.
    pub async fn next(&mut self) -> Result<Message, SocketError> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// As [`WebSocket::next`], for tasks that poll several sockets.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, SocketError>> {
        self.poll_push(context)?;
        loop {
            match self
                .decoder
                .decode(&mut self.incoming)
                .map_err(SocketError::Protocol)?
            {
                Some(Message::Ping(payload)) => {
                    let mask = self.mask();
                    websocket::write_pong(&mut self.outgoing, mask, &payload);
                    self.poll_push(context)?;
                }
                Some(message) => return Poll::Ready(Ok(message)),
                None => ready!(self.poll_fill(context)).map_err(SocketError::Broken)?,
            }
        }
    }

    /// Whether a message may be ready without waiting, so that a caller can serve it before it flushes.
    pub fn has_buffered(&self) -> bool {
        // Fewer bytes than the smallest frame with content cannot be a message.
        self.incoming.len() > 2
    }

    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.incoming.is_empty() {
            self.incoming = LENT.take();
        }
        if self.incoming.capacity() == 0 {
            self.incoming.reserve(READ_BYTES);
        }
        self.incoming.reserve(READ_FREE_BYTES_MIN);
        let read = poll_read_buffer(&mut self.io, context, &mut self.incoming);
        if self.incoming.is_empty() {
            self.give_back();
        }
        match ready!(read)? {
            0 => Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn give_back(&mut self) {
        let buffer = std::mem::take(&mut self.incoming);
        if buffer.capacity() <= READ_KEEP_BYTES_MAX {
            LENT.set(buffer);
        }
    }

    /// Writes a text message made of these slices, without joining them first. Sent by the next flush or read.
    pub fn send_parts(&mut self, parts: &[&[u8]]) {
        let mask = self.mask();
        websocket::write_text_parts(&mut self.outgoing, mask, parts);
    }

    /// Writes a text message. Sent by the next flush or read.
    pub fn send_text(&mut self, text: &str) {
        let mask = self.mask();
        websocket::write_text(&mut self.outgoing, mask, text);
    }

    /// Writes a binary message. Sent by the next flush or read.
    pub fn send_binary(&mut self, bytes: &[u8]) {
        let mask = self.mask();
        websocket::write_binary(&mut self.outgoing, mask, bytes);
    }

    /// Writes a ping. Sent by the next flush or read.
    pub fn send_ping(&mut self) {
        let mask = self.mask();
        websocket::write_ping(&mut self.outgoing, mask, b"");
    }

    /// Writes a close. Sent by the next flush or read.
    pub fn send_close(&mut self, code: u16, reason: &str) {
        let mask = self.mask();
        websocket::write_close(&mut self.outgoing, mask, code, reason);
    }

    /// Bytes that wait for the peer.
    pub fn waiting(&self) -> usize {
        self.outgoing.len()
    }

    fn mask(&mut self) -> Option<MaskKey> {
        self.masks.as_mut().map(Masks::next)
    }

    /// Gives the stream what it takes now, without waiting for the rest.
    ///
    /// # Errors
    /// The connection broke, or the peer does not read.
    pub async fn flush(&mut self) -> Result<(), SocketError> {
        if self.outgoing.is_empty() {
            return Ok(());
        }
        poll_fn(|context| Poll::Ready(self.poll_push(context))).await
    }

    /// When the peer must have read something, if bytes are waiting for it.
    pub fn deadline(&self) -> Option<Instant> {
        self.stuck_since.map(|since| since + self.write_time_max)
    }

    fn poll_push(&mut self, context: &mut Context<'_>) -> Result<(), SocketError> {
        while !self.outgoing.is_empty() {
            match Pin::new(&mut self.io).poll_write(context, &self.outgoing) {
                Poll::Ready(Ok(0)) => {
                    return Err(SocketError::Broken(io::ErrorKind::WriteZero.into()));
                }
                Poll::Ready(Ok(written)) => {
                    self.outgoing.advance(written);
                    self.stuck_since = None;
                }
                Poll::Ready(Err(error)) => return Err(SocketError::Broken(error)),
                Poll::Pending => return self.check_stuck(),
            }
        }
        if self.outgoing.capacity() > OUTGOING_KEEP_BYTES_MAX {
            // One large message, such as a session's configuration, must not stay with the call.
            self.outgoing = BytesMut::new();
        }
        self.outgoing.clear();
        if let Io::Tls(_) = self.io
            && let Poll::Ready(Err(error)) = Pin::new(&mut self.io).poll_flush(context)
        {
            return Err(SocketError::Broken(error));
        }
        Ok(())
    }

    fn check_stuck(&mut self) -> Result<(), SocketError> {
        let since = *self.stuck_since.get_or_insert_with(Instant::now);
        if self.outgoing.len() > self.outgoing_max || since.elapsed() >= self.write_time_max {
            return Err(SocketError::Stuck);
        }
        Ok(())
    }

    /// Closes politely: sends a close and waits shortly for the peer's, then drops the stream.
    pub async fn close(mut self, code: u16, reason: &str) {
        self.send_close(code, reason);
        let polite = async {
            while let Ok(message) = self.next().await {
                if matches!(message, Message::Close { .. }) {
                    break;
                }
            }
        };
        let _ = tokio::time::timeout(Duration::from_secs(1), polite).await;
    }

    /// The close code that tells a peer what it did wrong.
    pub fn close_code_of(error: &SocketError) -> u16 {
        match error {
            SocketError::Protocol(error) => error.close_code(),
            SocketError::Broken(_) | SocketError::Stuck => close_code::POLICY,
        }
    }
}

/// What one peer may make us hold.
#[derive(Debug, Clone, Copy)]
pub struct SocketLimits {
    /// Largest message read.
    pub message_bytes_max: usize,
    /// Bytes that may wait for a peer that does not read.
    pub outgoing_bytes_max: usize,
    /// A peer that takes nothing for this long is gone or hostile.
    pub write_time_max: Duration,
}

impl SocketLimits {
    /// A carrier: small frames in, paced audio out.
    pub fn carrier(limits: &LimitsSettings) -> Self {
        Self {
            message_bytes_max: limits.message_bytes_max.min(CARRIER_MESSAGE_BYTES_MAX),
            outgoing_bytes_max: limits.carrier_buffer_bytes_max,
            write_time_max: Duration::from_millis(limits.write_ms_max),
        }
    }

    /// A model: long deltas in, small appends out.
    pub fn model(limits: &LimitsSettings) -> Self {
        Self {
            message_bytes_max: MODEL_MESSAGE_BYTES_MAX,
            outgoing_bytes_max: limits.model_buffer_bytes_max,
            ..Self::carrier(limits)
        }
    }

    /// A client of the front endpoint (threats.md H6).
    pub fn client(limits: &LimitsSettings) -> Self {
        Self {
            message_bytes_max: limits.message_bytes_max,
            outgoing_bytes_max: limits.client_buffer_bytes_max,
            ..Self::carrier(limits)
        }
    }
}

/// One read into the free end of the buffer.
fn poll_read_buffer(
    io: &mut Io,
    context: &mut Context<'_>,
    buffer: &mut BytesMut,
) -> Poll<io::Result<usize>> {
    // The future holds no state of its own, so making one per poll loses nothing.
    pin!(io.read_buf(buffer)).poll(context)
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(context, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(context, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(context),
            Self::Tls(tls) => Pin::new(tls).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(context),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(context),
        }
    }
}

/// Where a client's socket goes: `ws://` or `wss://`.
#[derive(Debug, Error)]
pub enum DialError {
    /// The address is not one we can dial.
    #[error("not a ws or wss address")]
    Address,
    /// No connection.
    #[error("no connection")]
    Connect(#[source] io::Error),
    /// The peer answered, but not with an upgrade.
    #[error("the peer refused the upgrade with HTTP {0}")]
    Refused(u16),
    /// The peer's answer was no HTTP or no right upgrade.
    #[error("the peer's answer was no upgrade")]
    Handshake,
}

/// Opens a client's socket, without subprotocols. The caller bounds the time.
///
/// # Errors
/// No connection, or no upgrade.
pub async fn dial(
    url: &str,
    headers: &[(&str, &str)],
    limits: SocketLimits,
) -> Result<WebSocket, DialError> {
    let uri: http::Uri = url.parse().map_err(|_| DialError::Address)?;
    let host = uri.host().ok_or(DialError::Address)?.to_owned();
    let is_tls = match uri.scheme_str() {
        Some("wss") => true,
        Some("ws") => false,
        _ => return Err(DialError::Address),
    };
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let tcp = TcpStream::connect((bare, port))
        .await
        .map_err(DialError::Connect)?;
    tcp.set_nodelay(true).map_err(DialError::Connect)?;
    let mut io = if is_tls {
        Io::Tls(Box::new(
            crate::tls::connect(bare, tcp)
                .await
                .map_err(DialError::Connect)?,
        ))
    } else {
        Io::Plain(tcp)
    };
    let authority = uri
        .authority()
        .map_or(host.as_str(), http::uri::Authority::as_str);
    let target = uri
        .path_and_query()
        .map_or("/", http::uri::PathAndQuery::as_str);
    let rest = upgrade(&mut io, authority, target, headers).await?;
    Ok(WebSocket::client(io, &rest, limits))
}

async fn upgrade(
    io: &mut Io,
    host: &str,
    target: &str,
    headers: &[(&str, &str)],
) -> Result<Bytes, DialError> {
    let mut nonce = [0_u8; 16];
    getrandom::fill(&mut nonce).map_err(|_| DialError::Handshake)?;
    let key = websocket::key_from_nonce(nonce);
    let mut request = BytesMut::new();
    websocket::write_upgrade_request(&mut request, host, target, &key, headers)
        .map_err(|_| DialError::Handshake)?;
    io.write_all(&request).await.map_err(DialError::Connect)?;
    io.flush().await.map_err(DialError::Connect)?;
    let mut answer = BytesMut::with_capacity(1024);
    loop {
        if let Some(head) =
            websocket::parse_response_head(&answer).map_err(|_| DialError::Handshake)?
        {
            websocket::check_upgrade_response(&head, &key, &[])
                .map_err(|_| DialError::Refused(head.line.status))?;
            return Ok(answer.split_off(head.head_bytes).freeze());
        }
        if io.read_buf(&mut answer).await.map_err(DialError::Connect)? == 0 {
            return Err(DialError::Handshake);
        }
    }
}
