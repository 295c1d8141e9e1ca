//! Opening a store: on which database, for whom, and the refusals a person can act on.

use std::fs::File;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use crate::db::Db;
use crate::error::{OpenError, StoreError};
use crate::installation::Installation;
use crate::jobs::JobQueue;
use crate::lookup::Lookup;
use crate::migrate::{self, MigrationStatus};
use crate::scope::{TenantScope, TenantStore};
use crate::settings::StoreSettings;
use crate::{postgres, sqlite};

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

impl StoreKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
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
            Target::Sqlite(options) => {
                Some(Arc::new(sqlite::lock_for_serving(options.get_filename())?))
            }
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

    /// What workers see: which jobs are due, over all tenants.
    pub fn job_queue(&self) -> JobQueue {
        JobQueue::new(self.db.clone())
    }

    /// Which database these settings name, without opening it.
    ///
    /// # Errors
    /// The address is none.
    pub fn kind_of(settings: &StoreSettings) -> Result<StoreKind, OpenError> {
        Ok(match target(settings.url.expose())? {
            Target::Sqlite(_) => StoreKind::Sqlite,
            Target::Postgres(_) => StoreKind::Postgres,
        })
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

    /// The clock of a database server; `None` for a file, which has none of its own.
    pub async fn server_time(&self) -> Result<Option<crate::Timestamp>, StoreError> {
        match &self.db {
            Db::Sqlite { .. } => Ok(None),
            Db::Postgres(pool) => {
                let row: (crate::Timestamp,) = sqlx::query_as("select clock_timestamp()")
                    .fetch_one(pool)
                    .await?;
                Ok(Some(row.0))
            }
        }
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

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
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

impl Mode {
    pub(crate) const fn is_read_only(self) -> bool {
        matches!(self, Self::ReadOnly | Self::Inspect)
    }

    /// Whether it acts as the application and not as the owner of the tables.
    pub(crate) const fn serves(self) -> bool {
        matches!(self, Self::ReadWrite | Self::ReadOnly)
    }
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

/// The file of an SQLite database.
pub(crate) fn sqlite_path(settings: &StoreSettings) -> Result<PathBuf, OpenError> {
    match target(settings.url.expose())? {
        Target::Sqlite(options) => Ok(options.get_filename().to_owned()),
        Target::Postgres(_) => Err(OpenError::BadUrl {
            reason: "it is no SQLite address".to_owned(),
        }),
    }
}

pub(crate) async fn connect(settings: &StoreSettings, mode: Mode) -> Result<Db, OpenError> {
    let url = match mode {
        Mode::Migrate | Mode::Inspect => settings.migrating_url(),
        Mode::ReadWrite | Mode::ReadOnly => settings.url.expose(),
    };
    match target(url)? {
        Target::Sqlite(options) => sqlite::connect(settings, options, mode).await,
        Target::Postgres(options) => postgres::connect(settings, options, mode).await,
    }
}
