//! What becomes of a message that a caller left: it is written down where somebody is set to and the caller was told so,
//! and mailed once.

#[path = "support/after.rs"]
mod after;
#[path = "support/handoff.rs"]
mod handoff;
mod support;

use std::os::unix::fs::PermissionsExt;

use after::{
    at, call, consent, done, failed_with, job_in, mail_by, mail_in, retry, text_of, want_mail_at,
};
use handoff::{ANNA, no_answer, publish, warnings};
use serde_json::json;
use support::{BOUND, MEDSPA, TestServer, carrier, model};
use switchboard::archive::{ObjectKey, ObjectKind};
use switchboard::config::{Secret, Settings};
use switchboard_media::wav::write_pcm16;
use switchboard_sim::caller::{CallerScript, Clip};
use switchboard_sim::realtime::RealtimeScript;
use switchboard_sim::smtp::FakeSmtp;
use switchboard_sim::transcription::{FakeTranscriber, TranscriptionAnswer};
use switchboard_sim::twilio::CarrierEvent;
use switchboard_store::{
    CallId, ConsentAnswer, JobState, JournalWrite, ListFilter, MailState, NewVoicemail, PersonRows,
    TenantStore, VoicemailId, VoicemailListing, Word,
};

const TENANT: &str = "medspa";
const KEY: &str = "sk-transcribe";
const MODEL: &str = "small-ears";
const WORDS: &str = "My boiler leaks, call me back.";

fn written_down_by(settings: &mut Settings, transcriber: &FakeTranscriber) {
    let base_url = transcriber.base_url().parse().expect("an address");
    settings.transcription.base_url = Some(base_url);
    settings.transcription.api_key = Some(Secret::new(KEY));
    settings.transcription.model = MODEL.to_owned();
}

async fn ears() -> FakeTranscriber {
    FakeTranscriber::start(KEY, MODEL)
        .await
        .expect("a transcriber")
}

async fn post_office() -> FakeSmtp {
    FakeSmtp::start().await.expect("a mail server")
}

struct Site {
    server: TestServer,
    rows: TenantStore,
}

impl Site {
    async fn start(adjust: impl FnOnce(&mut Settings)) -> Self {
        let twilio = carrier().await;
        let server = TestServer::start(&twilio, None, adjust).await;
        let rows = server.rows(TENANT).await;
        want_mail_at(&rows, after::DESK).await;
        Self { server, rows }
    }

    /// A message whose audio is in the archive already.
    async fn left(&self, disclosed: bool, answers: &[ConsentAnswer]) -> VoicemailId {
        let (call_id, id) = (CallId::new(), VoicemailId::new());
        let mut writes = vec![JournalWrite::CallOffered(call(call_id, TENANT))];
        let answers = answers.iter().map(|answer| consent(call_id, *answer));
        writes.extend(answers.map(JournalWrite::Consent));
        self.rows.apply(&writes).await.expect("stored");
        let key = ObjectKey::new(self.rows.scope().tenant, ObjectKind::Voicemail, id.uuid());
        let sound = write_pcm16(8_000, &vec![9_000; 8_000]);
        let archive = &self.server.reception.archive;
        archive.put(&key, sound.into()).await.expect("kept");
        let message = NewVoicemail {
            id,
            call_id,
            recording_id: format!("RE{}", id.uuid().simple()),
            account_id: None,
            length_s: Some(1),
            recorded_at: at(30),
            disclosed,
        };
        self.rows.add_voicemail(&message).await.expect("stored");
        let kept = self.rows.keep_voicemail_audio(id, key.as_str()).await;
        assert!(kept.expect("stored"));
        self.server.reception.jobs.ring();
        id
    }

    async fn message(&self, id: VoicemailId) -> VoicemailListing {
        let found = self.rows.voicemail(id).await.expect("answers");
        found.expect("is there")
    }

