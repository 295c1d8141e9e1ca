//! The core's events and words in the store's. Exhaustive on purpose: a new event does not compile until it is here.

use serde_json::{Value, json};
use switchboard_call::end::EndClass as CoreEndClass;
use switchboard_call::event::{CallEvent, EventKind};
use switchboard_call::input::{ModelFailure, ReplyOutcome};
use switchboard_call::interruption::{HoldCause, StopCause};
use switchboard_call::tool_call::ToolStatus;
use switchboard_call::turn::Speaker as CoreSpeaker;
use switchboard_call::{Span, Words};
use switchboard_store::{
    CallEventWrite, CallId, ConsentAnswer, EndClass, Speaker, Timestamp, ToolCallStatus, Word,
};

pub(super) fn consent_answer(answer: switchboard_call::ConsentAnswer) -> ConsentAnswer {
    match answer {
        switchboard_call::ConsentAnswer::Implied => ConsentAnswer::Implied,
        switchboard_call::ConsentAnswer::Granted => ConsentAnswer::Granted,
        switchboard_call::ConsentAnswer::Refused => ConsentAnswer::Refused,
        switchboard_call::ConsentAnswer::Missing => ConsentAnswer::NoAnswer,
        switchboard_call::ConsentAnswer::Withdrawn => ConsentAnswer::Withdrawn,
    }
}

pub(super) fn ms(span: Span) -> i64 {
    i64::try_from(span.millis()).unwrap_or(i64::MAX)
}

/// JSON text of a model or tool as a value; text that is no JSON stays text.
pub(super) fn json(words: &Words) -> Value {
    serde_json::from_str(words.expose())
        .unwrap_or_else(|_| Value::String(words.expose().to_owned()))
}

pub(super) fn event(call: CallId, event: &CallEvent, at: Timestamp) -> CallEventWrite {
    let mut technical = fields(&event.kind);
    if let Value::Object(fields) = &mut technical {
        fields.insert("offset_ms".to_owned(), json!(event.at.millis()));
    }
    CallEventWrite {
        call_id: call,
        seq: i64::from(event.number),
        at,
        name: Word::new(event.kind.name()),
        technical,
        private: None,
    }
}

fn fields(kind: &EventKind) -> Value {
    match kind {
        EventKind::LegReadied
        | EventKind::LegAbsent
        | EventKind::MessageStarted
        | EventKind::GreetingStarted
        | EventKind::DisclosureHeard
        | EventKind::DisclosureCut
        | EventKind::RecordingStarted
        | EventKind::SecureEntryStarted
        | EventKind::SecureEntryEnded
        | EventKind::CallerSpeechStarted
        | EventKind::CallerSpeechStopped
        | EventKind::CallerTurnCommitted
        | EventKind::DigitPressed
        | EventKind::ReplyRequested
        | EventKind::ReplyStarted
        | EventKind::InterruptionProposed
        | EventKind::ReplyResumed
        | EventKind::FillerPlayed
        | EventKind::DeadAirCounted
        | EventKind::SilenceNudged
        | EventKind::LengthWarned
        | EventKind::AutomaticSuspected
        | EventKind::PersonAsked
        | EventKind::MediaGapFilled
        | EventKind::TransferAccepted
        | EventKind::TransferFailed
        | EventKind::CallerReturned
        | EventKind::StaffTookOver
        | EventKind::StaffLost
        | EventKind::LegCut => json!({}),
        EventKind::StaffGaveBack { cause } => json!({ "cause": cause.as_str() }),
        EventKind::LegReturned { after } => json!({ "after_ms": ms(*after) }),
        EventKind::ConsentAnswered { answer } => json!({ "answer": answer.as_str() }),
        EventKind::PartyDetected { by } => json!({ "by": by.as_str() }),
        EventKind::ModelReadied { choice } | EventKind::ModelReopened { choice } => {
            json!({ "choice": choice })
        }
        EventKind::HandshakeFinished { elapsed, fell_back } => {
            json!({ "elapsed_ms": ms(*elapsed), "reason": fell_back.map(switchboard_call::handoff::HandoffReason::as_str) })
        }
        EventKind::ReplyFinished {
            outcome,
            cost_micros,
        } => {
            json!({ "outcome": reply_outcome(*outcome), "cost_micros": cost_micros })
        }
        EventKind::InterruptionHeld { cause, hole } => {
            json!({ "cause": hold_cause(*cause), "hole_ms": ms(*hole) })
        }
        EventKind::ReplyInterrupted {
            cause,
            heard,
            after,
        } => {
            json!({ "cause": stop_cause(*cause), "heard_ms": ms(*heard), "after_ms": ms(*after) })
        }
        EventKind::TurnEnded {
            seq,
            speaker,
            interrupted,
            response,
            heard,
        } => json!({
            "turn": seq, "speaker": speaker.as_str(), "interrupted": interrupted, "response_ms": response.map(ms),
            "heard_ms": heard.map(ms),
        }),
        EventKind::ToolStarted {
            name,
            idempotency_number,
        } => {
            json!({ "tool": known_tool(name), "idempotency_number": idempotency_number })
        }
        EventKind::ToolFinished {
            name,
            status,
            took,
            after_interruption,
        } => json!({
            "tool": known_tool(name), "status": status.as_str(), "took_ms": ms(*took),
            "after_interruption": after_interruption,
        }),
        EventKind::ConfirmationAsked { name } => json!({ "tool": known_tool(name) }),
        EventKind::ConfirmationAnswered { name, agreed } => {
            json!({ "tool": known_tool(name), "agreed": agreed })
        }
        EventKind::BudgetWarned {
            budget,
            spent_micros,
        }
        | EventKind::BudgetSpent {
            budget,
            spent_micros,
        } => json!({ "budget": budget.as_str(), "spent_micros": spent_micros }),
        EventKind::ModelFailed {
            choice,
            failure: cause,
        } => json!({ "choice": choice, "failure": failure(*cause) }),
        EventKind::LateAudioDropped { length } => json!({ "length_ms": ms(*length) }),
        EventKind::HandoffStarted { reason } => json!({ "reason": reason.as_str() }),
        EventKind::CallEnded(end) => {
            json!({ "reason": end.reason.as_str(), "class": end.class.as_str() })
        }
    }
}

