//! Who vouches for the users of a tenant's app: issuer, audience and keys of their tokens.

use serde::Serialize;
use sqlx::FromRow;
use sqlx::types::Json;

use crate::audit::{self, Deed};
use crate::db::Tx;
use crate::error::StoreError;
use crate::ids::TenantId;
use crate::private::Private;
use crate::scope::{TenantScope, TenantStore};
use crate::time::{Timestamp, now};

sql! {
    PUT = "insert into app_issuers (tenant_id, issuer, audience, algorithm, sealed_secret, jwks_url, agents, created_at,
            updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $8)
        on conflict (tenant_id, issuer) do update set audience = excluded.audience, algorithm = excluded.algorithm,
            sealed_secret = excluded.sealed_secret, jwks_url = excluded.jwks_url, agents = excluded.agents,
            updated_at = excluded.updated_at";
    LIST = "select issuer, audience, algorithm, jwks_url, agents, created_at, updated_at from app_issuers
        where tenant_id = $1 order by issuer";
    REMOVE = "delete from app_issuers where tenant_id = $1 and issuer = $2";
}

/// What its tokens are verified with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppIssuerKey {
    /// A shared secret, sealed by the server before it comes here.
    Secret(Private<Vec<u8>>),
    /// The address of its public keys.
    Jwks(String),
}

/// An issuer to be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAppIssuer {
    /// The `iss` of its tokens.
    pub issuer: String,
    /// What must be in their `aud`.
    pub audience: String,
    /// The one signature algorithm, as JOSE names it.
    pub algorithm: String,
    pub key: AppIssuerKey,
    /// The agents its users may talk to.
    pub agents: Vec<String>,
}

/// An issuer and the tenant that trusts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppIssuer {
    pub tenant_id: TenantId,
    pub issuer: String,
    pub audience: String,
    pub algorithm: String,
    pub key: AppIssuerKey,
    pub agents: Vec<String>,
}

/// An issuer without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct AppIssuerListing {
    pub issuer: String,
    pub audience: String,
    pub algorithm: String,
    /// `None`: a shared secret.
    pub jwks_url: Option<String>,
    pub agents: Json<Vec<String>>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

#[derive(FromRow)]
pub(crate) struct AppIssuerRow {
    tenant_id: TenantId,
    issuer: String,
    audience: String,
    algorithm: String,
    sealed_secret: Option<Private<Vec<u8>>>,
    jwks_url: Option<String>,
    agents: Json<Vec<String>>,
}

impl AppIssuerRow {
    /// `None` for a row that the table's own check does not let in.
    pub(crate) fn read(self) -> Option<AppIssuer> {
        let key = match (self.sealed_secret, self.jwks_url) {
            (Some(secret), None) => AppIssuerKey::Secret(secret),
            (None, Some(url)) => AppIssuerKey::Jwks(url),
            _ => return None,
        };
        Some(AppIssuer {
            tenant_id: self.tenant_id,
            issuer: self.issuer,
            audience: self.audience,
            algorithm: self.algorithm,
            key,
            agents: self.agents.0,
        })
    }
}

impl TenantStore {
    /// Trusts an issuer, or changes how, and leaves an audit entry.
    pub async fn put_app_issuer(&self, new: &NewAppIssuer) -> Result<(), StoreError> {
        let (secret, url) = match &new.key {
            AppIssuerKey::Secret(secret) => (Some(secret), None),
            AppIssuerKey::Jwks(url) => (None, Some(url)),
        };
        let mut tx = self.write().await?;
        execute!(
            &mut tx,
            PUT,
            self.tenant(),
            &new.issuer,
            &new.audience,
            &new.algorithm,
            secret,
            url,
            Json(&new.agents),
            now()
        )?;
        note(&mut tx, &self.scope, "put", &new.issuer).await?;
        tx.commit().await
    }

    /// Trusts an issuer no more. `false` when it was not trusted.
    pub async fn remove_app_issuer(&self, issuer: &str) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let removed = execute!(&mut tx, REMOVE, self.tenant(), issuer)? == 1;
        if removed {
            note(&mut tx, &self.scope, "remove", issuer).await?;
        }
        tx.commit().await?;
        Ok(removed)
    }

    /// The tenant's issuers by name, without their secrets.
    pub async fn list_app_issuers(&self) -> Result<Vec<AppIssuerListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all AppIssuerListing, LIST, self.tenant())
    }
}

async fn note(
    tx: &mut Tx,
    scope: &TenantScope,
    action: &'static str,
    issuer: &str,
) -> Result<(), StoreError> {
    let deed = Deed {
        action,
        noun: "app_issuer",
        noun_id: &issuer,
    };
    audit::record(tx, scope, deed).await
}
