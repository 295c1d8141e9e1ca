//! Every function on tenant rows runs as tenant A while tenant B has the same things under the same names and ids.
//! Nothing of B may be seen or changed. (Threats I1, I2, I5, H7.)

#[path = "isolation/alerts.rs"]
mod alerts;
#[path = "isolation/call_reading.rs"]
mod call_reading;
#[path = "isolation/configuration.rs"]
mod configuration;
#[path = "support/isolated_erasures.rs"]
mod isolated_erasures;
#[path = "isolation/jobs.rs"]
mod jobs;
#[path = "isolation/left.rs"]
mod left;
#[path = "isolation/outgoing.rs"]
mod outgoing;
#[path = "isolation/retention.rs"]
mod retention;
mod support;
#[path = "isolation/voice.rs"]
mod voice;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::json;
use support::raw::Raw;
use support::twins::{self, *};
use support::{TestStore, at};
use switchboard_store::*;

on_both! {
    /// i1, i5: the whole suite; a function that is not in it fails it.
    no_function_sees_or_changes_another_tenant(test) {
        let shared = SharedIds::new();
        let a = Twin::seed(&test, "alpha", "canary-alpha", shared).await;
        let b = Twin::seed(&test, "beta", "canary-beta", shared).await;
        let mut watch = Watch::over(&test, &b).await;
        lists_show_only_their_own(&mut watch, &a, &b, shared).await;
        reads_find_only_their_own(&mut watch, &a, &b, shared).await;
        configuration::changes_stay_inside(&mut watch, &a, &b).await;
        contacts_and_conversations_stay_inside(&mut watch, &a, &b).await;
        diary_changes_stay_inside(&mut watch, &a, &b).await;
        // A transcript is read before the withdrawal at the end of the call writes takes its words.
        jobs::mails_stay_inside(&mut watch, &a, &b, shared).await;
        call_writes_stay_inside(&mut watch, &a, &b, shared).await;
        jobs::jobs_stay_inside(&mut watch, &a, &b, shared).await;
        jobs::webhooks_stay_inside(&mut watch, &a, &b).await;
        voice::sessions_stay_inside(&mut watch, &a, &b, shared).await;
        // Last: nothing that was said is left after it.
        withdrawals_and_erasures_stay_inside(&mut watch, &a, &b, shared).await;
        alerts::stay_inside(&mut watch, &a).await;
        isolated_erasures::stay_inside(&mut watch, &a, &b, shared).await;
        outgoing::outgoing_calls_stay_inside(&mut watch, &a, &b, shared).await;
        retention::stay_inside(&mut watch, &a, &b).await;
        assert_eq!(watch.covered, functions_of_the_source(), "covered here / found in the source");
    }

    /// i5: the suite above can fail. Its two alarms ring for what they are to find.
    the_watch_notices_a_leak_and_a_change(test) {
        let shared = SharedIds::new();
        let b = Twin::seed(&test, "beta", "canary-beta", shared).await;
        let mut watch = Watch::over(&test, &b).await;
        assert!(watch.leak_in(&shown(&b.store.list_turns(&ListFilter::default()).await.unwrap())).is_some());
        assert!(watch.change().await.is_none());
        b.store.end_call(&ending(shared.call)).await.unwrap();
        assert!(watch.change().await.is_some());
    }
}

/// Watches what B has stored while A acts.
struct Watch {
    raw: Raw,
    tenant: TenantId,
    marks: Vec<String>,
    before: Vec<String>,
    covered: BTreeSet<String>,
}

impl Watch {
    async fn over(test: &TestStore, b: &Twin) -> Self {
        let mut raw = Raw::connect(test).await;
        let before = raw.rows_of(b.id).await;
        assert!(before.len() > 25, "the twin has rows in every table");
        Self {
            raw,
            tenant: b.id,
            marks: b.marks(),
            before,
            covered: BTreeSet::new(),
        }
    }

    fn leak_in(&self, outcome: &str) -> Option<&String> {
        self.marks.iter().find(|mark| outcome.contains(*mark))
    }

