//! Migrations: ordered, embedded in the binary, each applied once in its own transaction or not at all.

use serde::Serialize;
use sqlx::FromRow;

use crate::db::{Db, Tx};
use crate::error::{OpenError, StoreError};
use crate::keys::secret_hash;
use crate::roles;
use crate::time::{Timestamp, now};

sql! {
    CREATE_RECORD = "create table if not exists schema_migrations (
        version bigint primary key, name text not null, checksum text not null, applied_at text not null)";
    READ_RECORD = "select version, name, checksum, applied_at from schema_migrations order by version";
    RECORD = "insert into schema_migrations (version, name, checksum, applied_at) values ($1, $2, $3, $4)";
}

/// Keeps two nodes from migrating one PostgreSQL database at the same time. Any fixed number will do.
const ONE_AT_A_TIME: &str = "select pg_advisory_xact_lock(7305817244)";
/// So that the application can tell a schema it does not know.
const SHOW_RECORD: &str = "grant select on schema_migrations to switchboard_app";

/// One embedded migration: `YYYYMMDDNN` and a name, with its text for each database.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    pub version: i64,
    pub name: &'static str,
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

macro_rules! embedded {
    ($($version:literal $name:literal),+ $(,)?) => {
        &[$(Migration {
            version: $version,
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $version, "_", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $version, "_", $name, ".sql")),
        }),+]
    };
}

const MIGRATIONS: &[Migration] = embedded![
    2026112101 "tenants_and_access",
    2026112102 "contacts_and_conversations",
    2026112103 "calls",
    2026112104 "business",
    2026112110 "transfers_and_voicemails",
    2026112111 "switches_and_idempotency",
    2026112112 "recordings",
    2026112113 "jobs",
    2026112114 "erasures",
    2026112115 "alerts",
    2026112116 "outgoing_calls",
    2026112120 "mails",
    2026112121 "webhooks",
    2026112131 "permits",
    2026112140 "after_the_call",
    2026112141 "caps_retention_and_pick_up",
    2026112142 "voice_sessions",
    2026112143 "staff_sign_in",
    2026112144 "call_pages",
    2026112242 "budgets",
];

/// Every migration this version knows, oldest first.
pub const fn migrations() -> &'static [Migration] {
    MIGRATIONS
}

/// The version of the newest one.
pub(crate) fn newest_known() -> i64 {
    MIGRATIONS.last().map_or(0, |migration| migration.version)
}

/// How one migration stands in one database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MigrationStatus {
    pub version: i64,
    pub name: String,
    pub state: MigrationState,
    pub applied_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MigrationState {
    Applied,
    Pending,
    /// Applied by a newer version than this one.
    Unknown,
    /// Applied with another text than this version has.
    Changed,
}

#[derive(FromRow)]
struct Applied {
    version: i64,
    name: String,
    checksum: String,
    applied_at: String,
}

/// The state of every migration, known or found, oldest first.
pub(crate) async fn status(db: &Db) -> Result<Vec<MigrationStatus>, StoreError> {
    Ok(compare(&read_applied(db).await?, is_sqlite(db)))
}

pub(crate) fn all_pending() -> Vec<MigrationStatus> {
    compare(&[], true)
}

/// Refuses a database that is older, newer or other than what this version knows.
pub(crate) async fn require_current(db: &Db) -> Result<(), OpenError> {
    let status = status(db).await?;
    refuse_foreign(&status)?;
    match status
        .iter()
        .filter(|migration| migration.state == MigrationState::Pending)
        .count()
    {
        0 => Ok(()),
        pending => Err(OpenError::NotMigrated { pending }),
    }
}

/// Applies what is pending. `login` is who will serve, on PostgreSQL.
pub(crate) async fn up(db: &Db, login: Option<&str>) -> Result<Vec<MigrationStatus>, OpenError> {
    refuse_foreign(&status(db).await?)?;
    if let Db::Postgres(pool) = db {
        let mut tx = pool.begin().await.map_err(StoreError::from)?;
        roles::create_missing(&mut tx).await?;
        tx.commit().await.map_err(StoreError::from)?;
    }
    for migration in MIGRATIONS {
        apply_once(db, migration).await?;
    }
    if let (Db::Postgres(pool), Some(login)) = (db, login) {
        let mut tx = pool.begin().await.map_err(StoreError::from)?;
        roles::let_login_act(&mut tx, login).await?;
        tx.commit().await.map_err(StoreError::from)?;
    }
    Ok(status(db).await?)
}

