//! What PostgreSQL says about itself, its roles and our tables, for `doctor` (threat I4). Catalogues only, no tenant rows.

use sqlx::FromRow;

use crate::db::Db;
use crate::error::StoreError;
use crate::open::Store;

/// Asked as the role that serves, so that `current_user` is that one.
const FACTS: &str = "select
    current_setting('server_version_num')::bigint as server_version,
    r.rolsuper as is_superuser,
    r.rolbypassrls as bypasses_row_security,
    (select count(*) from pg_class c where c.relowner = r.oid and c.relkind in ('r', 'p')) as owned_tables,
    (select count(*) from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
        and has_table_privilege(r.oid, c.oid, 'truncate')) as may_truncate,
    (select count(*) from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
        and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
        and not (c.relrowsecurity and c.relforcerowsecurity)) as open_tables,
    (select count(*) from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('v', 'm')) as views,
    (select count(*) from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prosecdef) as definer_functions
    from pg_roles r where r.rolname = current_user";

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct PostgresFacts {
    /// Such as 150014 for 15.14.
    pub server_version: i64,
    pub is_superuser: bool,
    pub bypasses_row_security: bool,
    pub owned_tables: i64,
    pub may_truncate: i64,
    /// Tables with a tenant whose row security is not forced.
    pub open_tables: i64,
    pub views: i64,
    pub definer_functions: i64,
}

impl Store {
    /// What PostgreSQL says; `None` for a file.
    pub async fn postgres_facts(&self) -> Result<Option<PostgresFacts>, StoreError> {
        match &self.db {
            Db::Sqlite { .. } => Ok(None),
            Db::Postgres(pool) => Ok(Some(sqlx::query_as(FACTS).fetch_one(pool).await?)),
        }
    }
}
