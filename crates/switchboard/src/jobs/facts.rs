//! What follows from a fact: webhooks that tell of it, and after a call the mail with its transcript.
//!
//! The store asks for these jobs in the transaction of the fact itself.

use serde_json::{Value, json};
use switchboard_store::{
    AppointmentId, CallId, ClaimedJob, JobIds, JobKey, ListFilter, TenantStore, Timestamp,
    TransferStatus, VoicemailId, WebhookDeliveryId, WebhookEvent, Word, reminder,
};
use uuid::Uuid;

use super::kind::JobKind;
use super::work::{JobError, JobResult, JobShell};
use crate::{mail, webhooks};

/// A call has ended.
pub(super) async fn call_ended(shell: &JobShell, job: &ClaimedJob) -> JobResult {
    let (rows, id) = (shell.rows(job), id_of(job, "call_id")?);
    let Some(call) = rows.call(CallId::from_uuid(id)).await? else {
        return Ok(());
    };
    if shell.mailer.is_some() && mail::may_be_mailed(&rows, &call).await? {
        let ids = JobIds::of("call_id", id);
        let mail = JobKind::MailTranscript.job(JobKey::of(id), ids, chrono::Utc::now());
        rows.enqueue_job(&mail).await?;
        shell.bell.ring();
    }
    let payload = json!({
        "call_id": call.id,
        "contact_id": call.contact_id,
        "agent": call.agent_name,
        "channel": call.channel,
        "direction": call.direction,
        "offered_at": call.offered_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "end_reason": call.end_reason,
        "end_class": call.end_class,
    });
    let at = call.ended_at.unwrap_or(job.created_at);
    tell(shell, &rows, "call.ended", id, payload, at).await
}

/// A human has taken a caller over.
pub(super) async fn handed_over(shell: &JobShell, job: &ClaimedJob) -> JobResult {
    let (rows, id) = (shell.rows(job), id_of(job, "call_id")?);
    let transfers = rows
        .list_transfers(&ListFilter::of_call(CallId::from_uuid(id)))
        .await?;
    let taken = |transfer: &&_| is_taken(transfer);
    let Some(transfer) = transfers.iter().find(taken) else {
        return Ok(());
    };
    let payload = json!({
        "call_id": transfer.call_id,
        "reason": transfer.reason,
        "target": transfer.target,
        "kind": transfer.kind,
        "started_at": transfer.started_at,
    });
    tell(
        shell,
        &rows,
        "call.handed_over",
        id,
        payload,
        job.created_at,
    )
    .await
}

fn is_taken(transfer: &switchboard_store::TransferListing) -> bool {
    transfer.status == TransferStatus::Accepted
}

/// A caller has left a message.
pub(super) async fn voicemail_left(shell: &JobShell, job: &ClaimedJob) -> JobResult {
    let (rows, id) = (shell.rows(job), id_of(job, "voicemail_id")?);
    let Some(voicemail) = rows.voicemail(VoicemailId::from_uuid(id)).await? else {
        return Ok(());
    };
    let payload = json!({
        "voicemail_id": voicemail.id,
        "call_id": voicemail.call_id,
        "length_s": voicemail.length_s,
        "recorded_at": voicemail.recorded_at,
    });
    tell(
        shell,
        &rows,
        "voicemail.left",
        id,
        payload,
        voicemail.recorded_at,
    )
    .await
}

/// Somebody has an appointment.
pub(super) async fn booked(shell: &JobShell, job: &ClaimedJob) -> JobResult {
    let (rows, id) = (shell.rows(job), id_of(job, "appointment_id")?);
    let id = AppointmentId::from_uuid(id);
    let Some(appointment) = rows.appointment(id).await? else {
        return Ok(());
    };
    let look = reminder(id, appointment.starts_at, chrono::Utc::now());
    if rows.enqueue_job(&look).await? {
        shell.bell.ring();
    }
    let payload = json!({
        "appointment_id": id,
        "call_id": appointment.call_id,
        "contact_id": appointment.contact_id,
        "status": appointment.status,
        "starts_at": appointment.starts_at,
        "ends_at": appointment.ends_at,
    });
    tell(
        shell,
        &rows,
        "appointment.booked",
        id.uuid(),
        payload,
        job.created_at,
    )
    .await
}

/// One try of one delivery.
pub(super) async fn deliver(shell: &JobShell, job: &ClaimedJob) -> JobResult {
    let id = WebhookDeliveryId::from_uuid(id_of(job, "delivery_id")?);
    webhooks::deliver(&shell.outbound, &shell.sealing, &shell.rows(job), id).await
}

/// Sends the transcript.
pub(super) async fn mail_transcript(shell: &JobShell, job: &ClaimedJob) -> JobResult {
    let Some(mailer) = &shell.mailer else {
        return Err(JobError::Later(Word::new("mail_is_off")));
    };
    let call = CallId::from_uuid(id_of(job, "call_id")?);
    let public_url = shell.reception.settings.public_url().as_http();
    mail::post_transcript(mailer, &shell.rows(job), call, job.id, &public_url).await
}

async fn tell(
    shell: &JobShell,
    rows: &TenantStore,
    event: &'static str,
    about: Uuid,
    payload: Value,
    occurred_at: Timestamp,
) -> JobResult {
    let event = WebhookEvent {
        event: Word::new(event),
        about,
        payload,
        occurred_at,
    };
    if rows.announce(&event).await? > 0 {
        shell.bell.ring();
    }
    Ok(())
}

pub(super) fn id_of(job: &ClaimedJob, name: &'static str) -> Result<Uuid, JobError> {
    let id = job.ids.find(name);
    id.ok_or(JobError::Never(Word::new("no_id")))
}
