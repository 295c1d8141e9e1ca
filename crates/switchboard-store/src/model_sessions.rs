//! Model sessions: the connections to a voice model during a call, as they really were configured.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;

use crate::db::Tx;
use crate::error::StoreError;
use crate::ids::{CallId, TenantId};
use crate::list::ListFilter;
use crate::scope::TenantStore;
use crate::time::Timestamp;
use crate::word::Word;

sql! {
    PUT = "insert into model_sessions (tenant_id, call_id, ordinal, provider, model, voice, input_format, output_format,
            turn_detection, tools, limits, instructions_version, vendor_session_id, opened_at, ready_at, closed_at,
            close_reason)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
        on conflict (tenant_id, call_id, ordinal) do update set
            model = excluded.model,
            voice = coalesce(excluded.voice, model_sessions.voice),
            input_format = excluded.input_format,
            output_format = excluded.output_format,
            turn_detection = coalesce(excluded.turn_detection, model_sessions.turn_detection),
            tools = coalesce(excluded.tools, model_sessions.tools),
            limits = coalesce(excluded.limits, model_sessions.limits),
            instructions_version = coalesce(excluded.instructions_version, model_sessions.instructions_version),
            vendor_session_id = coalesce(excluded.vendor_session_id, model_sessions.vendor_session_id),
            ready_at = coalesce(excluded.ready_at, model_sessions.ready_at),
            closed_at = coalesce(excluded.closed_at, model_sessions.closed_at),
            close_reason = coalesce(excluded.close_reason, model_sessions.close_reason)";
    LIST = "select call_id, ordinal, provider, model, voice, input_format, output_format, turn_detection, tools, limits,
            instructions_version, vendor_session_id, opened_at, ready_at, closed_at, close_reason
        from model_sessions where tenant_id = $1 and (call_id = $2 or $2 is null)
        order by opened_at desc, call_id desc, ordinal desc limit $3";
}

/// A model session as known so far. A later write of the same ordinal adds what it knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelSessionWrite {
    pub call_id: CallId,
    /// 1 for the first connection of the call; a reopened one is the next.
    pub ordinal: i64,
    pub provider: String,
    /// The model that really answered.
    pub model: String,
    pub voice: Option<String>,
    pub input_format: String,
    pub output_format: String,
    pub turn_detection: Option<Value>,
    pub tools: Option<Value>,
    pub limits: Option<Value>,
    pub instructions_version: Option<String>,
    pub vendor_session_id: Option<String>,
    pub opened_at: Timestamp,
    pub ready_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    pub close_reason: Option<Word>,
}

#[derive(Debug, Clone, PartialEq, Serialize, FromRow)]
pub struct ModelSessionListing {
    pub call_id: CallId,
    pub ordinal: i64,
    pub provider: String,
    pub model: String,
    pub voice: Option<String>,
    pub input_format: String,
    pub output_format: String,
    #[sqlx(json(nullable))]
    pub turn_detection: Option<Value>,
    #[sqlx(json(nullable))]
    pub tools: Option<Value>,
    #[sqlx(json(nullable))]
    pub limits: Option<Value>,
    pub instructions_version: Option<String>,
    pub vendor_session_id: Option<String>,
    pub opened_at: Timestamp,
    pub ready_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    pub close_reason: Option<Word>,
}

impl TenantStore {
    /// Model sessions, newest first.
    pub async fn list_model_sessions(
        &self,
        filter: &ListFilter,
    ) -> Result<Vec<ModelSessionListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all ModelSessionListing, LIST, self.tenant(), filter.call, filter.rows_max())
    }
}

pub(crate) async fn put(
    tx: &mut Tx,
    tenant: TenantId,
    session: &ModelSessionWrite,
) -> Result<(), StoreError> {
    let json = |value: &Option<Value>| value.clone().map(Json);
    execute!(
        tx,
        PUT,
        tenant,
        session.call_id,
        session.ordinal,
        &session.provider,
        &session.model,
        &session.voice,
        &session.input_format,
        &session.output_format,
        json(&session.turn_detection),
        json(&session.tools),
        json(&session.limits),
        &session.instructions_version,
        &session.vendor_session_id,
        session.opened_at,
        session.ready_at,
        session.closed_at,
        &session.close_reason
    )?;
    Ok(())
}
