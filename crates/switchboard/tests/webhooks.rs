//! Outgoing webhooks against a receiver that answers as told.

mod support;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::Value;
use support::{BOUND, TestServer, carrier};
use switchboard::config::Secret;
use switchboard::ops::seal::SealingKey;
use switchboard::webhooks::{EVENTS, WebhookSecret, event, secret_context};
use switchboard_store::{
    CallEnd, CallId, Channel, Direction, EndClass, JobListing, JobState, JournalWrite, ListFilter,
    NewCall, NewWebhook, Private, TenantStore, WebhookDelivery, WebhookDeliveryState, WebhookId,
    WebhookState, Word,
};

const TENANT: &str = "trades";

/// What came to the receiver.
#[derive(Clone, Debug)]
struct Received {
    id: String,
    timestamp: i64,
    signatures: Vec<String>,
    body: Bytes,
}

#[derive(Default)]
struct Script {
    received: Vec<Received>,
    /// Statuses of the next answers; then 204.
    answers: VecDeque<u16>,
}

#[derive(Clone)]
struct Receiver {
    address: SocketAddr,
    script: Arc<Mutex<Script>>,
}

impl Receiver {
    async fn start(answers: &[u16]) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let receiver = Self {
            address: listener.local_addr().expect("bound"),
            script: Arc::default(),
        };
        receiver.with(|script| script.answers.extend(answers));
        let routes = Router::new().fallback(take).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        receiver
    }

    fn with<T>(&self, look: impl FnOnce(&mut Script) -> T) -> T {
        look(&mut self.script.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn received(&self) -> Vec<Received> {
        self.with(|script| script.received.clone())
    }
}

async fn take(
    State(receiver): State<Receiver>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap) {
    let text = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned()
    };
    let received = Received {
        id: text("webhook-id"),
        timestamp: text("webhook-timestamp").parse().unwrap_or_default(),
        signatures: text("webhook-signature")
            .split(' ')
            .map(ToOwned::to_owned)
            .collect(),
        body,
    };
    let status = receiver.with(|script| {
        script.received.push(received);
        script.answers.pop_front().unwrap_or(204)
    });
    let mut answer = HeaderMap::new();
    if status == 302 {
        answer.insert("location", HeaderValue::from_static("http://127.0.0.1:1/"));
    }
    (StatusCode::from_u16(status).expect("a status"), answer)
}

async fn server() -> (TestServer, TenantStore) {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |settings| {
        settings.outbound.allow_networks = vec!["127.0.0.1".parse().expect("a block")];
    })
    .await;
    let rows = server.rows(TENANT).await;
    (server, rows)
}

