//! The database: reachable, migrated, and on PostgreSQL with a role that row security holds (threat I4).

use switchboard_store::{MigrationState, PostgresFacts, Store};

use super::{Finding, clock_finding};
use crate::cli::Failure;
use crate::config::Settings;

/// First releases of each line that keep row security tight (threat I4): major, minor.
const SERVERS: [(i64, i64); 3] = [(15, 14), (16, 10), (17, 6)];

pub(super) async fn findings(settings: &Settings) -> (Vec<Finding>, Option<Store>) {
    let store_settings = settings.database.store_settings();
    let mut findings = Vec::new();
    match Store::migration_status(&store_settings).await {
        Ok(status) => {
            let pending = status
                .iter()
                .filter(|it| it.state == MigrationState::Pending)
                .count();
            let foreign = status
                .iter()
                .any(|it| matches!(it.state, MigrationState::Unknown | MigrationState::Changed));
            findings.push(match (foreign, pending) {
                (true, _) => Finding::failed(
                    "schema",
                    "the schema was written by another version",
                    "use the version that wrote it; `switchboard migrate status` shows more",
                ),
                (false, 0) => Finding::passed("schema", "every migration is applied"),
                (false, pending) => Finding::failed(
                    "schema",
                    format!("{pending} migrations are not applied"),
                    "`switchboard migrate up`",
                ),
            });
        }
        Err(error) => findings.push(unreachable(error.into())),
    }
    let store = match Store::open_read_only(&store_settings).await {
        Ok(store) => store,
        Err(error) => {
            if findings.iter().all(|finding| finding.help.is_none()) {
                findings.push(unreachable(error.into()));
            }
            return (findings, None);
        }
    };
    findings.push(Finding::passed("database", "the database answers"));
    if let Ok(Some(theirs)) = store.server_time().await {
        let apart = (chrono::Utc::now() - theirs).num_seconds().abs();
        findings.push(clock_finding("database_clock", "the database", apart));
    }
    match store.postgres_facts().await {
        Ok(Some(facts)) => findings.extend(of_postgres(&facts)),
        Ok(None) => findings.push(Finding::skipped(
            "row_security",
            "SQLite has none; every statement names its tenant",
        )),
        Err(error) => findings.push(Finding::warning(
            "row_security",
            format!("roles and policies cannot be read: {error}"),
            "let the login read pg_catalog",
        )),
    }
    (findings, Some(store))
}

fn unreachable(error: anyhow::Error) -> Finding {
    let failure = Failure::of(&error);
    let says = match failure.cause {
        Some(cause) => format!("{}: {cause}", failure.message),
        None => failure.message,
    };
    Finding::failed(
        "database",
        says,
        failure
            .help
            .unwrap_or_else(|| "correct database.url".to_owned()),
    )
}

/// What PostgreSQL says about itself, the role and the tables.
pub(super) fn of_postgres(facts: &PostgresFacts) -> Vec<Finding> {
    let (major, minor) = (facts.server_version / 10_000, facts.server_version % 10_000);
    let known = SERVERS.iter().find(|(line, _)| *line == major);
    let is_current = match known {
        Some((_, least)) => minor >= *least,
        None => major > 17,
    };
    let version = if is_current {
        Finding::passed("server_version", format!("PostgreSQL {major}.{minor}"))
    } else {
        Finding::warning(
            "server_version",
            format!("PostgreSQL {major}.{minor} lacks fixes that row security needs"),
            "update it to 15.14, 16.10, 17.6 or later",
        )
    };
    let mut wrong = Vec::new();
    let rights = [
        (facts.is_superuser, "is a superuser"),
        (facts.bypasses_row_security, "bypasses row security"),
        (facts.owned_tables > 0, "owns tables"),
        (facts.may_truncate > 0, "may truncate tables"),
    ];
    wrong.extend(
        rights
            .iter()
            .filter(|(is_so, _)| *is_so)
            .map(|(_, what)| format!("the role {what}")),
    );
    if facts.open_tables > 0 {
        wrong.push(format!(
            "{} tables of tenants have no forced row security",
            facts.open_tables
        ));
    }
    if facts.views > 0 || facts.definer_functions > 0 {
        wrong.push("views or `security definer` functions stand in the schema".to_owned());
    }
    let security = if wrong.is_empty() {
        Finding::passed(
            "row_security",
            "row security is forced, and the role has no right past it",
        )
    } else {
        Finding::failed(
            "row_security",
            wrong.join("; "),
            "set database.migrate_url to the owner of the tables, run `switchboard migrate up`, and take the right away",
        )
    };
    vec![version, security]
}
