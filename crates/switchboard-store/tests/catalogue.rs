//! What the databases themselves say about tables, keys, policies and roles. (Threats I1, I2, I3, I4.)

mod support;

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};
use support::raw::Raw;
use support::twins::{SharedIds, Twin};
use switchboard_store::{StoreError, StoreKind, statements};

/// Indexes for look-ups that come before a tenant is known. They are not unique, so they tell nobody anything.
const LOOKUP_INDEXES: &[&str] = &[
    "api_keys_by_hash",
    "app_issuers_by_issuer",
    "calls_by_carrier_call_id",
    "invitations_by_token",
    // For workers, who look over all tenants; see `i6_workers_see_jobs_and_nothing_else`.
    "jobs_by_run_at",
    "logins_by_token",
    "numbers_by_number",
    "staff_by_email",
    "stream_tokens_by_hash",
    "voice_sessions_by_token",
];

#[tokio::test]
async fn both_databases_have_the_same_tables_and_columns() {
    let (sqlite, postgres) = (support::sqlite().await, support::postgres().await);
    let columns = Raw::connect(&sqlite).await.columns().await;
    assert_eq!(columns, Raw::connect(&postgres).await.columns().await);
    assert!(columns.len() > 200, "the tables were found");
}

/// d5: what operators read every day holds nobody. A column more is a decision, and is made here.
#[tokio::test]
async fn d5_handshake_rows_hold_call_times_fell_back_and_reason_only() {
    let columns = Raw::connect(&support::postgres().await)
        .await
        .columns()
        .await;
    let of_handshakes: Vec<_> = columns
        .iter()
        .filter(|column| column[0] == "handshakes")
        .map(|column| column[1].as_str())
        .collect();
    let expected = [
        "tenant_id",
        "call_id",
        "started_at",
        "elapsed_ms",
        "fell_back",
        "reason",
    ];
    assert_eq!(of_handshakes, expected);
}

