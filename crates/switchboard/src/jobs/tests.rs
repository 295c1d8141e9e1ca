//! The runner against a database and work that fails, hangs and panics as told.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use switchboard_store::{
    Actor, ClaimedJob, JobClaim, JobId, JobIds, JobKey, JobListing, JobState, NewJob, NewTenant,
    Purpose, Store, StoreSettings, TenantScope, TenantStore, Word, WorkerId,
};
use tokio::sync::Semaphore;
use uuid::Uuid;

use super::*;

const BOUND: Duration = Duration::from_secs(20);

/// Work that does what its kind says.
#[derive(Clone)]
struct Told {
    runs: Arc<AtomicUsize>,
    at_once: Arc<AtomicUsize>,
    at_once_max: Arc<AtomicUsize>,
    /// `hold` runs end when there is a permit.
    gate: Arc<Semaphore>,
}

impl Work for Told {
    fn kinds(&self) -> Vec<Word> {
        [
            "work",
            "fail_twice",
            "fail",
            "never",
            "panic",
            "hang",
            "hold",
        ]
        .map(Word::new)
        .to_vec()
    }

    fn patience(&self, kind: &Word) -> Patience {
        Patience {
            waits: &[Duration::ZERO, Duration::ZERO],
            time_max: match kind.as_str() {
                "hang" => Duration::from_millis(1),
                _ => BOUND,
            },
        }
    }

