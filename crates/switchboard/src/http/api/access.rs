//! Who may use which route: one table. What does not stand in it is closed to people. (Threat H7.)
//!
//! The middleware asks before any route does, so no route is open because it forgot to ask.

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Method;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::ApiContext;
use crate::http::auth::{KeyIdentity, bearer_key};
use crate::http::problem::Problem;
use crate::http::visitor::{Visitor, Who};
use crate::staff::Capability as May;

/// What a route asks of whoever comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Nothing: it is the way in.
    Open,
    /// A person who is signed in, whatever the role, even one who has to set up a second factor first.
    Login,
    /// Somebody who may do this.
    May(May),
    /// The same, and a person must have shown a password or code lately.
    Proved(May),
}

/// Every route of `/api/v1` by method and pattern.
pub const ROUTES: &[(&str, &str, Access)] = &[
    ("GET", "/api/v1/session", Access::Login),
    ("POST", "/api/v1/session", Access::Open),
    ("DELETE", "/api/v1/session", Access::Login),
    ("PUT", "/api/v1/session/password", Access::Login),
    ("POST", "/api/v1/session/proof", Access::Login),
    ("POST", "/api/v1/session/second-factor", Access::Login),
    ("PUT", "/api/v1/session/second-factor", Access::Login),
    ("DELETE", "/api/v1/session/second-factor", Access::Login),
    ("GET", "/api/v1/first-run", Access::Open),
    ("POST", "/api/v1/first-run", Access::Open),
    ("POST", "/api/v1/invitation", Access::Open),
    ("GET", "/api/v1/staff", Access::May(May::ManageStaff)),
    ("POST", "/api/v1/staff", Access::Proved(May::ManageStaff)),
    (
        "PATCH",
        "/api/v1/staff/{id}",
        Access::Proved(May::ManageStaff),
    ),
    (
        "DELETE",
        "/api/v1/staff/{id}",
        Access::Proved(May::ManageStaff),
    ),
    ("GET", "/api/v1/audit", Access::May(May::ReadAudit)),
    ("GET", "/api/v1/agents", Access::May(May::ListAgents)),
    ("GET", "/api/v1/calls", Access::May(May::ListCalls)),
    ("POST", "/api/v1/calls", Access::May(May::PlaceCalls)),
    ("GET", "/api/v1/calls/{id}", Access::May(May::ListCalls)),
    (
        "GET",
        "/api/v1/calls/{id}/turns",
        Access::May(May::ReadCalls),
    ),
    (
        "GET",
        "/api/v1/calls/{id}/events",
        Access::May(May::ListCalls),
    ),
    (
        "GET",
        "/api/v1/calls/{id}/tool-calls",
        Access::May(May::ReadCalls),
    ),
    (
        "GET",
        "/api/v1/calls/{id}/usage",
        Access::May(May::ReadUsage),
    ),
    (
        "GET",
        "/api/v1/calls/{id}/consents",
        Access::May(May::ReadCalls),
    ),
    (
        "GET",
        "/api/v1/calls/{id}/latencies",
        Access::May(May::ListCalls),
    ),
    (
        "GET",
        "/api/v1/calls/{id}/peaks",
        Access::May(May::ReadCalls),
    ),
    (
        "GET",
        "/api/v1/calls/{id}/recording",
        Access::May(May::ReadCalls),
    ),
    (
        "GET",
        "/api/v1/calls/{id}/listen",
        Access::May(May::WatchLive),
    ),
    (
        "GET",
        "/api/v1/calls/{id}/take-over",
        Access::May(May::TakeOverCalls),
    ),
    (
        "POST",
        "/api/v1/calls/{id}/end",
        Access::May(May::ActOnCalls),
    ),
    (
        "POST",
        "/api/v1/calls/{id}/handoff",
        Access::May(May::ActOnCalls),
    ),
    (
        "POST",
        "/api/v1/calls/{id}/withdraw-consent",
        Access::May(May::ActOnCalls),
    ),
    (
        "GET",
        "/api/v1/voicemails/{id}/audio",
        Access::May(May::ReadCalls),
    ),
    ("GET", "/api/v1/live", Access::May(May::WatchLive)),
    ("GET", "/api/v1/live/calls", Access::May(May::WatchLive)),
    ("GET", "/api/v1/usage", Access::May(May::ReadUsage)),
    ("GET", "/api/v1/budgets", Access::May(May::ReadUsage)),
    ("PUT", "/api/v1/budgets", Access::May(May::ChangeBudgets)),
    ("GET", "/api/v1/openapi.json", Access::Open),
    ("POST", "/api/v1/voice/sessions", Access::May(May::Talk)),
    ("GET", "/api/v1/webhooks", Access::May(May::ManageWebhooks)),
    ("POST", "/api/v1/webhooks", Access::May(May::ManageWebhooks)),
    (
        "GET",
        "/api/v1/webhooks/{id}",
        Access::May(May::ManageWebhooks),
    ),
    (
        "DELETE",
        "/api/v1/webhooks/{id}",
        Access::May(May::ManageWebhooks),
    ),
    (
        "POST",
        "/api/v1/webhooks/{id}/rotate",
        Access::May(May::ManageWebhooks),
    ),
    (
        "POST",
        "/api/v1/webhooks/{id}/enable",
        Access::May(May::ManageWebhooks),
    ),
    (
        "GET",
        "/api/v1/webhook-deliveries",
        Access::May(May::ManageWebhooks),
    ),
    (
        "GET",
        "/api/v1/webhook-deliveries/{id}",
        Access::May(May::ManageWebhooks),
    ),
    (
        "POST",
        "/api/v1/webhook-deliveries/{id}/replay",
        Access::May(May::ManageWebhooks),
    ),
    ("GET", "/api/v1/switches", Access::May(May::ReadSwitches)),
    ("PUT", "/api/v1/switches", Access::May(May::ChangeSwitches)),
    (
        "DELETE",
        "/api/v1/switches",
        Access::May(May::ChangeSwitches),
    ),
];

