//! `job`: tries a job again, or takes it back.

use anyhow::Result;
use serde_json::json;
use switchboard_store::{Actor, JobId, Purpose, Store, TenantScope};

use super::arguments::JobCommand;
use super::failure::{Exit, Failure};
use super::output::Output;
use crate::config::Settings;

pub(super) async fn job(settings: &Settings, command: &JobCommand, output: &Output) -> Result<()> {
    let store = Store::open(&settings.database.store_settings()).await?;
    let (JobCommand::Retry { id } | JobCommand::Cancel { id }) = command;
    let Some(tenant) = store.job_queue().tenant_of(*id).await? else {
        return Err(unknown(*id));
    };
    let rows = store.tenant(TenantScope::new(tenant, Actor::Operator, Purpose::Maintain));
    let at = chrono::Utc::now();
    let (done, word) = match command {
        JobCommand::Retry { id } => (rows.retry_job(*id, at).await?, "waiting"),
        JobCommand::Cancel { id } => (rows.cancel_job(*id, at).await?, "cancelled"),
    };
    if !done {
        let state = rows
            .job(*id)
            .await?
            .map_or("gone", |job| job.state.as_str());
        return Err(
            Failure::new(Exit::No, format!("the job is {state}, nothing was changed"))
                .with_help("`switchboard list jobs --tenant NAME` shows its state")
                .into(),
        );
    }
    if output.is_json() {
        return output.document(&json!({ "id": id, "state": word }));
    }
    output.line(&format!("{id} is {word}"))
}

fn unknown(id: JobId) -> anyhow::Error {
    Failure::new(Exit::No, format!("there is no job {id}"))
        .with_help("`switchboard list jobs --tenant NAME` shows all")
        .into()
}
