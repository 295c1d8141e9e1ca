//! What is kept long enough goes, of one tenant, while another has the same.

use super::*;

pub(super) async fn stay_inside(watch: &mut Watch, a: &Twin, b: &Twin) {
    let store = &a.store;
    let late = chrono::Utc::now() + chrono::Duration::days(10_000);
    let mut found = 0;
    for kind in RetentionKind::ALL {
        found += store.count_overdue(kind, late).await.unwrap();
        store.delete_overdue(kind, late, 100).await.unwrap();
    }
    assert!(found > 0, "there was something to delete");
    watch.ran("count_overdue", String::new()).await;
    watch.ran("delete_overdue", String::new()).await;
    let theirs = b.store.overdue_voicemails(late, 9).await.unwrap();
    let own = store.overdue_voicemails(late, 9).await.unwrap();
    watch.ran("overdue_voicemails", format!("{own:?}")).await;
    for voicemail in theirs.iter().filter(|it| !own.contains(it)) {
        assert!(!store.delete_voicemail(voicemail.id).await.unwrap());
    }
    for voicemail in own {
        assert!(store.delete_voicemail(voicemail.id).await.unwrap());
    }
    watch.ran("delete_voicemail", String::new()).await;
}
