//! One peer connection: the WebRTC library, its clock and its place at the ports.
//!
//! The library holds no socket and no clock. Each thing that happens to it is followed by taking out everything it then
//! has to say, which is its one rule. It is an ICE-lite agent: it answers checks and sends none, so no address that a
//! client names is ever dialled (threat W2).

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use str0m::change::SdpOffer;
use str0m::channel::ChannelId;
use str0m::format::{Codec, FormatParams};
use str0m::media::{Frequency, Mid, Pt};
use str0m::net::{DatagramRecv, Protocol, Receive, TcpType, Transmit};
use str0m::rtp::{RtpPacket, RtpWrite, SeqNo, Ssrc};
use str0m::{Candidate, Event, IceConnectionState, Input, Output, Rtc};
use tokio::sync::mpsc;

use super::offer::Voice;
use super::ports::{Packet, Seat, ToPeer};

/// The largest message of a data channel, either way (threat W3).
pub(super) const MESSAGE_BYTES_MAX: u32 = 256 * 1024;
/// How often the peer's view of our media is looked at; its receiver reports come every five seconds.
const STATS_EVERY: Duration = Duration::from_secs(2);
/// The largest code of a telephone event that is a key.
const KEY_CODE_MAX: u8 = 15;
/// Payload types of telephone events, by clock: browsers use that of the voice, telephones 8 kHz. The offer's numbers win.
const KEY_TYPES: [(u8, Frequency); 2] = [
    (110, Frequency::FORTY_EIGHT_KHZ),
    (126, Frequency::EIGHT_KHZ),
];
/// Streams of one peer over TCP.
const STREAMS_MAX: usize = 8;
/// What was said last may take this long to arrive before the connection closes.
const LAST_WORDS_MAX: Duration = Duration::from_secs(1);

/// What a peer connection tells.
pub(super) enum PeerEvent {
    /// Media can flow both ways.
    Connected,
    /// A packet of the caller's voice, decrypted.
    Voice(VoicePacket),
    /// A packet of a key that the caller presses.
    Key(VoicePacket),
    /// The client opened a data channel of this name.
    ChannelOpen(ChannelId, String),
    /// The client wrote.
    Message(ChannelId, bool, Vec<u8>),
    /// The client closed a data channel.
    ChannelClosed(ChannelId),
    /// Time to the peer and back.
    RoundTrip(Duration),
    /// The client closed the connection.
    Closed,
    /// The client was not heard of for too long.
    Lost,
}

/// A packet of the caller's voice; sequence and timestamp do not wrap.
pub(super) struct VoicePacket {
    pub(super) source: Ssrc,
    pub(super) sequence: u64,
    pub(super) timestamp: u64,
    /// The timestamp as it came.
    pub(super) stamp: u32,
    pub(super) payload: Arc<[u8]>,
}

/// One peer connection.
pub(super) struct Peer {
    rtc: Rtc,
    seat: Seat,
    streams: HashMap<SocketAddr, mpsc::Sender<Bytes>>,
    timeout: Instant,
    events: VecDeque<PeerEvent>,
    track: Option<(Mid, Pt)>,
    /// How keys are told, at one clock or another.
    keys: Vec<Pt>,
    sequence: u64,
    /// Packets of media that were authentic.
    authentic: u64,
    heard_of: Instant,
    voiced_at: Option<Instant>,
}

