//! `/api/v1/webhooks` and `/api/v1/webhook-deliveries`: where the tenant is told of what happened, and how that went. The
//! same rules as `switchboard webhook`.

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::header::LOCATION;
use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use switchboard_store::{
    PageAsk, PagePosition, Purpose, WebhookDelivery, WebhookId, WebhookListing, WebhookState,
};

use super::idempotency::KeptAnswer;
use super::page::wrong;
use super::{ApiContext, Input, Listing, Page, parse_id};
use crate::config::Secret;
use crate::http::{Problem, Visitor};
use crate::webhooks::{self, WebhookRefusal};

pub(super) fn routes() -> Router<ApiContext> {
    Router::new()
        .route("/api/v1/webhooks", get(list).post(create))
        .route("/api/v1/webhooks/{id}", get(show).delete(remove))
        .route("/api/v1/webhooks/{id}/rotate", post(rotate))
        .route("/api/v1/webhooks/{id}/enable", post(enable))
        .route("/api/v1/webhook-deliveries", get(deliveries))
        .route("/api/v1/webhook-deliveries/{id}", get(delivery))
        .route("/api/v1/webhook-deliveries/{id}/replay", post(replay))
}

/// All endpoints. A tenant has a handful: a page would be an empty promise.
#[derive(Serialize)]
struct AllWebhooks {
    items: Vec<WebhookListing>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewWebhookBody {
    url: String,
    /// Left out: all events.
    #[serde(default)]
    events: Vec<String>,
}

async fn list(
    State(context): State<ApiContext>,
    identity: Visitor,
) -> Result<Json<AllWebhooks>, Problem> {
    let rows = context.rows(&identity, Purpose::List);
    let items = rows.list_webhooks().await?;
    Ok(Json(AllWebhooks { items }))
}

async fn show(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
) -> Result<Json<WebhookListing>, Problem> {
    listed(&context, &identity, parse_id(&id)?).await.map(Json)
}

async fn listed(
    context: &ApiContext,
    identity: &Visitor,
    id: WebhookId,
) -> Result<WebhookListing, Problem> {
    let rows = context.rows(identity, Purpose::List);
    let mut all = rows.list_webhooks().await?.into_iter();
    all.find(|webhook| webhook.id == id)
        .ok_or_else(Problem::not_found)
}

async fn create(
    State(context): State<ApiContext>,
    identity: Visitor,
    Input(body): Input<NewWebhookBody>,
) -> Result<Response, Problem> {
    let rows = context.rows(&identity, Purpose::Configure);
    let NewWebhookBody { url, events } = body;
    let added = webhooks::add(&rows, &context.sealing, &context.outbound, &url, &events).await;
    let (id, secret) = added.map_err(refuse)?;
    let shown = json!(listed(&context, &identity, id).await?);
    let location = [(LOCATION, format!("/api/v1/webhooks/{id}"))];
    Ok((StatusCode::CREATED, location, once(shown, &secret)).into_response())
}

async fn rotate(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let id = parse_id(&id)?;
    let rows = context.rows(&identity, Purpose::Configure);
    let rotated = webhooks::rotate(&rows, &context.sealing, id).await;
    let secret = rotated.map_err(refuse)?.ok_or_else(Problem::not_found)?;
    let shown = json!(listed(&context, &identity, id).await?);
    Ok(once(shown, &secret))
}

/// The answer with the secret, of which nothing is kept for a repetition: it is shown once.
fn once(mut shown: Value, secret: &Secret) -> Response {
    let kept = KeptAnswer(shown.to_string());
    shown["secret"] = secret.expose().into();
    let mut response = Json(shown).into_response();
    response.extensions_mut().insert(kept);
    response
}

async fn remove(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let rows = context.rows(&identity, Purpose::Configure);
    let removed = WebhookState::Removed;
    if !rows.set_webhook_state(parse_id(&id)?, removed).await? {
        return Err(Problem::not_found());
    }
    Ok(StatusCode::NO_CONTENT)
}

/// One that is enabled already stays so: a repetition has the same answer.
async fn enable(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
) -> Result<Json<WebhookListing>, Problem> {
    let id = parse_id(&id)?;
    let rows = context.rows(&identity, Purpose::Configure);
    rows.set_webhook_state(id, WebhookState::Enabled).await?;
    listed(&context, &identity, id).await.map(Json)
}

async fn deliveries(
    State(context): State<ApiContext>,
    identity: Visitor,
    uri: Uri,
) -> Result<Json<Listing<WebhookDelivery>>, Problem> {
    let page = Page::read(
        &context,
        &identity,
        "webhook-deliveries",
        &uri,
        &["webhook"],
    )?;
    let endpoint = page.filter("webhook").map(str::parse::<WebhookId>);
    let endpoint = endpoint
        .transpose()
        .map_err(|_| wrong("webhook", "must be the id of one"))?;
    let rows = context.rows(&identity, Purpose::List);
    let ask = PageAsk {
        after: page.after(),
        rows: page.rows(),
    };
    let found = rows.page_webhook_deliveries(endpoint, &ask).await?;
    page.answer(&context, found, |delivery| PagePosition {
        at: delivery.created_at,
        id: delivery.id.uuid(),
    })
}

async fn delivery(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let id = parse_id(&id)?;
    let rows = context.rows(&identity, Purpose::List);
    let found = rows.webhook_delivery(id).await?;
    let mut shown = json!(found.ok_or_else(Problem::not_found)?);
    shown["tries"] = json!(rows.webhook_tries(id).await?);
    Ok(Json(shown))
}

async fn replay(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let id = parse_id(&id)?;
    let rows = context.rows(&identity, Purpose::Configure);
    if !rows.replay_webhook(id).await? {
        return Err(Problem::not_found());
    }
    context.reception.jobs.ring();
    let answer = json!({ "id": id, "state": "waiting" });
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

fn refuse(refusal: WebhookRefusal) -> Problem {
    let detail = refusal.to_string();
    match refusal {
        WebhookRefusal::Address(_) => Problem::invalid().with_detail(detail).with_pointer("/url"),
        WebhookRefusal::Event(_) => Problem::invalid()
            .with_detail(detail)
            .with_pointer("/events"),
        WebhookRefusal::Store(error) => error.into(),
        WebhookRefusal::Secret => Problem::internal(),
    }
}
