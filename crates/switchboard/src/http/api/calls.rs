//! `GET /api/v1/calls` and `GET /api/v1/calls/{id}`: the tenant's calls, newest first. One that we place shows its wish too.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use http::Uri;
use serde_json::{Value, json};
use switchboard_store::{CallFilter, CallListing, CallStatus, PagePosition, Purpose};

use super::page::wrong;
use super::{ApiContext, Listing, Page, outgoing, parse_id};
use crate::http::{Problem, Visitor};

pub(super) fn routes() -> Router<ApiContext> {
    Router::new()
        .route("/api/v1/calls", get(list))
        .route("/api/v1/calls/{id}", get(show))
}

async fn list(
    State(context): State<ApiContext>,
    identity: Visitor,
    uri: Uri,
) -> Result<Json<Listing<CallListing>>, Problem> {
    let page = Page::read(&context, &identity, "calls", &uri, &["agent", "status"])?;
    let status = page.filter("status").map(|text| {
        text.parse::<CallStatus>()
            .map_err(|_| wrong("status", "must be offered, ringing, answered or ended"))
    });
    let filter = CallFilter {
        agent: page.filter("agent").map(ToOwned::to_owned),
        status: status.transpose()?,
    };
    let rows = context.rows(&identity, Purpose::List);
    let calls = rows.page_calls(&filter, &page.ask()).await?;
    page.answer(&context, calls, |call| PagePosition {
        at: call.offered_at,
        id: call.id.uuid(),
    })
}

async fn show(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
) -> Result<Json<Value>, Problem> {
    let rows = context.rows(&identity, Purpose::List);
    let id = parse_id(&id)?;
    let call = rows.call(id).await?;
    if let Some(placed) = outgoing::view(&rows, id, call.as_ref()).await? {
        return Ok(Json(placed));
    }
    call.map(|call| Json(json!(call)))
        .ok_or_else(Problem::not_found)
}
