//! Clients of `/v1/realtime` by hand, for tests of who is let in.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part of it"
)]

use std::time::Duration;

use serde_json::{Value, json};
use switchboard_sim::socket::Socket;
use switchboard_wire::websocket::Message;

use super::support::{BOUND, TestServer, shape};

/// A client and what it reads.
pub struct Talker {
    pub socket: Socket,
}

impl Talker {
    /// Opens the socket with these headers; the server always answers 101.
    pub async fn open(server: &TestServer, query: &str, headers: &[(&str, &str)]) -> Self {
        let url = format!(
            "{}/v1/realtime{query}",
            server.base.replacen("http", "ws", 1)
        );
        let socket = Socket::connect(&url, headers).await.expect("an upgrade");
        Self { socket }
    }

    /// The same with a bearer credential.
    pub async fn with(server: &TestServer, query: &str, credential: &str) -> Self {
        let bearer = format!("Bearer {credential}");
        Self::open(server, query, &[("Authorization", &bearer)]).await
    }

    pub async fn send(&mut self, event: Value) {
        self.socket
            .send_text(&event.to_string())
            .await
            .expect("open");
    }

    /// The next event or close.
    pub async fn next(&mut self) -> Heard {
        let message = tokio::time::timeout(BOUND, self.socket.next())
            .await
            .expect("in time");
        match message.expect("no broken socket") {
            Some(Message::Text(text)) => {
                Heard::Event(serde_json::from_slice(text.as_bytes()).expect("JSON"))
            }
            Some(Message::Close { code, .. }) => Heard::Closed(code),
            Some(_) => Heard::Other,
            None => Heard::Closed(None),
        }
    }

    /// The next event of this type; a close on the way fails.
    pub async fn until(&mut self, kind: &str) -> Value {
        loop {
            match self.next().await {
                Heard::Event(event) if event["type"] == kind => return event,
                Heard::Closed(code) => panic!("closed with {code:?} before {kind}"),
                _ => {}
            }
        }
    }

    /// The code of the error and of the close that follows it.
    pub async fn refusal(&mut self) -> (String, Option<u16>) {
        let mut code = String::new();
        loop {
            match self.next().await {
                Heard::Event(event) => {
                    code = event["error"]["code"]
                        .as_str()
                        .unwrap_or_default()
                        .to_owned();
                }
                Heard::Closed(close) => return (code, close),
                Heard::Other => {}
            }
        }
    }

    /// Hangs up politely.
    pub async fn leave(mut self) {
        let _ = self.socket.close(1000, "").await;
        let _ = tokio::time::timeout(Duration::from_secs(2), self.socket.next()).await;
    }
}

pub enum Heard {
    Event(Value),
    Closed(Option<u16>),
    Other,
}

/// One POST with a credential: status and body.
pub async fn post(
    server: &TestServer,
    path: &str,
    credential: Option<&str>,
    body: &Value,
) -> (u16, Value) {
    let mut request = reqwest::Client::new()
        .post(format!("{}{path}", server.base))
        .json(body);
    if let Some(credential) = credential {
        request = request.bearer_auth(credential);
    }
    let answer = request.send().await.expect("answers");
    let status = answer.status().as_u16();
    let answer = answer.json().await.unwrap_or_default();
    shape::hold("POST", path, status, &answer);
    (status, answer)
}

/// A key of this tenant.
pub async fn key_of(server: &TestServer, tenant: &str) -> String {
    let created = server.rows(tenant).await.create_api_key("test").await;
    created.expect("a key").key.into_exposed()
}

/// A token of the vendor's route for this agent.
pub async fn token(server: &TestServer, key: &str, agent: &str) -> Value {
    let body = json!({"session": {"type": "realtime", "model": agent}});
    let (status, answer) = post(server, "/v1/realtime/client_secrets", Some(key), &body).await;
    assert_eq!(status, 200, "{answer}");
    answer
}
