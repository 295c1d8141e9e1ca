//! After a recording: its file goes to the archive and its row says so. What the bucket refused is sent again, what a
//! process that died left behind is kept as broken, and what was kept long enough is erased.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use metrics::counter;
use switchboard_call::Span;
use switchboard_store::{
    Actor, JournalWrite, Purpose, RecordingStatus, RecordingWrite, Store, TenantId, TenantScope,
    Timestamp, Word,
};
use tokio::sync::{Semaphore, mpsc};

use super::{Recording, files};
use crate::archive::{Archive, ArchiveError, ObjectKey};
use crate::journal::Journal;
use crate::ops::metrics::names;

/// Files on their way to the archive at once. A slow bucket must not hold all of them in memory.
const AT_ONCE_MAX: usize = 4;
/// How often waiting, left and overdue audio is looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// What is sent or erased in one sweep at most.
const SWEEP_MAX: usize = 100;
/// A live recording writes every few seconds. A file that is still for so long has nobody any more.
const LEFT_AFTER: Duration = Duration::from_secs(300);
/// A tenant's own number of days, in its settings.
const RETENTION_SETTING: &str = "recording_retention_days";

/// A recording whose file is closed.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) recording: Recording,
    pub(super) path: PathBuf,
    pub(super) outcome: Outcome,
    pub(super) length_ms: u64,
    pub(super) dropped: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Whole,
    Broken,
    Discarded,
}

/// What shelving works with.
pub(super) struct Shelving {
    pub(super) archive: Archive,
    pub(super) journal: Journal,
    pub(super) store: Store,
    pub(super) retention_days: u32,
    /// Recordings that were begun and have no end yet.
    pub(super) open: Arc<AtomicUsize>,
}

/// The row of a recording that has just begun.
pub(super) fn begun(recording: &Recording) -> RecordingWrite {
    RecordingWrite {
        id: recording.id,
        call_id: recording.of.call,
        source: Word::new("tap"),
        layout: Word::new("caller_left_agent_right"),
        status: RecordingStatus::Recording,
        started_at: recording.started_at,
        offset_ms: recording.offset_ms,
        length_ms: None,
        dropped_ms: None,
        bytes: None,
        checksum: None,
        object_key: recording.key().to_string(),
        retained_until: None,
        erased_at: None,
    }
}

/// Starts the task that takes finished recordings, and the one that sweeps.
pub(super) fn start(shelving: Shelving) -> mpsc::UnboundedSender<Finished> {
    let (sender, mut finished) = mpsc::unbounded_channel();
    let shelving = Arc::new(shelving);
    let sweeping = Arc::downgrade(&shelving);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(SWEEP_EVERY);
        loop {
            ticks.tick().await;
            let Some(shelving) = sweeping.upgrade() else {
                return;
            };
            shelving.sweep().await;
        }
    });
    tokio::spawn(async move {
        let slots = Arc::new(Semaphore::new(AT_ONCE_MAX));
        while let Some(recording) = finished.recv().await {
            let slot = Arc::clone(&slots).acquire_owned().await;
            let shelving = Arc::clone(&shelving);
            tokio::spawn(async move {
                shelving.shelve(recording).await;
                shelving.open.fetch_sub(1, Ordering::AcqRel);
                drop(slot);
            });
        }
    });
    sender
}

impl Shelving {
    async fn shelve(&self, finished: Finished) {
        let row = RecordingWrite {
            length_ms: i64::try_from(finished.length_ms).ok(),
            dropped_ms: i64::try_from(finished.dropped.millis()).ok(),
            ..begun(&finished.recording)
        };
        let row = match finished.outcome {
            Outcome::Discarded => RecordingWrite {
                status: RecordingStatus::Erased,
                length_ms: None,
                erased_at: Some(chrono::Utc::now()),
                ..row
            },
            Outcome::Whole => self.kept(&finished, row, RecordingStatus::Stored).await,
            Outcome::Broken => self.kept(&finished, row, RecordingStatus::Broken).await,
        };
        counter!(names::RECORDINGS_TOTAL, "outcome" => row.status.as_str()).increment(1);
        let tenant = finished.recording.of.tenant;
        self.journal.write(tenant, JournalWrite::Recording(row));
    }

