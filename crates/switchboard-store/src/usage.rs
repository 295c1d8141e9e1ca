//! The ledger of usage: raw units and their cost, added and never changed.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::call_outcome;
use crate::db::{Sql, Tx};
use crate::error::StoreError;
use crate::ids::{CallId, TenantId, UsageId};
use crate::list::ListFilter;
use crate::money::{Currency, Micros};
use crate::scope::TenantStore;
use crate::time::Timestamp;

sql! {
    INSERT = "insert into usage (tenant_id, id, call_id, component, provider, model, unit, quantity, cost_micros,
            currency, at, turn)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) on conflict (tenant_id, id) do nothing";
    INSERT_FOUR = "insert into usage (tenant_id, id, call_id, component, provider, model, unit, quantity, cost_micros,
            currency, at, turn)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12),
            ($13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24),
            ($25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36),
            ($37, $38, $39, $40, $41, $42, $43, $44, $45, $46, $47, $48) on conflict (tenant_id, id) do nothing";
    LIST = "select id, call_id, component, provider, model, unit, quantity, cost_micros, currency, at, turn from usage
        where tenant_id = $1 and (call_id = $2 or $2 is null) order by at desc, id desc limit $3";
    // The sum of big integers is a numeric on PostgreSQL.
    TOTALS = "select currency, cast(sum(cost_micros) as bigint) as cost_micros, count(*) as entries from usage
        where tenant_id = $1 and (call_id = $2 or $2 is null) and at >= $3 group by currency order by currency";
}

/// Rows of `INSERT_FOUR`.
const ROWS_AT_ONCE: usize = 4;

/// One ledger row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageWrite {
    /// Made by the writer: a row that is written again counts once.
    pub id: UsageId,
    pub call_id: Option<CallId>,
    /// What of a turn it is: `text_in`, `text_cached`, `text_out`, `audio_in`, `audio_cached`, `audio_out`, `image_in`,
    /// `image_cached`, `transcription`, `speech`, `carrier`.
    pub component: String,
    pub provider: String,
    pub model: String,
    /// `tokens`, `ms` or `minutes`.
    pub unit: String,
    pub quantity: i64,
    pub cost_micros: Micros,
    pub currency: Currency,
    pub at: Timestamp,
    /// The number of the turn that was paid for, where it was one's.
    #[serde(default)]
    pub turn: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct UsageListing {
    pub id: UsageId,
    pub call_id: Option<CallId>,
    pub component: String,
    pub provider: String,
    pub model: String,
    pub unit: String,
    pub quantity: i64,
    pub cost_micros: Micros,
    pub currency: Currency,
    pub at: Timestamp,
    pub turn: Option<i64>,
}

/// What was spent in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct UsageTotal {
    pub currency: Currency,
    pub cost_micros: Micros,
    /// Number of ledger rows.
    pub entries: i64,
}

impl TenantStore {
    /// Ledger rows, newest first.
    pub async fn list_usage(&self, filter: &ListFilter) -> Result<Vec<UsageListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all UsageListing, LIST, self.tenant(), filter.call, filter.rows_max())
    }

    /// What was spent since a moment, by this call or by all, one row per currency.
    pub async fn usage_totals(
        &self,
        call: Option<CallId>,
        since: Timestamp,
    ) -> Result<Vec<UsageTotal>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all UsageTotal, TOTALS, self.tenant(), call, since)
    }
}

pub(crate) async fn add_all(
    tx: &mut Tx,
    tenant: TenantId,
    rows: &[&UsageWrite],
) -> Result<(), StoreError> {
    let (fours, rest) = rows.as_chunks::<ROWS_AT_ONCE>();
    for four in fours {
        add(tx, tenant, INSERT_FOUR, four).await?;
    }
    for row in rest {
        add(tx, tenant, INSERT, &[row]).await?;
    }
    // What comes after the end of its call, such as a transcription, is part of what the call cost.
    let calls: BTreeSet<_> = rows.iter().filter_map(|row| row.call_id).collect();
    for call in calls {
        call_outcome::cost_more(tx, tenant, call).await?;
    }
    Ok(())
}

async fn add(
    tx: &mut Tx,
    tenant: TenantId,
    statement: Sql,
    rows: &[&UsageWrite],
) -> Result<(), StoreError> {
    execute_rows!(
        tx,
        statement,
        rows,
        row => tenant,
        row.id,
        row.call_id,
        &row.component,
        &row.provider,
        &row.model,
        &row.unit,
        row.quantity,
        row.cost_micros,
        row.currency,
        row.at,
        row.turn,
    )?;
    Ok(())
}
