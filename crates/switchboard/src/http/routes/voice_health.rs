//! `GET /ops/voice-health`: how well callers are served, as a page, as JSON, or for Prometheus; and its runbook.
//!
//! All tenants are for the addresses of `http.metrics_allow`, as `/metrics` is; a tenant's API key, or the login of one of
//! its managers, shows its own. A page of the dashboard asks with `?tenant=`, which is how a login is meant. A browser that
//! is signed in gets the dashboard's page of the same name, where the dashboard is built.

use std::time::Instant;

use axum::Router;
use axum::extract::{Query, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json};
use http::header::{ACCEPT, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, FORWARDED, HeaderMap};
use http::request::Parts;
use http::{Method, StatusCode};
use switchboard_store::{Actor, ListFilter, Purpose, StoreError, Tenant, TenantId, TenantScope};

use crate::http::address::ClientAddress;
use crate::http::api::{ApiContext, access};
use crate::http::dashboard;
use crate::http::problem::Problem;
use crate::http::visitor::Visitor;
use crate::ops::alerts::WebhookAnswers;
use crate::ops::metrics::MetricsHandle;
use crate::ops::runbook;
use crate::ops::voice_health::{
    LiveWaits, STYLESHEET, STYLESHEET_PATH, ShownAlert, TenantCounts, VoiceHealth, Window,
    WindowQuery,
};
use crate::reception::Reception;
use crate::staff::Capability;

/// Alerts shown per tenant; what is older is in `switchboard list alerts`.
const ALERTS_MAX: u32 = 50;
/// Paths of webhooks whose answer decides what a caller hears.
const CALL_WEBHOOKS: [&str; 2] = ["/twilio/voice", "/twilio/dial-ended"];

#[derive(Clone)]
struct Ops {
    reception: Reception,
    metrics: MetricsHandle,
    api: ApiContext,
}

/// How the answer is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Page,
    Json,
    Prometheus,
}

/// Who asks.
#[derive(Clone, Copy)]
enum Viewer {
    /// Everything, by address.
    Operator,
    Tenant(TenantId, Actor),
}

/// The routes of the operations view.
pub fn routes(api: ApiContext, metrics: MetricsHandle) -> Router {
    let reception = api.reception.clone();
    Router::new()
        .route("/ops/voice-health", get(by_accept))
        .route("/ops/voice-health.json", get(json))
        .route("/ops/voice-health.prom", get(prometheus))
        .route(STYLESHEET_PATH, get(stylesheet))
        .route("/ops/runbook", get(runbook_page))
        .with_state(Ops {
            reception,
            metrics,
            api,
        })
}

/// Counts how the carrier's questions about calls were answered. A refused signature is no failure of ours.
pub async fn count_answer(
    State(answers): State<WebhookAnswers>,
    request: Request,
    next: Next,
) -> Response {
    let decides = request.method() == Method::POST && CALL_WEBHOOKS.contains(&request.uri().path());
    let began = Instant::now();
    let response = next.run(request).await;
    if decides {
        answers.answered(began.elapsed(), response.status().is_server_error());
    }
    response
}

async fn by_accept(
    State(ops): State<Ops>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    query: Query<WindowQuery>,
    request: Request,
) -> Response {
    let accept = request.headers().get(ACCEPT);
    let accept = accept
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let format = if accept.contains("text/html") {
        let headers = request.headers();
        let is_person = !headers.contains_key(AUTHORIZATION) && ops.api.has_login(headers);
        if let Some(app) = is_person.then(|| dashboard::app(headers)).flatten() {
            return app;
        }
        Format::Page
    } else if accept.contains("application/json") {
        Format::Json
    } else {
        Format::Page
    };
    ops.answer(address, query.0, format, request).await
}

async fn json(
    State(ops): State<Ops>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    query: Query<WindowQuery>,
    request: Request,
) -> Response {
    ops.answer(address, query.0, Format::Json, request).await
}

async fn prometheus(
    State(ops): State<Ops>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    query: Query<WindowQuery>,
    request: Request,
) -> Response {
    ops.answer(address, query.0, Format::Prometheus, request)
        .await
}

async fn stylesheet() -> Response {
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        (CACHE_CONTROL, "public, max-age=300"),
    ];
    (headers, STYLESHEET).into_response()
}

async fn runbook_page() -> Response {
    (
        [(CONTENT_TYPE, "text/html; charset=utf-8")],
        runbook::page(),
    )
        .into_response()
}

impl Ops {
    async fn answer(
        &self,
        address: std::net::IpAddr,
        query: WindowQuery,
        format: Format,
        request: Request,
    ) -> Response {
        let (parts, _) = request.into_parts();
        let viewer = match self.viewer(address, &query, &parts).await {
            Ok(viewer) => viewer,
            Err(problem) => return problem.into_response(),
        };
        match self.health(viewer, &query).await {
            Ok((health, tenants)) => written(&health, &tenants, format),
            Err(problem) => problem.into_response(),
        }
    }

