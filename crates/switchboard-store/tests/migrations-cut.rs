//! A migration that is cut anywhere leaves whole migrations behind, and the next one goes on. (Threat R8.)

mod support;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use support::raw::Raw;
use switchboard_store::{MigrationState, Store, StoreKind, StoreSettings, migrations};

/// Runs `work` until it has been woken so many times, and then drops it, as a death would.
async fn cut_after<F: Future>(wakes: usize, work: F) -> Option<F::Output> {
    let mut work = pin!(work);
    let mut left = wakes;
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        work.as_mut().poll(context).map(Some)
    })
    .await
}

async fn columns(settings: &StoreSettings, kind: StoreKind) -> Vec<Vec<String>> {
    let url = settings.url.expose();
    Raw::connect_to(url, kind).await.columns().await
}

/// Cuts later and later until one run is whole; every database must be whole after the next run.
async fn check(kind: StoreKind) {
    let directory = tempfile::tempdir().unwrap();
    let mut expected = None;
    let (mut cuts, mut halves) = (0, 0);
    for wakes in (0..2_000).step_by(3) {
        let url = match kind {
            StoreKind::Sqlite => {
                format!(
                    "sqlite://{}",
                    directory.path().join(format!("{wakes}.db")).display()
                )
            }
            StoreKind::Postgres => support::postgres::fresh_database().await,
        };
        let settings = StoreSettings::new(&url);
        let is_whole = cut_after(wakes, Store::migrate(&settings)).await.is_some();
        let status = Store::migration_status(&settings)
            .await
            .expect("it can be looked at");
        let applied = status
            .iter()
            .filter(|it| it.state == MigrationState::Applied)
            .count();
        let others = status
            .iter()
            .filter(|it| it.state != MigrationState::Applied);
        assert!(
            others
                .into_iter()
                .all(|it| it.state == MigrationState::Pending),
            "{status:?}"
        );
        halves += usize::from(applied > 0 && applied < migrations().len());
        Store::migrate(&settings)
            .await
            .expect("it goes on where it was cut");
        let store = Store::open(&settings).await.expect("this version knows it");
        store.close().await;
        let columns = columns(&settings, kind).await;
        assert_eq!(
            *expected.get_or_insert_with(|| columns.clone()),
            columns,
            "after {wakes} wakes"
        );
        if is_whole {
            assert!(
                cuts > 0 && halves > 0,
                "some were cut between migrations: {cuts}, {halves}"
            );
            return;
        }
        cuts += 1;
    }
    panic!("no run was whole");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r8_a_migration_cut_at_any_point_is_whole_or_not_there_and_resumes() {
    check(StoreKind::Sqlite).await;
    check(StoreKind::Postgres).await;
}