    async fn change(&mut self) -> Option<String> {
        let now = self.raw.rows_of(self.tenant).await;
        let gone = self.before.iter().find(|row| !now.contains(row));
        gone.or_else(|| now.iter().find(|row| !self.before.contains(row)))
            .cloned()
    }

    /// `function` has just run as A with this outcome.
    async fn ran(&mut self, function: &str, outcome: String) {
        self.covered.insert(function.to_owned());
        assert_eq!(
            self.leak_in(&outcome),
            None,
            "{function} showed something of the other tenant"
        );
        assert_eq!(
            self.change().await,
            None,
            "{function} changed something of the other tenant"
        );
    }
}

fn shown(outcome: &impl Serialize) -> String {
    serde_json::to_string(outcome).unwrap()
}

fn newest_calls() -> CallAsk {
    CallAsk {
        sort: CallSort::Newest,
        after: None,
        rows: 10,
    }
}

fn ending(call_id: CallId) -> CallEnd {
    CallEnd {
        call_id,
        reason: Word::new("asked"),
        class: EndClass::Success,
        at: at(60),
    }
}

/// Names of all public functions of `TenantStore`.
fn functions_of_the_source() -> BTreeSet<String> {
    let mut functions = BTreeSet::new();
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        for block in text.split("\nimpl TenantStore {\n").skip(1) {
            let block = block.split("\n}\n").next().unwrap();
            let names = block.split("    pub async fn ").skip(1);
            functions.extend(names.map(|rest| rest.split(['(', '<']).next().unwrap().to_owned()));
        }
    }
    functions
}

async fn lists_show_only_their_own(watch: &mut Watch, a: &Twin, b: &Twin, shared: SharedIds) {
    let all = ListFilter::default();
    macro_rules! lists {
        ($($function:ident($($argument:expr),*))+) => {$(
            let rows = a.store.$function($($argument),*).await.unwrap();
            assert!(!rows.is_empty(), "{} shows the tenant's own rows", stringify!($function));
            watch.ran(stringify!($function), shown(&rows)).await;
        )+};
    }
    lists! {
        list_agents() list_api_keys() list_switches() list_staff() list_numbers() list_audit_entries(&all)
        list_contacts(&all) list_conversations(&all) list_calls(&all) list_call_events(&all) list_turns(&all)
        list_tool_calls(&all) list_consents(&all) list_usage(&all) list_handshakes(&all) list_model_sessions(&all)
        list_captured_fields(&all) captured_fields(shared.call)
        list_transfers(&all) list_voicemails(&all) transfers_of(shared.call) open_transfers(at(9))
        list_recordings(&all) overdue_recordings(at(100), 10)
        list_services() list_practitioners() list_opening_hours() list_appointments(&all) list_waitlist()
        list_opt_outs() list_outgoing_calls(&all) outgoing_attempts(shared.outgoing)
        call_inputs(shared.call) usage_totals(Some(shared.call), at(0)) unfinished_calls(at(100))
        busy_times(at(0), at(9999), None) memories(a.contact, at(0)) messages(a.conversation)
        find_contacts_by_name(NAME, 10) search_contacts("osei", 10) list_jobs(&all) list_alerts(None, &all)
        page_calls(&CallQuestion::default(), &newest_calls()) read_turns(shared.call, 0, 10)
        read_call_events(shared.call, 0, 10) read_tool_calls(shared.call, 0, 10)
        read_consents(shared.call, 10) read_usage(shared.call, 10)
        list_mails(&all) list_webhooks() list_webhook_deliveries(&all) list_webhook_attempts(&all)
    }
    // The same functions, asked for what only the other twin has.
    let foreign = [
        ListFilter::of_call(b.own_call),
        ListFilter {
            contact: Some(b.contact),
            ..all
        },
    ];
    for filter in foreign {
        assert!(a.store.list_calls(&filter).await.unwrap().is_empty());
        assert!(a.store.list_appointments(&filter).await.unwrap().is_empty());
        assert!(a.store.list_consents(&filter).await.unwrap().is_empty());
    }
    let theirs = ListFilter {
        contact: Some(b.contact),
        ..all
    };
    let found = a.store.list_outgoing_calls(&theirs).await.unwrap();
    assert!(found.is_empty());
    call_reading::stays_inside(watch, a, b, shared).await;
    assert!(a.store.call_inputs(b.own_call).await.unwrap().is_empty());
    assert!(a.store.memories(b.contact, at(0)).await.unwrap().is_empty());
    assert!(a.store.messages(b.conversation).await.unwrap().is_empty());
    assert!(
        a.store
            .busy_times(at(0), at(9999), Some(b.practitioner))
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        a.store.usage_totals(Some(b.own_call), at(0)).await.unwrap(),
        []
    );
    assert_eq!(
        a.store.usage_totals(None, at(0)).await.unwrap()[0].cost_micros,
        Micros(3200)
    );
}

