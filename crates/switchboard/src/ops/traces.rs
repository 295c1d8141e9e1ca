//! Traces of calls, for a collector that speaks OTLP over HTTP. Off unless `telemetry.otlp_url` is set, and then a call
//! that is not chosen costs nothing.
//!
//! A trace is one call, and its id is the call's: whoever has one finds the other. Spans are made from the call's technical
//! events and from webhooks, so they hold ids, times and words from closed lists, never what people said or who they are.
//! No call waits for a collector: spans wait in a bounded queue, and what has no room there is dropped and counted.

mod call_trace;
mod exporting;
mod webhook_spans;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanLinks};
use switchboard_store::CallId;

pub use call_trace::{CallTrace, TracedCall};
use exporting::SpanQueue;
pub use webhook_spans::{WebhookCall, trace_webhook};

use crate::config::TelemetrySettings;

/// Hands spans of chosen calls to the collector. Cheap to clone; the default is off.
#[derive(Clone, Debug, Default)]
pub struct Traces(Option<Arc<Tracing>>);

#[derive(Debug)]
struct Tracing {
    queue: SpanQueue,
    sample_percent: u64,
    scope: InstrumentationScope,
}

/// A span that is over.
struct Finished {
    id: SpanId,
    parent: SpanId,
    kind: SpanKind,
    name: Cow<'static, str>,
    began: SystemTime,
    ended: SystemTime,
    attributes: Vec<KeyValue>,
    events: SpanEvents,
    status: Status,
}

impl Traces {
    /// Starts the task that sends, if there is a collector.
    ///
    /// # Errors
    /// The exporter refuses the address or the headers.
    pub fn start(settings: &TelemetrySettings, node: &str) -> Result<Self> {
        let Some(url) = &settings.otlp_url else {
            return Ok(Self(None));
        };
        let headers = settings
            .headers()
            .context("telemetry.otlp_headers is no list of headers")?;
        let queue = exporting::start(&url.as_http().join("/v1/traces"), headers, node)?;
        Ok(Self(Some(Arc::new(Tracing {
            queue,
            sample_percent: settings.sample_percent,
            scope: InstrumentationScope::builder("switchboard")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        }))))
    }

    /// Whether there is a collector.
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// The trace of a call that begins, if it is chosen.
    pub fn of_call(
        &self,
        traced: impl FnOnce() -> TracedCall,
        call: CallId,
    ) -> Option<Box<CallTrace>> {
        self.choose(call)
            .map(|tracing| Box::new(CallTrace::new(Arc::clone(tracing), traced())))
    }

    /// By the random part of the call's id, so that every process and every webhook of a call choose alike.
    fn choose(&self, call: CallId) -> Option<&Arc<Tracing>> {
        let tracing = self.0.as_ref()?;
        let random = u64::from_be_bytes(last_half(call)) & (u64::MAX >> 2);
        (random % 100 < tracing.sample_percent).then_some(tracing)
    }

    /// Waits until what was handed over is with the collector, or until the limit.
    pub async fn finished(&self, limit: Duration) {
        if let Some(tracing) = &self.0 {
            tracing.queue.finished(limit).await;
        }
    }
}

impl Tracing {
    fn send(&self, call: CallId, span: Finished) {
        let context = |id| {
            let flags = TraceFlags::SAMPLED;
            SpanContext::new(trace_of(call), id, flags, false, TraceState::default())
        };
        self.queue.push(SpanData {
            span_context: context(span.id),
            parent_span_id: span.parent,
            parent_span_is_remote: false,
            span_kind: span.kind,
            name: span.name,
            start_time: span.began,
            end_time: span.ended.max(span.began),
            attributes: span.attributes,
            dropped_attributes_count: 0,
            events: span.events,
            links: SpanLinks::default(),
            status: span.status,
            instrumentation_scope: self.scope.clone(),
        });
    }
}

fn last_half(call: CallId) -> [u8; 8] {
    let bytes = call.uuid().into_bytes();
    std::array::from_fn(|at| bytes[8 + at])
}

fn trace_of(call: CallId) -> TraceId {
    TraceId::from_bytes(call.uuid().into_bytes())
}

/// The span of the whole call: known from the call's id, so that webhooks hang on it before it is sent.
fn root_of(call: CallId) -> SpanId {
    SpanId::from_bytes(last_half(call))
}

fn new_span_id() -> SpanId {
    let mut bytes = [0; 8];
    // Without randomness the span gets the id that means none, and the collector refuses it: no call is hurt.
    let _ = getrandom::fill(&mut bytes);
    SpanId::from_bytes(bytes)
}
