//! Jobs: work that outlives what caused it. A row holds ids and words only; whoever runs a job loads its data in the
//! tenant's scope, may run it twice, and does nothing when what it is about is gone.
//!
//! A job waits until `run_at`, is leased by one worker at a time, and ends done, failed or cancelled. A lease that is
//! not renewed ends by itself, so a lost process loses no job. One run is named by its worker and its number
//! ([`JobRun`]): a worker that was given up for lost cannot write over the one that came after it.
//!
//! [`Store::job_queue`](crate::Store::job_queue) is the door of workers: over all tenants, this table only. What a
//! tenant sees and changes of its jobs is in [`TenantStore`].

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::audit::{self, Deed};
use crate::db::{Db, Only, Sight, Tx};
use crate::error::StoreError;
use crate::ids::{JobId, TenantId, WorkerId};
use crate::list::ListFilter;
use crate::scope::TenantStore;
use crate::time::{Timestamp, now};
use crate::word::Word;
use crate::words::JobState;

/// The one who leases takes what is due, or what somebody else held for too long. `$2` is a list of kinds.
macro_rules! claim {
    ($kinds:literal, $lock:literal) => {
        concat!(
            "update jobs set state = 'running', attempts = attempts + 1, worker = $3, leased_until = $4, updated_at = $1
            where (tenant_id, id) in (select tenant_id, id from jobs
                where ((state = 'waiting' and run_at <= $1) or (state = 'running' and leased_until <= $1))
                    and kind in (",
            $kinds,
            ") order by run_at, id limit $5",
            $lock,
            ") returning tenant_id, id, kind, key, ids, attempts, created_at"
        )
    };
}

sql! {
    INSERT = "insert into jobs (tenant_id, id, kind, key, ids, state, run_at, attempts, created_at, updated_at)
        values ($1, $2, $3, $4, $5, 'waiting', $6, 0, $7, $7) on conflict (tenant_id, kind, key) do nothing";
    /// SQLite has one writer, so one statement is enough.
    WORKER_CLAIM_ALONE = claim!("select value from json_each($2)", "");
    WORKER_CLAIM = claim!("select jsonb_array_elements_text($2)", " for update skip locked");
    WORKER_EXPIRE = "update jobs set leased_until = $1 where state = 'running'";
    WORKER_COUNTS = "select kind, state, count(*) as jobs, min(run_at) as oldest_run_at from jobs
        where state in ('waiting', 'running', 'failed') group by kind, state";
    WORKER_FIND = "select tenant_id from jobs where id = $1 limit 1";
    WORKER_TIME = "select current_timestamp";
    KEEP = "update jobs set leased_until = $5
        where tenant_id = $1 and id = $2 and worker = $3 and attempts = $4 and state = 'running'";
    FINISH = "update jobs set state = 'done', leased_until = null, last_error = null, updated_at = $5
        where tenant_id = $1 and id = $2 and worker = $3 and attempts = $4 and state = 'running'";
    POSTPONE = "update jobs set state = 'waiting', leased_until = null, run_at = $5, last_error = $6, updated_at = $7
        where tenant_id = $1 and id = $2 and worker = $3 and attempts = $4 and state = 'running'";
    GIVE_UP = "update jobs set state = 'failed', leased_until = null, last_error = $5, updated_at = $6
        where tenant_id = $1 and id = $2 and worker = $3 and attempts = $4 and state = 'running'";
    RETRY = "update jobs set state = 'waiting', attempts = 0, run_at = $3, updated_at = $3
        where tenant_id = $1 and id = $2 and state in ('waiting', 'failed', 'cancelled')";
    CANCEL = "update jobs set state = 'cancelled', leased_until = null, updated_at = $3
        where tenant_id = $1 and id = $2 and state in ('waiting', 'running', 'failed')";
    LIST = "select id, kind, key, ids, state, run_at, attempts, leased_until, last_error, created_at, updated_at
        from jobs where tenant_id = $1 order by created_at desc, id desc limit $2";
    DETAIL = "select id, kind, key, ids, state, run_at, attempts, leased_until, last_error, created_at, updated_at
        from jobs where tenant_id = $1 and id = $2";
}

/// Names and ids: all that a job knows about its subject. No text fits in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobIds(BTreeMap<Word, Uuid>);

impl JobIds {
    /// One id by its name, such as `call_id`.
    pub fn of(name: &'static str, id: Uuid) -> Self {
        Self::default().with(name, id)
    }

    /// One more.
    #[must_use]
    pub fn with(mut self, name: &'static str, id: Uuid) -> Self {
        self.0.insert(Word::new(name), id);
        self
    }

    pub fn find(&self, name: &'static str) -> Option<Uuid> {
        self.0.get(&Word::new(name)).copied()
    }
}

/// What makes asking for the same work twice harmless: an id or a technical word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobKey(String);

impl JobKey {
    pub fn of(id: Uuid) -> Self {
        Self(id.to_string())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Word> for JobKey {
    fn from(word: Word) -> Self {
        Self(word.into())
    }
}

impl fmt::Display for JobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

stored_as_text!(JobKey, |key| key.as_str(), |text: &str| Ok::<
    _,
    std::convert::Infallible,
>(JobKey(
    text.to_owned()
)));

/// Work to be done, once per tenant, kind and key: asked for again it changes nothing, whatever became of the first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewJob {
    /// Made by the writer.
    pub id: JobId,
    pub kind: Word,
    pub key: JobKey,
    pub ids: JobIds,
    /// Not before this moment.
    pub run_at: Timestamp,
}

/// One run of a job: until it is finished, postponed or given up, or its lease ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobRun {
    pub job: JobId,
    pub worker: WorkerId,
    /// 1 for the first.
    pub attempt: i64,
}

/// A leased job.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ClaimedJob {
    pub tenant_id: TenantId,
    pub id: JobId,
    pub kind: Word,
    pub key: JobKey,
    #[sqlx(json)]
    pub ids: JobIds,
    /// Runs so far, this one included.
    pub attempts: i64,
    pub created_at: Timestamp,
}

/// A job in `switchboard list jobs`. Its keys are a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct JobListing {
    pub id: JobId,
    pub kind: Word,
    pub key: JobKey,
    #[sqlx(json)]
    pub ids: JobIds,
    pub state: JobState,
    pub run_at: Timestamp,
    pub attempts: i64,
    pub leased_until: Option<Timestamp>,
    pub last_error: Option<Word>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// How many jobs of a kind are in a state, over all tenants.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct JobCount {
    pub kind: Word,
    pub state: JobState,
    pub jobs: i64,
    pub oldest_run_at: Timestamp,
}

