//! Transfers and voicemails: what webhooks in any order leave behind, and how many lines may be busy at once.

mod support;

use support::twins::{self, SharedIds};
use support::{TestStore, at};
use switchboard_store::*;

async fn offered(test: &TestStore) -> (TenantStore, CallId) {
    let store = test.fresh_tenant().await;
    let call = CallId::new();
    store.offer_call(&twins::call(call, "here")).await.unwrap();
    (store, call)
}

fn told(call: CallId, status: TransferStatus, seconds: i64) -> TransferWrite {
    TransferWrite {
        status,
        at: at(seconds),
        ..twins::transfer(call, "support")
    }
}

async fn only_row(store: &TenantStore) -> TransferListing {
    let mut rows = store.list_transfers(&ListFilter::default()).await.unwrap();
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0)
}

/// Every order of these.
fn orders<T: Clone>(of: &[T]) -> Vec<Vec<T>> {
    if of.len() < 2 {
        return vec![of.to_vec()];
    }
    let mut all = Vec::new();
    for position in 0..of.len() {
        let mut rest = of.to_vec();
        let first = rest.remove(position);
        for mut order in orders(&rest) {
            order.insert(0, first.clone());
            all.push(order);
        }
    }
    all
}

on_both! {
    /// h3: duplicates and every order of the same words leave the same outcome.
    h3_the_outcome_of_a_transfer_does_not_depend_on_the_order_of_webhooks(test) {
        let store = test.fresh_tenant().await;
        let words = |call| {
            let talked = TransferWrite { is_over: true, talked_s: Some(42), ..told(call, TransferStatus::Accepted, 60) };
            [
                JournalWrite::Transfer(told(call, TransferStatus::Offered, 1)),
                JournalWrite::Transfer(told(call, TransferStatus::Accepted, 5)),
                JournalWrite::Transfer(talked),
                JournalWrite::TransfersClosed { call_id: call, at: at(61) },
            ]
        };
        for order in 0..orders(&[0, 1, 2, 3]).len() {
            let call = CallId::new();
            let offer = NewCall { carrier_call_id: None, ..twins::call(call, "here") };
            store.offer_call(&offer).await.unwrap();
            let writes = &orders(&words(call))[order];
            for write in writes {
                store.apply(&[write.clone(), write.clone()]).await.unwrap();
            }
            let rows = store.transfers_of(call).await.unwrap();
            assert_eq!(rows.len(), 1);
            assert_eq!((rows[0].status, rows[0].talked_s, rows[0].ended_at), (TransferStatus::Accepted, Some(42), Some(at(60))), "{writes:?}");
        }
    }

    h3_a_machine_that_picked_up_is_not_made_a_human_by_a_late_word(test) {
        let (store, call) = offered(&test).await;
        let late = TransferWrite { is_over: true, talked_s: Some(9), ..told(call, TransferStatus::Accepted, 30) };
        for write in [told(call, TransferStatus::Accepted, 2), told(call, TransferStatus::Machine, 4), late] {
            store.apply(&[JournalWrite::Transfer(write)]).await.unwrap();
        }
        let row = only_row(&store).await;
        assert_eq!((row.status, row.talked_s, row.ended_at), (TransferStatus::Machine, None, Some(at(4))));
    }

    the_end_of_a_call_ends_what_still_rings_for_it(test) {
        let (store, call) = offered(&test).await;
        store.apply(&[JournalWrite::Transfer(told(call, TransferStatus::Ringing, 1))]).await.unwrap();
        assert_eq!(store.open_transfers(at(2)).await.unwrap().len(), 1);
        store.apply(&[JournalWrite::TransfersClosed { call_id: call, at: at(3) }]).await.unwrap();
        let row = only_row(&store).await;
        assert_eq!((row.status, row.ended_at), (TransferStatus::NoAnswer, Some(at(3))));
        assert!(store.open_transfers(at(4)).await.unwrap().is_empty());
    }

    /// m4: of many at the same time no more get in than fit, and a line that ends makes room.
    m4_no_more_lines_ring_than_the_limit_however_many_ask_at_once(test) {
        let store = test.fresh_tenant().await;
        let mut calls = Vec::new();
        for _ in 0..8 {
            let call = CallId::new();
            store.offer_call(&NewCall { carrier_call_id: None, ..twins::call(call, "here") }).await.unwrap();
            calls.push(call);
        }
        let offers = calls.clone();
        let fitted = support::all_at_once(calls.len(), |number| {
            let (store, call) = (store.clone(), offers[number]);
            async move { store.offer_transfer(&told(call, TransferStatus::Offered, 1), 3).await.unwrap() }
        }).await;
        assert_eq!(fitted.iter().filter(|fits| **fits).count(), 3);
        let first = calls[fitted.iter().position(|fits| *fits).unwrap()];
        assert!(store.offer_transfer(&told(first, TransferStatus::Offered, 2), 3).await.unwrap(), "the same offer counts once");
        let refused = calls[fitted.iter().position(|fits| !*fits).unwrap()];
        assert!(!store.offer_transfer(&told(refused, TransferStatus::Offered, 2), 3).await.unwrap());
        store.apply(&[JournalWrite::Transfer(told(first, TransferStatus::Busy, 3))]).await.unwrap();
        assert!(store.offer_transfer(&told(refused, TransferStatus::Offered, 4), 3).await.unwrap());
    }

    /// m4: a row that nobody ended does not hold a line for ever.
    m4_a_forgotten_transfer_stops_counting_at_its_time(test) {
        let (store, call) = offered(&test).await;
        let forgotten = TransferWrite { counts_until: at(90), ..told(call, TransferStatus::Ringing, 1) };
        store.apply(&[JournalWrite::Transfer(forgotten)]).await.unwrap();
        let next = |seconds| TransferWrite { ordinal: 2, ..told(call, TransferStatus::Offered, seconds) };
        assert!(!store.offer_transfer(&next(89), 1).await.unwrap());
        assert!(store.offer_transfer(&next(91), 1).await.unwrap());
    }

    a_group_needs_room_for_all_its_lines_and_a_queue_for_none(test) {
        let (store, call) = offered(&test).await;
        let group = TransferWrite { legs: 4, kind: TransferKind::Group, ..told(call, TransferStatus::Offered, 1) };
        assert!(!store.offer_transfer(&group, 3).await.unwrap());
        let queue = TransferWrite { kind: TransferKind::Queue, ..group };
        assert!(store.offer_transfer(&queue, 0).await.unwrap());
    }

    /// h3: the same recording twice is one message.
    h3_a_repeated_recording_is_one_voicemail_and_its_first_id_stays(test) {
        let (store, call) = offered(&test).await;
        let first = NewVoicemail { length_s: None, ..twins::voicemail(VoicemailId::new(), call) };
        let again = NewVoicemail { id: VoicemailId::new(), length_s: Some(7), ..first.clone() };
        assert_eq!(store.add_voicemail(&first).await.unwrap(), first.id);
        assert_eq!(store.add_voicemail(&again).await.unwrap(), first.id);
        assert!(store.keep_voicemail_audio(first.id, "t/voicemail/1.wav").await.unwrap());
        assert!(!store.keep_voicemail_audio(first.id, "t/voicemail/2.wav").await.unwrap());
        store.hear_voicemail(first.id, at(20)).await.unwrap();
        store.hear_voicemail(first.id, at(30)).await.unwrap();
        let rows = store.list_voicemails(&ListFilter::default()).await.unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0].length_s, rows[0].heard_at), (Some(7), Some(at(20))));
        assert_eq!(rows[0].object_key.as_deref(), Some("t/voicemail/1.wav"));
    }

    what_becomes_of_the_writing_down_is_decided_once_and_a_withdrawal_takes_the_words(test) {
        let (store, call) = offered(&test).await;
        let [first, second] = [VoicemailId::new(), VoicemailId::new()];
        for id in [first, second] {
            store.add_voicemail(&twins::voicemail(id, call)).await.unwrap();
        }
        let words = Private::from("call me back");
        let why = Word::new("failed");
        assert!(store.transcribe_voicemail(first, &words, Some("en")).await.unwrap());
        assert!(!store.leave_voicemail_unwritten(first, &why).await.unwrap());
        assert!(store.leave_voicemail_unwritten(second, &why).await.unwrap());
        assert!(!store.transcribe_voicemail(second, &words, None).await.unwrap());
        let told = store.voicemail(first).await.unwrap().unwrap();
        assert_eq!((told.transcript, told.transcription), (Some(words), Some(Word::new("done"))));
        // D1: a withdrawal erases back to the start, and nothing is written down after it.
        store.forget_call_words(call).await.unwrap();
        for id in [first, second] {
            let left = store.voicemail(id).await.unwrap().unwrap();
            assert_eq!((left.transcript, left.transcription), (None, Some(Word::new("withdrawn"))));
        }
    }

    /// D1, D4: what was taken down goes with the words.
    d1_what_was_taken_down_is_replaced_by_corrections_and_goes_with_a_withdrawal(test) {
        let (store, call) = offered(&test).await;
        store.capture_fields(call, &twins::captured("a leak")).await.unwrap();
        let correction = [(Word::new("job"), Private::from("a burst pipe"))];
        store.capture_fields(call, &correction).await.unwrap();
        let kept = store.captured_fields(call).await.unwrap();
        let kept: Vec<_> = kept.iter().map(|it| (it.field.as_str(), it.value.expose().as_str())).collect();
        assert_eq!(kept, [("job", "a burst pipe"), ("urgency", "soon")]);
        store.forget_call_words(call).await.unwrap();
        assert_eq!(store.captured_fields(call).await.unwrap(), []);
    }

    reading_voicemails_leaves_an_audit_entry(test) {
        let store = test.fresh_tenant().await;
        store.apply(&twins::call_writes(SharedIds::new(), "said", None, None)).await.unwrap();
        let staff = store.create_staff(&twins::person("here")).await.unwrap();
        let scope = TenantScope::new(store.scope().tenant, Actor::Staff(staff), Purpose::ReadTranscript);
        assert_eq!(test.store.tenant(scope).list_voicemails(&ListFilter::default()).await.unwrap().len(), 1);
        let audit = store.list_audit_entries(&ListFilter::newest(1)).await.unwrap();
        assert_eq!((audit[0].action.as_str(), audit[0].noun.as_str()), ("read", "voicemails"));
    }

    lists_of_transfers_and_voicemails_have_their_contract_keys(test) {
        let store = test.fresh_tenant().await;
        store.apply(&twins::call_writes(SharedIds::new(), "said", None, None)).await.unwrap();
        let transfer = serde_json::to_value(only_row(&store).await).unwrap();
        let keys: Vec<_> = transfer.as_object().unwrap().keys().map(String::as_str).collect();
        let mut expected = ["call_id", "ordinal", "reason", "target", "kind", "status", "started_at", "ended_at", "talked_s"];
        expected.sort_unstable();
        let mut keys = keys;
        keys.sort_unstable();
        assert_eq!(keys, expected);
    }
}
