//! `GET`, `PUT` and `DELETE /api/v1/switches`: what the tenant switched for itself or for one of its numbers.
//!
//! A key reaches its tenant only: what is set for the whole installation is shown and cannot be changed here.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use switchboard_store::{NewSwitch, PhoneNumber, Purpose, StoreError, Switch, SwitchListing};

use super::page::{parameters, wrong};
use super::{ApiContext, Input};
use crate::http::{Problem, Visitor};
use crate::switches::{ImpossibleSwitch, parse_switch, parse_value};

pub(super) fn routes() -> Router<ApiContext> {
    Router::new().route("/api/v1/switches", get(list).put(set).delete(clear))
}

/// Everything that is set. It is short: a page would be an empty promise.
#[derive(Serialize)]
struct AllSwitches {
    items: Vec<SwitchListing>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    switch: String,
    value: String,
    /// For this number only.
    number: Option<PhoneNumber>,
    /// Until then; without it, until it is cleared.
    expires_at: Option<DateTime<Utc>>,
}

async fn list(
    State(context): State<ApiContext>,
    identity: Visitor,
) -> Result<Json<AllSwitches>, Problem> {
    let rows = context.rows(&identity, Purpose::List);
    let items = rows.list_switches().await?;
    Ok(Json(AllSwitches { items }))
}

async fn set(
    State(context): State<ApiContext>,
    identity: Visitor,
    Input(wanted): Input<Wanted>,
) -> Result<Json<SwitchListing>, Problem> {
    let switch = parse_switch(&wanted.switch).map_err(|it| impossible(&it, "/switch"))?;
    let value = parse_value(switch, &wanted.value).map_err(|it| impossible(&it, "/value"))?;
    if wanted.expires_at.is_some_and(|at| at <= Utc::now()) {
        let problem = Problem::invalid().with_detail("expires_at has passed");
        return Err(problem.with_pointer("/expires_at"));
    }
    let new = NewSwitch {
        switch,
        value,
        expires_at: wanted.expires_at,
    };
    let rows = context.rows(&identity, Purpose::Configure);
    let number = wanted.number.as_ref();
    rows.put_switch(number, &new)
        .await
        .map_err(unknown_number)?;
    let listed = rows.list_switches().await?;
    find(listed, switch, number)
        .map(Json)
        .ok_or_else(Problem::not_found)
}

async fn clear(
    State(context): State<ApiContext>,
    identity: Visitor,
    uri: Uri,
) -> Result<StatusCode, Problem> {
    let given = parameters(&uri, &["switch", "number"])?;
    let name = given
        .get("switch")
        .ok_or_else(|| wrong("switch", "must name what to clear"))?;
    let switch = parse_switch(name).map_err(|it| wrong("switch", &it.to_string()))?;
    let number = given.get("number").map(|text| PhoneNumber::parse(text));
    let number = number.transpose().map_err(|_| {
        wrong(
            "number",
            "must be like +12025550103, with its + written %2B",
        )
    })?;
    let rows = context.rows(&identity, Purpose::Configure);
    // What was not set is cleared as well: a repetition has the same answer.
    rows.clear_switch(number.as_ref(), switch)
        .await
        .map_err(unknown_number)?;
    Ok(StatusCode::NO_CONTENT)
}

fn find(
    listed: Vec<SwitchListing>,
    switch: Switch,
    number: Option<&PhoneNumber>,
) -> Option<SwitchListing> {
    let is_it = |it: &SwitchListing| {
        it.switch == switch
            && it.number.as_ref() == number
            && it.scope != switchboard_store::SwitchScope::Installation
    };
    listed.into_iter().find(is_it)
}

fn impossible(refused: &ImpossibleSwitch, pointer: &str) -> Problem {
    let title = "The switch cannot be set to this";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "impossible_switch", title)
        .with_detail(refused.to_string())
        .with_pointer(pointer)
}

/// Somebody else's number and one that nobody has are answered alike (threat H7).
fn unknown_number(error: StoreError) -> Problem {
    match error {
        StoreError::NotFound { .. } => {
            Problem::not_found().with_detail("this tenant has no such number")
        }
        other => other.into(),
    }
}
