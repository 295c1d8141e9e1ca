//! Appointments: booked without double booking, however many try at the same time.

use serde::Serialize;
use sqlx::FromRow;

use crate::db::{Only, Tx};
use crate::error::StoreError;
use crate::ids::{AppointmentId, CallId, ContactId, JobId, PractitionerId, ServiceId};
use crate::jobs::{self, JobIds, JobKey, NewJob};
use crate::list::ListFilter;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::{Timestamp, now};
use crate::word::Word;
use crate::words::AppointmentStatus;

sql! {
    // Whoever changes a diary changes its practitioner's row first, so the next one waits here on both databases.
    LOCK_DIARY = "update practitioners set diary_version = diary_version + 1
        where tenant_id = $1 and id = $2 and active";
    OFFERS = "select count(*) from practitioner_services
        where tenant_id = $1 and practitioner_id = $2 and service_id = $3";
    BY_KEY = "select id from appointments where tenant_id = $1 and idempotency_key = $2";
    OVERLAPPING = "select count(*) from appointments
        where tenant_id = $1 and practitioner_id = $2 and starts_at < $4 and ends_at > $3
            and status not in ('cancelled', 'no_show') and (id <> $5 or $5 is null)";
    INSERT = "insert into appointments (tenant_id, id, contact_id, practitioner_id, service_id, call_id, starts_at,
            ends_at, status, note, idempotency_key, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, 'booked', $9, $10, $11, $11)";
    MOVABLE = "select service_id from appointments
        where tenant_id = $1 and id = $2 and status in ('held', 'booked', 'confirmed')";
    RESCHEDULE = "update appointments set practitioner_id = $3, starts_at = $4, ends_at = $5, updated_at = $6
        where tenant_id = $1 and id = $2";
    CANCEL = "update appointments set status = 'cancelled', updated_at = $3
        where tenant_id = $1 and id = $2 and status in ('held', 'booked', 'confirmed')";
    // Nobody is reminded of what is not to be; a call that rings already is not torn away.
    DROP_REMINDERS = "update outgoing_calls set state = 'refused', outcome = 'appointment_gone', updated_at = $3
        where tenant_id = $1 and appointment_id = $2 and state = 'waiting'";
    BUSY = "select practitioner_id, starts_at, ends_at from appointments
        where tenant_id = $1 and starts_at < $3 and ends_at > $2 and status not in ('cancelled', 'no_show')
            and (practitioner_id = $4 or $4 is null)
        order by starts_at, id";
    LIST = "select a.id, a.contact_id, c.name as contact, p.name as practitioner, s.name as service, a.call_id,
            a.starts_at, a.ends_at, a.status, a.note, a.created_at
        from appointments a
        join contacts c on c.tenant_id = $1 and c.id = a.contact_id
        join practitioners p on p.tenant_id = $1 and p.id = a.practitioner_id
        join services s on s.tenant_id = $1 and s.id = a.service_id
        where a.tenant_id = $1 and (a.call_id = $2 or $2 is null) and (a.contact_id = $3 or $3 is null)
        order by a.created_at desc, a.id desc limit $4";
    DETAIL = "select a.id, a.contact_id, c.name as contact, p.name as practitioner, s.name as service, a.call_id,
            a.starts_at, a.ends_at, a.status, a.note, a.created_at
        from appointments a
        join contacts c on c.tenant_id = $1 and c.id = a.contact_id
        join practitioners p on p.tenant_id = $1 and p.id = a.practitioner_id
        join services s on s.tenant_id = $1 and s.id = a.service_id
        where a.tenant_id = $1 and a.id = $2";
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAppointment {
    pub contact_id: ContactId,
    pub practitioner_id: PractitionerId,
    pub service_id: ServiceId,
    /// The call it was booked in.
    pub call_id: Option<CallId>,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub note: Option<Private<String>>,
    /// The same key again gives the same appointment.
    pub idempotency_key: String,
}

/// A booked appointment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Booked {
    pub id: AppointmentId,
    /// `false` when the idempotency key had booked it before.
    pub is_new: bool,
}

