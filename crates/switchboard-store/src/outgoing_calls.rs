//! Calls that we place: the wish, its tries, and who picked up. A wish moves forward only, and each try is written before
//! the carrier is asked, so that nobody is rung twice because a process died between the two.

use chrono::Duration;
use serde::Serialize;
use sqlx::FromRow;

use crate::calls::{NewCall, offer};
use crate::db::Only;
use crate::error::StoreError;
use crate::ids::{AppointmentId, CallId, ContactId};
use crate::list::ListFilter;
use crate::phone::PhoneNumber;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::{Timestamp, now};
use crate::word::Word;
use crate::words::{ConsentAnswer, OutgoingState};

macro_rules! detail {
    ($tail:literal) => {
        concat!(
            "select id, contact_id, agent_name as agent, purpose, to_number, from_number, context, not_before, not_after,
                appointment_id, appointment_at, state, outcome, attempts, created_at, updated_at
            from outgoing_calls where tenant_id = $1 ",
            $tail
        )
    };
}

sql! {
    INSERT = "insert into outgoing_calls (tenant_id, id, contact_id, agent_name, purpose, to_number, from_number, context,
            not_before, not_after, appointment_id, appointment_at, state, attempts, created_at, updated_at,
            requested_by)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'waiting', 0, $13, $13, $14) on conflict (tenant_id, id) do nothing";
    DETAIL = detail!("and id = $2");
    LIST = detail!("and (contact_id = $2 or $2 is null) order by created_at desc, id desc limit $3");
    BEGIN = "update outgoing_calls set state = 'dialling', attempts = attempts + 1, updated_at = $4
        where tenant_id = $1 and id = $2 and state = 'waiting' and attempts + 1 = $3";
    INSERT_ATTEMPT = "insert into outgoing_attempts (tenant_id, call_id, outgoing_call_id, ordinal, started_at)
        values ($1, $2, $3, $4, $5)";
    SETTLE = "update outgoing_calls set state = $4, outcome = $5, updated_at = $6
        where tenant_id = $1 and id = $2 and attempts = $3 and state in ('waiting', 'dialling')";
    POSTPONE = "update outgoing_calls set not_before = $3, updated_at = $4
        where tenant_id = $1 and id = $2 and state = 'waiting' and not_before < $3";
    NAME_CARRIER = "update calls set carrier_call_id = $3
        where tenant_id = $1 and id = $2 and carrier_call_id is null";
    CARRIER_NAME = "select carrier_call_id from calls where tenant_id = $1 and id = $2";
    ANSWERED_BY = "update outgoing_attempts set answered_by = $3
        where tenant_id = $1 and call_id = $2 and (answered_by is null
            or (answered_by = 'machine_greeting' and $3 = 'machine_recording'))";
    ATTEMPTS = "select a.call_id, a.ordinal, a.answered_by, a.started_at, c.status, c.carrier_call_id, c.ended_at,
            c.end_reason
        from outgoing_attempts a join calls c on c.tenant_id = $1 and c.id = a.call_id
        where a.tenant_id = $1 and a.outgoing_call_id = $2 order by a.ordinal";
    WISH_OF = "select outgoing_call_id from outgoing_attempts where tenant_id = $1 and call_id = $2";
    LOAD = "select count(case when created_at >= $2 then 1 end) as tenant_hour,
            count(case when created_at >= $2 and requested_by = $3 then 1 end) as key_hour,
            count(case when to_number = $4 then 1 end) as person_day
        from outgoing_calls where tenant_id = $1 and created_at >= $5";
    CONSENT = "select answer from consents where tenant_id = $1 and contact_id = $2 and purpose in ($3, $4)
        order by coalesce(answered_at, disclosed_at) desc, id desc limit 1";
}

/// A wish to call somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewOutgoingCall {
    /// Made by the writer; the first try has it too.
    pub id: CallId,
    pub contact_id: ContactId,
    pub agent_name: String,
    pub purpose: Word,
    pub to_number: PhoneNumber,
    /// One of the tenant's.
    pub from_number: PhoneNumber,
    /// What the agent is told about it.
    pub context: Option<Private<String>>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// The appointment it reminds of.
    pub appointment_id: Option<AppointmentId>,
    /// When that begins. Moved or cancelled, it is not reminded of.
    pub appointment_at: Option<Timestamp>,
}

/// A wish and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct OutgoingCall {
    pub id: CallId,
    pub contact_id: ContactId,
    pub agent: String,
    pub purpose: Word,
    pub to_number: PhoneNumber,
    pub from_number: PhoneNumber,
    pub context: Option<Private<String>>,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
    /// The appointment it reminds of.
    pub appointment_id: Option<AppointmentId>,
    pub appointment_at: Option<Timestamp>,
    pub state: OutgoingState,
    pub outcome: Option<Word>,
    pub attempts: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct OutgoingAttempt {
    pub call_id: CallId,
    pub ordinal: i64,
    pub answered_by: Option<Word>,
    pub started_at: Timestamp,
    pub status: crate::words::CallStatus,
    pub carrier_call_id: Option<String>,
    pub ended_at: Option<Timestamp>,
    pub end_reason: Option<Word>,
}

/// How many wishes there were lately (threat M5).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromRow)]
pub struct OutgoingLoad {
    /// Of the tenant, within an hour.
    pub tenant_hour: i64,
    /// Of the API key that asks, within an hour; 0 for anybody else.
    pub key_hour: i64,
    /// To the same number, within a day.
    pub person_day: i64,
}

