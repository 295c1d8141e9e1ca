//! Staff: people of the tenant who log in or take calls.

use serde::Serialize;
use sqlx::FromRow;

use crate::audit::{self, Deed};
use crate::db::{Only, Tx};
use crate::error::StoreError;
use crate::ids::StaffId;
use crate::keys::email_key;
use crate::logins;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::{Timestamp, now};
use crate::words::StaffRole;

sql! {
    INSERT = "insert into staff (tenant_id, id, name, email, email_key, role, password_hash, location, created_at, is_demo)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    LIST = "select s.id, s.name, s.email, s.role, s.location, s.created_at, s.disabled_at, s.last_signed_in_at, s.sign_ins,
            s.is_demo, (f.confirmed_at is not null) as second_factor
        from staff s left join second_factors f on f.tenant_id = $1 and f.staff_id = s.id
        where s.tenant_id = $1 order by s.created_at desc, s.id desc";
    ONE = "select s.id, s.name, s.email, s.role, s.location, s.created_at, s.disabled_at, s.last_signed_in_at, s.sign_ins,
            s.is_demo, (f.confirmed_at is not null) as second_factor
        from staff s left join second_factors f on f.tenant_id = $1 and f.staff_id = s.id
        where s.tenant_id = $1 and s.id = $2";
    BY_EMAIL = "select id from staff where tenant_id = $1 and email_key = $2";
    PASSWORD = "select password_hash from staff where tenant_id = $1 and id = $2 and disabled_at is null";
    SET_PASSWORD = "update staff set password_hash = $3 where tenant_id = $1 and id = $2 and disabled_at is null";
    SET_ROLE = "update staff set role = $3 where tenant_id = $1 and id = $2 and disabled_at is null and role <> $3";
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
    /// Made for a demo: opens nothing on another server.
    pub is_demo: bool,
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
    pub last_signed_in_at: Option<Timestamp>,
    pub sign_ins: i64,
    pub is_demo: bool,
    /// Whether a second factor is set up and confirmed.
    pub second_factor: bool,
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
            now(),
            staff.is_demo
        )?;
        self.note_staff(&mut tx, "create", &id).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// One person, those who left included.
    pub async fn staff_member(&self, staff: StaffId) -> Result<Option<StaffListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, optional StaffListing, ONE, self.tenant(), staff)
    }

    /// Who has this e-mail address here, those who left included.
    pub async fn find_staff(&self, email: &str) -> Result<Option<StaffId>, StoreError> {
        let (mut tx, key) = (self.read().await?, email_key(email));
        let found = fetch!(&mut tx, optional Only<StaffId>, BY_EMAIL, self.tenant(), key)?;
        Ok(found.map(|row| row.0))
    }

    /// The hash of a person's password, while they may sign in.
    pub async fn staff_password(
        &self,
        staff: StaffId,
    ) -> Result<Option<Private<String>>, StoreError> {
        let mut tx = self.read().await?;
        let found = fetch!(&mut tx, optional Only<Option<Private<String>>>, PASSWORD, self.tenant(), staff)?;
        Ok(found.and_then(|row| row.0))
    }

    /// Sets a password, by its hash, and ends the person's logins. `false` when there is no such person.
    pub async fn set_staff_password(
        &self,
        staff: StaffId,
        hash: &Private<String>,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let set = change_password(&mut tx, self, staff, hash, at).await?;
        tx.commit().await?;
        Ok(set)
    }

    /// Changes what a person may do and ends their logins. `false` when there is no such person or nothing changes.
    pub async fn set_staff_role(
        &self,
        staff: StaffId,
        role: StaffRole,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let set = execute!(&mut tx, SET_ROLE, self.tenant(), staff, role)? == 1;
        if set {
            logins::end_all(&mut tx, self.tenant(), staff, at).await?;
            self.note_staff(&mut tx, "set_role", &staff).await?;
        }
        tx.commit().await?;
        Ok(set)
    }

    /// Leaves an audit entry: somebody tried to sign in as this person and was refused.
    pub async fn note_refused_sign_in(&self, staff: StaffId) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        self.note_staff(&mut tx, "refuse_sign_in", &staff).await?;
        tx.commit().await
    }

    /// Ends a person's right to sign in, logins included. `false` when there is no such person or it was done before.
    pub async fn disable_staff(&self, staff: StaffId, at: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let disabled = execute!(&mut tx, DISABLE, self.tenant(), staff, at)? == 1;
        if disabled {
            logins::end_all(&mut tx, self.tenant(), staff, at).await?;
            self.note_staff(&mut tx, "disable", &staff).await?;
        }
        tx.commit().await?;
        Ok(disabled)
    }

    /// Everybody, newest first, those who left included.
    pub async fn list_staff(&self) -> Result<Vec<StaffListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all StaffListing, LIST, self.tenant())
    }

    /// An audit entry about a person.
    pub(crate) async fn note_staff(
        &self,
        tx: &mut Tx,
        action: &'static str,
        staff: &StaffId,
    ) -> Result<(), StoreError> {
        let deed = Deed {
            action,
            noun: "staff",
            noun_id: staff,
        };
        audit::record(tx, &self.scope, deed).await
    }
}

/// A changed password ends every login that the old one opened.
pub(crate) async fn change_password(
    tx: &mut Tx,
    rows: &TenantStore,
    staff: StaffId,
    hash: &Private<String>,
    at: Timestamp,
) -> Result<bool, StoreError> {
    let set = execute!(&mut *tx, SET_PASSWORD, rows.tenant(), staff, hash)? == 1;
    if set {
        logins::end_all(tx, rows.tenant(), staff, at).await?;
        rows.note_staff(tx, "set_password", &staff).await?;
    }
    Ok(set)
}
