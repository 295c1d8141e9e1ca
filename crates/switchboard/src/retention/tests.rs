//! Days per kind and tenant, in moved time, and audio that goes before its row.

use switchboard_store::{
    CallEnd, CallId, Channel, Direction, EndClass, JobState, JournalWrite, ListFilter, NewCall,
    NewVoicemail, VoicemailId,
};

use super::*;
use crate::archive::ObjectKind;
use crate::config::RecordingsSettings;
use crate::desk::fixture::Town;

fn archive(folder: &std::path::Path) -> Archive {
    Archive::open(&RecordingsSettings {
        folder: folder.display().to_string(),
        ..RecordingsSettings::default()
    })
    .expect("an archive")
}

/// An ended call of this moment, with a message that its caller left.
async fn message(rows: &TenantStore, at: Timestamp) -> (CallId, VoicemailId) {
    let call = CallId::new();
    let new = NewCall {
        id: call,
        carrier_call_id: None,
        agent_name: "spa".to_owned(),
        agent_version: None,
        channel: Channel::Phone,
        direction: Direction::Inbound,
        number: None,
        caller_number: None,
        contact_id: None,
        conversation_id: None,
        location: None,
        offered_at: at,
    };
    rows.offer_call(&new).await.expect("offered");
    let end = CallEnd {
        call_id: call,
        reason: Word::new("asked"),
        class: EndClass::Success,
        at,
    };
    rows.end_call(&end).await.expect("ended");
    let voicemail = NewVoicemail {
        id: VoicemailId::new(),
        call_id: call,
        recording_id: format!("RE{}", call.uuid().simple()),
        length_s: Some(3),
        recorded_at: at,
        account_id: None,
        disclosed: false,
    };
    let write = JournalWrite::Voicemail(voicemail.clone());
    rows.apply(&[write]).await.expect("stored");
    (call, voicemail.id)
}

fn of(planned: &[Planned], kind: RetentionKind) -> Planned {
    let found = planned.iter().find(|it| it.kind == kind);
    found.expect("every kind is planned").clone()
}

async fn planned_at(rows: &TenantStore, now: Timestamp) -> Vec<Planned> {
    plan(rows, &RetentionSettings::default(), now)
        .await
        .expect("a plan")
}

#[tokio::test]
async fn a_tenants_own_days_come_before_those_of_the_settings_and_zero_keeps_for_ever() {
    let town = Town::found().await;
    let (spa, other) = (town.open_spa("spa").await, town.open_spa("other").await);
    let now = chrono::Utc::now();
    let kind = RetentionKind::Transcripts;
    let before = |days| Some(now - chrono::Duration::days(days));
    assert_eq!(of(&planned_at(&spa, now).await, kind).before, before(365));
    set_days(&spa, kind, Some(10)).await.expect("set");
    let own = of(&planned_at(&spa, now).await, kind);
    assert_eq!((own.days, own.is_own, own.before), (10, true, before(10)));
    let theirs = of(&planned_at(&other, now).await, kind);
    assert_eq!((theirs.days, theirs.is_own), (365, false));
    set_days(&spa, kind, Some(0)).await.expect("set");
    assert_eq!(of(&planned_at(&spa, now).await, kind).before, None);
    set_days(&spa, kind, None).await.expect("cleared");
    assert!(!of(&planned_at(&spa, now).await, kind).is_own);
}

#[tokio::test]
async fn a_message_goes_on_its_day_audio_first_and_a_younger_one_stays() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let folder = tempfile::tempdir().expect("a folder");
    let archive = archive(folder.path());
    let now = chrono::Utc::now();
    let (_, old) = message(&spa, now).await;
    let (_, young) = message(&spa, now + chrono::Duration::days(30)).await;
    let tenants = town.store.installation().list_tenants().await;
    let tenant = tenants.expect("tenants")[0].id;
    let key = ObjectKey::new(tenant, ObjectKind::Voicemail, old.uuid());
    let audio = bytes::Bytes::from_static(b"audio");
    archive.put(&key, audio).await.expect("stored");
    spa.keep_voicemail_audio(old, &key.to_string())
        .await
        .expect("kept");
    let day = |days| now + chrono::Duration::days(days);
    let kind = RetentionKind::Voicemails;
    let early = of(&planned_at(&spa, day(89)).await, kind);
    assert_eq!(count(&spa, &early).await.expect("a count"), 0);
    let swept = sweep(&spa, &archive, &early).await.expect("swept");
    assert_eq!(swept.rows, 0, "not before its day");
    let due = of(&planned_at(&spa, day(91)).await, kind);
    assert_eq!(count(&spa, &due).await.expect("a count"), 1);
    let swept = sweep(&spa, &archive, &due).await.expect("swept");
    let gone = Swept {
        rows: 1,
        is_cut: false,
    };
    assert_eq!(swept, gone);
    assert!(archive.get(&key, None).await.is_err(), "the audio is gone");
    let left = spa.list_voicemails(&ListFilter::default()).await;
    let left: Vec<_> = left.expect("a list").iter().map(|it| it.id).collect();
    assert_eq!(left, [young]);
}

#[tokio::test]
async fn each_tenant_has_one_run_a_day_however_often_it_is_asked_for() {
    let town = Town::found().await;
    let spa = town.open_spa("spa").await;
    let now = chrono::Utc::now();
    for hours in [0, 1, 2] {
        let at = now.date_naive().and_hms_opt(hours, 0, 0).expect("a time");
        ask(&town.store, at.and_utc()).await.expect("asked");
    }
    ask(&town.store, now + chrono::Duration::days(1))
        .await
        .expect("asked");
    let jobs = spa.list_jobs(&ListFilter::default()).await.expect("jobs");
    let sweeps = jobs
        .iter()
        .filter(|job| job.kind.as_str() == "retention.sweep" && job.state == JobState::Waiting);
    assert_eq!(sweeps.count(), 2);
}