async fn reads_find_only_their_own(watch: &mut Watch, a: &Twin, b: &Twin, shared: SharedIds) {
    let store = &a.store;
    watch
        .ran(
            "agent",
            shown(&store.agent("medspa").await.unwrap().unwrap()),
        )
        .await;
    watch
        .ran(
            "agent_version",
            shown(&store.agent_version("medspa", 1).await.unwrap().unwrap()),
        )
        .await;
    watch
        .ran(
            "setting",
            shown(
                &store
                    .setting(&Word::new("streaming"))
                    .await
                    .unwrap()
                    .unwrap(),
            ),
        )
        .await;
    let token = store.sealed_twilio_token(ACCOUNT).await.unwrap().unwrap();
    assert_eq!(token, sealed(a.canary));
    watch
        .ran(
            "sealed_twilio_token",
            String::from_utf8(token.into_exposed()).unwrap(),
        )
        .await;
    watch
        .ran(
            "call",
            shown(&store.call(shared.call).await.unwrap().unwrap()),
        )
        .await;
    assert_eq!(store.call(b.own_call).await.unwrap(), None);
    watch
        .ran(
            "call_by_carrier_id",
            shown(
                &store
                    .call_by_carrier_id(CARRIER_CALL)
                    .await
                    .unwrap()
                    .unwrap(),
            ),
        )
        .await;
    assert_eq!(
        store.call_by_carrier_id("CA-canary-beta").await.unwrap(),
        None
    );
    watch
        .ran(
            "contact",
            shown(&store.contact(a.contact).await.unwrap().unwrap()),
        )
        .await;
    assert_eq!(store.contact(b.contact).await.unwrap(), None);
    let found = store
        .find_contact_by_phone(&phone(PHONE))
        .await
        .unwrap()
        .unwrap();
    watch.ran("find_contact_by_phone", shown(&found)).await;
    let found = store.find_contact_by_email(EMAIL).await.unwrap().unwrap();
    watch.ran("find_contact_by_email", shown(&found)).await;
    watch
        .ran(
            "service",
            shown(&store.service(a.service).await.unwrap().unwrap()),
        )
        .await;
    assert_eq!(store.service(b.service).await.unwrap(), None);
    let profile = store.tenant_profile().await.unwrap().unwrap();
    assert_eq!((profile.id, profile.name.as_str()), (a.id, "alpha"));
    watch.ran("tenant_profile", shown(&profile)).await;
    let counts = store.counts().await.unwrap();
    assert_eq!(
        (
            counts.calls,
            counts.turns,
            counts.contacts,
            counts.appointments
        ),
        (3, 1, 1, 1)
    );
    watch.ran("counts", shown(&counts)).await;
}