/// What a worker asks for.
#[derive(Debug, Clone, Copy)]
pub struct JobClaim<'a> {
    pub worker: WorkerId,
    /// Kinds this version knows; others are left to those who do.
    pub kinds: &'a [Word],
    pub jobs_max: u32,
    /// By the database's clock; see [`JobQueue::time`].
    pub now: Timestamp,
    /// How long the lease holds unless it is renewed.
    pub lease: Duration,
}

/// The door of workers: jobs of all tenants, and nothing else. On PostgreSQL it acts as `switchboard_worker`.
#[derive(Debug, Clone)]
pub struct JobQueue {
    db: Db,
}

impl ClaimedJob {
    /// Whose run this is.
    pub fn run(&self, worker: WorkerId) -> JobRun {
        JobRun {
            job: self.id,
            worker,
            attempt: self.attempts,
        }
    }
}

impl JobQueue {
    pub(crate) const fn new(db: Db) -> Self {
        Self { db }
    }

    /// Leases jobs that are due, the longest waiting first; each goes to one worker, on any number of nodes.
    pub async fn claim(&self, claim: &JobClaim<'_>) -> Result<Vec<ClaimedJob>, StoreError> {
        let mut tx = self.db.write(Sight::Worker).await?;
        let statement = match tx {
            Tx::Sqlite(_) => WORKER_CLAIM_ALONE,
            Tx::Postgres(_) => WORKER_CLAIM,
        };
        let until = claim.now + claim.lease;
        let jobs = fetch!(
            &mut tx, all ClaimedJob, statement, claim.now, Json(claim.kinds), claim.worker, until,
            i64::from(claim.jobs_max)
        )?;
        tx.commit().await?;
        Ok(jobs)
    }

    /// Ends every lease. For a server that knows it is alone, as on SQLite: what a lost process held need not wait.
    pub async fn expire_leases(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.db.write(Sight::Worker).await?;
        let expired = execute!(&mut tx, WORKER_EXPIRE, now)?;
        tx.commit().await?;
        Ok(expired)
    }

    /// Jobs that are not over, by kind and state.
    pub async fn counts(&self) -> Result<Vec<JobCount>, StoreError> {
        let mut tx = self.db.read(Sight::Worker).await?;
        fetch!(&mut tx, all JobCount, WORKER_COUNTS)
    }

    /// Whose job this is.
    pub async fn tenant_of(&self, job: JobId) -> Result<Option<TenantId>, StoreError> {
        let mut tx = self.db.read(Sight::Worker).await?;
        let row = fetch!(&mut tx, optional Only<TenantId>, WORKER_FIND, job)?;
        Ok(row.map(|(tenant,)| tenant))
    }

    /// The clock that leases go by: the database's, where several nodes share one (R1).
    pub async fn time(&self) -> Result<Timestamp, StoreError> {
        if matches!(self.db, Db::Sqlite { .. }) {
            return Ok(now());
        }
        let mut tx = self.db.read(Sight::Worker).await?;
        let (time,) = fetch!(&mut tx, one Only<Timestamp>, WORKER_TIME)?;
        Ok(time)
    }
}

