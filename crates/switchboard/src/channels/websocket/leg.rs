//! A client of the front endpoint, as a leg: the thin layer between its socket and [`ClientProtocol`].

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use switchboard_call::event::CallEvent;
use switchboard_call::input::{FromLeg, FromModel, LegClosed};
use switchboard_call::output::{Record, ToLeg};
use switchboard_media::frame::AudioFormat;
use switchboard_wire::websocket::{Message, ProtocolError, close_code};

use super::comeback::{Kept, ResumeOffer};
use super::protocol::{CALL_FORMAT, ClientProtocol, ClientSetup, Farewell, Outgoing};
use crate::config::LimitsSettings;
use crate::leg::LegEvent;
use crate::model::Payload;
use crate::socket::{SocketError, WebSocket};

/// Close code of our own for a client that does nothing, or is not there (design.md section 9).
const CLOSE_IDLE: u16 = 4408;
/// Close code of our own for a message beyond `limits.message_bytes_max`.
const CLOSE_TOO_LARGE: u16 = 4413;
/// Bytes of missed messages that wait in the socket at once, well below what its buffer may hold.
const REPLAY_BYTES: usize = 64 * 1024;
/// What a client may send before the model is ready; more waits in the kernel's buffers. A second of audio is 64 KiB.
const EARLY_BYTES_MAX: usize = 256 * 1024;

/// How long a client may be silent, and what is done about it.
#[derive(Debug, Clone, Copy)]
pub struct ClientPatience {
    /// Proxies and home routers forget connections that are silent for a minute, so pings come more often.
    ping_every: Duration,
    /// A client that sends nothing for this long after a ping is not there.
    pong_max: Duration,
    /// A client that sends neither audio nor events for this long has forgotten the call. Answers to pings do not count.
    idle_max: Duration,
}

impl ClientPatience {
    /// As the settings say.
    pub fn of(limits: &LimitsSettings) -> Self {
        Self {
            ping_every: Duration::from_millis(limits.ping_ms),
            pong_max: Duration::from_millis(limits.pong_ms_max),
            idle_max: Duration::from_secs(limits.idle_s_max),
        }
    }
}

/// One client.
pub struct ClientLeg {
    socket: Option<WebSocket>,
    protocol: ClientProtocol,
    /// Read before the model was ready, so that a closed socket is noticed.
    early: VecDeque<Message>,
    early_bytes: usize,
    is_announced: bool,
    /// What the core has to know before anything else.
    pending: VecDeque<FromLeg>,
    /// For clients that know how to come back.
    kept: Option<Kept>,
    is_absent: bool,
    /// What a client that is back still has to be sent, in front of everything newer.
    missed: VecDeque<Outgoing>,
    patience: ClientPatience,
    ping_at: Instant,
    /// When an answer to the last ping must have come, while it is awaited.
    pong_by: Option<Instant>,
    idle_at: Instant,
}

impl ClientLeg {
    /// Takes over an accepted socket and greets its client.
    pub(super) fn new(socket: WebSocket, setup: ClientSetup, patience: ClientPatience) -> Self {
        let now = Instant::now();
        let mut leg = Self {
            kept: setup.resume.is_some().then(Kept::default),
            is_absent: false,
            missed: VecDeque::new(),
            pending: VecDeque::new(),
            socket: Some(socket),
            protocol: ClientProtocol::new(setup),
            early: VecDeque::new(),
            early_bytes: 0,
            is_announced: false,
            patience,
            ping_at: now + patience.ping_every,
            pong_by: None,
            idle_at: now + patience.idle_max,
        };
        leg.write();
        leg
    }

    /// 24 kHz PCM, whatever the client speaks.
    pub fn format(&self) -> AudioFormat {
        CALL_FORMAT
    }