async fn contacts_and_conversations_stay_inside(watch: &mut Watch, a: &Twin, b: &Twin) {
    let store = &a.store;
    let created = store.create_contact(&twins::contact()).await.unwrap();
    assert_eq!(
        created,
        CreatedContact {
            id: a.contact,
            is_new: false
        }
    );
    watch.ran("create_contact", format!("{created:?}")).await;
    let ensured = store.ensure_contact_by_phone(&phone(PHONE)).await.unwrap();
    watch
        .ran("ensure_contact_by_phone", format!("{ensured:?}"))
        .await;
    let change = ContactChange {
        name: Some("Changed".into()),
        ..ContactChange::default()
    };
    assert_eq!(
        store.update_contact(b.contact, &change).await,
        Err(StoreError::NotFound { noun: "contact" })
    );
    store.update_contact(a.contact, &change).await.unwrap();
    watch.ran("update_contact", String::new()).await;
    let email = Private::from("other@example.org");
    let refused = store
        .add_contact_address(b.contact, AddressKind::Email, &email)
        .await;
    assert_eq!(refused, Err(StoreError::MissingReference));
    watch.ran("add_contact_address", String::new()).await;
    assert_eq!(
        store.remember(&twins::memory(b.contact, "changed")).await,
        Err(StoreError::MissingReference)
    );
    store
        .remember(&twins::memory(a.contact, "changed"))
        .await
        .unwrap();
    watch.ran("remember", String::new()).await;
    assert!(!store.forget(b.memory).await.unwrap());
    watch.ran("forget", String::new()).await;
    let refused = store
        .open_conversation(Some(b.contact), Channel::Sms, at(9))
        .await;
    assert_eq!(refused, Err(StoreError::MissingReference));
    let reopened = store
        .open_conversation(Some(a.contact), Channel::Sms, at(9))
        .await
        .unwrap();
    watch.ran("open_conversation", shown(&reopened)).await;
    let stolen = NewMessage {
        vendor_id: None,
        ..twins::message(b.conversation, "changed")
    };
    assert_eq!(
        store.add_message(&stolen).await,
        Err(StoreError::MissingReference)
    );
    assert_eq!(
        store
            .add_message(&twins::message(a.conversation, "changed"))
            .await
            .unwrap(),
        None
    );
    watch.ran("add_message", String::new()).await;
    assert!(
        !store
            .close_conversation(b.conversation, None)
            .await
            .unwrap()
    );
    assert!(
        store
            .close_conversation(a.conversation, None)
            .await
            .unwrap()
    );
    watch.ran("close_conversation", String::new()).await;
}

async fn diary_changes_stay_inside(watch: &mut Watch, a: &Twin, b: &Twin) {
    let store = &a.store;
    watch
        .ran(
            "put_service",
            shown(&store.put_service(&twins::service("changed")).await.unwrap()),
        )
        .await;
    let refused = store
        .put_practitioner(&twins::practitioner("changed", vec![b.service]))
        .await;
    assert_eq!(refused, Err(StoreError::MissingReference));
    let put = store
        .put_practitioner(&twins::practitioner("changed", vec![a.service]))
        .await
        .unwrap();
    watch.ran("put_practitioner", shown(&put)).await;
    let hours = [OpeningHours {
        practitioner_id: None,
        weekday: 2,
        opens_minute: 0,
        closes_minute: 60,
    }];
    let refused = store
        .replace_opening_hours(Some(b.practitioner), &hours)
        .await;
    assert_eq!(refused, Err(StoreError::MissingReference));
    store.replace_opening_hours(None, &hours).await.unwrap();
    watch.ran("replace_opening_hours", String::new()).await;
    booking_stays_inside(watch, a, b).await;
    let moved = store
        .reschedule(b.appointment, a.practitioner, at(20_000), at(21_000))
        .await;
    assert_eq!(moved, Err(RescheduleError::NotFound));
    let moved = store
        .reschedule(a.appointment, b.practitioner, at(20_000), at(21_000))
        .await;
    assert_eq!(
        moved,
        Err(RescheduleError::Book(BookError::UnknownPractitioner))
    );
    store
        .reschedule(a.appointment, a.practitioner, at(20_000), at(21_000))
        .await
        .unwrap();
    watch.ran("reschedule", String::new()).await;
    assert_eq!(store.appointment(b.appointment).await.unwrap(), None);
    let own = store.appointment(a.appointment).await.unwrap().unwrap();
    watch.ran("appointment", shown(&own)).await;
    assert!(!store.cancel_appointment(b.appointment).await.unwrap());
    assert!(store.cancel_appointment(a.appointment).await.unwrap());
    watch.ran("cancel_appointment", String::new()).await;
    let refused = store
        .join_waitlist(&twins::wish(b.contact, a.service, "changed"))
        .await;
    assert_eq!(refused, Err(StoreError::MissingReference));
    let refused = store
        .join_waitlist(&twins::wish(a.contact, b.service, "changed"))
        .await;
    assert_eq!(refused, Err(StoreError::MissingReference));
    watch.ran("join_waitlist", String::new()).await;
    assert!(!store.leave_waitlist(b.waitlist, at(9)).await.unwrap());
    assert!(store.leave_waitlist(a.waitlist, at(9)).await.unwrap());
    watch.ran("leave_waitlist", String::new()).await;
}