impl TenantStore {
    /// Asks for work. `false` when it was asked for before. In a transaction of the journal: `JournalWrite::Job`.
    pub async fn enqueue_job(&self, job: &NewJob) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let is_new = enqueue(&mut tx, self.tenant(), job).await?;
        tx.commit().await?;
        Ok(is_new)
    }

    /// Moves the end of the run's lease. `false` when this run does not hold the job any more: then it stops.
    pub async fn keep_job(&self, run: &JobRun, until: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let kept = execute!(
            &mut tx,
            KEEP,
            self.tenant(),
            run.job,
            run.worker,
            run.attempt,
            until
        )?;
        tx.commit().await?;
        Ok(kept == 1)
    }

    /// The run did it. `false` when this run does not hold the job any more.
    pub async fn finish_job(&self, run: &JobRun) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let done = execute!(
            &mut tx,
            FINISH,
            self.tenant(),
            run.job,
            run.worker,
            run.attempt,
            now()
        )?;
        tx.commit().await?;
        Ok(done == 1)
    }

    /// The run did not do it; the next one comes at `run_at`. `false` when this run does not hold the job any more.
    pub async fn postpone_job(
        &self,
        run: &JobRun,
        run_at: Timestamp,
        error: &Word,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let (tenant, at) = (self.tenant(), now());
        let done = execute!(
            &mut tx,
            POSTPONE,
            tenant,
            run.job,
            run.worker,
            run.attempt,
            run_at,
            error,
            at
        )?;
        tx.commit().await?;
        Ok(done == 1)
    }

    /// No run will do it. `false` when this run does not hold the job any more.
    pub async fn fail_job(&self, run: &JobRun, error: &Word) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let (tenant, at) = (self.tenant(), now());
        let done = execute!(
            &mut tx,
            GIVE_UP,
            tenant,
            run.job,
            run.worker,
            run.attempt,
            error,
            at
        )?;
        tx.commit().await?;
        Ok(done == 1)
    }

    /// Lets a waiting, failed or cancelled job run now, with all its attempts, and leaves an audit entry. `false` when
    /// it is running, done or unknown.
    pub async fn retry_job(&self, job: JobId, at: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let changed = execute!(&mut tx, RETRY, self.tenant(), job, at)?;
        self.audited(tx, changed, "retry", job).await
    }

    /// Takes back a job that is not done, and leaves an audit entry. One that is running just now may still do what
    /// it began. `false` when it is over or unknown.
    pub async fn cancel_job(&self, job: JobId, at: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let changed = execute!(&mut tx, CANCEL, self.tenant(), job, at)?;
        self.audited(tx, changed, "cancel", job).await
    }

    async fn audited(
        &self,
        mut tx: Tx,
        changed: u64,
        action: &'static str,
        job: JobId,
    ) -> Result<bool, StoreError> {
        if changed == 1 {
            let deed = Deed {
                action,
                noun: "job",
                noun_id: &job,
            };
            audit::record(&mut tx, &self.scope, deed).await?;
        }
        tx.commit().await?;
        Ok(changed == 1)
    }

    pub async fn job(&self, job: JobId) -> Result<Option<JobListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, optional JobListing, DETAIL, self.tenant(), job)
    }

    /// Jobs, newest first.
    pub async fn list_jobs(&self, filter: &ListFilter) -> Result<Vec<JobListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all JobListing, LIST, self.tenant(), filter.rows_max())
    }
}

/// The kind of the job that follows from a fact of this file's name; the shell has kinds of the same names.
pub(crate) const CALL_ENDED: Word = Word::new("call.ended");
pub(crate) const CALL_HANDED_OVER: Word = Word::new("call.handed_over");
pub(crate) const VOICEMAIL_LEFT: Word = Word::new("voicemail.left");
pub(crate) const VOICEMAIL_FETCH: Word = Word::new("voicemail.fetch");
pub(crate) const APPOINTMENT_REMIND: Word = Word::new("appointment.remind");
pub(crate) const APPOINTMENT_BOOKED: Word = Word::new("appointment.booked");

/// Asks for what follows from a fact, in the transaction that stores the fact: neither is kept without the other.
pub(crate) async fn follow(
    tx: &mut Tx,
    tenant: TenantId,
    fact: Word,
    (name, id): (&'static str, Uuid),
) -> Result<(), StoreError> {
    let job = NewJob {
        id: JobId::new(),
        kind: fact,
        key: JobKey::of(id),
        ids: JobIds::of(name, id),
        run_at: now(),
    };
    enqueue(tx, tenant, &job).await.map(drop)
}

pub(crate) async fn enqueue(
    tx: &mut Tx,
    tenant: TenantId,
    job: &NewJob,
) -> Result<bool, StoreError> {
    let added = execute!(
        tx,
        INSERT,
        tenant,
        job.id,
        &job.kind,
        &job.key,
        Json(&job.ids),
        job.run_at,
        now()
    )?;
    Ok(added == 1)
}
