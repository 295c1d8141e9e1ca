//! Calls that we place: who may be called, when, why, and what comes after a try (threats.md M2, M6).
//!
//! A wish is checked when it is made, so that whoever makes it learns what is wrong, and again before each try, because
//! an opt-out stops what was agreed before. Nothing here dials; see `channels/twilio/outgoing.rs`.

use chrono::Duration;
use serde::{Deserialize, Serialize};
use switchboard_store::{
    AppointmentId, AppointmentListing, CallId, ConsentAnswer, ContactId, ContactListing,
    NewOutgoingCall, OutgoingAttempt, OutgoingCall, OutgoingSettlement, OutgoingState, PhoneNumber,
    Private, Reachable, StoreError, TenantStore, Timestamp, Word,
};

use super::dialling::{self, DialRefusal};
use super::hours::CallingHours;
use super::reminders;
use crate::config::agent::{AgentOutgoing, CallPurpose};
use crate::config::{AgentDefinition, Settings};
use crate::jobs::outgoing_call::look;

/// The purpose of a consent to be called, whatever for. `outgoing_calls.reminder` is one to be reminded only.
pub const CONSENT_PURPOSE: &str = "outgoing_calls";
/// Most characters of what an agent is told about a call.
pub const CONTEXT_CHARS_MAX: usize = 2_000;
/// A try of which the carrier says nothing for this long is lost.
const TRY_LOST_AFTER: Duration = Duration::minutes(15);
/// How long until a try is looked at again while it runs.
const LOOK_AGAIN: Duration = Duration::seconds(30);

/// Ends of calls after which nobody is called again: somebody was reached, or a machine has the message.
const REACHED: [&str; 10] = [
    "agent_ended",
    "caller_hung_up",
    "message_left",
    "ended_by_control",
    "dtmf_0",
    "asked",
    "staff",
    "length",
    "emergency",
    "budget",
];
/// Ends after which another try would meet the same.
const HOPELESS: [&str; 3] = ["fax_answered", "carrier_refused", "automatic_party"];

/// What somebody wants.
#[derive(Debug, Clone)]
pub struct Wish {
    /// Made by whoever asks, so that asking twice makes one call.
    pub id: CallId,
    pub agent: String,
    pub to: CallTarget,
    pub purpose: CallPurpose,
    /// One of the tenant's numbers; else the one that leads to the agent.
    pub from: Option<PhoneNumber>,
    pub not_before: Option<Timestamp>,
    pub not_after: Option<Timestamp>,
    /// What the agent is told about it, as data.
    pub context: Option<Private<String>>,
    /// The appointment it reminds of, and when that begins: moved or cancelled, nobody is called.
    pub appointment: Option<(AppointmentId, Timestamp)>,
}

/// Who is called.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub enum CallTarget {
    Number(PhoneNumber),
    Contact(ContactId),
}

/// Why a call is not made. Codes are stable words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutgoingRefusal {
    #[error("the agent does not exist")]
    UnknownAgent,
    #[error(
        "the agent does not call for this purpose; `outgoing.purposes` of its file lists those it does"
    )]
    PurposeNotOffered,
    #[error("the contact does not exist")]
    UnknownContact,
    #[error("the contact has no telephone number")]
    ContactWithoutNumber,
    #[error(transparent)]
    Number(#[from] DialRefusal),
    #[error(
        "the number to call from is not one of yours, or you have none that leads to this agent"
    )]
    NoNumberToCallFrom,
    #[error("the person does not want to be reached, by any channel")]
    OptedOut,
    #[error(
        "the person has not agreed to be called; record a consent with purpose `outgoing_calls`"
    )]
    ConsentMissing,
    #[error("the time ends before it begins, or is over")]
    WindowEmpty,
    #[error("at no moment of this time may the person be called: it is night where they are")]
    OutsideHours,
    #[error(
        "this person was to be called often enough today; `outgoing.person_day_max` is the number"
    )]
    PersonTooOften,
    #[error(
        "more calls were asked for in this hour than `outgoing.key_hour_max` or `outgoing.tenant_hour_max` allow"
    )]
    TooManyCalls,
    #[error("the appointment was cancelled or moved")]
    AppointmentGone,
    #[error("the context has more than {CONTEXT_CHARS_MAX} characters")]
    ContextTooLong,
    /// The database cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OutgoingRefusal {
    /// Stable word for programs; None for a failure of ours.
    #[must_use]
    pub const fn code(&self) -> Option<&'static str> {
        Some(match self {
            Self::UnknownAgent => "agent_unknown",
            Self::PurposeNotOffered => "purpose_not_offered",
            Self::UnknownContact => "contact_unknown",
            Self::ContactWithoutNumber => "contact_without_number",
            Self::Number(refusal) => refusal.code(),
            Self::NoNumberToCallFrom => "from_not_yours",
            Self::OptedOut => "opted_out",
            Self::ConsentMissing => "consent_missing",
            Self::WindowEmpty => "window_empty",
            Self::OutsideHours => "outside_hours",
            Self::PersonTooOften => "person_too_often",
            Self::TooManyCalls => "too_many_calls",
            Self::AppointmentGone => "appointment_gone",
            Self::ContextTooLong => "context_too_long",
            Self::Store(_) => return None,
        })
    }
}