async fn booking_stays_inside(watch: &mut Watch, a: &Twin, b: &Twin) {
    let same = a
        .store
        .book(&twins::appointment(
            a.contact,
            a.practitioner,
            a.service,
            "changed",
        ))
        .await
        .unwrap();
    assert_eq!(
        same,
        Booked {
            id: a.appointment,
            is_new: false
        }
    );
    watch.ran("book", format!("{same:?}")).await;
    let other = |contact, practitioner, service| NewAppointment {
        idempotency_key: "another".to_owned(),
        starts_at: at(40_000),
        ends_at: at(41_000),
        ..twins::appointment(contact, practitioner, service, "changed")
    };
    let refusals = [
        (
            other(a.contact, b.practitioner, a.service),
            BookError::UnknownPractitioner,
        ),
        (
            other(a.contact, a.practitioner, b.service),
            BookError::ServiceNotOffered,
        ),
        (
            other(b.contact, a.practitioner, a.service),
            BookError::UnknownContact,
        ),
        (
            NewAppointment {
                call_id: Some(b.own_call),
                ..other(a.contact, a.practitioner, a.service)
            },
            BookError::UnknownContact,
        ),
    ];
    for (wanted, refusal) in refusals {
        assert_eq!(a.store.book(&wanted).await, Err(refusal));
    }
    watch.ran("book", String::new()).await;
}

async fn call_writes_stay_inside(watch: &mut Watch, a: &Twin, b: &Twin, shared: SharedIds) {
    let store = &a.store;
    let offered = store
        .offer_call(&twins::call(CallId::new(), "changed"))
        .await
        .unwrap();
    assert_eq!(
        offered,
        OfferedCall {
            id: shared.call,
            is_new: false
        }
    );
    watch.ran("offer_call", format!("{offered:?}")).await;
    let progress = |call_id| CallProgress {
        call_id,
        status: CallStatus::Ended,
        carrier_status: None,
        at: at(9),
    };
    assert!(!store.advance_call(&progress(b.own_call)).await.unwrap());
    assert!(store.advance_call(&progress(shared.call)).await.unwrap());
    watch.ran("advance_call", String::new()).await;
    store
        .match_call(b.own_call, Some(a.contact), None)
        .await
        .unwrap();
    assert_eq!(
        store.match_call(shared.call, Some(b.contact), None).await,
        Err(StoreError::MissingReference)
    );
    assert_eq!(
        store
            .match_call(shared.call, None, Some(b.conversation))
            .await,
        Err(StoreError::MissingReference)
    );
    watch.ran("match_call", String::new()).await;
    assert!(!store.end_call(&ending(b.own_call)).await.unwrap());
    assert!(store.end_call(&ending(shared.call)).await.unwrap());
    watch.ran("end_call", String::new()).await;
    let minted = store
        .mint_stream_token(b.own_call, CARRIER_CALL, ACCOUNT, at(15))
        .await;
    assert_eq!(minted.unwrap_err(), StoreError::MissingReference);
    assert!(
        store
            .mint_stream_token(shared.call, CARRIER_CALL, ACCOUNT, at(15))
            .await
            .unwrap()
            .is_none()
    );
    watch.ran("mint_stream_token", String::new()).await;
    let renewed = store.renew_stream_token(shared.call, at(15)).await.unwrap();
    assert!(renewed.is_none(), "it was never used");
    assert!(
        store
            .renew_stream_token(b.own_call, at(15))
            .await
            .unwrap()
            .is_none()
    );
    watch.ran("renew_stream_token", String::new()).await;
    let endpoint = Word::new("twilio.voice");
    let again = store
        .receive_webhook(&endpoint, CARRIER_CALL, at(9))
        .await
        .unwrap();
    assert_eq!(again, WebhookArrival::Again { first_at: at(0) });
    watch.ran("receive_webhook", format!("{again:?}")).await;
    store
        .apply(&twins::call_writes(
            shared,
            "changed",
            Some(a.contact),
            Some(a.conversation),
        ))
        .await
        .unwrap();
    watch.ran("apply", String::new()).await;
    journal_writes_to_foreign_calls_are_refused(a, b, shared).await;
    watch.ran("apply", String::new()).await;
    transfers_stay_inside(watch, a, b, shared).await;
    left::voicemails_stay_inside(watch, a, b, shared).await;
    left::captured_fields_stay_inside(watch, a, b, shared).await;
}

