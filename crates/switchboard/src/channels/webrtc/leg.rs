//! A browser or an app over WebRTC, as a leg: its voice on a media track, its events on a data channel.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use str0m::channel::ChannelId;
use str0m::rtp::Ssrc;
use switchboard_call::event::CallEvent;
use switchboard_call::input::{FromLeg, FromModel, LegClosed};
use switchboard_call::output::{Record, ToLeg};
use switchboard_media::codec::Codec;
use switchboard_media::frame::AudioFormat;
use switchboard_media::jitter::{Heard, JitterBuffer, Taken};
use tokio::time::Sleep;

use super::keys::{KeyPad, Pressed};
use super::peer::{Peer, PeerEvent, VoicePacket};
use super::presence::{Presence, Returning};
use super::unfinished::Unfinished;
use super::voice::AgentVoice;
use crate::channels::websocket::protocol::{ClientProtocol, Outgoing};
use crate::leg::LegEvent;
use crate::model::{Payload, length_of};

/// The data channel that carries the events (protocols/openai-realtime.md section 1.4).
const EVENTS_CHANNEL: &str = "oai-events";
/// What a client may write before the model is ready. Beyond it the client is broken.
const EARLY_BYTES_MAX: usize = 256 * 1024;
/// What may wait for a client that does not read its channel. Without audio in the events this is minutes of talk.
const UNREAD_BYTES_MAX: usize = 256 * 1024;
/// Packets looked at before the clock is.
const TURNS: u32 = 32;

/// What a leg is made of.
pub(super) struct Parts {
    /// The answered offer.
    pub(super) peer: Peer,
    /// The codec both agreed on.
    pub(super) codec: Box<dyn Codec>,
    /// What the client is told.
    pub(super) protocol: ClientProtocol,
    /// Until when media must flow.
    pub(super) connect_by: Instant,
    /// Counts it while it is not connected.
    pub(super) unfinished: Unfinished,
    /// The client knows how to come back.
    pub(super) may_return: bool,
}

/// One client.
pub struct WebRtcLeg {
    pub(super) peer: Option<Peer>,
    codec: Box<dyn Codec>,
    began: Instant,
    pub(super) jitter: JitterBuffer<Arc<[u8]>>,
    pub(super) source: Option<Ssrc>,
    pub(super) voice: AgentVoice,
    keys: KeyPad,
    was_silent: bool,
    stamp_base: u32,
    pub(super) protocol: ClientProtocol,
    pub(super) channel: Option<ChannelId>,
    pub(super) unread: VecDeque<String>,
    pub(super) unread_bytes: usize,
    /// What a client that is back has missed, in front of what is unread.
    pub(super) missed: VecDeque<String>,
    early: VecDeque<Bytes>,
    early_bytes: usize,
    events: VecDeque<LegEvent>,
    pub(super) connect_by: Option<Instant>,
    pub(super) unfinished: Option<Unfinished>,
    /// For clients that know how to come back.
    pub(super) presence: Option<Presence>,
    /// A client on its way back, until its channel is open.
    pub(super) returning: Option<Returning>,
    timer: Pin<Box<Sleep>>,
    scratch: Vec<u8>,
}

impl WebRtcLeg {
    pub(super) fn new(parts: Parts) -> Self {
        let began = Instant::now();
        let mut leg = Self {
            jitter: JitterBuffer::new(parts.codec.clock_hz()),
            voice: AgentVoice::new(parts.codec.format(), began),
            peer: Some(parts.peer),
            codec: parts.codec,
            began,
            source: None,
            keys: KeyPad::new(began),
            was_silent: true,
            stamp_base: getrandom::u32().unwrap_or_default(),
            protocol: parts.protocol,
            channel: None,
            unread: VecDeque::new(),
            unread_bytes: 0,
            missed: VecDeque::new(),
            early: VecDeque::new(),
            early_bytes: 0,
            events: VecDeque::new(),
            connect_by: Some(parts.connect_by),
            unfinished: Some(parts.unfinished),
            presence: parts.may_return.then(Presence::default),
            returning: None,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            scratch: Vec::new(),
        };
        if parts.may_return {
            leg.voice.keep_aloud();
        }
        leg.write();
        leg
    }

    /// What the codec speaks: 24 kHz PCM for Opus, G.711 as it is.
    pub fn format(&self) -> AudioFormat {
        self.codec.format()
    }

