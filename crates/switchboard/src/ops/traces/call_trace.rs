//! One call's events as spans: the call itself, its handshake, turns, tools and handoff.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::KeyValue;
use opentelemetry::trace::{Event, SpanId, SpanKind, Status};
use opentelemetry_sdk::trace::SpanEvents;
use switchboard_call::end::{End, EndClass};
use switchboard_call::event::{CallEvent, EventKind};
use switchboard_call::handoff::HandoffReason;
use switchboard_call::turn::Speaker;
use switchboard_call::{Moment, Span};
use switchboard_store::{CallId, TenantId, Timestamp, Word};

use super::{Finished, Tracing, new_span_id, root_of};
use crate::journal::known_tool;

/// Events shown on the span of the call: interruptions, silence, failures. A long call with more of them shows the first.
const EVENTS_MAX: usize = 128;
/// Spans of one call. Eight minutes of talk have about a hundred.
const SPANS_MAX: u32 = 1_000;

/// What a trace says of its call besides its events: configured words and ids.
#[derive(Clone, Debug)]
pub struct TracedCall {
    pub call: CallId,
    pub tenant: TenantId,
    /// Which agent answers, as its file is named.
    pub agent: Word,
    /// `phone` or `web_voice`.
    pub channel: &'static str,
    pub offered_at: Timestamp,
}

/// The trace of one call in progress. Nothing here waits or fails.
#[derive(Debug)]
pub struct CallTrace {
    tracing: Arc<Tracing>,
    call: TracedCall,
    /// When the caller began to speak, and the agent.
    caller_since: Option<Moment>,
    agent_since: Option<Moment>,
    handoff: Option<(Moment, HandoffReason)>,
    events: Vec<Event>,
    events_dropped: u32,
    spans: u32,
    is_over: bool,
}

impl CallTrace {
    pub(super) fn new(tracing: Arc<Tracing>, call: TracedCall) -> Self {
        Self {
            tracing,
            call,
            caller_since: None,
            agent_since: None,
            handoff: None,
            events: Vec::new(),
            events_dropped: 0,
            spans: 0,
            is_over: false,
        }
    }

    fn time(&self, moment: Moment) -> SystemTime {
        SystemTime::from(self.call.offered_at) + Duration::from_micros(moment.micros())
    }

    /// One event of the call.
    pub fn event(&mut self, event: &CallEvent) {
        let at = event.at;
        match &event.kind {
            EventKind::HandshakeFinished { fell_back, .. } => self.handshake(at, *fell_back),
            EventKind::CallerSpeechStarted => {
                self.caller_since.get_or_insert(at);
            }
            EventKind::ReplyStarted | EventKind::GreetingStarted => {
                self.agent_since.get_or_insert(at);
            }
            EventKind::TurnEnded {
                seq,
                speaker,
                interrupted,
                response,
                heard,
            } => {
                let since = match speaker {
                    Speaker::Caller => self.caller_since.take(),
                    _ => self.agent_since.take(),
                };
                let mut attributes = vec![
                    KeyValue::new("switchboard.turn", i64::from(*seq)),
                    KeyValue::new("switchboard.speaker", speaker.as_str()),
                    KeyValue::new("switchboard.interrupted", *interrupted),
                ];
                let latencies = [
                    ("switchboard.response_ms", response),
                    ("switchboard.heard_ms", heard),
                ];
                attributes.extend(latencies.into_iter().filter_map(|(name, latency)| {
                    latency.map(|latency| KeyValue::new(name, millis(latency)))
                }));
                self.span("turn", since.unwrap_or(at), at, attributes, Status::Unset);
            }
            EventKind::ToolFinished {
                name, status, took, ..
            } => {
                let began = at.micros().saturating_sub(took.micros());
                let attributes = vec![
                    KeyValue::new("switchboard.tool", known_tool(name).to_owned()),
                    KeyValue::new("switchboard.outcome", status.as_str()),
                ];
                let outcome = match status {
                    switchboard_call::tool_call::ToolStatus::Answered => Status::Unset,
                    _ => Status::error(status.as_str()),
                };
                self.span("tool", Moment::from_micros(began), at, attributes, outcome);
            }
            EventKind::HandoffStarted { reason } => self.handoff = Some((at, *reason)),
            EventKind::TransferAccepted => self.handed_off(at, "accepted"),
            EventKind::TransferFailed => self.handed_off(at, "failed"),
            EventKind::CallEnded(end) => self.ended(at, *end),
            kind => self.tell(at, kind),
        }
    }

