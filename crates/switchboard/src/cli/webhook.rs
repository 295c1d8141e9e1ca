//! `webhook`: where a tenant is told of what happened, and how that went.

use anyhow::{Context, Result};
use serde_json::json;
use std::path::Path;
use switchboard_store::{Actor, ListFilter, Purpose, Store, TenantStore, WebhookId, WebhookState};

use super::arguments::WebhookCommand;
use super::failure::{Exit, Failure};
use super::output::Output;
use super::tenant::scope_of;
use crate::config::{Secret, Settings};
use crate::ops::seal::SealingKey;
use crate::outbound::Outbound;
use crate::webhooks::{self, EVENTS, WebhookRefusal};

pub(super) async fn webhook(
    settings: &Settings,
    command: &WebhookCommand,
    output: &Output,
) -> Result<()> {
    let store = Store::open(&settings.database.store_settings()).await?;
    let purpose = match command {
        WebhookCommand::List { .. } | WebhookCommand::Log { .. } => Purpose::List,
        _ => Purpose::Configure,
    };
    let scope = scope_of(&store, command.tenant(), Actor::Operator, purpose).await?;
    let rows = store.tenant(scope);
    match command {
        WebhookCommand::List { .. } => output.rows(
            "webhooks",
            &[
                "id",
                "url",
                "events",
                "state",
                "failing_since",
                "created_at",
            ],
            &rows.list_webhooks().await?,
        ),
        WebhookCommand::Log { limit, .. } => output.rows(
            "tries",
            &[
                "delivery_id",
                "event",
                "ordinal",
                "at",
                "status",
                "error",
                "duration_ms",
            ],
            &rows
                .list_webhook_attempts(&ListFilter {
                    limit: *limit,
                    ..ListFilter::default()
                })
                .await?,
        ),
        WebhookCommand::Add { url, events, .. } => add(settings, &rows, url, events, output).await,
        WebhookCommand::Rotate { id, .. } => rotate(settings, &rows, *id, output).await,
        WebhookCommand::Remove { id, .. } => {
            set_state(&rows, *id, WebhookState::Removed, output).await
        }
        WebhookCommand::Enable { id, .. } => {
            set_state(&rows, *id, WebhookState::Enabled, output).await
        }
        WebhookCommand::Replay { delivery, .. } => {
            if !rows.replay_webhook(*delivery).await? {
                let failure = Failure::new(Exit::No, format!("there is no delivery {delivery}"));
                return Err(failure
                    .with_help("`switchboard webhook log --tenant NAME` shows them")
                    .into());
            }
            if output.is_json() {
                return output.document(&json!({ "id": delivery, "state": "waiting" }));
            }
            output.line(&format!("{delivery} is sent again"))
        }
    }
}

async fn add(
    settings: &Settings,
    rows: &TenantStore,
    url: &str,
    events: &[String],
    output: &Output,
) -> Result<()> {
    let outbound = Outbound::new(&settings.outbound).context("cannot prepare requests")?;
    let added = webhooks::add(rows, &key(settings)?, &outbound, url, events).await;
    let (id, secret) = added.map_err(refuse)?;
    print_secret(id, &secret, output)
}

async fn rotate(
    settings: &Settings,
    rows: &TenantStore,
    id: WebhookId,
    output: &Output,
) -> Result<()> {
    let rotated = webhooks::rotate(rows, &key(settings)?, id).await;
    let secret = rotated.map_err(refuse)?.ok_or_else(|| unknown(id))?;
    print_secret(id, &secret, output)
}

fn key(settings: &Settings) -> Result<SealingKey> {
    Ok(SealingKey::load_or_create(Path::new(
        &settings.database.sealing_key_file,
    ))?)
}

fn refuse(refusal: WebhookRefusal) -> anyhow::Error {
    match refusal {
        WebhookRefusal::Address(why) => Failure::new(Exit::WrongUse, "the address cannot be used")
            .because(why.to_string())
            .with_help("give a public https:// address; outbound.allow_networks allows more")
            .into(),
        WebhookRefusal::Event(name) => {
            Failure::new(Exit::WrongUse, format!("there is no event `{name}`"))
                .with_help(format!("events are {}", EVENTS.join(", ")))
                .into()
        }
        WebhookRefusal::Store(error) => error.into(),
        WebhookRefusal::Secret => anyhow::Error::new(refusal),
    }
}

async fn set_state(
    rows: &TenantStore,
    id: WebhookId,
    state: WebhookState,
    output: &Output,
) -> Result<()> {
    if !rows.set_webhook_state(id, state).await? {
        return Err(unknown(id));
    }
    if output.is_json() {
        return output.document(&json!({ "id": id, "state": state }));
    }
    output.line(&format!("{id} is {state}"))
}

fn print_secret(id: WebhookId, secret: &Secret, output: &Output) -> Result<()> {
    let secret = secret.expose();
    if output.is_json() {
        return output.document(&json!({ "id": id, "secret": secret }));
    }
    output.line(&format!(
        "{id}\n{secret}\nKeep the secret: it is not shown again."
    ))
}

fn unknown(id: WebhookId) -> anyhow::Error {
    Failure::new(
        Exit::No,
        format!("webhook {id} is unknown, or is so already"),
    )
    .with_help("`switchboard webhook list --tenant NAME` shows all")
    .into()
}
