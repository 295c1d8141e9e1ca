//! Every kind of job, and how patient to be with it.

use std::time::Duration;

use switchboard_store::{JobId, JobIds, JobKey, NewJob, Timestamp, Word};

/// Every kind of job this version can run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobKind {}

/// How patient to be with a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Waits between attempts, each lengthened by up to a tenth, so that jobs that failed together do not come back
    /// together. When the last one has passed too, the job has failed.
    pub waits: &'static [Duration],
    /// Longest run; past it the attempt counts as failed.
    pub time_max: Duration,
}

impl JobKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[];

    /// Its name in the table, in lists and in measures. A contract: rows of it outlive the process.
    pub const fn word(self) -> &'static str {
        match self {}
    }

    /// How patient to be with it.
    pub const fn patience(self) -> Patience {
        match self {}
    }

    /// The kind of this name.
    pub fn named(word: &Word) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.word() == word.as_str())
    }

    /// A job of this kind.
    pub fn job(self, key: JobKey, ids: JobIds, run_at: Timestamp) -> NewJob {
        NewJob {
            id: JobId::new(),
            kind: Word::new(self.word()),
            key,
            ids,
            run_at,
        }
    }
}

impl Patience {
    /// How long to wait after this attempt (1 for the first) before the next; `None` when it was the last.
    pub fn wait_after(&self, attempt: i64, job: JobId) -> Option<Duration> {
        let past = usize::try_from(attempt - 1).ok()?;
        let wait = *self.waits.get(past)?;
        // The last bytes of an id are random.
        let lot = u32::from(job.uuid().as_bytes()[15]);
        Some(wait + wait * lot / (10 * u32::from(u8::MAX)))
    }
}
