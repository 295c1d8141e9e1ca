//! `POST /api/v1/calls`: asks an agent to call somebody. What becomes of it stands at `GET /api/v1/calls/{id}`.

use axum::extract::State;
use axum::routing::post;
use axum::{Extension, Json, Router};
use http::StatusCode;
use http::header::LOCATION;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use switchboard_store::{
    CallId, ContactId, OutgoingAttempt, OutgoingCall, PhoneNumber, Private, Purpose, StoreError,
    TenantStore, Timestamp,
};

use super::{ApiContext, IdempotencyKey, Input};
use crate::config::agent::CallPurpose;
use crate::desk::dialling::read_number;
use crate::desk::outgoing::{self, CallTarget, OutgoingRefusal, Wish};
use crate::http::{Problem, Visitor};
use crate::reception::ReceptionError;

pub(super) fn routes() -> Router<ApiContext> {
    Router::new().route("/api/v1/calls", post(create))
}

/// The body. Unknown fields are refused, so that a misspelt `not_before` rings nobody at once.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct NewCallBody {
    agent: String,
    to: Option<String>,
    contact_id: Option<ContactId>,
    purpose: CallPurpose,
    from: Option<PhoneNumber>,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
    context: Option<String>,
}

async fn create(
    State(context): State<ApiContext>,
    identity: Visitor,
    key: Option<Extension<IdempotencyKey>>,
    Input(body): Input<NewCallBody>,
) -> Result<(StatusCode, [(http::HeaderName, String); 1], Json<Value>), Problem> {
    let rows = context.rows(&identity, Purpose::Call);
    let reception = &context.reception;
    let agent = reception.agent(identity.tenant_id, &body.agent).await;
    let agent = agent.map_err(|error| match error {
        ReceptionError::NoAgent => refuse(OutgoingRefusal::UnknownAgent),
        ReceptionError::Store(error) => error.into(),
        ReceptionError::Unusable(_) => Problem::internal(),
    })?;
    let id = key.map_or_else(CallId::new, |Extension(key)| {
        same_id(&identity, &key, &body)
    });
    let wish = Wish {
        id,
        to: target(&body)?,
        agent: body.agent,
        purpose: body.purpose,
        from: body.from,
        not_before: body.not_before,
        not_after: body.not_after,
        context: body.context.map(Private::new),
        appointment: None,
    };
    let settings = &reception.settings;
    let placed = outgoing::place(
        &rows,
        settings,
        &agent.definition,
        &wish,
        chrono::Utc::now(),
    );
    let placed = placed.await.map_err(refuse)?;
    reception.jobs.ring();
    let location = [(LOCATION, format!("{CALLS}/{}", placed.id))];
    let answer = json!({
        "id": placed.id,
        "state": "waiting",
        "not_before": placed.not_before,
        "not_after": placed.not_after,
    });
    Ok((StatusCode::ACCEPTED, location, Json(answer)))
}

/// Where a call is found again.
const CALLS: &str = "/api/v1/calls";

fn target(body: &NewCallBody) -> Result<CallTarget, Problem> {
    match (&body.to, body.contact_id) {
        (Some(to), None) => {
            let number = read_number(to).map_err(|refusal| refuse(refusal.into()));
            number.map(CallTarget::Number)
        }
        (None, Some(contact)) => Ok(CallTarget::Contact(contact)),
        _ => Err(Problem::invalid()
            .with_detail("name whom to call: either `to` or `contact_id`")
            .with_pointer("/to")),
    }
}

/// The same key and the same request are the same call, also when this process dies between storing and answering.
fn same_id(identity: &Visitor, key: &IdempotencyKey, body: &NewCallBody) -> CallId {
    let mut hash = Sha256::new();
    hash.update(identity.credential().as_bytes());
    hash.update(key.0.as_bytes());
    hash.update(b"\n");
    hash.update(serde_json::to_vec(body).unwrap_or_default());
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    CallId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

fn refuse(refusal: OutgoingRefusal) -> Problem {
    let detail = refusal.to_string();
    let Some(code) = refusal.code() else {
        return match refusal {
            OutgoingRefusal::Store(error) => error.into(),
            _ => Problem::internal(),
        };
    };
    let status = match refusal {
        OutgoingRefusal::OptedOut | OutgoingRefusal::ConsentMissing => StatusCode::FORBIDDEN,
        OutgoingRefusal::PersonTooOften | OutgoingRefusal::TooManyCalls => {
            StatusCode::TOO_MANY_REQUESTS
        }
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    Problem::new(status, code, "The call is not made").with_detail(detail)
}

/// The wish behind a call that we place, as `GET /api/v1/calls/{id}` shows it.
pub(super) struct ShownWish {
    /// Whose call it is.
    pub(super) agent: String,
    /// The wish with its tries.
    pub(super) shown: Value,
}

/// The wish behind a call of this id, or the wish of this id before its first try. None when nobody wished it.
///
/// # Errors
/// The database cannot be asked.
pub(super) async fn view(rows: &TenantStore, id: CallId) -> Result<Option<ShownWish>, StoreError> {
    if let Some(wish) = rows.outgoing_call_of(id).await? {
        let attempts = rows.outgoing_attempts(wish.id).await?;
        return Ok(Some(shown(&wish, &attempts)));
    }
    let wish = rows.outgoing_call(id).await?;
    Ok(wish.map(|wish| shown(&wish, &[])))
}

fn shown(wish: &OutgoingCall, attempts: &[OutgoingAttempt]) -> ShownWish {
    let mut shown = json!(wish);
    shown["tries"] = json!(attempts);
    ShownWish {
        agent: wish.agent.clone(),
        shown,
    }
}