impl Peer {
    /// Answers an offer.
    ///
    /// # Errors
    /// The offer contradicts itself, in words for the developer who made it.
    pub(super) fn answer(seat: Seat, sdp: &str, voice: Voice) -> Result<(Self, String), String> {
        let now = Instant::now();
        let config = Rtc::builder()
            .set_ice_lite(true)
            .set_rtp_mode(true)
            .set_stats_interval(Some(STATS_EVERY))
            .set_sctp_max_message_size(MESSAGE_BYTES_MAX)
            .clear_codecs();
        let mut config = match voice {
            Voice::Opus => config.enable_opus(true, false),
            Voice::Pcmu => config.enable_pcmu(true, false),
            Voice::Pcma => config.enable_pcma(true, false),
        };
        for (pt, clock) in KEY_TYPES {
            let keys = FormatParams {
                telephone_event_max: Some(KEY_CODE_MAX),
                ..FormatParams::default()
            };
            let codecs = config.codec_config();
            codecs.add_config(pt.into(), None, Codec::Tele, clock, None, keys);
        }
        let mut peer = Self {
            rtc: config.build(now),
            seat,
            streams: HashMap::new(),
            timeout: now,
            events: VecDeque::new(),
            track: None,
            keys: Vec::new(),
            authentic: 0,
            sequence: u64::from(getrandom::u32().unwrap_or(1) % 30_000) + 1,
            heard_of: now,
            voiced_at: None,
        };
        peer.announce()?;
        let answer = peer.negotiate(sdp)?;
        if peer.track.is_none() {
            return Err("The offer's audio could not be agreed on.".to_owned());
        }
        Ok((peer, answer))
    }

    fn announce(&mut self) -> Result<(), String> {
        let ports = self.seat.ports();
        let udp = Candidate::host(ports.announced(), Protocol::Udp);
        let tcp = ports.announced_tcp().map(|address| {
            Candidate::builder()
                .tcp()
                .host(address)
                .tcptype(TcpType::Passive)
                .build()
        });
        for candidate in std::iter::once(udp).chain(tcp) {
            let candidate = candidate.map_err(|error| {
                tracing::error!(%error, "an address of ours cannot be announced");
                "The server has no address for media.".to_owned()
            })?;
            self.rtc.add_local_candidate(candidate);
            self.drain();
        }
        Ok(())
    }

    /// Takes an offer, the first one or one with new ICE credentials, and answers it.
    ///
    /// # Errors
    /// The offer contradicts itself, in words for the developer who made it.
    pub(super) fn negotiate(&mut self, sdp: &str) -> Result<String, String> {
        let offer = SdpOffer::from_sdp_string(sdp).map_err(|error| error.to_string())?;
        let answer = self.rtc.sdp_api().accept_offer(offer);
        self.drain();
        let answer = answer.map_err(|error| error.to_string())?;
        let name = self.rtc.direct_api().local_ice_credentials().ufrag;
        self.seat.answers_to(&name);
        let answer = answer.to_sdp_string();
        self.choose_track(&answer);
        Ok(answer)
    }

