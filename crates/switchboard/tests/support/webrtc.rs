//! A caller over WebRTC for tests that need to lie, move house or say too much. Whether strangers' software understands
//! us is proved elsewhere: this one shares its library with the server.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part of it"
)]

use std::time::{Duration, Instant};

use reqwest::{Client, Response};
use serde_json::Value;
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::format::{Codec, FormatParams};
use str0m::media::{Direction, Frequency, MediaKind, Mid, Pt};
use str0m::net::{DatagramRecv, Protocol, Receive};
use str0m::rtp::{RtpWrite, SeqNo};
use str0m::{Candidate, Event, Input, Output, Rtc};
use tokio::net::UdpSocket;

use super::BOUND;

/// The payload type of telephone events in the offers here.
const KEYS: u8 = 101;
/// 20 ms of silence in mu-law.
pub const ULAW_SILENCE: [u8; 160] = [0xFF; 160];

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
    /// What they hold, one behind the other.
    pub sound: Vec<u8>,
    /// The last packet of voice that was sent, as it left.
    last_media: Vec<u8>,
    server: Option<std::net::SocketAddr>,
}

impl WebCaller {
    /// A caller that speaks Opus, and its offer, with a data channel.
    pub async fn offer() -> (Self, String) {
        Self::offering(Codec::Opus, true).await
    }

    /// The same of audio alone.
    pub async fn sound_offer() -> (Self, String) {
        Self::offering(Codec::Opus, false).await
    }

    /// A caller that speaks Opus or PCMU, and has keys.
    pub async fn offer_in(codec: Codec) -> (Self, String) {
        Self::offering(codec, true).await
    }

    async fn offering(codec: Codec, has_channel: bool) -> (Self, String) {
        let mut config = Rtc::builder().set_rtp_mode(true).clear_codecs();
        config = match codec {
            Codec::PCMU => config.enable_pcmu(true, false),
            _ => config.enable_opus(true, false),
        };
        config.codec_config().add_config(
            KEYS.into(),
            None,
            Codec::Tele,
            Frequency::EIGHT_KHZ,
            None,
            FormatParams::default(),
        );
        let mut rtc = config.build(Instant::now());
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
            sound: Vec::new(),
            last_media: Vec::new(),
            server: None,
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
        let pts = self.rtc.media(self.mid).expect("audio").remote_pts();
        let pt = pts.iter().copied().find(|pt| *pt != Pt::from(KEYS));
        let pt = pt.expect("a codec");
        let ticks_per_ms = if pt == Pt::from(0) { 8 } else { 48 };
        let stamp = u32::try_from(self.said_ms * ticks_per_ms).expect("a short test");
        self.said_ms += ms;
        self.send_media(pt, stamp, packet);
    }

    /// Presses a key: three packets of one event and its end three times, at this RTP timestamp.
    pub fn press(&mut self, code: u8, stamp: u32) {
        for (end, duration) in [(0, 1), (0, 2), (0, 3), (0x80, 4), (0x80, 4), (0x80, 4)] {
            self.send_media(KEYS.into(), stamp, &[code, end | 10, 0, duration * 40]);
        }
    }

    fn send_media(&mut self, pt: Pt, stamp: u32, payload: &[u8]) {
        let sequence: SeqNo = self.sequence.into();
        self.sequence += 1;
        let mut api = self.rtc.direct_api();
        let stream = api.stream_tx_by_mid(self.mid, None).expect("a stream");
        stream.write_rtp(RtpWrite::new(pt, sequence, stamp, Instant::now(), payload));
    }

    /// Carries packets and sends a voice that says nothing, until the condition holds.
    pub async fn listen(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let mut next = Instant::now();
        let listening = async {
            while !holds(self) {
                while Instant::now() >= next {
                    self.say(&ULAW_SILENCE, 20);
                    next += Duration::from_millis(20);
                }
                self.step(Duration::from_millis(5)).await;
            }
        };
        let in_time = tokio::time::timeout(BOUND, listening).await.is_ok();
        assert!(in_time, "waited in vain: {what}");
    }

    /// The network breaks: nothing leaves, what comes is lost, until the agent has fallen silent.
    pub async fn lose_everything(&mut self) {
        let silence = Duration::from_millis(400);
        let mut buffer = [0; 2_048];
        while tokio::time::timeout(silence, self.socket.recv(&mut buffer))
            .await
            .is_ok()
        {}
    }

    /// Sends packets from the caller's own address that look like its voice and are forged.
    pub async fn forge(&self, count: u16) {
        let server = self.server.expect("media was sent");
        for number in 0..count {
            let mut forged = self.last_media.clone();
            let sequence =
                u16::from_be_bytes([forged[2], forged[3]]).wrapping_add(1 + number % 100);
            forged[2..4].copy_from_slice(&sequence.to_be_bytes());
            let last = forged.len() - 1;
            forged[last] ^= 0x55;
            self.socket.send_to(&forged, server).await.expect("sent");
        }
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
                        if (128..=191).contains(&transmit.contents[0])
                            && transmit.contents.len() > 100
                        {
                            self.last_media = transmit.contents.to_vec();
                            self.server = Some(transmit.destination);
                        }
                        let _ = self
                            .socket
                            .try_send_to(&transmit.contents, transmit.destination);
                    }
                }
                Output::Event(event) => match event {
                    Event::Connected => self.is_connected = true,
                    Event::ChannelOpen(..) => self.is_open = true,
                    Event::RtpPacket(packet) => {
                        self.heard += 1;
                        self.sound.extend_from_slice(&packet.payload);
                    }
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

    /// The first event of this type.
    pub fn event(&self, kind: &str) -> &Value {
        let found = self.events.iter().find(|event| event["type"] == kind);
        found.expect("it came")
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

/// Posts an offer of a client that wants events of ours, and comes back with a token if it has one.
pub async fn post_resumable(
    base: &str,
    key: &str,
    sdp: &str,
    resume: Option<(&str, &str)>,
) -> Response {
    let mut request = Client::new()
        .post(format!(
            "{base}/v1/realtime/calls?model=medspa&switchboard_events=1"
        ))
        .bearer_auth(key)
        .header("Content-Type", "application/sdp");
    if let Some((token, after)) = resume {
        request = request
            .header("Switchboard-Resume", token)
            .header("Switchboard-After", after);
    }
    request.body(sdp.to_owned()).send().await.expect("answers")
}

/// The value of an attribute of an SDP.
pub fn attribute<'a>(sdp: &'a str, name: &str) -> &'a str {
    let prefix = format!("a={name}:");
    let found = sdp
        .lines()
        .find_map(|line| line.trim().strip_prefix(prefix.as_str()));
    found.expect("the attribute is there")
}
