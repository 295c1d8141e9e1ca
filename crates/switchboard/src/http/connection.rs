//! One accepted TCP connection: it enforces the time limits that need to see bytes, and counts until it closes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use super::connection_limit::ConnectionPermit;

/// Waiting for, or reading, the head of a request.
const HEAD: u8 = 0;
/// Between the head of a request and its answer.
const REQUEST: u8 = 1;
/// No longer HTTP; whoever took the socket has limits of its own.
const UPGRADED: u8 = 2;

/// What the connection is doing, shared between its socket and its service.
#[derive(Clone, Debug, Default)]
pub(super) struct Phase(Arc<PhaseState>);

#[derive(Debug, Default)]
struct PhaseState {
    phase: AtomicU8,
    /// Heads that were complete. A timer of an older head is void, even if the socket was not read in between.
    requests: AtomicU32,
}

impl Phase {
    pub(super) fn request_began(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
        self.0.phase.store(REQUEST, Ordering::Relaxed);
    }

    pub(super) fn request_ended(&self) {
        self.0.phase.store(HEAD, Ordering::Relaxed);
    }

    pub(super) fn upgraded(&self) {
        self.0.phase.store(UPGRADED, Ordering::Relaxed);
    }

    fn is(&self, phase: u8) -> bool {
        self.0.phase.load(Ordering::Relaxed) == phase
    }

    fn requests(&self) -> u32 {
        self.0.requests.load(Ordering::Relaxed)
    }
}

/// A limit on one head, and how many were complete before it.
#[derive(Debug)]
struct HeadTimer {
    requests_before: u32,
    expiry: Pin<Box<Sleep>>,
}

/// Time limits that only the socket can see (threat H6).
#[derive(Clone, Copy, Debug)]
pub(super) struct SocketLimits {
    /// From a request's first byte to the end of its head; also from the accept to the first head.
    pub(super) head: Duration,
    /// Without the peer reading our answer.
    pub(super) stalled: Duration,
}

/// An accepted TCP connection, Nagle's delay off. The permit it holds counts it until it is dropped.
#[derive(Debug)]
pub struct PeerStream {
    tcp: TcpStream,
    phase: Phase,
    limits: SocketLimits,
    head_timer: Option<HeadTimer>,
    write_timer: Option<Pin<Box<Sleep>>>,
    permit: ConnectionPermit,
}

impl PeerStream {
    pub(super) fn new(
        tcp: TcpStream,
        phase: Phase,
        limits: SocketLimits,
        permit: ConnectionPermit,
    ) -> Self {
        let head_timer = Some(HeadTimer {
            requests_before: phase.requests(),
            expiry: Box::pin(sleep(limits.head)),
        });
        Self {
            tcp,
            phase,
            limits,
            head_timer,
            write_timer: None,
            permit,
        }
    }

    /// The bare stream, for sockets that were upgraded. Keep the permit as long as the stream.
    pub fn into_parts(self) -> (TcpStream, ConnectionPermit) {
        (self.tcp, self.permit)
    }

    /// Fails when the head of a request takes too long. The timer runs from the first byte of a head, so that a waiting
    /// connection is ended by the idle limit alone.
    fn watch_head(&mut self, context: &mut Context<'_>, bytes_came: bool) -> Poll<io::Result<()>> {
        let requests_before = self.phase.requests();
        let is_void = |timer: &HeadTimer| timer.requests_before != requests_before;
        if !self.phase.is(HEAD) || self.head_timer.as_ref().is_some_and(is_void) {
            self.head_timer = None;
        }
        if bytes_came && self.head_timer.is_none() && self.phase.is(HEAD) {
            let expiry = Box::pin(sleep(self.limits.head));
            self.head_timer = Some(HeadTimer {
                requests_before,
                expiry,
            });
        }
        match &mut self.head_timer {
            Some(timer) => timer.expiry.as_mut().poll_deadline(context),
            None => Poll::Pending,
        }
    }

    /// Fails when the peer has not taken a byte for too long; `waiting` says whether it owes us reading.
    fn watch_write(&mut self, context: &mut Context<'_>, waiting: bool) -> Poll<io::Result<()>> {
        if !waiting || self.phase.is(UPGRADED) {
            self.write_timer = None;
            return Poll::Pending;
        }
        let limit = self.limits.stalled;
        let timer = self
            .write_timer
            .get_or_insert_with(|| Box::pin(sleep(limit)));
        timer.as_mut().poll_deadline(context)
    }
}

/// A timer that turns into the error its expiry means.
trait PollDeadline {
    fn poll_deadline(self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
}

impl PollDeadline for Pin<&mut Sleep> {
    fn poll_deadline(self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        use std::future::Future;
        self.poll(context)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for PeerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let filled_before = buffer.filled().len();
        let read = Pin::new(&mut self.tcp).poll_read(context, buffer);
        if self.phase.is(UPGRADED) {
            return read;
        }
        let bytes_came = buffer.filled().len() > filled_before;
        match self.watch_head(context, bytes_came) {
            Poll::Ready(timed_out) => Poll::Ready(timed_out),
            Poll::Pending => read,
        }
    }
}

impl AsyncWrite for PeerStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write(context, bytes);
        match self.watch_write(context, written.is_pending()) {
            Poll::Ready(timed_out) => Poll::Ready(timed_out.map(|()| 0)),
            Poll::Pending => written,
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.tcp).poll_write_vectored(context, slices);
        match self.watch_write(context, written.is_pending()) {
            Poll::Ready(timed_out) => Poll::Ready(timed_out.map(|()| 0)),
            Poll::Pending => written,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

/// The stream behind an upgraded request, and bytes the peer sent right behind its head.
///
/// # Errors
/// Gives the upgraded connection back when it did not come from our own accept loop.
pub fn take_upgraded(upgraded: Upgraded) -> Result<(PeerStream, Bytes), Upgraded> {
    let parts = upgraded.downcast::<TokioIo<PeerStream>>()?;
    Ok((parts.io.into_inner(), parts.read_buf))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;
    use crate::http::connection_limit::ConnectionLimit;

    #[tokio::test]
    async fn the_timer_of_a_head_that_was_complete_does_not_end_an_idle_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let mut peer = TcpStream::connect(address).await.expect("connects");
        let (tcp, _) = listener.accept().await.expect("accepts");
        let permit = ConnectionLimit::new(1, 1).admit(None).expect("free");
        let head = Duration::from_millis(50);
        let limits = SocketLimits {
            head,
            stalled: head,
        };
        let phase = Phase::default();
        let mut stream = PeerStream::new(tcp, phase.clone(), limits, permit);
        peer.write_all(b"head").await.expect("sent");
        let mut buffer = [0; 4];
        stream.read_exact(&mut buffer).await.expect("in time");
        phase.request_began();
        phase.request_ended();
        let idled = timeout(head * 4, stream.read(&mut buffer)).await;
        assert!(idled.is_err(), "{idled:?}");
    }
}
