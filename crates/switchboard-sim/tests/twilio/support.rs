//! A small application for the fake carrier to call: documents by path, a handler for streams, a log of requests.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use switchboard_media::{g711, level, tone};
use switchboard_sim::socket::Socket;
use switchboard_sim::twilio::{
    CallHandle, CarrierEvent, FakeTwilio, FakeTwilioSettings, PlaceCall,
};
use switchboard_wire::twilio::Form;
use switchboard_wire::twilio::signature::{self, SignedBody, SignedRequest, SigningSecrets};
use switchboard_wire::websocket::Message;
use tokio::net::TcpListener;

/// Nothing here takes longer unless it hangs.
pub(crate) const BOUND: Duration = Duration::from_secs(10);

type StreamHandler = Box<dyn Fn(Stream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// A webhook as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Hook {
    pub(crate) path: String,
    pub(crate) form: Form,
    pub(crate) is_signed: bool,
}

pub(crate) struct App {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    token: String,
    address: SocketAddr,
    documents: Mutex<HashMap<String, String>>,
    hooks: Mutex<Vec<Hook>>,
    is_upgrade_signed: Mutex<Vec<bool>>,
    on_stream: StreamHandler,
}

impl App {
    /// Serves `inner` of a `<Response>` per path; unknown paths are 404.
    pub(crate) async fn start<F, R>(
        twilio: &FakeTwilio,
        documents: &[(&str, &str)],
        on_stream: F,
    ) -> Self
    where
        F: Fn(Stream) -> R + Send + Sync + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let fill = |inner: &str| {
            let inner = inner.replace("HOST", &address.to_string());
            format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response>{inner}</Response>")
        };
        let documents = documents
            .iter()
            .map(|(path, inner)| ((*path).to_owned(), fill(inner)));
        let shared = Arc::new(Shared {
            token: twilio.auth_token().to_owned(),
            address,
            documents: Mutex::new(documents.collect()),
            hooks: Mutex::default(),
            is_upgrade_signed: Mutex::default(),
            on_stream: Box::new(move |stream| Box::pin(on_stream(stream))),
        });
        tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn hooks(&self) -> Vec<Hook> {
        self.shared.hooks.lock().expect("no holder panics").clone()
    }

    pub(crate) fn hooks_at(&self, path: &str) -> Vec<Hook> {
        let mut hooks = self.hooks();
        hooks.retain(|hook| hook.path == path);
        hooks
    }

