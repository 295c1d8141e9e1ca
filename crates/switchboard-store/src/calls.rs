//! Calls: from offer to end. Webhooks may come twice, late and in any order; a call never runs backwards.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::budgets;
use crate::call_outcome;
use crate::db::{Only, Tx};
use crate::error::StoreError;
use crate::ids::{CallId, ContactId, ConversationId, TenantId};
use crate::jobs;
use crate::list::ListFilter;
use crate::phone::PhoneNumber;
use crate::scope::TenantStore;
use crate::time::Timestamp;
use crate::word::Word;
use crate::words::{CallStatus, Channel, Direction, EndClass};

/// Where a call stands on its way, as a number that can be compared.
macro_rules! moving {
    ($head:literal, $tail:literal) => {
        concat!(
            $head,
            "case status when 'offered' then 0 when 'ringing' then 1 when 'answered' then 2 else 3 end",
            $tail
        )
    };
}

sql! {
    OFFER = "insert into calls (tenant_id, id, carrier_call_id, conversation_id, contact_id, agent_name, agent_version,
            channel, direction, number, caller_number, location, status, carrier_rank, offered_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'offered', 0, $13) on conflict do nothing";
    ID_BY_CARRIER = "select id from calls where tenant_id = $1 and carrier_call_id = $2";
    MOVE = moving!("update calls set status = $3 where tenant_id = $1 and id = $2 and ", " < $4");
    ANSWERED_AT = "update calls set answered_at = $3 where tenant_id = $1 and id = $2 and answered_at is null";
    ENDED_AT = "update calls set ended_at = $3 where tenant_id = $1 and id = $2 and ended_at is null";
    CARRIER_STATUS = "update calls set carrier_status = $3, carrier_rank = $4
        where tenant_id = $1 and id = $2 and carrier_rank <= $4";
    END = "update calls set status = 'ended', ended_at = coalesce(ended_at, $3), end_reason = $4, end_class = $5
        where tenant_id = $1 and id = $2 and end_reason is null";
    MATCH = "update calls set contact_id = coalesce($3, contact_id), conversation_id = coalesce($4, conversation_id)
        where tenant_id = $1 and id = $2";
    LANGUAGE = "update calls set language = $3 where tenant_id = $1 and id = $2";
    DETAIL = "select id, carrier_call_id, conversation_id, contact_id, agent_name, agent_version, channel, direction,
            number, caller_number, language, location, status, carrier_status, offered_at, answered_at, ended_at,
            end_reason, end_class
        from calls where tenant_id = $1 and id = $2";
    LIST = "select id, carrier_call_id, agent_name as agent, channel, status, offered_at, answered_at, ended_at,
            end_reason, end_class
        from calls where tenant_id = $1 and (id = $2 or $2 is null) and (contact_id = $3 or $3 is null)
        order by offered_at desc, id desc limit $4";
    CALLER_LOAD = "select count(*) as recent, count(case when end_reason is null then 1 end) as live from calls
        where tenant_id = $1 and caller_number = $2 and direction = 'inbound' and offered_at >= $3";
    UNFINISHED = "select id from calls where tenant_id = $1 and end_reason is null and offered_at < $2
        order by offered_at, id";
}

/// A call as it is offered to us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewCall {
    pub id: CallId,
    /// `None` for channels without a carrier.
    pub carrier_call_id: Option<String>,
    pub agent_name: String,
    pub agent_version: Option<i64>,
    /// Phone or web voice.
    pub channel: Channel,
    pub direction: Direction,
    /// Our number.
    pub number: Option<PhoneNumber>,
    /// The caller's number, a hint and no proof. `None` when withheld.
    pub caller_number: Option<PhoneNumber>,
    pub contact_id: Option<ContactId>,
    pub conversation_id: Option<ConversationId>,
    pub location: Option<String>,
    pub offered_at: Timestamp,
}

/// The stored call behind an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfferedCall {
    /// The id given, or that of the call which had this carrier id before.
    pub id: CallId,
    pub is_new: bool,
}

/// A step of a call's life, as the carrier tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallProgress {
    pub call_id: CallId,
    pub status: CallStatus,
    /// The carrier's own word.
    pub carrier_status: Option<Word>,
    pub at: Timestamp,
}

/// The one end of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallEnd {
    pub call_id: CallId,
    pub reason: Word,
    pub class: EndClass,
    pub at: Timestamp,
}

/// A call with everything stored in its row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct CallDetail {
    pub id: CallId,
    pub carrier_call_id: Option<String>,
    pub conversation_id: Option<ConversationId>,
    pub contact_id: Option<ContactId>,
    pub agent_name: String,
    pub agent_version: Option<i64>,
    pub channel: Channel,
    pub direction: Direction,
    pub number: Option<PhoneNumber>,
    pub caller_number: Option<PhoneNumber>,
    pub language: Option<String>,
    pub location: Option<String>,
    pub status: CallStatus,
    pub carrier_status: Option<Word>,
    pub offered_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub end_reason: Option<Word>,
    pub end_class: Option<EndClass>,
}

/// A call in `switchboard list calls`. Its keys are a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct CallListing {
    pub id: CallId,
    pub carrier_call_id: Option<String>,
    pub agent: String,
    pub channel: Channel,
    pub status: CallStatus,
    pub offered_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub end_reason: Option<Word>,
    pub end_class: Option<EndClass>,
}

/// What one caller's number has asked of a tenant lately.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromRow)]
pub struct CallerLoad {
    /// Calls since the moment that was asked for, this one included.
    pub recent: i64,
    /// Those of them that have no end yet.
    pub live: i64,
}

