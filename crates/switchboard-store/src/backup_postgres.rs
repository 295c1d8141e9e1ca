//! A copy of a PostgreSQL database as JSON lines, read and written by the application's own role.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;
use sqlx::{PgPool, Postgres, Transaction};

use crate::backup::{BackupError, BackupTable, RestoreOptions, TABLES, TableCount, is_current};
use crate::db::{Db, Sight, Tx};
use crate::error::StoreError;
use crate::ids::TenantId;
use crate::open::{Mode, Store, connect};
use crate::settings::StoreSettings;

/// Everything is read as it was at one moment, whatever is written meanwhile.
const SNAPSHOT: &str = "begin isolation level repeatable read read only";
const FETCH: &str = "fetch 500 from backup_rows";
const CLOSE: &str = "close backup_rows";
const TENANTS: &str = "select id from tenants order by id";
/// Every tenant table refers to it.
const EMPTY: &str = "truncate tenants, installation_switches, installation_audit_entries, installation_alerts cascade";
/// Connections of servers; the name is set when they connect.
const SERVERS: &str = "select count(*) from pg_stat_activity
    where datname = current_database() and application_name = 'switchboard' and pid <> pg_backend_pid()";
/// Rows written in one statement.
const ROWS_AT_ONCE: usize = 500;

/// Copies every row of every tenant.
pub(crate) async fn copy(
    pool: &PgPool,
    directory: &Path,
    progress: &mut impl FnMut(&TableCount),
) -> Result<Vec<TableCount>, BackupError> {
    let tx = pool.begin_with(SNAPSHOT).await.map_err(StoreError::from)?;
    let mut tx = Tx::Postgres(tx);
    tx.look_through(Sight::Installation).await?;
    let ids = sqlx::query_as::<_, (TenantId,)>(TENANTS).fetch_all(&mut **inner(&mut tx)?);
    let tenants: Vec<TenantId> = ids
        .await
        .map_err(StoreError::from)?
        .into_iter()
        .map(|(id,)| id)
        .collect();
    let mut counts = Vec::new();
    for table in TABLES {
        let mut file = BufWriter::new(create_private(&file_of(directory, table))?);
        let mut rows = 0;
        for tenant in &tenants {
            tx.look_through(Sight::Tenant(*tenant)).await?;
            rows += copy_rows(inner(&mut tx)?, table, &mut file).await?;
            if table.is_of_installation() {
                break;
            }
        }
        file.flush()?;
        file.get_ref().sync_all()?;
        counts.push(TableCount {
            table: table.name.to_owned(),
            rows,
        });
        if let Some(count) = counts.last() {
            progress(count);
        }
    }
    tx.rollback().await?;
    Ok(counts)
}

async fn copy_rows(
    tx: &mut Transaction<'static, Postgres>,
    table: &BackupTable,
    file: &mut impl Write,
) -> Result<u64, BackupError> {
    sqlx::query(table.open)
        .execute(&mut **tx)
        .await
        .map_err(StoreError::from)?;
    let mut count = 0;
    loop {
        let rows = sqlx::query_as::<_, (String,)>(FETCH).fetch_all(&mut **tx);
        let rows = rows.await.map_err(StoreError::from)?;
        if rows.is_empty() {
            break;
        }
        for (row,) in &rows {
            writeln!(file, "{row}")?;
        }
        count += rows.len() as u64;
    }
    sqlx::query(CLOSE)
        .execute(&mut **tx)
        .await
        .map_err(StoreError::from)?;
    Ok(count)
}

/// Writes every row back, all of them or none.
pub(crate) async fn restore(
    settings: &StoreSettings,
    directory: &Path,
    options: RestoreOptions,
) -> Result<Vec<TableCount>, BackupError> {
    let status = Store::migrate(settings).await?;
    debug_assert!(is_current(&status), "migrating leaves nothing pending");
    let store = Store::open(settings).await?;
    let is_empty = store.installation().list_tenants().await?.is_empty();
    if !is_empty && !options.replace {
        return Err(BackupError::NotEmpty);
    }
    if !is_empty && options.dry_run {
        // Emptying for a rehearsal would lock everybody out, so the rows are only read.
        return count_lines(directory);
    }
    if !is_empty {
        store.close().await;
        empty(settings).await?;
    }
    let store = Store::open(settings).await?;
    let counts = insert_all(&store, directory, options).await;
    store.close().await;
    counts
}

