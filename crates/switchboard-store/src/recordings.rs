//! Recordings: what is known of the audio of a call. The audio itself lies in the archive, under the row's key.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::audit::{self, Deed};
use crate::db::{Only, Tx};
use crate::error::StoreError;
use crate::ids::{CallId, RecordingId, TenantId};
use crate::list::ListFilter;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::Timestamp;
use crate::word::Word;
use crate::words::RecordingStatus;

sql! {
    // What is erased stays erased, and what is stored is not begun again, whatever comes late.
    PUT = "insert into recordings (tenant_id, id, call_id, source, layout, status, started_at, offset_ms, length_ms,
            dropped_ms, bytes, checksum, object_key, retained_until, erased_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
        on conflict (tenant_id, id) do update set
            status = case when recordings.status = 'erased' or excluded.status = 'recording' then recordings.status
                else excluded.status end,
            length_ms = coalesce(excluded.length_ms, recordings.length_ms),
            dropped_ms = coalesce(excluded.dropped_ms, recordings.dropped_ms),
            bytes = coalesce(excluded.bytes, recordings.bytes),
            checksum = coalesce(excluded.checksum, recordings.checksum),
            retained_until = coalesce(recordings.retained_until, excluded.retained_until),
            erased_at = coalesce(recordings.erased_at, excluded.erased_at),
            peaks = case when excluded.status = 'erased' then null else recordings.peaks end";
    LIST = "select id, call_id, source, layout, status, started_at, offset_ms, length_ms, dropped_ms, bytes, checksum,
            object_key, retained_until, erased_at
        from recordings where tenant_id = $1 and (call_id = $2 or $2 is null)
        order by started_at desc, id desc limit $3";
    OVERDUE = "select id, call_id, source, layout, status, started_at, offset_ms, length_ms, dropped_ms, bytes, checksum,
            object_key, retained_until, erased_at
        from recordings where tenant_id = $1 and retained_until <= $2 and status in ('stored', 'broken')
        order by retained_until, id limit $3";
    ERASE = "update recordings set status = 'erased', erased_at = $3, checksum = null, peaks = null
        where tenant_id = $1 and id = $2 and status <> 'erased'";
    PEAKS = "select peaks from recordings where tenant_id = $1 and id = $2 and peaks is not null";
    KEEP_PEAKS = "update recordings set peaks = $3 where tenant_id = $1 and id = $2 and status <> 'erased'";
}

/// A recording as known so far; a later write of the same id adds what it knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingWrite {
    /// Made by the writer, so that a repeated write stores one row.
    pub id: RecordingId,
    pub call_id: CallId,
    /// `tap` (our own) or `twilio`.
    pub source: Word,
    /// `caller_left_agent_right` or `mono`.
    pub layout: Word,
    pub status: RecordingStatus,
    pub started_at: Timestamp,
    /// From the offered call to the recording's first sample.
    pub offset_ms: i64,
    pub length_ms: Option<i64>,
    /// Silence in place of audio that could not be taken in time.
    pub dropped_ms: Option<i64>,
    pub bytes: Option<i64>,
    /// SHA-256 as 64 hexadecimal digits.
    pub checksum: Option<String>,
    /// The object's name in the archive. It begins with the tenant.
    pub object_key: String,
    /// None: kept until somebody erases it.
    pub retained_until: Option<Timestamp>,
    pub erased_at: Option<Timestamp>,
}

/// A recording in `switchboard list recordings`. Its keys are a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct RecordingListing {
    pub id: RecordingId,
    pub call_id: CallId,
    pub source: Word,
    pub layout: Word,
    pub status: RecordingStatus,
    pub started_at: Timestamp,
    pub offset_ms: i64,
    pub length_ms: Option<i64>,
    pub dropped_ms: Option<i64>,
    pub bytes: Option<i64>,
    pub checksum: Option<String>,
    pub object_key: String,
    pub retained_until: Option<Timestamp>,
    pub erased_at: Option<Timestamp>,
}

impl TenantStore {
    /// Recordings, newest first.
    pub async fn list_recordings(
        &self,
        filter: &ListFilter,
    ) -> Result<Vec<RecordingListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all RecordingListing, LIST, self.tenant(), filter.call, filter.rows_max())
    }

    /// Recordings that have audio and are kept longer than they should be, the oldest first.
    pub async fn overdue_recordings(
        &self,
        now: Timestamp,
        count: i64,
    ) -> Result<Vec<RecordingListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all RecordingListing, OVERDUE, self.tenant(), now, count)
    }

    /// The outline of a recording, if it was drawn before.
    pub async fn recording_peaks(
        &self,
        recording: RecordingId,
    ) -> Result<Option<Private<Vec<u8>>>, StoreError> {
        let mut tx = self.read().await?;
        let found =
            fetch!(&mut tx, optional Only<Private<Vec<u8>>>, PEAKS, self.tenant(), recording)?;
        Ok(found.map(|(peaks,)| peaks))
    }

    /// Keeps the outline of a recording for the next who asks. False when its audio is gone.
    pub async fn keep_recording_peaks(
        &self,
        recording: RecordingId,
        peaks: &Private<Vec<u8>>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let kept = execute!(&mut tx, KEEP_PEAKS, self.tenant(), recording, peaks)? == 1;
        tx.commit().await?;
        Ok(kept)
    }

    /// Leaves an audit entry: somebody listens to a recording.
    pub async fn recording_played(&self, recording: RecordingId) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let deed = Deed {
            action: "read",
            noun: "recording",
            noun_id: &recording.to_string(),
        };
        audit::record(&mut tx, &self.scope, deed).await?;
        tx.commit().await
    }

    /// Says that a recording's audio is gone for good, and leaves an audit entry. False when it was said before.
    pub async fn recording_erased(
        &self,
        recording: RecordingId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let is_new = execute!(&mut tx, ERASE, self.tenant(), recording, at)? > 0;
        if is_new {
            let deed = Deed {
                action: "erase",
                noun: "recording",
                noun_id: &recording.to_string(),
            };
            audit::record(&mut tx, &self.scope, deed).await?;
        }
        tx.commit().await?;
        Ok(is_new)
    }
}

pub(crate) async fn put(
    tx: &mut Tx,
    tenant: TenantId,
    recording: &RecordingWrite,
) -> Result<(), StoreError> {
    execute!(
        tx,
        PUT,
        tenant,
        recording.id,
        recording.call_id,
        &recording.source,
        &recording.layout,
        recording.status,
        recording.started_at,
        recording.offset_ms,
        recording.length_ms,
        recording.dropped_ms,
        recording.bytes,
        &recording.checksum,
        &recording.object_key,
        recording.retained_until,
        recording.erased_at
    )?;
    Ok(())
}
