//! Every statement of the crate is one that both databases understand, and one that names its tenant.

mod support;

use sqlx::{AssertSqlSafe, Executor, SqlSafeStr};
use support::raw::Raw;
use switchboard_store::{Statement, statements};

/// Look-ups that come before any tenant is known. Each filters by a key that the asker must hold already.
const LOOKUPS: &[&str] = &[
    "NUMBER_OWNER",
    "API_KEY",
    "LOGIN",
    "STAFF",
    "INVITATION",
    "CALL",
    "STREAM_TOKEN",
    "VOICE_SESSION",
    "APP_ISSUERS",
];

/// Statements of workers, who see which jobs are due over all tenants. The table holds ids and words only (I6).
const WORKERS: &[&str] = &[
    "WORKER_CLAIM",
    "WORKER_CLAIM_ALONE",
    "WORKER_COUNTS",
    "WORKER_EXPIRE",
    "WORKER_FIND",
    "WORKER_TIME",
];

/// What only one of the databases understands.
const POSTGRES_ONLY: &[&str] = &[
    "set_config",
    "skip locked",
    "clock_timestamp()",
    "pg_advisory_xact_lock",
];
const SQLITE_ONLY: &[&str] = &["json_each"];

/// What follows a table's name without being its alias.
const NOT_AN_ALIAS: &[&str] = &[
    "where", "set", "on", "order", "group", "join", "left", "values", "(", "",
];

on_both! {
    every_statement_can_be_prepared(test) {
        let mut raw = Raw::connect(&test).await;
        for statement in statements() {
            let sql = AssertSqlSafe(statement.text).into_sql_str();
            let prepared = match &mut raw {
                Raw::Sqlite(_) if holds_any(&statement, POSTGRES_ONLY) => continue,
                Raw::Postgres(_) if holds_any(&statement, SQLITE_ONLY) => continue,
                Raw::Sqlite(connection) => connection.prepare(sql).await.map(drop),
                Raw::Postgres(connection) => connection.prepare(sql).await.map(drop),
            };
            assert!(prepared.is_ok(), "{} {}: {prepared:?}", statement.file, statement.name);
        }
    }
}

#[tokio::test]
async fn i5_every_statement_on_tenant_rows_names_its_tenant() {
    let tables = tenant_tables().await;
    for statement in statements()
        .iter()
        .filter(|statement| !is_lookup(statement) && !is_of_workers(statement))
    {
        assert_eq!(
            unscoped_table(statement.text, &tables),
            None,
            "{} {}",
            statement.file,
            statement.name
        );
    }
    assert_eq!(
        statements()
            .iter()
            .filter(|statement| is_lookup(statement))
            .count(),
        LOOKUPS.len()
    );
    assert_eq!(
        statements()
            .iter()
            .filter(|statement| is_of_workers(statement))
            .count(),
        WORKERS.len()
    );
}

#[tokio::test]
async fn i5_dropping_any_tenant_filter_is_noticed() {
    let tables = tenant_tables().await;
    let mut filters = 0;
    for statement in statements() {
        for (position, filter) in statement.text.match_indices("tenant_id = $1") {
            let mut mutant = statement.text.to_owned();
            mutant.replace_range(position..position + filter.len(), "seq = $1");
            assert!(
                unscoped_table(&mutant, &tables).is_some(),
                "{} {}",
                statement.file,
                statement.name
            );
            filters += 1;
        }
    }
    assert!(filters > 80, "only {filters} filters were found");
}

#[test]
fn statements_run_only_through_the_listed_constants() {
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).unwrap() {
        let path = file.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let calls = text.matches("sqlx::query").count() + text.matches("sqlx::raw_sql").count();
        let name = path.file_name().unwrap().to_str().unwrap();
        // These open, migrate and set roles; they touch no tenant table.
        let allowed = [
            "db.rs",
            "open.rs",
            "migrate.rs",
            "roles.rs",
            "sqlite.rs",
            "postgres.rs",
            // Catalogues of PostgreSQL only, for `doctor`.
            "inspection.rs",
            // These copy whole tables; `backup.rs` tests that they copy every one.
            "backup_postgres.rs",
            "backup_sqlite.rs",
        ];
        assert!(
            calls == 0 || allowed.contains(&name),
            "{name} runs SQL that no test sees"
        );
        assert!(!text.contains("AssertSqlSafe"), "{name} builds SQL");
    }
}

async fn tenant_tables() -> Vec<String> {
    let test = support::sqlite().await;
    Raw::connect(&test).await.tenant_tables().await
}

fn is_lookup(statement: &Statement) -> bool {
    statement.file.ends_with("::lookup") && LOOKUPS.contains(&statement.name)
}

fn is_of_workers(statement: &Statement) -> bool {
    statement.file.ends_with("::jobs") && WORKERS.contains(&statement.name)
}

fn holds_any(statement: &Statement, words: &[&str]) -> bool {
    words.iter().any(|word| statement.text.contains(word))
}

/// A tenant table in this statement that is not held to the tenant, if there is one.
fn unscoped_table(text: &str, tables: &[String]) -> Option<String> {
    let words = words(text);
    let mut references = Vec::new();
    for (i, word) in words.iter().enumerate() {
        let introduces = matches!(word.as_str(), "from" | "join" | "update" | "into");
        let Some(table) = words
            .get(i + 1)
            .filter(|table| introduces && tables.contains(table))
        else {
            continue;
        };
        let next = words.get(i + 2).map_or("", String::as_str);
        if word == "into" {
            if !text.contains(&format!("into {table} (tenant_id,")) || !text.contains("values ($1,")
            {
                return Some(table.clone());
            }
            continue;
        }
        let alias = if NOT_AN_ALIAS.contains(&next) {
            ""
        } else {
            next
        };
        references.push((table.clone(), alias.to_owned()));
    }
    let unaliased = references
        .iter()
        .filter(|(_, alias)| alias.is_empty())
        .count();
    if unaliased > 1 {
        return Some("two tables without an alias".to_owned());
    }
    references
        .into_iter()
        .find(|(_, alias)| !has_filter(&words, alias))
        .map(|(table, _)| table)
}

fn has_filter(words: &[String], alias: &str) -> bool {
    let column = if alias.is_empty() {
        "tenant_id".to_owned()
    } else {
        format!("{alias}.tenant_id")
    };
    words
        .windows(3)
        .any(|three| three[0] == column && three[1] == "=" && three[2] == "$1")
}

fn words(text: &str) -> Vec<String> {
    let spaced = text
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace(',', " , ");
    spaced.split_whitespace().map(ToOwned::to_owned).collect()
}