/// Checks a wish and makes it storable.
///
/// # Errors
/// Everything that forbids it, the first one found.
pub async fn admit(
    rows: &TenantStore,
    settings: &Settings,
    agent: &AgentDefinition,
    wish: &Wish,
    now: Timestamp,
) -> Result<NewOutgoingCall, OutgoingRefusal> {
    if !agent.outgoing.purposes.contains(&wish.purpose) {
        return Err(OutgoingRefusal::PurposeNotOffered);
    }
    let context = wish.context.as_ref().map(|text| text.expose().chars());
    if context.is_some_and(|text| text.count() > CONTEXT_CHARS_MAX) {
        return Err(OutgoingRefusal::ContextTooLong);
    }
    let from_number = number_to_call_from(rows, agent, wish.from.as_ref()).await?;
    let (contact, to_number) = person(rows, &wish.to).await?;
    // An unknown number is refused for what it is, before anything is said about whom it belongs to.
    dialling::check(&settings.dialling, &to_number, &from_number)?;
    may_reach(rows, contact.as_ref(), &to_number, wish.purpose).await?;
    let contact = contact.ok_or(OutgoingRefusal::ConsentMissing)?;
    let not_before = wish.not_before.unwrap_or(now).max(now);
    let window = Duration::hours(i64::from(settings.outgoing.window_h));
    let not_after = wish.not_after.unwrap_or(not_before + window);
    if not_after <= not_before {
        return Err(OutgoingRefusal::WindowEmpty);
    }
    let hours = hours_of(rows, settings, &contact, &to_number).await?;
    if hours.next(not_before).is_none_or(|at| at >= not_after) {
        return Err(OutgoingRefusal::OutsideHours);
    }
    Ok(NewOutgoingCall {
        id: wish.id,
        contact_id: contact.id,
        agent_name: agent.name.clone(),
        purpose: Word::new(wish.purpose.as_str()),
        to_number,
        from_number,
        context: wish.context.clone(),
        not_before,
        not_after,
        appointment_id: wish.appointment.map(|(id, _)| id),
        appointment_at: wish.appointment.map(|(_, at)| at),
    })
}

/// Stores an admitted wish. A running server takes it from there.
///
/// # Errors
/// Everything that forbids it, the first one found.
pub async fn place(
    rows: &TenantStore,
    settings: &Settings,
    agent: &AgentDefinition,
    wish: &Wish,
    now: Timestamp,
) -> Result<PlacedWish, OutgoingRefusal> {
    // The same wish again is answered as before, even when it could not be made any more.
    let stored = rows.outgoing_call(wish.id).await?;
    if let Some(stored) = stored {
        let first = look(stored.id, stored.not_before);
        rows.enqueue_job(&first).await?;
        return Ok(PlacedWish {
            id: stored.id,
            state: stored.state,
            not_before: stored.not_before,
            not_after: stored.not_after,
        });
    }
    let new = admit(rows, settings, agent, wish, now).await?;
    within_caps(rows, settings, &new.to_number, now).await?;
    rows.request_outgoing_call(&new).await?;
    // If this process dies here, the same wish again asks for the look; see the top of this function.
    rows.enqueue_job(&look(new.id, new.not_before)).await?;
    Ok(PlacedWish {
        id: new.id,
        state: OutgoingState::Waiting,
        not_before: new.not_before,
        not_after: new.not_after,
    })
}

