//! Requests and streams of a carrier made by hand, so that a test can lie where the fake carrier is honest.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part of it"
)]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use switchboard_sim::socket::{Socket, SocketError};
use switchboard_wire::twilio::signature::{SIGNATURE_HEADER, SignedBody, sign};
use switchboard_wire::twilio::{AccountSid, CallSid, Form, StreamSid};
use switchboard_wire::websocket::Message;

/// Longest wait for one answer.
const BOUND: Duration = Duration::from_secs(10);

/// A new text of 16 bytes, different in each test of a process.
fn entropy() -> [u8; 16] {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut bytes = [0x5a; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    bytes
}

pub fn call_sid() -> CallSid {
    CallSid::from_entropy(entropy())
}

pub fn account_sid() -> AccountSid {
    AccountSid::from_entropy(entropy())
}

/// One account's way to a server.
#[derive(Clone)]
pub struct Carrier {
    pub base: String,
    pub account_sid: AccountSid,
    pub auth_token: String,
    http: reqwest::Client,
}

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    /// The stream token in a document.
    pub fn token(&self) -> String {
        let (_, rest) = self.body.split_once("name=\"t\"").expect("a token");
        let (_, value) = rest.split_once("value=\"").expect("its value");
        value.split('"').next().expect("its end").to_owned()
    }

    pub fn has_stream(&self) -> bool {
        self.body.contains("<Stream")
    }

    pub fn has_dial(&self) -> bool {
        self.body.contains("<Dial")
    }

    /// A document without a verb.
    pub fn is_empty_document(&self) -> bool {
        let has_verb = ["<Say", "<Dial", "<Connect", "<Hangup", "<Record"];
        self.status == 200 && !has_verb.iter().any(|verb| self.body.contains(verb))
    }
}

impl Carrier {
    pub fn new(base: &str, account_sid: &AccountSid, auth_token: &str) -> Self {
        Self {
            base: base.to_owned(),
            account_sid: account_sid.clone(),
            auth_token: auth_token.to_owned(),
            http: reqwest::Client::builder()
                .no_proxy()
                .build()
                .expect("a client"),
        }
    }

    /// Another account at the same server.
    pub fn account(&self, account_sid: &AccountSid, auth_token: &str) -> Self {
        Self {
            account_sid: account_sid.clone(),
            auth_token: auth_token.to_owned(),
            ..self.clone()
        }
    }

    /// The form of an event of a call.
    pub fn form(&self, call: &CallSid, to: &str, status: &str) -> Form {
        Form::from_iter([
            ("CallSid", call.as_str()),
            ("AccountSid", self.account_sid.as_str()),
            ("From", "+12025550142"),
            ("To", to),
            ("Caller", "+12025550142"),
            ("Called", to),
            ("CallStatus", status),
            ("Direction", "inbound"),
            ("ApiVersion", "2010-04-01"),
        ])
    }

    /// Posts a form with the right signature of this account.
    pub async fn post(&self, path: &str, form: &Form) -> Answer {
        let url = format!("{}{path}", self.base);
        let signature = sign(&url, SignedBody::Form(form), &self.auth_token);
        self.post_signed(path, form, Some(&signature)).await
    }

