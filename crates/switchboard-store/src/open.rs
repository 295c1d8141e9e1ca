//! Opening a store: on which database, for whom, and the refusals a person can act on.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqlitePool};

use crate::db::Db;
use crate::error::{OpenError, StoreError};
use crate::installation::Installation;
use crate::lookup::Lookup;
use crate::migrate::{self, MigrationStatus};
use crate::roles::{self, APP_ROLE};
use crate::scope::{TenantScope, TenantStore};
use crate::settings::StoreSettings;

/// An open database. Cheap to clone; clones share the connections.
#[derive(Debug, Clone)]
pub struct Store {
    pub(crate) db: Db,
    /// Held while this store serves an SQLite file; the lock ends with the last clone.
    _serving: Option<Arc<File>>,
}

/// Which database a store stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    Sqlite,
    Postgres,
}

impl Store {
    /// Opens a migrated database for reading and writing, beside a server that may be running.
    ///
    /// # Errors
    /// Besides the causes of a bad connection: `NotMigrated`, `SchemaTooNew`, `MigrationChanged`.
    pub async fn open(settings: &StoreSettings) -> Result<Self, OpenError> {
        let store = Self {
            db: connect(settings, Mode::ReadWrite).await?,
            _serving: None,
        };
        migrate::require_current(&store.db).await?;
        Ok(store)
    }

    /// Opens the database for `serve`: refuses a second server on one SQLite file, applies pending migrations by
    /// `migrate_url`, and opens for reading and writing.
    pub async fn open_exclusive(settings: &StoreSettings) -> Result<Self, OpenError> {
        let serving = match target(settings.url.expose())? {
            Target::Sqlite(options) => Some(Arc::new(lock_for_serving(options.get_filename())?)),
            Target::Postgres(_) => None,
        };
        Self::migrate(settings).await?;
        Ok(Self {
            _serving: serving,
            ..Self::open(settings).await?
        })
    }

    /// Opens a migrated database for reading only, as `list` does. Creates nothing and never migrates.
    pub async fn open_read_only(settings: &StoreSettings) -> Result<Self, OpenError> {
        let store = Self {
            db: connect(settings, Mode::ReadOnly).await?,
            _serving: None,
        };
        migrate::require_current(&store.db).await?;
        Ok(store)
    }

    /// Applies pending migrations, each in its own transaction; gives the state of all afterwards.
    pub async fn migrate(settings: &StoreSettings) -> Result<Vec<MigrationStatus>, OpenError> {
        let db = connect(settings, Mode::Migrate).await?;
        let login = match target(settings.url.expose())? {
            Target::Postgres(options) => Some(options.get_username().to_owned()),
            Target::Sqlite(_) => None,
        };
        let applied = migrate::up(&db, login.as_deref()).await;
        db.close().await;
        applied
    }

    /// The state of every migration, changing nothing: what `migrate status` and `migrate up --dry-run` show.
    pub async fn migration_status(
        settings: &StoreSettings,
    ) -> Result<Vec<MigrationStatus>, OpenError> {
        if let Target::Sqlite(options) = target(settings.migrating_url())?
            && !options.get_filename().exists()
        {
            return Ok(migrate::all_pending());
        }
        let db = connect(settings, Mode::Inspect).await?;
        let status = migrate::status(&db).await;
        db.close().await;
        Ok(status?)
    }

    /// The door to one tenant's rows.
    pub fn tenant(&self, scope: TenantScope) -> TenantStore {
        TenantStore::new(self.db.clone(), scope)
    }

    /// Finds the tenant behind a number, key, login, call or stream token.
    pub fn lookup(&self) -> Lookup {
        Lookup::new(self.db.clone())
    }

    /// What the operator does: create and list tenants.
    pub fn installation(&self) -> Installation {
        Installation::new(self.db.clone())
    }

    pub const fn kind(&self) -> StoreKind {
        match self.db {
            Db::Sqlite { .. } => StoreKind::Sqlite,
            Db::Postgres(_) => StoreKind::Postgres,
        }
    }

