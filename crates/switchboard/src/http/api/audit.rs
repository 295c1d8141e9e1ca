//! `GET /api/v1/audit`: who changed what answers, who read what was said, who signed in and who was refused.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http::Uri;
use serde::Serialize;
use switchboard_store::{AuditListing, ListFilter, Purpose};

use super::ApiContext;
use super::page::{parameters, wrong};
use crate::http::{Problem, Visitor};

/// Entries when the request does not say, and at most.
const ROWS_DEFAULT: u32 = 100;
const ROWS_MAX: u32 = 1000;

pub(super) fn routes() -> Router<ApiContext> {
    Router::new().route("/api/v1/audit", get(list))
}

/// The newest entries; `null` because there is no older page yet.
#[derive(Serialize)]
struct Newest {
    items: Vec<AuditListing>,
    next_cursor: Option<String>,
}

async fn list(
    State(context): State<ApiContext>,
    visitor: Visitor,
    uri: Uri,
) -> Result<Json<Newest>, Problem> {
    let given = parameters(&uri, &["limit"])?;
    let limit = match given.get("limit") {
        None => ROWS_DEFAULT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|rows| (1..=ROWS_MAX).contains(rows))
            .ok_or_else(|| wrong("limit", &format!("must be 1 to {ROWS_MAX}")))?,
    };
    let rows = context.rows(&visitor, Purpose::List);
    let items = rows.list_audit_entries(&ListFilter::newest(limit)).await?;
    Ok(Json(Newest {
        items,
        next_cursor: None,
    }))
}
