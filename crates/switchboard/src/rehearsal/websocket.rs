//! A call over the front endpoint: a [`ClientCaller`] behind a real socket, in real time.

use std::time::{Duration, Instant};

use anyhow::Result;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use switchboard_sim::socket::{Socket, SocketError, SocketReader, SocketWriter};
use switchboard_store::CallId;
use switchboard_wire::openai::{APPEND_PREFIX, APPEND_SUFFIX, ClientMessage};
use switchboard_wire::websocket::Message;

use super::caller::{ClientCaller, FRAME_MS, FRAME_SAMPLES, Verdict};
use super::lines::Act;
use super::report::{CallFailure, Placed};
use super::rows::{Follower, NewCalls};
use super::talk::{Scene, Talk};
use crate::config::Secret;

/// How often the database is asked for tools that ran: the protocol does not show them to clients.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long the server may take to answer our close.
const CLOSE_MAX: Duration = Duration::from_secs(2);
/// A caller who means to end the call.
const CLOSE_NORMAL: u16 = 1000;

/// How a client reaches the agent.
#[derive(Clone)]
pub(super) struct Endpoint {
    /// The whole address, `ws://127.0.0.1:40123/v1/realtime?…`.
    pub(super) url: String,
    /// Who is allowed in.
    pub(super) key: Secret,
    /// The agent waits to be asked for its greeting.
    pub(super) asks_first: bool,
}

/// Finds the call that a lone client holds, and follows its tools.
pub(super) struct Watch {
    calls: NewCalls,
    follower: Follower,
    call: Option<CallId>,
}

impl Watch {
    pub(super) fn new(calls: NewCalls, follower: Follower) -> Self {
        Self {
            calls,
            follower,
            call: None,
        }
    }

    async fn show(&mut self, talk: &Talk) -> Result<()> {
        if self.call.is_none() {
            self.call = self.calls.ours().await?.first().copied();
        }
        if let Some(call) = self.call {
            for scene in self.follower.tools(call).await? {
                talk.show(&scene)?;
            }
        }
        Ok(())
    }
}

/// Holds one call from the first event to the close.
///
/// # Errors
/// Stdout or the database fail. What goes wrong in the call is part of the result.
pub(super) async fn place(
    endpoint: Endpoint,
    lines: Vec<Act>,
    talk: Talk,
    watch: Option<Watch>,
) -> Result<Placed> {
    let authorization = format!("Bearer {}", endpoint.key.expose());
    let socket = match Socket::connect(&endpoint.url, &[("Authorization", &authorization)]).await {
        Ok(socket) => socket,
        Err(error) => return Ok(Placed::failed(CallFailure::Unreachable(error.to_string()))),
    };
    let (reader, writer) = socket.split();
    let caller = ClientCaller::new(Instant::now(), lines, endpoint.asks_first);
    let mut client = Client {
        reader,
        writer,
        caller,
        talk,
        watch,
        text: String::new(),
    };
    let stop = client.talk_to_the_end().await?;
    client.hang_up().await?;
    Ok(client.result(&stop))
}

struct Client {
    reader: SocketReader,
    writer: SocketWriter,
    caller: ClientCaller,
    talk: Talk,
    watch: Option<Watch>,
    /// Base64 of one frame, reused.
    text: String,
}

/// Why the talk stopped.
enum Stop {
    Caller(Verdict),
    /// The server closed, with its code.
    Server(Option<u16>),
    Broken(SocketError),
}

