//! A client of `/v1/realtime` that loses its connection comes back to its call, and nobody else does (threat S9).

#[path = "support/sessions.rs"]
mod sessions;
mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sessions::{Heard, Talker, key_of};
use support::{TestServer, carrier, model};
use switchboard_sim::realtime::{RealtimeScript, Reply};

const QUERY: &str = "?model=medspa&switchboard_events=1";
/// Audio of the reply, and its bytes at 24 kHz.
const REPLY_MS: u64 = 3_000;
const REPLY_BYTES: usize = 3_000 * 48;

async fn served(grace_s: u64) -> (TestServer, String, impl Sized) {
    let script = RealtimeScript::default().otherwise(Reply::ladder(REPLY_MS));
    let (twilio, model) = (carrier().await, model(script).await);
    let server = TestServer::start(&twilio, Some(&model), |settings| {
        settings.sessions.grace_s = grace_s;
    })
    .await;
    let key = key_of(&server, "medspa").await;
    (server, key, (twilio, model))
}

/// What a client has of one reply.
#[derive(Default)]
struct Listener {
    audio: Vec<u8>,
    last_event: String,
    is_done: bool,
}

impl Listener {
    /// Reads until so much audio is there, or the response has ended.
    async fn listen(&mut self, talker: &mut Talker, bytes: usize) {
        while self.audio.len() < bytes && !self.is_done {
            let Heard::Event(event) = talker.next().await else {
                panic!("the connection ended");
            };
            event["event_id"]
                .as_str()
                .expect("an id")
                .clone_into(&mut self.last_event);
            match event["type"].as_str() {
                Some("response.output_audio.delta") => {
                    let audio = STANDARD.decode(event["delta"].as_str().expect("audio"));
                    self.audio.extend(audio.expect("base64"));
                }
                Some("response.done") => {
                    assert_eq!(event["response"]["status"], "completed", "{event}");
                    self.is_done = true;
                }
                _ => {}
            }
        }
    }
}

async fn begin(server: &TestServer, key: &str) -> (Talker, String, Value) {
    let mut talker = Talker::with(server, QUERY, key).await;
    talker.until("session.created").await;
    let told = talker.until("switchboard.session").await;
    let token = told["resume_token"].as_str().expect("a token").to_owned();
    (talker, token, told)
}

async fn come_back(server: &TestServer, key: &str, token: &str, after: Option<&str>) -> Talker {
    let bearer = format!("Bearer {key}");
    let mut headers = vec![
        ("Authorization", bearer.as_str()),
        ("Switchboard-Resume", token),
    ];
    headers.extend(after.map(|after| ("Switchboard-After", after)));
    Talker::open(server, "?switchboard_events=1", &headers).await
}

#[tokio::test(flavor = "multi_thread")]
async fn s9_a_client_that_comes_back_hears_the_reply_to_its_end_in_the_same_call() {
    let (server, key, _fakes) = served(60).await;
    let (mut talker, token, told) = begin(&server, &key).await;
    assert_eq!(told["grace_s"], 60);
    talker.send(json!({"type": "response.create"})).await;
    let mut listener = Listener::default();
    listener.listen(&mut talker, 20_000).await;
    talker.socket.reset();

    let mut talker = come_back(&server, &key, &token, Some(&listener.last_event)).await;
    let resumed = talker.until("switchboard.resumed").await;
    assert_eq!(
        (&resumed["complete"], &resumed["call_id"]),
        (&json!(true), &told["call_id"])
    );
    let next_token = resumed["resume_token"]
        .as_str()
        .expect("a token")
        .to_owned();
    assert_ne!(next_token, token);
    listener.listen(&mut talker, usize::MAX).await;
    assert_eq!(listener.audio.len(), REPLY_BYTES, "every sample came once");

    // The first token is used up, and the second is worth nothing to another key of the same tenant.
    let refused = ("invalid_resume_token".to_owned(), Some(4401));
    assert_eq!(
        come_back(&server, &key, &token, None).await.refusal().await,
        refused
    );
    let other = key_of(&server, "medspa").await;
    assert_eq!(
        come_back(&server, &other, &next_token, None)
            .await
            .refusal()
            .await,
        refused
    );
    talker
        .send(json!({"type": "session.update", "session": {"type": "realtime"}}))
        .await;
    talker.until("session.updated").await;
    talker.leave().await;
    server.idle().await;
    let calls = server.calls("medspa").await;
    assert_eq!(calls.len(), 1);
    assert_eq!(json!(calls[0].id), told["call_id"]);
    assert_eq!(
        come_back(&server, &key, &next_token, None)
            .await
            .refusal()
            .await,
        refused
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn s9_the_one_who_comes_back_takes_the_place_of_a_connection_that_seems_open() {
    let (server, key, _fakes) = served(60).await;
    let (mut first, token, _) = begin(&server, &key).await;
    let mut second = come_back(&server, &key, &token, None).await;
    second.until("switchboard.resumed").await;
    let closed = loop {
        if let Heard::Closed(code) = first.next().await {
            break code;
        }
    };
    assert_eq!(closed, Some(1000));
    second.send(json!({"type": "response.create"})).await;
    let mut listener = Listener::default();
    listener.listen(&mut second, usize::MAX).await;
    assert_eq!(listener.audio.len(), REPLY_BYTES);
    second.leave().await;
    server.idle().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_come_back_ends_its_call() {
    let (server, key, _fakes) = served(1).await;
    let (mut talker, token, _) = begin(&server, &key).await;
    talker.send(json!({"type": "response.create"})).await;
    Listener::default().listen(&mut talker, 20_000).await;
    talker.socket.reset();
    server.idle().await;
    let calls = server.calls("medspa").await;
    let reason = calls[0].end_reason.as_ref().map(ToString::to_string);
    assert_eq!(reason.as_deref(), Some("leg_lost"));
    let refused = come_back(&server, &key, &token, None).await.refusal().await;
    assert_eq!(refused, ("invalid_resume_token".to_owned(), Some(4401)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_used_ephemeral_token_comes_back_to_its_own_call_and_starts_nothing() {
    let (server, key, _fakes) = served(60).await;
    let answer = sessions::token(&server, &key, "medspa").await;
    let secret = answer["value"].as_str().expect("a token");
    let (talker, token, told) = begin(&server, secret).await;
    assert_eq!(told["session_id"], answer["session"]["id"]);
    talker.socket.reset();
    let mut talker = come_back(&server, secret, &token, None).await;
    let resumed = talker.until("switchboard.resumed").await;
    assert_eq!(resumed["call_id"], told["call_id"]);
    talker
        .send(json!({"type": "session.update", "session": {"type": "realtime"}}))
        .await;
    talker.until("session.updated").await;
    talker.leave().await;
    server.idle().await;
}
