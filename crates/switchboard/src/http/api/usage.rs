//! `GET /api/v1/usage`: what was spent over a range, by day, agent, component, model or user, with a forecast.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use http::Uri;
use switchboard_store::{Purpose, Timestamp, UsageBy};

use super::ApiContext;
use super::page::{parameters, wrong};
use crate::http::{Problem, Visitor};
use crate::usage::{UsageAsk, UsageReport, report};

pub(super) fn routes() -> Router<ApiContext> {
    Router::new().route("/api/v1/usage", get(show))
}

async fn show(
    State(context): State<ApiContext>,
    identity: Visitor,
    uri: Uri,
) -> Result<Json<UsageReport>, Problem> {
    let given = parameters(&uri, &["by", "from", "to"])?;
    let by = given.get("by").map_or("day", String::as_str);
    let by = by
        .parse::<UsageBy>()
        .map_err(|_| wrong("by", "must be day, agent, component, model or user"))?;
    let time = |name: &str| {
        let read = given.get(name).map(|text| text.parse::<Timestamp>());
        read.transpose()
            .map_err(|_| wrong(name, "must be a time like 2026-11-24T09:00:00Z"))
    };
    let ask = UsageAsk {
        by,
        from: time("from")?,
        to: time("to")?,
    };
    let now = chrono::Utc::now();
    let range = ask
        .range(now)
        .map_err(|error| Problem::bad_request().with_detail(error.to_string()))?;
    let rows = context.rows(&identity, Purpose::List);
    Ok(Json(report(&rows, by, range, now).await?))
}