    /// The next event. Cancel-safe.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<LegEvent> {
        loop {
            self.read_early();
            if let Some(event) = self.next_event() {
                return Poll::Ready(event);
            }
            let Some(peer) = &mut self.peer else {
                return Poll::Pending;
            };
            let polled = peer.poll_next(context, TURNS);
            if let Poll::Ready(event) = polled {
                self.on_peer(event);
                self.hear();
                continue;
            }
            self.look_at_clock();
            if self.has_buffered() {
                continue;
            }
            if self.sleeps(context) {
                return Poll::Pending;
            }
        }
    }

    fn next_event(&mut self) -> Option<LegEvent> {
        self.events
            .pop_front()
            .or_else(|| self.protocol.take_event())
    }

    /// True when nothing is due; the task is then woken when something is.
    fn sleeps(&mut self, context: &mut Context<'_>) -> bool {
        let Some(peer) = &self.peer else {
            return true;
        };
        let own = [
            Some(peer.deadline()),
            self.connect_by,
            self.voice.deadline(self.hears_until()),
            self.missing_at(),
            self.protocol.deadline(),
            self.jitter.deadline().map(|at| self.began + at),
        ];
        let Some(next) = own.into_iter().flatten().min() else {
            return true;
        };
        self.timer.as_mut().reset(next.into());
        self.timer.as_mut().poll(context).is_pending()
    }

    fn on_peer(&mut self, event: PeerEvent) {
        match event {
            PeerEvent::Connected => {
                // Connected a second time is a network that changed, which nobody has to know of.
                if self.connect_by.take().is_some() {
                    self.unfinished = None;
                    self.on_connected();
                }
            }
            PeerEvent::Voice(packet) => self.take_voice(packet),
            PeerEvent::Key(packet) => self.take_key(&packet),
            PeerEvent::ChannelOpen(id, name) => {
                if self.channel.is_none() && name == EVENTS_CHANNEL {
                    self.channel = Some(id);
                    self.catch_up();
                    self.write();
                }
            }
            PeerEvent::Message(id, is_binary, bytes) => {
                if self.channel == Some(id) {
                    self.on_message(is_binary, bytes);
                }
            }
            PeerEvent::ChannelClosed(id) => {
                if self.channel == Some(id) {
                    self.end(LegClosed::HungUp);
                }
            }
            PeerEvent::RoundTrip(round_trip) => self.voice.set_round_trip(round_trip),
            PeerEvent::Closed => self.end(LegClosed::HungUp),
            PeerEvent::Lost => self.lose(),
        }
    }

    pub(super) fn tell(&mut self, event: FromLeg) {
        self.events.push_back(LegEvent::Event(event));
    }

    /// The connection is over, by itself or because of what the client did.
    pub(super) fn end(&mut self, closed: LegClosed) {
        if self.peer.is_some() {
            self.close();
            self.tell(FromLeg::Closed(closed));
        }
    }

    /// Says the last words and closes beside the call.
    fn close(&mut self) {
        if let Some(peer) = self.peer.take() {
            let mut words = std::mem::take(&mut self.missed);
            words.append(&mut self.unread);
            tokio::spawn(peer.close(self.channel, words));
        }
    }

    /// Another stream has sequence numbers and timestamps of its own.
    fn follow(&mut self, source: Ssrc) {
        if self.source.replace(source) != Some(source) {
            self.jitter.reset();
            self.keys.reset();
        }
    }

    fn take_key(&mut self, packet: &VoicePacket) {
        self.follow(packet.source);
        self.jitter.pass(packet.sequence);
        let pressed = self
            .keys
            .press(Instant::now(), packet.stamp, &packet.payload);
        match pressed {
            Pressed::Key(key) => self.tell(FromLeg::Digit(key)),
            Pressed::TooFast => {
                metrics::counter!("switchboard_webrtc_packets_dropped_total", "reason" => "too_fast")
                    .increment(1);
            }
            Pressed::Nothing => {}
        }
    }

    fn take_voice(&mut self, packet: VoicePacket) {
        self.follow(packet.source);
        let Some(ticks) = self.codec.ticks(&packet.payload) else {
            return;
        };
        let taken = self.jitter.push(
            self.began.elapsed(),
            packet.sequence,
            packet.timestamp,
            ticks,
            packet.payload,
        );
        if taken != Taken::Kept {
            metrics::counter!("switchboard_webrtc_packets_dropped_total", "reason" => "late")
                .increment(1);
        }
    }

    /// Decodes what the jitter buffer gives, one event for each piece.
    fn hear(&mut self) {
        while let Some(heard) = self.jitter.pop(self.began.elapsed()) {
            let mut sound = Vec::with_capacity(self.codec.frame_bytes());
            match heard {
                Heard::Packet(packet) => {
                    // What is no packet of the codec says nothing.
                    let _ = self.codec.decode(&packet, &mut sound);
                }
                Heard::Lost { ticks, following } => {
                    self.codec.conceal(ticks, following.as_deref(), &mut sound);
                }
                Heard::Silence { ticks } => {
                    let ms = u64::from(ticks) * 1_000 / u64::from(self.codec.clock_hz());
                    sound = self.codec.format().silence(ms);
                }
            }
            if !sound.is_empty() {
                self.protocol
                    .on_track_audio(length_of(sound.len(), self.codec.format()));
                let payload = Payload::Raw(Bytes::from(sound));
                self.events.push_back(LegEvent::Audio(payload));
            }
        }
        self.write();
    }

    fn look_at_clock(&mut self) {
        let now = Instant::now();
        if let Some(peer) = &mut self.peer {
            peer.on_time(now);
        }
        if self.connect_by.is_some_and(|by| now >= by) {
            return self.lose();
        }
        self.look_for_client(now);
        self.hear();
        self.speak(now);
        if self
            .protocol
            .deadline()
            .is_some_and(|deadline| now >= deadline)
        {
            self.protocol.on_time(now);
        }
        self.write();
    }

    /// Sends the frames that are due, and tells what was heard of those before.
    fn speak(&mut self, now: Instant) {
        while let Some(frame) = self.voice.frame(now) {
            let Some(peer) = &mut self.peer else {
                return;
            };
            self.scratch.clear();
            if self.codec.encode(&frame.sound, &mut self.scratch).is_err() {
                continue;
            }
            let ticks = frame.at.as_millis() as u64 * u64::from(self.codec.clock_hz()) / 1_000;
            // RTP timestamps wrap.
            let stamp = self.stamp_base.wrapping_add(ticks as u32);
            peer.say(stamp, frame.is_first, self.scratch.as_slice().into());
        }
        self.voice.on_heard_of(self.heard_of());
        let hears_until = self.hears_until();
        while let Some(mark) = self.voice.heard(now, hears_until) {
            self.tell(FromLeg::Mark(mark));
        }
        let is_silent = self.voice.is_silent();
        if is_silent && !std::mem::replace(&mut self.was_silent, is_silent) {
            self.protocol.on_track_silent();
        }
    }

    fn on_message(&mut self, is_binary: bool, bytes: Vec<u8>) {
        if is_binary {
            self.protocol.on_binary();
            return self.write();
        }
        self.early_bytes += bytes.len();
        if self.early_bytes > EARLY_BYTES_MAX {
            return self.end(LegClosed::ProtocolError);
        }
        self.early.push_back(Bytes::from(bytes));
    }

    /// Reads what the client wrote, once the model can hear: so nothing is lost or told out of order.
    fn read_early(&mut self) {
        while self.protocol.is_ready()
            && let Some(text) = self.early.pop_front()
        {
            self.early_bytes -= text.len();
            if std::str::from_utf8(&text).is_ok() {
                self.protocol.on_text(Instant::now(), text);
            } else {
                self.protocol.on_binary();
            }
            self.write();
        }
    }

    /// Hands what the protocol said to the channel, as far as it takes it now.
    pub(super) fn write(&mut self) {
        while let Some(outgoing) = self.protocol.take_outgoing() {
            if let Some(presence) = &mut self.presence {
                presence.kept.keep(outgoing.clone());
            }
            // Who is away, or on the way back, is told everything when the channel is open.
            if let Outgoing::Text(text) = outgoing
                && self.peer.is_some()
                && self.returning.is_none()
            {
                self.unread_bytes += text.len();
                self.unread.push_back(text);
            }
        }
        if let (Some(peer), Some(channel)) = (&mut self.peer, self.channel) {
            while let Some(text) = self.missed.front()
                && peer.write(channel, text)
            {
                self.missed.pop_front();
            }
            while self.missed.is_empty()
                && let Some(text) = self.unread.front()
            {
                if !peer.write(channel, text) {
                    break;
                }
                self.unread_bytes -= text.len();
                self.unread.pop_front();
            }
        }
        if self.unread_bytes > UNREAD_BYTES_MAX {
            self.on_unread();
        }
        if self.protocol.take_farewell().is_some() {
            self.close();
        }
    }

    /// A client with a channel must read it. One without may do as it likes, and is told nothing.
    fn on_unread(&mut self) {
        if self.channel.is_some() {
            tracing::warn!("dropped a client that does not read its data channel");
            return self.lose();
        }
        while self.unread_bytes > UNREAD_BYTES_MAX / 2
            && let Some(text) = self.unread.pop_front()
        {
            self.unread_bytes -= text.len();
        }
    }

    /// Whether another event may be ready without waiting.
    pub fn has_buffered(&self) -> bool {
        !self.events.is_empty() || (self.protocol.is_ready() && !self.early.is_empty())
    }

    /// Gives audio to the client.
    pub fn play(&mut self, command: &ToLeg, payload: &Payload) {
        let mark = match command {
            ToLeg::Play { mark, .. } | ToLeg::PlayPhrase { mark, .. } => Some(*mark),
            _ => None,
        };
        if let Some(sound) = payload.bytes(&mut self.scratch) {
            self.voice.queue(Instant::now(), sound, mark);
            self.was_silent = false;
        }
        self.protocol.play(Instant::now(), command, payload);
        self.write();
    }

    /// Any command but audio.
    pub fn send(&mut self, command: &ToLeg) {
        if *command == ToLeg::Clear {
            for mark in self.voice.clear() {
                self.tell(FromLeg::Mark(mark));
            }
            self.was_silent = true;
        }
        self.protocol.send(command);
        self.write();
    }

    /// What the model said, before the core decides about it.
    pub fn observe_model(&mut self, event: &FromModel) {
        self.protocol.observe_model(Instant::now(), event);
        self.write();
    }

    /// What the core decided.
    pub fn observe_event(&mut self, event: &CallEvent) {
        self.protocol.observe_event(Instant::now(), event);
        self.write();
    }

    /// What was finally heard.
    pub fn observe_record(&mut self, record: &Record) {
        self.protocol.observe_record(record);
        self.write();
    }
}
