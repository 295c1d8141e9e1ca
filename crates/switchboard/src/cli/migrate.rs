//! `migrate`: where the schema stands, and how it gets to this version.

use anyhow::Result;
use serde_json::json;
use switchboard_store::{MigrationState, MigrationStatus, Store, migrations};

use super::arguments::MigrateCommand;
use super::failure::{Exit, Failure};
use super::output::Output;
use crate::config::Settings;

const COLUMNS: [&str; 4] = ["version", "name", "state", "applied_at"];

pub(super) async fn migrate(
    settings: &Settings,
    command: &MigrateCommand,
    output: &Output,
) -> Result<()> {
    let store = settings.database.store_settings();
    match command {
        MigrateCommand::Up { dry_run: false } => {
            let before = pending(Store::migration_status(&store).await?);
            Store::migrate(&store).await?;
            let versions: Vec<i64> = before.iter().map(|it| it.version).collect();
            let after = Store::migration_status(&store).await?;
            let applied: Vec<_> = after
                .into_iter()
                .filter(|it| versions.contains(&it.version))
                .collect();
            output.note(&format!("{} migrations applied", applied.len()));
            output.rows("migrations", &COLUMNS, &applied)
        }
        MigrateCommand::Up { dry_run: true } => {
            let pending = pending(Store::migration_status(&store).await?);
            output.note("nothing was changed; these would be applied");
            output.rows("migrations", &COLUMNS, &pending)
        }
        MigrateCommand::Status => {
            let status = Store::migration_status(&store).await?;
            output.rows("migrations", &COLUMNS, &status)?;
            refuse_strangers(&status)
        }
        MigrateCommand::List => {
            let known: Vec<_> = migrations()
                .iter()
                .map(|it| json!({ "version": it.version, "name": it.name }))
                .collect();
            output.rows("migrations", &["version", "name"], &known)
        }
    }
}

fn pending(status: Vec<MigrationStatus>) -> Vec<MigrationStatus> {
    status
        .into_iter()
        .filter(|it| it.state == MigrationState::Pending)
        .collect()
}

/// A schema that this version did not write answers no: a script must not go on.
fn refuse_strangers(status: &[MigrationStatus]) -> Result<()> {
    let stranger = status
        .iter()
        .find(|it| !matches!(it.state, MigrationState::Applied | MigrationState::Pending));
    match stranger {
        Some(stranger) => {
            let message = format!(
                "migration {} is not as this version knows it",
                stranger.version
            );
            let help = "use the version of switchboard that wrote the database";
            Err(Failure::new(Exit::No, message).with_help(help).into())
        }
        None => Ok(()),
    }
}
