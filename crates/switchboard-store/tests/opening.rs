//! Opening a database: who may, what it leaves on the disk, and refusals that say what to do.

mod support;

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

use support::raw::Raw;
use switchboard_store::{
    MigrationState, NewTenant, OpenError, Store, StoreError, StoreKind, StoreSettings, migrations,
};

#[tokio::test]
async fn i5_files_can_be_read_by_their_owner_alone() {
    let test = support::sqlite().await;
    test.fresh_tenant().await;
    let directory = directory_of(&test.settings);
    let mut names = Vec::new();
    for file in std::fs::read_dir(&directory).unwrap() {
        let file = file.unwrap();
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{:?}",
            file.file_name()
        );
        names.push(file.file_name().into_string().unwrap());
    }
    names.sort();
    assert_eq!(
        names,
        [
            "switchboard.db",
            "switchboard.db-shm",
            "switchboard.db-wal",
            "switchboard.db.lock"
        ]
    );
}

#[tokio::test]
async fn i5_a_file_that_others_could_read_is_closed_to_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("deep/er/switchboard.db");
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let _store = Store::open_exclusive(&sqlite_at(&path)).await.unwrap();
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[tokio::test]
async fn a_second_server_on_one_file_is_refused_and_the_command_line_is_not() {
    let test = support::sqlite().await;
    let second = Store::open_exclusive(&test.settings).await.unwrap_err();
    assert!(
        matches!(second, OpenError::AlreadyServed { .. }),
        "{second}"
    );
    let command_line = Store::open(&test.settings).await.unwrap();
    command_line
        .installation()
        .create_tenant(&NewTenant::named("new"))
        .await
        .unwrap();
    let reader = Store::open_read_only(&test.settings).await.unwrap();
    assert_eq!(reader.installation().list_tenants().await.unwrap().len(), 1);
    drop(test.store);
    Store::open_exclusive(&test.settings)
        .await
        .expect("the lock ends with the server");
}

on_both! {
    a_reader_cannot_write(test) {
        test.tenant("medspa").await;
        let reader = Store::open_read_only(&test.settings).await.unwrap();
        let refused = reader.installation().create_tenant(&NewTenant::named("new")).await;
        assert_eq!(refused.unwrap_err(), StoreError::ReadOnly);
        assert_eq!(reader.installation().list_tenants().await.unwrap().len(), 1);
        reader.ping().await.unwrap();
    }

    a_closed_store_answers_with_an_error(test) {
        test.store.close().await;
        assert!(matches!(test.store.ping().await, Err(StoreError::Unavailable { .. })));
        assert!(matches!(test.store.installation().list_tenants().await, Err(StoreError::Unavailable { .. })));
    }

    a_schema_from_a_newer_version_is_refused(test) {
        let newer = "insert into schema_migrations (version, name, checksum, applied_at)
            values (9999010101, 'from_the_future', '', '9999-01-01T00:00:00Z')";
        Raw::connect(&test).await.execute(newer).await;
        let known = migrations().last().unwrap().version;
        let expected = OpenError::SchemaTooNew { found: 9_999_010_101, known };
        assert_eq!(Store::open(&test.settings).await.unwrap_err(), expected);
        assert_eq!(Store::open_read_only(&test.settings).await.unwrap_err(), expected);
        assert_eq!(Store::migrate(&test.settings).await.unwrap_err(), expected);
        let status = Store::migration_status(&test.settings).await.unwrap();
        assert_eq!(status.last().unwrap().state, MigrationState::Unknown);
    }

    a_migration_that_was_edited_after_it_ran_is_refused(test) {
        let version = migrations()[0].version;
        let edit = format!("update schema_migrations set checksum = 'other' where version = {version}");
        Raw::connect(&test).await.execute(&edit).await;
        assert_eq!(Store::open(&test.settings).await.unwrap_err(), OpenError::MigrationChanged { version });
    }

    migrating_twice_changes_nothing(test) {
        let mut raw = Raw::connect(&test).await;
        let record = raw.texts("select cast(version as text), applied_at from schema_migrations order by version").await;
        let status = Store::migrate(&test.settings).await.unwrap();
        assert!(status.iter().all(|migration| migration.state == MigrationState::Applied));
        assert_eq!(status.len(), migrations().len());
        assert!(status.iter().all(|migration| migration.applied_at.is_some()));
        let again = raw.texts("select cast(version as text), applied_at from schema_migrations order by version").await;
        assert_eq!(again, record);
    }
}

