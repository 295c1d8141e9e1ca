//! Turns: what each party generated, sent and heard, with the latency the caller experienced.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::audit::{self, Deed};
use crate::db::Tx;
use crate::error::StoreError;
use crate::ids::{CallId, TenantId};
use crate::list::ListFilter;
use crate::private::Private;
use crate::scope::{Actor, TenantStore};
use crate::time::Timestamp;
use crate::words::Speaker;

sql! {
    // A later write of the same turn adds what it knows and takes nothing away.
    PUT = "insert into turns (tenant_id, call_id, seq, speaker, generated_text, sent_text, heard_text, language,
            confidence, interrupted, response_ms, heard_ms, started_at, ended_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
        on conflict (tenant_id, call_id, seq) do update set
            generated_text = coalesce(excluded.generated_text, turns.generated_text),
            sent_text = coalesce(excluded.sent_text, turns.sent_text),
            heard_text = coalesce(excluded.heard_text, turns.heard_text),
            language = coalesce(excluded.language, turns.language),
            confidence = coalesce(excluded.confidence, turns.confidence),
            interrupted = excluded.interrupted or turns.interrupted,
            response_ms = coalesce(excluded.response_ms, turns.response_ms),
            heard_ms = coalesce(excluded.heard_ms, turns.heard_ms),
            ended_at = coalesce(excluded.ended_at, turns.ended_at)";
    LIST = "select call_id, seq, speaker, generated_text, sent_text, heard_text, language, interrupted, response_ms,
            heard_ms
        from turns where tenant_id = $1 and (call_id = $2 or $2 is null)
        order by started_at desc, call_id desc, seq desc limit $3";
}

/// A turn as known so far. `None` means not known yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TurnWrite {
    pub call_id: CallId,
    pub seq: i64,
    pub speaker: Speaker,
    /// What the model or the transcription produced.
    pub generated_text: Option<Private<String>>,
    /// The part given to the carrier.
    pub sent_text: Option<Private<String>>,
    /// The part the caller heard.
    pub heard_text: Option<Private<String>>,
    pub language: Option<String>,
    /// 0 to 1, where the transcription gives one.
    pub confidence: Option<f64>,
    pub interrupted: bool,
    /// From the end of the caller's turn to the first reply audio sent.
    pub response_ms: Option<i64>,
    /// From the end of the caller's turn to the first reply audio heard, where the leg reports it.
    pub heard_ms: Option<i64>,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// A turn in `switchboard list turns`. Its keys are a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct TurnListing {
    pub call_id: CallId,
    pub seq: i64,
    pub speaker: Speaker,
    pub generated_text: Option<Private<String>>,
    pub sent_text: Option<Private<String>>,
    pub heard_text: Option<Private<String>>,
    pub language: Option<String>,
    pub interrupted: bool,
    pub response_ms: Option<i64>,
    pub heard_ms: Option<i64>,
}

impl TenantStore {
    /// Turns, newest first. When staff or a key reads them, an audit entry says so.
    pub async fn list_turns(&self, filter: &ListFilter) -> Result<Vec<TurnListing>, StoreError> {
        // The operator reads the database directly and the server reads its own calls; neither is a visitor.
        let is_visitor = matches!(self.scope.actor, Actor::Staff(_) | Actor::ApiKey(_));
        let mut tx = if is_visitor {
            self.write().await?
        } else {
            self.read().await?
        };
        let turns =
            fetch!(&mut tx, all TurnListing, LIST, self.tenant(), filter.call, filter.rows_max())?;
        if is_visitor {
            let noun_id = filter
                .call
                .map_or_else(|| "all".to_owned(), |call| call.to_string());
            audit::record(
                &mut tx,
                &self.scope,
                Deed {
                    action: "read",
                    noun: "turns",
                    noun_id: &noun_id,
                },
            )
            .await?;
            tx.commit().await?;
        }
        Ok(turns)
    }
}

pub(crate) async fn put(tx: &mut Tx, tenant: TenantId, turn: &TurnWrite) -> Result<(), StoreError> {
    execute!(
        tx,
        PUT,
        tenant,
        turn.call_id,
        turn.seq,
        turn.speaker,
        &turn.generated_text,
        &turn.sent_text,
        &turn.heard_text,
        &turn.language,
        turn.confidence,
        turn.interrupted,
        turn.response_ms,
        turn.heard_ms,
        turn.started_at,
        turn.ended_at
    )?;
    Ok(())
}