/// What the table says of a route. A `HEAD` is a `GET`.
pub fn access_of(method: &Method, pattern: &str) -> Option<Access> {
    let method = if *method == Method::HEAD {
        "GET"
    } else {
        method.as_str()
    };
    let row = ROUTES
        .iter()
        .find(|(asked, path, _)| *asked == method && *path == pattern);
    row.map(|(_, _, access)| *access)
}

/// Lets a request in with its [`Visitor`], or answers for the route.
pub(super) async fn admit(
    State(context): State<ApiContext>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    match visitor(&context, &parts).await {
        Ok(Some(visitor)) => {
            parts.extensions.insert(visitor);
        }
        Ok(None) => {}
        Err(problem) => return problem.into_response(),
    }
    next.run(Request::from_parts(parts, body)).await
}

/// Lets a person who is signed in and may talk to agents in with their [`Visitor`]; whoever brings another credential, or
/// none, is the route's own to judge.
pub(crate) async fn admit_talker(
    State(context): State<ApiContext>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let brings_token = parts.headers.contains_key(AUTHORIZATION);
    if !brings_token && context.cookies.token(&parts.headers).is_some() {
        let identified = identify(&context, &parts).await;
        let may = identified.and_then(|visitor| check(&visitor, May::Talk).map(|()| visitor));
        match may {
            Ok(visitor) => parts.extensions.insert(visitor),
            Err(problem) => return problem.into_response(),
        };
    }
    next.run(Request::from_parts(parts, body)).await
}

/// `None`: the route is open to everybody.
async fn visitor(context: &ApiContext, parts: &Parts) -> Result<Option<Visitor>, Problem> {
    let pattern = parts.extensions.get::<MatchedPath>();
    let access = pattern.and_then(|pattern| access_of(&parts.method, pattern.as_str()));
    if access == Some(Access::Open) {
        context.cookies.check_stranger(&parts.headers)?;
        return Ok(None);
    }
    let visitor = identify(context, parts).await?;
    match (access, &visitor.who) {
        // Keys reach what is not in the table yet; people do not.
        (None, Who::Key(_)) => Ok(Some(visitor)),
        (None, Who::Login(_)) => Err(Problem::not_allowed()),
        (Some(Access::Open | Access::Login), Who::Login(_)) => Ok(Some(visitor)),
        (Some(Access::Open | Access::Login), Who::Key(_)) => Err(Problem::not_allowed()),
        (Some(Access::May(may) | Access::Proved(may)), _) => {
            check(&visitor, may)?;
            let needs_proof = matches!(access, Some(Access::Proved(_)));
            match visitor.login() {
                Some(login) if needs_proof && !login.is_proved => Err(Problem::proof_needed()),
                _ => Ok(Some(visitor)),
            }
        }
    }
}

/// Refuses whoever may not do this.
///
/// # Errors
/// 403.
pub(in crate::http) fn check(visitor: &Visitor, may: May) -> Result<(), Problem> {
    if visitor.login().is_some_and(|login| login.must_enrol) {
        return Err(Problem::second_factor_missing());
    }
    if visitor.may(may) {
        return Ok(());
    }
    Err(Problem::not_allowed())
}

/// A key, where one is brought; else the login of the cookie. A key that is wrong is not overlooked for a cookie.
///
/// # Errors
/// 401 without either, 403 for a cookie that a foreign page may have sent, 503 when neither can be looked up.
pub(in crate::http) async fn identify(
    context: &ApiContext,
    parts: &Parts,
) -> Result<Visitor, Problem> {
    let headers = &parts.headers;
    let token = context.cookies.token(headers);
    // A socket's subprotocols may hold a key, where a browser has no other place for one.
    let has_key = headers.contains_key(AUTHORIZATION) || bearer_key(headers).is_some();
    if let Some(token) = token.filter(|_| !has_key) {
        context.cookies.check(&parts.method, headers)?;
        let is_use = !matches!(parts.method, Method::GET | Method::HEAD)
            || parts.uri.path() == "/api/v1/session";
        let login = context.doorkeeper.visit(token.expose(), is_use).await?;
        return login.map(Visitor::from).ok_or_else(Problem::not_signed_in);
    }
    let key = KeyIdentity::of_request(headers, &parts.extensions).await?;
    Ok(key.into())
}
