//! A caller over WebRTC for tests that need to lie, move house or say too much. Whether strangers' software understands
//! us is proved elsewhere: this one shares its library with the server.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part of it"
)]

use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Client, Response};
use serde_json::Value;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::media::{Direction, MediaKind, Mid};
use str0m::net::{DatagramRecv, Protocol, Receive};
use str0m::rtp::{RtpWrite, SeqNo};
use str0m::{Candidate, Event, Input, Output, Rtc};
use tokio::net::UdpSocket;

use super::BOUND;

/// A caller with one socket at a time.
pub struct WebCaller {
    rtc: Rtc,
    socket: UdpSocket,
    mid: Mid,
    channel: Option<ChannelId>,
    pending: Option<SdpPendingOffer>,
    sequence: u64,
    said_ms: u64,
    /// ICE and DTLS are done.
    pub is_connected: bool,
    /// The data channel is open.
    pub is_open: bool,
    /// The server closed the connection.
    pub is_closed: bool,
    /// Events of the data channel.
    pub events: Vec<Value>,
    /// Packets of the agent's voice.
    pub heard: usize,
}

impl WebCaller {
    /// A caller and its offer, with a data channel.
    pub async fn offer() -> (Self, String) {
        Self::offering(true).await
    }

    /// The same of audio alone.
    pub async fn sound_offer() -> (Self, String) {
        Self::offering(false).await
    }

    async fn offering(has_channel: bool) -> (Self, String) {
        let mut rtc = Rtc::builder()
            .set_rtp_mode(true)
            .clear_codecs()
            .enable_opus(true, false)
            .build(Instant::now());
        let socket = socket().await;
        rtc.add_local_candidate(candidate(&socket));
        let mut changes = rtc.sdp_api();
        let mid = changes.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None);
        let channel = has_channel.then(|| changes.add_channel("oai-events".to_owned()));
        let (offer, pending) = changes.apply().expect("an offer");
        let caller = Self {
            rtc,
            socket,
            mid,
            channel,
            pending: Some(pending),
            sequence: 1,
            said_ms: 0,
            is_connected: false,
            is_open: false,
            is_closed: false,
            events: Vec::new(),
            heard: 0,
        };
        (caller, offer.to_sdp_string())
    }

    /// Takes the server's answer.
    pub fn answered(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).expect("an answer");
        let pending = self.pending.take().expect("an offer is open");
        self.rtc
            .sdp_api()
            .accept_answer(pending, answer)
            .expect("the answer fits");
    }

    /// A new offer with new ICE credentials.
    pub fn restart(&mut self) -> SdpOffer {
        let mut changes = self.rtc.sdp_api();
        changes.ice_restart(true);
        let (offer, pending) = changes.apply().expect("an offer");
        self.pending = Some(pending);
        offer
    }

    /// Another network: another address, and the old one is gone.
    pub async fn move_house(&mut self) {
        let old = candidate(&self.socket);
        self.socket = socket().await;
        self.rtc.direct_api().invalidate_candidate(&old);
        self.rtc.add_local_candidate(candidate(&self.socket));
    }

    /// Writes an event.
    pub fn write(&mut self, event: &Value) {
        let channel = self.channel.expect("there is one");
        let mut channel = self.rtc.channel(channel).expect("it is open");
        assert!(
            channel
                .write(false, event.to_string().as_bytes())
                .expect("open")
        );
    }

    /// Sends one packet of speech that claims to be `ms` long.
    pub fn say(&mut self, packet: &[u8], ms: u64) {
        let pt = *self
            .rtc
            .media(self.mid)
            .expect("audio")
            .remote_pts()
            .first()
            .expect("a codec");
        let sequence: SeqNo = self.sequence.into();
        let stamp = u32::try_from(self.said_ms * 48).expect("a short test");
        self.sequence += 1;
        self.said_ms += ms;
        let payload: Arc<[u8]> = packet.into();
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(self.mid, None).expect("a stream");
        stream.write_rtp(RtpWrite::new(pt, sequence, stamp, Instant::now(), payload));
    }

    /// Closes the connection properly.
    pub fn close(&mut self) {
        self.rtc.close().expect("closes");
    }

    /// Carries packets until the condition holds.
    pub async fn until(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let carried = async {
            loop {
                self.step(Duration::from_millis(20)).await;
                if holds(self) {
                    return;
                }
            }
        };
        let in_time = tokio::time::timeout(BOUND, carried).await.is_ok();
        assert!(in_time, "waited in vain: {what}");
    }

    /// Everything that is due now, and what comes within a moment.
    pub async fn step(&mut self, moment: Duration) {
        let due = self.drain();
        let wait = due.saturating_duration_since(Instant::now()).min(moment);
        let mut buffer = vec![0; 2_048];
        let received = tokio::time::timeout(wait, self.socket.recv_from(&mut buffer)).await;
        let now = Instant::now();
        let input = match &received {
            Ok(Ok((length, source))) => {
                let Ok(contents) = DatagramRecv::try_from(&buffer[..*length]) else {
                    return;
                };
                Input::Receive(
                    now,
                    Receive {
                        proto: Protocol::Udp,
                        source: *source,
                        destination: self.socket.local_addr().expect("bound"),
                        contents,
                    },
                )
            }
            _ => Input::Timeout(now),
        };
        self.rtc.handle_input(input).expect("taken");
        self.drain();
    }

    fn drain(&mut self) -> Instant {
        loop {
            match self.rtc.poll_output().expect("alive") {
                Output::Timeout(at) => return at,
                Output::Transmit(transmit) => {
                    // What leaves a network that is gone is lost.
                    if transmit.source == self.socket.local_addr().expect("bound") {
                        let _ = self
                            .socket
                            .try_send_to(&transmit.contents, transmit.destination);
                    }
                }
                Output::Event(event) => match event {
                    Event::Connected => self.is_connected = true,
                    Event::ChannelOpen(..) => self.is_open = true,
                    Event::RtpPacket(_) => self.heard += 1,
                    Event::Closed | Event::ChannelClose(_) => self.is_closed = true,
                    Event::ChannelData(data) => {
                        let event = serde_json::from_slice(&data.data);
                        self.events.push(event.expect("JSON"));
                    }
                    _ => {}
                },
            }
        }
    }

    /// How many events of this type came.
    pub fn count(&self, kind: &str) -> usize {
        self.events
            .iter()
            .filter(|event| event["type"] == kind)
            .count()
    }
}

async fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.expect("a port")
}

fn candidate(socket: &UdpSocket) -> Candidate {
    let address = socket.local_addr().expect("bound");
    Candidate::host(address, Protocol::Udp).expect("an address")
}

/// Posts an offer.
pub async fn post_offer(base: &str, key: &str, sdp: &str) -> Response {
    Client::new()
        .post(format!("{base}/v1/realtime/calls?model=medspa"))
        .bearer_auth(key)
        .header("Content-Type", "application/sdp")
        .body(sdp.to_owned())
        .send()
        .await
        .expect("answers")
}

/// The value of an attribute of an SDP.
pub fn attribute<'a>(sdp: &'a str, name: &str) -> &'a str {
    let prefix = format!("a={name}:");
    let found = sdp
        .lines()
        .find_map(|line| line.trim().strip_prefix(prefix.as_str()));
    found.expect("the attribute is there")
}
