//! Backups are made while the store is written to, come back whole, and refuse what they would overwrite.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use support::TestStore;
use support::raw::Raw;
use support::twins::{self, SharedIds, Twin};
use switchboard_store::*;

/// Backed up now, as a file of its own would be.
async fn copy(test: &TestStore, directory: &Path) -> BackupContent {
    let mut seen = Vec::new();
    let content = test
        .store
        .back_up(directory, |count| seen.push(count.table.clone()))
        .await;
    let content = content.expect("backed up");
    assert_eq!(seen, BACKUP_TABLES, "progress is told of every table");
    content
}

/// An empty database of the same kind.
async fn fresh(test: &TestStore) -> TestStore {
    let fresh = match test.store.kind() {
        StoreKind::Sqlite => support::sqlite().await,
        StoreKind::Postgres => support::postgres().await,
    };
    // A restore replaces the file, so nobody may serve it: the lock goes with the first store.
    fresh.store.close().await;
    let fresh = restored(fresh).await;
    fresh.store.close().await;
    fresh
}

async fn restored(test: TestStore) -> TestStore {
    let store = Store::open(&test.settings).await.expect("opens");
    TestStore { store, ..test }
}

on_both! {
    /// Whoever adds a table adds it to the backup.
    a_backup_holds_every_table(test) {
        let mut raw = Raw::connect(&test).await;
        let tables: BTreeSet<String> = raw.columns().await.into_iter().map(|mut it| it.remove(0)).collect();
        let mut held: BTreeSet<String> = BACKUP_TABLES.iter().map(|it| (*it).to_owned()).collect();
        // Says what was applied; the migrations that make the tables write it again.
        held.insert("schema_migrations".to_owned());
        // Leases of servers that ran when the copy was made mean nothing when it comes back.
        held.extend(["nodes", "permit_slots", "account_slots"].map(str::to_owned));
        assert_eq!(tables, held);
    }

    what_comes_back_is_what_was_there(test) {
        let shared = SharedIds::new();
        let a = Twin::seed(&test, "alpha", "canary-alpha", shared).await;
        let b = Twin::seed(&test, "beta", "canary-beta", shared).await;
        let directory = tempfile::tempdir().unwrap();
        let mut raw = Raw::connect(&test).await;
        let kept = |rows: Vec<String>| -> Vec<String> {
            // Leases of a server that is gone need not come back.
            rows.into_iter().filter(|row| !row.starts_with("permit_slots ")).collect()
        };
        let before = [kept(raw.rows_of(a.id).await), kept(raw.rows_of(b.id).await)];
        let content = copy(&test, directory.path()).await;
        // Written afterwards: not in the copy.
        a.store.apply(&[JournalWrite::Turn(twins::turn(a.own_call, "later"))]).await.unwrap();

        let fresh = fresh(&test).await;
        let dry = RestoreOptions { dry_run: true, ..RestoreOptions::default() };
        Store::restore(&fresh.settings, directory.path(), &content, dry).await.expect("fits");
        let fresh = restored(fresh).await;
        assert!(fresh.store.installation().list_tenants().await.unwrap().is_empty(), "a dry run leaves nothing");
        fresh.store.close().await;

        let counts = Store::restore(&fresh.settings, directory.path(), &content, RestoreOptions::default()).await;
        assert_eq!(counts.expect("restored"), content.tables);
        let fresh = restored(fresh).await;
        let mut raw = Raw::connect(&fresh).await;
        assert_eq!([kept(raw.rows_of(a.id).await), kept(raw.rows_of(b.id).await)], before, "row by row, byte by byte");
        let rows = fresh.scoped(a.id);
        rows.apply(&[JournalWrite::Turn(twins::turn(a.own_call, "goes on"))]).await.expect("it serves");
    }

    a_database_with_something_in_it_is_replaced_only_when_asked(test) {
        let a = Twin::seed(&test, "alpha", "canary-alpha", SharedIds::new()).await;
        let directory = tempfile::tempdir().unwrap();
        let content = copy(&test, directory.path()).await;
        let other = fresh(&test).await;
        let other = restored(other).await;
        let theirs = Twin::seed(&other, "gamma", "canary-gamma", SharedIds::new()).await;
        other.store.close().await;
        let refused = Store::restore(&other.settings, directory.path(), &content, RestoreOptions::default()).await;
        assert!(matches!(refused, Err(BackupError::NotEmpty)), "{refused:?}");
        let mut raw = Raw::connect(&other).await;
        assert!(!raw.rows_of(theirs.id).await.is_empty(), "nothing was changed");
        drop(raw);
        let replace = RestoreOptions { replace: true, ..RestoreOptions::default() };
        Store::restore(&other.settings, directory.path(), &content, replace).await.expect("asked for");
        let other = restored(other).await;
        let mut raw = Raw::connect(&other).await;
        assert!(raw.rows_of(theirs.id).await.is_empty());
        assert!(!raw.rows_of(a.id).await.is_empty());
    }

    a_damaged_copy_is_refused_and_changes_nothing(test) {
        Twin::seed(&test, "alpha", "canary-alpha", SharedIds::new()).await;
        let directory = tempfile::tempdir().unwrap();
        let content = copy(&test, directory.path()).await;
        let file = match test.store.kind() {
            StoreKind::Sqlite => "database.sqlite",
            StoreKind::Postgres => "turns.jsonl",
        };
        let path = directory.path().join(file);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        let fresh = fresh(&test).await;
        let refused = Store::restore(&fresh.settings, directory.path(), &content, RestoreOptions::default()).await;
        assert!(matches!(refused, Err(BackupError::Damaged { .. })), "{refused:?}");
        let fresh = restored(fresh).await;
        assert!(fresh.store.installation().list_tenants().await.unwrap().is_empty());
    }

    r8_a_backup_of_a_schema_this_version_does_not_know_is_refused(test) {
        let directory = tempfile::tempdir().unwrap();
        let mut content = copy(&test, directory.path()).await;
        content.schema += 1;
        let fresh = fresh(&test).await;
        let refused = Store::restore(&fresh.settings, directory.path(), &content, RestoreOptions::default()).await;
        assert!(matches!(refused, Err(BackupError::OtherSchema { .. })), "{refused:?}");
        "mysql".clone_into(&mut content.kind);
        let refused = Store::restore(&fresh.settings, directory.path(), &content, RestoreOptions::default()).await;
        assert!(matches!(refused, Err(BackupError::OtherKind { .. })), "{refused:?}");
    }
}

