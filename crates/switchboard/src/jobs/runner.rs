//! Leases due jobs and runs them, a bounded number at once, until the server stops.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use metrics::{counter, gauge, histogram};
use switchboard_store::{
    Actor, ClaimedJob, JobClaim, JobRun, JobState, Purpose, Store, StoreError, StoreKind,
    TenantScope, TenantStore, Word, WorkerId,
};
use tokio::sync::oneshot;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::bell::JobBell;
use super::work::{JobError, JobResult, Work};
use crate::ops::metrics::names;

/// How long a lease holds unless its run renews it: what a lost process held waits this long at most.
const LEASE: Duration = Duration::from_secs(60);
/// Three tries to renew before the lease ends.
const RENEWAL: Duration = Duration::from_secs(20);
/// How often the measures of waiting jobs are taken.
const COUNTING: Duration = Duration::from_secs(15);
/// Longest wait between two tries to store how a run went.
const STORE_RETRY_MAX: Duration = Duration::from_secs(5);

/// Bounds of a runner.
#[derive(Clone, Copy, Debug)]
pub struct RunnerLimits {
    /// Jobs at once.
    pub concurrent_max: usize,
    /// How often to look for work that was asked for elsewhere or is due by time.
    pub poll: Duration,
}

/// A runner at work.
#[derive(Debug)]
pub struct JobRunner {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

struct Runner<W> {
    store: Store,
    work: Arc<W>,
    kinds: Vec<Word>,
    bell: JobBell,
    limits: RunnerLimits,
    running: JoinSet<()>,
}

impl JobRunner {
    /// Begins to run jobs.
    pub fn start<W: Work>(store: Store, work: W, bell: JobBell, limits: RunnerLimits) -> Self {
        let (stop, stopped) = oneshot::channel();
        let runner = Runner {
            kinds: work.kinds(),
            store,
            work: Arc::new(work),
            bell,
            limits,
            running: JoinSet::new(),
        };
        let task = tokio::spawn(runner.run(stopped));
        Self { stop, task }
    }

    /// Takes no more jobs and waits for those in progress. Past `limit` they are dropped; their leases end by themselves
    /// and the next process runs them again.
    pub async fn stop(mut self, limit: Duration) {
        let _ = self.stop.send(());
        if timeout(limit, &mut self.task).await.is_err() {
            self.task.abort();
            tracing::warn!("jobs were still running at the stop; they will run again");
        }
    }
}

impl<W: Work> Runner<W> {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        self.take_over().await;
        let mut polls = ticks(self.limits.poll);
        let mut counts = ticks(COUNTING);
        loop {
            tokio::select! {
                _ = &mut stopped => break,
                () = self.bell.rung() => {}
                _ = polls.tick() => {}
                _ = counts.tick() => self.count().await,
                Some(_) = self.running.join_next() => {}
            }
            self.start_due().await;
        }
        while self.running.join_next().await.is_some() {}
    }

    /// On SQLite this server is alone, so what is leased belongs to a process that is gone.
    async fn take_over(&self) {
        if self.store.kind() != StoreKind::Sqlite {
            return;
        }
        let queue = self.store.job_queue();
        let taken = async { queue.expire_leases(queue.time().await?).await };
        match taken.await {
            Ok(0) => {}
            Ok(jobs) => tracing::info!(jobs, "jobs of the last process run again"),
            Err(error) => tracing::warn!(%error, "jobs of the last process wait for their leases"),
        }
    }

    async fn start_due(&mut self) {
        let free = self.limits.concurrent_max - self.running.len();
        if free == 0 || self.kinds.is_empty() {
            return;
        }
        let worker = WorkerId::new();
        match self.claim(worker, free).await {
            Ok(jobs) => {
                for job in jobs {
                    let run = Run {
                        rows: job_rows(&self.store, &job),
                        store: self.store.clone(),
                        work: Arc::clone(&self.work),
                        run: job.run(worker),
                        job,
                    };
                    self.running.spawn(run.carry_out());
                }
            }
            Err(error) => tracing::warn!(%error, "cannot look for jobs"),
        }
    }

    async fn claim(&self, worker: WorkerId, free: usize) -> Result<Vec<ClaimedJob>, StoreError> {
        let queue = self.store.job_queue();
        let claim = JobClaim {
            worker,
            kinds: &self.kinds,
            jobs_max: u32::try_from(free).unwrap_or(u32::MAX),
            now: queue.time().await?,
            lease: LEASE,
        };
        queue.claim(&claim).await
    }

