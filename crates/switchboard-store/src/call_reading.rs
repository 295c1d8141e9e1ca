//! One call read in full: turns, events, tool calls, in the order they happened. Reading what was said leaves a trace.

use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;

use crate::audit::{self, Deed};
use crate::consents::ConsentListing;
use crate::db::Tx;
use crate::error::StoreError;
use crate::ids::CallId;
use crate::private::Private;
use crate::scope::{Actor, TenantStore};
use crate::time::Timestamp;
use crate::usage::UsageListing;
use crate::word::Word;
use crate::words::{Speaker, ToolCallStatus};

sql! {
    TURNS = "select seq, speaker, generated_text, sent_text, heard_text, language, confidence, interrupted,
            response_ms, heard_ms, started_at, ended_at
        from turns where tenant_id = $1 and call_id = $2 and seq > $3 order by seq limit $4";
    EVENTS = "select seq, at, name, technical from call_events
        where tenant_id = $1 and call_id = $2 and seq > $3 order by seq limit $4";
    TOOL_CALLS = "select seq, tool, server, status, arguments, result, started_at, finished_at, duration_ms
        from tool_calls where tenant_id = $1 and call_id = $2 and seq > $3 order by seq limit $4";
    CONSENTS = "select id, contact_id, call_id, purpose, wording, language, answer, answer_text, heard_ms, disclosed_at,
            answered_at, version, complete
        from consents where tenant_id = $1 and call_id = $2 order by disclosed_at, id limit $3";
    USAGE = "select id, call_id, component, provider, model, unit, quantity, cost_micros, currency, at, turn from usage
        where tenant_id = $1 and call_id = $2 order by at, id limit $3";
    COUNTS = "select
            (select count(*) from turns t where t.tenant_id = $1 and t.call_id = $2) as turns,
            (select count(*) from call_events e where e.tenant_id = $1 and e.call_id = $2) as events,
            (select count(*) from tool_calls o where o.tenant_id = $1 and o.call_id = $2) as tool_calls,
            (select count(*) from usage u where u.tenant_id = $1 and u.call_id = $2) as usage,
            (select count(*) from consents s where s.tenant_id = $1 and s.call_id = $2) as consents,
            (select count(*) from transfers f where f.tenant_id = $1 and f.call_id = $2) as transfers,
            (select count(*) from voicemails v where v.tenant_id = $1 and v.call_id = $2) as voicemails";
}

/// A turn with what was generated, sent and heard.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow)]
pub struct TurnReading {
    /// Numbered from 1 in the order the turns began.
    pub seq: i64,
    pub speaker: Speaker,
    pub generated_text: Option<Private<String>>,
    pub sent_text: Option<Private<String>>,
    pub heard_text: Option<Private<String>>,
    pub language: Option<String>,
    /// 0 to 1, where the transcription gives one.
    pub confidence: Option<f64>,
    pub interrupted: bool,
    pub response_ms: Option<i64>,
    pub heard_ms: Option<i64>,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// A technical event.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow)]
pub struct CallEventReading {
    /// Numbered from 1 without gaps.
    pub seq: i64,
    pub at: Timestamp,
    pub name: Word,
    #[sqlx(rename = "technical", json)]
    pub data: Value,
}

/// A tool call with what it was asked and answered.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow)]
pub struct ToolCallReading {
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

/// What staff may do to a live call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallAct {
    End,
    HandOver,
    Listen,
    /// Talks with the caller in the agent's place.
    TakeOver,
    GiveBack,
}

/// How much there is of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, FromRow)]
pub struct CallCounts {
    pub turns: i64,
    pub events: i64,
    pub tool_calls: i64,
    /// Rows of the ledger.
    pub usage: i64,
    pub consents: i64,
    pub transfers: i64,
    pub voicemails: i64,
}

impl TenantStore {
    /// Turns behind this number, in order. When staff or a key reads them, an audit entry says so.
    pub async fn read_turns(
        &self,
        call: CallId,
        after: i64,
        rows: u32,
    ) -> Result<Vec<TurnReading>, StoreError> {
        let mut tx = self.begin_visit().await?;
        let turns = fetch!(
            &mut tx, all TurnReading, TURNS, self.tenant(), call, after, i64::from(rows)
        )?;
        self.end_visit(tx, "turns", call).await?;
        Ok(turns)
    }

    /// Events behind this number, in order. Technical: nothing a person said is in them.
    pub async fn read_call_events(
        &self,
        call: CallId,
        after: i64,
        rows: u32,
    ) -> Result<Vec<CallEventReading>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(
            &mut tx, all CallEventReading, EVENTS, self.tenant(), call, after, i64::from(rows)
        )
    }

    /// Tool calls behind this number, in order. What they were asked with are the caller's words, so reading them leaves
    /// an audit entry too.
    pub async fn read_tool_calls(
        &self,
        call: CallId,
        after: i64,
        rows: u32,
    ) -> Result<Vec<ToolCallReading>, StoreError> {
        let mut tx = self.begin_visit().await?;
        let calls = fetch!(
            &mut tx, all ToolCallReading, TOOL_CALLS, self.tenant(), call, after, i64::from(rows)
        )?;
        self.end_visit(tx, "tool_calls", call).await?;
        Ok(calls)
    }

    /// Disclosures and answers of a call, in order. The answer has the caller's words, so reading leaves an audit entry.
    pub async fn read_consents(
        &self,
        call: CallId,
        rows: u32,
    ) -> Result<Vec<ConsentListing>, StoreError> {
        let mut tx = self.begin_visit().await?;
        let consents = fetch!(
            &mut tx, all ConsentListing, CONSENTS, self.tenant(), call, i64::from(rows)
        )?;
        self.end_visit(tx, "consents", call).await?;
        Ok(consents)
    }

    /// The ledger of a call, in order.
    pub async fn read_usage(
        &self,
        call: CallId,
        rows: u32,
    ) -> Result<Vec<UsageListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all UsageListing, USAGE, self.tenant(), call, i64::from(rows))
    }

    /// How much is stored of a call; all 0 of one that is not there.
    pub async fn call_counts(&self, call: CallId) -> Result<CallCounts, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, one CallCounts, COUNTS, self.tenant(), call)
    }

    /// Leaves an audit entry: somebody steers a live call.
    pub async fn note_call_act(&self, call: CallId, act: CallAct) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let action = match act {
            CallAct::End => "end",
            CallAct::HandOver => "hand_over",
            CallAct::Listen => "listen",
            CallAct::TakeOver => "take_over",
            CallAct::GiveBack => "give_back",
        };
        let deed = Deed {
            action,
            noun: "call",
            noun_id: &call,
        };
        audit::record(&mut tx, &self.scope, deed).await?;
        tx.commit().await
    }

    /// The operator reads the database directly and the server reads its own calls; neither is a visitor.
    fn leaves_a_trace(&self) -> bool {
        matches!(self.scope.actor, Actor::Staff(_) | Actor::ApiKey(_))
    }

    async fn begin_visit(&self) -> Result<Tx, StoreError> {
        if self.leaves_a_trace() {
            self.write().await
        } else {
            self.read().await
        }
    }

    async fn end_visit(
        &self,
        mut tx: Tx,
        noun: &'static str,
        call: CallId,
    ) -> Result<(), StoreError> {
        if !self.leaves_a_trace() {
            return Ok(());
        }
        let deed = Deed {
            action: "read",
            noun,
            noun_id: &call,
        };
        audit::record(&mut tx, &self.scope, deed).await?;
        tx.commit().await
    }
}
