//! Two databases behind one code path: a pool, a transaction, and the macros that run one statement on either.

use sqlx::{PgPool, Postgres, Sqlite, SqlitePool, Transaction};

use crate::error::StoreError;
use crate::ids::TenantId;
use crate::roles::ACT_AS_WORKER;

/// The pools of one open database.
#[derive(Debug, Clone)]
pub(crate) enum Db {
    /// SQLite has one writer. Queueing for it in the pool is fair; queueing in the file's lock is a busy loop.
    Sqlite {
        reader: SqlitePool,
        writer: Option<SqlitePool>,
    },
    Postgres(PgPool),
}

/// One open transaction. Dropped without `commit`, it rolls back.
pub(crate) enum Tx {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

/// A row of one column.
pub(crate) type Only<T> = (T,);

/// One SQL statement, the same text for both databases.
///
/// Only the `sql!` macro makes values of this type, and it lists what it makes. So whatever runs is also what
/// the tests prepare on both databases and check for its tenant filter.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sql {
    pub(crate) text: &'static str,
}

/// Declares statements beside the functions that run them, and lists them in `STATEMENTS`.
macro_rules! sql {
    ($($(#[$note:meta])* $vis:vis $name:ident = $text:expr;)+) => {
        $($(#[$note])* $vis const $name: $crate::db::Sql = $crate::db::Sql { text: $text };)+
        /// Every statement of this file, for the tests that prepare and inspect them.
        pub(crate) const STATEMENTS: &[$crate::statements::Statement] = &[
            $($crate::statements::Statement { file: module_path!(), name: stringify!($name), text: $text },)+
        ];
    };
}

/// Runs a statement in a transaction; gives the number of rows it changed.
macro_rules! execute {
    ($tx:expr, $sql:expr $(, $value:expr)* $(,)?) => {
        match $tx {
            $crate::db::Tx::Sqlite(tx) => sqlx::query($sql.text)$(.bind($value))*
                .execute(&mut **tx).await.map(|done| done.rows_affected()),
            $crate::db::Tx::Postgres(tx) => sqlx::query($sql.text)$(.bind($value))*
                .execute(&mut **tx).await.map(|done| done.rows_affected()),
        }
        .map_err($crate::error::StoreError::from)
    };
}

/// Runs a statement that takes the values of several rows, one row after the other.
macro_rules! execute_rows {
    ($tx:expr, $sql:expr, $rows:expr, $row:ident => $($value:expr),+ $(,)?) => {
        match $tx {
            $crate::db::Tx::Sqlite(tx) => {
                let mut query = sqlx::query($sql.text);
                for $row in $rows {
                    query = query$(.bind($value))+;
                }
                query.execute(&mut **tx).await.map(|done| done.rows_affected())
            }
            $crate::db::Tx::Postgres(tx) => {
                let mut query = sqlx::query($sql.text);
                for $row in $rows {
                    query = query$(.bind($value))+;
                }
                query.execute(&mut **tx).await.map(|done| done.rows_affected())
            }
        }
        .map_err($crate::error::StoreError::from)
    };
}

/// Reads rows in a transaction: `fetch!(tx, all Row, SQL, values…)`, with `one`, `optional` or `all`.
macro_rules! fetch {
    ($tx:expr, all $row:ty, $sql:expr $(, $value:expr)* $(,)?) => { fetch!(@ $tx, fetch_all, $row, $sql $(, $value)*) };
    ($tx:expr, one $row:ty, $sql:expr $(, $value:expr)* $(,)?) => { fetch!(@ $tx, fetch_one, $row, $sql $(, $value)*) };
    ($tx:expr, optional $row:ty, $sql:expr $(, $value:expr)* $(,)?) => {
        fetch!(@ $tx, fetch_optional, $row, $sql $(, $value)*)
    };
    (@ $tx:expr, $fetch:ident, $row:ty, $sql:expr $(, $value:expr)*) => {
        match $tx {
            $crate::db::Tx::Sqlite(tx) => sqlx::query_as::<_, $row>($sql.text)$(.bind($value))*.$fetch(&mut **tx).await,
            $crate::db::Tx::Postgres(tx) => sqlx::query_as::<_, $row>($sql.text)$(.bind($value))*.$fetch(&mut **tx).await,
        }
        .map_err($crate::error::StoreError::from)
    };
}

/// What row security looks at, set for one transaction only.
pub(crate) enum Sight<'a> {
    /// Rows of one tenant.
    Tenant(TenantId),
    /// The one row whose look-up key is this.
    Key(&'a str),
    /// The tenants of this installation.
    Installation,
    /// Jobs of all tenants, and nothing else: as the role of workers.
    Worker,
}

sql! {
    // `true` as third argument makes each of these transaction-local.
    SET_TENANT = "select set_config('app.tenant_id', $1, true)";
    SET_LOOKUP = "select set_config('app.lookup', $1, true)";
    SET_INSTALLATION = "select set_config('app.installation', $1, true)";
}

impl Db {
    pub(crate) async fn read(&self, sight: Sight<'_>) -> Result<Tx, StoreError> {
        let mut tx = match self {
            Self::Sqlite { reader, .. } => Tx::Sqlite(reader.begin().await?),
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        };
        tx.look_through(sight).await?;
        Ok(tx)
    }

    pub(crate) async fn write(&self, sight: Sight<'_>) -> Result<Tx, StoreError> {
        let mut tx = match self {
            Self::Sqlite { writer, .. } => {
                let writer = writer.as_ref().ok_or(StoreError::ReadOnly)?;
                // A deferred transaction that turns into a writer fails at once when another process has written.
                Tx::Sqlite(writer.begin_with("begin immediate").await?)
            }
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        };
        tx.look_through(sight).await?;
        Ok(tx)
    }
}

impl Tx {
    /// Sets what the following statements may see. On SQLite only the statements' own filters hold.
    pub(crate) async fn look_through(&mut self, sight: Sight<'_>) -> Result<(), StoreError> {
        let Self::Postgres(tx) = self else {
            return Ok(());
        };
        let (statement, value) = match sight {
            Sight::Worker => {
                sqlx::query(ACT_AS_WORKER).execute(&mut **tx).await?;
                return Ok(());
            }
            Sight::Tenant(tenant) => (SET_TENANT, tenant.to_string()),
            Sight::Key(key) => (SET_LOOKUP, key.to_owned()),
            Sight::Installation => (SET_INSTALLATION, "on".to_owned()),
        };
        sqlx::query(statement.text)
            .bind(value)
            .execute(&mut **tx)
            .await?;
        Ok(())
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(tx) => tx.rollback().await?,
            Self::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }
}