/// The copy is one moment, whatever is written while it is made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_beside_writers_holds_no_child_without_its_parent() {
    for test in [support::sqlite().await, support::postgres().await] {
        let a = Twin::seed(&test, "alpha", "canary-alpha", SharedIds::new()).await;
        let writer = a.store.clone();
        let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
        let writing = tokio::spawn(async move {
            while stopped.try_recv().is_err() {
                let call = NewCall {
                    carrier_call_id: None,
                    ..twins::call(CallId::new(), "canary-alpha")
                };
                let turn = JournalWrite::Turn(twins::turn(call.id, "meanwhile"));
                writer
                    .apply(&[JournalWrite::CallOffered(call), turn])
                    .await
                    .expect("written");
            }
        });
        let directory = tempfile::tempdir().unwrap();
        let content = copy(&test, directory.path()).await;
        let _ = stop.send(());
        writing.await.unwrap();
        let rows = |table: &str| {
            content
                .tables
                .iter()
                .find(|it| it.table == table)
                .unwrap()
                .rows
        };
        // The seed has three calls and one turn; every later call came with its turn.
        assert_eq!(rows("calls"), rows("turns") + 2);
        let fresh = fresh(&test).await;
        Store::restore(
            &fresh.settings,
            directory.path(),
            &content,
            RestoreOptions::default(),
        )
        .await
        .expect("whole");
    }
}

#[tokio::test]
async fn a_served_sqlite_file_is_not_replaced() {
    let test = support::sqlite().await;
    let directory = tempfile::tempdir().unwrap();
    let content = copy(&test, directory.path()).await;
    let replace = RestoreOptions {
        replace: true,
        ..RestoreOptions::default()
    };
    let refused = Store::restore(&test.settings, directory.path(), &content, replace).await;
    assert!(matches!(refused, Err(BackupError::InUse)), "{refused:?}");
}

/// i4: the application's role sees nothing without a tenant, so a backup by a login that owns nothing must still be whole.
#[tokio::test]
async fn i4_a_login_that_owns_nothing_makes_a_whole_backup() {
    let owner = support::postgres().await;
    let a = Twin::seed(&owner, "alpha", "canary-alpha", SharedIds::new()).await;
    Twin::seed(&owner, "beta", "canary-beta", SharedIds::new()).await;
    let mut raw = Raw::connect(&owner).await;
    let login = format!("login_{}", uuid::Uuid::now_v7().simple());
    raw.execute(&format!("create role {login} login password 'a password'"))
        .await;
    let url = owner.settings.url.expose();
    let (_, server) = url.split_once('@').expect("a login");
    let settings = StoreSettings {
        migrate_url: Some(owner.settings.url.clone()),
        ..StoreSettings::new(&format!("postgres://{login}@{server}"))
    };
    let store = Store::open_exclusive(&settings).await.expect("opens");
    let owned = format!("select count(*)::text from pg_class where relowner = '{login}'::regrole");
    assert_eq!(raw.column(&owned).await, ["0"]);

    let directory = tempfile::tempdir().unwrap();
    let content = store.back_up(directory.path(), |_| {}).await;
    let content = content.expect("backed up");
    for table in &content.tables {
        let sql = format!("select count(*)::text from {}", table.table);
        let rows = [table.rows.to_string()];
        assert_eq!(raw.column(&sql).await, rows, "{}", table.table);
    }
    let turns = content.tables.iter().find(|it| it.table == "turns");
    assert!(
        turns.is_some_and(|turns| turns.rows >= 2),
        "of both tenants"
    );
    assert!(!raw.rows_of(a.id).await.is_empty());
    store.close().await;
    raw.execute(&format!("drop role {login}")).await;
}