    /// Feeds what came through the ports until something is to be told. Cancel-safe.
    pub(super) fn poll_next(&mut self, context: &mut Context<'_>, turns: u32) -> Poll<PeerEvent> {
        for _ in 0..turns {
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(event);
            }
            match self.seat.inbox.poll_recv(context) {
                Poll::Ready(Some(ToPeer::Packet(packet))) => self.receive(&packet),
                Poll::Ready(Some(ToPeer::Offer { sdp, answer })) => {
                    // Whoever asked may be gone.
                    let _ = answer.send(self.negotiate(&sdp));
                }
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
        // A flood must not keep the clock from being looked at.
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn receive(&mut self, packet: &Packet) {
        let ports = self.seat.ports();
        let destination = match packet.protocol {
            Protocol::Udp => Some(ports.announced()),
            _ => ports.announced_tcp(),
        };
        let (Some(destination), Ok(contents)) =
            (destination, DatagramRecv::try_from(packet.bytes.as_ref()))
        else {
            return;
        };
        if let Some(stream) = &packet.stream
            && self.streams.len() < STREAMS_MAX
        {
            self.streams.insert(packet.source, stream.clone());
        }
        let receive = Receive {
            proto: packet.protocol,
            source: packet.source,
            destination,
            contents,
        };
        let authentic = self.authentic;
        self.feed(Input::Receive(Instant::now(), receive));
        if is_media(&packet.bytes) && self.authentic == authentic {
            // Forged, said twice, or of no stream that was agreed on: any number of them cost the call nothing (threat W1).
            metrics::counter!("switchboard_webrtc_packets_dropped_total", "reason" => "not_authentic")
                .increment(1);
        }
    }

    fn feed(&mut self, input: Input<'_>) {
        if let Err(error) = self.rtc.handle_input(input) {
            // Anybody may send us a broken packet under a caller's address: it costs that packet, not the call.
            tracing::debug!(%error, "a packet of a caller could not be used");
            metrics::counter!("switchboard_webrtc_packets_dropped_total", "reason" => "broken")
                .increment(1);
        }
        self.drain();
    }

    /// Time passed.
    pub(super) fn on_time(&mut self, now: Instant) {
        if now >= self.timeout {
            self.feed(Input::Timeout(now));
        }
    }

    /// When time alone changes something.
    pub(super) fn deadline(&self) -> Instant {
        self.timeout
    }

    /// When something last came that only this client can have sent: voice, a message, or a check of its own.
    pub(super) fn heard_of(&self) -> Instant {
        self.heard_of
    }

    /// When a packet of its voice last came.
    pub(super) fn voiced_at(&self) -> Option<Instant> {
        self.voiced_at
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output() {
                Ok(Output::Timeout(at)) => {
                    self.timeout = at;
                    return;
                }
                Ok(Output::Transmit(transmit)) => self.transmit(&transmit),
                Ok(Output::Event(event)) => self.on_event(event),
                Err(error) => {
                    tracing::info!(%error, "a peer connection failed");
                    self.rtc.disconnect();
                    self.events.push_back(PeerEvent::Lost);
                    self.timeout = Instant::now() + Duration::from_secs(3_600);
                    return;
                }
            }
        }
    }

    fn transmit(&mut self, transmit: &Transmit) {
        let (protocol, to) = (transmit.proto, transmit.destination);
        if is_good_check(&transmit.contents) {
            self.heard_of = Instant::now();
            self.seat.trusts(protocol, to);
        }
        match protocol {
            Protocol::Udp => self.seat.ports().send(to, &transmit.contents),
            _ => {
                if let Some(stream) = self.streams.get(&to) {
                    // A slow stream loses packets as a slow network does.
                    let _ = stream.try_send(Bytes::copy_from_slice(&transmit.contents));
                }
            }
        }
    }

    fn on_event(&mut self, event: Event) {
        let told = match event {
            Event::Connected => PeerEvent::Connected,
            Event::RtpPacket(packet) => return self.on_media(packet),
            Event::ChannelOpen(id, name) => PeerEvent::ChannelOpen(id, name),
            Event::ChannelData(data) => {
                self.heard_of = Instant::now();
                PeerEvent::Message(data.id, data.binary, data.data)
            }
            Event::ChannelClose(id) => PeerEvent::ChannelClosed(id),
            Event::MediaEgressStats(stats) => match stats.rtt {
                Some(round_trip) => PeerEvent::RoundTrip(round_trip),
                None => return,
            },
            Event::IceConnectionStateChange(IceConnectionState::Disconnected) => PeerEvent::Lost,
            Event::Closed => PeerEvent::Closed,
            _ => return,
        };
        self.events.push_back(told);
    }

    fn on_media(&mut self, packet: RtpPacket) {
        self.authentic += 1;
        let kind = packet.header.payload_type;
        let is_voice = self.track.is_some_and(|(_, pt)| pt == kind);
        let is_key = self.keys.contains(&kind);
        if !is_voice && !is_key {
            return;
        }
        self.heard_of = Instant::now();
        self.voiced_at = Some(self.heard_of);
        let packet = VoicePacket {
            source: packet.header.ssrc,
            sequence: *packet.seq_no,
            timestamp: packet.time.numer(),
            stamp: packet.header.timestamp,
            payload: packet.payload,
        };
        self.events.push_back(if is_key {
            PeerEvent::Key(packet)
        } else {
            PeerEvent::Voice(packet)
        });
    }

    /// The first audio of the answer is the call; others are answered and not listened to.
    fn choose_track(&mut self, answer: &str) {
        let Some(mid) = first_audio(answer).filter(|_| self.track.is_none()) else {
            return;
        };
        let mid = Mid::from(mid);
        let known: Vec<(Pt, bool)> = {
            let params = self.rtc.codec_config().params().iter();
            params
                .map(|it| (it.pt(), it.spec().codec == Codec::Tele))
                .collect()
        };
        let Some(media) = self.rtc.media(mid) else {
            return;
        };
        let agreed: Vec<Pt> = media.remote_pts().to_vec();
        let is = |pt: &Pt, is_key: bool| known.contains(&(*pt, is_key));
        let voice = agreed.iter().copied().find(|pt| is(pt, false));
        self.track = voice.map(|pt| (mid, pt));
        self.keys = agreed.into_iter().filter(|pt| is(pt, true)).collect();
    }

    /// Sends one packet of the agent's voice.
    pub(super) fn say(&mut self, timestamp: u32, is_first: bool, payload: Arc<[u8]>) {
        let now = Instant::now();
        let Some((mid, pt)) = self.track else {
            return;
        };
        let sequence: SeqNo = self.sequence.into();
        let mut api = self.rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(mid, None) else {
            return;
        };
        self.sequence += 1;
        stream.write_rtp(RtpWrite::new(pt, sequence, timestamp, now, payload).marker(is_first));
        self.drain();
        // Only time makes the library send what it was given.
        self.feed(Input::Timeout(now));
    }

    /// Writes one message. False: there is no room now.
    pub(super) fn write(&mut self, channel: ChannelId, text: &str) -> bool {
        let Some(mut open) = self.rtc.channel(channel) else {
            return true;
        };
        let is_taken = open.write(false, text.as_bytes()).unwrap_or(true);
        self.drain();
        is_taken
    }

    fn has_unsent(&mut self, channel: ChannelId) -> bool {
        self.rtc
            .channel(channel)
            .is_some_and(|mut open| open.buffered_amount() > 0)
    }

    /// Lets the last words arrive, then closes. Not for calls to wait for.
    pub(super) async fn close(mut self, channel: Option<ChannelId>, mut words: VecDeque<String>) {
        let mut is_closing = false;
        let closing = async {
            loop {
                if let Some(channel) = channel {
                    while let Some(text) = words.front() {
                        if !self.write(channel, text) {
                            break;
                        }
                        words.pop_front();
                    }
                }
                let waits = channel.is_some_and(|channel| self.has_unsent(channel));
                if words.is_empty() && !waits && !std::mem::replace(&mut is_closing, true) {
                    // Already closed is closed.
                    let _ = self.rtc.close();
                    self.drain();
                }
                if !self.rtc.is_alive() {
                    return;
                }
                let timer = tokio::time::sleep_until(self.timeout.into());
                tokio::select! {
                    came = self.seat.inbox.recv() => match came {
                        Some(ToPeer::Packet(packet)) => self.receive(&packet),
                        Some(ToPeer::Offer { .. }) => {}
                        None => return,
                    },
                    () = timer => self.feed(Input::Timeout(Instant::now())),
                }
                self.events.clear();
            }
        };
        let _ = tokio::time::timeout(LAST_WORDS_MAX, closing).await;
        if !is_closing {
            let _ = self.rtc.close();
            self.drain();
        }
    }
}

/// A STUN success response: the library says it only to a check whose integrity held.
fn is_good_check(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x01, 0x01])
}

/// An RTP packet and no RTCP packet, by its first two bytes (RFC 7983, RFC 5761).
fn is_media(bytes: &[u8]) -> bool {
    let is_rtcp = |kind: u8| (64..96).contains(&(kind & 0x7F));
    matches!(bytes, [128..=191, kind, ..] if !is_rtcp(*kind))
}

/// The name of the first audio section of an answer.
fn first_audio(answer: &str) -> Option<&str> {
    let mut lines = answer
        .lines()
        .skip_while(|line| !line.starts_with("m=audio "));
    lines.find_map(|line| line.trim().strip_prefix("a=mid:"))
}