    /// Brings the file to the archive. What cannot be stored is broken.
    async fn kept(
        &self,
        finished: &Finished,
        row: RecordingWrite,
        status: RecordingStatus,
    ) -> RecordingWrite {
        let key = finished.recording.key();
        match self.archive.put_file(&key, &finished.path).await {
            Ok(stored) => RecordingWrite {
                status,
                bytes: i64::try_from(stored.bytes).ok(),
                checksum: Some(stored.checksum),
                retained_until: self.retained_until(&finished.recording).await,
                ..row
            },
            Err(error) => {
                let call_id = finished.recording.of.call;
                tracing::error!(%call_id, %error, "a recording could not be stored");
                RecordingWrite {
                    status: RecordingStatus::Broken,
                    ..row
                }
            }
        }
    }

    async fn retained_until(&self, recording: &Recording) -> Option<Timestamp> {
        let rows = self.rows(recording.of.tenant);
        kept_until(&rows, self.retention_days, recording.started_at).await
    }

    fn rows(&self, tenant: TenantId) -> switchboard_store::TenantStore {
        let scope = TenantScope::new(tenant, Actor::System, Purpose::Call);
        self.store.tenant(scope)
    }

    async fn sweep(&self) {
        self.send_waiting().await;
        self.keep_left().await;
        self.erase_overdue(chrono::Utc::now()).await;
    }

    /// Audio that the bucket refused before.
    async fn send_waiting(&self) {
        let waiting = self.archive.waiting(SWEEP_MAX).await.unwrap_or_default();
        for key in waiting {
            if let Err(error) = self.archive.send_waiting(&key).await {
                tracing::warn!(%error, "the bucket refuses; audio waits on the disk");
                return;
            }
        }
    }

    /// Recordings of a process that died: what was written of them is kept, and they are broken.
    async fn keep_left(&self) {
        let Ok(mut folder) = tokio::fs::read_dir(files::folder(&self.archive)).await else {
            return;
        };
        while let Ok(Some(entry)) = folder.next_entry().await {
            let path = entry.path();
            let is_left = async {
                let modified = entry.metadata().await.ok()?.modified().ok()?;
                Some(modified.elapsed().ok()? >= LEFT_AFTER)
            };
            let Some(recording) = files::recording_of(&path) else {
                continue;
            };
            if is_left.await == Some(true) {
                let finished = Finished {
                    recording,
                    path,
                    outcome: Outcome::Broken,
                    length_ms: 0,
                    dropped: Span::ZERO,
                };
                self.shelve(finished).await;
            }
        }
    }

    /// Recordings that were kept long enough, of every tenant.
    async fn erase_overdue(&self, now: Timestamp) {
        let Ok(tenants) = self.store.installation().list_tenants().await else {
            return;
        };
        for tenant in tenants {
            if let Err(error) = self.erase_overdue_of(tenant.id, now).await {
                tracing::warn!(%error, "overdue recordings could not be erased");
            }
        }
    }

    async fn erase_overdue_of(&self, tenant: TenantId, now: Timestamp) -> Result<(), ArchiveError> {
        let rows = self.rows(tenant);
        let count = i64::try_from(SWEEP_MAX).unwrap_or(i64::MAX);
        let overdue = rows.overdue_recordings(now, count).await;
        for recording in overdue.unwrap_or_default() {
            erase(&self.archive, &rows, &recording.object_key, recording.id).await?;
        }
        Ok(())
    }
}

/// Until when a recording is kept: days of the tenant, or else these of the installation; 0 keeps until somebody erases.
pub async fn kept_until(
    rows: &switchboard_store::TenantStore,
    days: u32,
    started_at: Timestamp,
) -> Option<Timestamp> {
    let own = rows.setting(&Word::new(RETENTION_SETTING)).await;
    let own = own.ok().flatten().and_then(|value| value.as_u64());
    let days = own.unwrap_or(u64::from(days));
    let days = i64::try_from(days).ok().filter(|days| *days > 0)?;
    started_at.checked_add_signed(chrono::Duration::try_days(days)?)
}

/// Removes the audio, and then says so: a row that says erased never has audio.
///
/// # Errors
/// Disk or bucket refuse; then nothing is said, and it is tried again.
async fn erase(
    archive: &Archive,
    rows: &switchboard_store::TenantStore,
    key: &str,
    id: switchboard_store::RecordingId,
) -> Result<(), ArchiveError> {
    if let Ok(key) = key.parse::<ObjectKey>() {
        archive.delete(&key).await?;
    }
    match rows.recording_erased(id, chrono::Utc::now()).await {
        Ok(true) => counter!(names::RECORDINGS_TOTAL, "outcome" => "erased").increment(1),
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "an erasure could not be written down"),
    }
    Ok(())
}
