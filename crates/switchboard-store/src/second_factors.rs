//! Second factors of staff: one secret for time-based codes, sealed, and recovery codes, hashed.

use sqlx::FromRow;

use crate::db::Only;
use crate::error::StoreError;
use crate::ids::StaffId;
use crate::keys::secret_hash;
use crate::logins;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::Timestamp;

sql! {
    // Only what was never confirmed is replaced: a stolen login must not put its own secret in the place of the owner's.
    BEGIN = "insert into second_factors (tenant_id, staff_id, sealed_secret, created_at) values ($1, $2, $3, $4)
        on conflict (tenant_id, staff_id) do update
            set sealed_secret = excluded.sealed_secret, created_at = excluded.created_at, last_step = 0
            where second_factors.confirmed_at is null";
    FIND = "select sealed_secret, confirmed_at, last_step from second_factors where tenant_id = $1 and staff_id = $2";
    CONFIRM = "update second_factors set confirmed_at = $3, last_step = $4
        where tenant_id = $1 and staff_id = $2 and confirmed_at is null";
    // One winner: of two requests with the same code the second finds its step used.
    USE_STEP = "update second_factors set last_step = $3
        where tenant_id = $1 and staff_id = $2 and confirmed_at is not null and last_step < $3";
    FORGET = "delete from second_factors where tenant_id = $1 and staff_id = $2";
    ADD_CODE = "insert into recovery_codes (tenant_id, staff_id, code_hash, created_at) values ($1, $2, $3, $4)";
    USE_CODE = "update recovery_codes set used_at = $4
        where tenant_id = $1 and staff_id = $2 and code_hash = $3 and used_at is null";
    FORGET_CODES = "delete from recovery_codes where tenant_id = $1 and staff_id = $2";
    LEFT = "select count(*) from recovery_codes where tenant_id = $1 and staff_id = $2 and used_at is null";
}

/// A person's second factor.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct SecondFactor {
    /// As sealed by the server; only the server can open it.
    pub sealed_secret: Private<Vec<u8>>,
    /// `None`: begun, and no code was shown yet. It asks for nothing then.
    pub confirmed_at: Option<Timestamp>,
    /// The newest time step whose code was used.
    pub last_step: i64,
}

impl TenantStore {
    /// Begins the set-up, with recovery codes that count once it is confirmed. `false` when a confirmed one exists.
    ///
    /// # Errors
    /// `MissingReference` when this tenant has no such person.
    pub async fn begin_second_factor(
        &self,
        staff: StaffId,
        sealed_secret: &Private<Vec<u8>>,
        recovery_codes: &[Private<String>],
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let begun = execute!(&mut tx, BEGIN, self.tenant(), staff, sealed_secret, at)? == 1;
        if begun {
            execute!(&mut tx, FORGET_CODES, self.tenant(), staff)?;
            for code in recovery_codes {
                let hash = secret_hash(code.expose());
                execute!(&mut tx, ADD_CODE, self.tenant(), staff, hash, at)?;
            }
        }
        tx.commit().await?;
        Ok(begun)
    }

    /// A person's second factor, confirmed or not.
    pub async fn second_factor(&self, staff: StaffId) -> Result<Option<SecondFactor>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, optional SecondFactor, FIND, self.tenant(), staff)
    }

    /// Confirms it by the code of `step` and opens logins that waited for it. `false` when there is none to confirm.
    pub async fn confirm_second_factor(
        &self,
        staff: StaffId,
        step: i64,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let confirmed = execute!(&mut tx, CONFIRM, self.tenant(), staff, at, step)? == 1;
        if confirmed {
            logins::let_in(&mut tx, self.tenant(), staff).await?;
            self.note_staff(&mut tx, "add_second_factor", &staff)
                .await?;
        }
        tx.commit().await?;
        Ok(confirmed)
    }

    /// Uses the code of `step` up. `false` when it, or a newer one, was used before.
    pub async fn use_second_factor_step(
        &self,
        staff: StaffId,
        step: i64,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let used = execute!(&mut tx, USE_STEP, self.tenant(), staff, step)? == 1;
        tx.commit().await?;
        Ok(used)
    }

    /// Uses a recovery code up and leaves an audit entry. `false` when it is none, or was used before.
    pub async fn use_recovery_code(
        &self,
        staff: StaffId,
        code: &str,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let hash = secret_hash(code);
        let used = execute!(&mut tx, USE_CODE, self.tenant(), staff, hash, at)? == 1;
        if used {
            self.note_staff(&mut tx, "use_recovery_code", &staff)
                .await?;
        }
        tx.commit().await?;
        Ok(used)
    }

    /// Recovery codes that were not used yet.
    pub async fn recovery_codes_left(&self, staff: StaffId) -> Result<u64, StoreError> {
        let mut tx = self.read().await?;
        let (count,) = fetch!(&mut tx, one Only<i64>, LEFT, self.tenant(), staff)?;
        Ok(count.unsigned_abs())
    }

    /// Takes the second factor away and ends the person's logins. `false` when there was none.
    pub async fn remove_second_factor(
        &self,
        staff: StaffId,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let removed = execute!(&mut tx, FORGET, self.tenant(), staff)? == 1;
        if removed {
            execute!(&mut tx, FORGET_CODES, self.tenant(), staff)?;
            logins::end_all(&mut tx, self.tenant(), staff, at).await?;
            self.note_staff(&mut tx, "remove_second_factor", &staff)
                .await?;
        }
        tx.commit().await?;
        Ok(removed)
    }
}
