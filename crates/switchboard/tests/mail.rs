//! Mail after a call, against a mail server that refuses what mail servers refuse.

mod support;

use support::{BOUND, TestServer, carrier};
use switchboard::mail::{MailAddress, MailAddresses};
use switchboard_sim::smtp::{FakeSmtp, SmtpFault, SmtpStep};
use switchboard_store::{
    CallEnd, CallId, Channel, ConsentAnswer, ConsentId, Direction, EndClass, JobKey, JobListing,
    JobState, JournalWrite, ListFilter, MailListing, MailState, NewCall, NewConsent, NewMail,
    PhoneNumber, Speaker, TenantStore, Timestamp, TurnWrite, Word,
};

const TENANT: &str = "trades";
const DESK: &str = "desk@example.org";

/// A server whose transcripts go to the desk by the fake.
async fn server(smtp: &FakeSmtp) -> (TestServer, TenantStore) {
    server_with(smtp, |_| {}).await
}

async fn server_with(
    smtp: &FakeSmtp,
    adjust: impl FnOnce(&mut switchboard::config::Settings),
) -> (TestServer, TenantStore) {
    let twilio = carrier().await;
    let address = smtp.address();
    let server = TestServer::start(&twilio, None, |settings| {
        adjust(settings);
        settings.mail.host = Some(address.ip().to_string());
        settings.mail.port = address.port();
        settings.mail.tls = switchboard::config::MailTls::None;
        settings.mail.from = Some("Switchboard <voice@example.com>".to_owned());
    })
    .await;
    let rows = server.rows(TENANT).await;
    want_mail_at(&rows, DESK).await;
    (server, rows)
}

async fn want_mail_at(rows: &TenantStore, address: &str) {
    let address: MailAddress = address.parse().expect("an address");
    let mut addresses = MailAddresses::default();
    addresses.set(None, Some(&address));
    addresses.store(rows).await.expect("stored");
}

fn at(seconds: i64) -> Timestamp {
    chrono::DateTime::from_timestamp(1_800_000_000 + seconds, 0).expect("a moment")
}

fn call(id: CallId) -> JournalWrite {
    JournalWrite::CallOffered(NewCall {
        id,
        carrier_call_id: None,
        agent_name: TENANT.to_owned(),
        agent_version: Some(1),
        channel: Channel::Phone,
        direction: Direction::Inbound,
        number: None,
        caller_number: Some(PhoneNumber::parse("+12025550142").expect("a number")),
        contact_id: None,
        conversation_id: None,
        location: None,
        offered_at: at(0),
    })
}

fn turn(
    call_id: CallId,
    seq: i64,
    speaker: Speaker,
    generated: &str,
    heard: Option<&str>,
) -> JournalWrite {
    JournalWrite::Turn(TurnWrite {
        call_id,
        seq,
        speaker,
        generated_text: Some(generated.into()),
        sent_text: Some(generated.into()),
        heard_text: heard.map(Into::into),
        language: Some("en".to_owned()),
        confidence: None,
        interrupted: false,
        response_ms: None,
        heard_ms: None,
        started_at: at(seq),
        ended_at: None,
    })
}

fn consent(call_id: CallId, answer: ConsentAnswer) -> JournalWrite {
    JournalWrite::Consent(NewConsent {
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
    })
}

fn end(call_id: CallId) -> JournalWrite {
    JournalWrite::CallEnded(CallEnd {
        call_id,
        reason: Word::new("agent_ended"),
        class: EndClass::Success,
        at: at(75),
    })
}

/// Everything a call leaves behind, through the journal as a live call does it.
async fn hold_call(server: &TestServer, rows: &TenantStore, answers: &[ConsentAnswer]) -> CallId {
    let id = CallId::new();
    let mut writes = vec![
        call(id),
        turn(
            id,
            1,
            Speaker::Agent,
            "What can we do for you today?",
            Some("What can we do"),
        ),
        turn(id, 2, Speaker::Caller, "My <b>boiler</b> leaks", None),
    ];
    writes.extend(answers.iter().map(|answer| consent(id, *answer)));
    writes.push(end(id));
    let tenant = rows.scope().tenant;
    for write in writes {
        server.reception.journal.write(tenant, write);
    }
    assert!(server.reception.journal.flushed(BOUND).await, "stored");
    server.reception.jobs.ring();
    id
}

/// Waits until a look finds what it wants.
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

async fn mail_in(rows: &TenantStore, state: MailState) -> MailListing {
    until(async || {
        let mails = rows
            .list_mails(&ListFilter::default())
            .await
            .expect("answers");
        mails.into_iter().find(|mail| mail.state == state)
    })
    .await
}

