//! What is kept for how long, per kind and tenant, and the work of deleting it: once a day and tenant as a job, in batches
//! that no call notices.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use switchboard_store::{
    Actor, ClaimedJob, JobIds, JobKey, Purpose, RetentionKind, Store, StoreError, TenantScope,
    TenantStore, Timestamp, Word,
};

use crate::archive::{Archive, ObjectKey};
use crate::config::RetentionSettings;
use crate::http::Drain;
use crate::jobs::{JobBell, JobError, JobKind, JobResult};

/// A tenant's own days, as a map of kinds in its settings.
const SETTING: &str = "retention_days";
/// Longest time that can be set: twenty years.
pub const DAYS_MAX: u32 = 7_300;
/// Calls, or rows, of one transaction: some milliseconds.
const BATCH: i64 = 200;
/// Batches of one kind in one run. What is left then waits for the next run, a moment later.
const BATCHES_MAX: u32 = 50;
/// How often it is looked whether a day has begun.
const LOOK_PERIOD: Duration = Duration::from_secs(60 * 60);
/// A server that has just started has other things to do.
const FIRST_LOOK: Duration = Duration::from_secs(5 * 60);
/// A run that left something comes again after this.
const AGAIN: Duration = Duration::from_secs(10);

/// One kind of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Planned {
    /// The kind.
    pub kind: RetentionKind,
    /// Days it is kept; 0 is for ever.
    pub days: u32,
    /// Whether the tenant has set them itself.
    pub is_own: bool,
    /// What is older goes. None: nothing.
    pub before: Option<Timestamp>,
}

/// What is over, or was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overdue {
    /// The tenant's name.
    pub tenant: String,
    /// The kind.
    pub kind: RetentionKind,
    /// Days it is kept; 0 is for ever.
    pub days: u32,
    /// Rows that are over, or that went.
    pub rows: u64,
}

/// A sweep's outcome for one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows that went.
    pub rows: u64,
    /// There is more.
    pub is_cut: bool,
}

/// What counts for one tenant at this moment.
///
/// # Errors
/// The database cannot be asked.
pub async fn plan(
    rows: &TenantStore,
    settings: &RetentionSettings,
    now: Timestamp,
) -> Result<Vec<Planned>, StoreError> {
    let own = own_days(rows).await?;
    let kinds = RetentionKind::ALL.into_iter();
    Ok(kinds
        .map(|kind| {
            let set = own.get(kind.as_str()).copied();
            let days = set.unwrap_or(settings.days(kind));
            let kept = chrono::Duration::days(i64::from(days));
            Planned {
                kind,
                days,
                is_own: set.is_some(),
                before: now.checked_sub_signed(kept).filter(|_| days > 0),
            }
        })
        .collect())
}

async fn own_days(rows: &TenantStore) -> Result<BTreeMap<String, u32>, StoreError> {
    let set = rows.setting(&Word::new(SETTING)).await?;
    let set = set.as_ref().and_then(Value::as_object).cloned();
    let days = set.into_iter().flatten().filter_map(|(kind, days)| {
        let days = u32::try_from(days.as_u64()?).ok()?;
        Some((kind, days.min(DAYS_MAX)))
    });
    Ok(days.collect())
}

/// Sets a tenant's own days of a kind, or gives them back to the settings with None.
///
/// # Errors
/// The database cannot be asked.
pub async fn set_days(
    rows: &TenantStore,
    kind: RetentionKind,
    days: Option<u32>,
) -> Result<(), StoreError> {
    let mut own = own_days(rows).await?;
    match days {
        Some(days) => own.insert(kind.as_str().to_owned(), days.min(DAYS_MAX)),
        None => own.remove(kind.as_str()),
    };
    rows.put_setting(&Word::new(SETTING), &json!(own)).await
}

/// How much is over. Nothing is changed.
///
/// # Errors
/// The database cannot be asked.
pub async fn count(rows: &TenantStore, planned: &Planned) -> Result<u64, StoreError> {
    match planned.before {
        Some(before) => {
            let rows = rows.count_overdue(planned.kind, before).await?;
            Ok(rows.unsigned_abs())
        }
        None => Ok(0),
    }
}

