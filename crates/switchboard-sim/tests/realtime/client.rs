//! A plain client for the tests: it sends what it is told and checks nothing.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::BytesMut;
use serde_json::{Value, json};
use switchboard_sim::realtime::{RealtimeScript, RealtimeServer};
use switchboard_wire::openai::{ServerEvent, ServerMessage, parse_server_event};
use switchboard_wire::websocket::{
    Decoder, Limits, Message, Role, check_upgrade_response, key_from_nonce, parse_response_head,
    write_close, write_text, write_upgrade_request,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Longest wait for anything; only a failing test waits this long.
pub(crate) const BOUND: Duration = Duration::from_secs(10);
const MASK: [u8; 4] = [1, 2, 3, 4];

pub(crate) struct Client {
    stream: TcpStream,
    input: BytesMut,
    decoder: Decoder,
    /// The subprotocol the server chose.
    pub(crate) subprotocol: Option<String>,
}

/// What comes over the socket.
#[derive(Debug)]
pub(crate) enum Frame {
    Event(Box<ServerMessage>),
    /// Text that is no event.
    Text(String),
    Ping,
    Closed(Option<u16>, String),
    /// The socket ended without a close frame.
    Gone,
}

pub(crate) async fn start(script: RealtimeScript) -> RealtimeServer {
    RealtimeServer::start(script)
        .await
        .expect("loopback has ports")
}

/// Sends an upgrade request and answers with its status, or `None` if the socket was cut.
pub(crate) async fn upgrade(
    server: &RealtimeServer,
    target: &str,
    headers: &[(&str, &str)],
) -> Result<Client, Option<u16>> {
    let mut stream = TcpStream::connect(server.address())
        .await
        .expect("the server listens");
    let key = key_from_nonce([7; 16]);
    let mut output = BytesMut::new();
    write_upgrade_request(&mut output, "localhost", target, &key, headers).expect("plain headers");
    stream.write_all(&output).await.expect("the server reads");
    let mut input = BytesMut::new();
    let head = loop {
        if let Some(head) = parse_response_head(&input).expect("HTTP") {
            break head;
        }
        if stream.read_buf(&mut input).await.unwrap_or(0) == 0 {
            return Err(None);
        }
    };
    let _ = input.split_to(head.head_bytes);
    if head.line.status != 101 {
        return Err(Some(head.line.status));
    }
    let subprotocol = check_upgrade_response(&head, &key, &["realtime"]).expect("a valid 101");
    let limits = Limits {
        message_bytes_max: 16 << 20,
        fragments_max: 16,
    };
    Ok(Client {
        stream,
        input,
        decoder: Decoder::new(Role::Client, limits),
        subprotocol,
    })
}

impl Client {
    /// Connects with a key and a model, and reads `session.created`.
    pub(crate) async fn connect(server: &RealtimeServer) -> Self {
        let mut client = Self::connect_unread(server).await;
        client.until("session.created").await;
        client
    }

    pub(crate) async fn connect_unread(server: &RealtimeServer) -> Self {
        let headers = [("Authorization", "Bearer sk-test")];
        upgrade(server, "/v1/realtime?model=gpt-test", &headers)
            .await
            .unwrap_or_else(|_| panic!("admitted"))
    }

    /// Connects and configures the session; events up to `session.updated` are read.
    pub(crate) async fn configured(server: &RealtimeServer, session: Value) -> Self {
        let mut client = Self::connect(server).await;
        client
            .send(json!({"type": "session.update", "session": session}))
            .await;
        client.until("session.updated").await;
        client
    }

    pub(crate) async fn send(&mut self, event: Value) {
        self.send_text(&event.to_string()).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        let mut output = BytesMut::new();
        write_text(&mut output, Some(MASK), text);
        self.stream
            .write_all(&output)
            .await
            .expect("the server reads");
    }

    pub(crate) async fn append(&mut self, audio: &[u8]) {
        for chunk in audio.chunks(4_800) {
            self.send(
                json!({"type": "input_audio_buffer.append", "audio": STANDARD.encode(chunk)}),
            )
            .await;
        }
    }

    pub(crate) async fn close(&mut self) {
        let mut output = BytesMut::new();
        write_close(&mut output, Some(MASK), 1000, "");
        self.stream
            .write_all(&output)
            .await
            .expect("the server reads");
    }

    pub(crate) async fn frame(&mut self) -> Frame {
        tokio::time::timeout(BOUND, self.read_frame())
            .await
            .expect("the server says something")
    }

    async fn read_frame(&mut self) -> Frame {
        loop {
            match self
                .decoder
                .decode(&mut self.input)
                .expect("the server keeps RFC 6455")
            {
                Some(Message::Text(text)) => return frame_of(text.as_str()),
                Some(Message::Ping(_)) => return Frame::Ping,
                Some(Message::Close { code, reason }) => {
                    return Frame::Closed(code, reason.as_str().to_owned());
                }
                Some(_) => {}
                None if self.stream.read_buf(&mut self.input).await.unwrap_or(0) == 0 => {
                    return Frame::Gone;
                }
                None => {}
            }
        }
    }

    /// The next event; pings are passed over.
    pub(crate) async fn next(&mut self) -> ServerMessage {
        loop {
            match self.frame().await {
                Frame::Event(message) => return *message,
                Frame::Ping => {}
                other => panic!("no event but {other:?}"),
            }
        }
    }

    /// All events up to and including the next of a type.
    pub(crate) async fn until(&mut self, kind: &str) -> Vec<ServerMessage> {
        let mut events = Vec::new();
        loop {
            let message = self.next().await;
            let is_last = kind_of(&message) == kind;
            events.push(message);
            if is_last {
                return events;
            }
            assert!(events.len() < 2_000, "{kind} never comes");
        }
    }

    /// Sends an event that must be refused; answers with `(code, param)`.
    pub(crate) async fn refused(&mut self, event: Value) -> (String, Option<String>) {
        self.send(event).await;
        let events = self.until("error").await;
        let ServerEvent::Error { error } = &events.last().expect("an error").event else {
            panic!("an error")
        };
        (error.code.clone().unwrap_or_default(), error.param.clone())
    }
}

fn frame_of(text: &str) -> Frame {
    match parse_server_event(text.as_bytes()) {
        Ok(message) => Frame::Event(Box::new(message)),
        Err(_) => Frame::Text(text.to_owned()),
    }
}

pub(crate) fn kind_of(message: &ServerMessage) -> String {
    let value = serde_json::to_value(message).expect("writes");
    value["type"].as_str().expect("typed").to_owned()
}

/// Types of the events, repeats of deltas folded into one.
pub(crate) fn kinds(events: &[ServerMessage]) -> Vec<String> {
    let mut kinds: Vec<String> = events.iter().map(kind_of).collect();
    kinds.dedup();
    kinds
}

/// Decoded audio of the deltas among events.
pub(crate) fn audio_of(events: &[ServerMessage]) -> Vec<u8> {
    let deltas = events.iter().filter_map(|message| match &message.event {
        ServerEvent::OutputAudioDelta(part) => Some(&part.delta),
        _ => None,
    });
    deltas
        .flat_map(|delta| STANDARD.decode(delta).expect("base64"))
        .collect()
}
