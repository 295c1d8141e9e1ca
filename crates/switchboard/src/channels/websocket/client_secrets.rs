//! `POST /v1/realtime/client_secrets` and `POST /api/v1/voice/sessions`: tokens with which a browser or an app starts
//! one session with one agent (openai-realtime.md section 1.5, threat T3).
//!
//! The first speaks the vendor's shape, the second ours; both give the same token. What a session may do is the agent's:
//! session fields of a request are checked as on the connection, and none of them is kept.

mod minting;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Extension, State};
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use switchboard_store::{CallId, ContactId, Private};
use switchboard_wire::openai::{
    ClientSecret, ClientSecretRequest, EXPIRES_AFTER_S_MAX, EXPIRES_AFTER_S_MIN, IdPrefix,
    RestError, RestErrorBody, Session, SessionState, SessionUpdate, WireError, code,
    parse_client_secret_request, wire_id,
};

use super::protocol::{Credential, check_session, first_session};
use super::{FrontEndpoint, agent_profile};
use crate::http::Problem;
use crate::http::Visitor;
use crate::http::api::{ApiContext, Input, access};
use crate::http::{CallerCredential, CallerIdentity};
pub(super) use minting::MintingRate;
use minting::Wish;
pub use minting::keep_up;

/// Largest body. Clients send whole sessions with instructions and tools, which are ignored.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// The member of the vendor's body that holds what only we know.
const OWN_FIELDS: &str = "switchboard";

/// The routes, for the group that is limited per address.
pub(super) fn routes(front: Arc<FrontEndpoint>, api: ApiContext) -> Router {
    let staff_too = from_fn_with_state(api, access::admit_talker);
    Router::new()
        .route("/api/v1/voice/sessions", post(create_voice_session))
        .layer(staff_too)
        .route("/v1/realtime/client_secrets", post(create_client_secret))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(front)
}

/// What both requests may bind a session to.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Binding {
    user: Option<String>,
    contact_id: Option<ContactId>,
    project_id: Option<String>,
    context: Option<String>,
}

/// The body of ours. Unknown fields are refused, so that a misspelt `contact_id` binds nobody by silence.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VoiceSessionBody {
    agent: Option<String>,
    user: Option<String>,
    contact_id: Option<ContactId>,
    project_id: Option<String>,
    context: Option<String>,
    expires_after_s: Option<u32>,
}

/// `sess_…` of the session that a call is: told when the token is made and again when the session starts.
pub(in crate::channels) fn session_id(call: CallId) -> String {
    wire_id(IdPrefix::Session, *call.uuid().as_bytes())
}

async fn create_client_secret(
    State(front): State<Arc<FrontEndpoint>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, Problem> {
    let identity = front.reception.door.identify(&headers).await?;
    let (request, binding) = read_vendor_body(&body)?;
    let session = request.session.unwrap_or_default();
    check(&session).map_err(|error| wrong(&error))?;
    let seconds = request.expires_after.and_then(|after| after.seconds);
    let wish = Wish {
        agent: session.model.clone(),
        user: binding.user,
        contact_id: binding.contact_id,
        project_id: binding.project_id,
        context: binding.context.map(Private::new),
        seconds,
    };
    let (agent, minted) = front.mint(&identity, wish).await.map_err(in_vendor_words)?;
    let profile = agent_profile(&front.reception, &agent, 0);
    let mut effective = first_session(&profile);
    effective.expires_at = 0;
    effective.id = session_id(minted.id);
    let answer = ClientSecret {
        value: minted.token.into_exposed(),
        expires_at: u64::try_from(minted.expires_at.timestamp()).unwrap_or_default(),
        session: Box::new(effective),
    };
    Ok(([(CACHE_CONTROL, "no-store")], Json(answer)))
}

async fn create_voice_session(
    State(front): State<Arc<FrontEndpoint>>,
    staff: Option<Extension<Visitor>>,
    headers: HeaderMap,
    Input(body): Input<VoiceSessionBody>,
) -> Result<impl IntoResponse, Problem> {
    let login = staff.as_ref().and_then(|Extension(it)| it.login());
    let identity = match login {
        Some(login) => {
            let staff = CallerCredential::Staff(login.staff_id);
            CallerIdentity::of(login.tenant_id, staff)
        }
        None => front.reception.door.identify(&headers).await?,
    };
    let bounds = EXPIRES_AFTER_S_MIN..=EXPIRES_AFTER_S_MAX;
    if body.expires_after_s.is_some_and(|it| !bounds.contains(&it)) {
        return Err(Problem::invalid()
            .with_detail("a token lives for 10 to 7200 seconds")
            .with_pointer("/expires_after_s"));
    }
    let wish = Wish {
        agent: body.agent,
        user: body.user,
        contact_id: body.contact_id,
        project_id: body.project_id,
        context: body.context.map(Private::new),
        seconds: body.expires_after_s,
    };
    let (_, minted) = front.mint(&identity, wish).await?;
    let answer = json!({
        "session_id": session_id(minted.id),
        "ephemeral_token": minted.token,
        "database_session_id": minted.id,
        "expires_at": minted.expires_at,
    });
    let created = StatusCode::CREATED;
    Ok((created, [(CACHE_CONTROL, "no-store")], Json(answer)))
}

/// Whether the session's fields would be taken on the connection. None of them is kept, so any agent's session will do.
fn check(session: &SessionUpdate) -> Result<(), WireError> {
    let state = SessionState {
        model_ignored: true,
        ..SessionState::default()
    };
    check_session(
        &Session::default(),
        session.clone(),
        Credential::Token,
        state,
    )
}

/// The vendor's request, and what of ours stands in it.
fn read_vendor_body(body: &[u8]) -> Result<(ClientSecretRequest, Binding), Problem> {
    let mut value: Value = match body {
        [] => json!({}),
        body => serde_json::from_slice(body).map_err(|_| {
            wrong(&WireError::new(
                code::INVALID_JSON,
                "Could not parse the body as JSON.",
            ))
        })?,
    };
    let own = value
        .as_object_mut()
        .and_then(|fields| fields.remove(OWN_FIELDS));
    let request = parse_client_secret_request(value.to_string().as_bytes());
    let request = request.map_err(|error| wrong(&error))?;
    let binding = own.map(serde_json::from_value).transpose();
    let binding = binding.map_err(|error| {
        wrong(&WireError::new(code::INVALID_VALUE, error.to_string()).at(OWN_FIELDS))
    })?;
    Ok((request, binding.unwrap_or_default()))
}

/// 400, as the vendor answers.
fn wrong(error: &WireError) -> Problem {
    let title = "The request asks for something impossible";
    Problem::new(StatusCode::BAD_REQUEST, error.code, title)
        .with_detail(error.message.clone())
        .in_vendor_words(RestErrorBody::from(error).error)
}

/// A refusal of ours, for clients that read the vendor's errors.
fn in_vendor_words(problem: Problem) -> Problem {
    let status = problem.status();
    let kind = match status {
        StatusCode::TOO_MANY_REQUESTS => "rate_limit_exceeded",
        status if status.is_server_error() => "server_error",
        _ => "invalid_request_error",
    };
    let error = RestError {
        message: problem.detail().unwrap_or_default().to_owned(),
        kind: kind.to_owned(),
        param: None,
        code: Some(problem.code().to_owned()),
    };
    problem.in_vendor_words(error)
}
