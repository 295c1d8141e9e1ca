//! Logins: signed-in browsers of staff. The token is shown once; only its hash is kept.

use crate::db::Tx;
use crate::error::StoreError;
use crate::ids::{LoginId, StaffId, TenantId};
use crate::keys::{mint_secret, secret_hash};
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::{Timestamp, now};

sql! {
    INSERT = "insert into logins (tenant_id, id, staff_id, token_hash, created_at, seen_at, expires_at)
        values ($1, $2, $3, $4, $5, $5, $6)";
    END = "update logins set ended_at = $3 where tenant_id = $1 and id = $2 and ended_at is null";
    END_ALL = "update logins set ended_at = $3 where tenant_id = $1 and staff_id = $2 and ended_at is null";
}

/// A login that has just been made, with the only sight of its token.
#[derive(Debug, Clone)]
pub struct NewLogin {
    pub id: LoginId,
    pub token: Private<String>,
}

impl TenantStore {
    /// Signs a person in until `expires_at`.
    ///
    /// # Errors
    /// `MissingReference` when this tenant has no such person.
    pub async fn create_login(
        &self,
        staff: StaffId,
        expires_at: Timestamp,
    ) -> Result<NewLogin, StoreError> {
        let (id, token) = (
            LoginId::new(),
            mint_secret().map_err(|_| StoreError::NoRandomness)?,
        );
        let mut tx = self.write().await?;
        execute!(
            &mut tx,
            INSERT,
            self.tenant(),
            id,
            staff,
            secret_hash(&token),
            now(),
            expires_at
        )?;
        tx.commit().await?;
        Ok(NewLogin {
            id,
            token: token.into(),
        })
    }

    /// Signs a browser out. `false` when there is no such login or it has ended.
    pub async fn end_login(&self, login: LoginId, at: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let ended = execute!(&mut tx, END, self.tenant(), login, at)? == 1;
        tx.commit().await?;
        Ok(ended)
    }
}

pub(crate) async fn end_all(
    tx: &mut Tx,
    tenant: TenantId,
    staff: StaffId,
    at: Timestamp,
) -> Result<(), StoreError> {
    execute!(tx, END_ALL, tenant, staff, at)?;
    Ok(())
}
