//! Users of a tenant's app: JSON Web Tokens of issuers that the tenant trusts (threats T1, T2).
//!
//! A token names its issuer, the issuer leads to the tenants that trust it, and the key of the tenant decides. Nothing
//! in a token says how it is to be verified: the algorithm is the one that stands in the tenant's configuration.

mod keys;
mod token;

use std::sync::Arc;

use switchboard_store::{AppIssuer, AppIssuerKey, Lookup, Private, StoreError, TenantId};
use thiserror::Error;

use crate::config::Secret;
use crate::ops::seal::SealingKey;
use crate::outbound::Outbound;
pub use keys::{KeyFault, PublicKeys};
pub use token::{ALGORITHMS, is_shared_secret_algorithm, looks_like_token};
use token::{Glance, VerifyingKey, Wanted};

/// Verifies tokens of app users. Cheap to clone.
#[derive(Clone)]
pub struct AppUsers(Arc<Inner>);

struct Inner {
    lookup: Lookup,
    sealing: Arc<SealingKey>,
    keys: PublicKeys,
}

/// An app user whose token was good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppUser {
    /// Whose app it is.
    pub tenant_id: TenantId,
    /// The token's subject: the app's own id of its user.
    pub subject: Private<String>,
    /// The agents its users may talk to.
    pub agents: Vec<String>,
}

/// Why a token signs nobody in.
#[derive(Debug, Error)]
pub enum TokenFault {
    /// Altered, foreign, malformed, without a claim it must have, or of nobody that is trusted: all answered alike.
    #[error("the token is not valid")]
    Invalid,
    /// Good once.
    #[error("the token has expired")]
    Expired,
    /// Its issuer's keys cannot be had now.
    #[error("the issuer's keys cannot be fetched")]
    KeysUnavailable,
    /// The database cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl AppUsers {
    /// A verifier over the installation's issuers.
    pub fn new(lookup: Lookup, sealing: Arc<SealingKey>, outbound: Outbound) -> Self {
        Self(Arc::new(Inner {
            lookup,
            sealing,
            keys: PublicKeys::new(outbound),
        }))
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// Nobody's, or it cannot be told now.
    pub async fn verify(&self, token: &str) -> Result<AppUser, TokenFault> {
        let glance = token::glance(token)?;
        let issuers = self.0.lookup.app_issuers(&glance.issuer).await?;
        let mut fault = TokenFault::Invalid;
        for issuer in issuers {
            match self.verify_by(token, &glance, issuer).await {
                Ok(user) => return Ok(user),
                // What one tenant's key says of it is worth more than that another's does not fit.
                Err(TokenFault::Invalid) => {}
                Err(other) => fault = other,
            }
        }
        Err(fault)
    }

    async fn verify_by(
        &self,
        token: &str,
        glance: &Glance,
        issuer: AppIssuer,
    ) -> Result<AppUser, TokenFault> {
        if glance.algorithm != issuer.algorithm {
            return Err(TokenFault::Invalid);
        }
        let key = self.key_of(glance, &issuer).await?;
        let wanted = Wanted {
            algorithm: &issuer.algorithm,
            issuer: &issuer.issuer,
            audience: &issuer.audience,
            now_s: chrono::Utc::now().timestamp(),
        };
        let subject = token::verify(token, &key, &wanted)?;
        Ok(AppUser {
            tenant_id: issuer.tenant_id,
            subject: subject.into(),
            agents: issuer.agents,
        })
    }

    async fn key_of(
        &self,
        glance: &Glance,
        issuer: &AppIssuer,
    ) -> Result<VerifyingKey, TokenFault> {
        let is_shared = is_shared_secret_algorithm(&issuer.algorithm);
        match &issuer.key {
            AppIssuerKey::Secret(sealed) if is_shared => {
                let context = secret_context(issuer.tenant_id, &issuer.issuer);
                let secret = self.0.sealing.open(sealed.expose(), &context);
                let secret = secret.map_err(|error| {
                    tracing::error!(%error, "the secret of an issuer cannot be opened");
                    TokenFault::KeysUnavailable
                })?;
                Ok(token::shared_secret(&secret))
            }
            AppIssuerKey::Jwks(url) if !is_shared => {
                let key_id = glance.key_id.as_deref();
                let found = self.0.keys.find(url, key_id, &issuer.algorithm).await;
                found.map_err(|fault| match fault {
                    KeyFault::Unknown => TokenFault::Invalid,
                    KeyFault::Unavailable => TokenFault::KeysUnavailable,
                })
            }
            // A public key must never be taken for a shared secret, nor the other way round.
            _ => Err(TokenFault::Invalid),
        }
    }
}

/// The context a shared secret is sealed for.
pub fn secret_context(tenant: TenantId, issuer: &str) -> String {
    format!("app_issuer/{tenant}/{issuer}")
}

/// Fewest bytes of a shared secret: as many as the shortest of its hashes has (RFC 7518, 3.2).
const SECRET_BYTES_MIN: usize = 32;

/// Whether a shared secret is long enough to be one.
pub fn is_strong(secret: &Secret) -> bool {
    secret.expose().len() >= SECRET_BYTES_MIN
}