    fn handshake(&mut self, at: Moment, fell_back: Option<HandoffReason>) {
        let status = match fell_back {
            Some(reason) => Status::error(reason.as_str()),
            None => Status::Unset,
        };
        let reason = fell_back.map(|reason| KeyValue::new("switchboard.reason", reason.as_str()));
        let began = Moment::from_micros(0);
        self.span("handshake", began, at, reason.into_iter().collect(), status);
    }

    fn handed_off(&mut self, at: Moment, outcome: &'static str) {
        if let Some((since, reason)) = self.handoff.take() {
            let attributes = vec![
                KeyValue::new("switchboard.reason", reason.as_str()),
                KeyValue::new("switchboard.outcome", outcome),
            ];
            self.span("handoff", since, at, attributes, Status::Unset);
        }
    }

    /// What is a moment and no span: shown on the call.
    fn tell(&mut self, at: Moment, kind: &EventKind) {
        let is_shown = !matches!(
            kind,
            EventKind::CallerSpeechStopped
                | EventKind::CallerTurnCommitted
                | EventKind::ReplyRequested
                | EventKind::ReplyFinished { .. }
                | EventKind::ToolStarted { .. }
                | EventKind::MediaGapFilled
        );
        if !is_shown {
            return;
        }
        if self.events.len() >= EVENTS_MAX {
            self.events_dropped = self.events_dropped.saturating_add(1);
            return;
        }
        let event = Event::new(kind.name(), self.time(at), Vec::new(), 0);
        self.events.push(event);
    }

    fn span(
        &mut self,
        name: &'static str,
        began: Moment,
        ended: Moment,
        attributes: Vec<KeyValue>,
        status: Status,
    ) {
        self.spans = self.spans.saturating_add(1);
        if self.spans > SPANS_MAX {
            return;
        }
        let span = Finished {
            id: new_span_id(),
            parent: root_of(self.call.call),
            kind: SpanKind::Internal,
            name: name.into(),
            began: self.time(began),
            ended: self.time(ended),
            attributes,
            events: SpanEvents::default(),
            status,
        };
        self.tracing.send(self.call.call, span);
    }

    fn ended(&mut self, at: Moment, end: End) {
        self.handed_off(at, "left_to_the_carrier");
        let reason = end.reason.as_str();
        let is_ours = matches!(end.class, EndClass::Us | EndClass::Upstream);
        self.whole(self.time(at), reason, end.class.as_str(), is_ours);
    }

    /// The task of the call is gone without an end.
    pub fn lost(&mut self) {
        self.whole(SystemTime::now(), "process_lost", "us", true);
    }

    fn whole(&mut self, ended: SystemTime, reason: &'static str, class: &'static str, bad: bool) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let mut events = SpanEvents::default();
        events.events = std::mem::take(&mut self.events);
        events.dropped_count = self.events_dropped;
        let span = Finished {
            id: root_of(self.call.call),
            parent: SpanId::INVALID,
            kind: SpanKind::Server,
            name: "call".into(),
            began: self.time(Moment::from_micros(0)),
            ended,
            attributes: vec![
                KeyValue::new("switchboard.call_id", self.call.call.to_string()),
                KeyValue::new("switchboard.tenant_id", self.call.tenant.to_string()),
                KeyValue::new("switchboard.agent", self.call.agent.to_string()),
                KeyValue::new("switchboard.channel", self.call.channel),
                KeyValue::new("switchboard.reason", reason),
                KeyValue::new("switchboard.class", class),
            ],
            events,
            status: if bad {
                Status::error(reason)
            } else {
                Status::Unset
            },
        };
        self.tracing.send(self.call.call, span);
    }
}

fn millis(span: Span) -> i64 {
    i64::try_from(span.millis()).unwrap_or(i64::MAX)
}
