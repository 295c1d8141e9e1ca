//! The calls of one tenant, listed, searched and read in full, while another has the same.

use super::*;

pub(super) async fn stays_inside(watch: &mut Watch, a: &Twin, b: &Twin, shared: SharedIds) {
    let store = &a.store;
    let summary = store.call_summary(shared.call).await.unwrap().unwrap();
    assert_eq!(summary.contact_id, Some(a.contact));
    watch.ran("call_summary", shown(&summary)).await;
    assert_eq!(store.call_summary(b.own_call).await.unwrap(), None);
    let counts = store.call_counts(shared.call).await.unwrap();
    assert_eq!((counts.turns, counts.events, counts.usage), (1, 1, 1));
    watch.ran("call_counts", shown(&counts)).await;
    let none = store.call_counts(b.own_call).await.unwrap();
    assert_eq!((none.turns, none.events, none.usage), (0, 0, 0));
    for sort in CallSort::ALL.iter().copied() {
        for search in [
            None,
            Some(CallSearch::new("osei")),
            Some(CallSearch::new("+12025550142")),
        ] {
            let question = CallQuestion {
                search,
                ..CallQuestion::default()
            };
            let ask = CallAsk {
                sort,
                ..newest_calls()
            };
            let calls = store.page_calls(&question, &ask).await.unwrap();
            assert!(!calls.is_empty(), "{sort}");
            assert!(watch.leak_in(&shown(&calls)).is_none(), "{sort}");
        }
    }
    for by in UsageBy::ALL.iter().copied() {
        let sums = store.usage_sums(by, at(0), at(100)).await.unwrap();
        assert_eq!(
            sums.iter().map(|it| it.cost_micros.0).sum::<i64>(),
            3200,
            "{by}"
        );
        watch.ran("usage_sums", shown(&sums)).await;
    }
    store
        .note_call_act(shared.call, CallAct::End)
        .await
        .unwrap();
    watch.ran("note_call_act", String::new()).await;
    let call = b.own_call;
    assert!(store.read_turns(call, 0, 10).await.unwrap().is_empty());
    assert!(
        store
            .read_call_events(call, 0, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(store.read_tool_calls(call, 0, 10).await.unwrap().is_empty());
    assert!(store.read_consents(call, 10).await.unwrap().is_empty());
    assert!(store.read_usage(call, 10).await.unwrap().is_empty());
    let outline = |text: &str| Private::new(text.as_bytes().to_vec());
    let theirs = outline(b.canary);
    assert!(
        b.store
            .keep_recording_peaks(shared.recording, &theirs)
            .await
            .unwrap()
    );
    watch.before = watch.raw.rows_of(watch.tenant).await;
    assert_eq!(store.recording_peaks(shared.recording).await.unwrap(), None);
    let own = outline(a.canary);
    assert!(
        store
            .keep_recording_peaks(shared.recording, &own)
            .await
            .unwrap()
    );
    watch.ran("keep_recording_peaks", String::new()).await;
    let kept = store.recording_peaks(shared.recording).await.unwrap();
    assert_eq!(kept, Some(own));
    watch.ran("recording_peaks", String::new()).await;
}
