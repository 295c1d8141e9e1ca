//! `serve --demo --with-history`: weeks of calls that never were, so that no page is empty at first sight.
//!
//! Everything is marked: calls carry a carrier id that begins with [`MARK`], the ledger names the provider `demo`, and
//! numbers are from the range that is reserved for fiction. The same day always gets the same calls, so starting again
//! adds days that are missing and nothing else. Rows are written by the functions that real calls use.

mod chance;
mod past_call;
mod talk;

use anyhow::Result;
use chrono::{Days, NaiveDate, TimeDelta, TimeZone, Weekday};
use switchboard_store::{
    Actor, BookError, CallId, Channel, ContactId, JournalWrite, NewAppointment, NewContact,
    PhoneNumber, Practitioner, Purpose, Service, Store, TenantScope, TenantStore, Timestamp,
};

use self::chance::Chance;
use self::past_call::{Outcome, PastCall};
use crate::config::AgentDefinition;
use crate::config::agent::reference_agents;

/// How every carrier id of a made-up call begins.
pub const MARK: &str = "DEMO-";
/// Days before today that are filled: four weeks.
const DAYS: u64 = 28;
/// People who call; each has one of the numbers of fiction behind this one.
const CALLERS: u32 = 24;
const FIRST_NUMBER: u32 = 2_025_550_110;
/// Share of calls from the browser, in percent.
const WEB_PERCENT: u32 = 15;
/// The hours in which people call, in the business's own zone.
const FIRST_HOUR: u32 = 8;
const HOURS: u32 = 11;

/// Fills the tenants of the reference agents with the weeks before `now`. Gives how many calls it added.
///
/// # Errors
/// The database cannot be written.
pub async fn fill(store: &Store, now: Timestamp) -> Result<u64> {
    let mut added = 0;
    for agent in reference_agents()? {
        let Some(tenant) = store.installation().find_tenant(&agent.name).await? else {
            continue;
        };
        let scope = TenantScope::new(tenant.id, Actor::Operator, Purpose::Demo);
        let business = Business::of(store.tenant(scope), agent).await?;
        let today = now.with_timezone(&business.agent.time_zone).date_naive();
        for back in (1..=DAYS).rev() {
            if let Some(day) = today.checked_sub_days(Days::new(back)) {
                added += business.live_through(day).await?;
            }
        }
    }
    Ok(added)
}

/// One tenant and everything its calls refer to.
struct Business {
    rows: TenantStore,
    agent: AgentDefinition,
    callers: Vec<(ContactId, PhoneNumber)>,
    services: Vec<Service>,
    practitioners: Vec<Practitioner>,
}

impl Business {
    async fn of(rows: TenantStore, agent: AgentDefinition) -> Result<Self> {
        let mut callers = Vec::new();
        for number in 0..CALLERS {
            let phone = PhoneNumber::parse(&format!("+1{}", FIRST_NUMBER + number))?;
            let contact = NewContact {
                name: Some(talk::name_of(number).into()),
                phone: Some(phone.clone()),
                language: Some("en".to_owned()),
                ..NewContact::default()
            };
            callers.push((rows.create_contact(&contact).await?.id, phone));
        }
        Ok(Self {
            services: rows.list_services().await?,
            practitioners: rows.list_practitioners().await?,
            callers,
            agent,
            rows,
        })
    }

    /// A whole day in one transaction, and its bookings. A day that is there is left as it is.
    async fn live_through(&self, day: NaiveDate) -> Result<u64> {
        let calls: Vec<PastCall> = (0..calls_on(day, &self.agent.name))
            .filter_map(|place| self.call(day, place))
            .collect();
        let Some(first) = calls.first() else {
            return Ok(0);
        };
        if self.rows.call(first.id()).await?.is_some() {
            return Ok(0);
        }
        let writes: Vec<JournalWrite> = calls
            .iter()
            .flat_map(|call| call.writes().iter().cloned())
            .collect();
        self.rows.apply(&writes).await?;
        for call in &calls {
            self.book(day, call).await?;
        }
        Ok(calls.len() as u64)
    }