    /// Posts a form with any signature or none.
    pub async fn post_signed(&self, path: &str, form: &Form, signature: Option<&str>) -> Answer {
        let mut request = self
            .http
            .post(format!("{}{path}", self.base))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form.encode());
        if let Some(signature) = signature {
            request = request.header(SIGNATURE_HEADER, signature);
        }
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        let body = response.text().await.expect("a body");
        Answer { status, body }
    }

    /// The voice webhook of a call.
    pub async fn voice(&self, call: &CallSid, to: &str) -> Answer {
        let form = self.form(call, to, "ringing");
        self.post("/twilio/voice", &form).await
    }

    /// A status webhook of a call.
    pub async fn status(&self, call: &CallSid, to: &str, status: &str, number: u32) -> Answer {
        let mut form = self.form(call, to, status);
        form.push("SequenceNumber", &number.to_string());
        form.push("CallbackSource", "call-progress-events");
        self.post("/twilio/status", &form).await
    }

    fn stream_url(&self) -> String {
        format!(
            "{}/twilio/stream",
            self.base.replacen("http://", "ws://", 1)
        )
    }

    /// Opens a stream's socket, signed by this account, and says nothing yet.
    pub async fn socket(&self) -> Result<Socket, SocketError> {
        let url = self.stream_url();
        let signature = sign(&url, SignedBody::Empty, &self.auth_token);
        Socket::connect(&url, &[(SIGNATURE_HEADER, &signature)]).await
    }

    /// Opens a socket with any signature or none.
    pub async fn socket_signed(&self, signature: Option<&str>) -> Result<Socket, SocketError> {
        let headers: Vec<_> = signature
            .map(|value| (SIGNATURE_HEADER, value))
            .into_iter()
            .collect();
        Socket::connect(&self.stream_url(), &headers).await
    }

    /// Opens a stream properly: `connected`, then `start` with this token.
    pub async fn stream(&self, call: &CallSid, token: Option<&str>) -> Stream {
        let socket = self.socket().await.expect("an upgrade");
        self.start(socket, call, token).await
    }

    /// Says `connected` and `start` on an open socket.
    pub async fn start(&self, socket: Socket, call: &CallSid, token: Option<&str>) -> Stream {
        let mut stream = Stream {
            socket,
            sid: StreamSid::from_entropy(entropy()),
            sequence: 0,
        };
        stream.send(CONNECTED).await;
        let start = self.start_message(&mut stream, call, token);
        stream.send(&start).await;
        stream
    }

    /// The `start` message of a stream.
    pub fn start_message(
        &self,
        stream: &mut Stream,
        call: &CallSid,
        token: Option<&str>,
    ) -> String {
        let parameters = match token {
            Some(token) => serde_json::json!({ "t": token }),
            None => serde_json::json!({}),
        };
        stream.sequence += 1;
        serde_json::json!({
            "event": "start",
            "sequenceNumber": stream.sequence.to_string(),
            "start": {
                "accountSid": self.account_sid.as_str(),
                "streamSid": stream.sid.as_str(),
                "callSid": call.as_str(),
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
                "customParameters": parameters,
            },
            "streamSid": stream.sid.as_str(),
        })
        .to_string()
    }
}

pub const CONNECTED: &str = r#"{"event":"connected","protocol":"Call","version":"1.0.0"}"#;

/// The carrier's end of a media stream.
pub struct Stream {
    pub socket: Socket,
    pub sid: StreamSid,
    pub sequence: u64,
}

impl Stream {
    pub async fn send(&mut self, text: &str) {
        // A server that has closed already is seen by the reader.
        let _ = self.socket.send_text(text).await;
    }

    /// A proper media message with this payload.
    pub fn media(&mut self, payload: &str) -> String {
        self.sequence += 1;
        let (sequence, sid) = (self.sequence, &self.sid);
        format!(
            r#"{{"event":"media","sequenceNumber":"{sequence}","media":{{"track":"inbound","chunk":"{sequence}","timestamp":"0","payload":"{payload}"}},"streamSid":"{sid}"}}"#
        )
    }

    /// A message of the server's, or None when it closed.
    pub async fn next_text(&mut self) -> Option<String> {
        let next = tokio::time::timeout(BOUND, self.socket.next()).await;
        match next.expect("a message or a close in time") {
            Ok(Some(Message::Text(text))) => Some(text.as_str().to_owned()),
            _ => None,
        }
    }

    /// Waits until the server closes, reading on. The close code, or None for a connection that just ended.
    pub async fn closed(&mut self) -> Option<u16> {
        let closing = async {
            loop {
                match self.socket.next().await {
                    Ok(Some(Message::Close { code, .. })) => return code,
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => return None,
                }
            }
        };
        let closed = tokio::time::timeout(BOUND, closing).await;
        closed.expect("the server closes in time")
    }
}