/// A model may ask for a tool by any text. Only names of tools go into a technical event.
pub(crate) fn known_tool(name: &str) -> &str {
    if crate::config::agent::TOOL_NAMES.contains(&name) {
        name
    } else {
        "unknown"
    }
}

const fn reply_outcome(outcome: ReplyOutcome) -> &'static str {
    match outcome {
        ReplyOutcome::Completed => "completed",
        ReplyOutcome::Cancelled => "cancelled",
        ReplyOutcome::Incomplete => "incomplete",
        ReplyOutcome::Failed(_) => "failed",
    }
}

const fn hold_cause(cause: HoldCause) -> &'static str {
    match cause {
        HoldCause::NoVoice => "no_voice",
        HoldCause::Brief => "brief",
        HoldCause::Backchannel => "backchannel",
        HoldCause::NoWords => "no_words",
    }
}

const fn stop_cause(cause: StopCause) -> &'static str {
    match cause {
        StopCause::Voice => "voice",
        StopCause::StopWord => "stop_word",
        StopCause::Words => "words",
        StopCause::Explicit => "explicit",
    }
}

pub(super) const fn failure(failure: ModelFailure) -> &'static str {
    match failure {
        ModelFailure::Refused => "refused",
        ModelFailure::Disconnected => "disconnected",
        ModelFailure::Stalled => "stalled",
        ModelFailure::RateLimited => "rate_limited",
        ModelFailure::Protocol => "protocol",
        ModelFailure::SessionExpired => "session_expired",
    }
}

pub(super) const fn speaker(speaker: CoreSpeaker) -> Speaker {
    match speaker {
        CoreSpeaker::Caller => Speaker::Caller,
        CoreSpeaker::Agent => Speaker::Agent,
        CoreSpeaker::Human => Speaker::Human,
        CoreSpeaker::System => Speaker::System,
    }
}

pub(super) const fn tool_status(status: ToolStatus) -> ToolCallStatus {
    match status {
        ToolStatus::Answered => ToolCallStatus::Succeeded,
        ToolStatus::Failed => ToolCallStatus::Failed,
        ToolStatus::TimedOut => ToolCallStatus::TimedOut,
        ToolStatus::Refused => ToolCallStatus::Refused,
    }
}

pub(super) const fn end_class(class: CoreEndClass) -> EndClass {
    match class {
        CoreEndClass::Success => EndClass::Success,
        CoreEndClass::Caller => EndClass::Caller,
        CoreEndClass::Us => EndClass::Us,
        CoreEndClass::Upstream => EndClass::Upstream,
        CoreEndClass::Unknown => EndClass::Unknown,
    }
}
