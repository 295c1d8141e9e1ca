//! One socket: the handshake, then frames between the wire and the session.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::BytesMut;
use switchboard_wire::openai::{
    APPEND_AUDIO_BYTES_MAX, HandshakeRefusal, SUBPROTOCOL_REALTIME, SubprotocolOffer, Target,
    TargetError, parse_subprotocols, parse_target,
};
use switchboard_wire::websocket::{
    Decoder, FRAGMENTS_MAX, HEAD_BYTES_MAX, Head, Limits, Message, RequestLine, Role,
    accept_upgrade, parse_request_head, write_close, write_ping, write_pong, write_text,
    write_upgrade_response,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;

use super::engine::{Engine, Output};
use super::log::{Connected, ReceivedKind};
use super::rest;
use super::script::{Faults, RealtimeScript};
use super::server::{Command, Recorder};
use super::sideband::Sideband;

/// Longest message: the largest append in base64, and its JSON.
const MESSAGE_BYTES_MAX: usize = APPEND_AUDIO_BYTES_MAX / 3 * 4 + 4096;
/// Path every Realtime address ends with.
const PATH_END: &str = "/realtime";
/// Time a client has to answer our close frame.
const CLOSE_WAIT: Duration = Duration::from_secs(2);
/// Header that switches the provider to its dead beta shape.
const BETA_HEADER: &str = "openai-beta";

/// What the handshake established.
struct Admitted {
    refusal: Option<HandshakeRefusal>,
    model: String,
}

pub(super) async fn serve(
    mut stream: TcpStream,
    recorder: Recorder,
    commands: UnboundedReceiver<Command>,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let script = Arc::clone(&recorder.shared.script);
    let faults = script.faults_of(recorder.connection());
    let mut input = BytesMut::new();
    let head = read_head(&mut stream, &mut input).await?;
    let offer = parse_subprotocols(head.header("sec-websocket-protocol").unwrap_or_default());
    recorder.connected(connected(&head, &offer));
    tokio::time::sleep(faults.upgrade_delay).await;
    if head.line.method == "POST" {
        return rest::answer(stream, input, &head, &recorder, &faults).await;
    }
    let (_, query) = split_target(&head);
    let call = match parse_target(query) {
        Ok(Target::Call(id)) => Some(recorder.shared.calls.find(&id)),
        _ => None,
    };
    if let Some(None) = call {
        return rest::refuse_upgrade(&mut stream, 404).await;
    }
    if faults.drops_upgrade || !answer_upgrade(&mut stream, &head, &offer, &faults).await? {
        return Ok(());
    }
    let admitted = admit(&head, &offer, &script, &faults);
    let is_refused = admitted.refusal.is_some() || faults.close_after_upgrade.is_some();
    let now = Instant::now();
    let mut engine = Engine::new(
        script,
        recorder.clone(),
        admitted.model,
        entropy()?,
        unix_s(),
        now,
    );
    if let Some(refusal) = admitted.refusal {
        engine.refuse(refusal);
    } else if let Some((close_code, reason)) = &faults.close_after_upgrade {
        engine.close(*close_code, reason);
    }
    let call = call.flatten().filter(|_| !is_refused);
    let limits = Limits {
        message_bytes_max: MESSAGE_BYTES_MAX,
        fragments_max: FRAGMENTS_MAX,
    };
    let socket = Socket {
        stream,
        input,
        output: BytesMut::new(),
        decoder: Decoder::new(Role::Server, limits),
        is_reading: true,
    };
    if let Some(call) = call {
        return Sideband::new(socket, recorder, commands, call).run().await;
    }
    Session {
        socket,
        engine,
        recorder,
        commands,
        next_ping: now,
    }
    .run()
    .await
}

async fn read_head(stream: &mut TcpStream, input: &mut BytesMut) -> io::Result<Head<RequestLine>> {
    loop {
        let head = parse_request_head(input).map_err(io::Error::other)?;
        if let Some(head) = head {
            let _ = input.split_to(head.head_bytes);
            return Ok(head);
        }
        if input.len() > HEAD_BYTES_MAX || stream.read_buf(input).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn connected(head: &Head<RequestLine>, offer: &SubprotocolOffer) -> Connected {
    Connected {
        target: head.line.target.clone(),
        api_key: api_key(head, offer),
        header_names: head.headers.iter().map(|(name, _)| name.clone()).collect(),
    }
}

pub(super) fn api_key(head: &Head<RequestLine>, offer: &SubprotocolOffer) -> Option<String> {
    let bearer = head
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "));
    bearer
        .map(|key| key.trim().to_owned())
        .or_else(|| offer.api_key.clone())
}

/// Answers 101, or refuses with an HTTP status; true if frames may flow.
async fn answer_upgrade(
    stream: &mut TcpStream,
    head: &Head<RequestLine>,
    offer: &SubprotocolOffer,
    faults: &Faults,
) -> io::Result<bool> {
    let (path, _) = split_target(head);
    let mut output = BytesMut::new();
    let refused = match (
        faults.upgrade_status,
        accept_upgrade(&head.line.method, head.upgrade_headers()),
    ) {
        (Some(status), _) => Some(status),
        _ if !path.ends_with(PATH_END) => Some(404),
        (None, Err(error)) => Some(error.status()),
        (None, Ok(accept)) => {
            let protocol = [("Sec-WebSocket-Protocol", SUBPROTOCOL_REALTIME)];
            let headers = if offer.realtime { &protocol[..] } else { &[] };
            write_upgrade_response(&mut output, &accept, headers).map_err(io::Error::other)?;
            None
        }
    };
    if let Some(status) = refused {
        let answer =
            format!("HTTP/1.1 {status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        output.extend_from_slice(answer.as_bytes());
    }
    stream.write_all(&output).await?;
    Ok(refused.is_none())
}

fn split_target(head: &Head<RequestLine>) -> (&str, &str) {
    head.line
        .target
        .split_once('?')
        .unwrap_or((&head.line.target, ""))
}

/// Judges key, header and model the way the provider does, which is after the 101.
fn admit(
    head: &Head<RequestLine>,
    offer: &SubprotocolOffer,
    script: &RealtimeScript,
    faults: &Faults,
) -> Admitted {
    let (_, query) = split_target(head);
    let key = api_key(head, offer).filter(|key| !key.is_empty());
    let target = parse_target(query);
    let key_is_known = |key: &String| script.api_keys.is_empty() || script.api_keys.contains(key);
    let model_exists = |model: &String| script.models.is_empty() || script.models.contains(model);
    let refusal = if faults.refusal.is_some() {
        faults.refusal
    } else if head.header(BETA_HEADER).is_some() {
        Some(HandshakeRefusal::BetaShape)
    } else if key.is_none() {
        Some(HandshakeRefusal::MissingApiKey)
    } else if !key.as_ref().is_some_and(key_is_known) {
        Some(HandshakeRefusal::InvalidApiKey)
    } else {
        match &target {
            Ok(Target::Model(model)) if model_exists(model) => None,
            Ok(Target::Call(_)) => None,
            Err(TargetError::Missing) => Some(HandshakeRefusal::MissingModel),
            _ => Some(HandshakeRefusal::InvalidModel),
        }
    };
    let model = match target {
        Ok(Target::Model(model)) => model,
        _ => script
            .models
            .first()
            .cloned()
            .unwrap_or_else(|| "gpt-realtime-2.1".to_owned()),
    };
    Admitted { refusal, model }
}

pub(super) fn entropy() -> io::Result<[u8; 16]> {
    let mut entropy = [0; 16];
    getrandom::fill(&mut entropy).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(entropy)
}

pub(super) fn unix_s() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

pub(super) struct Socket {
    pub(super) stream: TcpStream,
    pub(super) input: BytesMut,
    pub(super) output: BytesMut,
    pub(super) decoder: Decoder,
    pub(super) is_reading: bool,
}

struct Session {
    socket: Socket,
    engine: Engine,
    recorder: Recorder,
    commands: UnboundedReceiver<Command>,
    next_ping: Instant,
}

/// Whether the connection goes on.
enum Next {
    Continue,
    End,
}

impl Session {
    async fn run(mut self) -> io::Result<()> {
        self.next_ping += self.recorder.shared.script.ping_every;
        loop {
            self.engine.wake(Instant::now());
            if let Next::End = self.flush().await? {
                return Ok(());
            }
            let wake = self
                .engine
                .next_wake()
                .map_or(self.next_ping, |wake| wake.min(self.next_ping));
            tokio::select! {
                read = self.socket.stream.read_buf(&mut self.socket.input), if self.socket.is_reading => {
                    if read? == 0 {
                        return Ok(());
                    }
                    if let Next::End = self.read_frames().await? {
                        return Ok(());
                    }
                }
                Some(command) = self.commands.recv() => self.obey(command),
                () = tokio::time::sleep_until(wake.into()) => self.ping_if_due(),
            }
        }
    }

    fn ping_if_due(&mut self) {
        let now = Instant::now();
        if now >= self.next_ping {
            self.next_ping = now + self.recorder.shared.script.ping_every;
            write_ping(
                &mut self.socket.output,
                None,
                &entropy().unwrap_or_default()[..4],
            );
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Send(event) => self.engine.emit(*event),
            Command::SendText(text) => write_text(&mut self.socket.output, None, &text),
            Command::Respond(reply) => self.engine.respond_with(Instant::now(), &reply),
            Command::Close(close_code, reason) => self.engine.close(close_code, &reason),
            Command::Drop => self.engine.drop_socket(),
            Command::StopReading => self.socket.is_reading = false,
        }
    }

    async fn read_frames(&mut self) -> io::Result<Next> {
        loop {
            let message = match self.socket.decoder.decode(&mut self.socket.input) {
                Ok(Some(message)) => message,
                Ok(None) => return Ok(Next::Continue),
                Err(error) => {
                    write_close(&mut self.socket.output, None, error.close_code(), "");
                    self.write_all().await?;
                    return Ok(Next::End);
                }
            };
            match message {
                Message::Text(text) => self.engine.handle_text(Instant::now(), text.as_str()),
                Message::Binary(_) => self.engine.handle_binary(),
                Message::Ping(payload) => write_pong(&mut self.socket.output, None, &payload),
                Message::Pong(_) => self.recorder.received(ReceivedKind::Ponged),
                Message::Close { code, .. } => {
                    self.recorder.received(ReceivedKind::Closed { code });
                    write_close(&mut self.socket.output, None, code.unwrap_or(1000), "");
                    self.write_all().await?;
                    return Ok(Next::End);
                }
            }
        }
    }

    async fn flush(&mut self) -> io::Result<Next> {
        while let Some(output) = self.engine.poll() {
            match output {
                Output::Text(text) => write_text(&mut self.socket.output, None, &text),
                Output::StopReading => self.socket.is_reading = false,
                Output::Drop => {
                    self.write_all().await?;
                    return Ok(Next::End);
                }
                Output::Close(close_code, reason) => {
                    write_close(&mut self.socket.output, None, close_code, &reason);
                    self.write_all().await?;
                    self.await_close().await;
                    return Ok(Next::End);
                }
            }
        }
        self.write_all().await?;
        Ok(Next::Continue)
    }

    async fn write_all(&mut self) -> io::Result<()> {
        let output = self.socket.output.split();
        self.socket.stream.write_all(&output).await
    }

    /// Reads until the client answers, so that its frames are not met with a reset.
    async fn await_close(&mut self) {
        let closed = async {
            loop {
                match self.socket.decoder.decode(&mut self.socket.input) {
                    Ok(Some(Message::Close { code, .. })) => {
                        self.recorder.received(ReceivedKind::Closed { code });
                        return;
                    }
                    Ok(Some(_)) => {}
                    Ok(None) => match self.socket.stream.read_buf(&mut self.socket.input).await {
                        Ok(0) | Err(_) => return,
                        Ok(_) => {}
                    },
                    Err(_) => return,
                }
            }
        };
        let _ = tokio::time::timeout(CLOSE_WAIT, closed).await;
    }
}
