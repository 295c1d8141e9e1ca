//! `webhook`: where a tenant is told of what happened, and how that went.

use anyhow::{Context, Result};
use serde_json::json;
use std::path::Path;
use switchboard_store::{
    Actor, ListFilter, NewWebhook, Private, Purpose, Store, TenantStore, WebhookId, WebhookState,
    Word,
};

use super::arguments::WebhookCommand;
use super::failure::{Exit, Failure};
use super::output::Output;
use super::tenant::scope_of;
use crate::config::{Secret, Settings};
use crate::ops::seal::SealingKey;
use crate::outbound::Outbound;
use crate::webhooks::{EVENTS, WebhookSecret, event, secret_context};

/// How long the old secret signs too when none is said: receivers are changed in working hours.
const OVERLAP_HOURS: i64 = 24;

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
    let url = outbound.check(url).map_err(|refusal| {
        Failure::new(Exit::WrongUse, "the address cannot be used")
            .because(refusal.to_string())
            .with_help("give a public https:// address; outbound.allow_networks allows more")
    })?;
    let events = wanted(events)?;
    let (id, secret) = (WebhookId::new(), fresh_secret()?);
    let new = NewWebhook {
        id,
        url: url.expose().into(),
        sealed_secret: sealed(settings, rows, id, &secret)?,
        events,
    };
    rows.add_webhook(&new).await?;
    print_secret(id, &secret, output)
}

async fn rotate(
    settings: &Settings,
    rows: &TenantStore,
    id: WebhookId,
    output: &Output,
) -> Result<()> {
    let secret = fresh_secret()?;
    let sealed = sealed(settings, rows, id, &secret)?;
    let until = chrono::Utc::now() + chrono::TimeDelta::hours(OVERLAP_HOURS);
    if !rows.rotate_webhook(id, &sealed, until).await? {
        return Err(unknown(id));
    }
    print_secret(id, &secret, output)
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

/// The events by their names; all of them when none is named.
fn wanted(names: &[String]) -> Result<Vec<Word>> {
    if names.is_empty() {
        return Ok(EVENTS.map(Word::new).to_vec());
    }
    let known = names.iter().map(|name| {
        event(name).ok_or_else(|| {
            Failure::new(Exit::WrongUse, format!("there is no event `{name}`"))
                .with_help(format!("events are {}", EVENTS.join(", ")))
                .into()
        })
    });
    known.collect()
}

fn fresh_secret() -> Result<Secret> {
    let secret = WebhookSecret::generate().context("the system gives no random bytes")?;
    Ok(secret.to_text())
}

fn sealed(
    settings: &Settings,
    rows: &TenantStore,
    id: WebhookId,
    secret: &Secret,
) -> Result<Private<Vec<u8>>> {
    let key = SealingKey::load_or_create(Path::new(&settings.database.sealing_key_file))?;
    let context = secret_context(rows.scope().tenant, id);
    Ok(Private::new(key.seal(secret, &context)?))
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
