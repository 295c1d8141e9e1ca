//! A call that we place: looks at the wish, does what is due, and asks for the next look.
//!
//! The wish's own row decides what is done, and a try begins once however often the job runs. A look that asks for the next
//! one names it by its moment, so that the same look twice asks for one.

use std::time::Duration;

use switchboard_store::{CallId, ClaimedJob, JobIds, JobKey, NewJob, Timestamp, Word};

use super::{JobError, JobKind, JobResult, JobShell, Patience};

/// The database was away, mostly. A carrier that refuses is a try of the wish and no failure of the job.
pub(super) const PATIENCE: Patience = Patience {
    waits: &[
        Duration::from_secs(5),
        Duration::from_secs(30),
        Duration::from_secs(120),
        Duration::from_secs(600),
        Duration::from_secs(1_800),
    ],
    time_max: Duration::from_secs(30),
};
/// The name of the wish among the ids.
const CALL: &str = "call_id";

/// The look at this wish at this moment.
pub fn look(call: CallId, at: Timestamp) -> NewJob {
    let name = format!("{call}.at.{}", at.timestamp_millis());
    let key = Word::parse(&name).map_or_else(|_| JobKey::of(call.uuid()), JobKey::from);
    JobKind::CallPlace.job(key, JobIds::of(CALL, call.uuid()), at)
}

pub(super) async fn run(shell: &JobShell, job: &ClaimedJob) -> JobResult {
    let Some(call) = job.ids.find(CALL).map(CallId::from_uuid) else {
        return Err(JobError::Never(Word::new("no_call_id")));
    };
    let now = chrono::Utc::now();
    let next = shell
        .carrier
        .advance_outgoing(job.tenant_id, call, now)
        .await?;
    if let Some(at) = next {
        shell.rows(job).enqueue_job(&look(call, at)).await?;
    }
    Ok(())
}
