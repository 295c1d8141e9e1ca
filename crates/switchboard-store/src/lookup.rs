//! Look-ups that come before any tenant is known. Each sees the one row whose key the asker already holds.

use sqlx::FromRow;

use crate::app_issuers::{AppIssuer, AppIssuerRow};
use crate::db::{Db, Only, Sight};
use crate::error::StoreError;
use crate::ids::{
    ApiKeyId, CallId, InvitationId, LoginId, NumberId, StaffId, TenantId, TwilioAccountId,
};
use crate::keys::{email_key, secret_hash};
use crate::phone::PhoneNumber;
use crate::private::Private;
use crate::time::{Timestamp, Zone};
use crate::voice_sessions::VoiceSessionIdentity;
use crate::word::Word;
use crate::words::{CallStatus, StaffRole};

sql! {
    // The earliest claim answers a number, so that a later tenant cannot take its calls.
    NUMBER_OWNER = "select tenant_id from numbers where number = $1 order by created_at, id limit 1";
    NUMBER_ROUTE = "select n.tenant_id, t.name as tenant_name, t.time_zone, n.id as number_id, n.number, n.agent_name,
            n.human_number, n.human_target, n.location, a.id as twilio_account_id, a.account_sid, a.sealed_auth_token
        from numbers n
        join tenants t on t.id = n.tenant_id
        left join twilio_accounts a on a.tenant_id = $1 and a.id = coalesce(n.twilio_account_id,
            (select b.id from twilio_accounts b where b.tenant_id = $1 order by b.updated_at desc, b.id desc limit 1))
        where n.tenant_id = $1 and n.number = $2";
    API_KEY = "select tenant_id, id as key_id, name from api_keys where key_hash = $1 and revoked_at is null";
    LOGIN = "select tenant_id, id as login_id, staff_id, expires_at, seen_at, proved_at, must_enrol from logins
        where token_hash = $1 and ended_at is null and expires_at > $2 and seen_at > $3";
    LOGIN_STAFF = "select tenant_id, id as staff_id, name, role, password_hash, sign_ins, is_demo from staff
        where tenant_id = $1 and id = $2 and disabled_at is null";
    STAFF = "select tenant_id, id as staff_id, name, role, password_hash, sign_ins, is_demo from staff
        where email_key = $1 and disabled_at is null order by created_at, id";
    INVITATION = "select tenant_id, id as invitation_id, staff_id from invitations
        where token_hash = $1 and used_at is null and expires_at > $2";
    CALL = "select tenant_id, id as call_id, status from calls where carrier_call_id = $1 order by offered_at, id limit 1";
    pub(crate) STREAM_TOKEN = "select tenant_id, call_id, carrier_call_id, carrier_account_id, expires_at, used_at
        from stream_tokens where token_hash = $1";
    VOICE_SESSION = "select tenant_id, id, agent_name, user_id, contact_id, project_id, context, expires_at, started_at
        from voice_sessions where token_hash = $1";
    // The earliest claim comes first, so that a later tenant cannot take its users.
    APP_ISSUERS = "select tenant_id, issuer, audience, algorithm, sealed_secret, jwks_url, agents
        from app_issuers where issuer = $1 order by created_at, tenant_id limit 8";
}

/// The door for those who do not know their tenant yet. Made by [`Store::lookup`](crate::Store::lookup).
#[derive(Debug, Clone)]
pub struct Lookup {
    pub(crate) db: Db,
}

/// Where a call to a number goes, and whose secret signs its webhooks.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct NumberRoute {
    pub tenant_id: TenantId,
    pub tenant_name: String,
    pub time_zone: Zone,
    pub number_id: NumberId,
    pub number: PhoneNumber,
    pub agent_name: String,
    /// Who takes over when the agent cannot.
    pub human_number: Option<PhoneNumber>,
    /// The same by the name of a party.
    pub human_target: Option<Word>,
    pub location: Option<String>,
    /// The number's own account, else the tenant's newest. `None`: the installation's account serves it.
    pub twilio_account_id: Option<TwilioAccountId>,
    pub account_sid: Option<String>,
    /// As sealed by the server; only the server can open it.
    pub sealed_auth_token: Option<Private<Vec<u8>>>,
}

/// Whose API key it is.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ApiKeyIdentity {
    pub tenant_id: TenantId,
    pub key_id: ApiKeyId,
    pub name: String,
}

/// Whose login it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginIdentity {
    pub tenant_id: TenantId,
    pub login_id: LoginId,
    pub staff_id: StaffId,
    pub name: Private<String>,
    pub role: StaffRole,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
    /// When it was last noted to be in use.
    pub seen_at: Timestamp,
    /// When the person last showed a password or a code in it.
    pub proved_at: Option<Timestamp>,
    /// Nothing is open to it before a second factor is set up.
    pub must_enrol: bool,
    /// Made for a demo: opens nothing on another server.
    pub is_demo: bool,
}

/// Whose invitation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct InvitationIdentity {
    pub tenant_id: TenantId,
    pub invitation_id: InvitationId,
    pub staff_id: StaffId,
}

