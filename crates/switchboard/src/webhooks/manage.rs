//! Endpoints are added and get new secrets by the same rules, whoever asks: the command line or the API.

use chrono::TimeDelta;
use switchboard_store::{NewWebhook, Private, StoreError, TenantStore, WebhookId, Word};
use thiserror::Error;

use super::{EVENTS, WebhookSecret, event, secret_context};
use crate::config::Secret;
use crate::ops::seal::{SealError, SealingKey};
use crate::outbound::{Outbound, UrlRefusal};

/// How long the old secret signs too: receivers are changed in working hours.
const OVERLAP: TimeDelta = TimeDelta::hours(24);

/// Why an endpoint is not as it was asked for.
#[derive(Debug, Error)]
pub enum WebhookRefusal {
    /// The address may not be told anything.
    #[error("the address cannot be used: {0}")]
    Address(#[from] UrlRefusal),
    /// There is no such event.
    #[error("there is no event `{0}`; events are {known}", known = EVENTS.join(", "))]
    Event(String),
    /// The system gives no randomness, or the key cannot seal.
    #[error("a secret cannot be made")]
    Secret,
    /// The database cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SealError> for WebhookRefusal {
    fn from(_: SealError) -> Self {
        Self::Secret
    }
}

/// Adds an endpoint for these events, for all of them when none is named. Gives its id and its secret, which is kept
/// sealed and never shown again.
///
/// # Errors
/// The address or an event is refused, or nothing can be stored.
pub async fn add(
    rows: &TenantStore,
    sealing: &SealingKey,
    outbound: &Outbound,
    url: &str,
    events: &[String],
) -> Result<(WebhookId, Secret), WebhookRefusal> {
    let url = outbound.check(url)?;
    let events = wanted(events)?;
    let (id, secret) = (WebhookId::new(), fresh_secret()?);
    let new = NewWebhook {
        id,
        url: url.expose().into(),
        sealed_secret: sealed(rows, sealing, id, &secret)?,
        events,
    };
    rows.add_webhook(&new).await?;
    Ok((id, secret))
}

/// Gives an endpoint a new secret; the old one signs too for a day. `None` when the tenant has no such endpoint.
///
/// # Errors
/// Nothing can be stored.
pub async fn rotate(
    rows: &TenantStore,
    sealing: &SealingKey,
    id: WebhookId,
) -> Result<Option<Secret>, WebhookRefusal> {
    let secret = fresh_secret()?;
    let sealed = sealed(rows, sealing, id, &secret)?;
    let until = chrono::Utc::now() + OVERLAP;
    let is_known = rows.rotate_webhook(id, &sealed, until).await?;
    Ok(is_known.then_some(secret))
}

fn wanted(names: &[String]) -> Result<Vec<Word>, WebhookRefusal> {
    if names.is_empty() {
        return Ok(EVENTS.map(Word::new).to_vec());
    }
    let known = |name: &String| event(name).ok_or_else(|| WebhookRefusal::Event(name.clone()));
    names.iter().map(known).collect()
}

fn fresh_secret() -> Result<Secret, WebhookRefusal> {
    let secret = WebhookSecret::generate().ok_or(WebhookRefusal::Secret)?;
    Ok(secret.to_text())
}

fn sealed(
    rows: &TenantStore,
    sealing: &SealingKey,
    id: WebhookId,
    secret: &Secret,
) -> Result<Private<Vec<u8>>, WebhookRefusal> {
    let context = secret_context(rows.scope().tenant, id);
    Ok(Private::new(sealing.seal(secret, &context)?))
}