    /// The next event. Cancel-safe.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<LegEvent> {
        if !std::mem::replace(&mut self.is_announced, true) {
            return Poll::Ready(LegEvent::Event(FromLeg::Ready));
        }
        self.look_at_clock();
        if let Some(event) = self.pending.pop_front() {
            return Poll::Ready(LegEvent::Event(event));
        }
        loop {
            if let Some(event) = self.protocol.take_event() {
                return Poll::Ready(event);
            }
            if self.read_early() {
                continue;
            }
            let Some(socket) = self
                .socket
                .as_mut()
                .filter(|_| self.early_bytes < EARLY_BYTES_MAX)
            else {
                return Poll::Pending;
            };
            let message = match socket.poll_next(context) {
                // The socket has taken what it had: there is room for more.
                Poll::Pending if socket.waiting() == 0 && !self.missed.is_empty() => {
                    self.send_missed();
                    continue;
                }
                Poll::Pending => return Poll::Pending,
                Poll::Ready(message) => message,
            };
            if let Err(event) = self.on_message(message) {
                return Poll::Ready(LegEvent::Event(event));
            }
        }
    }

    fn on_message(&mut self, message: Result<Message, SocketError>) -> Result<(), FromLeg> {
        let closed = FromLeg::Closed;
        match message {
            Ok(Message::Close { code, .. }) => {
                let code = code.unwrap_or(close_code::NORMAL);
                Err(closed(self.close(code, "", LegClosed::HungUp)))
            }
            Ok(message) => {
                self.pong_by = None;
                if let Message::Text(_) | Message::Binary(_) = message {
                    self.idle_at = Instant::now() + self.patience.idle_max;
                }
                self.take_in(message);
                Ok(())
            }
            Err(SocketError::Protocol(ProtocolError::TooLarge { .. })) => Err(closed(self.close(
                CLOSE_TOO_LARGE,
                "message_too_large",
                LegClosed::ProtocolError,
            ))),
            Err(error @ SocketError::Protocol(_)) => Err(closed(self.close(
                WebSocket::close_code_of(&error),
                "",
                LegClosed::ProtocolError,
            ))),
            Err(SocketError::Broken(_) | SocketError::Stuck) => Err(self.lose()),
        }
    }

    /// The connection is gone. Who knows how to come back is waited for by the core.
    fn lose(&mut self) -> FromLeg {
        self.socket = None;
        self.missed.clear();
        let Some(kept) = &mut self.kept else {
            return FromLeg::Closed(LegClosed::Lost);
        };
        kept.on_lost();
        self.is_absent = true;
        FromLeg::Absent
    }

    /// The client is back on another connection. An older one that still seems to be open is closed: one holder at a
    /// time (threat S9).
    pub(super) fn come_back(
        &mut self,
        socket: WebSocket,
        after: Option<&str>,
        offer: &ResumeOffer,
    ) {
        self.write();
        if self.socket.is_some() {
            self.close(close_code::NORMAL, "resumed_elsewhere", LegClosed::Lost);
        }
        if !std::mem::replace(&mut self.is_absent, false) {
            self.pending.push_back(FromLeg::Absent);
        }
        self.pending.push_back(FromLeg::Returned);
        let now = Instant::now();
        self.ping_at = now + self.patience.ping_every;
        self.idle_at = now + self.patience.idle_max;
        self.pong_by = None;
        self.socket = Some(socket);
        let (missed, is_complete) = match &mut self.kept {
            Some(kept) => kept.missed(after),
            None => (VecDeque::new(), false),
        };
        self.protocol.tell_resumed(offer, is_complete);
        if let (Some(welcome), Some(kept)) = (self.protocol.take_outgoing(), &mut self.kept) {
            kept.on_resumed(welcome.clone());
            self.missed.push_back(welcome);
        }
        self.missed.extend(missed);
        self.send_missed();
    }

    fn take_in(&mut self, message: Message) {
        if self.protocol.is_ready() {
            return self.read(message);
        }
        self.early_bytes += match &message {
            Message::Text(text) => text.as_bytes().len(),
            Message::Binary(bytes) => bytes.len(),
            _ => return,
        };
        self.early.push_back(message);
    }

    /// Reads one message that came before the model was ready. False: there is none, or it still has to wait.
    fn read_early(&mut self) -> bool {
        if !self.protocol.is_ready() {
            return false;
        }
        let Some(message) = self.early.pop_front() else {
            self.early_bytes = 0;
            return false;
        };
        self.read(message);
        true
    }

    fn read(&mut self, message: Message) {
        match message {
            Message::Text(text) => self.protocol.on_text(Instant::now(), text.into_bytes()),
            Message::Binary(_) => self.protocol.on_binary(),
            Message::Ping(_) | Message::Pong(_) | Message::Close { .. } => {}
        }
        self.write();
    }

    /// Hands what the protocol said to the socket's buffer.
    fn write(&mut self) {
        while let Some(outgoing) = self.protocol.take_outgoing() {
            if let Some(kept) = &mut self.kept {
                kept.keep(outgoing.clone());
            }
            if !self.missed.is_empty() {
                self.missed.push_back(outgoing);
            } else if let Some(socket) = &mut self.socket {
                send(socket, &outgoing);
            }
        }
        if let Some(farewell) = self.protocol.take_farewell() {
            self.say_farewell(&farewell);
        }
    }

    /// Hands on what the client missed, as far as the socket's buffer is meant to hold.
    fn send_missed(&mut self) {
        let Some(socket) = &mut self.socket else {
            return;
        };
        while socket.waiting() < REPLAY_BYTES
            && let Some(outgoing) = self.missed.pop_front()
        {
            send(socket, &outgoing);
        }
    }

    fn say_farewell(&mut self, farewell: &Farewell) {
        self.close(farewell.code, &farewell.reason, LegClosed::Lost);
    }

    /// Closes politely beside the call. The reason is given back, for brevity.
    fn close(&mut self, code: u16, reason: &str, closed: LegClosed) -> LegClosed {
        if let Some(socket) = self.socket.take() {
            let reason = reason.to_owned();
            tokio::spawn(async move { socket.close(code, &reason).await });
        }
        closed
    }

    fn look_at_clock(&mut self) {
        let now = Instant::now();
        if self
            .protocol
            .deadline()
            .is_some_and(|deadline| now >= deadline)
        {
            self.protocol.on_time(now);
            self.write();
        }
        let is_gone = self.pong_by.is_some_and(|by| now >= by);
        if self.socket.is_some() && now >= self.idle_at {
            let closed = self.close(CLOSE_IDLE, "idle", LegClosed::Lost);
            self.pending.push_back(FromLeg::Closed(closed));
        } else if self.socket.is_some() && is_gone {
            self.close(CLOSE_IDLE, "no_pong", LegClosed::Lost);
            let event = self.lose();
            self.pending.push_back(event);
        }
        if now >= self.ping_at
            && let Some(socket) = &mut self.socket
        {
            self.ping_at = now + self.patience.ping_every;
            self.pong_by.get_or_insert(now + self.patience.pong_max);
            socket.send_ping();
        }
    }

    /// Whether another event may be ready without waiting.
    pub fn has_buffered(&self) -> bool {
        let is_readable = self.socket.as_ref().is_some_and(WebSocket::has_buffered);
        self.protocol.is_ready() && (is_readable || !self.early.is_empty())
    }

    /// Gives audio to the client.
    pub fn play(&mut self, command: &ToLeg, payload: &Payload) {
        self.protocol.play(Instant::now(), command, payload);
        self.write();
    }

    /// Any command but audio.
    pub fn send(&mut self, command: &ToLeg) {
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

    /// Pushes out what was said, as far as the client takes it now.
    pub async fn flush(&mut self) {
        while let Some(socket) = &mut self.socket {
            if let Err(error) = socket.flush().await {
                tracing::warn!(%error, "dropped a client that does not read");
                let event = self.lose();
                self.pending.push_back(event);
                return;
            }
            if self.missed.is_empty() || socket.waiting() > 0 {
                return;
            }
            self.send_missed();
        }
    }

    /// The next moment at which the clock matters even if nothing arrives.
    pub fn deadline(&self) -> Option<Instant> {
        if !self.pending.is_empty() {
            return Some(Instant::now());
        }
        let Some(socket) = &self.socket else {
            return self.protocol.deadline();
        };
        let own = [
            Some(self.ping_at),
            Some(self.idle_at),
            self.pong_by,
            self.protocol.deadline(),
            socket.deadline(),
        ];
        own.into_iter().flatten().min()
    }
}

