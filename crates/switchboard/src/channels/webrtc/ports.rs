//! The ports that all calls' media share, and who gets what comes in.
//!
//! One task reads the UDP socket and hands each packet to the call it belongs to, through a bounded mailbox that a flood
//! overflows without holding up its neighbours. A packet belongs to a call by the address it comes from, once that
//! address passed ICE; before, only STUN requests are let through, by the user name that the call gave out. So DTLS and
//! media from strangers go nowhere (threat W1).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket as StdUdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use bytes::Bytes;
use str0m::ice::StunMessage;
use str0m::net::Protocol;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};

use super::tcp::{self, TcpPort};
use crate::config::{HttpSettings, WebrtcSettings};
use crate::http::Drain;

/// Packets that may wait for one call: a second of both lanes. More is a flood, or a process that stands still.
const MAILBOX: usize = 128;
/// The largest packet that is read; Ethernet carries 1500 bytes, and WebRTC stays below 1200.
const PACKET_BYTES_MAX: usize = 2_048;
/// Addresses of one call: an ICE agent tries each of its networks, and moves between a few.
const ADDRESSES_MAX: usize = 16;

/// The shared ports. Cheap to clone.
#[derive(Clone)]
pub(super) struct Ports(Arc<Inner>);

struct Inner {
    udp: UdpSocket,
    /// It speaks IPv6, where IPv4 peers have mapped addresses.
    is_v6: bool,
    announced: SocketAddr,
    tcp: Option<TcpPort>,
    sessions_max: usize,
    next: AtomicU64,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    by_name: HashMap<String, Mailbox>,
    by_address: HashMap<(Protocol, SocketAddr), Mailbox>,
    sessions: usize,
}

#[derive(Clone)]
struct Mailbox {
    session: u64,
    sender: mpsc::Sender<ToPeer>,
}

/// What reaches a call through the ports, and beside them.
pub(super) enum ToPeer {
    /// A packet.
    Packet(Packet),
    /// The client offers again: its network changed, and it wants new ICE credentials.
    Offer {
        /// The new offer.
        sdp: String,
        /// Where the answer goes.
        answer: oneshot::Sender<Result<String, String>>,
    },
}

/// A packet as it came.
pub(super) struct Packet {
    pub(super) protocol: Protocol,
    pub(super) source: SocketAddr,
    pub(super) bytes: Bytes,
    /// Where answers go when it came over TCP.
    pub(super) stream: Option<mpsc::Sender<Bytes>>,
}

impl Ports {
    /// Opens the ports.
    ///
    /// # Errors
    /// A port is taken, or there is no address to announce.
    pub(super) async fn open(http: &HttpSettings, settings: &WebrtcSettings) -> Result<Self> {
        let listen = settings.listen.unwrap_or(http.listen);
        let udp = UdpSocket::bind(listen).await.with_context(|| {
            format!("cannot listen on UDP {listen} for WebRTC: choose another webrtc.listen")
        })?;
        let local = udp.local_addr().context("the system lost the UDP socket")?;
        let announced = announced(local, settings.public_address)?;
        let tcp = match settings.tcp_listen {
            Some(listen) => Some(TcpPort::open(listen, settings.public_address).await?),
            None => None,
        };
        Ok(Self(Arc::new(Inner {
            is_v6: local.is_ipv6(),
            udp,
            announced,
            tcp,
            sessions_max: settings.sessions_max,
            next: AtomicU64::new(0),
            known: Mutex::default(),
        })))
    }

    /// The UDP address that callers are told.
    pub(super) fn announced(&self) -> SocketAddr {
        self.0.announced
    }

    /// The TCP address that callers are told, if there is one.
    pub(super) fn announced_tcp(&self) -> Option<SocketAddr> {
        self.0.tcp.as_ref().map(|port| port.announced)
    }

    /// Reads until `drain` begins.
    pub(super) async fn run(self, mut drain: Drain) {
        if self.0.tcp.is_some() {
            tokio::spawn(tcp::accept(self.clone(), drain.clone()));
        }
        let mut buffer = vec![0; PACKET_BYTES_MAX];
        loop {
            let received = tokio::select! {
                () = drain.begun() => return,
                received = self.0.udp.recv_from(&mut buffer) => received,
            };
            match received {
                Ok((length, source)) => {
                    let bytes = Bytes::copy_from_slice(&buffer[..length]);
                    self.deliver(Packet {
                        protocol: Protocol::Udp,
                        source: canonical(source),
                        bytes,
                        stream: None,
                    });
                }
                // The system tells of peers that are gone; nothing of ours is broken by that.
                Err(error) => {
                    tracing::debug!(kind = ?error.kind(), "the media port did not read");
                    tokio::task::yield_now().await;
                }
            }
        }
    }

    pub(super) fn tcp(&self) -> Option<&TcpPort> {
        self.0.tcp.as_ref()
    }

    /// Hands a packet to its call. False: it belongs to none.
    pub(super) fn deliver(&self, packet: Packet) -> bool {
        let Some(mailbox) = self.mailbox_of(&packet) else {
            dropped("nobody");
            return false;
        };
        if mailbox.sender.try_send(ToPeer::Packet(packet)).is_err() {
            dropped("full");
        }
        true
    }