    fn call(&self, day: NaiveDate, place: u32) -> Option<PastCall> {
        let mut chance = Chance::of(&format!("{}/{day}/{place}", self.agent.name));
        let (hour, minute) = (FIRST_HOUR + chance.below(HOURS), chance.below(60));
        let local = day.and_hms_opt(hour, minute, chance.below(60))?;
        let zone = self.agent.time_zone;
        let offered_at = zone.from_local_datetime(&local).earliest()?.to_utc();
        let (contact, phone) = self.callers.get(chance.below(CALLERS) as usize)?;
        let is_web = chance.below(100) < WEB_PERCENT;
        let id = call_id(offered_at, &mut chance);
        let outcome = Outcome::draw(&mut chance, !self.services.is_empty());
        let topic = talk::topic(&self.agent.name, &mut chance);
        let service = match outcome {
            Outcome::Booked => {
                let place = chance.below(u32::try_from(self.services.len()).unwrap_or(1));
                self.services.get(place as usize)
            }
            _ => None,
        };
        let mut call = PastCall::offered(id, &self.agent, offered_at);
        call.came(
            if is_web {
                Channel::WebVoice
            } else {
                Channel::Phone
            },
            *contact,
            (!is_web).then(|| phone.clone()),
        );
        call.run(outcome, topic, service, &mut chance);
        Some(call)
    }

    /// The appointment that a call ended with: two to nine days later, with whoever does it and is free.
    async fn book(&self, day: NaiveDate, call: &PastCall) -> Result<()> {
        let (Some(service), Some(contact)) = (call.booked(), call.contact()) else {
            return Ok(());
        };
        let Some(service) = self.services.iter().find(|it| it.id == service) else {
            return Ok(());
        };
        let mut chance = Chance::of(&format!("booking/{}", call.id()));
        for practitioner in &self.practitioners {
            if !practitioner.services.contains(&service.id) {
                continue;
            }
            let later = day.checked_add_days(Days::new(u64::from(2 + chance.below(8))));
            let start = later.and_then(|day| day.and_hms_opt(10 + chance.below(6), 0, 0));
            let start =
                start.and_then(|at| self.agent.time_zone.from_local_datetime(&at).earliest());
            let Some(starts_at) = start.map(|at| at.to_utc()) else {
                continue;
            };
            let wanted = NewAppointment {
                contact_id: contact,
                practitioner_id: practitioner.id,
                service_id: service.id,
                call_id: Some(call.id()),
                starts_at,
                ends_at: starts_at + TimeDelta::minutes(service.duration_minutes),
                note: None,
                idempotency_key: format!("{MARK}{}", call.id()),
            };
            match self.rows.book(&wanted).await {
                Ok(_) => return Ok(()),
                // Somebody has that time; the next practitioner may not.
                Err(BookError::Store(error)) => return Err(error.into()),
                Err(_) => {}
            }
        }
        Ok(())
    }
}

/// Fewer at the weekend, as with any business.
fn calls_on(day: NaiveDate, agent: &str) -> u32 {
    use chrono::Datelike;
    let mut chance = Chance::of(&format!("{agent}/{day}"));
    match day.weekday() {
        Weekday::Sat => 3 + chance.below(3),
        Weekday::Sun => 1 + chance.below(2),
        _ => 7 + chance.below(6),
    }
}

/// An id that sorts by time like every other, and is the same each time.
fn call_id(at: Timestamp, chance: &mut Chance) -> CallId {
    let millis = u64::try_from(at.timestamp_millis()).unwrap_or_default();
    let mut rest = [0; 10];
    rest[..8].copy_from_slice(&chance.number().to_be_bytes());
    rest[8..].copy_from_slice(&chance.number().to_be_bytes()[..2]);
    CallId::from_uuid(uuid::Builder::from_unix_timestamp_millis(millis, &rest).into_uuid())
}
