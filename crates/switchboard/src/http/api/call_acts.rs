//! `POST /api/v1/calls/{id}/end` and `…/handoff`: staff steers a live call. Asking twice is asking once.

use axum::extract::{Path, State};
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use switchboard_call::Input;
use switchboard_call::input::{ClosingLine, Control};
use switchboard_store::{CallAct, CallDetail, CallStatus, Purpose, TenantStore};

use super::{ApiContext, parse_id};
use crate::drive::DriveInput;
use crate::handoff::TargetBook;
use crate::http::api::Input as Body;
use crate::http::{Problem, Visitor};

pub(super) fn routes() -> Router<ApiContext> {
    Router::new()
        .route("/api/v1/calls/{id}/end", post(end))
        .route("/api/v1/calls/{id}/handoff", post(hand_over))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndBody {
    /// What the caller hears first; without it the call ends at once.
    sentence: Option<Sentence>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sentence {
    /// The agent's goodbye.
    Goodbye,
    /// The agent's apology.
    Apology,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HandoffBody {
    /// The party by its configured name; without it whoever usually takes over.
    target: Option<String>,
}

/// Where the call stands after the act.
#[derive(Serialize)]
struct Steered {
    id: switchboard_store::CallId,
    state: SteeredState,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum SteeredState {
    /// The call was told.
    Accepted,
    /// It was over before.
    Ended,
}

type Answer = (StatusCode, Json<Steered>);

async fn end(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
    Body(body): Body<EndBody>,
) -> Result<Answer, Problem> {
    let rows = context.rows(&identity, Purpose::Call);
    let call = call(&rows, &id).await?;
    let control = match body.sentence {
        None => Control::End,
        Some(Sentence::Goodbye) => Control::EndSaying(ClosingLine::Goodbye),
        Some(Sentence::Apology) => Control::EndSaying(ClosingLine::Apology),
    };
    steer(&context, &rows, &call, CallAct::End, control).await
}

async fn hand_over(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
    Body(body): Body<HandoffBody>,
) -> Result<Answer, Problem> {
    let rows = context.rows(&identity, Purpose::Call);
    let call = call(&rows, &id).await?;
    if let Some(target) = &body.target {
        check_target(&context, &identity, &call, target).await?;
    }
    let control = Control::HandOver {
        target: body.target,
    };
    steer(&context, &rows, &call, CallAct::HandOver, control).await
}

async fn call(rows: &TenantStore, id: &str) -> Result<CallDetail, Problem> {
    let found = rows.call(parse_id(id)?).await?;
    found.ok_or_else(Problem::not_found)
}

/// A party is named as the agent's configuration names it, never by a number.
async fn check_target(
    context: &ApiContext,
    identity: &Visitor,
    call: &CallDetail,
    target: &str,
) -> Result<(), Problem> {
    let reception = &context.reception;
    let agent = reception.agent(identity.tenant_id, &call.agent_name).await;
    let agent = agent.map_err(|_| Problem::unavailable())?;
    let names = TargetBook::names(&reception.settings.handoff, &agent.definition);
    if names.iter().any(|name| name == target) {
        return Ok(());
    }
    let known = match names.is_empty() {
        true => "this agent has none; leave it out for whoever usually takes over".to_owned(),
        false => format!("this agent has {}", names.join(", ")),
    };
    let problem = Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "unknown_target",
        "There is no such party",
    );
    Err(problem.with_detail(known).with_pointer("/target"))
}

/// No task of this process drives the call.
pub(super) fn not_live_here() -> Problem {
    let title = "This server does not have the call";
    let problem = Problem::new(StatusCode::CONFLICT, "not_live_here", title);
    problem.with_detail("another server has it, or it is with a human already")
}

async fn steer(
    context: &ApiContext,
    rows: &TenantStore,
    call: &CallDetail,
    act: CallAct,
    control: Control,
) -> Result<Answer, Problem> {
    let (id, live) = (call.id, context.reception.live.find(call.id));
    let Some(live) = live else {
        if call.status == CallStatus::Ended || call.end_reason.is_some() {
            let state = SteeredState::Ended;
            return Ok((StatusCode::OK, Json(Steered { id, state })));
        }
        return Err(not_live_here());
    };
    // The trace comes first: nobody steers a call unseen.
    rows.note_call_act(id, act).await?;
    let is_told = live.send(DriveInput::Core(Input::Control(control)));
    let (status, state) = match is_told {
        true => (StatusCode::ACCEPTED, SteeredState::Accepted),
        false => (StatusCode::OK, SteeredState::Ended),
    };
    Ok((status, Json(Steered { id, state })))
}