    /// Asks the database for one answer. For `/readyz`.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match &self.db {
            Db::Sqlite { reader, .. } => sqlx::query("select 1").execute(reader).await.map(drop)?,
            Db::Postgres(pool) => sqlx::query("select 1").execute(pool).await.map(drop)?,
        }
        Ok(())
    }

    /// Waits for running statements and closes every connection of every clone.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

impl Db {
    async fn close(&self) {
        match self {
            Self::Sqlite { reader, writer } => {
                reader.close().await;
                if let Some(writer) = writer {
                    writer.close().await;
                }
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    ReadWrite,
    ReadOnly,
    /// As the owner of the tables, creating the file where there is none.
    Migrate,
    /// As the owner of the tables, reading only.
    Inspect,
}

enum Target {
    Sqlite(SqliteConnectOptions),
    Postgres(PgConnectOptions),
}

fn target(url: &str) -> Result<Target, OpenError> {
    let bad = |reason: &str| OpenError::BadUrl {
        reason: reason.to_owned(),
    };
    if url.starts_with("sqlite:") {
        let options =
            SqliteConnectOptions::from_str(url).map_err(|_| bad("not an sqlite:// address"))?;
        let path = options.get_filename();
        if url.contains(":memory:") || url.contains("mode=memory") || path.as_os_str().is_empty() {
            return Err(bad("SQLite needs a file; memory would forget every call"));
        }
        Ok(Target::Sqlite(options))
    } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let options =
            PgConnectOptions::from_str(url).map_err(|_| bad("not a postgres:// address"))?;
        Ok(Target::Postgres(options))
    } else {
        Err(bad("it must begin with sqlite:// or postgres://"))
    }
}

async fn connect(settings: &StoreSettings, mode: Mode) -> Result<Db, OpenError> {
    let url = match mode {
        Mode::Migrate | Mode::Inspect => settings.migrating_url(),
        Mode::ReadWrite | Mode::ReadOnly => settings.url.expose(),
    };
    match target(url)? {
        Target::Sqlite(options) => connect_sqlite(settings, options, mode).await,
        Target::Postgres(options) => connect_postgres(settings, options, mode).await,
    }
}

async fn connect_sqlite(
    settings: &StoreSettings,
    options: SqliteConnectOptions,
    mode: Mode,
) -> Result<Db, OpenError> {
    let path = options.get_filename().to_owned();
    match mode {
        Mode::Migrate => create_private_file(&path)?,
        _ if !path.exists() => return Err(OpenError::Missing { path }),
        Mode::ReadWrite => create_private_file(&path)?,
        Mode::ReadOnly | Mode::Inspect => {}
    }
    let read_only = matches!(mode, Mode::ReadOnly | Mode::Inspect);
    let options = options
        .create_if_missing(false)
        .foreign_keys(true)
        .busy_timeout(settings.busy_timeout)
        .read_only(read_only)
        .disable_statement_logging();
    let options = if read_only {
        options
    } else {
        // With WAL, `normal` loses no consistency on a power cut, only the last commits.
        options
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
    };
    let explain = |error| explain_sqlite(error, &path);
    let pool = |connections| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(settings.busy_timeout * 2)
    };
    let writer = if read_only {
        None
    } else {
        let writer: SqlitePool = pool(1)
            .connect_with(options.clone())
            .await
            .map_err(explain)?;
        // Finds a lock of another program now instead of at the first call.
        writer
            .begin_with("begin immediate")
            .await
            .map_err(explain)?
            .rollback()
            .await
            .map_err(explain)?;
        Some(writer)
    };
    let reader = pool(settings.connections_max)
        .connect_with(options)
        .await
        .map_err(explain)?;
    sqlx::query("select count(*) from sqlite_schema")
        .execute(&reader)
        .await
        .map_err(explain)?;
    Ok(Db::Sqlite { reader, writer })
}

async fn connect_postgres(
    settings: &StoreSettings,
    options: PgConnectOptions,
    mode: Mode,
) -> Result<Db, OpenError> {
    let options = options
        .application_name("switchboard")
        .disable_statement_logging();
    // The pool would go on trying a refused connection until its timeout and then forget why.
    let first = tokio::time::timeout(settings.connect_timeout, options.connect()).await;
    let unanswered = || OpenError::Unreachable {
        host: options.get_host().to_owned(),
        reason: "timed out".to_owned(),
    };
    let mut first = first
        .map_err(|_| unanswered())?
        .map_err(|error| explain_postgres(error, &options))?;
    let serves = matches!(mode, Mode::ReadWrite | Mode::ReadOnly);
    if serves {
        sqlx::query(roles::ACT_AS_APP)
            .execute(&mut first)
            .await
            .map_err(|error| explain_role(&error))?;
    }
    first.close().await.map_err(StoreError::from)?;
    let read_only = matches!(mode, Mode::ReadOnly | Mode::Inspect);
    let pool = PgPoolOptions::new()
        .max_connections(settings.connections_max)
        .acquire_timeout(settings.connect_timeout)
        .after_connect(move |connection, _| {
            Box::pin(async move {
                if serves {
                    sqlx::query(roles::ACT_AS_APP)
                        .execute(&mut *connection)
                        .await?;
                }
                if read_only {
                    sqlx::query(roles::READ_ONLY)
                        .execute(&mut *connection)
                        .await?;
                }
                Ok(())
            })
        })
        .connect_with(options)
        .await
        .map_err(StoreError::from)?;
    Ok(Db::Postgres(pool))
}

/// Creates the file for its owner only, and takes rights of others away from one that exists.
/// SQLite gives its side files the rights of the main file.
fn create_private_file(path: &Path) -> Result<(), OpenError> {
    use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};

