//! A message that a caller left: its audio is fetched, it is written down where somebody is set to and the caller was told
//! so, and it is mailed. Each step asks for the next one, and each may run twice.

use std::time::Duration;

use bytes::Bytes;
use switchboard_store::{
    CallDetail, ClaimedJob, ConsentAnswer, ConsentId, JobIds, JobKey, JournalWrite, ListFilter,
    NewConsent, TenantStore, VoicemailId, VoicemailListing, Word,
};

use super::facts::id_of;
use super::{JobError, JobKind, JobResult, JobShell, Patience};
use crate::archive::{ArchiveError, ObjectKey, ObjectKind};
use crate::channels::twilio::voicemail_disclosure;
use crate::config::agent::Language;
use crate::mail;
use crate::transcriber::{Transcriber, TranscriptionError};

/// A recording that the carrier does not have ready yet is there seconds later; an outage lasts minutes, a wrong key until
/// somebody mends it.
pub(super) const FETCH: Patience = Patience {
    waits: &[
        Duration::from_secs(1),
        Duration::from_secs(2),
        Duration::from_secs(15),
        Duration::from_secs(120),
        Duration::from_secs(600),
        Duration::from_secs(3_600),
        Duration::from_secs(6 * 3_600),
        Duration::from_secs(24 * 3_600),
    ],
    // One request has 60 s.
    time_max: Duration::from_secs(90),
};
/// The mail waits for the words, so they are not waited for longer than a quarter of an hour.
pub(super) const TRANSCRIBE: Patience = Patience {
    waits: &[
        Duration::from_secs(5),
        Duration::from_secs(30),
        Duration::from_secs(120),
        Duration::from_secs(300),
        Duration::from_secs(300),
    ],
    time_max: Duration::from_secs(300),
};
/// The run that is no try any more: it says that the tries were in vain, and asks for the mail. So also the message whose
/// transcriber hangs or panics is mailed.
const LAST_RUN: i64 = TRANSCRIBE.waits.len() as i64 + 1;
/// The purpose of the evidence that the caller was told.
const PURPOSE: Word = Word::new("voicemail_transcription");
/// What a caller who said no, or took it back, does not want.
const WORDS: Word = Word::new("transcription");

/// Fetches the audio, and then has the carrier forget it.
pub(super) async fn fetch(shell: &JobShell, job: &ClaimedJob) -> JobResult {
    let rows = shell.rows(job);
    let Some(message) = message(&rows, job).await? else {
        return Ok(());
    };
    if message.object_key.is_none() {
        let audio = shell.carrier.voicemail_audio(job.tenant_id, &message);
        keep(
            shell,
            &rows,
            &message,
            audio.await.map_err(JobError::Later)?,
        )
        .await?;
    }
    ask_for(shell, &rows, JobKind::VoicemailTranscribe, &message).await?;
    // The mail does not wait for this, and only what is in our archive is taken from the carrier.
    let forgotten = shell.carrier.forget_voicemail(job.tenant_id, &message);
    forgotten.await.map_err(JobError::Later)
}

async fn keep(
    shell: &JobShell,
    rows: &TenantStore,
    message: &VoicemailListing,
    audio: Bytes,
) -> JobResult {
    let archive = &shell.reception.archive;
    let key = ObjectKey::new(
        rows.scope().tenant,
        ObjectKind::Voicemail,
        message.id.uuid(),
    );
    archive.put(&key, audio).await.map_err(unarchived)?;
    let is_kept = rows.keep_voicemail_audio(message.id, key.as_str()).await?;
    // Erased meanwhile (D4): what no row names must not stay.
    if !is_kept && rows.voicemail(message.id).await?.is_none() {
        archive.delete(&key).await.map_err(unarchived)?;
    }
    Ok(())
}

/// Has the message written down, or finds out why it is not.
pub(super) async fn transcribe(shell: &JobShell, job: &ClaimedJob) -> JobResult {
    let rows = shell.rows(job);
    let Some(message) = message(&rows, job).await? else {
        return Ok(());
    };
    if message.transcription.is_none() {
        let written = Writing {
            shell,
            rows: &rows,
            message: &message,
        };
        match written.outcome(job).await? {
            Ok(()) => {}
            Err(why) => {
                rows.leave_voicemail_unwritten(message.id, &why).await?;
            }
        }
    }
    let call = rows.call(message.call_id).await?;
    let is_wanted = shell.mailer.is_some() && mail::voicemail_is_wanted(&rows, call).await?;
    if is_wanted {
        ask_for(shell, &rows, JobKind::MailVoicemail, &message).await?;
    }
    Ok(())
}

/// Sends the message.
pub(super) async fn mail(shell: &JobShell, job: &ClaimedJob) -> JobResult {
    let Some(mailer) = &shell.mailer else {
        return Err(JobError::Later(Word::new("mail_is_off")));
    };
    let id = VoicemailId::from_uuid(id_of(job, "voicemail_id")?);
    let rows = shell.rows(job);
    mail::post_voicemail(mailer, &rows, &shell.reception.archive, id, job.id).await
}

async fn message(
    rows: &TenantStore,
    job: &ClaimedJob,
) -> Result<Option<VoicemailListing>, JobError> {
    let id = VoicemailId::from_uuid(id_of(job, "voicemail_id")?);
    Ok(rows.voicemail(id).await?)
}

