//! Copies of the whole database, made while it serves, and their way back.
//!
//! SQLite copies itself (`vacuum into`). On PostgreSQL the application's own role reads every tenant through row security
//! in one repeatable-read snapshot and writes rows as JSON lines: that needs neither the owner nor a program of
//! PostgreSQL's version, and what row security hides cannot slip into a backup (decision 0009).

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::db::Db;
use crate::error::{OpenError, StoreError};
use crate::migrate::{self, MigrationState};
use crate::open::{Store, StoreKind};
use crate::settings::StoreSettings;
use crate::{backup_postgres, backup_sqlite};

/// Rows of one table in a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableCount {
    pub table: String,
    pub rows: u64,
}

/// What the database put into a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupContent {
    /// `sqlite` or `postgres`; a backup goes back to its own kind.
    pub kind: String,
    /// The newest migration it was made under.
    pub schema: i64,
    /// By table, parents first.
    pub tables: Vec<TableCount>,
}

/// What a restore may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RestoreOptions {
    /// Replace what the database holds.
    pub replace: bool,
    /// Do everything and take it back.
    pub dry_run: bool,
}

/// A backup or restore did not happen. Nothing was changed unless the text says so.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("a file of the backup cannot be read or written")]
    File(#[from] io::Error),
    #[error("the backup was made on {found}, and this database is {expected}")]
    OtherKind {
        found: String,
        expected: &'static str,
    },
    #[error("the backup has schema {found}, and this version of switchboard has {known}")]
    OtherSchema { found: i64, known: i64 },
    #[error("the database is not empty")]
    NotEmpty,
    #[error("a server uses the database")]
    InUse,
    #[error("the backup is damaged: {what}")]
    Damaged { what: String },
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

macro_rules! backed_up {
    ($($table:literal)+) => {
        /// Every table of a backup, parents before children: the order in which rows go back.
        pub const BACKUP_TABLES: &[&str] = &[$($table),+];

        /// The statements about them. They name whole tables, so they are kept apart from those of the application.
        pub(crate) const TABLES: &[BackupTable] = &[$(BackupTable {
            name: $table,
            count: concat!("select count(*) from ", $table),
            open: concat!(
                "declare backup_rows no scroll cursor for select to_jsonb(r)::text from ", $table, " r",
            ),
            insert: concat!(
                "insert into ", $table, " select * from jsonb_populate_recordset(null::", $table, ", $1::jsonb)",
            ),
        }),+];
    };
}

/// One table, and how its rows are counted, read and written.
pub(crate) struct BackupTable {
    pub(crate) name: &'static str,
    pub(crate) count: &'static str,
    pub(crate) open: &'static str,
    pub(crate) insert: &'static str,
}

impl BackupTable {
    /// Whether it belongs to no tenant, so that it is read once and not per tenant.
    pub(crate) fn is_of_installation(&self) -> bool {
        self.name == "tenants" || self.name.starts_with("installation_")
    }
}

backed_up! {
    "tenants" "installation_switches" "installation_audit_entries" "installation_alerts"
    "staff" "logins" "second_factors" "recovery_codes" "invitations" "api_keys" "agents" "twilio_accounts" "numbers" "settings" "audit_entries" "webhook_receipts"
    "contacts" "contact_addresses" "memories" "conversations" "messages"
    "calls" "model_sessions" "call_events" "call_inputs" "turns" "tool_calls" "consents" "usage" "handshakes"
    "stream_tokens" "transfers" "human_lines" "voicemails" "jobs"
    "switches" "idempotency_keys" "mails" "recordings" "alerts" "webhook_endpoints" "webhook_deliveries" "webhook_attempts"
    "opt_outs" "outgoing_calls" "outgoing_attempts" "captured_fields"
    "voice_sessions" "app_issuers" "budget_holds"
    "services" "practitioners" "practitioner_services" "opening_hours" "appointments" "waitlist"
    "erasures"
}

impl Store {
    /// Writes a consistent copy of everything into `directory`, which exists, and checks what was written. Calls go on.
    /// `progress` hears of every finished table.
    ///
    /// # Errors
    /// The disk or the database refuses, or the copy is not whole.
    pub async fn back_up(
        &self,
        directory: &Path,
        mut progress: impl FnMut(&TableCount),
    ) -> Result<BackupContent, BackupError> {
        let tables = match &self.db {
            Db::Sqlite { reader, .. } => backup_sqlite::copy(reader, directory).await?,
            Db::Postgres(pool) => backup_postgres::copy(pool, directory, &mut progress).await?,
        };
        if self.kind() == StoreKind::Sqlite {
            tables.iter().for_each(progress);
        }
        Ok(BackupContent {
            kind: self.kind().as_str().to_owned(),
            schema: migrate::newest_known(),
            tables,
        })
    }

    /// Brings the copy in `directory` back and counts it again.
    ///
    /// On SQLite the new file takes the old one's place in one step. On PostgreSQL all rows come in one transaction; with
    /// `replace` the tables are emptied first by `migrate_url`, so a failure then leaves them empty.
    ///
    /// # Errors
    /// The database is not empty, is in use, or is of another kind or version; the copy is damaged.
    pub async fn restore(
        settings: &StoreSettings,
        directory: &Path,
        content: &BackupContent,
        options: RestoreOptions,
    ) -> Result<Vec<TableCount>, BackupError> {
        let kind = Self::kind_of(settings)?;
        if content.kind != kind.as_str() {
            return Err(BackupError::OtherKind {
                found: content.kind.clone(),
                expected: kind.as_str(),
            });
        }
        let known = migrate::newest_known();
        let fits = match kind {
            // An older file is migrated when it is opened.
            StoreKind::Sqlite => content.schema <= known,
            StoreKind::Postgres => content.schema == known,
        };
        if !fits {
            let found = content.schema;
            return Err(BackupError::OtherSchema { found, known });
        }
        let restored = match kind {
            StoreKind::Sqlite => backup_sqlite::restore(settings, directory, options).await?,
            StoreKind::Postgres => backup_postgres::restore(settings, directory, options).await?,
        };
        compare(&content.tables, &restored)?;
        Ok(restored)
    }
}

/// Every table has as many rows as the backup says.
pub(crate) fn compare(expected: &[TableCount], found: &[TableCount]) -> Result<(), BackupError> {
    let missing = expected
        .iter()
        .find(|it| !found.contains(it) && it.rows > 0);
    match missing {
        Some(table) => Err(BackupError::Damaged {
            what: format!("{} rows of {} did not come back", table.rows, table.table),
        }),
        None => Ok(()),
    }
}

/// Refuses to go on when the newest migration is not applied.
pub(crate) fn is_current(status: &[migrate::MigrationStatus]) -> bool {
    status.iter().all(|it| it.state == MigrationState::Applied)
}
