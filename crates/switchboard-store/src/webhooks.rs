//! Outgoing webhooks: endpoints of a tenant, what they were told, and every try. The server seals the secrets before
//! they come here.

use serde::Serialize;
use serde_json::Value;
use sqlx::FromRow;
use sqlx::types::Json;
use uuid::Uuid;

use crate::audit::{self, Deed};
use crate::db::{Only, Tx};
use crate::error::StoreError;
use crate::ids::{JobId, WebhookDeliveryId, WebhookId};
use crate::jobs::{self, JobIds, JobKey, NewJob};
use crate::list::ListFilter;
use crate::page::PageAsk;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::{Timestamp, now};
use crate::word::Word;
use crate::words::{WebhookDeliveryState, WebhookState};

/// What sends a delivery; the shell has the kind of this name.
pub(crate) const DELIVER: Word = Word::new("webhook.deliver");

sql! {
    INSERT = "insert into webhook_endpoints (tenant_id, id, url, sealed_secret, events, state, created_at, updated_at)
        values ($1, $2, $3, $4, $5, 'enabled', $6, $6)";
    DETAIL = "select id, url, sealed_secret, previous_secret, previous_until, events, state, failing_since
        from webhook_endpoints where tenant_id = $1 and id = $2 and state <> 'removed'";
    LIST = "select id, url, events, state, failing_since, created_at from webhook_endpoints
        where tenant_id = $1 and state <> 'removed' order by created_at, id";
    STATE = "update webhook_endpoints set state = $3, failing_since = null, updated_at = $4
        where tenant_id = $1 and id = $2 and state <> 'removed' and state <> $3";
    ROTATE = "update webhook_endpoints set previous_secret = sealed_secret, previous_until = $4, sealed_secret = $3,
            updated_at = $5
        where tenant_id = $1 and id = $2 and state <> 'removed'";
    WANTED = "select id, events from webhook_endpoints where tenant_id = $1 and state = 'enabled' order by created_at, id";
    DELIVER_INSERT = "insert into webhook_deliveries (tenant_id, id, endpoint_id, event, key, payload, occurred_at, state,
            created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, 'waiting', $8, $8) on conflict (tenant_id, endpoint_id, event, key) do nothing";
    DELIVERY = "select id, endpoint_id, event, key, payload, occurred_at, state, created_at, updated_at
        from webhook_deliveries where tenant_id = $1 and id = $2";
    DELIVERIES = "select id, endpoint_id, event, key, payload, occurred_at, state, created_at, updated_at
        from webhook_deliveries where tenant_id = $1 order by created_at desc, id desc limit $2";
    PAGE = "select id, endpoint_id, event, key, payload, occurred_at, state, created_at, updated_at
        from webhook_deliveries where tenant_id = $1 and (endpoint_id = $2 or $2 is null)
            and (created_at < $3 or (created_at = $3 and id < $4) or $3 is null)
        order by created_at desc, id desc limit $5";
    TRIES = "select a.delivery_id, d.endpoint_id, d.event, a.ordinal, a.at, a.status, a.error, a.duration_ms
        from webhook_attempts a join webhook_deliveries d on d.tenant_id = $1 and d.id = a.delivery_id
        where a.tenant_id = $1 and a.delivery_id = $2 order by a.ordinal";
    DELIVERY_STATE = "update webhook_deliveries set state = $3, updated_at = $4 where tenant_id = $1 and id = $2";
    ATTEMPTS_SO_FAR = "select count(*) from webhook_attempts where tenant_id = $1 and delivery_id = $2";
    ATTEMPT = "insert into webhook_attempts (tenant_id, delivery_id, ordinal, at, status, error, duration_ms)
        values ($1, $2, $3, $4, $5, $6, $7)";
    FAILED = "update webhook_endpoints set failing_since = coalesce(failing_since, $3) where tenant_id = $1 and id = $2";
    TAKEN = "update webhook_endpoints set failing_since = null where tenant_id = $1 and id = $2";
    FAILING_SINCE = "select failing_since from webhook_endpoints where tenant_id = $1 and id = $2";
    ATTEMPTS = "select a.delivery_id, d.endpoint_id, d.event, a.ordinal, a.at, a.status, a.error, a.duration_ms
        from webhook_attempts a join webhook_deliveries d on d.tenant_id = $1 and d.id = a.delivery_id
        where a.tenant_id = $1 order by a.at desc, a.delivery_id desc, a.ordinal desc limit $2";
}

/// An endpoint to be told of events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewWebhook {
    /// Made by the writer, who seals the secret for it.
    pub id: WebhookId,
    pub url: Private<String>,
    pub sealed_secret: Private<Vec<u8>>,
    pub events: Vec<Word>,
}

