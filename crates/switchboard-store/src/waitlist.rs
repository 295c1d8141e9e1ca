//! The waitlist: wishes for a time that was not free.

use serde::Serialize;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::ids::{ContactId, PractitionerId, ServiceId, WaitlistId};
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::{Timestamp, now};

sql! {
    INSERT = "insert into waitlist (tenant_id, id, contact_id, service_id, practitioner_id, earliest_at, latest_at, note,
            created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    CLOSE = "update waitlist set closed_at = $3 where tenant_id = $1 and id = $2 and closed_at is null";
    OPEN = "select id, contact_id, service_id, practitioner_id, earliest_at, latest_at, note, created_at from waitlist
        where tenant_id = $1 and closed_at is null order by created_at, id";
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWaitlistEntry {
    pub contact_id: ContactId,
    pub service_id: ServiceId,
    /// `None`: anybody will do.
    pub practitioner_id: Option<PractitionerId>,
    pub earliest_at: Timestamp,
    pub latest_at: Timestamp,
    pub note: Option<Private<String>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct WaitlistListing {
    pub id: WaitlistId,
    pub contact_id: ContactId,
    pub service_id: ServiceId,
    pub practitioner_id: Option<PractitionerId>,
    pub earliest_at: Timestamp,
    pub latest_at: Timestamp,
    pub note: Option<Private<String>>,
    pub created_at: Timestamp,
}

impl TenantStore {
    /// Puts a contact on the waitlist.
    ///
    /// # Errors
    /// `MissingReference` when this tenant has no such contact, service or practitioner.
    pub async fn join_waitlist(&self, entry: &NewWaitlistEntry) -> Result<WaitlistId, StoreError> {
        let id = WaitlistId::new();
        let mut tx = self.write().await?;
        execute!(
            &mut tx,
            INSERT,
            self.tenant(),
            id,
            entry.contact_id,
            entry.service_id,
            entry.practitioner_id,
            entry.earliest_at,
            entry.latest_at,
            &entry.note,
            now()
        )?;
        tx.commit().await?;
        Ok(id)
    }

    /// Takes a wish off the list. `false` when this tenant has no such open wish.
    pub async fn leave_waitlist(
        &self,
        entry: WaitlistId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let left = execute!(&mut tx, CLOSE, self.tenant(), entry, at)? == 1;
        tx.commit().await?;
        Ok(left)
    }

    /// Open wishes, the longest waiting first.
    pub async fn list_waitlist(&self) -> Result<Vec<WaitlistListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all WaitlistListing, OPEN, self.tenant())
    }
}
