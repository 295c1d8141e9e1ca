//! A person is erased from every table, the list knows it, and it is applied again. (Threat D4.)

mod support;

use std::collections::{BTreeMap, BTreeSet};

use support::at;
use support::raw::Raw;
use support::twins::{self, EMAIL, NAME, PHONE, SharedIds, Twin};
use switchboard_store::*;

fn listed(twin: &Twin, rows: &PersonRows) -> Erasure {
    Erasure {
        contact_id: rows.contact,
        call_ids: rows.calls.clone(),
        conversation_ids: rows.conversations.clone(),
        ..twins::erasure(twin.id, "hash")
    }
}

async fn count(raw: &mut Raw, table: &str) -> String {
    let sql = format!("select cast(count(*) as text) from {table}");
    raw.column(&sql).await.remove(0)
}

on_both! {
    /// d4: whoever adds a table decides what an erasure does to it.
    d4_every_tenant_table_is_named_in_the_erasure_plan(test) {
        let tables: BTreeSet<String> = Raw::connect(&test).await.tenant_tables().await.into_iter().collect();
        let planned: BTreeSet<String> = ERASURE_PLAN.iter().map(|(table, _)| (*table).to_owned()).collect();
        assert_eq!(tables, planned, "tables / the plan of erasure.rs");
        for (table, treatment) in ERASURE_PLAN {
            let verb = match treatment {
                Treatment::Erased => "delete from",
                Treatment::Cleared(_) => "update",
                Treatment::Kept(_) | Treatment::Technical => continue,
            };
            let begins = format!("{verb} {table} ");
            let acts = statements().iter().any(|it| it.file.ends_with("::erasure") && it.text.starts_with(&begins));
            assert!(acts, "the plan promises more than a statement does: {table}");
        }
    }

    d4_nothing_of_an_erased_person_is_left_in_any_table(test) {
        let shared = SharedIds::new();
        let other = Twin::seed(&test, "beta", "canary-beta", SharedIds::new()).await;
        let mut raw = Raw::connect(&test).await;
        let mut others = BTreeMap::new();
        for (table, _) in ERASURE_PLAN {
            others.insert(*table, count(&mut raw, table).await);
        }
        let twin = Twin::seed(&test, "alpha", "canary-alpha", shared).await;
        let others_before = raw.rows_of(other.id).await;
        let rows = twin.store.person_rows(Some(twin.contact), None).await.unwrap();
        assert_eq!((rows.calls.len(), rows.conversations.len()), (3, 1), "the call of the same number and the one we placed too");
        assert_eq!(rows.live_calls, 3);

        let erasure = listed(&twin, &rows);
        let would = twin.store.try_erase_person(&rows, &erasure).await.unwrap();
        let before = raw.rows_of(twin.id).await;
        assert!(before.iter().any(|row| row.contains(NAME)), "a dry run changes nothing");
        let erased = twin.store.erase_person(&rows, &erasure).await.unwrap();
        assert_eq!(erased, would, "a dry run says what comes");

        let after = raw.rows_of(twin.id).await;
        for trace in [NAME, PHONE, EMAIL, "1 Long Street", &NAME.to_lowercase()] {
            assert!(before.iter().any(|row| row.contains(trace)), "{trace} was there");
            let left: Vec<_> = after.iter().filter(|row| row.contains(trace)).collect();
            assert!(left.is_empty(), "{trace}: {left:?}");
        }
        for (table, treatment) in ERASURE_PLAN {
            // Jobs of other things stay; those about the calls are looked at below.
            if *treatment == Treatment::Erased && *table != "jobs" {
                let left = count(&mut raw, table).await;
                assert_eq!(left, others[table], "only the other tenant's rows are left in {table}");
            }
        }
        let jobs = twin.store.list_jobs(&ListFilter::default()).await.unwrap();
        let jobs = serde_json::to_string(&jobs).unwrap();
        assert!(rows.calls.iter().all(|call| !jobs.contains(&call.to_string())), "{jobs}");
        let events = twin.store.list_call_events(&ListFilter::default()).await.unwrap();
        assert!(!events.is_empty() && events.iter().all(|event| event.private.is_none()));
        let call = twin.store.call(shared.call).await.unwrap().expect("kept for counts and bills");
        assert_eq!((call.contact_id, call.caller_number, call.carrier_call_id), (None, None, None));
        assert_eq!(raw.rows_of(other.id).await, others_before, "nobody else is touched");
        let audit = twin.store.list_audit_entries(&ListFilter::default()).await.unwrap();
        let deed = audit.iter().find(|it| it.noun_id == Some(erasure.id.to_string())).expect("audited");
        assert_eq!((deed.action.as_str(), deed.noun.as_str()), ("erase", "person"));
        let again = twin.store.erase_person(&rows, &erasure).await.unwrap();
        assert_eq!(again, [], "done twice it finds nothing");
    }

    /// d4: what a restore or a live call brings back goes again, by the list alone.
    d4_the_list_finds_what_came_back(test) {
        let twin = Twin::seed(&test, "alpha", "canary-alpha", SharedIds::new()).await;
        let rows = twin.store.person_rows(Some(twin.contact), None).await.unwrap();
        twin.store.erase_person(&rows, &listed(&twin, &rows)).await.unwrap();
        let late = twins::turn(rows.calls[0], "canary-late");
        twin.store.apply(&[JournalWrite::Turn(late)]).await.unwrap();

        let list = twin.store.erasures_since(at(0)).await.unwrap();
        let erasure = list.iter().find(|it| it.contact_id.is_some()).expect("listed");
        let found = twin.store.rows_of_erased(erasure, &[]).await.unwrap();
        let erased = twin.store.erase_person(&found, erasure).await.unwrap();
        assert_eq!(erased, [ErasedRows { table: "turns", rows: 1 }]);
        assert!(twin.store.list_turns(&ListFilter::default()).await.unwrap().is_empty());
        assert_eq!(twin.store.list_erasures().await.unwrap(), list, "once in the list");
    }

    d4_a_number_without_a_contact_is_a_person_too(test) {
        let twin = Twin::seed(&test, "alpha", "canary-alpha", SharedIds::new()).await;
        let number = twins::phone("+12025550177");
        let call = NewCall {
            carrier_call_id: None,
            caller_number: Some(number.clone()),
            ..twins::call(CallId::new(), "canary-alpha")
        };
        twin.store.offer_call(&call).await.unwrap();
        let rows = twin.store.person_rows(None, Some(&number)).await.unwrap();
        assert_eq!(rows.calls, [call.id]);
        twin.store.erase_person(&rows, &listed(&twin, &rows)).await.unwrap();
        let stored = twin.store.call(call.id).await.unwrap().unwrap();
        assert_eq!(stored.caller_number, None);
        assert!(twin.store.contact(twin.contact).await.unwrap().is_some(), "others stay");
    }
}
