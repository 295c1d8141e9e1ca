//! The port as a stranger meets it: raw sockets against a real server.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::response::IntoResponse;
use axum::routing::{any, get, post};
use http::{StatusCode, header};
use serde_json::Value;
use switchboard_store::{ApiKeyId, TenantId};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::server::OpenConnections;
use super::*;
use crate::config::{HttpSettings, Settings};
use crate::ops::health::{Component, ComponentState, Health};

mod answers;
mod drain;
mod limits;

/// Long enough for anything that is to happen on a busy machine; reaching it fails the test.
const PATIENCE: Duration = Duration::from_secs(20);

const GOOD_KEY: &str = "sk_sb_0123456789abcdef0123456789abcdef";
const KEY_DURING_OUTAGE: &str = "sk_sb_outage6789abcdef0123456789abcdef";

/// Knows one key, and one that cannot be checked.
struct OneKey(TenantId);

impl KeyVerifier for OneKey {
    fn verify<'a>(&'a self, key: &'a ApiKey) -> Verification<'a> {
        Box::pin(async {
            match key.expose() {
                GOOD_KEY => Ok(Some(KeyIdentity {
                    tenant_id: self.0,
                    key_id: ApiKeyId::new(),
                    name: "test".to_owned(),
                })),
                KEY_DURING_OUTAGE => Err(VerifierUnavailable),
                _ => Ok(None),
            }
        })
    }
}

struct TestServer {
    address: SocketAddr,
    connections: OpenConnections,
    trigger: DrainTrigger,
    serving: JoinHandle<()>,
    health: Health,
}

impl TestServer {
    async fn start(adjust: impl FnOnce(&mut Settings), groups: RouteGroups) -> Self {
        let mut settings = Settings {
            http: quick(),
            ..Settings::default()
        };
        adjust(&mut settings);
        let health = Health::new();
        let verifier = Arc::new(OneKey(TenantId::new()));
        let metrics = crate::ops::metrics::install();
        let context = HttpContext::new(&settings, health.clone(), metrics, verifier);
        let server = Server::bind(&settings.http).await.expect("a free port");
        let address = server.local_address().expect("bound");
        let connections = server.open_connections();
        let (trigger, drain) = Drain::new();
        let serving = tokio::spawn(server.serve(router(groups, &context), drain));
        Self {
            address,
            connections,
            trigger,
            serving,
            health,
        }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("accepts")
    }

    /// Sends `head` (without its closing blank line) and `body` on a connection of its own; gives the whole answer.
    async fn ask(&self, head: &str, body: &str) -> Answer {
        let mut stream = self.connect().await;
        let text = format!("{head}\r\nhost: test\r\nconnection: close\r\n\r\n{body}");
        stream.write_all(text.as_bytes()).await.expect("sent");
        Answer::parse(&read_to_end(&mut stream).await)
    }

    async fn wait_for_connections(&self, count: usize) {
        let counted = async {
            while self.connections.count() != count {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, counted)
            .await
            .expect("the count is reached");
    }
}

/// Free port, and limits short enough to be waited for.
fn quick() -> HttpSettings {
    HttpSettings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        header_ms_max: 150,
        body_ms_max: 150,
        idle_ms_max: 400,
        ..HttpSettings::default()
    }
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|it| it.parse().ok())
            .unwrap_or(0);
        Self {
            status,
            head: head.to_lowercase(),
            body: body.to_owned(),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}: ")))
    }

    fn problem(&self) -> Value {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{}",
            self.head
        );
        serde_json::from_str(&self.body).expect("a document")
    }
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = timeout(PATIENCE, stream.read_to_end(&mut bytes))
        .await
        .expect("the server closes");
    // A reset after the answer is a way to close as well.
    let _ = read;
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Routes of each group that the tests need.
fn routes() -> RouteGroups {
    let limited = Router::new()
        .route("/hello", get(async || "hello"))
        .route("/echo", post(async |body: Bytes| body))
        .route("/panic", get(panics));
    let closed = Router::new()
        .route("/who", get(async |identity: KeyIdentity| identity.name))
        .route("/careless", get(async || "a route that forgot to ask"));
    let signed = Router::new().route("/signed", post(async || "taken"));
    RouteGroups {
        signed,
        limited: limited.merge(keyed(closed)),
    }
}

async fn panics() -> &'static str {
    panic!("a bug in one route")
}
