//! Reminders: a day before an appointment the agent that booked it calls, if it does so at all and the person agreed.
//!
//! An appointment is looked at when it is booked, when it is moved, and when its moment has come. The call itself is a wish
//! like any other, so whatever forbids a call forbids a reminder (threat M6), and it falls with its appointment.

use chrono::{Duration, TimeZone};
use chrono_tz::Tz;
use sha2::{Digest, Sha256};
use switchboard_store::{
    AppointmentId, AppointmentListing, AppointmentStatus, CallId, StoreError, TenantStore,
    Timestamp,
};

use super::outgoing::{self, CallTarget, OutgoingRefusal, PlacedWish, Wish};
use crate::config::agent::CallPurpose;
use crate::config::{AgentDefinition, Settings};

/// Later than this before an appointment nobody is reminded of it any more: they are on their way.
const LATEST: Duration = Duration::hours(2);

/// What a look at an appointment led to.
#[derive(Debug)]
pub enum Look {
    /// Nobody is reminded: it is over, cancelled, booked too late, or the agent does not remind.
    Nothing,
    /// Not before this moment.
    Again(Timestamp),
    /// Somebody will be called.
    Placed(PlacedWish),
    /// They must not be called.
    Refused(OutgoingRefusal),
}

/// Whether it is still to be.
pub const fn lies_ahead(status: AppointmentStatus) -> bool {
    matches!(
        status,
        AppointmentStatus::Held | AppointmentStatus::Booked | AppointmentStatus::Confirmed
    )
}

/// Looks at an appointment that this agent has booked.
///
/// # Errors
/// The database cannot be asked.
pub async fn look(
    rows: &TenantStore,
    settings: &Settings,
    agent: &AgentDefinition,
    appointment: &AppointmentListing,
    now: Timestamp,
) -> Result<Look, StoreError> {
    let hours = i64::from(agent.outgoing.reminder_h);
    let reminds = hours > 0 && agent.outgoing.purposes.contains(&CallPurpose::Reminder);
    if !reminds || !lies_ahead(appointment.status) {
        return Ok(Look::Nothing);
    }
    let moment = appointment.starts_at - Duration::hours(hours);
    let latest = appointment.starts_at - LATEST;
    // Who has just booked knows it.
    if appointment.created_at > moment || now >= latest {
        return Ok(Look::Nothing);
    }
    if now < moment {
        return Ok(Look::Again(moment));
    }
    let zone = rows.tenant_profile().await?;
    let zone = zone.map_or(Tz::UTC, |tenant| tenant.time_zone.0);
    let wish = Wish {
        id: call_of(appointment.id, appointment.starts_at),
        agent: agent.name.clone(),
        to: CallTarget::Contact(appointment.contact_id),
        purpose: CallPurpose::Reminder,
        from: None,
        not_before: Some(now),
        not_after: Some(latest),
        context: Some(about(appointment, zone).into()),
        appointment: Some((appointment.id, appointment.starts_at)),
    };
    match outgoing::place(rows, settings, agent, &wish, now).await {
        Ok(placed) => Ok(Look::Placed(placed)),
        Err(OutgoingRefusal::Store(error)) => Err(error),
        Err(refusal) => Ok(Look::Refused(refusal)),
    }
}

/// What the agent is told, as data.
fn about(appointment: &AppointmentListing, zone: Tz) -> String {
    let starts = zone.from_utc_datetime(&appointment.starts_at.naive_utc());
    format!(
        "{} with {} on {}.",
        appointment.service,
        appointment.practitioner,
        starts.format("%A, %-d %B %Y at %H:%M")
    )
}

/// One call per appointment and beginning, however often it is looked at.
fn call_of(appointment: AppointmentId, starts_at: Timestamp) -> CallId {
    let mut hash = Sha256::new();
    hash.update(b"reminder");
    hash.update(appointment.uuid().as_bytes());
    hash.update(starts_at.timestamp_micros().to_be_bytes());
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    CallId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}