/// An endpoint with what signs for it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Webhook {
    pub id: WebhookId,
    pub url: Private<String>,
    pub sealed_secret: Private<Vec<u8>>,
    pub previous_secret: Option<Private<Vec<u8>>>,
    pub previous_until: Option<Timestamp>,
    #[sqlx(json)]
    pub events: Vec<Word>,
    pub state: WebhookState,
    pub failing_since: Option<Timestamp>,
}

/// An endpoint in `switchboard webhook list`. Its keys are a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct WebhookListing {
    pub id: WebhookId,
    pub url: Private<String>,
    #[sqlx(json)]
    pub events: Vec<Word>,
    pub state: WebhookState,
    pub failing_since: Option<Timestamp>,
    pub created_at: Timestamp,
}

/// Something that happened, for whoever wants to know.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookEvent {
    /// Such as `call.ended`.
    pub event: Word,
    /// What it is about. The same event about the same thing is told once.
    pub about: Uuid,
    /// Ids, words and times.
    pub payload: Value,
    pub occurred_at: Timestamp,
}

/// One event for one endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, FromRow)]
pub struct WebhookDelivery {
    pub id: WebhookDeliveryId,
    pub endpoint_id: WebhookId,
    pub event: Word,
    pub key: JobKey,
    #[sqlx(json)]
    pub payload: Value,
    pub occurred_at: Timestamp,
    pub state: WebhookDeliveryState,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// How one try went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookTry {
    pub at: Timestamp,
    /// The HTTP status, when there was an answer.
    pub status: Option<i64>,
    /// `None`: it was taken.
    pub error: Option<Word>,
    pub duration_ms: i64,
}

/// A try in `switchboard webhook log`. Its keys are a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct WebhookAttemptListing {
    pub delivery_id: WebhookDeliveryId,
    pub endpoint_id: WebhookId,
    pub event: Word,
    pub ordinal: i64,
    pub at: Timestamp,
    pub status: Option<i64>,
    pub error: Option<Word>,
    pub duration_ms: i64,
}

