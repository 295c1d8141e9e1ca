//! Ephemeral tokens and issuers of one tenant while another has the same.

use super::*;

pub(super) async fn sessions_stay_inside(watch: &mut Watch, a: &Twin, b: &Twin, shared: SharedIds) {
    let store = &a.store;
    let mine = store.voice_session(shared.call).await.unwrap().unwrap();
    watch.ran("voice_session", shown(&mine)).await;
    let stolen = twins::voice_session(CallId::new(), b.contact, "changed");
    let refused = store.mint_voice_session(&stolen, 9).await;
    assert_eq!(refused.unwrap_err(), StoreError::MissingReference);
    let refused = store.add_voice_session(&stolen).await;
    assert_eq!(refused, Err(StoreError::MissingReference));
    let second = twins::voice_session(CallId::new(), a.contact, "changed");
    // The other twin's token is outstanding too, and does not count here.
    assert!(
        store
            .mint_voice_session(&second, 2)
            .await
            .unwrap()
            .is_some()
    );
    let third = twins::voice_session(CallId::new(), a.contact, "changed");
    assert!(store.mint_voice_session(&third, 2).await.unwrap().is_none());
    watch.ran("mint_voice_session", String::new()).await;
    store.add_voice_session(&third).await.unwrap();
    watch.ran("add_voice_session", String::new()).await;
    let only_theirs = twins::voice_session(CallId::new(), b.contact, "changed");
    assert!(
        !store
            .start_voice_session(only_theirs.id, at(9))
            .await
            .unwrap()
    );
    assert!(store.start_voice_session(shared.call, at(9)).await.unwrap());
    watch.ran("start_voice_session", String::new()).await;
    let cleared = store.forget_session_contexts(at(9_999)).await;
    assert!(cleared.is_ok_and(|rows| rows > 0));
    watch.ran("forget_session_contexts", String::new()).await;
    let gone = store.forget_voice_sessions(at(9_999), at(9_999)).await;
    assert_eq!(gone, Ok(3));
    watch.ran("forget_voice_sessions", String::new()).await;
    issuers_stay_inside(watch, a).await;
}

async fn issuers_stay_inside(watch: &mut Watch, a: &Twin) {
    let store = &a.store;
    let listed = store.list_app_issuers().await.unwrap();
    assert_eq!(listed.len(), 1);
    watch.ran("list_app_issuers", shown(&listed)).await;
    let changed = twins::app_issuer("changed");
    store.put_app_issuer(&changed).await.unwrap();
    watch.ran("put_app_issuer", String::new()).await;
    assert!(store.remove_app_issuer(ISSUER).await.unwrap());
    assert!(!store.remove_app_issuer(ISSUER).await.unwrap());
    watch.ran("remove_app_issuer", String::new()).await;
}
