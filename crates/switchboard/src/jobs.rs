//! Jobs: slow work that outlives what caused it, run beside the calls and never on a call's task.
//!
//! A job is a row of the table `jobs` with a kind, a key and ids. It is asked for in the transaction of the fact it
//! follows from ([`JournalWrite::Job`](switchboard_store::JournalWrite::Job)) or by
//! [`TenantStore::enqueue_job`](switchboard_store::TenantStore::enqueue_job) and a ring of the [`JobBell`]; the same kind and key a
//! second time changes nothing. The [`runner`] of one of the nodes leases it, gives it a time limit, tries it again as
//! its [`Patience`] says, and at last leaves it `failed`, where `switchboard list jobs` shows it and `switchboard job
//! retry` revives it. A process that dies loses no job: its lease ends, and the job runs again.
//!
//! So a job **may run twice**. It loads its own data in its tenant's scope by the ids, does nothing when what it is
//! about is gone, and asks a row of its own whether the outside world has seen its work already.
//!
//! # To add a kind
//! 1. A variant of [`JobKind`], its word in [`JobKind::word`] (a contract: rows of it outlive the process) and its
//!    [`Patience`]; the compiler asks for the rest.
//! 2. A function of `shell: &JobShell, job: &ClaimedJob` that gives a `JobResult`, in a file under `jobs/`, called from the
//!    match in `work.rs`. What it needs of the server is a field of [`JobShell`].
//! 3. Where it is asked for: [`JobKind::job`] makes the row. The ids are all it may carry (I6): no words, names, numbers.
//! 4. A failure is a [`JobError`] with a technical word, never the text of an answer.
//! 5. Tests: run twice; the row gone; what it talks to is down; a process killed in between.

mod bell;
mod facts;
mod kind;
pub mod outgoing_call;
mod recording;
mod reminder;
pub mod runner;
mod voicemail;
mod work;

#[cfg(test)]
mod tests;

pub use bell::JobBell;
pub use kind::{JobKind, Patience};
pub use runner::{JobRunner, RunnerLimits};
pub use work::{JobError, JobResult, JobShell, Work};