#[tokio::test]
async fn i1_every_tenant_table_has_forced_row_security_and_a_policy() {
    let test = support::postgres().await;
    let mut raw = Raw::connect(&test).await;
    let mut tables = raw.tenant_tables().await;
    assert!(tables.len() >= 30, "the tables were found");
    tables.push("tenants".to_owned());
    for table in tables {
        let flags = raw
            .texts(&format!("select relrowsecurity::text, relforcerowsecurity::text from pg_class where relname = '{table}'"))
            .await;
        assert_eq!(flags, [["true", "true"]], "{table}");
        let scope = raw
            .texts(&format!(
                "select cmd, roles::text, (qual like '%app.tenant_id%')::text, (with_check is not null)::text
                 from pg_policies where tablename = '{table}' and policyname = 'tenant_scope'"
            ))
            .await;
        assert_eq!(
            scope,
            [["ALL", "{switchboard_app}", "true", "true"]],
            "{table}"
        );
    }
    let of_installation = raw
        .column("select tablename::text from pg_policies where policyname = 'installation_scope'
             and qual like '%app.installation%' and with_check like '%app.installation%' order by 1")
        .await;
    assert_eq!(
        of_installation,
        [
            "installation_alerts",
            "installation_audit_entries",
            "installation_switches"
        ]
    );
    let others = raw
        .texts(
            "select policyname::text, cmd from pg_policies
             where policyname not in ('tenant_scope', 'installation_scope') order by 1",
        )
        .await;
    let lookups = [
        "lookup_app_issuer",
        "lookup_call",
        "lookup_installation_switch",
        "lookup_invitation",
        "lookup_key",
        "lookup_login",
        "lookup_number",
        "lookup_staff",
        "lookup_token",
        "lookup_voice_session",
    ];
    let of_workers = [["worker_leases", "UPDATE"], ["worker_sees", "SELECT"]];
    let expected: Vec<_> = lookups
        .map(|name| [name, "SELECT"])
        .into_iter()
        .chain(of_workers)
        .collect();
    assert_eq!(others, expected, "other policies only look up, or lease");
}

on_both! {
    /// i2: a check behind a constraint ignores row security, so the constraint itself must hold the tenant.
    keys_and_indexes_begin_with_the_tenant(test) {
        let sql = match test.store.kind() {
            StoreKind::Sqlite => {
                "select i.name, m.name, c.name, cast(i.\"unique\" as text)
                 from sqlite_schema m join pragma_index_list(m.name) i join pragma_index_info(i.name) c
                 where m.type = 'table' and c.seqno = 0"
            }
            StoreKind::Postgres => {
                "select i.relname::text, t.relname::text, a.attname::text, indisunique::int::text
                 from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
                 join pg_attribute a on a.attrelid = t.oid and a.attnum = x.indkey[0]
                 where t.relnamespace = 'public'::regnamespace"
            }
        };
        let mut raw = Raw::connect(&test).await;
        let tables = raw.tenant_tables().await;
        let indexes = raw.texts(sql).await;
        let of_tenants: Vec<_> = indexes.iter().filter(|index| tables.contains(&index[1])).collect();
        assert!(of_tenants.len() > 60, "the indexes were found");
        for index in of_tenants {
            let is_lookup = LOOKUP_INDEXES.contains(&index[0].as_str());
            assert_eq!(index[2] == "tenant_id", !is_lookup, "{index:?}");
            assert!(!is_lookup || index[3] == "0", "a look-up index is not unique: {index:?}");
        }
    }

    /// i2: nobody can refer to a row of another tenant.
    foreign_keys_between_tenant_tables_contain_the_tenant(test) {
        let sql = match test.store.kind() {
            StoreKind::Sqlite => {
                "select m.name, f.\"table\", group_concat(f.\"from\" || '>' || f.\"to\", ',')
                 from sqlite_schema m join pragma_foreign_key_list(m.name) f
                 where m.type = 'table' group by m.name, f.id"
            }
            StoreKind::Postgres => {
                "select c.conrelid::regclass::text, c.confrelid::regclass::text, string_agg(a.attname || '>' || b.attname, ',')
                 from pg_constraint c
                 cross join lateral unnest(c.conkey, c.confkey) as k(here, there)
                 join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.here
                 join pg_attribute b on b.attrelid = c.confrelid and b.attnum = k.there
                 where c.contype = 'f' group by c.oid, c.conrelid, c.confrelid"
            }
        };
        let mut raw = Raw::connect(&test).await;
        let tables = raw.tenant_tables().await;
        let keys = raw.texts(sql).await;
        assert!(keys.len() > 50, "the keys were found");
        for key in &keys {
            let pair = if tables.contains(&key[1]) { "tenant_id>tenant_id" } else { "tenant_id>id" };
            assert!(key[2].split(',').any(|columns| columns == pair), "{key:?}");
        }
        for table in &tables {
            assert!(keys.iter().any(|key| key[0] == *table && key[1] == "tenants"), "{table} belongs to a tenant");
        }
    }
}

#[tokio::test]
async fn i1_the_application_role_sees_one_tenant_even_without_a_filter() {
    let test = support::postgres().await;
    let shared = SharedIds::new();
    let a = Twin::seed(&test, "alpha", "canary-alpha", shared).await;
    let b = Twin::seed(&test, "beta", "canary-beta", shared).await;
    let tables = Raw::connect(&test).await.tenant_tables().await;
    let mut app = application(&test).await;
    for table in tables {
        assert_eq!(count(&mut app, &table).await, 0, "{table} without a tenant");
        let mut tx = app.begin().await.unwrap();
        set_tenant(&mut tx, a.id.to_string()).await;
        let (all, theirs) = (
            format!("select count(*) from {table}"),
            format!("select count(*) from {table} where tenant_id = '{}'", b.id),
        );
        assert!(
            number(&mut tx, &all).await > 0,
            "{table} shows the tenant's own rows"
        );
        assert_eq!(
            number(&mut tx, &theirs).await,
            0,
            "{table} shows rows of the other tenant"
        );
        let moved = format!("update {table} set tenant_id = '{}'", b.id);
        let refused = sqlx::query(AssertSqlSafe(moved))
            .execute(&mut *tx)
            .await
            .unwrap_err();
        assert_eq!(
            refused.as_database_error().unwrap().code().as_deref(),
            Some("42501"),
            "{table}"
        );
    }
}

#[tokio::test]
async fn i3_the_tenant_is_forgotten_with_the_transaction() {
    let test = support::postgres().await;
    let a = Twin::seed(&test, "alpha", "canary-alpha", SharedIds::new()).await;
    let mut app = application(&test).await;
    let mut tx = app.begin().await.unwrap();
    set_tenant(&mut tx, a.id.to_string()).await;
    assert!(number(&mut tx, "select count(*) from calls").await > 0);
    tx.commit().await.unwrap();
    assert_eq!(count(&mut app, "calls").await, 0);
    for statement in statements()
        .iter()
        .filter(|statement| statement.text.contains("set_config"))
    {
        assert!(
            statement.text.ends_with("$1, true)"),
            "{} is transaction-local",
            statement.name
        );
    }
}

#[tokio::test]
async fn i4_the_roles_own_nothing_and_may_do_little() {
    let test = support::postgres().await;
    let mut raw = Raw::connect(&test).await;
    let roles = raw
        .texts(
            "select rolname::text, (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolcanlogin or rolreplication)::text
             from pg_roles where rolname like 'switchboard\\_%' and not rolcanlogin order by 1",
        )
        .await;
    assert_eq!(
        roles,
        [
            ["switchboard_app", "false"],
            ["switchboard_worker", "false"]
        ]
    );
    let owned = raw
        .column("select relname::text from pg_class c join pg_roles r on r.oid = c.relowner where r.rolname like 'switchboard\\_%'")
        .await;
    assert!(owned.is_empty(), "{owned:?}");
    let rights = raw
        .column(
            "select distinct grantee || ' ' || lower(privilege_type) from information_schema.role_table_grants
             where grantee like 'switchboard\\_%' or grantee = 'PUBLIC' and table_schema = 'public' order by 1",
        )
        .await;
    let mut expected = ["delete", "insert", "select", "update"]
        .map(|right| format!("switchboard_app {right}"))
        .to_vec();
    expected.push("switchboard_worker select".to_owned());
    assert_eq!(rights, expected);
    let views = raw.column("select relname::text from pg_class where relkind in ('v', 'm') and relnamespace = 'public'::regnamespace").await;
    let functions = raw
        .column("select proname::text from pg_proc where pronamespace = 'public'::regnamespace")
        .await;
    assert!(
        views.is_empty() && functions.is_empty(),
        "no views and no functions stand in the way: {views:?} {functions:?}"
    );
}

/// Workers read over all tenants, so what they read holds ids and words only, and they may change nothing else.
#[tokio::test]
async fn i6_workers_see_jobs_and_nothing_else() {
    let test = support::postgres().await;
    let mut raw = Raw::connect(&test).await;
    let tables = raw
        .column("select distinct table_name::text from information_schema.role_table_grants where grantee = 'switchboard_worker'")
        .await;
    assert_eq!(tables, ["jobs"]);
    let changes = raw
        .column(
            "select table_name || '.' || column_name from information_schema.role_column_grants
             where grantee = 'switchboard_worker' and privilege_type <> 'SELECT' order by 1",
        )
        .await;
    assert_eq!(
        changes,
        ["attempts", "leased_until", "state", "updated_at", "worker"]
            .map(|column| format!("jobs.{column}"))
    );
}

/// The test's login is a superuser, whom row security would not hold.
#[tokio::test]
async fn i4_every_pooled_connection_acts_as_the_application_role() {
    let test = support::postgres().await;
    let store = test.fresh_tenant().await;
    store.list_services().await.expect("the role may read");
    let mut raw = Raw::connect(&test).await;
    raw.execute("revoke select on services from switchboard_app")
        .await;
    let outcomes = support::all_at_once(20, |_| {
        let store = store.clone();
        async move { store.list_services().await }
    })
    .await;
    let refused = Err(StoreError::Refused {
        code: "42501".to_owned(),
    });
    assert!(
        outcomes.iter().all(|outcome| *outcome == refused),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn audit_entries_receipts_the_ledger_and_the_erasure_list_only_grow() {
    let test = support::postgres().await;
    let mut raw = Raw::connect(&test).await;
    for table in [
        "audit_entries",
        "installation_audit_entries",
        "webhook_receipts",
        "usage",
        "erasures",
    ] {
        let sql = format!(
            "select privilege_type::text from information_schema.role_table_grants
             where table_name = '{table}' and grantee = 'switchboard_app' order by 1"
        );
        assert_eq!(raw.column(&sql).await, ["INSERT", "SELECT"], "{table}");
    }
}

/// A connection of its own that acts as the application role.
async fn application(test: &support::TestStore) -> PgConnection {
    let mut app = PgConnection::connect(test.settings.url.expose())
        .await
        .unwrap();
    sqlx::query("set role switchboard_app")
        .execute(&mut app)
        .await
        .unwrap();
    app
}

/// Runs the store's own statement for it.
async fn set_tenant(connection: &mut PgConnection, tenant: String) {
    let statement = statements()
        .into_iter()
        .find(|statement| statement.name == "SET_TENANT")
        .unwrap();
    sqlx::query(statement.text)
        .bind(tenant)
        .execute(connection)
        .await
        .unwrap();
}

async fn count(connection: &mut PgConnection, table: &str) -> i64 {
    number(connection, &format!("select count(*) from {table}")).await
}

async fn number(connection: &mut PgConnection, sql: &str) -> i64 {
    sqlx::query(AssertSqlSafe(sql.to_owned()))
        .fetch_one(connection)
        .await
        .unwrap()
        .get(0)
}
