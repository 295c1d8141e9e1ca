//! What runs a job: the closed list of kinds, and the words in which a job says how it went.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use switchboard_store::{Actor, ClaimedJob, Purpose, Store, TenantScope, TenantStore, Word};

use super::bell::JobBell;
use super::facts;
use super::kind::{JobKind, Patience};
use super::{outgoing_call, recording, reminder, voicemail};
use crate::channels::twilio::TwilioChannel;
use crate::mail::Mailer;
use crate::ops::seal::SealingKey;
use crate::outbound::Outbound;
use crate::reception::Reception;
use crate::retention::Retention;
use crate::transcriber::Transcriber;

/// What jobs need of the server. Cheap to clone.
#[derive(Clone)]
pub struct JobShell {
    /// Where everything is kept.
    pub store: Store,
    /// Wakes the runner when a job asks for another.
    pub bell: JobBell,
    /// The way to addresses that tenants name.
    pub outbound: Outbound,
    /// Opens secrets of tenants.
    pub sealing: Arc<SealingKey>,
    /// The way to the mail server; `None` when none is set.
    pub mailer: Option<Mailer>,
    /// Writes messages down; `None` when nobody is set to.
    pub transcriber: Option<Transcriber>,
    /// Agents, switches, settings and the archive of audio.
    pub reception: Reception,
    /// Telephone calls, for those that we place and for messages that callers left.
    pub carrier: Arc<TwilioChannel>,
    /// How long things are kept.
    pub retention: Retention,
}

impl JobShell {
    /// The rows of the job's tenant.
    pub fn rows(&self, job: &ClaimedJob) -> TenantStore {
        self.store.tenant(TenantScope::new(
            job.tenant_id,
            Actor::System,
            Purpose::Maintain,
        ))
    }
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
            Some(JobKind::CallEnded) => facts::call_ended(self, job).await,
            Some(JobKind::CallHandedOver) => facts::handed_over(self, job).await,
            Some(JobKind::VoicemailLeft) => facts::voicemail_left(self, job).await,
            Some(JobKind::AppointmentBooked) => facts::booked(self, job).await,
            Some(JobKind::WebhookDeliver) => facts::deliver(self, job).await,
            Some(JobKind::MailTranscript) => facts::mail_transcript(self, job).await,
            Some(JobKind::CallPlace) => outgoing_call::run(self, job).await,
            Some(JobKind::VoicemailFetch) => voicemail::fetch(self, job).await,
            Some(JobKind::RecordingFetch) => recording::fetch(self, job).await,
            Some(JobKind::VoicemailTranscribe) => voicemail::transcribe(self, job).await,
            Some(JobKind::MailVoicemail) => voicemail::mail(self, job).await,
            Some(JobKind::AppointmentRemind) => reminder::run(self, job).await,
            Some(JobKind::RetentionSweep) => self.retention.run(&self.rows(job), job).await,
            None => Err(JobError::Never(Word::new("unknown_kind"))),
        }
    }
}

/// Unreachable through the queue, which gives out kinds that were asked for.
const UNKNOWN: Patience = Patience {
    waits: &[],
    time_max: Duration::from_secs(1),
};
