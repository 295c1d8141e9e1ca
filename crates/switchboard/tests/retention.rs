//! The daily sweep in a running server: asked for once, run by its worker, over every kind of data.

#[path = "support/after.rs"]
mod after;
mod support;

use after::{call, done, job_in, until};
use chrono::{TimeDelta, Utc};
use serde_json::json;
use support::{TestServer, carrier};
use switchboard::archive::{ObjectKey, ObjectKind};
use switchboard::retention;
use switchboard_store::{
    AlertSeverity, CallEnd, CallEventWrite, CallId, EndClass, HandshakeWrite, JobId, JobIds,
    JobKey, JournalWrite, ListFilter, LoginStart, NewAlert, NewCall, NewJob, NewStaff,
    NewVoicemail, RetentionKind, Speaker, StaffRole, TenantStore, Timestamp, TurnWrite,
    VoicemailId, Word,
};

const TENANT: &str = "trades";

/// What one ended call leaves, all of that moment: events, a handshake, words, a message.
async fn ended_call(rows: &TenantStore, at: Timestamp) -> (CallId, VoicemailId) {
    let (call_id, message) = (CallId::new(), VoicemailId::new());
    let offered = NewCall {
        offered_at: at,
        ..call(call_id, TENANT)
    };
    let turn = TurnWrite {
        call_id,
        seq: 1,
        speaker: Speaker::Caller,
        generated_text: Some("My boiler leaks".into()),
        sent_text: None,
        heard_text: None,
        language: None,
        confidence: None,
        interrupted: false,
        response_ms: None,
        heard_ms: None,
        started_at: at,
        ended_at: None,
    };
    let voicemail = NewVoicemail {
        id: message,
        call_id,
        recording_id: format!("RE{}", message.uuid().simple()),
        account_id: None,
        length_s: Some(1),
        recorded_at: at,
        disclosed: false,
    };
    let writes = [
        JournalWrite::CallOffered(offered),
        JournalWrite::Event(CallEventWrite {
            call_id,
            seq: 1,
            at,
            name: Word::new("leg_readied"),
            technical: json!({}),
            private: None,
        }),
        JournalWrite::Handshake(HandshakeWrite {
            call_id,
            started_at: at,
            elapsed_ms: 700,
            fell_back: false,
            reason: None,
        }),
        JournalWrite::Turn(turn),
        JournalWrite::Voicemail(voicemail),
        JournalWrite::CallEnded(CallEnd {
            call_id,
            reason: Word::new("agent_ended"),
            class: EndClass::Success,
            at,
        }),
    ];
    rows.apply(&writes).await.expect("stored");
    (call_id, message)
}

/// What is no call's: work that is over, an alert that has cleared, a login that is over.
async fn beside_calls(rows: &TenantStore, at: Timestamp) {
    let job = NewJob {
        id: JobId::new(),
        // Nobody runs it, so that it is as old as it says.
        kind: Word::new("test.idle"),
        key: JobKey::of(JobId::new().uuid()),
        ids: JobIds::default(),
        run_at: at,
    };
    rows.enqueue_job(&job).await.expect("asked for");
    assert!(rows.cancel_job(job.id, at).await.expect("stored"));
    let alert = NewAlert {
        rule: Word::new("dead_air"),
        subject: String::new(),
        severity: AlertSeverity::Warning,
        figure: 1.0,
        at,
    };
    assert!(rows.raise_alert(&alert).await.expect("stored"));
    assert!(rows.clear_alert(&alert.rule, at).await.expect("stored"));
    let person = NewStaff {
        name: "Kofi".into(),
        email: format!("kofi-{}@example.org", job.id).as_str().into(),
        role: StaffRole::Viewer,
        password_hash: None,
        location: None,
        is_demo: false,
    };
    let person = rows.create_staff(&person).await.expect("stored");
    let start = LoginStart {
        at,
        expires_at: at + TimeDelta::hours(1),
        address_hash: None,
        must_enrol: false,
    };
    rows.create_login(person, &start).await.expect("stored");
    let invited = rows.invite_staff(person, at, at + TimeDelta::hours(1));
    invited.await.expect("stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daily_sweep_deletes_what_was_kept_long_enough_of_every_kind_and_nothing_else() {
    let twilio = carrier().await;
    let server = TestServer::start(&twilio, None, |settings| {
        let days = &mut settings.retention;
        for days in [
            &mut days.transcripts_days,
            &mut days.events_days,
            &mut days.technical_days,
            &mut days.voicemails_days,
            &mut days.jobs_days,
            &mut days.alerts_days,
            &mut days.logins_days,
        ] {
            *days = 1;
        }
    })
    .await;
    let rows = server.rows(TENANT).await;
    let (now, old) = (Utc::now(), Utc::now() - TimeDelta::days(2));
    let (old_call, old_message) = ended_call(&rows, old).await;
    let (young_call, young_message) = ended_call(&rows, now).await;
    let archive = &server.reception.archive;
    let key = ObjectKey::new(
        rows.scope().tenant,
        ObjectKind::Voicemail,
        old_message.uuid(),
    );
    archive.put(&key, "sound".into()).await.expect("kept");
    rows.keep_voicemail_audio(old_message, key.as_str())
        .await
        .expect("stored");
    beside_calls(&rows, old).await;
    let before = now - TimeDelta::days(1);
    let seeded = [
        RetentionKind::Transcripts,
        RetentionKind::Events,
        RetentionKind::Technical,
        RetentionKind::Voicemails,
        RetentionKind::Jobs,
        RetentionKind::Alerts,
        RetentionKind::Logins,
    ];
    for kind in seeded {
        let over = rows.count_overdue(kind, before).await.expect("a count");
        assert!(over > 0, "{kind:?} has something that is over");
    }

    // As the server does once a day, twice.
    for _ in 0..2 {
        let asked = retention::ask(&server.reception.store, Utc::now());
        asked.await.expect("asked");
        server.reception.jobs.ring();
    }
    job_in(&rows, "retention.sweep", done).await;
    for kind in RetentionKind::ALL {
        let over = rows.count_overdue(kind, before).await.expect("a count");
        assert_eq!(over, 0, "{kind:?}");
    }
    assert!(archive.get(&key, None).await.is_err(), "its sound is gone");
    let turns = rows.list_turns(&ListFilter::default()).await;
    let turns: Vec<CallId> = turns.expect("turns").iter().map(|it| it.call_id).collect();
    assert_eq!(turns, [young_call], "the young call keeps its words");
    let messages = rows.list_voicemails(&ListFilter::default()).await;
    let messages: Vec<VoicemailId> = messages.expect("rows").iter().map(|it| it.id).collect();
    assert_eq!(messages, [young_message]);
    assert!(
        rows.call(old_call).await.expect("answers").is_some(),
        "the call itself stays"
    );
    // One run a day, of every tenant.
    until(async || {
        let jobs = rows.list_jobs(&ListFilter::default()).await.expect("jobs");
        let sweeps = jobs
            .iter()
            .filter(|job| job.kind.as_str() == "retention.sweep");
        (sweeps.count() == 1).then_some(())
    })
    .await;
    server.stop().await;
}