impl Client {
    async fn talk_to_the_end(&mut self) -> Result<Stop> {
        let mut frames = tokio::time::interval(Duration::from_millis(FRAME_MS));
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let stop = tokio::select! {
                message = self.reader.next() => self.on_message(message),
                _ = frames.tick() => self.send_frame(),
                _ = looks.tick(), if self.watch.is_some() => {
                    self.look().await?;
                    None
                }
            };
            if let Err(error) = self.writer.flush().await {
                return Ok(Stop::Broken(error.into()));
            }
            for scene in self.caller.take_scenes() {
                self.talk.show(&scene)?;
            }
            if let Some(stop) = stop {
                return Ok(stop);
            }
        }
    }

    async fn look(&mut self) -> Result<()> {
        match &mut self.watch {
            Some(watch) => watch.show(&self.talk).await,
            None => Ok(()),
        }
    }

    fn on_message(&mut self, message: Result<Option<Message>, SocketError>) -> Option<Stop> {
        match message {
            Ok(Some(Message::Text(text))) => {
                self.on_text(text.as_bytes());
                None
            }
            Ok(Some(Message::Ping(payload))) => {
                self.writer.queue_pong(&payload);
                None
            }
            Ok(Some(Message::Close { code, .. })) => Some(Stop::Server(code)),
            Ok(Some(Message::Binary(_) | Message::Pong(_))) => None,
            Ok(None) => Some(Stop::Server(None)),
            Err(error) => Some(Stop::Broken(error)),
        }
    }

    fn on_text(&mut self, text: &[u8]) {
        self.caller.on_text(Instant::now(), text);
        self.queue_events();
    }

    fn queue_events(&mut self) {
        for event in self.caller.take_outbox() {
            let json = ClientMessage::from(event).to_json();
            self.writer.queue_text_parts(&[json.as_bytes()]);
        }
    }

    fn send_frame(&mut self) -> Option<Stop> {
        let mut samples = [0_i16; FRAME_SAMPLES];
        if let Some(verdict) = self.caller.tick(Instant::now(), &mut samples) {
            return Some(Stop::Caller(verdict));
        }
        self.queue_events();
        let mut bytes = [0_u8; FRAME_SAMPLES * 2];
        for (pair, sample) in bytes.chunks_exact_mut(2).zip(samples) {
            pair.copy_from_slice(&sample.to_le_bytes());
        }
        self.text.clear();
        STANDARD.encode_string(bytes, &mut self.text);
        self.writer
            .queue_text_parts(&[APPEND_PREFIX, self.text.as_bytes(), APPEND_SUFFIX]);
        None
    }

    /// Closes in order and reads what the server still says, its word about the end among it.
    async fn hang_up(&mut self) -> Result<()> {
        self.writer.queue_close(CLOSE_NORMAL, "");
        // A server that is gone needs no close.
        let _ = self.writer.flush().await;
        let rest = async {
            while let Ok(Some(message)) = self.reader.next().await {
                match message {
                    Message::Text(text) => self.caller.on_text(Instant::now(), text.as_bytes()),
                    Message::Close { .. } => break,
                    _ => {}
                }
            }
        };
        let _ = tokio::time::timeout(CLOSE_MAX, rest).await;
        self.look().await?;
        if !self.caller.has_said_everything() {
            self.talk.show(&Scene::Notice(
                "the call ended before the caller had said everything".to_owned(),
            ))?;
        }
        self.caller
            .take_scenes()
            .iter()
            .try_for_each(|scene| self.talk.show(scene))
    }

    fn result(&self, stop: &Stop) -> Placed {
        Placed {
            calls: self
                .watch
                .as_ref()
                .and_then(|watch| watch.call)
                .into_iter()
                .collect(),
            has_heard_agent: self.caller.has_heard_agent(),
            latencies_ms: self.caller.latencies_ms().to_vec(),
            told_end: self.caller.told_end().cloned(),
            failure: self.failure(stop),
        }
    }

    fn failure(&self, stop: &Stop) -> Option<CallFailure> {
        let refusal = self.caller.refusal().map(str::to_owned);
        match stop {
            Stop::Caller(Verdict::Finished) => None,
            Stop::Caller(Verdict::NoAnswer) => Some(CallFailure::NoAnswer { refusal }),
            Stop::Broken(error) => Some(CallFailure::Lost(error.to_string())),
            Stop::Server(_) if self.caller.told_end().is_some() => None,
            Stop::Server(Some(CLOSE_NORMAL)) if self.caller.has_heard_agent() => None,
            Stop::Server(code) => {
                let code = code.map_or_else(
                    || "without a code".to_owned(),
                    |code| format!("with code {code}"),
                );
                Some(CallFailure::Refused(
                    refusal.unwrap_or_else(|| format!("the server closed {code}")),
                ))
            }
        }
    }
}
