//! The API key of a rehearsal: a file, the environment, or one made for it and revoked after it.

use std::path::Path;

use anyhow::Result;
use switchboard_store::{Actor, ApiKeyId, Purpose, Store, TenantId, TenantScope, TenantStore};

use crate::cli::{Exit, Failure};
use crate::config::Secret;

/// The variable that holds a key.
const VARIABLE: &str = "SWITCHBOARD_API_KEY";
/// What keys made here are called in the list of keys.
const NAME: &str = "switchboard call";

/// A key, and what to do with it afterwards.
pub(super) struct RehearsalKey {
    /// The key.
    pub(super) secret: Secret,
    made: Option<(TenantStore, ApiKeyId)>,
}

impl RehearsalKey {
    /// The key of the file, else of the environment.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(super) fn given(file: Option<&Path>) -> Result<Option<Self>> {
        let text = match file {
            Some(path) => Some(read(path)?),
            None => from_environment(),
        };
        Ok(text.map(|text| Self {
            secret: Secret::new(text.trim()),
            made: None,
        }))
    }

    /// A fresh key of the tenant.
    ///
    /// # Errors
    /// The database cannot be written.
    pub(super) async fn make(store: &Store, tenant: TenantId) -> Result<Self> {
        let rows = store.tenant(TenantScope::new(
            tenant,
            Actor::Operator,
            Purpose::Configure,
        ));
        let created = rows.create_api_key(NAME).await?;
        Ok(Self {
            secret: Secret::new(created.key.expose().as_str()),
            made: Some((rows, created.id)),
        })
    }

    /// Revokes what was made: a key that nobody keeps must not stay valid.
    pub(super) async fn drop_made(self) {
        if let Some((rows, id)) = self.made
            && let Err(error) = rows.revoke_api_key(id, chrono::Utc::now()).await
        {
            tracing::warn!(%error, "the key of a rehearsal was not revoked");
        }
    }
}

/// The key of the environment.
pub(super) fn from_environment() -> Option<String> {
    std::env::var(VARIABLE)
        .ok()
        .filter(|key| !key.trim().is_empty())
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| {
        Failure::new(
            Exit::WrongUse,
            format!("cannot read the key file {}", path.display()),
        )
        .because(error.to_string())
    })
}