/// Nobody is asked for more often than a person bears, and no key or tenant asks without end (threat M5).
async fn within_caps(
    rows: &TenantStore,
    settings: &Settings,
    to: &PhoneNumber,
    now: Timestamp,
) -> Result<(), OutgoingRefusal> {
    let load = rows.outgoing_load(to, now).await?;
    let caps = &settings.outgoing;
    if load.person_day >= i64::from(caps.person_day_max) {
        return Err(OutgoingRefusal::PersonTooOften);
    }
    let is_full = load.key_hour >= i64::from(caps.key_hour_max)
        || load.tenant_hour >= i64::from(caps.tenant_hour_max);
    if is_full {
        return Err(OutgoingRefusal::TooManyCalls);
    }
    Ok(())
}

/// A wish that is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PlacedWish {
    pub id: CallId,
    pub state: OutgoingState,
    pub not_before: Timestamp,
    pub not_after: Timestamp,
}

async fn number_to_call_from(
    rows: &TenantStore,
    agent: &AgentDefinition,
    wanted: Option<&PhoneNumber>,
) -> Result<PhoneNumber, OutgoingRefusal> {
    let numbers = rows.list_numbers().await?;
    let found = match wanted {
        Some(wanted) => numbers.into_iter().find(|it| it.number == *wanted),
        None => numbers.into_iter().find(|it| it.agent == agent.name),
    };
    found
        .map(|it| it.number)
        .ok_or(OutgoingRefusal::NoNumberToCallFrom)
}

async fn person(
    rows: &TenantStore,
    target: &CallTarget,
) -> Result<(Option<ContactListing>, PhoneNumber), OutgoingRefusal> {
    match target {
        CallTarget::Number(number) => {
            let contact = rows.find_contact_by_phone(number).await?;
            Ok((contact, number.clone()))
        }
        CallTarget::Contact(id) => {
            let contact = rows.contact(*id).await?;
            let contact = contact.ok_or(OutgoingRefusal::UnknownContact)?;
            let number = contact.phone.clone();
            let number = number.ok_or(OutgoingRefusal::ContactWithoutNumber)?;
            Ok((Some(contact), number))
        }
    }
}

/// An opt-out of any address of the person stops everything; without a consent nobody is called (M6).
async fn may_reach(
    rows: &TenantStore,
    contact: Option<&ContactListing>,
    number: &PhoneNumber,
    purpose: CallPurpose,
) -> Result<(), OutgoingRefusal> {
    let address = Reachable::Phone(number.clone());
    let id = contact.map(|contact| contact.id);
    if rows.opted_out_since(id, &address).await?.is_some() {
        return Err(OutgoingRefusal::OptedOut);
    }
    let Some(contact) = id else {
        return Err(OutgoingRefusal::ConsentMissing);
    };
    let any = Word::new(CONSENT_PURPOSE);
    let own = Word::parse(&format!("{CONSENT_PURPOSE}.{}", purpose.as_str()));
    let own = own.unwrap_or_else(|_| any.clone());
    match rows.newest_consent(contact, [&any, &own]).await? {
        Some(ConsentAnswer::Granted | ConsentAnswer::Implied) => Ok(()),
        _ => Err(OutgoingRefusal::ConsentMissing),
    }
}

async fn hours_of(
    rows: &TenantStore,
    settings: &Settings,
    contact: &ContactListing,
    number: &PhoneNumber,
) -> Result<CallingHours, StoreError> {
    let tenant = rows.tenant_profile().await?;
    let tenant = tenant.map_or(chrono_tz::Tz::UTC, |tenant| tenant.time_zone.0);
    let own = contact.time_zone.map(|zone| zone.0);
    Ok(CallingHours::of(&settings.outgoing, own, number, tenant))
}

/// What a wish needs next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStep {
    /// Nothing before this moment.
    Wait(Timestamp),
    /// Dial: this is the try of that number.
    Dial { ordinal: i64 },
    /// It ends, or waits for its next try.
    Settle(OutgoingSettlement),
    /// Nothing more, ever.
    Nothing,
}

