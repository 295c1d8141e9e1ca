//! Alerts and the figures behind them, as tenant A while tenant B has the same.

use switchboard_store::*;

use crate::Watch;
use crate::support::at;
use crate::support::twins::{self, Twin};

pub(crate) async fn stay_inside(watch: &mut Watch, a: &Twin) {
    let (store, rule) = (&a.store, Word::new("fallback_rate"));
    assert!(
        !store.raise_alert(&twins::alert(a.canary)).await.unwrap(),
        "it is open already"
    );
    watch.ran("raise_alert", String::new()).await;
    assert!(store.clear_alert(&rule, at(901)).await.unwrap());
    watch.ran("clear_alert", String::new()).await;
    let window = HealthWindow {
        from: at(0),
        to: at(99),
        step: SeriesStep::Hour,
    };
    let counts = store.health_counts(&window).await.unwrap();
    let calls: i64 = counts.calls.iter().map(|count| count.calls).sum();
    assert_eq!((calls, counts.handshakes.len()), (3, 1));
    watch.ran("health_counts", format!("{counts:?}")).await;
    let recent = store.recent_health(at(99)).await.unwrap();
    let calls: i64 = recent
        .ends
        .iter()
        .map(|(_, counts)| counts.five_minutes)
        .sum();
    assert_eq!(calls, 3);
    watch.ran("recent_health", format!("{recent:?}")).await;
}
