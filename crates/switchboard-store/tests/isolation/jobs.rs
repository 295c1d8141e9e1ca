//! Functions of jobs and of what they send.

use super::*;

pub(super) async fn jobs_stay_inside(watch: &mut Watch, a: &Twin, b: &Twin, shared: SharedIds) {
    let store = &a.store;
    watch
        .ran("job", shown(&store.job(shared.job).await.unwrap().unwrap()))
        .await;
    assert_eq!(store.job(b.own_job).await.unwrap(), None);
    let again = twins::job(JobId::new(), shared.call.uuid());
    assert!(!store.enqueue_job(&again).await.unwrap());
    watch.ran("enqueue_job", String::new()).await;
    let run = |job| JobRun {
        job,
        worker: WorkerId::new(),
        attempt: 1,
    };
    let word = Word::new("changed");
    for job in [b.own_job, shared.job] {
        // Nobody runs it, so no run may end it.
        assert!(!store.keep_job(&run(job), at(9)).await.unwrap());
        assert!(!store.finish_job(&run(job)).await.unwrap());
        assert!(!store.postpone_job(&run(job), at(9), &word).await.unwrap());
        assert!(!store.fail_job(&run(job), &word).await.unwrap());
    }
    for function in ["keep_job", "finish_job", "postpone_job", "fail_job"] {
        watch.ran(function, String::new()).await;
    }
    assert!(!store.cancel_job(b.own_job, at(9)).await.unwrap());
    assert!(store.cancel_job(shared.job, at(9)).await.unwrap());
    watch.ran("cancel_job", String::new()).await;
    assert!(!store.retry_job(b.own_job, at(9)).await.unwrap());
    assert!(store.retry_job(shared.job, at(9)).await.unwrap());
    watch.ran("retry_job", String::new()).await;
}