    let create = || -> io::Result<()> {
        if let Some(directory) = path
            .parent()
            .filter(|directory| !directory.as_os_str().is_empty())
        {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(directory)?;
        }
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)?;
        file.set_permissions(std::fs::Permissions::from_mode(0o600))
    };
    create().map_err(|error| OpenError::Unwritable {
        path: path.to_owned(),
        reason: error.kind().to_string(),
    })
}

/// Takes the lock that says "a server uses this file". It stands beside the database, because locking the file
/// itself would also shut out `list`.
fn lock_for_serving(path: &Path) -> Result<File, OpenError> {
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let lock_path = PathBuf::from(lock_path);
    create_private_file(&lock_path)?;
    let unwritable = |error: io::Error| OpenError::Unwritable {
        path: lock_path.clone(),
        reason: error.kind().to_string(),
    };
    let file = File::open(&lock_path).map_err(unwritable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::AlreadyServed {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(unwritable(error)),
    }
}

fn explain_sqlite(error: sqlx::Error, path: &Path) -> OpenError {
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

fn explain_postgres(error: sqlx::Error, options: &PgConnectOptions) -> OpenError {
    let host = options.get_host().to_owned();
    match &error {
        sqlx::Error::Io(io) => OpenError::Unreachable {
            host,
            reason: io.kind().to_string(),
        },
        sqlx::Error::Tls(_) => OpenError::Unreachable {
            host,
            reason: "TLS failed".to_owned(),
        },
        sqlx::Error::Database(refusal) => match refusal.code().unwrap_or_default().as_ref() {
            "28P01" | "28000" => OpenError::WrongPassword {
                user: options.get_username().to_owned(),
            },
            "3D000" => OpenError::NoSuchDatabase {
                name: options.get_database().unwrap_or_default().to_owned(),
            },
            _ => OpenError::Store(error.into()),
        },
        _ => OpenError::Store(error.into()),
    }
}

fn explain_role(error: &sqlx::Error) -> OpenError {
    match error
        .as_database_error()
        .and_then(|refusal| refusal.code())
        .as_deref()
    {
        Some("42501") => OpenError::RoleRefused { role: APP_ROLE },
        // "invalid_parameter_value" and "undefined_object": there is no such role.
        _ => OpenError::RoleMissing { role: APP_ROLE },
    }
}
