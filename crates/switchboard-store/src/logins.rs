//! Logins: signed-in browsers of staff. The token is shown once; only its hash is kept.

use crate::audit::{self, Deed};
use crate::db::{Only, Tx};
use crate::error::StoreError;
use crate::ids::{LoginId, StaffId, TenantId};
use crate::keys::{mint_secret, secret_hash};
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::Timestamp;
use crate::words::StaffRole;

sql! {
    INSERT = "insert into logins (tenant_id, id, staff_id, token_hash, created_at, seen_at, expires_at, address_hash,
            proved_at, must_enrol)
        values ($1, $2, $3, $4, $5, $5, $6, $7, $5, $8)";
    COUNT = "update staff set sign_ins = sign_ins + 1, last_signed_in_at = $3 where tenant_id = $1 and id = $2";
    SEE = "update logins set seen_at = $3 where tenant_id = $1 and id = $2 and ended_at is null and seen_at < $3";
    PROVE = "update logins set proved_at = $3 where tenant_id = $1 and id = $2 and ended_at is null";
    CAME_FROM = "select count(*) from logins
        where tenant_id = $1 and staff_id = $2 and address_hash = $3 and created_at > $4";
    END = "update logins set ended_at = $3 where tenant_id = $1 and id = $2 and ended_at is null";
    END_ALL = "update logins set ended_at = $3 where tenant_id = $1 and staff_id = $2 and ended_at is null";
    STANDS = "select s.role from logins l join staff s on s.tenant_id = l.tenant_id and s.id = l.staff_id
        where l.tenant_id = $1 and l.id = $2 and l.ended_at is null and l.expires_at > $3
            and s.tenant_id = $1 and s.disabled_at is null";
    LET_IN = "update logins set must_enrol = $3 where tenant_id = $1 and staff_id = $2 and ended_at is null";
}

/// How a login begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginStart {
    pub at: Timestamp,
    /// It ends then, whatever happens.
    pub expires_at: Timestamp,
    /// A keyed hash of the address block.
    pub address_hash: Option<String>,
    /// Nothing is open to it before a second factor is set up.
    pub must_enrol: bool,
}

/// A login that has just been made, with the only sight of its token.
#[derive(Debug, Clone)]
pub struct NewLogin {
    pub id: LoginId,
    pub token: Private<String>,
}

impl TenantStore {
    /// Signs a person in, counts it and leaves an audit entry.
    ///
    /// # Errors
    /// `MissingReference` when this tenant has no such person.
    pub async fn create_login(
        &self,
        staff: StaffId,
        start: &LoginStart,
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
            start.at,
            start.expires_at,
            &start.address_hash,
            start.must_enrol
        )?;
        execute!(&mut tx, COUNT, self.tenant(), staff, start.at)?;
        self.note_staff(&mut tx, "sign_in", &staff).await?;
        tx.commit().await?;
        Ok(NewLogin {
            id,
            token: token.into(),
        })
    }

    /// Notes that a login is in use, which keeps it from ending by idleness. Once a minute is plenty.
    pub async fn see_login(&self, login: LoginId, at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        execute!(&mut tx, SEE, self.tenant(), login, at)?;
        tx.commit().await
    }

    /// Notes that the person of this login has just shown a password or a code again.
    pub async fn prove_login(&self, login: LoginId, at: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let proved = execute!(&mut tx, PROVE, self.tenant(), login, at)? == 1;
        tx.commit().await?;
        Ok(proved)
    }

    /// Whether this person signed in from this address block after `since`.
    pub async fn staff_came_from(
        &self,
        staff: StaffId,
        address_hash: &str,
        since: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.read().await?;
        let (count,) =
            fetch!(&mut tx, one Only<i64>, CAME_FROM, self.tenant(), staff, address_hash, since)?;
        Ok(count > 0)
    }

    /// What the person of a login may do now; `None` once it has ended or the person is disabled. Asked for what was opened
    /// with it and is still open.
    pub async fn login_stands(
        &self,
        login: LoginId,
        at: Timestamp,
    ) -> Result<Option<StaffRole>, StoreError> {
        let mut tx = self.read().await?;
        let role = fetch!(&mut tx, optional Only<StaffRole>, STANDS, self.tenant(), login, at)?;
        Ok(role.map(|(role,)| role))
    }

    /// Signs a browser out. `false` when there is no such login or it has ended.
    pub async fn end_login(&self, login: LoginId, at: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let ended = execute!(&mut tx, END, self.tenant(), login, at)? == 1;
        if ended {
            let deed = Deed {
                action: "sign_out",
                noun: "login",
                noun_id: &login,
            };
            audit::record(&mut tx, &self.scope, deed).await?;
        }
        tx.commit().await?;
        Ok(ended)
    }

    /// Signs a person out everywhere. Gives how many logins that ended.
    pub async fn end_logins_of(&self, staff: StaffId, at: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.write().await?;
        let ended = end_all(&mut tx, self.tenant(), staff, at).await?;
        if ended > 0 {
            self.note_staff(&mut tx, "sign_out_everywhere", &staff)
                .await?;
        }
        tx.commit().await?;
        Ok(ended)
    }
}

pub(crate) async fn end_all(
    tx: &mut Tx,
    tenant: TenantId,
    staff: StaffId,
    at: Timestamp,
) -> Result<u64, StoreError> {
    execute!(tx, END_ALL, tenant, staff, at)
}

/// Opens the logins of a person whose second factor was missing.
pub(crate) async fn let_in(
    tx: &mut Tx,
    tenant: TenantId,
    staff: StaffId,
) -> Result<(), StoreError> {
    execute!(tx, LET_IN, tenant, staff, false)?;
    Ok(())
}
