//! What comes after a call: jobs and mails, and waiting for them.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part of it"
)]

use switchboard::config::{MailTls, Settings};
use switchboard::mail::{MailAddress, MailAddresses};
use switchboard_sim::smtp::{FakeSmtp, ReceivedMail};
use switchboard_store::{
    CallId, Channel, ConsentAnswer, ConsentId, Direction, JobListing, JobState, ListFilter,
    MailListing, MailState, NewCall, NewConsent, PhoneNumber, TenantStore, Timestamp, Word,
};

use crate::support::{BOUND, TestServer};

pub const DESK: &str = "desk@example.org";

/// Mails leave by the fake.
pub fn mail_by(settings: &mut Settings, smtp: &FakeSmtp) {
    let address = smtp.address();
    settings.mail.host = Some(address.ip().to_string());
    settings.mail.port = address.port();
    settings.mail.tls = MailTls::None;
    settings.mail.from = Some("Switchboard <voice@example.com>".to_owned());
}

pub async fn want_mail_at(rows: &TenantStore, address: &str) {
    let address: MailAddress = address.parse().expect("an address");
    let mut addresses = MailAddresses::default();
    addresses.set(None, Some(&address));
    addresses.store(rows).await.expect("stored");
}

pub fn at(seconds: i64) -> Timestamp {
    chrono::DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a moment")
}

pub fn call(id: CallId, agent: &str) -> NewCall {
    NewCall {
        id,
        carrier_call_id: None,
        agent_name: agent.to_owned(),
        agent_version: Some(1),
        channel: Channel::Phone,
        direction: Direction::Inbound,
        number: None,
        caller_number: Some(PhoneNumber::parse("+12025550142").expect("a number")),
        contact_id: None,
        conversation_id: None,
        location: None,
        offered_at: at(0),
    }
}

pub fn consent(call_id: CallId, answer: ConsentAnswer) -> NewConsent {
    NewConsent {
        id: ConsentId::new(),
        contact_id: None,
        call_id: Some(call_id),
        purpose: Word::new("transcription"),
        wording: "This call is written down.".to_owned(),
        language: "en".to_owned(),
        answer,
        answer_text: None,
        heard_ms: None,
        disclosed_at: at(1),
        answered_at: None,
        version: None,
        complete: Some(true),
    }
}

/// Waits until a look finds what it wants.
pub async fn until<T>(look: impl AsyncFn() -> Option<T>) -> T {
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

pub async fn mail_in(rows: &TenantStore, state: MailState) -> MailListing {
    until(async || {
        let mails = rows.list_mails(&ListFilter::default()).await;
        let mails = mails.expect("answers");
        mails.into_iter().find(|mail| mail.state == state)
    })
    .await
}

pub async fn job_in(
    rows: &TenantStore,
    kind: &str,
    is_it: impl Fn(&JobListing) -> bool,
) -> JobListing {
    until(async || {
        let jobs = rows.list_jobs(&ListFilter::default()).await;
        let mut jobs = jobs.expect("answers").into_iter();
        jobs.find(|job| job.kind.as_str() == kind && is_it(job))
    })
    .await
}

pub fn done(job: &JobListing) -> bool {
    job.state == JobState::Done
}

/// It failed with this word, for now.
pub fn failed_with(word: &'static str) -> impl Fn(&JobListing) -> bool {
    move |job| job.last_error == Some(Word::new(word))
}

/// Its next try need not wait for its time.
pub async fn retry(server: &TestServer, rows: &TenantStore, job: &JobListing) {
    let retried = rows.retry_job(job.id, chrono::Utc::now()).await;
    assert!(retried.expect("stored"));
    server.reception.jobs.ring();
}

/// The words of a mail, lines put together again.
pub fn text_of(mail: &ReceivedMail) -> String {
    mail.message.replace("=\r\n", "").replace("=20", " ")
}