/// A person who may sign in.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct StaffIdentity {
    pub tenant_id: TenantId,
    pub staff_id: StaffId,
    pub name: Private<String>,
    pub role: StaffRole,
    pub password_hash: Option<Private<String>>,
    /// How often they did before.
    pub sign_ins: i64,
    /// Made for a demo: opens nothing on another server.
    pub is_demo: bool,
}

/// Whose call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct CallIdentity {
    pub tenant_id: TenantId,
    pub call_id: CallId,
    pub status: CallStatus,
}

#[derive(FromRow)]
struct LoginRow {
    tenant_id: TenantId,
    login_id: LoginId,
    staff_id: StaffId,
    expires_at: Timestamp,
    seen_at: Timestamp,
    proved_at: Option<Timestamp>,
    must_enrol: bool,
}

impl Lookup {
    pub(crate) const fn new(db: Db) -> Self {
        Self { db }
    }

    /// Where calls to this number go.
    pub async fn number(&self, number: &PhoneNumber) -> Result<Option<NumberRoute>, StoreError> {
        let mut tx = self.db.read(Sight::Key(number.expose())).await?;
        let Some((tenant,)) = fetch!(&mut tx, optional Only<TenantId>, NUMBER_OWNER, number)?
        else {
            return Ok(None);
        };
        tx.look_through(Sight::Tenant(tenant)).await?;
        fetch!(&mut tx, optional NumberRoute, NUMBER_ROUTE, tenant, number)
    }

    /// Whose key this is, if it is one and has not been revoked.
    pub async fn api_key(&self, key: &str) -> Result<Option<ApiKeyIdentity>, StoreError> {
        let hash = secret_hash(key);
        let mut tx = self.db.read(Sight::Key(&hash)).await?;
        fetch!(&mut tx, optional ApiKeyIdentity, API_KEY, hash)
    }

    /// What this ephemeral token starts, used and expired ones included: whoever asks has to judge.
    pub async fn voice_session(
        &self,
        token: &str,
    ) -> Result<Option<VoiceSessionIdentity>, StoreError> {
        let hash = secret_hash(token);
        let mut tx = self.db.read(Sight::Key(&hash)).await?;
        fetch!(&mut tx, optional VoiceSessionIdentity, VOICE_SESSION, &hash)
    }

    /// The tenants that trust this issuer of tokens for their app's users, the earliest first. At most eight.
    pub async fn app_issuers(&self, issuer: &str) -> Result<Vec<AppIssuer>, StoreError> {
        let mut tx = self.db.read(Sight::Key(issuer)).await?;
        let rows = fetch!(&mut tx, all AppIssuerRow, APP_ISSUERS, issuer)?;
        Ok(rows.into_iter().filter_map(AppIssuerRow::read).collect())
    }

    /// Whose login this token is, if it is still good at `now`, was in use after `seen_after`, and the person still may
    /// sign in.
    pub async fn login(
        &self,
        token: &str,
        now: Timestamp,
        seen_after: Timestamp,
    ) -> Result<Option<LoginIdentity>, StoreError> {
        let hash = secret_hash(token);
        let mut tx = self.db.read(Sight::Key(&hash)).await?;
        let Some(login) = fetch!(&mut tx, optional LoginRow, LOGIN, hash, now, seen_after)? else {
            return Ok(None);
        };
        tx.look_through(Sight::Tenant(login.tenant_id)).await?;
        let staff =
            fetch!(&mut tx, optional StaffIdentity, LOGIN_STAFF, login.tenant_id, login.staff_id)?;
        Ok(staff.map(|staff| LoginIdentity {
            tenant_id: login.tenant_id,
            login_id: login.login_id,
            staff_id: login.staff_id,
            name: staff.name,
            role: staff.role,
            expires_at: login.expires_at,
            seen_at: login.seen_at,
            proved_at: login.proved_at,
            must_enrol: login.must_enrol,
            is_demo: staff.is_demo,
        }))
    }

    /// The people with this e-mail address, one for each tenant they work for.
    pub async fn staff_by_email(&self, email: &str) -> Result<Vec<StaffIdentity>, StoreError> {
        let key = email_key(email);
        let mut tx = self.db.read(Sight::Key(&key)).await?;
        fetch!(&mut tx, all StaffIdentity, STAFF, key)
    }

    /// Whose invitation this token is, if it is still good at `now`.
    pub async fn invitation(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<Option<InvitationIdentity>, StoreError> {
        let hash = secret_hash(token);
        let mut tx = self.db.read(Sight::Key(&hash)).await?;
        fetch!(&mut tx, optional InvitationIdentity, INVITATION, hash, now)
    }

    /// Whose call this is, by the carrier's id of it.
    pub async fn call(&self, carrier_call_id: &str) -> Result<Option<CallIdentity>, StoreError> {
        let mut tx = self.db.read(Sight::Key(carrier_call_id)).await?;
        fetch!(&mut tx, optional CallIdentity, CALL, carrier_call_id)
    }
}
