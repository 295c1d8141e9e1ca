//! A collector of traces that takes only what a real one takes: OTLP over HTTP as protobuf, decoded by the official types.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test binary uses its own part of it"
)]

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

#[derive(Default)]
struct Taken {
    spans: Vec<Span>,
    /// Everything that was sent, as text with what is no text in it.
    text: String,
    services: Vec<String>,
    keys: Vec<String>,
    refused: Vec<String>,
}

#[derive(Clone, Default)]
pub struct Collector {
    pub url: String,
    taken: Arc<Mutex<Taken>>,
}

impl Collector {
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let collector = Self {
            url: format!("http://{}", listener.local_addr().expect("an address")),
            taken: Arc::default(),
        };
        let routes = Router::new()
            .route("/v1/traces", post(take))
            .with_state(collector.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        collector
    }

    fn with<T>(&self, read: impl FnOnce(&Taken) -> T) -> T {
        read(&self.taken.lock().expect("not poisoned"))
    }

    pub fn spans(&self) -> Vec<Span> {
        self.with(|taken| taken.spans.clone())
    }

    pub fn text(&self) -> String {
        self.with(|taken| taken.text.clone())
    }

    pub fn services(&self) -> Vec<String> {
        self.with(|taken| taken.services.clone())
    }

    pub fn keys(&self) -> Vec<String> {
        self.with(|taken| taken.keys.clone())
    }

    pub fn refused(&self) -> Vec<String> {
        self.with(|taken| taken.refused.clone())
    }
}

/// The text of an attribute, whatever its kind.
pub fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|it| it.key == key)?;
    found.value.as_ref().map(text_of)
}

fn text_of(value: &AnyValue) -> String {
    match &value.value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(truth)) => truth.to_string(),
        other => format!("{other:?}"),
    }
}

async fn take(State(collector): State<Collector>, headers: HeaderMap, body: Bytes) -> Response {
    let mut taken = collector.taken.lock().expect("not poisoned");
    match read(&headers, &body) {
        Ok(request) => {
            taken.text += &String::from_utf8_lossy(&body);
            let key = headers.get("authorization");
            taken
                .keys
                .extend(key.map(|key| key.to_str().expect("text").to_owned()));
            for part in request.resource_spans {
                let resource = part.resource.expect("checked");
                taken
                    .services
                    .extend(attribute(&resource.attributes, "service.name"));
                let spans = part.scope_spans.into_iter().flat_map(|scope| scope.spans);
                taken.spans.extend(spans);
            }
            let answer = ExportTraceServiceResponse::default().encode_to_vec();
            ([("content-type", "application/x-protobuf")], answer).into_response()
        }
        Err(why) => {
            taken.refused.push(why.clone());
            (StatusCode::BAD_REQUEST, why).into_response()
        }
    }
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<ExportTraceServiceRequest, String> {
    let content_type = headers.get("content-type").map(|value| value.as_bytes());
    if content_type != Some(b"application/x-protobuf") {
        return Err(format!("no protobuf: {content_type:?}"));
    }
    let request = ExportTraceServiceRequest::decode(body).map_err(|error| error.to_string())?;
    for part in &request.resource_spans {
        let resource = part.resource.as_ref().ok_or("no resource")?;
        attribute(&resource.attributes, "service.name").ok_or("no service")?;
        for span in part.scope_spans.iter().flat_map(|scope| &scope.spans) {
            check(span)?;
        }
    }
    Ok(request)
}

/// What the specification asks of a span.
fn check(span: &Span) -> Result<(), String> {
    let is_id = |id: &[u8], bytes: usize| id.len() == bytes && id.iter().any(|byte| *byte != 0);
    if !is_id(&span.trace_id, 16) || !is_id(&span.span_id, 8) {
        return Err(format!("an id that is none: {}", span.name));
    }
    if !span.parent_span_id.is_empty() && !is_id(&span.parent_span_id, 8) {
        return Err(format!("a parent that is none: {}", span.name));
    }
    if span.name.is_empty() || span.start_time_unix_nano == 0 {
        return Err("a span without name or time".to_owned());
    }
    if span.end_time_unix_nano < span.start_time_unix_nano {
        return Err(format!("{} ends before it begins", span.name));
    }
    Ok(())
}
