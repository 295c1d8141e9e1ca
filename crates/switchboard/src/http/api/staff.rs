//! `/api/v1/staff`: who may sign in, as what. Changes need a password or code shown lately; nobody gives more than they
//! have, and the last owner stays. (Threats H7, T4.)

use axum::extract::{Path, State};
use axum::routing::{get, patch};
use axum::{Json, Router};
use chrono::{TimeDelta, Utc};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use switchboard_store::{
    NewStaff, Private, Purpose, StaffId, StaffListing, StaffRole, TenantStore,
};

use super::session::{check_email, check_text};
use super::{ApiContext, Input, parse_id};
use crate::http::{Problem, Visitor};
use crate::staff::Capability;

/// How long an invitation can be used.
const INVITATION_LIFE: TimeDelta = TimeDelta::days(3);

pub(super) fn routes() -> Router<ApiContext> {
    Router::new()
        .route("/api/v1/staff", get(list).post(invite))
        .route("/api/v1/staff/{id}", patch(change).delete(disable))
}

/// Everybody. A business is not so large that its people need pages.
#[derive(Serialize)]
struct Everybody {
    items: Vec<StaffListing>,
    next_cursor: Option<String>,
}

async fn list(
    State(context): State<ApiContext>,
    visitor: Visitor,
) -> Result<Json<Everybody>, Problem> {
    let items = context.rows(&visitor, Purpose::List).list_staff().await?;
    Ok(Json(Everybody {
        items,
        next_cursor: None,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPerson {
    name: Private<String>,
    email: Private<String>,
    role: StaffRole,
}

/// The link is shown to whoever invites, once. Nothing is mailed.
#[derive(Serialize)]
struct Invited {
    id: StaffId,
    link: Private<String>,
}

async fn invite(
    State(context): State<ApiContext>,
    visitor: Visitor,
    Input(body): Input<NewPerson>,
) -> Result<(StatusCode, Json<Invited>), Problem> {
    check_text(body.name.expose(), "/name")?;
    check_text(body.email.expose(), "/email")?;
    check_email(body.email.expose())?;
    may_give(&visitor, body.role)?;
    let rows = context.rows(&visitor, Purpose::Configure);
    let person = NewStaff {
        name: body.name,
        email: body.email,
        role: body.role,
        password_hash: None,
        location: None,
        is_demo: false,
    };
    let id = rows.create_staff(&person).await?;
    let now = Utc::now();
    let token = rows.invite_staff(id, now, now + INVITATION_LIFE).await?;
    // Behind the number sign, so that the token is in no log of any server.
    let link = format!("/invitation#token={}", token.expose());
    let link = context
        .reception
        .settings
        .public_url()
        .as_http()
        .join(&link);
    Ok((
        StatusCode::CREATED,
        Json(Invited {
            id,
            link: link.into(),
        }),
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    role: StaffRole,
}

async fn change(
    State(context): State<ApiContext>,
    visitor: Visitor,
    Path(id): Path<String>,
    Input(body): Input<Change>,
) -> Result<Json<StaffListing>, Problem> {
    let rows = context.rows(&visitor, Purpose::Configure);
    let person = reached(&rows, &visitor, &id).await?;
    may_give(&visitor, body.role)?;
    if body.role != StaffRole::Owner {
        keep_an_owner(&rows, &person).await?;
    }
    rows.set_staff_role(person.id, body.role, Utc::now())
        .await?;
    let changed = rows.staff_member(person.id).await?;
    changed.map(Json).ok_or_else(Problem::not_found)
}

async fn disable(
    State(context): State<ApiContext>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let rows = context.rows(&visitor, Purpose::Configure);
    let person = reached(&rows, &visitor, &id).await?;
    keep_an_owner(&rows, &person).await?;
    rows.disable_staff(person.id, Utc::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The person, if whoever asks is not below them.
async fn reached(rows: &TenantStore, visitor: &Visitor, id: &str) -> Result<StaffListing, Problem> {
    let person = rows.staff_member(parse_id(id)?).await?;
    let person = person.ok_or_else(Problem::not_found)?;
    may_give(visitor, person.role)?;
    Ok(person)
}

/// A manager makes no owner, and none of an owner's rights ends by a manager's hand.
fn may_give(visitor: &Visitor, role: StaffRole) -> Result<(), Problem> {
    let is_owner = visitor.may(Capability::ReadAudit);
    if role == StaffRole::Owner && !is_owner {
        return Err(Problem::not_allowed().with_detail("only owners make, change or remove owners"));
    }
    Ok(())
}

async fn keep_an_owner(rows: &TenantStore, person: &StaffListing) -> Result<(), Problem> {
    let everybody = rows.list_staff().await?;
    let is_owner = |it: &StaffListing| it.role == StaffRole::Owner && it.disabled_at.is_none();
    let has_another = everybody
        .iter()
        .any(|it| is_owner(it) && it.id != person.id);
    if person.role != StaffRole::Owner || has_another {
        return Ok(());
    }
    let title = "The last owner stays an owner";
    Err(Problem::new(StatusCode::CONFLICT, "last_owner", title))
}
