//! What runs a job: the closed list of kinds, and the words in which a job says how it went.

use std::future::Future;
use std::time::Duration;

use switchboard_store::{ClaimedJob, Store, Word};

use super::kind::{JobKind, Patience};

/// What jobs need of the server. Cheap to clone.
#[derive(Clone)]
pub struct JobShell {
    /// Where everything is kept.
    pub store: Store,
}

/// How a run went.
pub type JobResult = Result<(), JobError>;

/// Why a run did not do it. Words only: an answer's text may hold anything.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// A later attempt may do better.
    #[error("{0}")]
    Later(Word),
    /// A later attempt may do better, but not before this time has passed.
    #[error("{0}")]
    After(Word, Duration),
    /// No attempt will do better.
    #[error("{0}")]
    Never(Word),
}

impl JobError {
    /// The word.
    pub fn word(&self) -> &Word {
        match self {
            Self::Later(word) | Self::After(word, _) | Self::Never(word) => word,
        }
    }
}

impl From<switchboard_store::StoreError> for JobError {
    fn from(error: switchboard_store::StoreError) -> Self {
        tracing::warn!(%error, "a job could not use the database");
        Self::Later(Word::new("database"))
    }
}

/// Who can run jobs of some kinds.
pub trait Work: Send + Sync + 'static {
    /// The kinds it can run; others are left to newer versions.
    fn kinds(&self) -> Vec<Word>;
    /// How patient to be with a kind.
    fn patience(&self, kind: &Word) -> Patience;
    /// One run. May be dropped at any await.
    fn run(&self, job: &ClaimedJob) -> impl Future<Output = JobResult> + Send;
}

impl Work for JobShell {
    fn kinds(&self) -> Vec<Word> {
        JobKind::ALL
            .iter()
            .map(|kind| Word::new(kind.word()))
            .collect()
    }

    fn patience(&self, kind: &Word) -> Patience {
        JobKind::named(kind).map_or(UNKNOWN, JobKind::patience)
    }

    async fn run(&self, job: &ClaimedJob) -> JobResult {
        match JobKind::named(&job.kind) {
            Some(kind) => match kind {},
            None => Err(JobError::Never(Word::new("unknown_kind"))),
        }
    }
}

/// Unreachable through the queue, which gives out kinds that were asked for.
const UNKNOWN: Patience = Patience {
    waits: &[],
    time_max: Duration::from_secs(1),
};