    async fn count(&self) {
        let queue = self.store.job_queue();
        let counted = async { Ok::<_, StoreError>((queue.time().await?, queue.counts().await?)) };
        let Ok((now, counts)) = counted.await else {
            return;
        };
        for kind in &self.kinds {
            let of_kind = || counts.iter().filter(|count| count.kind == *kind);
            let jobs = |state| of_kind().find(|count| count.state == state);
            let number = |state| jobs(state).map_or(0.0, |count| count.jobs as f64);
            let late = jobs(JobState::Waiting).map(|count| now - count.oldest_run_at);
            let late = late.and_then(|late| late.to_std().ok()).unwrap_or_default();
            let label = kind.to_string();
            gauge!(names::JOBS_WAITING, "kind" => label.clone()).set(number(JobState::Waiting));
            gauge!(names::JOBS_FAILED, "kind" => label.clone()).set(number(JobState::Failed));
            gauge!(names::JOBS_LATE_SECONDS, "kind" => label).set(late.as_secs_f64());
        }
    }
}

/// One run of one job.
struct Run<W> {
    store: Store,
    rows: TenantStore,
    work: Arc<W>,
    run: JobRun,
    job: ClaimedJob,
}

impl<W: Work> Run<W> {
    async fn carry_out(self) {
        let began = Instant::now();
        let patience = self.work.patience(&self.job.kind);
        // A panic is a bug in one kind, and ends one run of it (R4).
        let work = AssertUnwindSafe(self.work.run(&self.job)).catch_unwind();
        let result = tokio::select! {
            ended = timeout(patience.time_max, work) => match ended {
                Ok(Ok(result)) => result,
                Ok(Err(_)) => Err(JobError::Later(Word::new("panicked"))),
                Err(_) => Err(JobError::Later(Word::new("timed_out"))),
            },
            () = self.keep_until_lost() => {
                tracing::warn!(job_id = %self.job.id, kind = %self.job.kind, "a job was taken from its run");
                return;
            }
        };
        let kind = self.job.kind.to_string();
        histogram!(names::JOB_SECONDS, "kind" => kind).record(began.elapsed().as_secs_f64());
        self.store_end(&result).await;
    }

    /// Renews the lease for as long as it is ours. While the database is away it may be lost without our knowing:
    /// whoever then runs the job again is what jobs are made for.
    async fn keep_until_lost(&self) {
        loop {
            sleep(RENEWAL).await;
            let kept = async {
                let until = self.store.job_queue().time().await? + LEASE;
                self.rows.keep_job(&self.run, until).await
            };
            if let Ok(false) = kept.await {
                return;
            }
        }
    }

    async fn store_end(&self, result: &JobResult) {
        let mut wait = Duration::from_millis(100);
        loop {
            match self.try_store_end(result).await {
                Ok(()) => return,
                Err(StoreError::Unavailable { .. } | StoreError::Busy) => {
                    sleep(wait).await;
                    wait = (wait * 2).min(STORE_RETRY_MAX);
                }
                Err(error) => {
                    tracing::error!(%error, job_id = %self.job.id, "the end of a job cannot be stored");
                    return;
                }
            }
        }
    }

    async fn try_store_end(&self, result: &JobResult) -> Result<(), StoreError> {
        let (rows, run, job) = (&self.rows, &self.run, &self.job);
        let patience = self.work.patience(&job.kind);
        let wait = patience.wait_after(job.attempts, job.id);
        let (outcome, is_ours) = match (result, wait) {
            (Ok(()), _) => ("done", rows.finish_job(run).await?),
            (Err(JobError::Never(word)), _)
            | (Err(JobError::Later(word) | JobError::After(word, _)), None) => {
                ("failed", rows.fail_job(run, word).await?)
            }
            (Err(error), Some(wait)) => {
                let wait = match error {
                    JobError::After(_, least) => wait.max(*least),
                    _ => wait,
                };
                let run_at = self.store.job_queue().time().await? + wait;
                (
                    "postponed",
                    rows.postpone_job(run, run_at, error.word()).await?,
                )
            }
        };
        self.report(outcome, result);
        if !is_ours {
            tracing::warn!(job_id = %job.id, kind = %job.kind, "a job ended after its lease had");
        }
        Ok(())
    }

    fn report(&self, outcome: &'static str, result: &JobResult) {
        let ClaimedJob {
            id, kind, attempts, ..
        } = &self.job;
        let label = kind.to_string();
        counter!(names::JOBS_ENDED_TOTAL, "kind" => label, "outcome" => outcome).increment(1);
        let reason = result.as_ref().err().map(JobError::word);
        let reason = reason.map_or("", Word::as_str);
        match outcome {
            "done" => tracing::debug!(job_id = %id, %kind, attempts, "job done"),
            "failed" => tracing::error!(job_id = %id, %kind, attempts, reason, "job given up"),
            _ => tracing::warn!(job_id = %id, %kind, attempts, reason, "job postponed"),
        }
    }
}

fn job_rows(store: &Store, job: &ClaimedJob) -> TenantStore {
    store.tenant(TenantScope::new(
        job.tenant_id,
        Actor::System,
        Purpose::Maintain,
    ))
}

fn ticks(period: Duration) -> tokio::time::Interval {
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
