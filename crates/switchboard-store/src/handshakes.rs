//! Handshakes: how long each call waited for its model, and whether it fell back. Technical only.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::db::Tx;
use crate::error::StoreError;
use crate::ids::{CallId, TenantId};
use crate::list::ListFilter;
use crate::scope::TenantStore;
use crate::time::Timestamp;
use crate::word::Word;

sql! {
    INSERT = "insert into handshakes (tenant_id, call_id, started_at, elapsed_ms, fell_back, reason)
        values ($1, $2, $3, $4, $5, $6) on conflict (tenant_id, call_id) do nothing";
    LIST = "select call_id, started_at, elapsed_ms, fell_back, reason from handshakes
        where tenant_id = $1 and (call_id = $2 or $2 is null) order by started_at desc, call_id desc limit $3";
}

/// The handshake of a call that tried a model; a call has one. Numbers and a word, by type.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandshakeWrite {
    pub call_id: CallId,
    pub started_at: Timestamp,
    pub elapsed_ms: i64,
    pub fell_back: bool,
    pub reason: Option<Word>,
}

/// A handshake in `switchboard list handshakes`. Its keys are a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct HandshakeListing {
    pub call_id: CallId,
    pub started_at: Timestamp,
    pub elapsed_ms: i64,
    pub fell_back: bool,
    pub reason: Option<Word>,
}

impl TenantStore {
    /// Handshakes, newest first.
    pub async fn list_handshakes(
        &self,
        filter: &ListFilter,
    ) -> Result<Vec<HandshakeListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all HandshakeListing, LIST, self.tenant(), filter.call, filter.rows_max())
    }
}

pub(crate) async fn add(
    tx: &mut Tx,
    tenant: TenantId,
    handshake: &HandshakeWrite,
) -> Result<(), StoreError> {
    let HandshakeWrite {
        call_id,
        started_at,
        elapsed_ms,
        fell_back,
        reason,
    } = handshake;
    execute!(
        tx, INSERT, tenant, call_id, started_at, elapsed_ms, fell_back, reason
    )?;
    Ok(())
}
