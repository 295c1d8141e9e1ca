//! Transfers: each party that was rung for a caller, and what became of it. Webhooks may come twice, late and in any
//! order; whoever knows more is believed, and the first full answer stays.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::db::{Only, Tx};
use crate::error::StoreError;
use crate::ids::{CallId, TenantId};
use crate::jobs;
use crate::list::ListFilter;
use crate::scope::TenantStore;
use crate::time::Timestamp;
use crate::word::Word;
use crate::words::{TransferKind, TransferStatus};

/// Above 3, which is over as far as the end of the call shows.
const RANK_ENDED: i64 = 4;

sql! {
    PUT = "insert into transfers (tenant_id, call_id, ordinal, reason, target, kind, status, rank, legs, counts_until,
            started_at, ended_at, talked_s)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        on conflict (tenant_id, call_id, ordinal) do update set status = excluded.status, rank = excluded.rank,
            counts_until = excluded.counts_until, ended_at = excluded.ended_at, talked_s = excluded.talked_s
        where transfers.rank < excluded.rank";
    CLOSE = "update transfers set status = case when status = 'accepted' then status else 'no_answer' end,
            rank = 3, ended_at = $3
        where tenant_id = $1 and call_id = $2 and started_at <= $3 and rank < 3";
    LOCK_LINES = "insert into human_lines (tenant_id, version) values ($1, 0)
        on conflict (tenant_id) do update set version = human_lines.version + 1";
    LINES_BUSY = "select cast(coalesce(sum(legs), 0) as bigint) from transfers
        where tenant_id = $1 and rank < 3 and counts_until > $2 and kind <> 'queue'
            and not (call_id = $3 and ordinal = $4)";
    OPEN = "select t.call_id, t.ordinal, t.target, c.agent_name, c.caller_number from transfers t
        join calls c on c.tenant_id = $1 and c.id = t.call_id
        where t.tenant_id = $1 and t.rank < 3 and t.counts_until > $2
        order by t.started_at, t.call_id, t.ordinal";
    OF_CALL = "select call_id, ordinal, reason, target, kind, status, started_at, ended_at, talked_s from transfers
        where tenant_id = $1 and call_id = $2 order by ordinal";
    LIST = "select call_id, ordinal, reason, target, kind, status, started_at, ended_at, talked_s from transfers
        where tenant_id = $1 and (call_id = $2 or $2 is null)
        order by started_at desc, call_id desc, ordinal desc limit $3";
}

/// All that is known of one party that was rung. Writing it again, or something older after it, changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransferWrite {
    pub call_id: CallId,
    /// 1 for the first party of the call.
    pub ordinal: i64,
    /// Why the caller was handed over, such as `dtmf_0`.
    pub reason: Word,
    /// The configured name of the party; never a number.
    pub target: Word,
    pub kind: TransferKind,
    pub status: TransferStatus,
    /// How many lines ring for it at once.
    pub legs: i64,
    /// Until when it counts as busy if nobody ever says how it ended.
    pub counts_until: Timestamp,
    pub at: Timestamp,
    /// Whether this is the last word on it. Statuses beyond `accepted` always are.
    pub is_over: bool,
    /// Whole seconds of talk, with the last word.
    pub talked_s: Option<i64>,
}

/// A transfer in `switchboard list transfers`. Its keys are a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct TransferListing {
    pub call_id: CallId,
    pub ordinal: i64,
    pub reason: Word,
    pub target: Word,
    pub kind: TransferKind,
    pub status: TransferStatus,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub talked_s: Option<i64>,
}

/// A party that is being rung, or talks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct OpenTransfer {
    pub call_id: CallId,
    pub ordinal: i64,
    pub target: Word,
    /// Whose configuration has the target.
    pub agent_name: String,
    /// Who waits for it.
    pub caller_number: Option<crate::phone::PhoneNumber>,
}

impl TransferWrite {
    fn is_final(&self) -> bool {
        self.is_over || self.status > TransferStatus::Accepted
    }

    fn rank(&self) -> i64 {
        if self.is_final() {
            RANK_ENDED
        } else {
            self.status as i64
        }
    }
}

impl TenantStore {
    /// Offers a party to a caller, if it fits under the tenant's limit of lines that may be busy at once. `false` when
    /// it does not; then nothing is stored. Of many at the same time, on any node, no more than fit get in. The same
    /// offer again fits: it counts once.
    pub async fn offer_transfer(
        &self,
        offer: &TransferWrite,
        lines_max: i64,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        execute!(&mut tx, LOCK_LINES, self.tenant())?;
        let (busy,) = fetch!(
            &mut tx,
            one Only<i64>,
            LINES_BUSY,
            self.tenant(),
            offer.at,
            offer.call_id,
            offer.ordinal
        )?;
        if offer.kind != TransferKind::Queue && busy + offer.legs > lines_max {
            return Ok(false);
        }
        put(&mut tx, self.tenant(), offer).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// What is being rung or talked to at `now`, oldest first.
    pub async fn open_transfers(&self, now: Timestamp) -> Result<Vec<OpenTransfer>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all OpenTransfer, OPEN, self.tenant(), now)
    }

    /// The parties rung for one call, in order.
    pub async fn transfers_of(&self, call: CallId) -> Result<Vec<TransferListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all TransferListing, OF_CALL, self.tenant(), call)
    }

    /// Transfers, newest first.
    pub async fn list_transfers(
        &self,
        filter: &ListFilter,
    ) -> Result<Vec<TransferListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all TransferListing, LIST, self.tenant(), filter.call, filter.rows_max())
    }
}

pub(crate) async fn put(
    tx: &mut Tx,
    tenant: TenantId,
    transfer: &TransferWrite,
) -> Result<(), StoreError> {
    let ended_at = transfer.is_final().then_some(transfer.at);
    execute!(
        tx,
        PUT,
        tenant,
        transfer.call_id,
        transfer.ordinal,
        &transfer.reason,
        &transfer.target,
        transfer.kind,
        transfer.status,
        transfer.rank(),
        transfer.legs,
        transfer.counts_until,
        transfer.at,
        ended_at,
        transfer.talked_s
    )?;
    if transfer.status == TransferStatus::Accepted {
        let call = ("call_id", transfer.call_id.uuid());
        jobs::follow(tx, tenant, jobs::CALL_HANDED_OVER, call).await?;
    }
    Ok(())
}

/// The call is over, so nobody is rung for it any more.
pub(crate) async fn close(
    tx: &mut Tx,
    tenant: TenantId,
    call: CallId,
    at: Timestamp,
) -> Result<(), StoreError> {
    execute!(tx, CLOSE, tenant, call, at)?;
    Ok(())
}