    async fn run(&self, job: &ClaimedJob) -> JobResult {
        self.runs.fetch_add(1, Ordering::SeqCst);
        match job.kind.as_str() {
            "fail_twice" if job.attempts > 2 => Ok(()),
            "fail_twice" | "fail" => Err(JobError::Later(Word::new("refused"))),
            "never" => Err(JobError::Never(Word::new("gone"))),
            "panic" => panic!("as told"),
            "hang" => std::future::pending().await,
            "hold" => {
                let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
                self.at_once_max.fetch_max(now, Ordering::SeqCst);
                self.gate.acquire().await.expect("open").forget();
                self.at_once.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

struct Fixture {
    store: Store,
    rows: TenantStore,
    told: Told,
    bell: JobBell,
    _directory: tempfile::TempDir,
}

impl Fixture {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let url = format!("sqlite://{}", directory.path().join("test.db").display());
        let store = Store::open_exclusive(&StoreSettings::new(&url))
            .await
            .expect("opens");
        let tenant = store
            .installation()
            .create_tenant(&NewTenant::named("medspa"))
            .await
            .expect("created");
        let scope = TenantScope::new(tenant.id, Actor::System, Purpose::Maintain);
        Self {
            rows: store.tenant(scope),
            store,
            told: Told {
                runs: Arc::default(),
                at_once: Arc::default(),
                at_once_max: Arc::default(),
                gate: Arc::new(Semaphore::new(0)),
            },
            bell: JobBell::default(),
            _directory: directory,
        }
    }

    /// A runner that looks by itself once a minute: what happens sooner, the bell or an end caused.
    fn runner(&self) -> JobRunner {
        let limits = RunnerLimits {
            concurrent_max: 2,
            poll: Duration::from_secs(60),
        };
        JobRunner::start(
            self.store.clone(),
            self.told.clone(),
            self.bell.clone(),
            limits,
        )
    }

    async fn ask(&self, kind: &'static str) -> JobId {
        let about = Uuid::now_v7();
        let job = NewJob {
            id: JobId::new(),
            kind: Word::new(kind),
            key: JobKey::of(about),
            ids: JobIds::of("about_id", about),
            run_at: chrono::Utc::now(),
        };
        assert!(self.rows.enqueue_job(&job).await.expect("stored"));
        self.bell.ring();
        job.id
    }

    async fn job(&self, id: JobId) -> JobListing {
        self.rows.job(id).await.expect("answers").expect("is there")
    }

    async fn ended(&self, id: JobId) -> JobListing {
        self.until(async || {
            let job = self.job(id).await;
            let is_over = !matches!(job.state, JobState::Waiting | JobState::Running);
            is_over.then_some(job)
        })
        .await
    }

    /// Looks again until there is an answer. A postponed job is due at once, so each look also rings.
    async fn until<T>(&self, look: impl AsyncFn() -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = look().await {
                    return found;
                }
                self.bell.ring();
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(BOUND, found).await.expect("in time")
    }
}

#[tokio::test]
async fn a_job_is_run_once_and_done() {
    let test = Fixture::new().await;
    let runner = test.runner();
    let id = test.ask("work").await;
    let job = test.ended(id).await;
    assert_eq!((job.state, job.attempts), (JobState::Done, 1));
    runner.stop(BOUND).await;
    assert_eq!(test.told.runs.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_job_that_fails_is_tried_again_as_its_patience_says_and_then_given_up() {
    let test = Fixture::new().await;
    let runner = test.runner();
    let (recovers, fails) = (test.ask("fail_twice").await, test.ask("fail").await);
    let recovered = test.ended(recovers).await;
    assert_eq!((recovered.state, recovered.attempts), (JobState::Done, 3));
    let failed = test.ended(fails).await;
    assert_eq!((failed.state, failed.attempts), (JobState::Failed, 3));
    assert_eq!(failed.last_error, Some(Word::new("refused")));
    runner.stop(BOUND).await;
}

#[tokio::test]
async fn a_job_that_can_never_succeed_is_given_up_at_once() {
    let test = Fixture::new().await;
    let runner = test.runner();
    let id = test.ask("never").await;
    let job = test.ended(id).await;
    assert_eq!((job.state, job.attempts), (JobState::Failed, 1));
    runner.stop(BOUND).await;
}

/// R4: neither takes the runner with it.
#[tokio::test]
async fn a_job_that_panics_or_hangs_is_an_attempt_that_failed_and_others_run() {
    let test = Fixture::new().await;
    let runner = test.runner();
    let (panics, hangs, works) = (
        test.ask("panic").await,
        test.ask("hang").await,
        test.ask("work").await,
    );
    assert_eq!(test.ended(works).await.state, JobState::Done);
    let (panicked, hung) = (test.ended(panics).await, test.ended(hangs).await);
    assert_eq!(
        (panicked.state, panicked.last_error),
        (JobState::Failed, Some(Word::new("panicked")))
    );
    assert_eq!(
        (hung.state, hung.last_error),
        (JobState::Failed, Some(Word::new("timed_out")))
    );
    runner.stop(BOUND).await;
}

#[tokio::test]
async fn no_more_run_at_once_than_the_limit_and_the_rest_follow() {
    let test = Fixture::new().await;
    let runner = test.runner();
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(test.ask("hold").await);
    }
    test.until(async || (test.told.at_once.load(Ordering::SeqCst) == 2).then_some(()))
        .await;
    test.told.gate.add_permits(5);
    for id in ids {
        assert_eq!(test.ended(id).await.state, JobState::Done);
    }
    assert_eq!(test.told.at_once_max.load(Ordering::SeqCst), 2);
    runner.stop(BOUND).await;
}

#[tokio::test]
async fn a_stop_waits_for_the_job_in_progress_and_starts_no_other() {
    let test = Fixture::new().await;
    let runner = test.runner();
    let running = test.ask("hold").await;
    test.until(async || (test.told.at_once.load(Ordering::SeqCst) == 1).then_some(()))
        .await;
    let stopping = tokio::spawn(runner.stop(BOUND));
    test.told.gate.add_permits(1);
    stopping.await.expect("stopped");
    assert_eq!(test.job(running).await.state, JobState::Done);
    let late = test.ask("work").await;
    assert_eq!(test.job(late).await.state, JobState::Waiting);
}

/// R1: nothing is lost with the process, and on SQLite nothing waits for the lease of the dead.
#[tokio::test]
async fn a_job_whose_process_died_is_run_again_by_the_next_one() {
    let test = Fixture::new().await;
    let id = test.ask("work").await;
    let kinds = test.told.kinds();
    let claim = JobClaim {
        worker: WorkerId::new(),
        kinds: &kinds,
        jobs_max: 1,
        now: chrono::Utc::now(),
        lease: Duration::from_secs(3_600),
    };
    let lost = test.store.job_queue().claim(&claim).await.expect("leased");
    assert_eq!(lost[0].id, id);
    let runner = test.runner();
    let job = test.ended(id).await;
    assert_eq!((job.state, job.attempts), (JobState::Done, 2));
    runner.stop(BOUND).await;
}

#[test]
fn waits_are_lengthened_by_a_tenth_at_most_and_end() {
    const WAITS: &[Duration] = &[Duration::from_secs(10), Duration::from_secs(100)];
    let patience = Patience {
        waits: WAITS,
        time_max: BOUND,
    };
    for _ in 0..100 {
        let job = JobId::new();
        let first = patience.wait_after(1, job).expect("a wait");
        assert!((10..=11).contains(&first.as_secs()), "{first:?}");
        let second = patience.wait_after(2, job).expect("a wait");
        assert!((100..=110).contains(&second.as_secs()), "{second:?}");
        assert_eq!(patience.wait_after(3, job), None);
    }
}

#[test]
fn every_kind_is_found_by_its_word_and_waits_longer_each_time() {
    for kind in JobKind::ALL {
        assert_eq!(JobKind::named(&Word::new(kind.word())), Some(*kind));
        assert!(kind.patience().waits.is_sorted(), "{kind:?}");
        assert!(!kind.patience().time_max.is_zero(), "{kind:?}");
    }
}
