//! The part of the isolation suite that erases people.

use super::*;

pub(super) async fn stay_inside(watch: &mut Watch, a: &Twin, b: &Twin, shared: SharedIds) {
    let store = &a.store;
    let theirs = store.person_rows(Some(b.contact), None).await.unwrap();
    assert!(theirs.calls.is_empty() && theirs.conversations.is_empty());
    assert!(theirs.addresses.is_empty());
    watch.ran("person_rows", shown(&theirs.calls)).await;
    let known = store.known_addresses(at(9999)).await.unwrap();
    assert!(!known.is_empty());
    watch.ran("known_addresses", format!("{known:?}")).await;
    // As hostile as a list can be: it names rows of B beside those that both have.
    let hostile = Erasure {
        contact_id: Some(b.contact),
        call_ids: vec![shared.call, b.own_call],
        conversation_ids: vec![b.conversation],
        ..twins::erasure(a.id, "changed")
    };
    let rows = store.rows_of_erased(&hostile, &[]).await.unwrap();
    watch.ran("rows_of_erased", shown(&rows.objects)).await;
    let would = store.try_erase_person(&rows, &hostile).await.unwrap();
    watch.ran("try_erase_person", shown(&would)).await;
    let erased = store.erase_person(&rows, &hostile).await.unwrap();
    assert_eq!(erased, would);
    watch.ran("erase_person", shown(&erased)).await;
    let listed = store.list_erasures().await.unwrap();
    assert!(listed.iter().all(|it| it.tenant_id == a.id));
    let own = shown(
        &listed
            .iter()
            .map(|it| &it.address_hashes)
            .collect::<Vec<_>>(),
    );
    watch.ran("list_erasures", own).await;
    store.note_export(Some(b.contact)).await.unwrap();
    watch.ran("note_export", String::new()).await;
    let since = store.erasures_since(at(0)).await.unwrap();
    assert_eq!(since, listed);
    watch.ran("erasures_since", String::new()).await;
}