async fn ask_for(
    shell: &JobShell,
    rows: &TenantStore,
    kind: JobKind,
    message: &VoicemailListing,
) -> JobResult {
    // The call is named too, so that erasing its caller takes the work along.
    let ids = JobIds::of("voicemail_id", message.id.uuid()).with("call_id", message.call_id.uuid());
    let next = kind.job(JobKey::of(message.id.uuid()), ids, chrono::Utc::now());
    rows.enqueue_job(&next).await?;
    shell.bell.ring();
    Ok(())
}

/// One message on its way to paper.
struct Writing<'a> {
    shell: &'a JobShell,
    rows: &'a TenantStore,
    message: &'a VoicemailListing,
}

impl Writing<'_> {
    /// The words are stored, or the word says why there are none for good.
    async fn outcome(&self, job: &ClaimedJob) -> Result<Result<(), Word>, JobError> {
        let Some(transcriber) = &self.shell.transcriber else {
            return Ok(Err(Word::new("off")));
        };
        if !self.message.disclosed {
            return Ok(Err(Word::new("not_disclosed")));
        }
        if job.attempts >= LAST_RUN {
            return Ok(Err(Word::new("failed")));
        }
        let Some(call) = self.rows.call(self.message.call_id).await? else {
            return Ok(Err(Word::new("gone")));
        };
        if self.is_switched_off(&call).await {
            return Ok(Err(Word::new("switched_off")));
        }
        if self.is_refused().await? {
            return Ok(Err(Word::new("refused")));
        }
        let languages = self.languages(&call).await;
        self.remember_disclosure(languages[0]).await?;
        // A hint only where the agent speaks no other.
        let hint = if let [only] = languages[..] {
            Some(only)
        } else {
            None
        };
        self.write_down(transcriber, hint).await
    }

    async fn write_down(
        &self,
        transcriber: &Transcriber,
        language: Option<Language>,
    ) -> Result<Result<(), Word>, JobError> {
        let Some(audio) = self.audio().await? else {
            return Ok(Err(Word::new("gone")));
        };
        let code = language.map(Language::code);
        let words = match transcriber.words(&audio, code).await {
            Ok(words) => words,
            Err(TranscriptionError::Later(word)) => return Err(JobError::Later(word)),
            Err(TranscriptionError::Never(word)) => {
                tracing::warn!(voicemail_id = %self.message.id, %word, "a message cannot be written down");
                return Ok(Err(Word::new("failed")));
            }
        };
        if words.expose().is_empty() {
            return Ok(Err(Word::new("nothing_said")));
        }
        // Asked again: it may have been taken back while somebody listened.
        if self.is_refused().await? {
            return Ok(Err(Word::new("refused")));
        }
        let id = self.message.id;
        self.rows.transcribe_voicemail(id, &words, code).await?;
        Ok(Ok(()))
    }

    async fn audio(&self) -> Result<Option<Bytes>, JobError> {
        let key = self.message.object_key.as_deref();
        let Some(key) = key.and_then(|key| key.parse().ok()) else {
            return Ok(None);
        };
        match self.shell.reception.archive.get(&key, None).await {
            Ok(part) => Ok(Some(part.bytes)),
            Err(ArchiveError::Missing) => Ok(None),
            Err(error) => Err(unarchived(error)),
        }
    }

    async fn is_switched_off(&self, call: &CallDetail) -> bool {
        let (tenant, number) = (self.rows.scope().tenant, call.number.as_ref());
        let switches = self.shell.reception.switches.for_call(tenant, number).await;
        switches.transcription == Some(false)
    }

    /// The caller said no in the call before, or took it back.
    async fn is_refused(&self) -> Result<bool, JobError> {
        let of_call = ListFilter::of_call(self.message.call_id);
        let consents = self.rows.list_consents(&of_call).await?;
        let says_no = |answer| matches!(answer, ConsentAnswer::Refused | ConsentAnswer::Withdrawn);
        Ok(consents
            .iter()
            .any(|it| it.purpose == WORDS && says_no(it.answer)))
    }

    /// Those of the agent; the first is the one the caller was told in.
    async fn languages(&self, call: &CallDetail) -> Vec<Language> {
        let tenant = self.rows.scope().tenant;
        let agent = self.shell.reception.agent(tenant, &call.agent_name).await;
        let known = agent.map(|agent| agent.definition.languages.clone());
        known
            .ok()
            .filter(|it| !it.is_empty())
            .unwrap_or_else(|| vec![Language::default()])
    }

    /// The evidence (D1): the words stand before the tone, so whoever left a message heard them to their end.
    async fn remember_disclosure(&self, language: Language) -> JobResult {
        let consent = NewConsent {
            id: ConsentId::from_uuid(self.message.id.uuid()),
            contact_id: None,
            call_id: Some(self.message.call_id),
            purpose: PURPOSE,
            wording: voicemail_disclosure(language).to_owned(),
            language: language.code().to_owned(),
            answer: ConsentAnswer::Implied,
            answer_text: None,
            heard_ms: None,
            disclosed_at: self.message.recorded_at,
            answered_at: Some(self.message.recorded_at),
            version: None,
            complete: Some(true),
        };
        let write = JournalWrite::Consent(consent);
        self.rows.apply(std::slice::from_ref(&write)).await?;
        Ok(())
    }
}

fn unarchived(error: ArchiveError) -> JobError {
    tracing::warn!(%error, "a job could not use the archive");
    JobError::Later(Word::new("archive"))
}
