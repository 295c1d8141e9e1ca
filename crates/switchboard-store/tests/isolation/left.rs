//! Messages that callers left, and what was taken down for them.

use super::*;

pub(super) async fn voicemails_stay_inside(
    watch: &mut Watch,
    a: &Twin,
    b: &Twin,
    shared: SharedIds,
) {
    let store = &a.store;
    let foreign = store
        .add_voicemail(&twins::voicemail(VoicemailId::new(), b.own_call))
        .await;
    assert_eq!(foreign, Err(StoreError::MissingReference));
    let known = twins::voicemail(shared.voicemail, shared.call);
    assert_eq!(store.add_voicemail(&known).await.unwrap(), shared.voicemail);
    watch.ran("add_voicemail", String::new()).await;
    let kept = store
        .keep_voicemail_audio(shared.voicemail, "changed")
        .await
        .unwrap();
    assert!(kept);
    watch.ran("keep_voicemail_audio", String::new()).await;
    let words = Private::from("changed");
    let told = store
        .transcribe_voicemail(shared.voicemail, &words, Some("en"))
        .await;
    assert_eq!(told, Ok(true));
    watch.ran("transcribe_voicemail", String::new()).await;
    let why = Word::new("refused");
    let decided = store.leave_voicemail_unwritten(shared.voicemail, &why);
    assert_eq!(decided.await, Ok(false));
    watch.ran("leave_voicemail_unwritten", String::new()).await;
    let heard = store.hear_voicemail(shared.voicemail, at(9)).await;
    assert_eq!(heard, Ok(true));
    watch.ran("hear_voicemail", String::new()).await;
    let stored = store.voicemail(shared.voicemail).await.unwrap().unwrap();
    watch.ran("voicemail", shown(&stored)).await;
}

pub(super) async fn captured_fields_stay_inside(
    watch: &mut Watch,
    a: &Twin,
    b: &Twin,
    shared: SharedIds,
) {
    let fields = twins::captured("changed");
    let foreign = a.store.capture_fields(b.own_call, &fields).await;
    assert_eq!(foreign, Err(StoreError::MissingReference));
    a.store.capture_fields(shared.call, &fields).await.unwrap();
    watch.ran("capture_fields", String::new()).await;
}
