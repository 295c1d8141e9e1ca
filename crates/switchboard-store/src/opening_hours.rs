//! Opening hours, in local time of the tenant's zone, for the business or for one practitioner.

use serde::Serialize;
use sqlx::FromRow;

use crate::audit::{self, Deed};
use crate::error::StoreError;
use crate::ids::{OpeningHoursId, PractitionerId};
use crate::scope::TenantStore;

sql! {
    CLEAR = "delete from opening_hours where tenant_id = $1
        and (practitioner_id = $2 or (practitioner_id is null and $2 is null))";
    INSERT = "insert into opening_hours (tenant_id, id, practitioner_id, weekday, opens_minute, closes_minute)
        values ($1, $2, $3, $4, $5, $6)";
    LIST = "select practitioner_id, weekday, opens_minute, closes_minute from opening_hours
        where tenant_id = $1 order by practitioner_id, weekday, opens_minute";
}

/// One stretch of a weekday.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, FromRow)]
pub struct OpeningHours {
    /// `None`: the whole business. A practitioner with own hours has those alone.
    pub practitioner_id: Option<PractitionerId>,
    /// 1 is Monday, 7 is Sunday.
    pub weekday: i64,
    /// Minutes after local midnight, 0 to 1439.
    pub opens_minute: i64,
    /// Minutes after local midnight, 1 to 1440, later than `opens_minute`.
    pub closes_minute: i64,
}

impl TenantStore {
    /// Replaces the hours of the business (`None`) or of one practitioner, and leaves an audit entry. The owner of each
    /// stretch is the one given here, whatever its `practitioner_id` says.
    ///
    /// # Errors
    /// `OutOfRange` for impossible times, `MissingReference` when this tenant has no such practitioner.
    pub async fn replace_opening_hours(
        &self,
        practitioner: Option<PractitionerId>,
        hours: &[OpeningHours],
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        execute!(&mut tx, CLEAR, self.tenant(), practitioner)?;
        for stretch in hours {
            execute!(
                &mut tx,
                INSERT,
                self.tenant(),
                OpeningHoursId::new(),
                practitioner,
                stretch.weekday,
                stretch.opens_minute,
                stretch.closes_minute
            )?;
        }
        let owner = practitioner.map_or_else(|| "business".to_owned(), |id| id.to_string());
        audit::record(
            &mut tx,
            &self.scope,
            Deed {
                action: "replace",
                noun: "opening_hours",
                noun_id: &owner,
            },
        )
        .await?;
        tx.commit().await
    }

    /// All hours, of the business and of practitioners.
    pub async fn list_opening_hours(&self) -> Result<Vec<OpeningHours>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all OpeningHours, LIST, self.tenant())
    }
}
