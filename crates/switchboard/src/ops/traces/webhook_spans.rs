//! The carrier's questions about a call, as spans of its trace.

use std::time::SystemTime;

use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::trace::SpanEvents;
use switchboard_store::CallId;

use super::{Finished, Traces, new_span_id, root_of};
use crate::handoff::Ticket;

/// Put beside an answer by a handler that knows which call it was about.
#[derive(Clone, Copy, Debug)]
pub struct WebhookCall(pub CallId);

/// Makes a span of a webhook that was believed and belongs to a call. Layered only where traces are on.
pub async fn trace_webhook(State(traces): State<Traces>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().cloned();
    let ticket = request.uri().query().map(Ticket::parse);
    let began = SystemTime::now();
    let response = next.run(request).await;
    // A ticket proves nothing by itself; an answer that is no refusal was signed by the call's account.
    let is_believed = response.status().is_success();
    let named = ticket
        .and_then(Result::ok)
        .filter(|_| is_believed)
        .map(|ticket| ticket.call);
    let known = response.extensions().get::<WebhookCall>().map(|it| it.0);
    if let (Some(call), Some(path)) = (known.or(named), path) {
        let status = i64::from(response.status().as_u16());
        traces.webhook(call, path.as_str(), began, status);
    }
    response
}

impl Traces {
    fn webhook(&self, call: CallId, route: &str, began: SystemTime, status: i64) {
        let Some(tracing) = self.choose(call) else {
            return;
        };
        let outcome = match status {
            500.. => Status::error("refused"),
            _ => Status::Unset,
        };
        let span = Finished {
            id: new_span_id(),
            parent: root_of(call),
            kind: SpanKind::Server,
            name: format!("webhook {route}").into(),
            began,
            ended: SystemTime::now(),
            attributes: vec![
                KeyValue::new("http.route", route.to_owned()),
                KeyValue::new("http.response.status_code", status),
            ],
            events: SpanEvents::default(),
            status: outcome,
        };
        tracing.send(call, span);
    }
}
