//! Calls that we place, and opt-outs, of one tenant while another has the same.

use super::*;

pub(super) async fn outgoing_calls_stay_inside(
    watch: &mut Watch,
    a: &Twin,
    b: &Twin,
    shared: SharedIds,
) {
    let store = &a.store;
    let wish = store.outgoing_call(shared.outgoing).await.unwrap().unwrap();
    assert_eq!(wish.state, OutgoingState::Dialling);
    watch.ran("outgoing_call", shown(&wish)).await;
    let same = store.outgoing_call_of(shared.outgoing).await.unwrap();
    assert_eq!(same, Some(wish));
    assert_eq!(store.outgoing_call_of(b.own_call).await.unwrap(), None);
    watch.ran("outgoing_call_of", shown(&same)).await;
    let again = twins::outgoing_call(shared.outgoing, a.contact, "changed");
    assert!(!store.request_outgoing_call(&again).await.unwrap());
    let stolen = twins::outgoing_call(CallId::new(), b.contact, "changed");
    let refused = store.request_outgoing_call(&stolen).await;
    assert_eq!(refused, Err(StoreError::MissingReference));
    watch.ran("request_outgoing_call", String::new()).await;
    let second = twins::outgoing_attempt(CallId::new(), "changed");
    let begun = store.begin_outgoing_attempt(shared.outgoing, 2, &second);
    assert!(!begun.await.unwrap(), "it dials already");
    watch.ran("begin_outgoing_attempt", String::new()).await;
    let name = "CA00000000000000000000000000000009";
    let named = store.name_outgoing_attempt(b.own_call, name).await.unwrap();
    assert!(!named);
    let named = store.name_outgoing_attempt(shared.outgoing, name).await;
    assert!(named.unwrap());
    watch.ran("name_outgoing_attempt", String::new()).await;
    let human = Word::new("human");
    assert!(!store.note_answered_by(b.own_call, &human).await.unwrap());
    assert!(
        store
            .note_answered_by(shared.outgoing, &human)
            .await
            .unwrap()
    );
    watch.ran("note_answered_by", String::new()).await;
    let settlement = OutgoingSettlement {
        id: shared.outgoing,
        attempts: 1,
        state: OutgoingState::Done,
        outcome: Word::new("agent_ended"),
        not_before: None,
    };
    assert!(store.settle_outgoing_call(&settlement).await.unwrap());
    watch.ran("settle_outgoing_call", String::new()).await;
    let load = store.outgoing_load(&phone(PHONE), chrono::Utc::now()).await;
    let load = load.unwrap();
    // The wish under the shared id, and no wish of the other tenant's.
    assert_eq!(
        (load.tenant_hour, load.key_hour, load.person_day),
        (1, 0, 1)
    );
    watch.ran("outgoing_load", String::new()).await;
    let load = store.caller_load(&phone(PHONE), at(0)).await.unwrap();
    assert_eq!(load.recent, calls_from_phone(store).await, "only their own");
    watch.ran("caller_load", String::new()).await;
    let purposes = [&Word::new("recording"), &Word::new("other")];
    let consent = store.newest_consent(b.contact, purposes).await.unwrap();
    assert_eq!(consent, None);
    let consent = store.newest_consent(a.contact, purposes).await.unwrap();
    watch.ran("newest_consent", shown(&consent)).await;
    opt_outs_stay_inside(watch, a, b).await;
}

async fn opt_outs_stay_inside(watch: &mut Watch, a: &Twin, b: &Twin) {
    let store = &a.store;
    let address = twins::opted_out();
    let since = store.opted_out_since(None, &address).await.unwrap();
    assert!(since.is_some());
    watch.ran("opted_out_since", String::new()).await;
    let theirs = Reachable::Phone(phone(PHONE));
    let stopped = b.store.opted_out_since(Some(b.contact), &theirs);
    assert_eq!(stopped.await.unwrap(), None);
    assert!(!store.opt_out(&address, &Word::new("api")).await.unwrap());
    let source = Word::new("operator");
    assert!(store.opt_out(&theirs, &source).await.unwrap());
    watch.ran("opt_out", String::new()).await;
    let stopped = b.store.opted_out_since(Some(b.contact), &theirs);
    assert_eq!(stopped.await.unwrap(), None, "A stops nobody for B");
    assert!(store.withdraw_opt_out(&address).await.unwrap());
    watch.ran("withdraw_opt_out", String::new()).await;
}

/// Counted another way: by reading every call.
async fn calls_from_phone(store: &TenantStore) -> i64 {
    let mut count = 0;
    for listed in store.list_calls(&ListFilter::default()).await.unwrap() {
        let call = store.call(listed.id).await.unwrap().unwrap();
        let is_theirs = call.caller_number == Some(phone(PHONE));
        count += i64::from(is_theirs && call.direction == Direction::Inbound);
    }
    count
}
