//! Agents: published definitions, one row per version, never changed.

use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;

use crate::audit::{self, Deed};
use crate::error::StoreError;
use crate::ids::AgentId;
use crate::scope::TenantStore;
use crate::time::{Timestamp, now};

sql! {
    CURRENT = "select id, name, version, definition, source, created_at from agents
        where tenant_id = $1 and name = $2 order by version desc limit 1";
    VERSION = "select id, name, version, definition, source, created_at from agents
        where tenant_id = $1 and name = $2 and version = $3";
    INSERT = "insert into agents (tenant_id, id, name, version, definition, source, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)";
    LIST = "select a.id, a.name, a.version, a.source, a.created_at from agents a
        where a.tenant_id = $1
            and a.version = (select max(b.version) from agents b where b.tenant_id = $1 and b.name = a.name)
        order by a.name";
}

/// One version of an agent, with its whole definition.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow)]
pub struct AgentVersion {
    pub id: AgentId,
    pub name: String,
    /// 1 for the first.
    pub version: i64,
    #[sqlx(json)]
    pub definition: Value,
    /// Where the definition came from, such as a file name.
    pub source: String,
    pub created_at: Timestamp,
}

/// An agent in a list: its newest version, without the definition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct AgentListing {
    pub id: AgentId,
    pub name: String,
    pub version: i64,
    pub source: String,
    pub created_at: Timestamp,
}

/// What publishing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedAgent {
    pub id: AgentId,
    pub version: i64,
    /// `false` when the newest version had this very definition.
    pub is_new: bool,
}

impl TenantStore {
    /// Publishes a definition as the next version, unless the newest version has the same one.
    ///
    /// # Errors
    /// `AlreadyExists` when somebody else published at the same time.
    pub async fn publish_agent(
        &self,
        name: &str,
        definition: &Value,
        source: &str,
    ) -> Result<PublishedAgent, StoreError> {
        let mut tx = self.write().await?;
        let newest = fetch!(&mut tx, optional AgentVersion, CURRENT, self.tenant(), name)?;
        if let Some(newest) = newest
            .as_ref()
            .filter(|newest| newest.definition == *definition)
        {
            return Ok(PublishedAgent {
                id: newest.id,
                version: newest.version,
                is_new: false,
            });
        }
        let (id, version) = (
            AgentId::new(),
            newest.map_or(1, |newest| newest.version + 1),
        );
        let definition = sqlx::types::Json(definition);
        execute!(
            &mut tx,
            INSERT,
            self.tenant(),
            id,
            name,
            version,
            definition,
            source,
            now()
        )?;
        audit::record(
            &mut tx,
            &self.scope,
            Deed {
                action: "publish",
                noun: "agent",
                noun_id: &id,
            },
        )
        .await?;
        tx.commit().await?;
        Ok(PublishedAgent {
            id,
            version,
            is_new: true,
        })
    }

    /// The newest version of an agent.
    pub async fn agent(&self, name: &str) -> Result<Option<AgentVersion>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, optional AgentVersion, CURRENT, self.tenant(), name)
    }

    /// One version of an agent.
    pub async fn agent_version(
        &self,
        name: &str,
        version: i64,
    ) -> Result<Option<AgentVersion>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, optional AgentVersion, VERSION, self.tenant(), name, version)
    }

    /// The newest version of every agent, by name.
    pub async fn list_agents(&self) -> Result<Vec<AgentListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all AgentListing, LIST, self.tenant())
    }
}
