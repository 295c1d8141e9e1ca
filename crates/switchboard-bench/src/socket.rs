//! A WebSocket on loopback, in either role: reads are cancel-safe, writes never wait.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use anyhow::{Context as _, Result, anyhow, bail};
use bytes::{Buf, Bytes, BytesMut};
use switchboard_wire::websocket::{
    self, Decoder, Head, Limits, MaskKey, Message, RequestLine, Role,
};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// Room for a few small messages; a larger one grows the buffer while it is read.
const READ_BYTES: usize = 4 * 1024;

/// One WebSocket.
pub struct Socket {
    tcp: TcpStream,
    decoder: Decoder,
    incoming: BytesMut,
    outgoing: BytesMut,
    /// State of the mask keys, in the client's role.
    masks: Option<u64>,
}

impl Socket {
    /// Opens a client's socket; `url` is `ws://host:port/path`.
    ///
    /// # Errors
    /// No connection, or no upgrade.
    pub async fn dial(url: &str, headers: &[(&str, &str)]) -> Result<Self> {
        let rest = url.strip_prefix("ws://").context("only ws:// is dialled")?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let mut tcp = TcpStream::connect(host).await?;
        tcp.set_nodelay(true)?;
        let key = websocket::key_from_nonce(entropy()?);
        let mut request = BytesMut::new();
        websocket::write_upgrade_request(&mut request, host, &format!("/{path}"), &key, headers)?;
        tcp.write_all(&request).await?;
        let mut answer = BytesMut::with_capacity(READ_BYTES);
        loop {
            if let Some(head) = websocket::parse_response_head(&answer)? {
                websocket::check_upgrade_response(&head, &key, &[])?;
                answer.advance(head.head_bytes);
                return Ok(Self::new(tcp, Role::Client, answer));
            }
            read_more(&mut tcp, &mut answer).await?;
        }
    }

    fn new(tcp: TcpStream, role: Role, incoming: BytesMut) -> Self {
        let limits = Limits {
            message_bytes_max: 4 * 1024 * 1024,
            ..Limits::default()
        };
        Self {
            tcp,
            decoder: Decoder::new(role, limits),
            incoming,
            outgoing: BytesMut::new(),
            masks: (role == Role::Client).then_some(0x9E37_79B9_7F4A_7C15),
        }
    }

    /// The next message, pings answered.
    ///
    /// # Errors
    /// The connection ended or broke.
    pub async fn next(&mut self) -> io::Result<Message> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// As [`Socket::next`], for tasks that poll two sockets.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Message>> {
        loop {
            let message = self.decoder.decode(&mut self.incoming);
            match message.map_err(io::Error::other)? {
                Some(Message::Ping(payload)) => {
                    let mask = self.mask();
                    websocket::write_pong(&mut self.outgoing, mask, &payload);
                    self.poll_push(context)?;
                }
                Some(message) => return Poll::Ready(Ok(message)),
                None => {
                    self.incoming.reserve(READ_BYTES / 2);
                    let read = pin!(self.tcp.read_buf(&mut self.incoming)).poll(context);
                    if ready!(read)? == 0 {
                        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
                    }
                }
            }
        }
    }

    /// Writes a text message of these slices. It leaves with the next push.
    pub fn send(&mut self, parts: &[&[u8]]) {
        let mask = self.mask();
        websocket::write_text_parts(&mut self.outgoing, mask, parts);
    }

    fn mask(&mut self) -> Option<MaskKey> {
        let state = self.masks.as_mut()?;
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        state.to_le_bytes().first_chunk().copied()
    }

    /// Gives the connection what it takes now.
    ///
    /// # Errors
    /// The connection broke.
    pub async fn push(&mut self) -> io::Result<()> {
        poll_fn(|context| Poll::Ready(self.poll_push(context))).await
    }

    /// As [`Socket::push`], for tasks that poll two sockets. What is not taken waits for the next push.
    ///
    /// # Errors
    /// The connection broke.
    pub fn poll_push(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        while !self.outgoing.is_empty() {
            match Pin::new(&mut self.tcp).poll_write(context, &self.outgoing) {
                Poll::Ready(written) => self.outgoing.advance(written?),
                Poll::Pending => return Ok(()),
            }
        }
        self.outgoing.clear();
        Ok(())
    }
}

/// What came in at a listener.
pub enum Incoming {
    /// A WebSocket, and the target that it asked for.
    Socket(Box<Socket>, String),
    /// A plain request, answered with an empty JSON object.
    Request(String),
}

/// Answers the first request of a connection.
///
/// # Errors
/// The connection broke, or the request is no HTTP.
pub async fn accept(mut tcp: TcpStream) -> Result<Incoming> {
    tcp.set_nodelay(true)?;
    let mut request = BytesMut::with_capacity(READ_BYTES);
    let head = loop {
        match websocket::parse_request_head(&request)? {
            Some(head) => break head,
            None => read_more(&mut tcp, &mut request).await?,
        }
    };
    if head.header("upgrade").is_none() {
        let answer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}";
        tcp.write_all(answer.as_bytes()).await?;
        return Ok(Incoming::Request(line_of(&head)));
    }
    let accept = websocket::accept_upgrade(&head.line.method, head.upgrade_headers())?;
    let mut answer = BytesMut::new();
    websocket::write_upgrade_response(&mut answer, &accept, &[])?;
    tcp.write_all(&answer).await?;
    request.advance(head.head_bytes);
    let socket = Box::new(Socket::new(tcp, Role::Server, request));
    Ok(Incoming::Socket(socket, head.line.target))
}

fn line_of(head: &Head<RequestLine>) -> String {
    format!("{} {}", head.line.method, head.line.target)
}

async fn read_more(tcp: &mut TcpStream, buffer: &mut BytesMut) -> Result<()> {
    if tcp.read_buf(buffer).await? == 0 {
        bail!("the connection ended inside its head");
    }
    Ok(())
}

/// The text of a message; None for anything else than text.
///
/// # Errors
/// The peer closed the socket.
pub fn text_of(message: Message) -> io::Result<Option<Bytes>> {
    match message {
        Message::Text(text) => Ok(Some(text.into_bytes())),
        Message::Close { .. } => Err(io::ErrorKind::ConnectionReset.into()),
        _ => Ok(None),
    }
}

/// Sixteen random bytes, for keys and identifiers.
///
/// # Errors
/// The system gives none.
pub fn entropy() -> Result<[u8; 16]> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("no random bytes: {error}"))?;
    Ok(bytes)
}
