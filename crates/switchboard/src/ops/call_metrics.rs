//! What calls tell the measures: counted from their events, never per frame.

use std::time::Duration;

use metrics::{counter, gauge, histogram};
use switchboard_call::event::{CallEvent, EventKind};

use super::metrics::names;

/// Counts one live call for as long as it exists, on every path.
#[derive(Debug)]
pub struct LiveCall(());

impl LiveCall {
    /// One more.
    pub fn begin() -> Self {
        gauge!(names::CALLS_LIVE).increment(1.0);
        Self(())
    }
}

impl Drop for LiveCall {
    fn drop(&mut self) {
        gauge!(names::CALLS_LIVE).decrement(1.0);
    }
}

fn seconds(span: switchboard_call::Span) -> f64 {
    Duration::from_micros(span.micros()).as_secs_f64()
}

/// Counts one event of a call.
pub fn on_event(event: &CallEvent) {
    match &event.kind {
        EventKind::HandshakeFinished { elapsed, .. } => {
            histogram!(names::HANDSHAKE_SECONDS).record(seconds(*elapsed));
        }
        EventKind::HandoffStarted { reason } => {
            counter!(names::HANDOFFS_TOTAL, "reason" => reason.as_str()).increment(1);
            if reason.is_fallback() {
                counter!(names::FALLBACKS_TOTAL, "reason" => reason.as_str()).increment(1);
            }
        }
        EventKind::TurnEnded {
            response: Some(response),
            heard,
            ..
        } => {
            histogram!(names::RESPONSE_LATENCY_SECONDS).record(seconds(*response));
            if let Some(heard) = heard {
                histogram!(names::HEARD_LATENCY_SECONDS).record(seconds(*heard));
            }
        }
        EventKind::InterruptionHeld { .. } => {
            counter!(names::INTERRUPTIONS_TOTAL, "outcome" => "held").increment(1);
        }
        EventKind::ReplyInterrupted { .. } => {
            counter!(names::INTERRUPTIONS_TOTAL, "outcome" => "stopped").increment(1);
        }
        EventKind::ReplyResumed => {
            counter!(names::INTERRUPTIONS_TOTAL, "outcome" => "resumed").increment(1);
        }
        EventKind::DeadAirCounted => counter!(names::DEAD_AIR_TOTAL).increment(1),
        EventKind::ToolFinished { status, took, .. } => {
            histogram!(names::TOOL_SECONDS, "outcome" => status.as_str()).record(seconds(*took));
        }
        EventKind::CallEnded(end) => {
            let (class, reason) = (end.class.as_str(), end.reason.as_str());
            counter!(names::CALLS_ENDED_TOTAL, "class" => class, "reason" => reason).increment(1);
        }
        _ => {}
    }
}
