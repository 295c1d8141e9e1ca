//! One try of one delivery.

use std::time::Duration;

use bytes::Bytes;
use chrono::{SecondsFormat, TimeDelta, Utc};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use metrics::counter;
use serde_json::{Map, Value, json};
use switchboard_store::{
    CallId, CapturedField, TenantStore, Webhook, WebhookDelivery, WebhookDeliveryId,
    WebhookDeliveryState, WebhookState, WebhookTry, Word,
};

use super::secret_context;
use super::signature::{SIGNATURE_HEADER, WebhookSecret};
use crate::jobs::{JobError, JobResult};
use crate::ops::metrics::names;
use crate::ops::seal::SealingKey;
use crate::outbound::{Outbound, OutboundAnswer, OutboundRequest};

/// For name, connection, request and answer together; the standard asks receivers to answer within 15 to 30 s.
const DEADLINE: Duration = Duration::from_secs(15);
/// An endpoint whose every try has failed for so long is disabled.
const DISABLED_AFTER: TimeDelta = TimeDelta::days(5);
/// The longest pause a receiver may ask for by `Retry-After`.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// Gone for good, says the receiver.
const GONE: u16 = 410;

/// Sends a delivery once more.
///
/// # Errors
/// As jobs have them.
pub async fn deliver(
    outbound: &Outbound,
    sealing: &SealingKey,
    rows: &TenantStore,
    id: WebhookDeliveryId,
) -> JobResult {
    let Some(delivery) = rows.webhook_delivery(id).await? else {
        return Ok(());
    };
    // A removed endpoint is told nothing any more, a disabled one until it is enabled and the delivery replayed.
    let Some(webhook) = rows.webhook(delivery.endpoint_id).await? else {
        return Ok(());
    };
    if webhook.state != WebhookState::Enabled {
        return Err(JobError::Never(Word::new("endpoint_disabled")));
    }
    let tried_at = Utc::now();
    let began = std::time::Instant::now();
    let answer = send(outbound, sealing, rows, &webhook, &delivery).await;
    let error = match &answer {
        Ok(answer) if (200..300).contains(&answer.status) => None,
        Ok(answer) => Word::parse(&format!("status_{}", answer.status)).ok(),
        Err(word) => Some(word.clone()),
    };
    let status = answer.as_ref().ok().map(|answer| i64::from(answer.status));
    let state = match &error {
        None => WebhookDeliveryState::Delivered,
        Some(_) => WebhookDeliveryState::Failed,
    };
    let tried = WebhookTry {
        at: tried_at,
        status,
        error: error.clone(),
        duration_ms: i64::try_from(began.elapsed().as_millis()).unwrap_or(i64::MAX),
    };
    let failing_since = rows.log_webhook_try(&delivery, state, &tried).await?;
    let outcome = if error.is_none() {
        "delivered"
    } else {
        "failed"
    };
    counter!(names::WEBHOOK_TRIES_TOTAL, "event" => delivery.event.to_string(), "outcome" => outcome).increment(1);
    let Some(error) = error else {
        return Ok(());
    };
    let is_gone = status == Some(i64::from(GONE));
    let is_hopeless = failing_since.is_some_and(|since| tried_at - since >= DISABLED_AFTER);
    if is_gone || is_hopeless {
        disable(rows, &webhook).await?;
        return Err(JobError::Never(error));
    }
    match answer.ok().and_then(|answer| pause_of(&answer)) {
        Some(pause) => Err(JobError::After(error, pause)),
        None => Err(JobError::Later(error)),
    }
}

async fn send(
    outbound: &Outbound,
    sealing: &SealingKey,
    rows: &TenantStore,
    webhook: &Webhook,
    delivery: &WebhookDelivery,
) -> Result<OutboundAnswer, Word> {
    let url = outbound
        .check(webhook.url.expose())
        .map_err(|_| Word::new("forbidden_address"))?;
    let id = format!("msg_{}", delivery.id.uuid().simple());
    let timestamp = Utc::now().timestamp();
    let captured = captured(rows, delivery).await?;
    let body = body_of(delivery, captured);
    let signatures = signatures(sealing, rows, webhook, |secret| {
        secret.sign(&id, timestamp, &body)
    })?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let plain = |text: String| HeaderValue::try_from(text).map_err(|_| Word::new("unwritable"));
    headers.insert("webhook-id", plain(id)?);
    headers.insert("webhook-timestamp", plain(timestamp.to_string())?);
    headers.insert(SIGNATURE_HEADER, plain(signatures)?);
    let request = OutboundRequest {
        method: reqwest::Method::POST,
        url,
        headers,
        body: Bytes::from(body),
        deadline: DEADLINE,
    };
    outbound.send(request).await.map_err(|error| error.word())
}

fn body_of(delivery: &WebhookDelivery, captured: Map<String, Value>) -> Vec<u8> {
    let happened = delivery.occurred_at;
    let mut body = json!({
        "type": delivery.event,
        "timestamp": happened.to_rfc3339_opts(SecondsFormat::Micros, true),
        "data": delivery.payload,
    });
    if !captured.is_empty() {
        body["data"]["captured"] = captured.into();
    }
    body.to_string().into_bytes()
}

/// What the agent took down in the call that has ended. It is personal, so it is read at each try and not kept with the
/// delivery: what was erased meanwhile is not told (D4).
async fn captured(
    rows: &TenantStore,
    delivery: &WebhookDelivery,
) -> Result<Map<String, Value>, Word> {
    let call = delivery.key.as_str().parse().map(CallId::from_uuid);
    let Ok(call) = call else {
        return Ok(Map::new());
    };
    if delivery.event.as_str() != "call.ended" {
        return Ok(Map::new());
    }
    let fields = rows.captured_fields(call).await;
    let fields = fields.map_err(|_| Word::new("database"))?.into_iter();
    let told = |it: CapturedField| (it.field.to_string(), it.value.into_exposed().into());
    Ok(fields.map(told).collect())
}

/// By the secret, and by the one before it while it still counts.
fn signatures(
    sealing: &SealingKey,
    rows: &TenantStore,
    webhook: &Webhook,
    sign: impl Fn(&WebhookSecret) -> String,
) -> Result<String, Word> {
    let is_current = |until| until > Utc::now();
    let previous = webhook.previous_secret.as_ref();
    let previous = previous.filter(|_| webhook.previous_until.is_some_and(is_current));
    let context = secret_context(rows.scope().tenant, webhook.id);
    let mut signatures = Vec::new();
    for sealed in std::iter::once(&webhook.sealed_secret).chain(previous) {
        let secret = sealing
            .open(sealed.expose(), &context)
            .map_err(|_| Word::new("sealed_elsewhere"))?;
        let secret = WebhookSecret::parse(&secret).ok_or(Word::new("bad_secret"))?;
        signatures.push(sign(&secret));
    }
    Ok(signatures.join(" "))
}

/// The pause a busy receiver asks for, within bounds.
fn pause_of(answer: &OutboundAnswer) -> Option<Duration> {
    let seconds = answer
        .headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .parse()
        .ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

async fn disable(rows: &TenantStore, webhook: &Webhook) -> Result<(), JobError> {
    if rows
        .set_webhook_state(webhook.id, WebhookState::Disabled)
        .await?
    {
        counter!(names::WEBHOOKS_DISABLED_TOTAL).increment(1);
        tracing::error!(webhook_id = %webhook.id, "a webhook endpoint was disabled: it is gone, or failed for days");
    }
    Ok(())
}