    /// Why it was not written down, once that is decided.
    async fn decision(&self, id: VoicemailId) -> Word {
        after::until(async || self.message(id).await.transcription).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_written_down_and_mailed_once_with_its_sound() {
    let (ears, smtp) = (ears().await, post_office().await);
    let site = Site::start(|settings| {
        written_down_by(settings, &ears);
        mail_by(settings, &smtp);
    })
    .await;
    ears.plan(TranscriptionAnswer::Words(WORDS.to_owned()));
    let id = site.left(true, &[ConsentAnswer::Implied]).await;
    let mails = smtp.wait_for_mails(1, BOUND).await.expect("a mail");
    let text = text_of(&mails[0]);
    assert!(text.contains(WORDS), "{text}");
    assert!(text.contains("filename=\"message.wav\""), "{text}");
    assert_eq!(
        mails[0].header("Message-ID"),
        Some(format!("<voicemail.{id}@example.com>").as_str())
    );
    let subject = mails[0].header("Subject").expect("a subject");
    assert!(
        !subject.contains("boiler") && !subject.contains("0142"),
        "{subject}"
    );
    let heard = ears.understood();
    assert_eq!((heard.len(), heard[0].loudest), (1, 9_000));
    assert_eq!(
        heard[0].language.as_deref(),
        Some("en"),
        "the agent speaks no other"
    );
    let message = site.message(id).await;
    assert_eq!(
        message.transcript.map(|it| it.into_exposed()),
        Some(WORDS.to_owned())
    );
    // The evidence that the caller was told.
    let consents = site
        .rows
        .list_consents(&ListFilter::of_call(message.call_id))
        .await;
    let told = consents
        .expect("answers")
        .into_iter()
        .find(|it| it.purpose.as_str() == "voicemail_transcription");
    assert!(
        told.is_some_and(|it| it.wording.contains("written down") && it.complete == Some(true))
    );
    // Every step again, as after a lost lease: nothing is sent or listened to a second time.
    mail_in(&site.rows, MailState::Sent).await;
    for kind in ["voicemail.transcribe", "mail.voicemail"] {
        let job = job_in(&site.rows, kind, done).await;
        assert!(!site.rows.retry_job(job.id, at(0)).await.expect("answers"));
    }
    site.server.stop().await;
    assert_eq!((smtp.received().len(), ears.requests()), (1, 1));
}

/// D1: told before the tone, not refused in the call, not switched off; else nobody listens, and the mail says why.
#[tokio::test(flavor = "multi_thread")]
async fn d1_nothing_is_written_down_without_a_disclosure_or_against_the_caller() {
    let (ears, smtp) = (ears().await, post_office().await);
    let site = Site::start(|settings| {
        written_down_by(settings, &ears);
        mail_by(settings, &smtp);
    })
    .await;
    let untold = site.left(false, &[]).await;
    assert_eq!(site.decision(untold).await, Word::new("not_disclosed"));
    let refused = site.left(true, &[ConsentAnswer::Refused]).await;
    assert_eq!(site.decision(refused).await, Word::new("refused"));
    let withdrawn = site
        .left(true, &[ConsentAnswer::Implied, ConsentAnswer::Withdrawn])
        .await;
    assert_eq!(site.decision(withdrawn).await, Word::new("refused"));
    let mails = smtp.wait_for_mails(3, BOUND).await.expect("mails");
    let whys: Vec<bool> = mails
        .iter()
        .map(|it| text_of(it).contains("Not written down"))
        .collect();
    assert_eq!(whys, [true, true, true]);
    site.server.stop().await;
    assert_eq!(ears.requests(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_transcriber_the_mail_says_so_and_brings_the_sound() {
    let smtp = post_office().await;
    let site = Site::start(|settings| mail_by(settings, &smtp)).await;
    let id = site.left(false, &[]).await;
    let mails = smtp.wait_for_mails(1, BOUND).await.expect("a mail");
    let text = text_of(&mails[0]);
    assert!(text.contains("no transcriber is set up"), "{text}");
    assert!(text.contains("Content-Type: audio/wav"), "{text}");
    assert_eq!(site.decision(id).await, Word::new("off"));
    site.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcriber_that_is_down_is_asked_again_and_at_last_the_mail_goes_without_words() {
    let (ears, smtp) = (ears().await, post_office().await);
    let site = Site::start(|settings| {
        written_down_by(settings, &ears);
        mail_by(settings, &smtp);
    })
    .await;
    let answers = [
        TranscriptionAnswer::Status(503),
        TranscriptionAnswer::Garbage,
        TranscriptionAnswer::Status(429),
    ];
    answers.iter().for_each(|answer| ears.plan(answer.clone()));
    ears.plan(TranscriptionAnswer::Words(WORDS.to_owned()));
    let patient = site.left(true, &[]).await;
    for word in ["status_503", "broken_answer", "status_429"] {
        let job = job_in(&site.rows, "voicemail.transcribe", failed_with(word)).await;
        assert_eq!(job.state, JobState::Waiting, "it waits");
        retry(&site.server, &site.rows, &job).await;
    }
    assert_eq!(site.decision(patient).await, Word::new("done"));
    smtp.wait_for_mails(1, BOUND).await.expect("a mail");
    // What is wrong with the sound itself is not tried again.
    ears.plan(TranscriptionAnswer::Status(400));
    let hopeless = site.left(true, &[]).await;
    assert_eq!(site.decision(hopeless).await, Word::new("failed"));
    let mails = smtp.wait_for_mails(2, BOUND).await.expect("a mail");
    assert!(text_of(&mails[1]).contains("the transcriber failed"));
    site.server.stop().await;
    assert_eq!(ears.requests(), 5);
}

/// D4: whoever is erased while their message waits is not written down and not mailed.
#[tokio::test(flavor = "multi_thread")]
async fn d4_an_erasure_takes_a_message_on_its_way_along() {
    let (ears, smtp) = (ears().await, post_office().await);
    let site = Site::start(|settings| {
        written_down_by(settings, &ears);
        mail_by(settings, &smtp);
    })
    .await;
    ears.plan(TranscriptionAnswer::Status(503));
    let id = site.left(true, &[]).await;
    job_in(
        &site.rows,
        "voicemail.transcribe",
        failed_with("status_503"),
    )
    .await;
    let call_id = site.message(id).await.call_id;
    let person = PersonRows {
        calls: vec![call_id],
        ..PersonRows::default()
    };
    let erasure = switchboard_store::Erasure {
        id: switchboard_store::ErasureId::new(),
        tenant_id: site.rows.scope().tenant,
        contact_id: None,
        address_hashes: Vec::new(),
        call_ids: vec![call_id],
        conversation_ids: Vec::new(),
        erased_at: chrono::Utc::now(),
    };
    site.rows
        .erase_person(&person, &erasure)
        .await
        .expect("erased");
    assert_eq!(site.rows.voicemail(id).await.expect("answers"), None);
    let jobs = site
        .rows
        .list_jobs(&ListFilter::default())
        .await
        .expect("answers");
    let left = |job: &&switchboard_store::JobListing| {
        job.kind.as_str() == "voicemail.transcribe" || job.kind.as_str() == "mail.voicemail"
    };
    assert_eq!(jobs.iter().filter(left).count(), 0);
    site.server.stop().await;
    assert_eq!((ears.requests(), smtp.connections()), (1, 0));
}

/// A6: the program gets a path and nothing else, and its output is the words.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_of_this_machine_writes_down_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("ears");
    let script =
        "#!/bin/sh\n[ $# = 1 ] && [ -s \"$1\" ] && [ -z \"$HOME\" ] && echo call   me back\n";
    std::fs::write(&program, script).expect("written");
    let executable = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&program, executable).expect("executable");
    let site = Site::start(|settings| {
        settings.transcription.program = Some(program.display().to_string());
    })
    .await;
    let id = site.left(true, &[]).await;
    assert_eq!(site.decision(id).await, Word::new("done"));
    let words = site
        .message(id)
        .await
        .transcript
        .map(|it| it.into_exposed());
    assert_eq!(words.as_deref(), Some("call me back"));
    site.server.stop().await;
}

/// D1: with a transcriber the words before the tone say so, and the carrier's signed webhook brings that back.
#[tokio::test(flavor = "multi_thread")]
async fn d1_a_caller_is_told_before_the_tone_that_the_message_is_written_down() {
    let ears = ears().await;
    let twilio = carrier().await;
    let model = model(RealtimeScript::default()).await;
    let server = TestServer::start(&twilio, Some(&model), |settings| {
        settings.calls.concurrent_max = 0;
        written_down_by(settings, &ears);
    })
    .await;
    ears.plan(TranscriptionAnswer::Words(WORDS.to_owned()));
    publish(&server, json!({ "number": ANNA })).await;
    twilio.set_human(ANNA, no_answer());
    let call = server.call(&twilio, MEDSPA, CallerScript::new());
    let records =
        |event: &CarrierEvent| matches!(event, CarrierEvent::VerbStarted { verb: "Record" });
    call.wait_for(BOUND, records).await.expect("voicemail");
    let words: Clip = vec![9_000; 8_000].into();
    let script = CallerScript::new().wait(800).speak(words);
    call.add_steps(script.wait(400).hang_up().steps);
    call.wait_for_end(BOUND).await.expect("the call ends");
    assert_eq!(warnings(&call), Vec::<String>::new());
    let told = call.events().into_iter().any(|timed| {
        matches!(&timed.event, CarrierEvent::Said { text, .. } if text.contains("written down"))
    });
    assert!(told, "said before the tone");
    let rows = server.rows(TENANT).await;
    let message = after::until(async || {
        let listed = rows.list_voicemails(&ListFilter::default()).await;
        let listed = listed.expect("answers");
        listed.into_iter().find(|it| it.transcript.is_some())
    })
    .await;
    assert!(message.disclosed);
    assert_eq!(
        message.account_id.as_deref(),
        Some(twilio.account_sid().as_str())
    );
    server.stop().await;
}
