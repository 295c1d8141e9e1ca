//! A copy of an SQLite file, made by SQLite itself, and its way back.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};

use crate::backup::{BackupError, RestoreOptions, TABLES, TableCount};
use crate::error::{OpenError, StoreError};
use crate::open::{Store, sqlite_path};
use crate::settings::StoreSettings;
use crate::sqlite::lock_for_serving;

/// The copy's name in a backup.
const FILE: &str = "database.sqlite";

/// Copies the database in one read transaction of its own; writers go on.
pub(crate) async fn copy(
    reader: &SqlitePool,
    directory: &Path,
) -> Result<Vec<TableCount>, BackupError> {
    let path = directory.join(FILE);
    create_private(&path)?;
    let target = path.display().to_string();
    let copied = sqlx::query("vacuum into $1").bind(target).execute(reader);
    copied.await.map_err(StoreError::from)?;
    fs::File::open(&path)?.sync_all()?;
    inspect(&path).await
}

/// Reads the whole file: pages, indexes, references, rows.
async fn inspect(path: &Path) -> Result<Vec<TableCount>, BackupError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .disable_statement_logging();
    let opened = SqliteConnection::connect_with(&options).await;
    let mut copy = opened.map_err(|_| damaged("it cannot be opened"))?;
    let checked = sqlx::query_as::<_, (String,)>("pragma integrity_check").fetch_all(&mut copy);
    let checked = checked.await.map_err(|_| damaged("it cannot be read"))?;
    if checked != [("ok".to_owned(),)] {
        return Err(damaged("SQLite's own check finds errors"));
    }
    let dangling = sqlx::query("pragma foreign_key_check").fetch_all(&mut copy);
    if !dangling.await.map_err(StoreError::from)?.is_empty() {
        return Err(damaged("rows refer to rows that are not there"));
    }
    let mut counts = Vec::new();
    for table in TABLES {
        let counted = sqlx::query_as::<_, (i64,)>(table.count).fetch_one(&mut copy);
        // A table that came with a later migration is not in an older file.
        let rows = counted.await.map_or(0, |(rows,)| rows);
        counts.push(TableCount {
            table: table.name.to_owned(),
            rows: rows.try_into().unwrap_or(0),
        });
    }
    copy.close().await.map_err(StoreError::from)?;
    Ok(counts)
}

/// Puts the copy where the database is, in one step, while nobody serves it.
pub(crate) async fn restore(
    settings: &StoreSettings,
    directory: &Path,
    options: RestoreOptions,
) -> Result<Vec<TableCount>, BackupError> {
    let target = sqlite_path(settings)?;
    let _alone = lock_for_serving(&target).map_err(|error| match error {
        OpenError::AlreadyServed { .. } => BackupError::InUse,
        error => error.into(),
    })?;
    if !options.replace && holds_tenants(settings, &target).await? {
        return Err(BackupError::NotEmpty);
    }
    let aside = beside(&target, ".restoring");
    remove(&aside)?;
    create_private(&aside)?;
    fs::copy(directory.join(FILE), &aside)?;
    fs::File::open(&aside)?.sync_all()?;
    let counts = inspect(&aside).await;
    if options.dry_run || counts.is_err() {
        remove(&aside)?;
        return counts;
    }
    // Left behind, a log of the old file would be played into the new one.
    if target.exists() {
        close_log(&target).await?;
    }
    remove(&beside(&target, "-wal"))?;
    remove(&beside(&target, "-shm"))?;
    fs::rename(&aside, &target)?;
    let parent = target.parent().filter(|it| !it.as_os_str().is_empty());
    fs::File::open(parent.unwrap_or(Path::new(".")))?.sync_all()?;
    Store::migrate(settings).await?;
    counts
}

async fn holds_tenants(settings: &StoreSettings, path: &Path) -> Result<bool, BackupError> {
    if !path.exists() {
        return Ok(false);
    }
    match Store::open_read_only(settings).await {
        Ok(store) => {
            let tenants = store.installation().list_tenants().await?;
            store.close().await;
            Ok(!tenants.is_empty())
        }
        // A file without our tables holds nothing of ours; what else it holds is not ours to replace unasked.
        Err(OpenError::NotMigrated { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Writes the log of the old file into it and closes it.
async fn close_log(path: &Path) -> Result<(), BackupError> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .disable_statement_logging();
    // A file that SQLite cannot read is the reason for many a restore.
    if let Ok(mut old) = SqliteConnection::connect_with(&options).await {
        let _ = sqlx::query("pragma wal_checkpoint(truncate)")
            .execute(&mut old)
            .await;
        let _ = old.close().await;
    }
    Ok(())
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map(drop)
}

fn damaged(what: &str) -> BackupError {
    BackupError::Damaged {
        what: format!("{FILE}: {what}"),
    }
}
