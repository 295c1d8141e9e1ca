//! An appointment is reminded of a day before, by a call that falls with it.

#[path = "support/after.rs"]
mod after;
mod support;

use after::{call, done, job_in};
use chrono::{DurationRound, TimeDelta, Utc};
use support::{TestServer, carrier};
use switchboard::config::AgentDefinition;
use switchboard::desk::outgoing::{NextStep, OutgoingRefusal, next_step};
use switchboard::desk::reminders::{Look, look};
use switchboard_store::{
    AppointmentId, AppointmentListing, CallId, ConsentAnswer, ConsentId, ContactId, JobState,
    JournalWrite, ListFilter, NewAppointment, NewConsent, OutgoingCall, OutgoingState, PhoneNumber,
    Reachable, TenantStore, Timestamp, Word,
};

const TENANT: &str = "medspa";
const AMA: &str = "+12025550142";

struct Site {
    server: TestServer,
    rows: TenantStore,
    agent: AgentDefinition,
    contact: ContactId,
}

fn ama() -> PhoneNumber {
    PhoneNumber::parse(AMA).expect("a number")
}

/// A beginning in whole hours, so many from now.
fn in_hours(hours: i64) -> Timestamp {
    let at = Utc::now() + TimeDelta::hours(hours);
    at.duration_trunc(TimeDelta::hours(1)).expect("a moment")
}

impl Site {
    async fn start() -> Self {
        let twilio = carrier().await;
        let server = TestServer::start(&twilio, None, |settings| {
            settings.outgoing.hour_from = 0;
            settings.outgoing.hour_until = 24;
        })
        .await;
        let rows = server.rows(TENANT).await;
        let tenant = rows.scope().tenant;
        let agent = server.reception.agent(tenant, TENANT).await;
        let agent = (*agent.expect("the agent").definition).clone();
        let contact = rows.ensure_contact_by_phone(&ama()).await;
        Self {
            contact: contact.expect("a contact").id,
            server,
            rows,
            agent,
        }
    }

    async fn agrees(&self) {
        let consent = NewConsent {
            id: ConsentId::new(),
            contact_id: Some(self.contact),
            call_id: None,
            purpose: Word::new("outgoing_calls.reminder"),
            wording: "May we remind you?".to_owned(),
            language: "en".to_owned(),
            answer: ConsentAnswer::Granted,
            answer_text: None,
            heard_ms: None,
            disclosed_at: Utc::now(),
            answered_at: Some(Utc::now()),
            version: None,
            complete: Some(true),
        };
        let stored = self.rows.apply(&[JournalWrite::Consent(consent)]).await;
        stored.expect("stored");
    }

    /// Booked in a call of the agent.
    async fn book(&self, starts_at: Timestamp) -> AppointmentId {
        let call_id = CallId::new();
        let offered = JournalWrite::CallOffered(call(call_id, TENANT));
        self.rows.apply(&[offered]).await.expect("stored");
        let practitioners = self.rows.list_practitioners().await.expect("answers");
        let services = self.rows.list_services().await.expect("answers");
        for practitioner in &practitioners {
            for service in &services {
                let wanted = NewAppointment {
                    contact_id: self.contact,
                    practitioner_id: practitioner.id,
                    service_id: service.id,
                    call_id: Some(call_id),
                    starts_at,
                    ends_at: starts_at + TimeDelta::hours(1),
                    note: None,
                    idempotency_key: call_id.to_string(),
                };
                if let Ok(booked) = self.rows.book(&wanted).await {
                    self.server.reception.jobs.ring();
                    return booked.id;
                }
            }
        }
        panic!("somebody offers something");
    }

    async fn appointment(&self, id: AppointmentId) -> AppointmentListing {
        let found = self.rows.appointment(id).await.expect("answers");
        found.expect("is there")
    }

    async fn look(&self, id: AppointmentId, now: Timestamp) -> Look {
        let settings = &self.server.reception.settings;
        let appointment = self.appointment(id).await;
        let looked = look(&self.rows, settings, &self.agent, &appointment, now).await;
        looked.expect("answers")
    }

