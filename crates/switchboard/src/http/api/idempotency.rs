//! `Idempotency-Key`: a write that its sender repeats runs once and is answered every time. (Threat T6.)

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use http_body_util::BodyExt;
use switchboard_store::{
    ClaimTimes, IdempotencyClaim, IdempotentRequest, Purpose, StoredAnswer, TenantStore,
};

use super::{ApiContext, BODY_BYTES_MAX};
use crate::http::{Problem, Visitor};

/// The header of the request.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Said in an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key: twice a UUID in any notation fits, and a sentence does.
const KEY_BYTES_MAX: usize = 255;
/// How long a key is remembered. Whoever repeats a request later means another one.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);
/// A claim without an answer is somebody's running request for this long; then its process has died and the next
/// request does the work.
const RUNNING_MAX: Duration = Duration::from_secs(60);
/// Largest answer that is kept for repetitions. Answers to writes are one object.
const ANSWER_BYTES_MAX: usize = BODY_BYTES_MAX;

/// The key a request came with, for routes whose work leaves the database and must not be done twice even when this
/// process dies in the middle of it. In the extensions of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(pub String);

/// In the extensions of an answer that shows a secret: what is kept for repetitions in its place.
#[derive(Clone, Debug)]
pub(super) struct KeptAnswer(pub(super) String);

/// Runs writes with a key once. Reads and requests without a key pass.
pub(super) async fn run_once(
    State(context): State<ApiContext>,
    identity: Visitor,
    request: Request,
    next: Next,
) -> Response {
    let is_write = !matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    let key = match key_of(request.headers()) {
        Ok(Some(key)) if is_write => key,
        Ok(_) => return next.run(request).await,
        Err(problem) => return problem.into_response(),
    };
    let rows = context.rows(&identity, Purpose::Configure);
    match read(request, &identity, key).await {
        Ok((request, asked)) => answer(rows, asked, request, next).await,
        Err(problem) => problem.into_response(),
    }
}

fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(&KEY) else {
        return Ok(None);
    };
    let key = value.to_str().unwrap_or_default();
    let fits = (1..=KEY_BYTES_MAX).contains(&key.len());
    if fits && headers.get_all(&KEY).iter().count() == 1 {
        return Ok(Some(key.to_owned()));
    }
    let detail = format!("Idempotency-Key must be one text of 1 to {KEY_BYTES_MAX} characters");
    Err(Problem::bad_request().with_detail(detail))
}

/// The whole request, put together again, and what identifies it.
async fn read(
    request: Request,
    identity: &Visitor,
    key: String,
) -> Result<(Request, IdempotentRequest), Problem> {
    let pattern = request.extensions().get::<MatchedPath>();
    let pattern = pattern.map_or("none", |path| path.as_str());
    let route = format!("{} {pattern}", request.method());
    let target = request.uri().to_string();
    let (mut parts, body) = request.into_parts();
    let whole = Request::from_parts(parts.clone(), body);
    let body = Bytes::from_request(whole, &())
        .await
        .map_err(|refused| Problem::of_status(refused.status()))?;
    let mut identified = target.into_bytes();
    identified.push(b'\n');
    identified.extend_from_slice(&body);
    parts.extensions.insert(IdempotencyKey(key.clone()));
    let asked = IdempotentRequest {
        credential: identity.credential(),
        route,
        key: key.into(),
        request: identified.into(),
    };
    Ok((Request::from_parts(parts, Body::from(body)), asked))
}

async fn answer(
    rows: TenantStore,
    asked: IdempotentRequest,
    request: Request,
    next: Next,
) -> Response {
    let now = chrono::Utc::now();
    let times = ClaimTimes {
        now,
        abandoned_before: now - RUNNING_MAX,
        forget_before: now - REMEMBERED,
    };
    match rows.claim_idempotency_key(&asked, &times).await {
        Ok(IdempotencyClaim::Mine) => {}
        Ok(IdempotencyClaim::Answered(stored)) => return replay(stored),
        Ok(IdempotencyClaim::Running) => return running().into_response(),
        Ok(IdempotencyClaim::OtherRequest) => return other_request().into_response(),
        Err(error) => return Problem::from(error).into_response(),
    }
    // A task of its own: a client that hangs up does not stop what it asked for half-way, without an answer to repeat.
    let work = tokio::spawn(async move {
        let response = next.run(request).await;
        keep(&rows, &asked, response).await
    });
    let done = work.await;
    done.unwrap_or_else(|_| Problem::internal().into_response())
}

/// Keeps an answer that is final. Ours and the passing refusals give the key back, so that a repetition tries again.
async fn keep(rows: &TenantStore, asked: &IdempotentRequest, response: Response) -> Response {
    let status = response.status();
    let passes = status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    let (parts, body) = response.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return Problem::internal().into_response(),
    };
    let instead = parts.extensions.get::<KeptAnswer>();
    let to_keep = instead.map_or_else(|| body.to_vec(), |kept| kept.0.clone().into_bytes());
    let kept = if passes || body.len() > ANSWER_BYTES_MAX {
        rows.release_idempotency_key(asked).await
    } else {
        let content_type = parts.headers.get(CONTENT_TYPE);
        let content_type = content_type.and_then(|it| it.to_str().ok());
        let answer = StoredAnswer {
            status: status.as_u16(),
            content_type: content_type.map(ToOwned::to_owned),
            body: to_keep.into(),
        };
        rows.keep_idempotent_answer(asked, &answer).await
    };
    if let Err(error) = kept {
        tracing::warn!(%error, "the answer to a repeatable request could not be kept");
    }
    Response::from_parts(parts, Body::from(body))
}

fn replay(stored: StoredAnswer) -> Response {
    let mut response = Response::new(Body::from(stored.body.into_exposed()));
    *response.status_mut() = StatusCode::from_u16(stored.status).unwrap_or(StatusCode::OK);
    let headers = response.headers_mut();
    if let Some(kind) = stored
        .content_type
        .and_then(|kind| HeaderValue::from_str(&kind).ok())
    {
        headers.insert(CONTENT_TYPE, kind);
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

fn running() -> Problem {
    let title = "A request with this Idempotency-Key is still running";
    Problem::new(StatusCode::CONFLICT, "idempotency_key_running", title)
}

fn other_request() -> Problem {
    let title = "This Idempotency-Key was used for another request";
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    Problem::new(status, "idempotency_key_reused", title)
}
