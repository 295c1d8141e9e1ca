//! `GET` and `PUT /api/v1/budgets`: what a tenant's calls may cost, what today has cost, and its own limits.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use chrono::Utc;
use http::StatusCode;
use switchboard_store::Purpose;

use super::{ApiContext, Input};
use crate::budgets::{self, BudgetLimits, BudgetReport};
use crate::http::{Problem, Visitor};

pub(super) fn routes() -> Router<ApiContext> {
    Router::new().route("/api/v1/budgets", get(show).put(set))
}

async fn show(
    State(context): State<ApiContext>,
    identity: Visitor,
) -> Result<Json<BudgetReport>, Problem> {
    let rows = context.rows(&identity, Purpose::List);
    let report = budgets::report(&rows, &context.reception.settings, Utc::now()).await?;
    Ok(Json(report))
}

/// Sets all of the tenant's own limits at once: what is left out, or null, is the installation's again.
async fn set(
    State(context): State<ApiContext>,
    identity: Visitor,
    Input(own): Input<BudgetLimits>,
) -> Result<Json<BudgetReport>, Problem> {
    if let Some(name) = own.too_large() {
        let title = "The limit is larger than any that can be set";
        let problem = Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "impossible_budget", title);
        return Err(problem.with_detail(format!("{} is at most {}", name.as_str(), name.max())));
    }
    let rows = context.rows(&identity, Purpose::Configure);
    budgets::set_own(&rows, own).await?;
    let report = budgets::report(&rows, &context.reception.settings, Utc::now()).await?;
    Ok(Json(report))
}