/// Deletes what is over, up to the bound of one run.
///
/// # Errors
/// The database cannot be asked. Audio that cannot be deleted keeps its row, and is tried again by the next run.
pub async fn sweep(
    rows: &TenantStore,
    archive: &Archive,
    planned: &Planned,
) -> Result<Swept, StoreError> {
    let Some(before) = planned.before else {
        return Ok(Swept::default());
    };
    let mut swept = Swept::default();
    for _ in 0..BATCHES_MAX {
        let gone = match planned.kind {
            RetentionKind::Voicemails => voicemails(rows, archive, before).await?,
            kind => rows.delete_overdue(kind, before, BATCH).await?,
        };
        swept.rows += gone;
        if gone == 0 {
            return Ok(swept);
        }
    }
    swept.is_cut = true;
    Ok(swept)
}

/// The audio goes first: a message that is forgotten never leaves a file behind.
async fn voicemails(
    rows: &TenantStore,
    archive: &Archive,
    before: Timestamp,
) -> Result<u64, StoreError> {
    let mut gone = 0;
    for voicemail in rows.overdue_voicemails(before, BATCH).await? {
        let key = voicemail.object_key.as_deref();
        let key = key.and_then(|key| key.parse::<ObjectKey>().ok());
        if let Some(key) = key
            && let Err(error) = archive.delete(&key).await
        {
            tracing::warn!(%error, "audio of an old voicemail could not be deleted; it is tried again");
            return Ok(0);
        }
        gone += u64::from(rows.delete_voicemail(voicemail.id).await?);
    }
    Ok(gone)
}

/// What the job needs.
#[derive(Clone)]
pub struct Retention {
    /// The installation's days.
    pub settings: RetentionSettings,
    /// Where audio is.
    pub archive: Archive,
}

impl Retention {
    /// One run for the job's tenant.
    ///
    /// # Errors
    /// The database cannot be asked, or there is more than one run takes.
    pub async fn run(&self, rows: &TenantStore, job: &ClaimedJob) -> JobResult {
        let mut is_cut = false;
        for planned in plan(rows, &self.settings, chrono::Utc::now()).await? {
            let swept = sweep(rows, &self.archive, &planned).await?;
            is_cut |= swept.is_cut;
            if swept.rows > 0 {
                let (tenant_id, kind) = (job.tenant_id, planned.kind.as_str());
                tracing::info!(%tenant_id, kind, rows = swept.rows, "what was kept long enough is deleted");
            }
        }
        if is_cut {
            return Err(JobError::After(Word::new("more_is_over"), AGAIN));
        }
        Ok(())
    }
}

/// Asks for one run per tenant and day, until the server stops. Several nodes ask for the same one.
pub async fn keep_up(store: Store, bell: JobBell, mut drain: Drain) {
    let first = tokio::time::Instant::now() + FIRST_LOOK;
    let mut looks = tokio::time::interval_at(first, LOOK_PERIOD);
    loop {
        tokio::select! {
            _ = looks.tick() => {}
            () = drain.begun() => return,
        }
        match ask(&store, chrono::Utc::now()).await {
            Ok(()) => bell.ring(),
            Err(error) => tracing::warn!(%error, "old data waits: the database cannot be asked"),
        }
    }
}

/// Asks for the run of this day, of every tenant.
///
/// # Errors
/// The database cannot be asked.
pub async fn ask(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    let day = format!("day.{}", now.format("%Y-%m-%d"));
    let key = Word::parse(&day).unwrap_or_else(|_| Word::new("day"));
    for tenant in store.installation().list_tenants().await? {
        let scope = TenantScope::new(tenant.id, Actor::System, Purpose::Maintain);
        let job = JobKind::RetentionSweep.job(JobKey::from(key.clone()), JobIds::default(), now);
        store.tenant(scope).enqueue_job(&job).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