    /// A key or a login says whose calls are shown; an address that is allowed to see all does. On such an address a login
    /// narrows nothing, unless the request names its tenant, as pages of the dashboard do.
    async fn viewer(
        &self,
        address: std::net::IpAddr,
        query: &WindowQuery,
        parts: &Parts,
    ) -> Result<Viewer, Problem> {
        let headers = &parts.headers;
        let names_tenant = query.tenant.as_deref().is_some_and(|it| !it.is_empty());
        let has_key = headers.contains_key(AUTHORIZATION);
        let has_login = !has_key && self.api.has_login(headers);
        let sees_all = self.sees_all(address, headers);
        if has_key || has_login && (names_tenant || !sees_all) {
            let visitor = access::identify(&self.api, parts).await?;
            access::check(&visitor, Capability::ReadHealth)?;
            if has_login && names_tenant {
                self.check_tenant(&visitor, query).await?;
            }
            return Ok(Viewer::Tenant(visitor.tenant_id, visitor.actor()));
        }
        if sees_all {
            return Ok(Viewer::Operator);
        }
        Err(Problem::not_signed_in())
    }

    fn sees_all(&self, address: std::net::IpAddr, headers: &HeaderMap) -> bool {
        let http = &self.reception.settings.http;
        let mut blocks = http.metrics_allow.iter();
        // A proxy that nobody configured hides whose request it is: then loopback means anybody.
        let is_hidden = http.trusted_proxies.is_empty() && is_forwarded(headers);
        blocks.any(|block| block.contains(address)) && !is_hidden
    }

    /// A page that names another tenant than its login's is not answered with this one's figures.
    async fn check_tenant(&self, visitor: &Visitor, query: &WindowQuery) -> Result<(), Problem> {
        let wanted = query.tenant.as_deref().unwrap_or_default();
        let found = self
            .reception
            .store
            .installation()
            .find_tenant(wanted)
            .await;
        let found = found.map_err(away)?;
        if found.is_some_and(|tenant| tenant.id == visitor.tenant_id) {
            return Ok(());
        }
        Err(Problem::not_found().with_detail("there is no such tenant"))
    }

    async fn health(
        &self,
        viewer: Viewer,
        query: &WindowQuery,
    ) -> Result<(VoiceHealth, Vec<String>), Problem> {
        let window = Window::of(query, chrono::Utc::now())
            .map_err(|error| Problem::bad_request().with_detail(error.to_string()))?;
        let store = &self.reception.store;
        let all = store.installation().list_tenants().await.map_err(away)?;
        let wanted = query.tenant.as_deref().filter(|name| !name.is_empty());
        let (shown, choice, is_all): (Vec<&Tenant>, _, _) = match (viewer, wanted) {
            (Viewer::Tenant(tenant, _), _) => (
                all.iter().filter(|it| it.id == tenant).collect(),
                Vec::new(),
                false,
            ),
            (Viewer::Operator, Some(name)) => {
                let found = all.iter().filter(|it| it.name == name).collect();
                (found, names_of(&all), false)
            }
            (Viewer::Operator, None) => (all.iter().collect(), names_of(&all), true),
        };
        if shown.is_empty() && !is_all {
            return Err(Problem::not_found().with_detail("there is no such tenant"));
        }
        let actor = match viewer {
            Viewer::Operator => Actor::Operator,
            Viewer::Tenant(_, actor) => actor,
        };
        let newest = ListFilter::newest(ALERTS_MAX);
        let mut parts = Vec::with_capacity(shown.len());
        let mut alerts = Vec::new();
        for tenant in &shown {
            let rows = store.tenant(TenantScope::new(tenant.id, actor, Purpose::List));
            let counts = rows.health_counts(&window.rows()).await.map_err(away)?;
            let own = rows.list_alerts(Some(window.from), &newest);
            let own = own
                .await
                .map_err(away)?
                .into_iter()
                .map(|alert| ShownAlert {
                    tenant: Some(tenant.name.clone()),
                    alert,
                });
            alerts.extend(own);
            let name = tenant.name.clone();
            parts.push(TenantCounts { name, counts });
        }
        if is_all {
            let under = store.installation();
            let under = under.list_alerts(Some(window.from), &newest);
            let under = under.await.map_err(away)?.into_iter();
            alerts.extend(under.map(|alert| ShownAlert {
                tenant: None,
                alert,
            }));
        }
        alerts.retain(|shown| shown.alert.raised_at < window.to);
        alerts.sort_by_key(|shown| std::cmp::Reverse(shown.alert.raised_at));
        let tenant = (!is_all)
            .then(|| shown.first().map(|it| it.name.clone()))
            .flatten();
        let mut health = VoiceHealth::of(&self.reception.settings, &window, tenant, &parts);
        health.alerts = alerts;
        // The histograms know no tenants.
        if is_all {
            health.live = LiveWaits::of(&self.metrics.render());
        }
        Ok((health, choice))
    }
}

fn names_of(tenants: &[Tenant]) -> Vec<String> {
    tenants.iter().map(|tenant| tenant.name.clone()).collect()
}

fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(FORWARDED)
        || headers.contains_key("x-forwarded-for")
        || headers.contains_key("x-real-ip")
}

fn away(error: StoreError) -> Problem {
    tracing::warn!(%error, "the voice health figures cannot be counted");
    Problem::unavailable()
}

fn written(health: &VoiceHealth, tenants: &[String], format: Format) -> Response {
    match format {
        Format::Page => {
            let page = health.page(tenants);
            (
                StatusCode::OK,
                [(CONTENT_TYPE, "text/html; charset=utf-8")],
                page,
            )
                .into_response()
        }
        Format::Json => Json(health).into_response(),
        Format::Prometheus => {
            let kind = "text/plain; version=0.0.4; charset=utf-8";
            ([(CONTENT_TYPE, kind)], health.prometheus()).into_response()
        }
    }
}