impl TenantStore {
    /// Stores an offered call, once per carrier id: a repetition gives the call that is there.
    pub async fn offer_call(&self, call: &NewCall) -> Result<OfferedCall, StoreError> {
        let mut tx = self.write().await?;
        let is_new = offer(&mut tx, self.tenant(), call).await?;
        let existing = match (&call.carrier_call_id, is_new) {
            (Some(carrier_id), false) => fetch!(
                &mut tx,
                optional Only<CallId>,
                ID_BY_CARRIER,
                self.tenant(),
                carrier_id
            )?,
            _ => None,
        };
        tx.commit().await?;
        Ok(OfferedCall {
            id: existing.map_or(call.id, |(id,)| id),
            is_new,
        })
    }

    /// Moves a call forward; never back. `false` when it did not move.
    pub async fn advance_call(&self, progress: &CallProgress) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let moved = advance(&mut tx, self.tenant(), progress).await?;
        tx.commit().await?;
        Ok(moved)
    }

    /// Ends a call. The first end stays; `false` when there was one, or no such call.
    pub async fn end_call(&self, end: &CallEnd) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let ended = finish(&mut tx, self.tenant(), end).await?;
        call_outcome::sum_up(&mut tx, self.tenant(), end.call_id).await?;
        tx.commit().await?;
        Ok(ended)
    }

    /// Says whose call it is. `None` leaves as it is.
    pub async fn match_call(
        &self,
        call: CallId,
        contact: Option<ContactId>,
        conversation: Option<ConversationId>,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        assign(&mut tx, self.tenant(), call, contact, conversation).await?;
        tx.commit().await
    }

    pub async fn call(&self, call: CallId) -> Result<Option<CallDetail>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, optional CallDetail, DETAIL, self.tenant(), call)
    }

    pub async fn call_by_carrier_id(
        &self,
        carrier_call_id: &str,
    ) -> Result<Option<CallDetail>, StoreError> {
        let mut tx = self.read().await?;
        match fetch!(
            &mut tx,
            optional Only<CallId>,
            ID_BY_CARRIER,
            self.tenant(),
            carrier_call_id
        )? {
            Some((id,)) => fetch!(&mut tx, optional CallDetail, DETAIL, self.tenant(), id),
            None => Ok(None),
        }
    }

    /// Calls, the last offered first.
    pub async fn list_calls(&self, filter: &ListFilter) -> Result<Vec<CallListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(
            &mut tx, all CallListing, LIST, self.tenant(), filter.call, filter.contact, filter.rows_max()
        )
    }

    /// How many calls came from this number since then (threat M5). A call that is stored before it asks is counted, so
    /// that calls that come together never find each other missing.
    pub async fn caller_load(
        &self,
        caller: &PhoneNumber,
        since: Timestamp,
    ) -> Result<CallerLoad, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, one CallerLoad, CALLER_LOAD, self.tenant(), caller, since)
    }

    /// Calls offered before this moment that have no end, oldest first: what a lost process leaves behind.
    pub async fn unfinished_calls(
        &self,
        offered_before: Timestamp,
    ) -> Result<Vec<CallId>, StoreError> {
        let mut tx = self.read().await?;
        let rows = fetch!(
            &mut tx,
            all Only<CallId>,
            UNFINISHED,
            self.tenant(),
            offered_before
        )?;
        Ok(rows.into_iter().map(|(id,)| id).collect())
    }
}

pub(crate) async fn offer(
    tx: &mut Tx,
    tenant: TenantId,
    call: &NewCall,
) -> Result<bool, StoreError> {
    let inserted = execute!(
        tx,
        OFFER,
        tenant,
        call.id,
        &call.carrier_call_id,
        call.conversation_id,
        call.contact_id,
        &call.agent_name,
        call.agent_version,
        call.channel,
        call.direction,
        &call.number,
        &call.caller_number,
        &call.location,
        call.offered_at
    )?;
    Ok(inserted == 1)
}

pub(crate) async fn advance(
    tx: &mut Tx,
    tenant: TenantId,
    progress: &CallProgress,
) -> Result<bool, StoreError> {
    let CallProgress {
        call_id,
        status,
        carrier_status,
        at,
    } = progress;
    let moved = execute!(tx, MOVE, tenant, call_id, status, status.rank())? == 1;
    match status {
        CallStatus::Answered => drop(execute!(tx, ANSWERED_AT, tenant, call_id, at)?),
        CallStatus::Ended => drop(execute!(tx, ENDED_AT, tenant, call_id, at)?),
        CallStatus::Offered | CallStatus::Ringing => {}
    }
    if let Some(word) = carrier_status {
        execute!(tx, CARRIER_STATUS, tenant, call_id, word, status.rank())?;
    }
    Ok(moved)
}

pub(crate) async fn finish(
    tx: &mut Tx,
    tenant: TenantId,
    end: &CallEnd,
) -> Result<bool, StoreError> {
    let ended = execute!(tx, END, tenant, end.call_id, end.at, &end.reason, end.class)? == 1;
    if ended {
        budgets::release(tx, tenant, end.call_id).await?;
        let call = ("call_id", end.call_id.uuid());
        jobs::follow(tx, tenant, jobs::CALL_ENDED, call).await?;
    }
    Ok(ended)
}

pub(crate) async fn assign(
    tx: &mut Tx,
    tenant: TenantId,
    call: CallId,
    contact: Option<ContactId>,
    conversation: Option<ConversationId>,
) -> Result<(), StoreError> {
    execute!(tx, MATCH, tenant, call, contact, conversation)?;
    Ok(())
}

pub(crate) async fn speak(
    tx: &mut Tx,
    tenant: TenantId,
    call: CallId,
    language: &str,
) -> Result<(), StoreError> {
    execute!(tx, LANGUAGE, tenant, call, language)?;
    Ok(())
}