async fn apply_once(db: &Db, migration: &Migration) -> Result<(), OpenError> {
    let mut tx = begin_alone(db).await?;
    // Read again under the lock: another node may have applied it since.
    let applied = fetch!(&mut tx, all Applied, READ_RECORD)?;
    if applied.iter().any(|row| row.version == migration.version) {
        return Ok(tx.rollback().await?);
    }
    let ran = match &mut tx {
        Tx::Sqlite(tx) => sqlx::raw_sql(migration.sqlite)
            .execute(&mut **tx)
            .await
            .map(drop),
        Tx::Postgres(tx) => sqlx::raw_sql(migration.postgres)
            .execute(&mut **tx)
            .await
            .map(drop),
    };
    // The text of a migration is ours, so the database's own words about it are safe to show.
    ran.map_err(|error| OpenError::MigrationFailed {
        version: migration.version,
        reason: error.to_string(),
    })?;
    let checksum = secret_hash(migration.text(is_sqlite(db)));
    execute!(
        &mut tx,
        RECORD,
        migration.version,
        migration.name,
        checksum,
        now().to_rfc3339()
    )?;
    Ok(tx.commit().await?)
}

async fn begin_alone(db: &Db) -> Result<Tx, StoreError> {
    let mut tx = match db {
        Db::Sqlite { writer, .. } => {
            let writer = writer.as_ref().ok_or(StoreError::ReadOnly)?;
            Tx::Sqlite(writer.begin_with("begin immediate").await?)
        }
        Db::Postgres(pool) => {
            let mut tx = pool.begin().await?;
            sqlx::query(ONE_AT_A_TIME).execute(&mut *tx).await?;
            Tx::Postgres(tx)
        }
    };
    execute!(&mut tx, CREATE_RECORD)?;
    if let Tx::Postgres(tx) = &mut tx {
        sqlx::query(SHOW_RECORD).execute(&mut **tx).await?;
    }
    Ok(tx)
}

async fn read_applied(db: &Db) -> Result<Vec<Applied>, StoreError> {
    let rows = match db {
        Db::Sqlite { reader, .. } => {
            sqlx::query_as::<_, Applied>(READ_RECORD.text)
                .fetch_all(reader)
                .await
        }
        Db::Postgres(pool) => {
            sqlx::query_as::<_, Applied>(READ_RECORD.text)
                .fetch_all(pool)
                .await
        }
    };
    match rows {
        Err(sqlx::Error::Database(refusal)) if is_missing_table(refusal.as_ref()) => Ok(Vec::new()),
        rows => Ok(rows?),
    }
}

/// A database without our record is a fresh one.
fn is_missing_table(refusal: &dyn sqlx::error::DatabaseError) -> bool {
    refusal.code().as_deref() == Some("42P01")
        || refusal
            .message()
            .contains("no such table: schema_migrations")
}

fn compare(applied: &[Applied], sqlite: bool) -> Vec<MigrationStatus> {
    let known = MIGRATIONS.iter().map(|migration| {
        let row = applied.iter().find(|row| row.version == migration.version);
        let state = match row {
            None => MigrationState::Pending,
            Some(row) if row.checksum == secret_hash(migration.text(sqlite)) => {
                MigrationState::Applied
            }
            Some(_) => MigrationState::Changed,
        };
        MigrationStatus::of(migration.version, migration.name, state, row)
    });
    let found = applied.iter().filter(|row| {
        MIGRATIONS
            .iter()
            .all(|migration| migration.version != row.version)
    });
    let found = found
        .map(|row| MigrationStatus::of(row.version, &row.name, MigrationState::Unknown, Some(row)));
    let mut status: Vec<_> = known.chain(found).collect();
    status.sort_by_key(|migration| migration.version);
    status
}

fn refuse_foreign(status: &[MigrationStatus]) -> Result<(), OpenError> {
    let newest_known = newest_known();
    for migration in status {
        match migration.state {
            MigrationState::Unknown => {
                return Err(OpenError::SchemaTooNew {
                    found: migration.version,
                    known: newest_known,
                });
            }
            MigrationState::Changed => {
                return Err(OpenError::MigrationChanged {
                    version: migration.version,
                });
            }
            MigrationState::Applied | MigrationState::Pending => {}
        }
    }
    Ok(())
}

fn is_sqlite(db: &Db) -> bool {
    matches!(db, Db::Sqlite { .. })
}

impl Migration {
    fn text(&self, sqlite: bool) -> &'static str {
        if sqlite { self.sqlite } else { self.postgres }
    }
}

impl MigrationStatus {
    fn of(version: i64, name: &str, state: MigrationState, row: Option<&Applied>) -> Self {
        let applied_at = row.and_then(|row| row.applied_at.parse().ok());
        Self {
            version,
            name: name.to_owned(),
            state,
            applied_at,
        }
    }
}
