//! What came of a call, and its figures: written once it has ended, so that lists are sorted and narrowed by them.

use sqlx::FromRow;

use crate::db::{Only, Tx};
use crate::error::StoreError;
use crate::ids::{CallId, TenantId};
use crate::time::Timestamp;
use crate::word::Word;
use crate::words::{CallOutcome, EndClass};

sql! {
    // The sum of big integers is a numeric on PostgreSQL.
    ENDED = "select c.answered_at, c.ended_at, c.end_reason, c.end_class,
            (select cast(coalesce(sum(u.cost_micros), 0) as bigint) from usage u
                where u.tenant_id = $1 and u.call_id = c.id and u.currency = 'USD') as cost_micros,
            (select count(*) from appointments a where a.tenant_id = $1 and a.call_id = c.id) as booked,
            (select count(*) from voicemails v where v.tenant_id = $1 and v.call_id = c.id) as messages
        from calls c where c.tenant_id = $1 and c.id = $2 and c.end_reason is not null";
    HEARD = "select cast(technical ->> 'heard_ms' as bigint) from call_events
        where tenant_id = $1 and call_id = $2 and name = 'turn_ended' and technical ->> 'heard_ms' is not null";
    SUM_UP = "update calls set outcome = $3, duration_ms = $4, cost_micros = $5, heard_p95_ms = $6
        where tenant_id = $1 and id = $2";
    // What is billed or left after the end.
    COST = "update calls set cost_micros = (select cast(coalesce(sum(u.cost_micros), 0) as bigint) from usage u
            where u.tenant_id = $1 and u.call_id = $2 and u.currency = 'USD')
        where tenant_id = $1 and id = $2 and end_reason is not null";
    MESSAGE_LEFT = "update calls set outcome = 'voicemail'
        where tenant_id = $1 and id = $2 and outcome is not null and outcome <> 'booked'";
}

/// Handoffs that somebody wanted. Others are fallbacks; the core's list of reasons says which.
const WANTED: [&str; 7] = [
    "dtmf_0",
    "asked",
    "staff",
    "silence",
    "length",
    "emergency",
    "bridge_only",
];
const FALLBACKS: [&str; 10] = [
    "handshake_timeout",
    "model_failed",
    "model_refused",
    "concurrency_limit",
    "streaming_off",
    "budget",
    "tool_failed",
    "process_lost",
    "drained",
    "database_lost",
];

#[derive(FromRow)]
struct Ended {
    answered_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    end_reason: Word,
    end_class: EndClass,
    cost_micros: i64,
    booked: i64,
    messages: i64,
}

/// Writes outcome and figures of a call that has ended. Repeating it changes nothing; a call in progress is left alone.
pub(crate) async fn sum_up(tx: &mut Tx, tenant: TenantId, call: CallId) -> Result<(), StoreError> {
    let Some(ended) = fetch!(&mut *tx, optional Ended, ENDED, tenant, call)? else {
        return Ok(());
    };
    let heard = fetch!(&mut *tx, all Only<i64>, HEARD, tenant, call)?;
    let heard_p95_ms = p95(heard.into_iter().map(|(ms,)| ms).collect());
    let length = ended.ended_at.zip(ended.answered_at);
    let duration_ms = length.map_or(0, |(end, start)| (end - start).num_milliseconds().max(0));
    let outcome = ended.outcome();
    execute!(
        tx,
        SUM_UP,
        tenant,
        call,
        outcome,
        duration_ms,
        ended.cost_micros,
        heard_p95_ms
    )?;
    Ok(())
}

/// The ledger of an ended call has grown.
pub(crate) async fn cost_more(
    tx: &mut Tx,
    tenant: TenantId,
    call: CallId,
) -> Result<(), StoreError> {
    execute!(tx, COST, tenant, call).map(drop)
}

/// A message of an ended call has come in.
pub(crate) async fn message_left(
    tx: &mut Tx,
    tenant: TenantId,
    call: CallId,
) -> Result<(), StoreError> {
    execute!(tx, MESSAGE_LEFT, tenant, call).map(drop)
}

impl Ended {
    fn outcome(&self) -> CallOutcome {
        let reason = self.end_reason.as_str();
        match self.end_class {
            _ if self.booked > 0 => CallOutcome::Booked,
            _ if self.messages > 0 => CallOutcome::Voicemail,
            _ if WANTED.contains(&reason) => CallOutcome::HandedOff,
            _ if FALLBACKS.contains(&reason) => CallOutcome::Fallback,
            _ if reason == "message_left" => CallOutcome::MessageLeft,
            EndClass::Success => CallOutcome::Completed,
            EndClass::Caller if reason == "caller_hung_up" => CallOutcome::HungUp,
            EndClass::Caller => CallOutcome::NotReached,
            EndClass::Us | EndClass::Upstream | EndClass::Unknown => CallOutcome::Failed,
        }
    }
}

/// The smallest figure that 95 % do not pass; 0 of none.
fn p95(mut figures: Vec<i64>) -> i64 {
    figures.sort_unstable();
    let rank = (figures.len() * 95).div_ceil(100);
    figures.get(rank.wrapping_sub(1)).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nineteen_of_twenty_are_no_slower_than_the_p95() {
        assert_eq!(p95(Vec::new()), 0);
        assert_eq!(p95(vec![7]), 7);
        assert_eq!(p95((1..=20).rev().collect()), 19);
        assert_eq!(p95((1..=100).collect()), 95);
    }
}
