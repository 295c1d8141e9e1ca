//! API keys of a tenant. A key is shown once; only its hash is kept.

use serde::Serialize;
use sqlx::FromRow;

use crate::audit::{self, Deed};
use crate::db::Only;
use crate::error::StoreError;
use crate::ids::{ApiKeyId, TenantId};
use crate::keys::{mint_secret, secret_hash};
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::{Timestamp, now};

sql! {
    INSERT = "insert into api_keys (tenant_id, id, name, key_hash, created_at) values ($1, $2, $3, $4, $5)";
    REVOKE = "update api_keys set revoked_at = $3 where tenant_id = $1 and id = $2 and revoked_at is null";
    USED = "update api_keys set last_used_at = $3
        where tenant_id = $1 and id = $2 and (last_used_at is null or last_used_at < $3)";
    STANDS = "select count(*) from api_keys where tenant_id = $1 and id = $2 and revoked_at is null";
    LIST = "select id, name, created_at, last_used_at, revoked_at from api_keys
        where tenant_id = $1 order by created_at desc, id desc";
}

/// So that people and secret scanners recognise a key of Switchboard.
const KEY_PREFIX: &str = "sk_sb_";

/// A key that has just been made: the only time it can be seen.
#[derive(Debug, Clone, Serialize)]
pub struct CreatedApiKey {
    pub id: ApiKeyId,
    pub name: String,
    pub tenant: TenantId,
    pub key: Private<String>,
    pub created_at: Timestamp,
}

/// A key without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct ApiKeyListing {
    pub id: ApiKeyId,
    pub name: String,
    pub created_at: Timestamp,
    pub last_used_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

impl TenantStore {
    /// Makes a key of 256 random bits and leaves an audit entry.
    pub async fn create_api_key(&self, name: &str) -> Result<CreatedApiKey, StoreError> {
        let secret = mint_secret().map_err(|_| StoreError::NoRandomness)?;
        let (id, key, created_at) = (ApiKeyId::new(), format!("{KEY_PREFIX}{secret}"), now());
        let mut tx = self.write().await?;
        execute!(
            &mut tx,
            INSERT,
            self.tenant(),
            id,
            name,
            secret_hash(&key),
            created_at
        )?;
        audit::record(
            &mut tx,
            &self.scope,
            Deed {
                action: "create",
                noun: "api_key",
                noun_id: &id,
            },
        )
        .await?;
        tx.commit().await?;
        Ok(CreatedApiKey {
            id,
            name: name.to_owned(),
            tenant: self.tenant(),
            key: key.into(),
            created_at,
        })
    }

    /// Revokes a key. `false` when there is no such key or it was revoked before.
    pub async fn revoke_api_key(&self, key: ApiKeyId, at: Timestamp) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let revoked = execute!(&mut tx, REVOKE, self.tenant(), key, at)? == 1;
        if revoked {
            audit::record(
                &mut tx,
                &self.scope,
                Deed {
                    action: "revoke",
                    noun: "api_key",
                    noun_id: &key,
                },
            )
            .await?;
        }
        tx.commit().await?;
        Ok(revoked)
    }

    /// Notes when a key was last used. Not needed per request; once a minute is plenty.
    pub async fn note_api_key_use(&self, key: ApiKeyId, at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        execute!(&mut tx, USED, self.tenant(), key, at)?;
        tx.commit().await
    }

    /// Whether a key is there and not revoked, asked for what was opened with it and is still open.
    pub async fn api_key_stands(&self, key: ApiKeyId) -> Result<bool, StoreError> {
        let mut tx = self.read().await?;
        let (count,) = fetch!(&mut tx, one Only<i64>, STANDS, self.tenant(), key)?;
        Ok(count > 0)
    }

    /// The tenant's keys, newest first, revoked ones included.
    pub async fn list_api_keys(&self) -> Result<Vec<ApiKeyListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all ApiKeyListing, LIST, self.tenant())
    }
}