/// What becomes of a wish after a try, or without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutgoingSettlement {
    pub id: CallId,
    /// Tries there were when it was decided; a later try makes the decision void.
    pub attempts: i64,
    pub state: OutgoingState,
    pub outcome: Word,
    /// For a wish that waits again.
    pub not_before: Option<Timestamp>,
}

impl TenantStore {
    /// Stores a wish. `false` when it is there already.
    ///
    /// # Errors
    /// `MissingReference` when this tenant has no such contact.
    pub async fn request_outgoing_call(&self, call: &NewOutgoingCall) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let is_new = execute!(
            &mut tx,
            INSERT,
            self.tenant(),
            call.id,
            call.contact_id,
            &call.agent_name,
            &call.purpose,
            &call.to_number,
            &call.from_number,
            &call.context,
            call.not_before,
            call.not_after,
            call.appointment_id,
            call.appointment_at,
            now(),
            self.scope.actor.api_key()
        )? == 1;
        tx.commit().await?;
        Ok(is_new)
    }

    pub async fn outgoing_call(&self, id: CallId) -> Result<Option<OutgoingCall>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, optional OutgoingCall, DETAIL, self.tenant(), id)
    }

    /// The wish behind a call that was placed.
    pub async fn outgoing_call_of(&self, call: CallId) -> Result<Option<OutgoingCall>, StoreError> {
        let mut tx = self.read().await?;
        let wish = fetch!(&mut tx, optional Only<CallId>, WISH_OF, self.tenant(), call)?;
        match wish {
            Some((id,)) => fetch!(&mut tx, optional OutgoingCall, DETAIL, self.tenant(), id),
            None => Ok(None),
        }
    }

    /// Wishes of the hour and the day before `now`.
    pub async fn outgoing_load(
        &self,
        to: &PhoneNumber,
        now: Timestamp,
    ) -> Result<OutgoingLoad, StoreError> {
        let (hour, day) = (now - Duration::hours(1), now - Duration::days(1));
        let key = self.scope.actor.api_key();
        let mut tx = self.read().await?;
        fetch!(&mut tx, one OutgoingLoad, LOAD, self.tenant(), hour, key, to, day)
    }

    /// Wishes, newest first.
    pub async fn list_outgoing_calls(
        &self,
        filter: &ListFilter,
    ) -> Result<Vec<OutgoingCall>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all OutgoingCall, LIST, self.tenant(), filter.contact, filter.rows_max())
    }

    /// Tries of a wish, the first one first.
    pub async fn outgoing_attempts(&self, id: CallId) -> Result<Vec<OutgoingAttempt>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all OutgoingAttempt, ATTEMPTS, self.tenant(), id)
    }

    /// Begins a try: the wish dials, and its call is stored. `false` when somebody else began it, or the wish is over;
    /// then nothing is stored, and nobody may be dialled.
    pub async fn begin_outgoing_attempt(
        &self,
        id: CallId,
        ordinal: i64,
        call: &NewCall,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let begun = execute!(&mut tx, BEGIN, self.tenant(), id, ordinal, now())? == 1;
        if !begun || !offer(&mut tx, self.tenant(), call).await? {
            tx.rollback().await?;
            return Ok(false);
        }
        execute!(
            &mut tx,
            INSERT_ATTEMPT,
            self.tenant(),
            call.id,
            id,
            ordinal,
            call.offered_at
        )?;
        tx.commit().await?;
        Ok(true)
    }

    /// Notes what the carrier calls a try. `false` when it is known by another name: then it is somebody else's word.
    pub async fn name_outgoing_attempt(
        &self,
        call: CallId,
        carrier_call_id: &str,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        execute!(&mut tx, NAME_CARRIER, self.tenant(), call, carrier_call_id)?;
        let named =
            fetch!(&mut tx, optional Only<Option<String>>, CARRIER_NAME, self.tenant(), call)?;
        tx.commit().await?;
        Ok(named.is_some_and(|(name,)| name.as_deref() == Some(carrier_call_id)))
    }

    /// Notes who picked up. The first word stays, except that a machine's greeting may end. `false` when it changed nothing.
    pub async fn note_answered_by(&self, call: CallId, by: &Word) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let noted = execute!(&mut tx, ANSWERED_BY, self.tenant(), call, by)? == 1;
        tx.commit().await?;
        Ok(noted)
    }

    /// Ends a wish or lets it wait again. `false` when it moved on meanwhile.
    pub async fn settle_outgoing_call(
        &self,
        settlement: &OutgoingSettlement,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let settled = execute!(
            &mut tx,
            SETTLE,
            self.tenant(),
            settlement.id,
            settlement.attempts,
            settlement.state,
            &settlement.outcome,
            now()
        )? == 1;
        if let Some(not_before) = settlement.not_before.filter(|_| settled) {
            execute!(
                &mut tx,
                POSTPONE,
                self.tenant(),
                settlement.id,
                not_before,
                now()
            )?;
        }
        tx.commit().await?;
        Ok(settled)
    }

    /// The contact's newest answer for one of two purposes, if there is any.
    pub async fn newest_consent(
        &self,
        contact: ContactId,
        purposes: [&Word; 2],
    ) -> Result<Option<ConsentAnswer>, StoreError> {
        let mut tx = self.read().await?;
        let [one, other] = purposes;
        let row = fetch!(&mut tx, optional Only<ConsentAnswer>, CONSENT, self.tenant(), contact, one, other)?;
        Ok(row.map(|(answer,)| answer))
    }
}
