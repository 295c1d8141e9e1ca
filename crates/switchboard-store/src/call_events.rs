//! Call events: the numbered, timed record of a call. Technical content and what people said are kept apart.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;

use crate::db::{Sql, Tx};
use crate::error::StoreError;
use crate::ids::{CallId, TenantId};
use crate::list::ListFilter;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::Timestamp;
use crate::word::Word;

sql! {
    APPEND = "insert into call_events (tenant_id, call_id, seq, at, name, technical, private)
        values ($1, $2, $3, $4, $5, $6, $7) on conflict (tenant_id, call_id, seq) do nothing";
    // Most writes are events, and a statement costs more than a row: eight at once take a third of the time.
    APPEND_EIGHT = "insert into call_events (tenant_id, call_id, seq, at, name, technical, private)
        values ($1, $2, $3, $4, $5, $6, $7), ($8, $9, $10, $11, $12, $13, $14),
            ($15, $16, $17, $18, $19, $20, $21), ($22, $23, $24, $25, $26, $27, $28),
            ($29, $30, $31, $32, $33, $34, $35), ($36, $37, $38, $39, $40, $41, $42),
            ($43, $44, $45, $46, $47, $48, $49), ($50, $51, $52, $53, $54, $55, $56)
        on conflict (tenant_id, call_id, seq) do nothing";
    LIST = "select call_id, seq, at, name, technical, private from call_events
        where tenant_id = $1 and (call_id = $2 or $2 is null) order by at desc, call_id desc, seq desc limit $3";
}

/// Rows of `APPEND_EIGHT`.
const ROWS_AT_ONCE: usize = 8;

/// One event to be stored. Written again with the same number it changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallEventWrite {
    pub call_id: CallId,
    pub seq: i64,
    pub at: Timestamp,
    pub name: Word,
    /// Ids, names, numbers. Nothing a person said.
    pub technical: Value,
    pub private: Option<Private<Value>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, FromRow)]
pub struct CallEventListing {
    pub call_id: CallId,
    pub seq: i64,
    pub at: Timestamp,
    pub name: Word,
    #[sqlx(json)]
    pub technical: Value,
    #[sqlx(json(nullable))]
    pub private: Option<Private<Value>>,
}

impl TenantStore {
    /// Events, newest first.
    pub async fn list_call_events(
        &self,
        filter: &ListFilter,
    ) -> Result<Vec<CallEventListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all CallEventListing, LIST, self.tenant(), filter.call, filter.rows_max())
    }
}

pub(crate) async fn append_all(
    tx: &mut Tx,
    tenant: TenantId,
    events: &[&CallEventWrite],
) -> Result<(), StoreError> {
    let (eights, rest) = events.as_chunks::<ROWS_AT_ONCE>();
    for eight in eights {
        append(tx, tenant, APPEND_EIGHT, eight).await?;
    }
    for event in rest {
        append(tx, tenant, APPEND, &[event]).await?;
    }
    Ok(())
}

async fn append(
    tx: &mut Tx,
    tenant: TenantId,
    statement: Sql,
    events: &[&CallEventWrite],
) -> Result<(), StoreError> {
    execute_rows!(
        tx,
        statement,
        events,
        event => tenant,
        event.call_id,
        event.seq,
        event.at,
        &event.name,
        Json(&event.technical),
        event.private.as_ref().map(Json),
    )?;
    Ok(())
}
