//! Ephemeral tokens, each the right to start one session with one agent, and what such a session is bound to.
//!
//! The id of a session is that of the call it becomes. A token is shown once; only its hash is kept.

use serde::Serialize;
use sqlx::FromRow;

use crate::db::{Only, Tx};
use crate::error::StoreError;
use crate::ids::{CallId, ContactId, TenantId};
use crate::keys::{mint_secret, secret_hash};
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::{Timestamp, now};

sql! {
    // Those who mint for the same one wait for each other, on all nodes. SQLite has one writer anyway.
    LOCK_MINTER = "select pg_advisory_xact_lock(hashtextextended($1, 0))";
    INSERT = "insert into voice_sessions (tenant_id, id, token_hash, agent_name, user_id, contact_id, project_id,
            context, minter, created_at, expires_at, started_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    OUTSTANDING = "select count(*) from voice_sessions
        where tenant_id = $1 and minter = $2 and started_at is null and expires_at > $3";
    START = "update voice_sessions set started_at = $3
        where tenant_id = $1 and id = $2 and started_at is null and expires_at > $3";
    ONE = "select id, agent_name, user_id, contact_id, project_id, created_at, expires_at, started_at
        from voice_sessions where tenant_id = $1 and id = $2";
    FORGET_CONTEXTS = "update voice_sessions set context = null
        where tenant_id = $1 and started_at <= $2 and context is not null";
    FORGET = "delete from voice_sessions
        where tenant_id = $1 and ((started_at is null and expires_at <= $2) or started_at <= $3)";
}

/// So that SDKs take it for an ephemeral key, and scanners of leaked secrets find it.
const TOKEN_PREFIX: &str = "ek_";

/// A session that may be started, or that is.
#[derive(Debug, Clone)]
pub struct NewVoiceSession {
    /// The id the call will have.
    pub id: CallId,
    pub agent_name: String,
    /// The app's own id of its user.
    pub user_id: Option<Private<String>>,
    pub contact_id: Option<ContactId>,
    pub project_id: Option<String>,
    /// What the agent is told about the session.
    pub context: Option<Private<String>>,
    /// Kind and id of the one it is made for, such as `api_key 0199…`. What is outstanding is counted by it.
    pub minter: String,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A token that has just been made: the only time it can be seen.
#[derive(Debug, Clone)]
pub struct MintedVoiceSession {
    pub id: CallId,
    pub token: Private<String>,
    pub expires_at: Timestamp,
}

/// A session as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct VoiceSession {
    pub id: CallId,
    pub agent_name: String,
    pub user_id: Option<Private<String>>,
    pub contact_id: Option<ContactId>,
    pub project_id: Option<String>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub started_at: Option<Timestamp>,
}

/// What a token starts.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct VoiceSessionIdentity {
    pub tenant_id: TenantId,
    pub id: CallId,
    pub agent_name: String,
    pub user_id: Option<Private<String>>,
    pub contact_id: Option<ContactId>,
    pub project_id: Option<String>,
    pub context: Option<Private<String>>,
    pub expires_at: Timestamp,
    pub started_at: Option<Timestamp>,
}

impl TenantStore {
    /// Makes a token of 256 random bits. `None` when whoever it is for has `outstanding_max` already that are neither
    /// used nor expired, however many ask at the same moment.
    ///
    /// # Errors
    /// `MissingReference` when the contact is not of this tenant.
    pub async fn mint_voice_session(
        &self,
        new: &NewVoiceSession,
        outstanding_max: i64,
    ) -> Result<Option<MintedVoiceSession>, StoreError> {
        let secret = mint_secret().map_err(|_| StoreError::NoRandomness)?;
        let token = format!("{TOKEN_PREFIX}{secret}");
        let mut tx = self.write().await?;
        if let Tx::Postgres(_) = &tx {
            let minter = format!("voice_sessions {}/{}", self.tenant(), new.minter);
            execute!(&mut tx, LOCK_MINTER, minter)?;
        }
        let (outstanding,) = fetch!(
            &mut tx,
            one Only<i64>,
            OUTSTANDING,
            self.tenant(),
            &new.minter,
            new.created_at
        )?;
        if outstanding >= outstanding_max {
            return Ok(None);
        }
        self.insert(&mut tx, new, Some(secret_hash(&token)), None)
            .await?;
        tx.commit().await?;
        Ok(Some(MintedVoiceSession {
            id: new.id,
            token: token.into(),
            expires_at: new.expires_at,
        }))
    }

    /// Keeps a session that starts without a token.
    pub async fn add_voice_session(&self, new: &NewVoiceSession) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        self.insert(&mut tx, new, None, Some(new.created_at))
            .await?;
        tx.commit().await
    }

    async fn insert(
        &self,
        tx: &mut Tx,
        new: &NewVoiceSession,
        token_hash: Option<String>,
        started_at: Option<Timestamp>,
    ) -> Result<(), StoreError> {
        execute!(
            tx,
            INSERT,
            self.tenant(),
            new.id,
            token_hash,
            &new.agent_name,
            &new.user_id,
            new.contact_id,
            &new.project_id,
            &new.context,
            &new.minter,
            new.created_at,
            new.expires_at,
            started_at
        )?;
        Ok(())
    }

    /// Uses a token up. Of many at the same time, on any node, one gets `true`; a used or expired one never does.
    pub async fn start_voice_session(
        &self,
        session: CallId,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let started = execute!(&mut tx, START, self.tenant(), session, now)? == 1;
        tx.commit().await?;
        Ok(started)
    }

    /// One session, by the id of its call.
    pub async fn voice_session(&self, session: CallId) -> Result<Option<VoiceSession>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, optional VoiceSession, ONE, self.tenant(), session)
    }

    /// Drops what agents were told about sessions that started so long ago. Whose they were is kept, for the ledger.
    pub async fn forget_session_contexts(&self, started_by: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.write().await?;
        let dropped = execute!(&mut tx, FORGET_CONTEXTS, self.tenant(), started_by)?;
        tx.commit().await?;
        Ok(dropped)
    }

    /// Drops tokens that expired unused before one moment and sessions that started before the other. Gives how many.
    pub async fn forget_voice_sessions(
        &self,
        expired_by: Timestamp,
        started_by: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut tx = self.write().await?;
        let dropped = execute!(&mut tx, FORGET, self.tenant(), expired_by, started_by)?;
        tx.commit().await?;
        Ok(dropped)
    }
}

impl NewVoiceSession {
    /// A session of this agent that lives until `expires_at`, bound to nobody yet.
    pub fn of(
        agent_name: impl Into<String>,
        minter: impl Into<String>,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            id: CallId::new(),
            agent_name: agent_name.into(),
            user_id: None,
            contact_id: None,
            project_id: None,
            context: None,
            minter: minter.into(),
            created_at: now(),
            expires_at,
        }
    }
}
