//! What an agent takes down stands in the mail and in the webhook, apart from the words.

#[path = "support/after.rs"]
mod after;
mod support;

use std::sync::{Arc, Mutex, PoisonError};

use after::{at, call, consent, done, job_in, mail_by, text_of, until, want_mail_at};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use serde_json::Value;
use support::{BOUND, TestServer, carrier};
use switchboard::ops::seal::SealingKey;
use switchboard::outbound::Outbound;
use switchboard_sim::smtp::FakeSmtp;
use switchboard_store::{
    CallEnd, CallId, ConsentAnswer, EndClass, JournalWrite, ListFilter, MailState, Private,
    RecordingId, RecordingStatus, RecordingWrite, Speaker, TenantStore, TurnWrite, Word,
};

const TENANT: &str = "trades";

async fn set_up() -> (FakeSmtp, TestServer, TenantStore) {
    let smtp = FakeSmtp::start().await.expect("a mail server");
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |settings| {
        mail_by(settings, &smtp);
        settings.outbound.allow_networks = vec!["127.0.0.1".parse().expect("a block")];
    })
    .await;
    let rows = server.rows(TENANT).await;
    want_mail_at(&rows, after::DESK).await;
    (smtp, server, rows)
}

fn said(call_id: CallId) -> JournalWrite {
    JournalWrite::Turn(TurnWrite {
        call_id,
        seq: 1,
        speaker: Speaker::Caller,
        generated_text: Some("It drips from the ceiling".into()),
        sent_text: None,
        heard_text: None,
        language: Some("en".to_owned()),
        confidence: None,
        interrupted: false,
        response_ms: None,
        heard_ms: None,
        started_at: at(3),
        ended_at: None,
    })
}

fn recorded(call_id: CallId, status: RecordingStatus) -> JournalWrite {
    JournalWrite::Recording(RecordingWrite {
        id: RecordingId::new(),
        call_id,
        source: Word::new("tap"),
        layout: Word::new("caller_left_agent_right"),
        status,
        started_at: at(1),
        offset_ms: 0,
        length_ms: Some(70_000),
        dropped_ms: None,
        bytes: Some(9),
        checksum: None,
        object_key: "t/recordings/1".to_owned(),
        retained_until: None,
        erased_at: None,
    })
}

/// A call in which these things were taken down.
async fn hold_call(
    server: &TestServer,
    rows: &TenantStore,
    writes: impl FnOnce(CallId) -> Vec<JournalWrite>,
) -> CallId {
    let id = CallId::new();
    let offered = JournalWrite::CallOffered(call(id, TENANT));
    rows.apply(&[offered]).await.expect("stored");
    let fields = [
        (Word::new("name"), Private::from("Ama Osei")),
        (Word::new("job"), Private::from("Water <b>leaks</b>")),
        (Word::new("urgency"), Private::from("this_week")),
    ];
    rows.capture_fields(id, &fields).await.expect("stored");
    let mut writes = writes(id);
    writes.push(JournalWrite::CallEnded(CallEnd {
        call_id: id,
        reason: Word::new("agent_ended"),
        class: EndClass::Success,
        at: at(75),
    }));
    rows.apply(&writes).await.expect("stored");
    server.reception.jobs.ring();
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mail_shows_what_was_taken_down_and_where_the_recording_is() {
    let (smtp, server, rows) = set_up().await;
    let id = hold_call(&server, &rows, |id| {
        let agreed = JournalWrite::Consent(consent(id, ConsentAnswer::Implied));
        vec![agreed, said(id), recorded(id, RecordingStatus::Stored)]
    })
    .await;
    let mails = smtp.wait_for_mails(1, BOUND).await.expect("a mail");
    let text = text_of(&mails[0]);
    for part in [
        "Name: Ama Osei",
        "Job: Water <b>leaks</b>",
        "Urgency: this week",
        "It drips from the ceiling",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(
        text.contains("Water &lt;b&gt;leaks&lt;/b&gt;"),
        "h8: {text}"
    );
    assert!(
        text.contains(&format!("/api/v1/calls/{id}/recording")),
        "{text}"
    );
    server.stop().await;
}

/// D1: who did not agree is not quoted; what they told the agent to note is for the people who call back.
#[tokio::test(flavor = "multi_thread")]
async fn d1_without_an_agreement_the_mail_holds_what_was_taken_down_and_no_word_more() {
    let (smtp, server, rows) = set_up().await;
    hold_call(&server, &rows, |id| {
        let refused = JournalWrite::Consent(consent(id, ConsentAnswer::Refused));
        vec![refused, said(id), recorded(id, RecordingStatus::Erased)]
    })
    .await;
    let mails = smtp.wait_for_mails(1, BOUND).await.expect("a mail");
    let text = text_of(&mails[0]);
    assert!(
        text.contains("Ama Osei") && text.contains("did not agree"),
        "{text}"
    );
    assert!(
        !text.contains("drips") && !text.contains("/recording"),
        "{text}"
    );
    after::mail_in(&rows, MailState::Sent).await;
    server.stop().await;
}

type Told = Arc<Mutex<Vec<Value>>>;

async fn receiver() -> (String, Told) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
    let listener = listener.expect("a port");
    let address = listener.local_addr().expect("bound");
    let told = Told::default();
    let take = async |State(told): State<Told>, body: Bytes| {
        let body = serde_json::from_slice(&body).expect("JSON");
        told.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(body);
    };
    let routes = Router::new().fallback(take).with_state(Arc::clone(&told));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (format!("http://{address}/hook"), told)
}

/// D4: it is read when it is told, so nothing of it is kept with the delivery and nothing erased is told later.
#[tokio::test(flavor = "multi_thread")]
async fn d4_the_webhook_tells_what_was_taken_down_and_a_replay_after_a_withdrawal_does_not() {
    let (_smtp, server, rows) = set_up().await;
    let (url, told) = receiver().await;
    let settings = &server.reception.settings;
    let key = std::path::Path::new(&settings.database.sealing_key_file);
    let key = SealingKey::load_or_create(key).expect("the key");
    let outbound = Outbound::new(&settings.outbound).expect("a client");
    let events = ["call.ended".to_owned()];
    let added = switchboard::webhooks::add(&rows, &key, &outbound, &url, &events).await;
    added.expect("added");
    let id = hold_call(&server, &rows, |_| Vec::new()).await;
    job_in(&rows, "webhook.deliver", done).await;
    let heard = || told.lock().unwrap_or_else(PoisonError::into_inner).clone();
    assert_eq!(heard()[0]["data"]["captured"]["name"], "Ama Osei");
    let deliveries = rows.list_webhook_deliveries(&ListFilter::default()).await;
    let delivery = deliveries.expect("answers").remove(0);
    assert!(
        !delivery.payload.to_string().contains("Osei"),
        "not kept with it"
    );
    rows.forget_call_words(id).await.expect("stored");
    assert!(rows.replay_webhook(delivery.id).await.expect("stored"));
    server.reception.jobs.ring();
    until(async || (heard().len() == 2).then_some(())).await;
    assert_eq!(heard()[1]["data"].get("captured"), None);
    assert_eq!(heard()[1]["data"]["call_id"], id.to_string());
    server.stop().await;
}