    fn mailbox_of(&self, packet: &Packet) -> Option<Mailbox> {
        let known = self.lock();
        if let Some(name) = asked_for(&packet.bytes) {
            return known.by_name.get(&name).cloned();
        }
        known
            .by_address
            .get(&(packet.protocol, packet.source))
            .cloned()
    }

    /// Sends one packet over UDP, or loses it: a full socket is a lossy network, and nobody waits for it.
    pub(super) fn send(&self, destination: SocketAddr, bytes: &[u8]) {
        let destination = match destination.ip() {
            IpAddr::V4(ip) if self.0.is_v6 => {
                SocketAddr::new(ip.to_ipv6_mapped().into(), destination.port())
            }
            _ => destination,
        };
        if let Err(error) = self.0.udp.try_send_to(bytes, destination) {
            if error.kind() != io::ErrorKind::WouldBlock {
                tracing::debug!(kind = ?error.kind(), "a media packet was not sent");
            }
            dropped("unsent");
        }
    }

    /// Room for one more call, or None at the limit.
    pub(super) fn join(&self) -> Option<Seat> {
        let mut known = self.lock();
        if known.sessions >= self.0.sessions_max {
            return None;
        }
        known.sessions += 1;
        drop(known);
        let (sender, mailbox) = mpsc::channel(MAILBOX);
        let session = self.0.next.fetch_add(1, Ordering::Relaxed);
        Some(Seat {
            ports: self.clone(),
            mailbox: Mailbox { session, sender },
            inbox: mailbox,
            names: Vec::new(),
            addresses: Vec::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call's place at the ports. Dropping it gives the place up.
pub(super) struct Seat {
    ports: Ports,
    mailbox: Mailbox,
    pub(super) inbox: mpsc::Receiver<ToPeer>,
    names: Vec<String>,
    addresses: Vec<(Protocol, SocketAddr)>,
}

impl Seat {
    /// The way to the call that sits here.
    pub(super) fn sender(&self) -> mpsc::Sender<ToPeer> {
        self.mailbox.sender.clone()
    }

    pub(super) fn ports(&self) -> &Ports {
        &self.ports
    }

    /// STUN requests for this user name are for this call.
    pub(super) fn answers_to(&mut self, name: &str) {
        if self.names.iter().any(|known| known == name) {
            return;
        }
        self.names.push(name.to_owned());
        let mailbox = self.mailbox.clone();
        self.ports.lock().by_name.insert(name.to_owned(), mailbox);
    }

    /// This address passed ICE: whatever comes from it is for this call. Another call's address is not taken away.
    pub(super) fn trusts(&mut self, protocol: Protocol, address: SocketAddr) {
        let place = (protocol, address);
        if self.addresses.contains(&place) || self.addresses.len() >= ADDRESSES_MAX {
            return;
        }
        let mut known = self.ports.lock();
        let holder = known
            .by_address
            .entry(place)
            .or_insert_with(|| self.mailbox.clone());
        if holder.session == self.mailbox.session {
            drop(known);
            self.addresses.push(place);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut known = self.ports.lock();
        for name in &self.names {
            known.by_name.remove(name);
        }
        for address in &self.addresses {
            known.by_address.remove(address);
        }
        known.sessions -= 1;
    }
}

/// The user name of ours that a STUN request asks for.
fn asked_for(bytes: &[u8]) -> Option<String> {
    // The first byte tells STUN from DTLS and RTP (RFC 7983).
    if bytes.first().is_none_or(|byte| *byte > 1) {
        return None;
    }
    let message = StunMessage::parse(bytes).ok()?;
    if !message.is_binding_request() {
        return None;
    }
    let (ours, _theirs) = message.split_username()?;
    Some(ours.to_owned())
}

/// Where callers are told to send, for a socket that is bound here.
pub(super) fn announced(local: SocketAddr, public: Option<IpAddr>) -> Result<SocketAddr> {
    let ip = match public {
        Some(ip) => ip,
        None if local.ip().is_unspecified() => default_route(local.ip())
            .context("no network to announce for WebRTC: set webrtc.public_address")?,
        None => local.ip(),
    };
    Ok(SocketAddr::new(ip, local.port()))
}

/// The address packets to the world leave from. Nothing is sent: connecting a UDP socket only asks for the route.
fn default_route(family: IpAddr) -> io::Result<IpAddr> {
    let (from, to): (IpAddr, IpAddr) = match family {
        IpAddr::V4(_) => (
            Ipv4Addr::UNSPECIFIED.into(),
            Ipv4Addr::new(192, 0, 2, 1).into(),
        ),
        IpAddr::V6(_) => (
            Ipv6Addr::UNSPECIFIED.into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
        ),
    };
    let socket = StdUdpSocket::bind((from, 0))?;
    socket.connect((to, 9))?;
    Ok(socket.local_addr()?.ip())
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn dropped(reason: &'static str) {
    metrics::counter!("switchboard_webrtc_packets_dropped_total", "reason" => reason).increment(1);
}
