//! The audit trail: who changed what answers, and who read what was said.

use serde::Serialize;
use sqlx::FromRow;
use uuid::Uuid;

use crate::db::Tx;
use crate::error::StoreError;
use crate::ids::AuditEntryId;
use crate::list::ListFilter;
use crate::scope::{TenantScope, TenantStore};
use crate::time::{Timestamp, now};

sql! {
    INSERT = "insert into audit_entries (tenant_id, id, at, actor_kind, actor_id, purpose, action, noun, noun_id)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    LIST = "select id, at, actor_kind, actor_id, purpose, action, noun, noun_id from audit_entries
        where tenant_id = $1 order by at desc, id desc limit $2";
}

/// One audit entry. Holds ids and words, no content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct AuditListing {
    pub id: AuditEntryId,
    pub at: Timestamp,
    pub actor_kind: String,
    pub actor_id: Option<Uuid>,
    pub purpose: String,
    pub action: String,
    pub noun: String,
    pub noun_id: Option<String>,
}

impl TenantStore {
    /// Audit entries, newest first.
    pub async fn list_audit_entries(
        &self,
        filter: &ListFilter,
    ) -> Result<Vec<AuditListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all AuditListing, LIST, self.tenant(), filter.rows_max())
    }
}

/// What was done to what; the who and why come from the scope.
pub(crate) struct Deed<'a> {
    pub(crate) action: &'static str,
    pub(crate) noun: &'static str,
    pub(crate) noun_id: &'a (dyn std::fmt::Display + Sync),
}

/// Adds an entry in the transaction of the deed itself, so that neither is kept without the other.
pub(crate) async fn record(
    tx: &mut Tx,
    scope: &TenantScope,
    deed: Deed<'_>,
) -> Result<(), StoreError> {
    let (actor, noun_id) = (scope.actor, deed.noun_id.to_string());
    execute!(
        tx,
        INSERT,
        scope.tenant,
        AuditEntryId::new(),
        now(),
        actor.kind(),
        actor.id(),
        scope.purpose.as_str(),
        deed.action,
        deed.noun,
        noun_id
    )?;
    Ok(())
}