impl TenantStore {
    /// Adds an endpoint and leaves an audit entry.
    pub async fn add_webhook(&self, webhook: &NewWebhook) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        execute!(
            &mut tx,
            INSERT,
            self.tenant(),
            webhook.id,
            &webhook.url,
            &webhook.sealed_secret,
            Json(&webhook.events),
            now()
        )?;
        self.webhook_changed(tx, "add", webhook.id).await
    }

    /// Enables, disables or removes an endpoint and leaves an audit entry. `false` when it is so already, or unknown.
    pub async fn set_webhook_state(
        &self,
        webhook: WebhookId,
        state: WebhookState,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let changed = execute!(&mut tx, STATE, self.tenant(), webhook, state, now())?;
        if changed == 0 {
            return Ok(false);
        }
        self.webhook_changed(tx, state.as_str(), webhook).await?;
        Ok(true)
    }

    /// Gives an endpoint a new secret; the old one signs too until `previous_until`. `false` when it is unknown.
    pub async fn rotate_webhook(
        &self,
        webhook: WebhookId,
        sealed_secret: &Private<Vec<u8>>,
        previous_until: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let changed = execute!(
            &mut tx,
            ROTATE,
            self.tenant(),
            webhook,
            sealed_secret,
            previous_until,
            now()
        )?;
        if changed == 0 {
            return Ok(false);
        }
        self.webhook_changed(tx, "rotate", webhook).await?;
        Ok(true)
    }

    pub async fn webhook(&self, webhook: WebhookId) -> Result<Option<Webhook>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, optional Webhook, DETAIL, self.tenant(), webhook)
    }

    /// Endpoints, the first added first.
    pub async fn list_webhooks(&self) -> Result<Vec<WebhookListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all WebhookListing, LIST, self.tenant())
    }

    /// Makes a delivery, and the job that sends it, for every enabled endpoint that wants this event; gives how many
    /// are new. The same event again makes none.
    pub async fn announce(&self, event: &WebhookEvent) -> Result<usize, StoreError> {
        let mut tx = self.write().await?;
        let wanted = fetch!(
            &mut tx,
            all(WebhookId, Json<Vec<Word>>),
            WANTED,
            self.tenant()
        )?;
        let mut new = 0;
        for (endpoint, events) in wanted {
            if !events.0.contains(&event.event) {
                continue;
            }
            let (id, key) = (WebhookDeliveryId::new(), JobKey::of(event.about));
            let added = execute!(
                &mut tx,
                DELIVER_INSERT,
                self.tenant(),
                id,
                endpoint,
                &event.event,
                &key,
                Json(&event.payload),
                event.occurred_at,
                now()
            )?;
            if added == 1 {
                self.ask_for_delivery(&mut tx, id, id.uuid()).await?;
                new += 1;
            }
        }
        tx.commit().await?;
        Ok(new)
    }

    /// Sends a delivery again, whatever became of it, under the same id; leaves an audit entry. `false` when it is
    /// unknown.
    pub async fn replay_webhook(&self, delivery: WebhookDeliveryId) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let waiting = WebhookDeliveryState::Waiting;
        let changed = execute!(
            &mut tx,
            DELIVERY_STATE,
            self.tenant(),
            delivery,
            waiting,
            now()
        )?;
        if changed == 0 {
            return Ok(false);
        }
        self.ask_for_delivery(&mut tx, delivery, Uuid::now_v7())
            .await?;
        let deed = Deed {
            action: "replay",
            noun: "webhook_delivery",
            noun_id: &delivery,
        };
        audit::record(&mut tx, &self.scope, deed).await?;
        tx.commit().await?;
        Ok(true)
    }

    pub async fn webhook_delivery(
        &self,
        delivery: WebhookDeliveryId,
    ) -> Result<Option<WebhookDelivery>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, optional WebhookDelivery, DELIVERY, self.tenant(), delivery)
    }

    /// Deliveries, newest first.
    pub async fn list_webhook_deliveries(
        &self,
        filter: &ListFilter,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all WebhookDelivery, DELIVERIES, self.tenant(), filter.rows_max())
    }

    /// Deliveries, newest first, of one endpoint or of all.
    pub async fn page_webhook_deliveries(
        &self,
        endpoint: Option<WebhookId>,
        ask: &PageAsk,
    ) -> Result<Vec<WebhookDelivery>, StoreError> {
        let (at, id) = (ask.after.map(|it| it.at), ask.after.map(|it| it.id));
        let mut tx = self.read().await?;
        fetch!(
            &mut tx, all WebhookDelivery, PAGE, self.tenant(), endpoint, at, id, i64::from(ask.rows)
        )
    }

    /// Tries of one delivery, the first one first.
    pub async fn webhook_tries(
        &self,
        delivery: WebhookDeliveryId,
    ) -> Result<Vec<WebhookAttemptListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all WebhookAttemptListing, TRIES, self.tenant(), delivery)
    }

    /// Stores how a try went and where the delivery stands now; gives since when its endpoint has been failing.
    pub async fn log_webhook_try(
        &self,
        delivery: &WebhookDelivery,
        state: WebhookDeliveryState,
        tried: &WebhookTry,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut tx = self.write().await?;
        let (tenant, id) = (self.tenant(), delivery.id);
        let (before,) = fetch!(&mut tx, one Only<i64>, ATTEMPTS_SO_FAR, tenant, id)?;
        execute!(
            &mut tx,
            ATTEMPT,
            tenant,
            id,
            before + 1,
            tried.at,
            tried.status,
            &tried.error,
            tried.duration_ms
        )?;
        execute!(&mut tx, DELIVERY_STATE, tenant, id, state, now())?;
        let endpoint = delivery.endpoint_id;
        match &tried.error {
            Some(_) => execute!(&mut tx, FAILED, tenant, endpoint, tried.at)?,
            None => execute!(&mut tx, TAKEN, tenant, endpoint)?,
        };
        let row = fetch!(
            &mut tx, optional Only<Option<Timestamp>>, FAILING_SINCE, tenant, delivery.endpoint_id
        )?;
        tx.commit().await?;
        Ok(row.and_then(|(since,)| since))
    }

    /// Tries, newest first.
    pub async fn list_webhook_attempts(
        &self,
        filter: &ListFilter,
    ) -> Result<Vec<WebhookAttemptListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all WebhookAttemptListing, ATTEMPTS, self.tenant(), filter.rows_max())
    }

    async fn ask_for_delivery(
        &self,
        tx: &mut Tx,
        delivery: WebhookDeliveryId,
        key: Uuid,
    ) -> Result<(), StoreError> {
        let job = NewJob {
            id: JobId::new(),
            kind: DELIVER,
            key: JobKey::of(key),
            ids: JobIds::of("delivery_id", delivery.uuid()),
            run_at: now(),
        };
        jobs::enqueue(tx, self.tenant(), &job).await.map(drop)
    }

    async fn webhook_changed(
        &self,
        mut tx: Tx,
        action: &'static str,
        webhook: WebhookId,
    ) -> Result<(), StoreError> {
        let deed = Deed {
            action,
            noun: "webhook",
            noun_id: &webhook,
        };
        audit::record(&mut tx, &self.scope, deed).await?;
        tx.commit().await
    }
}