    async fn wishes(&self) -> Vec<OutgoingCall> {
        let all = ListFilter::default();
        self.rows.list_outgoing_calls(&all).await.expect("answers")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_is_looked_at_again_a_day_before_and_then_the_person_is_called_once() {
    let site = Site::start().await;
    site.agrees().await;
    let starts = in_hours(60);
    let id = site.book(starts).await;
    let moment = starts - TimeDelta::hours(24);
    job_in(&site.rows, "appointment.remind", done).await;
    let waits = job_in(&site.rows, "appointment.remind", |job| {
        job.state == JobState::Waiting
    })
    .await;
    assert_eq!(waits.run_at.timestamp(), moment.timestamp());
    assert!(site.wishes().await.is_empty(), "nobody is called before");

    for _ in 0..2 {
        let looked = site.look(id, moment + TimeDelta::seconds(1)).await;
        assert!(matches!(looked, Look::Placed(_)), "{looked:?}");
    }
    let wishes = site.wishes().await;
    assert_eq!(wishes.len(), 1, "looked at twice, called once");
    let wish = &wishes[0];
    assert_eq!(
        (wish.purpose.as_str(), wish.to_number.expose()),
        ("reminder", AMA)
    );
    assert_eq!(wish.appointment_id, Some(id));
    assert!(wish.not_after <= starts - TimeDelta::hours(2));
    let context = wish.context.as_ref().map(|it| it.expose().clone());
    let appointment = site.appointment(id).await;
    assert!(context.is_some_and(|it| it.contains(&appointment.service)));
    site.server.stop().await;
}

/// M6: without an agreement, after an opt-out, or too late nobody is reminded.
#[tokio::test(flavor = "multi_thread")]
async fn m6_nobody_is_reminded_who_must_not_be_called() {
    let site = Site::start().await;
    let starts = in_hours(60);
    let id = site.book(starts).await;
    let moment = starts - TimeDelta::hours(24);
    let looked = site.look(id, moment).await;
    let missing = matches!(looked, Look::Refused(OutgoingRefusal::ConsentMissing));
    assert!(missing, "{looked:?}");
    site.agrees().await;
    let late = site.look(id, starts - TimeDelta::hours(1)).await;
    assert!(matches!(late, Look::Nothing), "{late:?}");
    let soon = site.book(in_hours(20)).await;
    let soon = site.look(soon, Utc::now()).await;
    assert!(matches!(soon, Look::Nothing), "just booked: {soon:?}");
    let silent = AgentDefinition {
        outgoing: switchboard::config::agent::AgentOutgoing {
            reminder_h: 0,
            ..site.agent.outgoing.clone()
        },
        ..site.agent.clone()
    };
    let settings = &site.server.reception.settings;
    let appointment = site.appointment(id).await;
    let never = look(&site.rows, settings, &silent, &appointment, moment).await;
    assert!(matches!(never, Ok(Look::Nothing)), "{never:?}");
    let phone = Reachable::Phone(ama());
    site.rows
        .opt_out(&phone, &Word::new("test"))
        .await
        .expect("stored");
    let looked = site.look(id, moment).await;
    assert!(
        matches!(looked, Look::Refused(OutgoingRefusal::OptedOut)),
        "{looked:?}"
    );
    assert!(site.wishes().await.is_empty());
    site.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reminder_falls_with_its_appointment_and_follows_one_that_is_moved() {
    let site = Site::start().await;
    site.agrees().await;
    let starts = in_hours(60);
    let (cancelled, moved) = (
        site.book(starts).await,
        site.book(starts + TimeDelta::hours(3)).await,
    );
    let moment = starts - TimeDelta::hours(20);
    for id in [cancelled, moved] {
        let looked = site.look(id, moment).await;
        assert!(matches!(looked, Look::Placed(_)), "{looked:?}");
    }
    assert_eq!(site.rows.cancel_appointment(cancelled).await, Ok(true));
    let practitioners = site.rows.list_practitioners().await.expect("answers");
    let name = site.appointment(moved).await.practitioner;
    let same = practitioners
        .iter()
        .find(|it| it.name == name)
        .expect("works here");
    let later = starts + TimeDelta::hours(48);
    let until = later + TimeDelta::hours(1);
    let rescheduled = site.rows.reschedule(moved, same.id, later, until).await;
    rescheduled.expect("moved");
    let wishes = site.wishes().await;
    let states: Vec<_> = wishes
        .iter()
        .map(|wish| (wish.state, wish.outcome.clone()))
        .collect();
    let gone = (OutgoingState::Refused, Some(Word::new("appointment_gone")));
    assert_eq!(states, [gone.clone(), gone]);
    // The second wall: a wish that was waiting elsewhere is refused before anybody is dialled.
    let waiting = OutgoingCall {
        state: OutgoingState::Waiting,
        ..wishes[0].clone()
    };
    let settings = &site.server.reception.settings;
    let step = next_step(&site.rows, settings, Some(&site.agent), &waiting, moment).await;
    let refused = |step: &NextStep| matches!(step, NextStep::Settle(it) if it.outcome == Word::new("appointment_gone"));
    assert!(step.as_ref().is_ok_and(refused), "{step:?}");
    // The one that was moved is called about its new time.
    let looked = site.look(moved, later - TimeDelta::hours(23)).await;
    assert!(matches!(looked, Look::Placed(_)), "{looked:?}");
    let newest = site
        .wishes()
        .await
        .into_iter()
        .find(|it| it.state == OutgoingState::Waiting);
    assert_eq!(newest.and_then(|it| it.appointment_at), Some(later));
    site.server.stop().await;
}