/// Looks at a stored wish once more, in the light of what is true now.
///
/// # Errors
/// The database cannot be asked.
pub async fn next_step(
    rows: &TenantStore,
    settings: &Settings,
    agent: Option<&AgentDefinition>,
    wish: &OutgoingCall,
    now: Timestamp,
) -> Result<NextStep, StoreError> {
    if !matches!(wish.state, OutgoingState::Waiting | OutgoingState::Dialling) {
        return Ok(NextStep::Nothing);
    }
    let contact = rows.contact(wish.contact_id).await?;
    let (Some(contact), Some(agent)) = (contact, agent) else {
        return Ok(settled(wish, OutgoingState::Refused, "gone"));
    };
    let hours = hours_of(rows, settings, &contact, &wish.to_number).await?;
    if wish.state == OutgoingState::Dialling {
        let attempts = rows.outgoing_attempts(wish.id).await?;
        let after = AfterTry {
            wish,
            plan: &agent.outgoing,
            hours: &hours,
        };
        return Ok(after.step(attempts.last(), now));
    }
    if now >= wish.not_after {
        return Ok(settled(wish, OutgoingState::Expired, "window_over"));
    }
    if let Err(refusal) = still_allowed(rows, settings, agent, &contact, wish).await {
        return match refusal {
            OutgoingRefusal::Store(error) => Err(error),
            refusal => {
                let code = refusal.code().unwrap_or("refused");
                Ok(settled(wish, OutgoingState::Refused, code))
            }
        };
    }
    match hours.next(now.max(wish.not_before)) {
        Some(at) if at >= wish.not_after => {
            Ok(settled(wish, OutgoingState::Expired, "outside_hours"))
        }
        None => Ok(settled(wish, OutgoingState::Expired, "outside_hours")),
        Some(at) if at > now => Ok(NextStep::Wait(at)),
        Some(_) => Ok(NextStep::Dial {
            ordinal: wish.attempts + 1,
        }),
    }
}

async fn still_allowed(
    rows: &TenantStore,
    settings: &Settings,
    agent: &AgentDefinition,
    contact: &ContactListing,
    wish: &OutgoingCall,
) -> Result<(), OutgoingRefusal> {
    let purpose = CallPurpose::from_word(wish.purpose.as_str());
    let purpose = purpose.filter(|purpose| agent.outgoing.purposes.contains(purpose));
    let purpose = purpose.ok_or(OutgoingRefusal::PurposeNotOffered)?;
    if let Some(id) = wish.appointment_id {
        let appointment = rows.appointment(id).await?;
        let stands = |it: &AppointmentListing| {
            reminders::lies_ahead(it.status) && Some(it.starts_at) == wish.appointment_at
        };
        if !appointment.as_ref().is_some_and(stands) {
            return Err(OutgoingRefusal::AppointmentGone);
        }
    }
    dialling::check(&settings.dialling, &wish.to_number, &wish.from_number)?;
    may_reach(rows, Some(contact), &wish.to_number, purpose).await
}

fn settled(wish: &OutgoingCall, state: OutgoingState, outcome: &'static str) -> NextStep {
    NextStep::Settle(OutgoingSettlement {
        id: wish.id,
        attempts: wish.attempts,
        state,
        outcome: Word::new(outcome),
        not_before: None,
    })
}

/// What comes after a try.
struct AfterTry<'a> {
    wish: &'a OutgoingCall,
    plan: &'a AgentOutgoing,
    hours: &'a CallingHours,
}

impl AfterTry<'_> {
    fn step(&self, attempt: Option<&OutgoingAttempt>, now: Timestamp) -> NextStep {
        let Some(attempt) = attempt else {
            return self.again(Word::new("lost"), now);
        };
        match &attempt.end_reason {
            Some(reason) if REACHED.contains(&reason.as_str()) => {
                self.settle(OutgoingState::Done, reason.clone(), None)
            }
            Some(reason) if HOPELESS.contains(&reason.as_str()) => {
                self.settle(OutgoingState::GaveUp, reason.clone(), None)
            }
            Some(reason) => self.again(reason.clone(), now),
            None if now - attempt.started_at >= TRY_LOST_AFTER => {
                self.again(Word::new("lost"), now)
            }
            None => NextStep::Wait(now + LOOK_AGAIN),
        }
    }

    /// One more try, if there is one left and a moment for it: never at night.
    fn again(&self, outcome: Word, now: Timestamp) -> NextStep {
        if self.wish.attempts >= i64::from(self.plan.attempts_max) {
            return self.settle(OutgoingState::GaveUp, outcome, None);
        }
        let minutes = i64::try_from(self.plan.retry_minutes).unwrap_or(i64::MAX / 60_000_000);
        let at = self.hours.next(now + Duration::minutes(minutes));
        match at.filter(|at| *at < self.wish.not_after) {
            Some(at) => self.settle(OutgoingState::Waiting, outcome, Some(at)),
            None => self.settle(OutgoingState::GaveUp, outcome, None),
        }
    }

    fn settle(
        &self,
        state: OutgoingState,
        outcome: Word,
        not_before: Option<Timestamp>,
    ) -> NextStep {
        NextStep::Settle(OutgoingSettlement {
            id: self.wish.id,
            attempts: self.wish.attempts,
            state,
            outcome,
            not_before,
        })
    }
}