async fn job_in(rows: &TenantStore, kind: &str, is_it: impl Fn(&JobListing) -> bool) -> JobListing {
    until(async || {
        let jobs = rows
            .list_jobs(&ListFilter::default())
            .await
            .expect("answers");
        jobs.into_iter()
            .find(|job| job.kind.as_str() == kind && is_it(job))
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

/// M5: the rest waits, and another tenant does not notice.
#[tokio::test(flavor = "multi_thread")]
async fn m5_a_tenants_mails_of_an_hour_are_capped_and_the_rest_waits() {
    let smtp = FakeSmtp::start().await.expect("a mail server");
    let (server, rows) = server_with(&smtp, |settings| settings.mail.tenant_hour_max = 1).await;
    let other = server.rows("medspa").await;
    want_mail_at(&other, "spa@example.org").await;
    hold_call(&server, &rows, &[ConsentAnswer::Implied]).await;
    smtp.wait_for_mails(1, BOUND).await.expect("a mail");
    mail_in(&rows, MailState::Sent).await;
    hold_call(&server, &rows, &[ConsentAnswer::Implied]).await;
    let capped = Word::new("mails_of_the_hour");
    let waits = job_in(&rows, "mail.transcript", |job| {
        job.last_error.as_ref() == Some(&capped)
    })
    .await;
    assert_eq!(waits.state, JobState::Waiting);
    mail_in(&rows, MailState::Waiting).await;
    hold_call(&server, &other, &[ConsentAnswer::Implied]).await;
    let mails = smtp.wait_for_mails(2, BOUND).await.expect("a mail");
    assert_eq!(mails[1].to, ["spa@example.org"]);
    server.stop().await;
    assert_eq!(smtp.received().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_call_its_words_are_mailed_once_as_they_were_heard() {
    let smtp = FakeSmtp::start().await.expect("a mail server");
    let (server, rows) = server(&smtp).await;
    let call = hold_call(&server, &rows, &[ConsentAnswer::Implied]).await;
    let mails = smtp.wait_for_mails(1, BOUND).await.expect("a mail");
    let mail = &mails[0];
    assert_eq!(
        (mail.from.as_str(), mail.to.as_slice()),
        ("voice@example.com", &[DESK.to_owned()][..])
    );
    assert_eq!(
        mail.header("Message-ID"),
        Some(format!("<transcript.{call}@example.com>").as_str())
    );
    assert_eq!(mail.header("Auto-Submitted"), Some("auto-generated"));
    let text = mail.message.replace("=\r\n", "");
    assert!(
        text.contains("Agent (en): What can we do\r\n"),
        "as heard, not as generated: {text}"
    );
    assert!(!text.contains("for you today"), "{text}");
    assert!(
        text.contains("Caller (en): My <b>boiler</b> leaks"),
        "{text}"
    );
    assert!(
        text.contains("My &lt;b&gt;boiler&lt;/b&gt; leaks"),
        "escaped in HTML (h8): {text}"
    );
    assert!(
        text.contains("1 min 15 s") && text.contains("+12025550142"),
        "{text}"
    );
    let subject = mail.header("Subject").expect("a subject");
    assert!(
        !subject.contains("boiler") && !subject.contains("0142"),
        "{subject}"
    );
    let sent = mail_in(&rows, MailState::Sent).await;
    assert_eq!((sent.call_id, sent.attempts), (Some(call), 1));
    job_in(&rows, "mail.transcript", |job| job.state == JobState::Done).await;
    // The same end again, as a replayed journal brings it: nothing is sent.
    server
        .reception
        .journal
        .write(rows.scope().tenant, end(call));
    assert!(server.reception.journal.flushed(BOUND).await, "stored");
    server.stop().await;
    assert_eq!(smtp.received().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_words_are_mailed_that_the_caller_did_not_let_us_keep() {
    let smtp = FakeSmtp::start().await.expect("a mail server");
    let (server, rows) = server(&smtp).await;
    for answers in [
        &[][..],
        &[ConsentAnswer::Refused],
        &[ConsentAnswer::NoAnswer],
        &[ConsentAnswer::Implied, ConsentAnswer::Withdrawn],
    ] {
        hold_call(&server, &rows, answers).await;
    }
    until(async || {
        let jobs = rows
            .list_jobs(&ListFilter::default())
            .await
            .expect("answers");
        let done =
            |job: &&JobListing| job.kind.as_str() == "call.ended" && job.state == JobState::Done;
        (jobs.iter().filter(done).count() == 4).then_some(())
    })
    .await;
    let mails = rows
        .list_mails(&ListFilter::default())
        .await
        .expect("answers");
    assert_eq!(mails, []);
    server.stop().await;
    assert_eq!(smtp.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_down_or_busy_is_tried_again_and_visible_meanwhile() {
    let smtp = FakeSmtp::start().await.expect("a mail server");
    smtp.plan(SmtpFault::Close(SmtpStep::Greeting));
    smtp.plan(SmtpFault::Answer(
        SmtpStep::Message,
        451,
        "4.7.1 come again",
    ));
    let (server, rows) = server(&smtp).await;
    hold_call(&server, &rows, &[ConsentAnswer::Implied]).await;
    let failed = |word: &'static str| {
        move |job: &JobListing| {
            job.state == JobState::Waiting
                && job
                    .last_error
                    .as_ref()
                    .is_some_and(|it| it.as_str() == word)
        }
    };
    let job = job_in(&rows, "mail.transcript", failed("connect_failed")).await;
    assert!(job.run_at > chrono::Utc::now(), "it waits");
    retry(&server, &rows, &job).await;
    let job = job_in(&rows, "mail.transcript", failed("message_451")).await;
    let mail = mail_in(&rows, MailState::Waiting).await;
    assert_eq!(mail.last_error, Some(Word::new("message_451")));
    assert_eq!(smtp.received().len(), 0);
    retry(&server, &rows, &job).await;
    assert_eq!(
        smtp.wait_for_mails(1, BOUND).await.expect("a mail").len(),
        1
    );
    mail_in(&rows, MailState::Sent).await;
    server.stop().await;
}

/// The safe side between the server's 250 and our commit: never twice, and the doubt is visible.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_may_have_been_sent_is_marked_and_not_sent_again_by_itself() {
    let smtp = FakeSmtp::start().await.expect("a mail server");
    smtp.plan(SmtpFault::Close(SmtpStep::Message));
    let (server, rows) = server(&smtp).await;
    hold_call(&server, &rows, &[ConsentAnswer::Implied]).await;
    let job = job_in(&rows, "mail.transcript", |job| {
        job.state == JobState::Failed
    })
    .await;
    assert_eq!(job.last_error, Some(Word::new("uncertain")));
    let mail = mail_in(&rows, MailState::Uncertain).await;
    assert_eq!(smtp.received().len(), 1, "the server had it and died");
    // Trying the job again does not send it again.
    retry(&server, &rows, &job).await;
    job_in(&rows, "mail.transcript", |job| {
        job.state == JobState::Failed && job.attempts == 1
    })
    .await;
    assert_eq!(smtp.connections(), 1);
    // Only a person's word does.
    assert!(rows.resend_mail(mail.id).await.expect("stored"));
    retry(&server, &rows, &job).await;
    let mails = smtp.wait_for_mails(2, BOUND).await.expect("the second");
    assert_eq!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
    mail_in(&rows, MailState::Sent).await;
    server.stop().await;
}

/// What a process that died while sending leaves behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_a_lost_process_was_sending_is_left_uncertain() {
    let smtp = FakeSmtp::start().await.expect("a mail server");
    let (server, rows) = server(&smtp).await;
    let call = CallId::new();
    rows.apply(&[self::call(call)]).await.expect("stored");
    let left = NewMail {
        kind: Word::new("transcript"),
        key: JobKey::of(call.uuid()),
        call_id: Some(call),
        job_id: None,
    };
    let left = rows.ensure_mail(&left).await.expect("stored");
    assert!(rows.take_mail(left.id).await.expect("stored"));
    let writes = [
        turn(call, 1, Speaker::Caller, "hello", None),
        consent(call, ConsentAnswer::Implied),
        end(call),
    ];
    rows.apply(&writes).await.expect("stored");
    server.reception.jobs.ring();
    let mail = mail_in(&rows, MailState::Uncertain).await;
    assert_eq!(mail.id, left.id);
    server.stop().await;
    assert_eq!(smtp.connections(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_that_the_server_refuses_is_not_tried_for_days() {
    let smtp = FakeSmtp::start().await.expect("a mail server");
    let (server, rows) = server(&smtp).await;
    want_mail_at(&rows, "unknown@example.org").await;
    hold_call(&server, &rows, &[ConsentAnswer::Granted]).await;
    let job = job_in(&rows, "mail.transcript", |job| {
        job.state == JobState::Failed
    })
    .await;
    assert_eq!(
        (job.attempts, job.last_error),
        (1, Some(Word::new("recipient_refused")))
    );
    assert_eq!(
        mail_in(&rows, MailState::Failed).await.attempts,
        0,
        "no words left us"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_given_and_a_wrong_one_can_be_mended() {
    for (password, outcome) in [("right", "sent"), ("wrong", "auth_535")] {
        let smtp = FakeSmtp::start_with_login("voice", "right")
            .await
            .expect("a mail server");
        let twilio = carrier().await;
        let address = smtp.address();
        let server = TestServer::start(&twilio, None, |settings| {
            settings.mail.host = Some(address.ip().to_string());
            settings.mail.port = address.port();
            settings.mail.tls = switchboard::config::MailTls::None;
            settings.mail.from = Some("voice@example.com".to_owned());
            settings.mail.user = Some("voice".to_owned());
            settings.mail.password = Some(switchboard::config::Secret::new(password));
        })
        .await;
        let rows = server.rows(TENANT).await;
        want_mail_at(&rows, DESK).await;
        hold_call(&server, &rows, &[ConsentAnswer::Implied]).await;
        if outcome == "sent" {
            mail_in(&rows, MailState::Sent).await;
        } else {
            let is_postponed = |job: &JobListing| {
                job.last_error
                    .as_ref()
                    .is_some_and(|word| word.as_str() == outcome)
            };
            job_in(&rows, "mail.transcript", is_postponed).await;
            assert_eq!(smtp.received().len(), 0);
        }
        server.stop().await;
    }
}
