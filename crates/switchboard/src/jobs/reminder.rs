//! A look at an appointment: whether somebody is to be reminded of it, and when.

use switchboard_store::{AppointmentId, ClaimedJob, Word, reminder};

use super::facts::id_of;
use super::{JobError, JobResult, JobShell};
use crate::desk::reminders::{Look, look};
use crate::reception::ReceptionError;

pub(super) async fn run(shell: &JobShell, job: &ClaimedJob) -> JobResult {
    let id = AppointmentId::from_uuid(id_of(job, "appointment_id")?);
    let rows = shell.rows(job);
    let Some(appointment) = rows.appointment(id).await? else {
        return Ok(());
    };
    // The agent that booked it reminds of it; what nobody of ours booked, nobody reminds of.
    let call = match appointment.call_id {
        Some(call) => rows.call(call).await?,
        None => None,
    };
    let Some(call) = call else {
        return Ok(());
    };
    let reception = &shell.reception;
    let agent = match reception.agent(job.tenant_id, &call.agent_name).await {
        Ok(agent) => agent,
        Err(ReceptionError::NoAgent) => return Ok(()),
        Err(ReceptionError::Store(error)) => return Err(error.into()),
        Err(ReceptionError::Unusable(_)) => {
            return Err(JobError::Never(Word::new("agent_unusable")));
        }
    };
    let now = chrono::Utc::now();
    let settings = &reception.settings;
    let outcome = match look(&rows, settings, &agent.definition, &appointment, now).await? {
        Look::Nothing => return Ok(()),
        Look::Again(at) => {
            let next = reminder(id, appointment.starts_at, at);
            rows.enqueue_job(&next).await?;
            return Ok(());
        }
        Look::Placed(_) => {
            shell.bell.ring();
            "placed"
        }
        Look::Refused(refusal) => {
            let code = refusal.code().unwrap_or("refused");
            tracing::info!(appointment_id = %id, code, "nobody is reminded of an appointment");
            code
        }
    };
    metrics::counter!("switchboard_reminders_total", "outcome" => outcome).increment(1);
    Ok(())
}
