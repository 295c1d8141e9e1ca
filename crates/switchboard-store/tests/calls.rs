//! Calls under webhooks that come twice, late and in any order. (Threats H2, H3, S1.)

mod support;

use support::twins::{self, ACCOUNT, CARRIER_CALL, SharedIds};
use support::{TestStore, all_at_once, at};
use switchboard_store::*;

const REPEATS: usize = 20;

async fn offered(test: &TestStore) -> (TenantStore, CallId) {
    let (store, call) = (test.fresh_tenant().await, CallId::new());
    assert!(
        store
            .offer_call(&twins::call(call, "here"))
            .await
            .unwrap()
            .is_new
    );
    (store, call)
}

fn progress(call_id: CallId, status: CallStatus, word: &'static str, seconds: i64) -> CallProgress {
    CallProgress {
        call_id,
        status,
        carrier_status: Some(word.into()),
        at: at(seconds),
    }
}

fn claim<'a>(
    token: &'a str,
    carrier_call_id: &'a str,
    carrier_account_id: &'a str,
    now: i64,
) -> StreamTokenClaim<'a> {
    StreamTokenClaim {
        token,
        carrier_call_id,
        carrier_account_id,
        now: at(now),
    }
}

on_both! {
    /// h2, h3
    one_carrier_call_is_stored_once_however_often_it_is_offered(test) {
        let store = test.fresh_tenant().await;
        let outcomes = all_at_once(REPEATS, |_| {
            let (store, call) = (store.clone(), twins::call(CallId::new(), "here"));
            async move { store.offer_call(&call).await.unwrap() }
        })
        .await;
        assert_eq!(outcomes.iter().filter(|offered| offered.is_new).count(), 1);
        assert!(outcomes.iter().all(|offered| offered.id == outcomes[0].id));
        assert_eq!(store.counts().await.unwrap().calls, 1);
    }

    /// h3: all orders of the same webhooks, each delivered twice, lead to the same row.
    a_call_never_runs_backwards(test) {
        let steps = [
            (CallStatus::Ringing, "ringing", 1),
            (CallStatus::Answered, "in-progress", 2),
            (CallStatus::Ended, "completed", 3),
        ];
        let store = test.fresh_tenant().await;
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let call = CallId::new();
            store.offer_call(&NewCall { carrier_call_id: None, ..twins::call(call, "here") }).await.unwrap();
            for step in order.into_iter().chain(order) {
                let (status, word, seconds) = steps[step];
                store.advance_call(&progress(call, status, word, seconds)).await.unwrap();
            }
            let row = store.call(call).await.unwrap().unwrap();
            assert_eq!((row.status, row.answered_at, row.ended_at), (CallStatus::Ended, Some(at(2)), Some(at(3))), "{order:?}");
            assert_eq!(row.carrier_status, Some(Word::new("completed")), "{order:?}");
        }
    }

    a_call_has_one_end(test) {
        let (store, call_id) = offered(&test).await;
        let end = |reason: &'static str, class| CallEnd { call_id, reason: reason.into(), class, at: at(60) };
        assert!(store.end_call(&end("asked", EndClass::Success)).await.unwrap());
        assert!(!store.end_call(&end("process_lost", EndClass::Us)).await.unwrap());
        let row = store.call(call_id).await.unwrap().unwrap();
        assert_eq!((row.end_reason, row.end_class), (Some(Word::new("asked")), Some(EndClass::Success)));
        assert!(store.unfinished_calls(at(9999)).await.unwrap().is_empty());
    }

    a_call_without_an_end_is_found_after_its_process_is_lost(test) {
        let (store, call) = offered(&test).await;
        assert_eq!(store.unfinished_calls(at(1)).await.unwrap(), [call]);
        assert!(store.unfinished_calls(at(0)).await.unwrap().is_empty(), "a call of this process is not lost");
    }

    /// h3
    of_twenty_deliveries_of_a_webhook_one_is_the_first(test) {
        let store = test.fresh_tenant().await;
        let endpoint = Word::new("twilio.status");
        let outcomes = all_at_once(REPEATS, |_| {
            let (store, endpoint) = (store.clone(), endpoint.clone());
            async move { store.receive_webhook(&endpoint, "CA1", at(1)).await.unwrap() }
        })
        .await;
        assert_eq!(outcomes.iter().filter(|arrival| **arrival == WebhookArrival::First).count(), 1);
        let other = store.receive_webhook(&Word::new("twilio.voice"), "CA1", at(2)).await.unwrap();
        assert_eq!(other, WebhookArrival::First, "another endpoint is another webhook");
    }

    /// s1
    s1_a_stream_token_has_one_winner(test) {
        let (store, call_id) = offered(&test).await;
        let minted = store.mint_stream_token(call_id, CARRIER_CALL, ACCOUNT, at(15)).await.unwrap().unwrap();
        let outcomes = all_at_once(REPEATS, |_| {
            let (lookup, token) = (test.store.lookup(), minted.token.clone());
            async move { lookup.use_stream_token(&claim(token.expose(), CARRIER_CALL, ACCOUNT, 14)).await }
        })
        .await;
        let won: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
        assert_eq!(won, [&StreamTokenUse { tenant_id: store.scope().tenant, call_id }]);
        let lost = outcomes.iter().filter(|outcome| **outcome == Err(StreamTokenRefusal::Used)).count();
        assert_eq!(lost, REPEATS - 1);
    }

    /// s1: whoever holds a token for another call or account does not use it up.
    s1_a_bad_token_does_not_disturb_the_call(test) {
        let (store, call_id) = offered(&test).await;
        let minted = store.mint_stream_token(call_id, CARRIER_CALL, ACCOUNT, at(15)).await.unwrap().unwrap();
        let (lookup, token) = (test.store.lookup(), minted.token.expose());
        let refusals = [
            (claim("guess", CARRIER_CALL, ACCOUNT, 1), StreamTokenRefusal::Unknown),
            (claim(token, "CA-other", ACCOUNT, 1), StreamTokenRefusal::Foreign),
            (claim(token, CARRIER_CALL, "AC-other", 1), StreamTokenRefusal::Foreign),
            (claim(token, CARRIER_CALL, ACCOUNT, 15), StreamTokenRefusal::Expired),
        ];
        for (claim, refusal) in refusals {
            assert_eq!(lookup.use_stream_token(&claim).await, Err(refusal));
        }
        lookup.use_stream_token(&claim(token, CARRIER_CALL, ACCOUNT, 14)).await.expect("the rightful stream opens");
        let row = store.call(call_id).await.unwrap().unwrap();
        assert_eq!(row.status, CallStatus::Offered);
    }

    /// h2
    h2_a_call_gets_one_stream_token(test) {
        let (store, call_id) = offered(&test).await;
        let outcomes = all_at_once(REPEATS, |_| {
            let store = store.clone();
            async move { store.mint_stream_token(call_id, CARRIER_CALL, ACCOUNT, at(15)).await.unwrap() }
        })
        .await;
        assert_eq!(outcomes.iter().flatten().count(), 1);
    }

    the_journal_applies_all_writes_or_none(test) {
        let store = test.fresh_tenant().await;
        let shared = SharedIds::new();
        let mut writes = twins::call_writes(shared, "said", None, None);
        writes.push(JournalWrite::Turn(twins::turn(CallId::new(), "lost")));
        assert_eq!(store.apply(&writes).await, Err(StoreError::MissingReference));
        assert_eq!(store.counts().await.unwrap().calls, 0, "nothing of it was kept");
        writes.pop();
        store.apply(&writes).await.unwrap();
        assert_eq!(store.list_turns(&ListFilter::of_call(shared.call)).await.unwrap().len(), 1);
        store.apply(&[]).await.unwrap();
    }

    a_spool_that_is_replayed_changes_nothing(test) {
        let store = test.fresh_tenant().await;
        let writes = twins::call_writes(SharedIds::new(), "said", None, None);
        let spooled = serde_json::to_string(&writes).unwrap();
        store.apply(&writes).await.unwrap();
        let mut raw = support::raw::Raw::connect(&test).await;
        let before = raw.rows_of(store.scope().tenant).await;
        let replayed: Vec<JournalWrite> = serde_json::from_str(&spooled).unwrap();
        assert_eq!(replayed, writes);
        store.apply(&replayed).await.unwrap();
        assert_eq!(raw.rows_of(store.scope().tenant).await, before);
    }

    events_are_stored_once_and_in_order_however_many_come_together(test) {
        let (store, call_id) = offered(&test).await;
        let event = |seq| JournalWrite::Event(CallEventWrite {
            call_id,
            seq,
            at: at(seq),
            name: Word::new("turn_ended"),
            technical: serde_json::json!({ "seq": seq }),
            private: (seq % 2 == 0).then(|| Private::new(serde_json::json!("said"))),
        });
        for last in [1, 8, 9, 35] {
            let events: Vec<_> = (1..=last).map(event).collect();
            store.apply(&events).await.unwrap();
        }
        let listed = store.list_call_events(&ListFilter::of_call(call_id)).await.unwrap();
        assert_eq!(listed.iter().rev().map(|event| event.seq).collect::<Vec<_>>(), (1..=35).collect::<Vec<_>>());
        for event in listed {
            assert_eq!((event.technical["seq"].as_i64(), event.at), (Some(event.seq), at(event.seq)));
            assert_eq!(event.private.is_some(), event.seq % 2 == 0);
        }
    }

    a_later_write_of_a_turn_adds_what_it_knows(test) {
        let (store, call_id) = offered(&test).await;
        let first = twins::turn(call_id, "said");
        let heard = TurnWrite {
            generated_text: None,
            sent_text: None,
            heard_text: Some("sa".into()),
            interrupted: true,
            heard_ms: Some(300),
            response_ms: None,
            ..first.clone()
        };
        store.apply(&[JournalWrite::Turn(first.clone()), JournalWrite::Turn(heard), JournalWrite::Turn(first)]).await.unwrap();
        let turns = store.list_turns(&ListFilter::of_call(call_id)).await.unwrap();
        assert_eq!(turns.len(), 1);
        assert_eq!(turns[0].generated_text.as_ref().unwrap().expose(), "said");
        assert_eq!(turns[0].heard_text.as_ref().unwrap().expose(), "sa");
        assert_eq!((turns[0].interrupted, turns[0].response_ms, turns[0].heard_ms), (true, Some(640), Some(300)));
    }

    lists_are_newest_first_and_have_their_contract_keys(test) {
        let store = test.fresh_tenant().await;
        let shared = SharedIds::new();
        store.apply(&twins::call_writes(shared, "said", None, None)).await.unwrap();
        let later = NewCall { id: CallId::new(), carrier_call_id: None, offered_at: at(100), ..twins::call(shared.call, "x") };
        store.offer_call(&later).await.unwrap();
        let calls = store.list_calls(&ListFilter::default()).await.unwrap();
        assert_eq!(calls.iter().map(|call| call.id).collect::<Vec<_>>(), [later.id, shared.call]);
        assert_eq!(store.list_calls(&ListFilter::newest(1)).await.unwrap().len(), 1);
        assert_eq!(keys(&calls[0]), [
            "id", "carrier_call_id", "agent", "channel", "status", "offered_at", "answered_at", "ended_at", "end_reason", "end_class"
        ]);
        assert_eq!(keys(&store.list_turns(&ListFilter::default()).await.unwrap()[0]), [
            "call_id", "seq", "speaker", "generated_text", "sent_text", "heard_text", "language", "interrupted", "response_ms", "heard_ms"
        ]);
        assert_eq!(keys(&store.list_handshakes(&ListFilter::default()).await.unwrap()[0]), [
            "call_id", "started_at", "elapsed_ms", "fell_back", "reason"
        ]);
    }

    /// D1: withdrawal erases back to the start, and what shows the consent stays.
    d1_a_withdrawal_leaves_no_word_of_the_call_and_keeps_the_evidence(test) {
        let store = test.fresh_tenant().await;
        let shared = SharedIds::new();
        store.apply(&twins::call_writes(shared, "canary-said", None, None)).await.unwrap();
        let filter = ListFilter::of_call(shared.call);
        store.apply(&[JournalWrite::WordsWithdrawn { call_id: shared.call }]).await.unwrap();
        assert!(store.list_turns(&filter).await.unwrap().is_empty());
        assert!(store.call_inputs(shared.call).await.unwrap().is_empty());
        let tools = serde_json::to_string(&store.list_tool_calls(&filter).await.unwrap()).unwrap();
        let events = serde_json::to_string(&store.list_call_events(&filter).await.unwrap()).unwrap();
        assert!(!tools.contains("canary") && !events.contains("\"private\":{"), "{tools} {events}");
        let consents = store.list_consents(&filter).await.unwrap();
        assert_eq!((consents.len(), &consents[0].answer_text), (1, &None));
        assert_eq!((consents[0].version.as_deref(), consents[0].complete), (Some("3"), Some(true)));
    }

    a_recording_that_is_erased_or_stored_does_not_go_back(test) {
        let store = test.fresh_tenant().await;
        let shared = SharedIds::new();
        let writes = twins::call_writes(shared, "said", None, None);
        store.apply(&writes).await.unwrap();
        let stored = writes.iter().find_map(|write| match write {
            JournalWrite::Recording(recording) => Some(recording.clone()),
            _ => None,
        }).unwrap();
        let begun = RecordingWrite { status: RecordingStatus::Recording, bytes: None, ..stored.clone() };
        store.apply(&[JournalWrite::Recording(begun.clone())]).await.unwrap();
        let listed = store.list_recordings(&ListFilter::of_call(shared.call)).await.unwrap();
        assert_eq!((listed[0].status, listed[0].bytes), (RecordingStatus::Stored, Some(20_000)));
        assert_eq!(store.overdue_recordings(at(49), 10).await.unwrap(), []);
        assert_eq!(store.overdue_recordings(at(50), 10).await.unwrap().len(), 1);
        assert!(store.recording_erased(shared.recording, at(60)).await.unwrap());
        assert!(!store.recording_erased(shared.recording, at(61)).await.unwrap(), "once");
        store.apply(&[JournalWrite::Recording(stored)]).await.unwrap();
        let listed = store.list_recordings(&ListFilter::of_call(shared.call)).await.unwrap();
        assert_eq!((listed[0].status, listed[0].erased_at), (RecordingStatus::Erased, Some(at(60))));
        assert_eq!(store.overdue_recordings(at(99), 10).await.unwrap(), []);
        let audit = store.list_audit_entries(&ListFilter::newest(1)).await.unwrap();
        assert_eq!((audit[0].action.as_str(), audit[0].noun.as_str()), ("erase", "recording"));
    }

    reading_what_was_said_leaves_an_audit_entry(test) {
        let store = test.fresh_tenant().await;
        store.apply(&twins::call_writes(SharedIds::new(), "said", None, None)).await.unwrap();
        let staff = store.create_staff(&twins::person("here")).await.unwrap();
        let scope = TenantScope::new(store.scope().tenant, Actor::Staff(staff), Purpose::ReadTranscript);
        assert_eq!(test.store.tenant(scope).list_turns(&ListFilter::default()).await.unwrap().len(), 1);
        let audit = store.list_audit_entries(&ListFilter::newest(1)).await.unwrap();
        assert_eq!((audit[0].action.as_str(), audit[0].noun.as_str(), audit[0].purpose.as_str()), ("read", "turns", "read_transcript"));
        assert_eq!(audit[0].actor_id, Some(staff.uuid()));
    }
}

/// Keys of the flat object, in the order they are written.
fn keys(row: &impl serde::Serialize) -> Vec<String> {
    let text = serde_json::to_string(row).unwrap();
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    assert!(
        object
            .values()
            .all(|value| !value.is_object() && !value.is_array()),
        "the object is flat"
    );
    let mut keys: Vec<_> = object.keys().cloned().collect();
    keys.sort_by_key(|key| text.find(&format!("\"{key}\":")));
    keys
}