async fn insert_all(
    store: &Store,
    directory: &Path,
    options: RestoreOptions,
) -> Result<Vec<TableCount>, BackupError> {
    let mut tx = store.db.write(Sight::Installation).await?;
    let mut counts = Vec::new();
    for table in TABLES {
        let rows = insert_rows(&mut tx, table, &file_of(directory, table)).await?;
        counts.push(TableCount {
            table: table.name.to_owned(),
            rows,
        });
    }
    if options.dry_run {
        tx.rollback().await?;
    } else {
        tx.commit().await?;
    }
    Ok(counts)
}

async fn insert_rows(tx: &mut Tx, table: &BackupTable, path: &Path) -> Result<u64, BackupError> {
    let mut count = 0;
    let mut batch: Vec<Value> = Vec::new();
    for line in BufReader::new(File::open(path)?).lines() {
        let damaged = || BackupError::Damaged {
            what: format!("line {} of {}", count + 1, table.name),
        };
        let row: Value = serde_json::from_str(&line?).map_err(|_| damaged())?;
        let is_next_tenant = batch
            .first()
            .is_some_and(|it| it["tenant_id"] != row["tenant_id"]);
        if batch.len() >= ROWS_AT_ONCE || is_next_tenant {
            insert(tx, table, &mut batch).await?;
        }
        batch.push(row);
        count += 1;
    }
    insert(tx, table, &mut batch).await?;
    Ok(count)
}

async fn insert(
    tx: &mut Tx,
    table: &BackupTable,
    rows: &mut Vec<Value>,
) -> Result<(), BackupError> {
    let Some(first) = rows.first() else {
        return Ok(());
    };
    if let Some(tenant) = first["tenant_id"].as_str().and_then(|id| id.parse().ok()) {
        tx.look_through(Sight::Tenant(tenant)).await?;
    }
    let inserted = sqlx::query(table.insert)
        .bind(Value::Array(std::mem::take(rows)).to_string())
        .execute(&mut **inner(tx)?);
    inserted.await.map_err(StoreError::from)?;
    Ok(())
}

/// As the owner of the tables, when no server is connected.
async fn empty(settings: &StoreSettings) -> Result<(), BackupError> {
    let Db::Postgres(pool) = connect(settings, Mode::Migrate).await? else {
        return Ok(());
    };
    let counted = sqlx::query_as::<_, (i64,)>(SERVERS).fetch_one(&pool);
    let (servers,) = counted.await.map_err(StoreError::from)?;
    if servers > i64::from(pool.size().saturating_sub(1)) {
        return Err(BackupError::InUse);
    }
    sqlx::query(EMPTY)
        .execute(&pool)
        .await
        .map_err(StoreError::from)?;
    pool.close().await;
    Ok(())
}

fn count_lines(directory: &Path) -> Result<Vec<TableCount>, BackupError> {
    let count = |table: &BackupTable| -> Result<TableCount, BackupError> {
        let lines = BufReader::new(File::open(file_of(directory, table))?).lines();
        Ok(TableCount {
            table: table.name.to_owned(),
            rows: lines.count() as u64,
        })
    };
    TABLES.iter().map(count).collect()
}

fn inner(tx: &mut Tx) -> Result<&mut Transaction<'static, Postgres>, StoreError> {
    match tx {
        Tx::Postgres(tx) => Ok(tx),
        Tx::Sqlite(_) => Err(StoreError::ReadOnly),
    }
}

fn file_of(directory: &Path, table: &BackupTable) -> PathBuf {
    directory.join(format!("{}.jsonl", table.name))
}

fn create_private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(path)
}