#[tokio::test]
async fn a_dry_run_shows_what_is_pending_and_leaves_nothing_behind() {
    let directory = tempfile::tempdir().unwrap();
    let settings = sqlite_at(&directory.path().join("switchboard.db"));
    let fresh = StoreSettings::new(&support::postgres::fresh_database().await);
    for settings in [settings, fresh] {
        let status = Store::migration_status(&settings).await.unwrap();
        assert!(
            status
                .iter()
                .all(|migration| migration.state == MigrationState::Pending)
        );
        assert_eq!(status.len(), migrations().len());
        let unmigrated = Store::open(&settings).await.unwrap_err();
        let expected = OpenError::NotMigrated {
            pending: migrations().len(),
        };
        assert!(
            unmigrated == expected
                || matches!(
                    unmigrated,
                    OpenError::Missing { .. } | OpenError::RoleMissing { .. }
                )
        );
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_migration_that_fails_is_undone_and_can_be_run_again() {
    let directory = tempfile::tempdir().unwrap();
    let on_sqlite = sqlite_at(&directory.path().join("switchboard.db"));
    let on_postgres = StoreSettings::new(&support::postgres::fresh_database().await);
    for (settings, kind) in [
        (on_sqlite, StoreKind::Sqlite),
        (on_postgres, StoreKind::Postgres),
    ] {
        let mut raw = Raw::connect_to(settings.url.expose(), kind).await;
        // Stands in the way near the end of the migration that makes the tables of calls.
        raw.execute("create table stream_tokens (id integer)").await;
        let failed = Store::migrate(&settings).await.unwrap_err();
        assert!(
            matches!(
                failed,
                OpenError::MigrationFailed {
                    version: 2_026_112_103,
                    ..
                }
            ),
            "{failed:?}"
        );
        let tables: Vec<_> = raw
            .columns()
            .await
            .into_iter()
            .map(|mut row| row.remove(0))
            .collect();
        assert!(tables.contains(&"contacts".to_owned()) && !tables.contains(&"calls".to_owned()));
        raw.execute("drop table stream_tokens").await;
        let status = Store::migrate(&settings).await.unwrap();
        assert!(
            status
                .iter()
                .all(|migration| migration.state == MigrationState::Applied)
        );
    }
}

#[tokio::test]
async fn a_database_that_nobody_serves_can_be_listed() {
    let test = support::sqlite().await;
    test.tenant("medspa").await;
    test.store.close().await;
    let reader = Store::open_read_only(&test.settings).await.unwrap();
    assert_eq!(reader.installation().list_tenants().await.unwrap().len(), 1);
}

/// Closing any handle of the file would drop the locks SQLite holds on it in this process.
#[tokio::test]
async fn opening_a_file_again_leaves_the_locks_of_the_server_alone() {
    let test = support::sqlite().await;
    test.tenant("medspa").await;
    let path = test
        .settings
        .url
        .expose()
        .strip_prefix("sqlite://")
        .unwrap();
    let file = format!(":{} ", std::fs::metadata(path).unwrap().ino());
    let is_locked = || {
        std::fs::read_to_string("/proc/locks")
            .unwrap()
            .contains(&file)
    };
    assert!(
        is_locked(),
        "an open database in WAL mode holds a shared lock"
    );
    let second = Store::open(&test.settings).await.unwrap();
    assert!(is_locked());
    second.close().await;
    assert!(is_locked());
    test.tenant("other").await;
    assert_eq!(
        test.store
            .installation()
            .list_tenants()
            .await
            .unwrap()
            .len(),
        2
    );
}

#[tokio::test]
async fn two_servers_may_migrate_one_postgres_at_the_same_time() {
    let settings = StoreSettings::new(&support::postgres::fresh_database().await);
    let both = tokio::join!(Store::migrate(&settings), Store::migrate(&settings));
    assert!(both.0.is_ok() && both.1.is_ok(), "{both:?}");
}

#[tokio::test]
async fn migrations_are_named_by_date_and_exist_for_both_databases() {
    let versions: Vec<_> = migrations()
        .iter()
        .map(|migration| migration.version)
        .collect();
    assert!(
        versions.is_sorted()
            && versions
                .iter()
                .all(|version| version.to_string().len() == 10)
    );
    let embedded: Vec<_> = migrations()
        .iter()
        .map(|m| format!("{}_{}.sql", m.version, m.name))
        .collect();
    for database in ["sqlite", "postgres"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("migrations")
            .join(database);
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        assert_eq!(files, embedded, "{database}");
    }
}

#[tokio::test]
async fn a_locked_a_missing_and_a_foreign_file_are_told_apart() {
    let test = support::sqlite().await;
    let mut other_program = Raw::connect(&test).await;
    other_program.execute("begin immediate").await;
    let hasty = StoreSettings {
        busy_timeout: Duration::from_millis(50),
        ..test.settings.clone()
    };
    assert!(matches!(
        Store::open(&hasty).await.unwrap_err(),
        OpenError::Locked { .. }
    ));
    let directory = tempfile::tempdir().unwrap();
    let missing = sqlite_at(&directory.path().join("none.db"));
    assert!(matches!(
        Store::open_read_only(&missing).await.unwrap_err(),
        OpenError::Missing { .. }
    ));
    let text = directory.path().join("letter.db");
    std::fs::write(
        &text,
        "Dear database, this is a letter and no database at all. ".repeat(40),
    )
    .unwrap();
    let refused = Store::open_exclusive(&sqlite_at(&text)).await.unwrap_err();
    assert!(
        matches!(refused, OpenError::NotADatabase { .. }),
        "{refused:?}"
    );
    let unwritable = sqlite_at(Path::new("/proc/switchboard/none.db"));
    assert!(matches!(
        Store::open_exclusive(&unwritable).await.unwrap_err(),
        OpenError::Unwritable { .. }
    ));
}

#[tokio::test]
async fn an_address_that_is_none_is_refused_without_repeating_it() {
    for url in [
        "mysql://root:secret@host/db",
        "",
        "sqlite::memory:",
        "sqlite://:memory:",
        "postgres://[secret",
    ] {
        let refused = Store::open(&StoreSettings::new(url)).await.unwrap_err();
        assert!(
            matches!(refused, OpenError::BadUrl { .. }),
            "{url}: {refused:?}"
        );
        assert!(!format!("{refused} {refused:?}").contains("secret"));
    }
    assert!(!format!("{:?}", StoreSettings::new("postgres://u:secret@host/db")).contains("secret"));
}

#[tokio::test]
async fn a_postgres_that_is_gone_or_knows_no_such_database_is_told_apart() {
    let gone = StoreSettings::new("postgres://postgres@127.0.0.1:1/none");
    assert!(matches!(
        Store::open_exclusive(&gone).await.unwrap_err(),
        OpenError::Unreachable { .. }
    ));
    let url =
        support::postgres::with_database(&support::postgres::fresh_database().await, "nowhere");
    let refused = Store::open_exclusive(&StoreSettings::new(&url))
        .await
        .unwrap_err();
    assert_eq!(
        refused,
        OpenError::NoSuchDatabase {
            name: "nowhere".to_owned()
        }
    );
}

#[tokio::test]
async fn i4_a_login_that_owns_nothing_serves_what_the_owner_migrated() {
    let owner = support::postgres().await;
    let mut raw = Raw::connect(&owner).await;
    let login = format!("login_{}", uuid::Uuid::now_v7().simple());
    raw.execute(&format!("create role {login} login password 'a password'"))
        .await;
    let url = as_login(owner.settings.url.expose(), &login);
    let stranger = Store::open(&StoreSettings::new(&url)).await.unwrap_err();
    assert!(
        matches!(stranger, OpenError::RoleRefused { .. }),
        "{stranger:?}"
    );
    let settings = StoreSettings {
        migrate_url: Some(owner.settings.url.clone()),
        ..StoreSettings::new(&url)
    };
    let store = Store::open_exclusive(&settings).await.unwrap();
    let tenant = store
        .installation()
        .create_tenant(&NewTenant::named("medspa"))
        .await
        .unwrap();
    assert_eq!(
        store.installation().find_tenant("MEDSPA").await.unwrap(),
        Some(tenant)
    );
    raw.execute(&format!("drop role {login}")).await;
}

fn as_login(url: &str, login: &str) -> String {
    let (_, server) = url.split_once('@').unwrap();
    format!("postgres://{login}@{server}")
}

fn sqlite_at(path: &Path) -> StoreSettings {
    StoreSettings::new(&format!("sqlite://{}", path.display()))
}

fn directory_of(settings: &StoreSettings) -> std::path::PathBuf {
    Path::new(settings.url.expose().strip_prefix("sqlite://").unwrap())
        .parent()
        .unwrap()
        .to_owned()
}
