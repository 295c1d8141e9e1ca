//! Media over TCP, for callers whose network lets no UDP out: packets behind a length of two bytes (RFC 4571).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use str0m::net::Protocol;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

use super::ports::{Packet, Ports, announced};
use crate::http::Drain;

/// Connections at once. A browser opens one or two per call.
const CONNECTIONS_MAX: usize = 2_000;
/// Time for the first packet, and between packets: ICE checks its connections every few seconds.
const SILENCE_MAX: Duration = Duration::from_secs(30);
/// The first packet must name a call within this; nobody else is listened to.
const FIRST_MAX: Duration = Duration::from_secs(5);
/// Packets that may wait for a slow peer; more are lost, as on any network.
const WAITING_MAX: usize = 64;
/// One write; past it the connection is given up.
const WRITE_MAX: Duration = Duration::from_secs(2);
/// The largest packet that is read.
const PACKET_BYTES_MAX: usize = 2_048;

/// The listening socket.
pub(super) struct TcpPort {
    listener: TcpListener,
    connections: Arc<Semaphore>,
    /// The address callers are told.
    pub(super) announced: SocketAddr,
}

impl TcpPort {
    /// Opens the port.
    ///
    /// # Errors
    /// It is taken, or there is no address to announce.
    pub(super) async fn open(listen: SocketAddr, public: Option<IpAddr>) -> Result<Self> {
        let listener = TcpListener::bind(listen).await.with_context(|| {
            format!("cannot listen on TCP {listen} for WebRTC: choose another webrtc.tcp_listen")
        })?;
        let local = listener
            .local_addr()
            .context("the system lost the TCP socket")?;
        Ok(Self {
            announced: announced(local, public)?,
            listener,
            connections: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
        })
    }
}

/// Accepts until `drain` begins.
pub(super) async fn accept(ports: Ports, mut drain: Drain) {
    let Some(port) = ports.tcp() else {
        return;
    };
    loop {
        let accepted = tokio::select! {
            () = drain.begun() => return,
            accepted = port.listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::task::yield_now().await;
            continue;
        };
        let Ok(permit) = Arc::clone(&port.connections).try_acquire_owned() else {
            continue;
        };
        let ports = ports.clone();
        tokio::spawn(async move {
            let _permit = permit;
            serve(stream, peer, &ports).await;
        });
    }
}

/// Carries packets both ways until either side is silent, slow or gone.
async fn serve(stream: TcpStream, peer: SocketAddr, ports: &Ports) {
    // Frames of 20 ms must not wait for acknowledgements. A refusal means the peer is already gone.
    let _ = stream.set_nodelay(true);
    let (mut from, mut to) = stream.into_split();
    let (sender, mut waiting) = mpsc::channel(WAITING_MAX);
    let reading = async {
        let mut patience = FIRST_MAX;
        while let Some(bytes) = read_packet(&mut from, patience).await {
            let packet = Packet {
                protocol: Protocol::Tcp,
                source: peer,
                bytes,
                stream: Some(sender.clone()),
            };
            let is_known = ports.deliver(packet);
            if !is_known && patience == FIRST_MAX {
                return;
            }
            patience = SILENCE_MAX;
        }
    };
    let writing = async {
        while let Some(bytes) = waiting.recv().await {
            if write_packet(&mut to, &bytes).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
}

async fn read_packet(from: &mut (impl AsyncRead + Unpin), patience: Duration) -> Option<Bytes> {
    let reading = async {
        let length = usize::from(from.read_u16().await.ok()?);
        if length > PACKET_BYTES_MAX {
            return None;
        }
        let mut packet = vec![0; length];
        from.read_exact(&mut packet).await.ok()?;
        Some(Bytes::from(packet))
    };
    tokio::time::timeout(patience, reading).await.ok()?
}

async fn write_packet(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    let length = u16::try_from(bytes.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let mut framed = Vec::with_capacity(bytes.len() + 2);
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(bytes);
    tokio::time::timeout(WRITE_MAX, to.write_all(&framed))
        .await
        .map_err(|_| io::ErrorKind::TimedOut)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn packets_keep_their_bounds_over_a_stream() {
        let (mut ours, mut theirs) = tokio::io::duplex(4_096);
        for packet in [&b"one"[..], b"", b"three"] {
            write_packet(&mut ours, packet).await.expect("room");
        }
        for packet in [&b"one"[..], b"", b"three"] {
            let read = read_packet(&mut theirs, FIRST_MAX).await.expect("a packet");
            assert_eq!(read, packet);
        }
    }

    #[tokio::test]
    async fn h6_a_length_beyond_the_bound_ends_the_connection_before_it_is_kept() {
        let (mut ours, mut theirs) = tokio::io::duplex(64);
        ours.write_all(&[0xFF, 0xFF]).await.expect("room");
        assert_eq!(read_packet(&mut theirs, FIRST_MAX).await, None);
    }
}