fn send(socket: &mut WebSocket, outgoing: &Outgoing) {
    match outgoing {
        Outgoing::Text(text) => socket.send_text(text),
        Outgoing::Audio {
            prefix,
            event_id,
            base64,
        } => socket.send_parts(&prefix.parts(event_id, base64)),
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use serde_json::{Value, json};
    use tokio::net::{TcpListener, TcpStream};

    use super::super::protocol::{AgentProfile, ClientKind, Credential};
    use super::*;
    use crate::socket::{Io, SocketLimits};

    /// Far more than loopback needs, so that a hang fails instead of standing.
    const PATIENCE: Duration = Duration::from_secs(10);

    async fn connected() -> (ClientLeg, WebSocket) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (accepted, connected) = tokio::join!(listener.accept(), TcpStream::connect(address));
        let limits = LimitsSettings::default();
        let (ours, theirs) = (SocketLimits::client(&limits), SocketLimits::model(&limits));
        let server = WebSocket::server(accepted.unwrap().0, None, &[], ours);
        let mut client = WebSocket::client(Io::Plain(connected.unwrap()), &[], theirs);
        let agent = AgentProfile {
            name: "medspa".to_owned(),
            voice: "marin".to_owned(),
            threshold: 0.6,
            prefix_padding_ms: 300,
            silence_ms: 600,
            pcm_rates_hz: vec![16_000],
            expires_at: 0,
            disclosure: None,
        };
        let (credential, kind) = (Credential::ApiKey, ClientKind::Other);
        let setup = ClientSetup {
            agent,
            credential,
            kind,
            wants_own_events: false,
            seed: 1,
            session_id: "sess_1".to_owned(),
            resume: None,
        };
        let mut leg = ClientLeg::new(server, setup, ClientPatience::of(&limits));
        assert!(matches!(
            next(&mut leg).await,
            LegEvent::Event(FromLeg::Ready)
        ));
        leg.flush().await;
        assert_eq!(text(&mut client).await["type"], "session.created");
        (leg, client)
    }

    async fn next(leg: &mut ClientLeg) -> LegEvent {
        tokio::time::timeout(PATIENCE, poll_fn(|context| leg.poll_next(context)))
            .await
            .expect("an event")
    }

    async fn message(client: &mut WebSocket) -> Message {
        tokio::time::timeout(PATIENCE, client.next())
            .await
            .expect("in time")
            .expect("a message")
    }

    async fn text(client: &mut WebSocket) -> Value {
        let Message::Text(text) = message(client).await else {
            panic!("no text");
        };
        serde_json::from_slice(text.as_bytes()).expect("JSON")
    }

    async fn write(client: &mut WebSocket, event: &Value) {
        client.send_text(&event.to_string());
        client.flush().await.expect("open");
    }

    async fn close_code(client: &mut WebSocket) -> Option<u16> {
        loop {
            if let Message::Close { code, .. } = message(client).await {
                return code;
            }
        }
    }

    #[tokio::test]
    async fn what_came_before_the_model_was_ready_is_read_in_its_order() {
        let (mut leg, mut client) = connected().await;
        let session = json!({"type": "realtime", "audio": {"input": {"turn_detection": null}}});
        write(
            &mut client,
            &json!({"type": "session.update", "session": session}),
        )
        .await;
        write(
            &mut client,
            &json!({"type": "input_audio_buffer.append", "audio": "AAAA"}),
        )
        .await;
        let both_came = poll_fn(|context| {
            assert!(
                leg.poll_next(context).is_pending(),
                "nothing is told before the model can hear"
            );
            if leg.early.len() == 2 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        tokio::time::timeout(PATIENCE, both_came)
            .await
            .expect("both messages");
        leg.observe_model(&FromModel::Ready);
        assert!(matches!(
            next(&mut leg).await,
            LegEvent::Event(FromLeg::TurnTaking(_))
        ));
        assert!(!leg.has_buffered() || !leg.early.is_empty());
        leg.flush().await;
        assert_eq!(text(&mut client).await["type"], "session.updated");
    }

    #[tokio::test]
    async fn a_client_that_leaves_is_noticed_before_the_model_is_ready_and_answered() {
        let (mut leg, mut client) = connected().await;
        client.send_close(1000, "");
        client.flush().await.expect("open");
        assert!(matches!(
            next(&mut leg).await,
            LegEvent::Event(FromLeg::Closed(LegClosed::HungUp))
        ));
        assert_eq!(close_code(&mut client).await, Some(1000));
    }

    #[tokio::test]
    async fn h6_a_message_beyond_256_kib_closes_with_4413() {
        let (mut leg, mut client) = connected().await;
        let audio = "A".repeat(LimitsSettings::default().message_bytes_max);
        let event = json!({"type": "input_audio_buffer.append", "audio": audio});
        write(&mut client, &event).await;
        assert!(matches!(
            next(&mut leg).await,
            LegEvent::Event(FromLeg::Closed(LegClosed::ProtocolError))
        ));
        assert_eq!(close_code(&mut client).await, Some(CLOSE_TOO_LARGE));
    }

    #[tokio::test]
    async fn h6_a_client_that_says_nothing_is_pinged_and_then_closed_with_4408() {
        let (mut leg, mut client) = connected().await;
        let now = Instant::now();
        leg.ping_at = now;
        poll_fn(|context| Poll::Ready(leg.poll_next(context).is_pending())).await;
        assert!(leg.ping_at > now, "the next ping is later");
        assert!(
            leg.pong_by.is_some_and(|by| by > now),
            "an answer is awaited"
        );
        leg.idle_at = now;
        assert!(leg.deadline().is_some_and(|deadline| deadline <= now));
        assert!(matches!(
            next(&mut leg).await,
            LegEvent::Event(FromLeg::Closed(LegClosed::Lost))
        ));
        assert_eq!(close_code(&mut client).await, Some(CLOSE_IDLE));
    }

    #[tokio::test]
    async fn h6_an_answered_ping_keeps_a_client_but_does_not_count_as_doing_something() {
        let (mut leg, mut client) = connected().await;
        let idle_at = leg.idle_at;
        leg.ping_at = Instant::now();
        poll_fn(|context| Poll::Ready(leg.poll_next(context).is_pending())).await;
        assert!(leg.pong_by.is_some());
        leg.flush().await;
        let came = poll_fn(|context| {
            // The client's socket answers pings while it is read.
            let _ = client.poll_next(context);
            assert!(leg.poll_next(context).is_pending());
            if leg.pong_by.is_none() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        tokio::time::timeout(PATIENCE, came).await.expect("a pong");
        assert_eq!(leg.idle_at, idle_at, "an answer to a ping is no event");
    }

    #[tokio::test]
    async fn h6_a_client_that_answers_no_ping_is_closed_with_4408() {
        let (mut leg, mut client) = connected().await;
        leg.pong_by = Some(Instant::now());
        assert!(
            leg.deadline()
                .is_some_and(|deadline| deadline <= Instant::now())
        );
        assert!(matches!(
            next(&mut leg).await,
            LegEvent::Event(FromLeg::Closed(LegClosed::Lost))
        ));
        assert_eq!(close_code(&mut client).await, Some(CLOSE_IDLE));
    }

    #[tokio::test]
    async fn s2_before_the_model_is_ready_no_more_than_the_bound_is_kept() {
        let (mut leg, mut client) = connected().await;
        let audio = "A".repeat(100 * 1024);
        for _ in 0..4 {
            client.send_text(
                &json!({"type": "input_audio_buffer.append", "audio": audio}).to_string(),
            );
        }
        let filling = poll_fn(|context| {
            // What the kernel does not take yet is pushed on here.
            let _ = client.poll_next(context);
            assert!(leg.poll_next(context).is_pending());
            if leg.early_bytes >= EARLY_BYTES_MAX {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        });
        tokio::time::timeout(PATIENCE, filling)
            .await
            .expect("the bound is reached");
        assert_eq!(leg.early.len(), 3, "the fourth waits in the kernel");
        leg.observe_model(&FromModel::Ready);
        for _ in 0..4 {
            assert!(matches!(next(&mut leg).await, LegEvent::Audio(_)));
        }
    }
}
