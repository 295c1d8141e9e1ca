//! Jobs: asked for once, leased by one worker at a time, never lost with a process.

mod support;

use std::time::Duration;

use support::twins::job;
use support::{all_at_once, at};
use switchboard_store::*;
use uuid::Uuid;

const LEASE: Duration = Duration::from_secs(60);

fn kinds() -> [Word; 1] {
    [Word::new("test.work")]
}

async fn claim(store: &Store, worker: WorkerId, now: Timestamp, jobs_max: u32) -> Vec<ClaimedJob> {
    let kinds = kinds();
    let claim = JobClaim {
        worker,
        kinds: &kinds,
        jobs_max,
        now,
        lease: LEASE,
    };
    store.job_queue().claim(&claim).await.expect("it answers")
}

fn run(claimed: &ClaimedJob, worker: WorkerId) -> JobRun {
    claimed.run(worker)
}

async fn state(rows: &TenantStore, id: JobId) -> (JobState, i64) {
    let job = rows.job(id).await.unwrap().expect("the job is there");
    (job.state, job.attempts)
}

on_both! {
    the_same_work_asked_for_twice_is_one_job_even_when_the_first_is_done(test) {
        let rows = test.fresh_tenant().await;
        let (about, worker) = (Uuid::now_v7(), WorkerId::new());
        assert!(rows.enqueue_job(&job(JobId::new(), about)).await.unwrap());
        assert!(!rows.enqueue_job(&job(JobId::new(), about)).await.unwrap());
        let claimed = claim(&test.store, worker, at(1), 10).await;
        assert_eq!(claimed.len(), 1);
        assert_eq!(claimed[0].ids.find("call_id"), Some(about));
        assert!(rows.finish_job(&run(&claimed[0], worker)).await.unwrap());
        assert!(!rows.enqueue_job(&job(JobId::new(), about)).await.unwrap());
        assert_eq!(claim(&test.store, worker, at(1_000_000), 10).await, []);
    }

    a_job_is_not_run_before_its_time_and_the_oldest_goes_first(test) {
        let rows = test.fresh_tenant().await;
        let worker = WorkerId::new();
        for seconds in [30, 10, 20] {
            let late = NewJob { run_at: at(seconds), ..job(JobId::new(), Uuid::now_v7()) };
            rows.enqueue_job(&late).await.unwrap();
        }
        assert_eq!(claim(&test.store, worker, at(9), 10).await, []);
        assert_eq!(claim(&test.store, worker, at(10), 10).await.len(), 1);
        assert_eq!(claim(&test.store, worker, at(30), 1).await.len(), 1);
        let last = claim(&test.store, worker, at(30), 10).await;
        assert_eq!(last.len(), 1);
        assert_eq!(rows.job(last[0].id).await.unwrap().unwrap().run_at, at(30));
    }

    a_kind_this_version_does_not_know_is_left_alone(test) {
        let rows = test.fresh_tenant().await;
        let foreign = NewJob { kind: Word::new("test.newer"), ..job(JobId::new(), Uuid::now_v7()) };
        rows.enqueue_job(&foreign).await.unwrap();
        assert_eq!(claim(&test.store, WorkerId::new(), at(9), 10).await, []);
        assert_eq!(state(&rows, foreign.id).await, (JobState::Waiting, 0));
    }

    each_job_goes_to_one_worker_however_many_ask_at_once(test) {
        let rows = test.fresh_tenant().await;
        let other = test.tenant("spa").await;
        let other = test.scoped(other.id);
        for _ in 0..20 {
            rows.enqueue_job(&job(JobId::new(), Uuid::now_v7())).await.unwrap();
            other.enqueue_job(&job(JobId::new(), Uuid::now_v7())).await.unwrap();
        }
        let claims = all_at_once(20, |_| {
            let store = test.store.clone();
            async move { claim(&store, WorkerId::new(), at(1), 3).await }
        })
        .await;
        let mut ids: Vec<_> = claims.into_iter().flatten().map(|job| job.id).collect();
        ids.extend(claim(&test.store, WorkerId::new(), at(1), 100).await.into_iter().map(|job| job.id));
        assert_eq!(ids.len(), 40, "every job of both tenants, once");
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 40);
    }

    /// r1: a lost process loses no job, and one that comes back late cannot write over its successor.
    a_lease_that_is_not_renewed_ends_and_the_job_is_run_by_another(test) {
        let rows = test.fresh_tenant().await;
        let (lost, next) = (WorkerId::new(), WorkerId::new());
        let id = JobId::new();
        rows.enqueue_job(&job(id, Uuid::now_v7())).await.unwrap();
        let first = claim(&test.store, lost, at(0), 10).await;
        assert_eq!(claim(&test.store, next, at(59), 10).await, []);
        assert!(rows.keep_job(&run(&first[0], lost), at(110)).await.unwrap());
        assert_eq!(claim(&test.store, next, at(109), 10).await, []);
        let second = claim(&test.store, next, at(110), 10).await;
        assert_eq!((second[0].id, second[0].attempts), (id, 2));
        assert!(!rows.keep_job(&run(&first[0], lost), at(999)).await.unwrap());
        let word = Word::new("late");
        assert!(!rows.finish_job(&run(&first[0], lost)).await.unwrap());
        assert!(!rows.postpone_job(&run(&first[0], lost), at(0), &word).await.unwrap());
        assert!(!rows.fail_job(&run(&first[0], lost), &word).await.unwrap());
        assert_eq!(state(&rows, id).await, (JobState::Running, 2));
        assert!(rows.finish_job(&run(&second[0], next)).await.unwrap());
        assert_eq!(state(&rows, id).await, (JobState::Done, 2));
    }

    a_server_that_is_alone_takes_over_what_its_lost_predecessor_held(test) {
        let rows = test.fresh_tenant().await;
        rows.enqueue_job(&job(JobId::new(), Uuid::now_v7())).await.unwrap();
        claim(&test.store, WorkerId::new(), at(0), 10).await;
        assert_eq!(test.store.job_queue().expire_leases(at(1)).await.unwrap(), 1);
        assert_eq!(claim(&test.store, WorkerId::new(), at(1), 10).await.len(), 1);
    }

    a_job_that_went_wrong_waits_fails_and_can_be_tried_again_by_hand(test) {
        let rows = test.fresh_tenant().await;
        let (worker, id, word) = (WorkerId::new(), JobId::new(), Word::new("timed_out"));
        rows.enqueue_job(&job(id, Uuid::now_v7())).await.unwrap();
        let first = claim(&test.store, worker, at(0), 1).await;
        assert!(rows.postpone_job(&run(&first[0], worker), at(100), &word).await.unwrap());
        assert_eq!(claim(&test.store, worker, at(99), 1).await, []);
        let second = claim(&test.store, worker, at(100), 1).await;
        assert!(rows.fail_job(&run(&second[0], worker), &word).await.unwrap());
        let failed = rows.job(id).await.unwrap().unwrap();
        assert_eq!((failed.state, failed.last_error), (JobState::Failed, Some(word)));
        assert_eq!(claim(&test.store, worker, at(1_000), 1).await, []);
        let counts = test.store.job_queue().counts().await.unwrap();
        assert!(counts.iter().any(|count| count.state == JobState::Failed && count.jobs == 1));
        assert!(rows.retry_job(id, at(200)).await.unwrap());
        let again = claim(&test.store, worker, at(200), 1).await;
        assert_eq!(again[0].attempts, 1);
        assert!(!rows.retry_job(id, at(200)).await.unwrap(), "it runs");
    }

    a_cancelled_job_is_not_run_and_a_done_one_can_be_neither_cancelled_nor_repeated(test) {
        let rows = test.fresh_tenant().await;
        let (worker, cancelled, done) = (WorkerId::new(), JobId::new(), JobId::new());
        rows.enqueue_job(&job(cancelled, Uuid::now_v7())).await.unwrap();
        assert!(rows.cancel_job(cancelled, at(1)).await.unwrap());
        assert_eq!(claim(&test.store, worker, at(2), 9).await, []);
        rows.enqueue_job(&job(done, Uuid::now_v7())).await.unwrap();
        let claimed = claim(&test.store, worker, at(2), 9).await;
        rows.finish_job(&run(&claimed[0], worker)).await.unwrap();
        assert!(!rows.cancel_job(done, at(3)).await.unwrap());
        assert!(!rows.retry_job(done, at(3)).await.unwrap());
        let entries = rows.list_audit_entries(&ListFilter::default()).await.unwrap();
        assert_eq!(entries.len(), 1, "only what changed is in the audit trail");
        assert_eq!((entries[0].action.as_str(), entries[0].noun.as_str()), ("cancel", "job"));
    }

    the_tenant_of_a_job_is_found_by_workers(test) {
        let rows = test.fresh_tenant().await;
        let id = JobId::new();
        rows.enqueue_job(&job(id, Uuid::now_v7())).await.unwrap();
        let queue = test.store.job_queue();
        assert_eq!(queue.tenant_of(id).await.unwrap(), Some(rows.scope().tenant));
        assert_eq!(queue.tenant_of(JobId::new()).await.unwrap(), None);
        let drift = (queue.time().await.unwrap() - chrono::Utc::now()).abs();
        assert!(drift < chrono::TimeDelta::minutes(5), "it is a clock: {drift}");
    }
}
