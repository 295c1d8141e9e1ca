//! Tool calls: what a model asked for, with which arguments, and what came of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;

use crate::db::Tx;
use crate::error::StoreError;
use crate::ids::{CallId, TenantId};
use crate::list::ListFilter;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::Timestamp;
use crate::word::Word;
use crate::words::ToolCallStatus;

sql! {
    PUT = "insert into tool_calls (tenant_id, call_id, seq, tool, server, vendor_id, idempotency_key, status,
            arguments, result, started_at, finished_at, duration_ms)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        on conflict (tenant_id, call_id, seq) do update set
            status = excluded.status,
            result = coalesce(excluded.result, tool_calls.result),
            finished_at = coalesce(excluded.finished_at, tool_calls.finished_at),
            duration_ms = coalesce(excluded.duration_ms, tool_calls.duration_ms)";
    LIST = "select call_id, seq, tool, server, status, arguments, result, started_at, finished_at, duration_ms
        from tool_calls where tenant_id = $1 and (call_id = $2 or $2 is null)
        order by started_at desc, call_id desc, seq desc limit $3";
}

/// A tool call as known so far. A later write of the same number adds status, result and times.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolCallWrite {
    pub call_id: CallId,
    pub seq: i64,
    pub tool: Word,
    /// `desk` for our own tools, else the name of the MCP server.
    pub server: Word,
    /// The model's id of the call.
    pub vendor_id: Option<String>,
    pub idempotency_key: Option<String>,
    pub status: ToolCallStatus,
    pub arguments: Private<Value>,
    pub result: Option<Private<Value>>,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub duration_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, FromRow)]
pub struct ToolCallListing {
    pub call_id: CallId,
    pub seq: i64,
    pub tool: Word,
    pub server: Word,
    pub status: ToolCallStatus,
    #[sqlx(json)]
    pub arguments: Private<Value>,
    #[sqlx(json(nullable))]
    pub result: Option<Private<Value>>,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    pub duration_ms: Option<i64>,
}

impl TenantStore {
    /// Tool calls, newest first.
    pub async fn list_tool_calls(
        &self,
        filter: &ListFilter,
    ) -> Result<Vec<ToolCallListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all ToolCallListing, LIST, self.tenant(), filter.call, filter.rows_max())
    }
}

pub(crate) async fn put(
    tx: &mut Tx,
    tenant: TenantId,
    call: &ToolCallWrite,
) -> Result<(), StoreError> {
    let (arguments, result) = (Json(&call.arguments), call.result.as_ref().map(Json));
    execute!(
        tx,
        PUT,
        tenant,
        call.call_id,
        call.seq,
        &call.tool,
        &call.server,
        &call.vendor_id,
        &call.idempotency_key,
        call.status,
        arguments,
        result,
        call.started_at,
        call.finished_at,
        call.duration_ms
    )?;
    Ok(())
}
