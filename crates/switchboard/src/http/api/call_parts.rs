//! What belongs to one call, a route each: `/api/v1/calls/{id}/turns`, `events`, `tool-calls`, `usage`, `consents` and
//! `latencies`. What was said is a route apart from the lists, so that the audit trail tells truly who read it.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use http::Uri;
use serde::Serialize;
use switchboard_store::{
    CallDetail, CallEventReading, ConsentListing, Purpose, TenantStore, Timestamp, ToolCallReading,
    UsageListing, UsageTotal,
};

use super::latencies::{self, CallLatencies};
use super::page::{parameters, wrong};
use super::{ApiContext, parse_id};
use crate::http::{Problem, Visitor};
use crate::live::TurnRow;

pub(super) fn routes() -> Router<ApiContext> {
    Router::new()
        .route("/api/v1/calls/{id}/turns", get(turns))
        .route("/api/v1/calls/{id}/events", get(events))
        .route("/api/v1/calls/{id}/tool-calls", get(tool_calls))
        .route("/api/v1/calls/{id}/usage", get(usage))
        .route("/api/v1/calls/{id}/consents", get(consents))
        .route("/api/v1/calls/{id}/latencies", get(waits))
}

/// Rows of an answer when the request does not say. Most calls have fewer of everything.
const ROWS_DEFAULT: u32 = 1_000;
/// Rows of an answer at most: the events of a call of thirty minutes.
pub(super) const ROWS_MAX: u32 = 5_000;

/// Some of a call's rows in the order they happened.
#[derive(Serialize)]
pub(super) struct Part<T> {
    items: Vec<T>,
    /// Asks for what follows, as `after=…`; null when this was all there is now.
    next_after: Option<i64>,
}

/// Which rows are asked for.
struct Ask {
    after: i64,
    rows: u32,
}

impl Ask {
    fn read(uri: &Uri) -> Result<Self, Problem> {
        let given = parameters(uri, &["after", "limit"])?;
        let after = given.get("after").map_or(Ok(0), |text| text.parse::<i64>());
        let after = after.ok().filter(|it| *it >= 0);
        let rows = given
            .get("limit")
            .map_or(Ok(ROWS_DEFAULT), |text| text.parse());
        let rows = rows.ok().filter(|it| (1..=ROWS_MAX).contains(it));
        Ok(Self {
            after: after.ok_or_else(|| wrong("after", "must be a number that an answer named"))?,
            rows: rows.ok_or_else(|| wrong("limit", &format!("must be 1 to {ROWS_MAX}")))?,
        })
    }

    /// The answer out of rows of which one more than wanted was asked for.
    fn answer<T>(&self, mut items: Vec<T>, seq: impl Fn(&T) -> i64) -> Json<Part<T>> {
        let has_more = items.len() > self.rows as usize;
        items.truncate(self.rows as usize);
        let next_after = items.last().filter(|_| has_more).map(seq);
        Json(Part { items, next_after })
    }
}

/// A call of this tenant, or 404 as for one that is not there.
async fn call(rows: &TenantStore, id: &str) -> Result<CallDetail, Problem> {
    let found = rows.call(parse_id(id)?).await?;
    found.ok_or_else(Problem::not_found)
}

async fn turns(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<Part<TurnRow>>, Problem> {
    let ask = Ask::read(&uri)?;
    let rows = context.rows(&identity, Purpose::ReadTranscript);
    let call = call(&rows, &id).await?;
    let turns = rows.read_turns(call.id, ask.after, ask.rows + 1).await?;
    let turns = turns
        .into_iter()
        .map(|turn| TurnRow::of(call.offered_at, turn));
    Ok(ask.answer(turns.collect(), |turn| turn.turn.seq))
}

async fn events(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<Part<CallEventReading>>, Problem> {
    let ask = Ask::read(&uri)?;
    let rows = context.rows(&identity, Purpose::List);
    let call = call(&rows, &id).await?;
    let events = rows.read_call_events(call.id, ask.after, ask.rows + 1);
    Ok(ask.answer(events.await?, |event| event.seq))
}

async fn tool_calls(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Json<Part<ToolCallReading>>, Problem> {
    let ask = Ask::read(&uri)?;
    let rows = context.rows(&identity, Purpose::ReadTranscript);
    let call = call(&rows, &id).await?;
    let calls = rows.read_tool_calls(call.id, ask.after, ask.rows + 1);
    Ok(ask.answer(calls.await?, |tool| tool.seq))
}

/// The ledger of a call and its sums.
#[derive(Serialize)]
struct CallUsage {
    items: Vec<UsageListing>,
    /// Per currency. Of all rows, also when `items` were more than fit.
    totals: Vec<UsageTotal>,
}

async fn usage(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
) -> Result<Json<CallUsage>, Problem> {
    let rows = context.rows(&identity, Purpose::List);
    let call = call(&rows, &id).await?;
    Ok(Json(CallUsage {
        items: rows.read_usage(call.id, ROWS_MAX).await?,
        totals: rows
            .usage_totals(Some(call.id), Timestamp::UNIX_EPOCH)
            .await?,
    }))
}

/// Everything a call was told and answered. It is short.
#[derive(Serialize)]
struct Consents {
    items: Vec<ConsentListing>,
}

async fn consents(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
) -> Result<Json<Consents>, Problem> {
    let rows = context.rows(&identity, Purpose::ReadTranscript);
    let call = call(&rows, &id).await?;
    let items = rows.read_consents(call.id, ROWS_MAX).await?;
    Ok(Json(Consents { items }))
}

async fn waits(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
) -> Result<Json<CallLatencies>, Problem> {
    let rows = context.rows(&identity, Purpose::List);
    let call = call(&rows, &id).await?;
    let events = rows.read_call_events(call.id, 0, ROWS_MAX).await?;
    Ok(Json(latencies::of(&events)))
}