/// Why nothing was booked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BookError {
    #[error("the time is taken")]
    SlotTaken,
    #[error("the end is not after the start")]
    EndsBeforeStart,
    #[error("no such practitioner works here")]
    UnknownPractitioner,
    #[error("this practitioner does not carry out this service")]
    ServiceNotOffered,
    #[error("no such contact or call")]
    UnknownContact,
    #[error(transparent)]
    Store(StoreError),
}

/// Why nothing was moved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RescheduleError {
    #[error("no such appointment that could be moved")]
    NotFound,
    #[error(transparent)]
    Book(#[from] BookError),
}

impl From<StoreError> for BookError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::MissingReference => Self::UnknownContact,
            other => Self::Store(other),
        }
    }
}

impl From<StoreError> for RescheduleError {
    fn from(error: StoreError) -> Self {
        Self::Book(error.into())
    }
}

/// A stretch of a practitioner's diary that is not free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, FromRow)]
pub struct BusyTime {
    pub practitioner_id: PractitionerId,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct AppointmentListing {
    pub id: AppointmentId,
    pub contact_id: ContactId,
    /// The contact's name.
    pub contact: Option<Private<String>>,
    pub practitioner: String,
    pub service: String,
    pub call_id: Option<CallId>,
    pub starts_at: Timestamp,
    pub ends_at: Timestamp,
    pub status: AppointmentStatus,
    pub note: Option<Private<String>>,
    pub created_at: Timestamp,
}

/// A wanted place in a diary.
struct Slot {
    practitioner: PractitionerId,
    service: ServiceId,
    starts_at: Timestamp,
    ends_at: Timestamp,
}

/// A look at whether and when somebody is reminded of an appointment; for each beginning it may have there is one per
/// moment.
pub fn reminder(appointment: AppointmentId, starts_at: Timestamp, run_at: Timestamp) -> NewJob {
    let (id, begins) = (appointment.uuid(), starts_at.timestamp());
    let at = run_at.timestamp();
    let name = format!("{}.{begins}.{at}", id.simple());
    let key = Word::parse(&name).map_or_else(|_| JobKey::of(id), JobKey::from);
    NewJob {
        id: JobId::new(),
        kind: jobs::APPOINTMENT_REMIND,
        key,
        ids: JobIds::of("appointment_id", id),
        run_at,
    }
}

impl TenantStore {
    /// Books a time. Opening hours are the caller's concern; a free diary and an offered service are checked here.
    pub async fn book(&self, wanted: &NewAppointment) -> Result<Booked, BookError> {
        match self.try_book(wanted).await {
            // The same key at the same time with another practitioner: the one who was first has booked.
            Err(BookError::Store(StoreError::AlreadyExists { constraint })) => {
                let mut tx = self.read().await?;
                let booked = self.booked_by_key(&mut tx, &wanted.idempotency_key).await?;
                booked.ok_or(BookError::Store(StoreError::AlreadyExists { constraint }))
            }
            outcome => outcome,
        }
    }

