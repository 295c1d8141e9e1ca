//! `mail`: where a tenant's mail goes, and doubtful mails.

use anyhow::Result;
use serde_json::{Value, json};
use switchboard_store::{Actor, Purpose, Store};

use super::arguments::MailCommand;
use super::failure::{Exit, Failure};
use super::output::Output;
use super::tenant::scope_of;
use crate::config::Settings;
use crate::mail::MailAddresses;

pub(super) async fn mail(
    settings: &Settings,
    command: &MailCommand,
    output: &Output,
) -> Result<()> {
    let store = Store::open(&settings.database.store_settings()).await?;
    let scope = |purpose| scope_of(&store, command.tenant(), Actor::Operator, purpose);
    match command {
        MailCommand::Addresses { .. } => {
            let rows = store.tenant(scope(Purpose::List).await?);
            print_addresses(&MailAddresses::of(&rows).await?, output)
        }
        MailCommand::Set { agent, address, .. } => {
            let rows = store.tenant(scope(Purpose::Configure).await?);
            if let Some(agent) = agent {
                known_agent(&rows, agent).await?;
            }
            let mut addresses = MailAddresses::of(&rows).await?;
            addresses.set(agent.as_deref(), Some(address));
            addresses.store(&rows).await?;
            print_addresses(&addresses, output)
        }
        MailCommand::Unset { agent, .. } => {
            let rows = store.tenant(scope(Purpose::Configure).await?);
            let mut addresses = MailAddresses::of(&rows).await?;
            addresses.set(agent.as_deref(), None);
            addresses.store(&rows).await?;
            print_addresses(&addresses, output)
        }
        MailCommand::Resend { id, .. } => {
            let rows = store.tenant(scope(Purpose::Maintain).await?);
            let help = "`switchboard list mails --tenant NAME` shows all";
            let Some(mail) = rows.mail(*id).await? else {
                let failure = Failure::new(Exit::No, format!("there is no mail {id}"));
                return Err(failure.with_help(help).into());
            };
            if !rows.resend_mail(*id).await? {
                let message = format!("the mail is {}, nothing was changed", mail.state);
                return Err(Failure::new(Exit::No, message).with_help(help).into());
            }
            if let Some(job) = mail.job_id {
                rows.retry_job(job, chrono::Utc::now()).await?;
            }
            if output.is_json() {
                return output.document(&json!({ "id": id, "state": "waiting" }));
            }
            output.line(&format!("{id} is waiting"))
        }
    }
}

async fn known_agent(rows: &switchboard_store::TenantStore, agent: &str) -> Result<()> {
    if rows.agent(agent).await?.is_some() {
        return Ok(());
    }
    let failure = Failure::new(Exit::WrongUse, format!("there is no agent `{agent}`"));
    Err(failure
        .with_help("`switchboard agent list --tenant NAME` shows all")
        .into())
}

fn print_addresses(addresses: &MailAddresses, output: &Output) -> Result<()> {
    let rows: Vec<Value> = addresses
        .list()
        .into_iter()
        .map(|(agent, address)| json!({ "agent": agent.unwrap_or("(all)"), "address": address }))
        .collect();
    output.rows("addresses", &["agent", "address"], &rows)
}
