//! A recording that the carrier made: fetched, brought into the form of ours, kept, and deleted at the carrier.

use std::time::Duration;

use bytes::Bytes;
use metrics::counter;
use switchboard_media::ogg_opus::OggOpusWriter;
use switchboard_media::wav::read_sides;
use switchboard_store::{
    ClaimedJob, JournalWrite, ListFilter, RecordingListing, RecordingStatus, RecordingWrite,
    TenantStore, Word,
};

use super::{JobError, JobResult, JobShell, Patience};
use crate::archive::ObjectKey;
use crate::channels::twilio::{CarriedAudio, write_of};
use crate::ops::metrics::names;
use crate::recorder::kept_until;

/// As patient as with messages behind the tone. Encoding an hour takes half a minute.
pub(super) const FETCH: Patience = Patience {
    time_max: Duration::from_secs(180),
    ..super::voicemail::FETCH
};

/// Runs again from wherever it stopped: what is stored is only deleted at the carrier.
pub(super) async fn fetch(shell: &JobShell, job: &ClaimedJob) -> JobResult {
    let audio = CarriedAudio::of(&job.ids).ok_or(JobError::Never(Word::new("no_id")))?;
    let rows = shell.rows(job);
    let row = row_of(&rows, &audio).await?;
    let is_open = |it: &RecordingListing| {
        matches!(
            it.status,
            RecordingStatus::Recording | RecordingStatus::Broken
        )
    };
    if let Some(row) = row.filter(is_open) {
        let wav = shell.carrier.call_audio(job.tenant_id, &audio);
        keep(shell, &rows, row, wav.await.map_err(JobError::Later)?).await?;
        // Erased while it was on its way (D1, D4): nothing of it stays.
        let row = row_of(&rows, &audio).await?;
        let is_gone = row
            .as_ref()
            .is_none_or(|row| row.status == RecordingStatus::Erased);
        if is_gone {
            let key = ObjectKey::new(
                job.tenant_id,
                crate::archive::ObjectKind::Recording,
                audio.recording.uuid(),
            );
            let deleted = shell.reception.archive.delete(&key).await;
            deleted.map_err(|_| JobError::Later(Word::new("archive")))?;
        }
    }
    let forgotten = shell.carrier.forget_call_audio(job.tenant_id, &audio);
    forgotten.await.map_err(JobError::Later)
}

async fn row_of(
    rows: &TenantStore,
    audio: &CarriedAudio,
) -> Result<Option<RecordingListing>, JobError> {
    let listed = rows
        .list_recordings(&ListFilter::of_call(audio.call))
        .await?;
    Ok(listed.into_iter().find(|it| it.id == audio.recording))
}

async fn keep(
    shell: &JobShell,
    rows: &TenantStore,
    row: RecordingListing,
    wav: Bytes,
) -> JobResult {
    let encoded = tokio::task::spawn_blocking(move || encode(&wav)).await;
    let encoded = encoded.map_err(|_| JobError::Later(Word::new("encoder")))?;
    let (ogg, length_ms) = encoded.ok_or(JobError::Never(Word::new("no_wav")))?;
    let key: ObjectKey = row
        .object_key
        .parse()
        .map_err(|_| JobError::Never(Word::new("no_key")))?;
    let stored = shell.reception.archive.put(&key, ogg).await;
    let stored = stored.map_err(|error| {
        tracing::warn!(%error, "a job could not use the archive");
        JobError::Later(Word::new("archive"))
    })?;
    let days = shell.reception.settings.recordings.retention_days;
    let retained_until = kept_until(rows, days, row.started_at).await;
    let write = RecordingWrite {
        status: RecordingStatus::Stored,
        length_ms: Some(length_ms),
        bytes: i64::try_from(stored.bytes).ok(),
        checksum: Some(stored.checksum),
        retained_until,
        ..write_of(row)
    };
    rows.apply(&[JournalWrite::Recording(write)]).await?;
    counter!(names::RECORDINGS_TOTAL, "outcome" => "stored").increment(1);
    Ok(())
}

/// The caller is the carrier's first channel.
fn encode(wav: &[u8]) -> Option<(Bytes, i64)> {
    let (rate_hz, left, right) = read_sides(wav).ok()?;
    let mut file = OggOpusWriter::new(Vec::new(), rate_hz).ok()?;
    file.push(&left, &right).ok()?;
    let length_ms = left.len() as u64 * 1_000 / u64::from(rate_hz.max(1));
    let ogg = file.finish().ok()?;
    Some((ogg.into(), i64::try_from(length_ms).ok()?))
}