    pub async fn appointment(
        &self,
        appointment: AppointmentId,
    ) -> Result<Option<AppointmentListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, optional AppointmentListing, DETAIL, self.tenant(), appointment)
    }

    /// Moves an appointment that lies ahead, to the same practitioner or another. It is reminded of at its new time.
    pub async fn reschedule(
        &self,
        appointment: AppointmentId,
        practitioner: PractitionerId,
        starts_at: Timestamp,
        ends_at: Timestamp,
    ) -> Result<(), RescheduleError> {
        let mut tx = self.write().await?;
        let row = fetch!(
            &mut tx,
            optional Only<ServiceId>,
            MOVABLE,
            self.tenant(),
            appointment
        )?;
        let (service,) = row.ok_or(RescheduleError::NotFound)?;
        let slot = Slot {
            practitioner,
            service,
            starts_at,
            ends_at,
        };
        self.lock_diary(&mut tx, &slot).await?;
        // Read again: it may have been cancelled while we waited for the diary.
        fetch!(
            &mut tx,
            optional Only<ServiceId>,
            MOVABLE,
            self.tenant(),
            appointment
        )?
        .ok_or(RescheduleError::NotFound)?;
        self.require_free(&mut tx, &slot, Some(appointment)).await?;
        execute!(
            &mut tx,
            RESCHEDULE,
            self.tenant(),
            appointment,
            practitioner,
            starts_at,
            ends_at,
            now()
        )?;
        self.drop_reminders(&mut tx, appointment).await?;
        let moved = reminder(appointment, starts_at, now());
        jobs::enqueue(&mut tx, self.tenant(), &moved).await?;
        Ok(tx.commit().await?)
    }

    /// Cancels an appointment that lies ahead, and calls that would remind of it. `false` when this tenant has none, or it was cancelled before.
    pub async fn cancel_appointment(&self, appointment: AppointmentId) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let cancelled = execute!(&mut tx, CANCEL, self.tenant(), appointment, now())? == 1;
        self.drop_reminders(&mut tx, appointment).await?;
        tx.commit().await?;
        Ok(cancelled)
    }

    /// What is not free between two moments, for one practitioner or all, by time.
    pub async fn busy_times(
        &self,
        from: Timestamp,
        to: Timestamp,
        practitioner: Option<PractitionerId>,
    ) -> Result<Vec<BusyTime>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all BusyTime, BUSY, self.tenant(), from, to, practitioner)
    }

    /// Appointments, the last made first.
    pub async fn list_appointments(
        &self,
        filter: &ListFilter,
    ) -> Result<Vec<AppointmentListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(
            &mut tx, all AppointmentListing, LIST, self.tenant(), filter.call, filter.contact, filter.rows_max()
        )
    }

    async fn drop_reminders(
        &self,
        tx: &mut Tx,
        appointment: AppointmentId,
    ) -> Result<(), StoreError> {
        execute!(tx, DROP_REMINDERS, self.tenant(), appointment, now())?;
        Ok(())
    }

    async fn try_book(&self, wanted: &NewAppointment) -> Result<Booked, BookError> {
        let slot = Slot {
            practitioner: wanted.practitioner_id,
            service: wanted.service_id,
            starts_at: wanted.starts_at,
            ends_at: wanted.ends_at,
        };
        let mut tx = self.write().await?;
        self.lock_diary(&mut tx, &slot).await?;
        if let Some(booked) = self.booked_by_key(&mut tx, &wanted.idempotency_key).await? {
            return Ok(booked);
        }
        self.require_free(&mut tx, &slot, None).await?;
        let id = AppointmentId::new();
        execute!(
            &mut tx,
            INSERT,
            self.tenant(),
            id,
            wanted.contact_id,
            wanted.practitioner_id,
            wanted.service_id,
            wanted.call_id,
            wanted.starts_at,
            wanted.ends_at,
            &wanted.note,
            &wanted.idempotency_key,
            now()
        )?;
        let booked = ("appointment_id", id.uuid());
        jobs::follow(&mut tx, self.tenant(), jobs::APPOINTMENT_BOOKED, booked).await?;
        tx.commit().await?;
        Ok(Booked { id, is_new: true })
    }

    async fn booked_by_key(&self, tx: &mut Tx, key: &str) -> Result<Option<Booked>, StoreError> {
        let row = fetch!(tx, optional Only<AppointmentId>, BY_KEY, self.tenant(), key)?;
        Ok(row.map(|(id,)| Booked { id, is_new: false }))
    }

    /// Waits for the diary and holds it until the transaction ends.
    async fn lock_diary(&self, tx: &mut Tx, slot: &Slot) -> Result<(), BookError> {
        if slot.ends_at <= slot.starts_at {
            return Err(BookError::EndsBeforeStart);
        }
        if execute!(tx, LOCK_DIARY, self.tenant(), slot.practitioner)? == 0 {
            return Err(BookError::UnknownPractitioner);
        }
        let (offers,) = fetch!(
            tx,
            one Only<i64>,
            OFFERS,
            self.tenant(),
            slot.practitioner,
            slot.service
        )?;
        if offers == 0 {
            Err(BookError::ServiceNotOffered)
        } else {
            Ok(())
        }
    }

    async fn require_free(
        &self,
        tx: &mut Tx,
        slot: &Slot,
        moving: Option<AppointmentId>,
    ) -> Result<(), BookError> {
        let (overlapping,) = fetch!(
            tx,
            one Only<i64>,
            OVERLAPPING,
            self.tenant(),
            slot.practitioner,
            slot.starts_at,
            slot.ends_at,
            moving
        )?;
        if overlapping == 0 {
            Ok(())
        } else {
            Err(BookError::SlotTaken)
        }
    }
}