    pub(crate) fn is_upgrade_signed(&self) -> Vec<bool> {
        self.shared
            .is_upgrade_signed
            .lock()
            .expect("no holder panics")
            .clone()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let mut first = [0; 3];
            let _ = stream.peek(&mut first).await;
            if &first == b"GET" {
                serve_stream(stream, &shared).await;
                return;
            }
            let service = service_fn(|request| serve_hook(&shared, request));
            let http = hyper::server::conn::http1::Builder::new();
            let _ = http.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

fn is_signed(shared: &Shared, url: &str, body: SignedBody<'_>, signature: Option<&str>) -> bool {
    let request = SignedRequest {
        url,
        body,
        signature: signature.unwrap_or_default(),
        settings: None,
    };
    let secrets = SigningSecrets {
        auth_tokens: &[&shared.token],
        shared_keys: &[],
    };
    signature::verify(&request, &secrets).is_ok()
}

async fn serve_hook(
    shared: &Shared,
    request: Request<hyper::body::Incoming>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let form = Form::parse(&body).expect("Twilio's forms are small");
    let target = head.uri.to_string();
    let signature = head.headers.get("x-twilio-signature");
    let signature = signature.and_then(|value| value.to_str().ok());
    let url = format!("http://{}{target}", shared.address);
    let path = head.uri.path().to_owned();
    shared.hooks.lock().expect("no holder panics").push(Hook {
        is_signed: is_signed(shared, &url, SignedBody::Form(&form), signature),
        path: path.clone(),
        form,
    });
    let documents = shared.documents.lock().expect("no holder panics");
    let (status, body) = match documents.get(&path) {
        Some(document) => (200, document.clone()),
        None => (404, String::new()),
    };
    let response = Response::builder()
        .status(status)
        .header("Content-Type", "text/xml");
    Ok(response
        .body(Full::new(Bytes::from(body)))
        .expect("a valid response"))
}

async fn serve_stream(stream: tokio::net::TcpStream, shared: &Shared) {
    let Ok(pending) = Socket::receive(stream).await else {
        return;
    };
    let url = format!("ws://{}{}", shared.address, pending.head.line.target);
    let signature = pending.head.header("x-twilio-signature");
    let is_signed = is_signed(shared, &url, SignedBody::Empty, signature);
    shared
        .is_upgrade_signed
        .lock()
        .expect("no holder panics")
        .push(is_signed);
    if pending.head.line.target.starts_with("/refuse") {
        let _ = pending.refuse(503, "{}").await;
        return;
    }
    if let Ok(socket) = pending.accept(&[]).await {
        (shared.on_stream)(Stream::new(socket)).await;
    }
}

/// The server's end of a media stream.
pub(crate) struct Stream {
    pub(crate) socket: Socket,
    pub(crate) stream_sid: String,
}

impl Stream {
    fn new(socket: Socket) -> Self {
        let stream_sid = String::new();
        Self { socket, stream_sid }
    }

    /// The next message; `None` when the stream is over.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        let message = tokio::time::timeout(BOUND, self.socket.next()).await;
        match message.expect("a message in time") {
            Ok(Some(Message::Text(text))) => {
                Some(serde_json::from_str(text.as_str()).expect("JSON"))
            }
            _ => None,
        }
    }

    /// The next message of that event, skipping others.
    pub(crate) async fn wait_for(&mut self, event: &str) -> Option<Value> {
        loop {
            let message = self.next().await?;
            if message["event"] == event {
                return Some(message);
            }
        }
    }

    pub(crate) async fn start(&mut self) -> Value {
        let connected = self.next().await.expect("connected");
        assert_eq!(connected["event"], "connected");
        let start = self.next().await.expect("start");
        assert_eq!(start["event"], "start");
        self.stream_sid = start["streamSid"].as_str().expect("a stream").to_owned();
        start
    }

    pub(crate) async fn send(&mut self, mut message: Value) {
        message["streamSid"] = self.stream_sid.clone().into();
        self.socket
            .send_text(&message.to_string())
            .await
            .expect("the carrier reads");
    }

    /// A tone for the caller.
    pub(crate) async fn send_tone(&mut self, ms: u64) {
        let payload = STANDARD.encode(ulaw_tone(ms));
        self.send(serde_json::json!({"event": "media", "media": {"payload": payload}}))
            .await;
    }

    pub(crate) async fn send_mark(&mut self, name: &str) {
        self.send(serde_json::json!({"event": "mark", "mark": {"name": name}}))
            .await;
    }

    pub(crate) async fn close(mut self) {
        let _ = self.socket.close(1000, "").await;
        let _ = self.socket.next().await;
    }

    /// Reads to the end and returns the names of the events.
    pub(crate) async fn drain(mut self) -> Vec<String> {
        let mut events = Vec::new();
        while let Some(message) = self.next().await {
            events.push(message["event"].as_str().unwrap_or_default().to_owned());
        }
        events
    }
}

pub(crate) fn ulaw_tone(ms: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    g711::encode_ulaw(&tone::sine(8_000, 1_000.0, ms, 0.4), &mut bytes);
    bytes
}

/// Whether each 20 ms of the ear is sound, as the bounds of its stretches in milliseconds.
pub(crate) fn stretches_of_sound(ear: &[u8]) -> Vec<(u64, u64)> {
    let mut stretches: Vec<(u64, u64)> = Vec::new();
    for (step, frame) in ear.chunks(160).enumerate() {
        let at_ms = step as u64 * 20;
        if level::level_dbfs_ulaw(frame) < -48.0 {
            continue;
        }
        match stretches.last_mut() {
            Some((_, end)) if *end == at_ms => *end += 20,
            _ => stretches.push((at_ms, at_ms + 20)),
        }
    }
    stretches
}

pub(crate) async fn twilio() -> FakeTwilio {
    FakeTwilio::start(FakeTwilioSettings::default())
        .await
        .expect("a free port")
}

/// The call to `/voice` of an application, waited for to its end.
pub(crate) async fn run(twilio: &FakeTwilio, place: PlaceCall) -> CallHandle {
    let call = twilio.place_call(place);
    call.wait_for_end(BOUND).await.expect("the call ends");
    call
}

pub(crate) fn warnings(call: &CallHandle) -> Vec<u32> {
    let code = |event: &CarrierEvent| match event {
        CarrierEvent::Warning { code, .. } => Some(*code),
        _ => None,
    };
    call.events()
        .iter()
        .filter_map(|timed| code(&timed.event))
        .collect()
}

/// A REST request with this account's credentials: status and JSON.
pub(crate) async fn rest(twilio: &FakeTwilio, path: &str, form: &[(&str, &str)]) -> (u16, Value) {
    let url = format!(
        "{}/2010-04-01/Accounts/{}/{path}",
        twilio.base_url(),
        twilio.account_sid()
    );
    let form: Form = form.iter().copied().collect();
    let response = reqwest::Client::new()
        .post(url)
        .basic_auth(twilio.account_sid(), Some(twilio.auth_token()))
        .header("Content-Type", "application/x-www-form-urlencoded")
        .body(form.encode())
        .send()
        .await
        .expect("the fake answers");
    let status = response.status().as_u16();
    let body = response.bytes().await.expect("a body");
    (status, serde_json::from_slice(&body).expect("JSON"))
}