/// An endpoint at the receiver, with its secret.
async fn endpoint(
    server: &TestServer,
    rows: &TenantStore,
    url: &str,
    events: &[&'static str],
) -> (WebhookId, WebhookSecret) {
    let (id, secret) = (
        WebhookId::new(),
        WebhookSecret::generate().expect("randomness"),
    );
    let new = NewWebhook {
        id,
        url: url.into(),
        sealed_secret: seal(server, rows, id, &secret.to_text()),
        events: events
            .iter()
            .map(|name| event(name).expect("an event"))
            .collect(),
    };
    rows.add_webhook(&new).await.expect("stored");
    (id, secret)
}

fn seal(
    server: &TestServer,
    rows: &TenantStore,
    id: WebhookId,
    secret: &Secret,
) -> Private<Vec<u8>> {
    let file = &server.reception.settings.database.sealing_key_file;
    let key = SealingKey::load_or_create(Path::new(file)).expect("the key");
    let sealed = key.seal(secret, &secret_context(rows.scope().tenant, id));
    Private::new(sealed.expect("sealed"))
}

async fn end_call(server: &TestServer, rows: &TenantStore) -> CallId {
    let (id, at) = (CallId::new(), chrono::Utc::now());
    let call = NewCall {
        id,
        carrier_call_id: None,
        agent_name: TENANT.to_owned(),
        agent_version: Some(1),
        channel: Channel::Phone,
        direction: Direction::Inbound,
        number: None,
        caller_number: Some(
            switchboard_store::PhoneNumber::parse("+12025550142").expect("a number"),
        ),
        contact_id: None,
        conversation_id: None,
        location: None,
        offered_at: at,
    };
    let end = CallEnd {
        call_id: id,
        reason: Word::new("agent_ended"),
        class: EndClass::Success,
        at,
    };
    for write in [
        JournalWrite::CallOffered(call),
        JournalWrite::CallEnded(end.clone()),
        JournalWrite::CallEnded(end),
    ] {
        server.reception.journal.write(rows.scope().tenant, write);
    }
    assert!(server.reception.journal.flushed(BOUND).await, "stored");
    server.reception.jobs.ring();
    id
}

async fn until<T>(look: impl AsyncFn() -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(BOUND, found).await.expect("in time")
}

async fn delivery_in(rows: &TenantStore, state: WebhookDeliveryState) -> WebhookDelivery {
    until(async || {
        let deliveries = rows
            .list_webhook_deliveries(&ListFilter::default())
            .await
            .expect("answers");
        deliveries
            .into_iter()
            .find(|delivery| delivery.state == state)
    })
    .await
}

async fn deliver_job(rows: &TenantStore, state: JobState) -> JobListing {
    until(async || {
        let jobs = rows
            .list_jobs(&ListFilter::default())
            .await
            .expect("answers");
        jobs.into_iter()
            .find(|job| job.kind.as_str() == "webhook.deliver" && job.state == state)
    })
    .await
}

async fn retry(server: &TestServer, rows: &TenantStore, job: &JobListing) {
    assert!(
        rows.retry_job(job.id, chrono::Utc::now())
            .await
            .expect("stored")
    );
    server.reception.jobs.ring();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_call_is_told_once_signed_and_without_personal_data() {
    let receiver = Receiver::start(&[]).await;
    let (server, rows) = server().await;
    let url = format!("http://{}/hook", receiver.address);
    let (_, secret) = endpoint(&server, &rows, &url, &EVENTS).await;
    endpoint(
        &server,
        &rows,
        &format!("{url}/bookings"),
        &["appointment.booked"],
    )
    .await;
    let call = end_call(&server, &rows).await;
    let delivery = delivery_in(&rows, WebhookDeliveryState::Delivered).await;
    deliver_job(&rows, JobState::Done).await;
    let received = receiver.received();
    assert_eq!(received.len(), 1, "once, and only to who asked for it");
    let told = &received[0];
    assert_eq!(told.id, format!("msg_{}", delivery.id.uuid().simple()));
    assert_eq!(
        told.signatures,
        [secret.sign(&told.id, told.timestamp, &told.body)]
    );
    let body: Value = serde_json::from_slice(&told.body).expect("JSON");
    assert_eq!(body["type"], "call.ended");
    assert_eq!(body["data"]["call_id"], call.to_string());
    assert_eq!(body["data"]["end_reason"], "agent_ended");
    assert!(
        !String::from_utf8_lossy(&told.body).contains("2025550142"),
        "d5"
    );
    let log = rows
        .list_webhook_attempts(&ListFilter::default())
        .await
        .expect("answers");
    assert_eq!(
        (log.len(), log[0].status, log[0].error.clone()),
        (1, Some(204), None)
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_taken_is_tried_again_with_the_same_id_and_each_try_is_logged() {
    let receiver = Receiver::start(&[500, 302]).await;
    let (server, rows) = server().await;
    endpoint(
        &server,
        &rows,
        &format!("http://{}/", receiver.address),
        &EVENTS,
    )
    .await;
    end_call(&server, &rows).await;
    let waits_with = async |word: &'static str| {
        until(async || {
            let jobs = rows
                .list_jobs(&ListFilter::default())
                .await
                .expect("answers");
            jobs.into_iter().find(|job| {
                job.last_error == Some(Word::new(word)) && job.state == JobState::Waiting
            })
        })
        .await
    };
    let job = waits_with("status_500").await;
    retry(&server, &rows, &job).await;
    // A redirect is not followed (a4): its target is not what the tenant named.
    let job = waits_with("status_302").await;
    let listed = rows.list_webhooks().await.expect("answers");
    assert!(listed[0].failing_since.is_some(), "visible while it fails");
    retry(&server, &rows, &job).await;
    delivery_in(&rows, WebhookDeliveryState::Delivered).await;
    let received = receiver.received();
    assert_eq!(received.len(), 3);
    assert!(
        received
            .iter()
            .all(|told| told.id == received[0].id && told.body == received[0].body)
    );
    let mut log = rows
        .list_webhook_attempts(&ListFilter::default())
        .await
        .expect("answers");
    log.sort_by_key(|attempt| attempt.ordinal);
    let statuses: Vec<_> = log.iter().map(|attempt| attempt.status).collect();
    assert_eq!(statuses, [Some(500), Some(302), Some(204)]);
    assert_eq!(
        rows.list_webhooks().await.expect("answers")[0].failing_since,
        None
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_can_be_replayed_under_its_id_and_a_changed_secret_loses_none() {
    let receiver = Receiver::start(&[]).await;
    let (server, rows) = server().await;
    let (id, old) = endpoint(
        &server,
        &rows,
        &format!("http://{}/", receiver.address),
        &EVENTS,
    )
    .await;
    end_call(&server, &rows).await;
    let delivery = delivery_in(&rows, WebhookDeliveryState::Delivered).await;
    let new = WebhookSecret::generate().expect("randomness");
    let until_then = chrono::Utc::now() + chrono::TimeDelta::hours(1);
    let sealed = seal(&server, &rows, id, &new.to_text());
    assert!(
        rows.rotate_webhook(id, &sealed, until_then)
            .await
            .expect("stored")
    );
    assert!(rows.replay_webhook(delivery.id).await.expect("stored"));
    server.reception.jobs.ring();
    until(async || (receiver.received().len() == 2).then_some(())).await;
    let received = receiver.received();
    assert_eq!(received[0].id, received[1].id);
    let (told, now) = (&received[1], received[1].timestamp);
    let expected = [
        new.sign(&told.id, now, &told.body),
        old.sign(&told.id, now, &told.body),
    ];
    assert_eq!(
        told.signatures, expected,
        "both secrets sign while the old one counts"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_gone_is_disabled_and_told_nothing_more() {
    let receiver = Receiver::start(&[410]).await;
    let (server, rows) = server().await;
    let (id, _) = endpoint(
        &server,
        &rows,
        &format!("http://{}/", receiver.address),
        &EVENTS,
    )
    .await;
    end_call(&server, &rows).await;
    deliver_job(&rows, JobState::Failed).await;
    let webhook = rows.webhook(id).await.expect("answers").expect("there");
    assert_eq!(webhook.state, WebhookState::Disabled);
    end_call(&server, &rows).await;
    until(async || {
        let jobs = rows
            .list_jobs(&ListFilter::default())
            .await
            .expect("answers");
        let done = jobs
            .iter()
            .filter(|job| job.kind.as_str() == "call.ended" && job.state == JobState::Done);
        (done.count() == 2).then_some(())
    })
    .await;
    assert_eq!(receiver.received().len(), 1);
    server.stop().await;
}

/// A4: what was stored while it was allowed, or written by somebody else, is checked again at each try.
#[tokio::test(flavor = "multi_thread")]
async fn a4_an_endpoint_inside_is_not_asked_even_when_it_is_stored() {
    let (server, rows) = server().await;
    endpoint(&server, &rows, "https://169.254.169.254/latest", &EVENTS).await;
    endpoint(&server, &rows, "https://localhost:1/", &EVENTS).await;
    end_call(&server, &rows).await;
    until(async || {
        let log = rows
            .list_webhook_attempts(&ListFilter::default())
            .await
            .expect("answers");
        let refused = Some(Word::new("forbidden_address"));
        let refusals = log
            .iter()
            .filter(|attempt| attempt.error == refused && attempt.status.is_none());
        // `localhost` may lead to ::1 as well, which is not allowed here.
        (refusals.count() >= 1).then_some(())
    })
    .await;
    server.stop().await;
}
