//! Staff: people of the tenant who log in or take calls.

use serde::Serialize;
use sqlx::FromRow;

use crate::audit::{self, Deed};
use crate::error::StoreError;
use crate::ids::StaffId;
use crate::keys::email_key;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::{Timestamp, now};
use crate::words::StaffRole;

sql! {
    INSERT = "insert into staff (tenant_id, id, name, email, email_key, role, password_hash, location, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    LIST = "select id, name, email, role, location, created_at, disabled_at from staff
        where tenant_id = $1 order by created_at desc, id desc";
    DISABLE = "update staff set disabled_at = $3 where tenant_id = $1 and id = $2 and disabled_at is null";
}

#[derive(Debug, Clone)]
pub struct NewStaff {
    pub name: Private<String>,
    pub email: Private<String>,
    pub role: StaffRole,
    /// An argon2id hash made by the server. `None`: this person cannot sign in by password.
    pub password_hash: Option<Private<String>>,
    pub location: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct StaffListing {
    pub id: StaffId,
    pub name: Private<String>,
    pub email: Private<String>,
    pub role: StaffRole,
    pub location: Option<String>,
    pub created_at: Timestamp,
    pub disabled_at: Option<Timestamp>,
}

impl TenantStore {
    /// Adds a person and leaves an audit entry.
    ///
    /// # Errors
    /// `AlreadyExists` when the tenant has somebody with this e-mail address.
    pub async fn create_staff(&self, staff: &NewStaff) -> Result<StaffId, StoreError> {
        let id = StaffId::new();
        let mut tx = self.write().await?;
        execute!(
            &mut tx,
            INSERT,
            self.tenant(),
            id,
            &staff.name,
            &staff.email,
            email_key(staff.email.expose()),
            staff.role,
            &staff.password_hash,
            &staff.location,
            now()
        )?;
        audit::record(
            &mut tx,
            &self.scope,
            Deed {
                action: "create",
                noun: "staff",
                noun_id: &id,
            },
        )
        .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Ends a person's right to sign in, logins included. `false` when there is no such person or it was done before.
    pub async fn disable_staff(&self, staff: StaffId, at: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let disabled = execute!(&mut tx, DISABLE, self.tenant(), staff, at)? == 1;
        if disabled {
            crate::logins::end_all(&mut tx, self.tenant(), staff, at).await?;
            audit::record(
                &mut tx,
                &self.scope,
                Deed {
                    action: "disable",
                    noun: "staff",
                    noun_id: &staff,
                },
            )
            .await?;
        }
        tx.commit().await?;
        Ok(disabled)
    }

    /// Everybody, newest first, those who left included.
    pub async fn list_staff(&self) -> Result<Vec<StaffListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all StaffListing, LIST, self.tenant())
    }
}
