//! Looking into a database behind the store's back, as its owner.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};
use switchboard_store::{StoreKind, TenantId};

use super::TestStore;

/// A connection beside the store that no row security and no tenant filter holds back.
pub enum Raw {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Raw {
    pub async fn connect(test: &TestStore) -> Self {
        Self::connect_to(test.settings.url.expose(), test.store.kind()).await
    }

    /// The same for a database that no store has opened.
    pub async fn connect_to(url: &str, kind: StoreKind) -> Self {
        match kind {
            StoreKind::Sqlite => {
                let options: SqliteConnectOptions = url.parse().expect("it is an SQLite URL");
                let options = options.create_if_missing(true);
                Self::Sqlite(
                    SqliteConnection::connect_with(&options)
                        .await
                        .expect("the file is there"),
                )
            }
            StoreKind::Postgres => Self::Postgres(
                PgConnection::connect(url)
                    .await
                    .expect("the server answers"),
            ),
        }
    }

    pub async fn execute(&mut self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(connection) => drop(
                sqlx::raw_sql(sql)
                    .execute(connection)
                    .await
                    .expect("it runs"),
            ),
            Self::Postgres(connection) => drop(
                sqlx::raw_sql(sql)
                    .execute(connection)
                    .await
                    .expect("it runs"),
            ),
        }
    }

    /// Rows of text columns.
    pub async fn texts(&mut self, sql: &str) -> Vec<Vec<String>> {
        let sql = AssertSqlSafe(sql.to_owned());
        macro_rules! read {
            ($connection:expr) => {
                sqlx::raw_sql(sql)
                    .fetch_all($connection)
                    .await
                    .expect("it runs")
                    .iter()
                    .map(|row| {
                        (0..row.len())
                            .map(|i| row.get::<Option<String>, _>(i).unwrap_or_default())
                            .collect()
                    })
                    .collect()
            };
        }
        match self {
            Self::Sqlite(connection) => read!(connection),
            Self::Postgres(connection) => read!(connection),
        }
    }

    /// One text column.
    pub async fn column(&mut self, sql: &str) -> Vec<String> {
        self.texts(sql)
            .await
            .into_iter()
            .map(|mut row| row.remove(0))
            .collect()
    }

    /// Every table with a tenant, by name.
    pub async fn tenant_tables(&mut self) -> Vec<String> {
        let sql = match self {
            Self::Sqlite(_) => {
                "select m.name from sqlite_schema m join pragma_table_info(m.name) c
                 where m.type = 'table' and c.name = 'tenant_id' order by m.name"
            }
            Self::Postgres(_) => {
                "select table_name::text from information_schema.columns
                 where table_schema = 'public' and column_name = 'tenant_id' order by table_name"
            }
        };
        self.column(sql).await
    }

    /// Every table and its columns, in order.
    pub async fn columns(&mut self) -> Vec<Vec<String>> {
        let sql = match self {
            Self::Sqlite(_) => {
                "select m.name, c.name from sqlite_schema m join pragma_table_info(m.name) c
                 where m.type = 'table' order by m.name, c.cid"
            }
            Self::Postgres(_) => {
                "select table_name::text, column_name::text from information_schema.columns
                 where table_schema = 'public' order by table_name collate \"C\", ordinal_position"
            }
        };
        self.texts(sql).await
    }

    /// Everything a tenant has stored, as text that can be compared.
    pub async fn rows_of(&mut self, tenant: TenantId) -> Vec<String> {
        let mut rows = Vec::new();
        for table in self.tenant_tables().await {
            for row in self.table_rows(&table, tenant).await {
                rows.push(format!("{table} {row}"));
            }
        }
        rows
    }

    pub async fn table_rows(&mut self, table: &str, tenant: TenantId) -> Vec<String> {
        let sql = match self {
            Self::Sqlite(_) => {
                let columns = self
                    .column(&format!("select name from pragma_table_info('{table}')"))
                    .await;
                let quoted: Vec<_> = columns
                    .iter()
                    .map(|column| format!("quote({column})"))
                    .collect();
                let id = tenant.uuid().simple();
                format!(
                    "select {} from {table} where tenant_id = x'{id}' order by 1",
                    quoted.join(" || ' ' || ")
                )
            }
            Self::Postgres(_) => {
                format!(
                    "select to_jsonb(t)::text from {table} t where tenant_id = '{tenant}' order by 1"
                )
            }
        };
        self.column(&sql).await
    }
}
