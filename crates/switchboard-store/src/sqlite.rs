//! Connecting to an SQLite file: private to its owner, in WAL mode, with one writer.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlitePool};

use crate::db::Db;
use crate::error::{OpenError, StoreError};
use crate::open::Mode;
use crate::settings::StoreSettings;

/// For the owner alone: the file holds what people said.
const FILE_MODE: u32 = 0o600;
const DIRECTORY_MODE: u32 = 0o700;
/// Rights of group and others.
const FOREIGN_RIGHTS: u32 = 0o077;
/// Pages that each of the connections keeps, KiB as SQLite counts (negative). The kernel keeps the file's pages once for all of
/// them; SQLite's own default, 2 MB for each, only keeps them again.
const CACHE_SIZE: &str = "-512";
/// A read takes microseconds, and each connection costs a thread, a parsed schema and its prepared statements.
const READERS_MAX: u32 = 4;

pub(crate) async fn connect(
    settings: &StoreSettings,
    options: SqliteConnectOptions,
    mode: Mode,
) -> Result<Db, OpenError> {
    let path = options.get_filename().to_owned();
    if mode != Mode::Migrate && !path.exists() {
        return Err(OpenError::Missing { path });
    }
    if !mode.is_read_only() {
        create_private_file(&path)?;
    }
    let options = options
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(settings.busy_timeout)
        .read_only(mode.is_read_only())
        .pragma("cache_size", CACHE_SIZE)
        .disable_statement_logging();
    connect_pools(settings, options, mode)
        .await
        .map_err(|error| explain(error, &path))
}

async fn connect_pools(
    settings: &StoreSettings,
    options: SqliteConnectOptions,
    mode: Mode,
) -> Result<Db, sqlx::Error> {
    let pool = |connections| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(settings.busy_timeout * 2)
            // A disk that is full or sick makes SQLite end the transaction by itself. The driver does not notice, takes the
            // connection for one that is inside a transaction, and could never begin another on it.
            .before_acquire(|connection, _| {
                let is_clean = !connection.is_in_transaction();
                Box::pin(async move { Ok(is_clean) })
            })
    };
    let (options, writer) = if mode.is_read_only() {
        (options, None)
    } else {
        // With WAL, `normal` survives the death of the process; a power cut may take the last commits, never more.
        let options = options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal);
        let writer: SqlitePool = pool(1).connect_with(options.clone()).await?;
        // Finds a lock of another program now instead of at the first call.
        let locked = writer.begin_with("begin immediate").await?;
        locked.rollback().await?;
        (options, Some(writer))
    };
    let reader = pool(settings.connections_max.min(READERS_MAX))
        .connect_with(options)
        .await?;
    // Reads the file's header, which opening alone does not.
    sqlx::query("select count(*) from sqlite_schema")
        .execute(&reader)
        .await?;
    Ok(Db::Sqlite { reader, writer })
}

/// Creates the file for its owner only, and takes rights of others away from one that exists.
/// SQLite gives its side files the rights of the main file.
///
/// An existing file is never opened here: closing any handle of it would drop the locks that SQLite holds on it in
/// this process, and another process could then take it for abandoned.
fn create_private_file(path: &Path) -> Result<(), OpenError> {
    let create = || -> io::Result<()> {
        let directory = path.parent().unwrap_or(Path::new(""));
        if !directory.as_os_str().is_empty() {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(DIRECTORY_MODE)
                .create(directory)?;
        }
        let mut options = OpenOptions::new();
        match options
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(path)
        {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => close_to_others(path),
            created => created.map(drop),
        }
    };
    create().map_err(|error| unwritable(path, &error))
}

fn close_to_others(path: &Path) -> io::Result<()> {
    let mode = std::fs::metadata(path)?.permissions().mode();
    if mode & FOREIGN_RIGHTS == 0 {
        return Ok(());
    }
    std::fs::set_permissions(path, Permissions::from_mode(FILE_MODE))
}

fn unwritable(path: &Path, error: &io::Error) -> OpenError {
    OpenError::Unwritable {
        path: path.to_owned(),
        reason: error.kind().to_string(),
    }
}

/// Takes the lock that says "a server uses this file". It stands beside the database, because locking the file
/// itself would also shut out `list`.
pub(crate) fn lock_for_serving(path: &Path) -> Result<File, OpenError> {
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock_path = PathBuf::from(lock_path);
    create_private_file(&lock_path)?;
    let file = File::open(&lock_path).map_err(|error| unwritable(&lock_path, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::AlreadyServed {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(unwritable(&lock_path, &error)),
    }
}

fn explain(error: sqlx::Error, path: &Path) -> OpenError {
    let code = match &error {
        sqlx::Error::Database(refusal) => refusal.code().unwrap_or_default().into_owned(),
        _ => String::new(),
    };
    let path = path.to_owned();
    match (code.as_str(), StoreError::from(error)) {
        (_, StoreError::Busy) => OpenError::Locked { path },
        ("26" | "11", _) => OpenError::NotADatabase { path },
        ("14", _) => OpenError::Unwritable {
            path,
            reason: "the file cannot be opened".to_owned(),
        },
        (_, StoreError::ReadOnly) => OpenError::Unwritable {
            path,
            reason: "the file is read-only".to_owned(),
        },
        (_, other) => OpenError::Store(other),
    }
}
