//! The bounded queue of spans, and the task that sends them in batches.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result};
use metrics::counter;
use opentelemetry::KeyValue;
use opentelemetry_otlp::{
    Protocol, SpanExporter as OtlpExporter, WithExportConfig, WithHttpConfig,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::ops::metrics::names;

/// Spans that may wait: some fifty calls of thirty spans. Past it spans are dropped and counted.
const SPANS_WAITING_MAX: usize = 2_048;
/// Spans in one request.
const BATCH_SPANS_MAX: usize = 512;
/// How long the first span of a batch waits for others.
const GATHER_TIME: Duration = Duration::from_secs(1);
/// One batch, with all that the exporter does to send it again.
const SEND_TIME_MAX: Duration = Duration::from_secs(10);

enum Order {
    Send(Box<SpanData>),
    /// Say so when everything before it was sent or given up.
    Report(oneshot::Sender<()>),
}

/// The end of the queue that calls hold.
#[derive(Debug)]
pub(super) struct SpanQueue(mpsc::Sender<Order>);

impl SpanQueue {
    /// Never waits.
    pub(super) fn push(&self, span: SpanData) {
        if self.0.try_send(Order::Send(Box::new(span))).is_err() {
            counter!(names::SPANS_DROPPED_TOTAL, "reason" => "queue_full").increment(1);
        }
    }

    pub(super) async fn finished(&self, limit: Duration) {
        let (done, sent) = oneshot::channel();
        let all = async {
            if self.0.send(Order::Report(done)).await.is_ok() {
                let _ = sent.await;
            }
        };
        let _ = timeout(limit, all).await;
    }
}

/// Starts the task that sends to `endpoint`.
pub(super) fn start(
    endpoint: &str,
    headers: Vec<(String, String)>,
    node: &str,
) -> Result<SpanQueue> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(SEND_TIME_MAX)
        .build()
        .context("cannot prepare requests to the collector")?;
    let mut exporter = OtlpExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(endpoint)
        .with_protocol(Protocol::HttpBinary)
        .with_headers(headers.into_iter().collect::<HashMap<_, _>>())
        .with_timeout(SEND_TIME_MAX)
        .build()
        .context("cannot send traces to telemetry.otlp_url")?;
    let resource = Resource::builder_empty().with_attributes([
        KeyValue::new("service.name", "switchboard"),
        KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        KeyValue::new("service.instance.id", node.to_owned()),
    ]);
    exporter.set_resource(&resource.build());
    let (queue, orders) = mpsc::channel(SPANS_WAITING_MAX);
    tokio::spawn(send_all(orders, exporter));
    Ok(SpanQueue(queue))
}

async fn send_all(mut orders: mpsc::Receiver<Order>, exporter: OtlpExporter) {
    let mut collector = Collector {
        exporter,
        is_failing: false,
    };
    while let Some(order) = orders.recv().await {
        let mut batch = Vec::new();
        let mut reports = Vec::new();
        sort(order, &mut batch, &mut reports);
        let gathering = async {
            while reports.is_empty() && batch.len() < BATCH_SPANS_MAX {
                match orders.recv().await {
                    Some(order) => sort(order, &mut batch, &mut reports),
                    None => return,
                }
            }
        };
        let _ = timeout(GATHER_TIME, gathering).await;
        collector.send(batch).await;
        for report in reports {
            let _ = report.send(());
        }
    }
}

fn sort(order: Order, batch: &mut Vec<SpanData>, reports: &mut Vec<oneshot::Sender<()>>) {
    match order {
        Order::Send(span) => batch.push(*span),
        Order::Report(done) => reports.push(done),
    }
}

struct Collector {
    exporter: OtlpExporter,
    /// Said once, not per batch.
    is_failing: bool,
}

impl Collector {
    async fn send(&mut self, batch: Vec<SpanData>) {
        if batch.is_empty() {
            return;
        }
        let spans = batch.len() as u64;
        let sent = timeout(SEND_TIME_MAX, self.exporter.export(batch)).await;
        if matches!(sent, Ok(Ok(()))) {
            if self.is_failing {
                tracing::info!("the collector takes traces again");
            }
            self.is_failing = false;
            return;
        }
        counter!(names::SPANS_DROPPED_TOTAL, "reason" => "not_taken").increment(spans);
        if !self.is_failing {
            // The error may hold the address; what it says is the collector's own text.
            tracing::warn!("the collector takes no traces: telemetry.otlp_url");
        }
        self.is_failing = true;
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use opentelemetry::InstrumentationScope;
    use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status};
    use opentelemetry_sdk::trace::{SpanEvents, SpanLinks};

    use super::*;

    fn span() -> SpanData {
        SpanData {
            span_context: SpanContext::empty_context(),
            parent_span_id: SpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: SpanKind::Internal,
            name: "turn".into(),
            start_time: SystemTime::UNIX_EPOCH,
            end_time: SystemTime::UNIX_EPOCH,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: Status::Unset,
            instrumentation_scope: InstrumentationScope::default(),
        }
    }

    #[tokio::test]
    async fn a_collector_that_takes_and_never_answers_fills_a_queue_that_is_bounded() {
        let stuck = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let address = stuck.as_ref().expect("a port").local_addr();
        let endpoint = format!("http://{}/v1/traces", address.expect("an address"));
        let queue = start(&endpoint, Vec::new(), "test").expect("it starts");
        for _ in 0..4 * SPANS_WAITING_MAX {
            queue.push(span());
        }
        assert_eq!(queue.0.capacity(), 0, "full, and nobody waited");
    }
}