async fn transfers_stay_inside(watch: &mut Watch, a: &Twin, b: &Twin, shared: SharedIds) {
    let store = &a.store;
    let foreign = store
        .offer_transfer(&twins::transfer(b.own_call, "changed"), 9)
        .await;
    assert_eq!(foreign, Err(StoreError::MissingReference));
    // One line of each twin is busy: the other's does not count here.
    let second = TransferWrite {
        ordinal: 2,
        ..twins::transfer(shared.call, "changed")
    };
    assert!(store.offer_transfer(&second, 2).await.unwrap());
    watch.ran("offer_transfer", String::new()).await;
}

async fn withdrawals_and_erasures_stay_inside(
    watch: &mut Watch,
    a: &Twin,
    b: &Twin,
    shared: SharedIds,
) {
    for call_id in [b.own_call, shared.call] {
        let withdrawn = JournalWrite::WordsWithdrawn { call_id };
        a.store.apply(&[withdrawn]).await.unwrap();
        watch.ran("apply", String::new()).await;
        a.store.forget_call_words(call_id).await.unwrap();
        watch.ran("forget_call_words", String::new()).await;
    }
    let played = a.store.recording_played(shared.recording).await;
    watch.ran("recording_played", format!("{played:?}")).await;
    let erased = a.store.recording_erased(shared.recording, at(60)).await;
    watch.ran("recording_erased", format!("{erased:?}")).await;
}

async fn journal_writes_to_foreign_calls_are_refused(a: &Twin, b: &Twin, shared: SharedIds) {
    let fresh = SharedIds {
        call: b.own_call,
        outgoing: CallId::new(),
        consent: ConsentId::new(),
        recording: RecordingId::new(),
        usage: UsageId::new(),
        voicemail: VoicemailId::new(),
        job: JobId::new(),
    };
    for write in twins::call_writes(fresh, "changed", None, None) {
        let changes_nothing = matches!(
            write,
            JournalWrite::CallOffered(_)
                | JournalWrite::CallProgressed(_)
                | JournalWrite::CallMatched { .. }
                | JournalWrite::CallLanguage { .. }
                | JournalWrite::TransfersClosed { .. }
                // Refers to nothing: what it is about is looked for when it runs, in the tenant's scope.
                | JournalWrite::Job(_)
        );
        let outcome = a.store.apply(std::slice::from_ref(&write)).await;
        let expected = if changes_nothing {
            Ok(())
        } else {
            Err(StoreError::MissingReference)
        };
        assert_eq!(outcome, expected, "{write:?}");
    }
    let foreign_contact = JournalWrite::CallMatched {
        call_id: shared.call,
        contact_id: Some(b.contact),
        conversation_id: None,
    };
    assert_eq!(
        a.store.apply(&[foreign_contact]).await,
        Err(StoreError::MissingReference)
    );
}
