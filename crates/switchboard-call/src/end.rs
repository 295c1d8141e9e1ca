//! How a call ended: a reason for humans, a class for dashboards. Exactly one per call.

use crate::handoff::HandoffReason;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// The agent said goodbye and ended the call.
    AgentEnded,
    /// A machine picked up a call of ours and heard the message to its end.
    MessageLeft,
    /// A machine picked up a call of ours and got no message, or not all of it.
    MachineAnswered,
    /// A fax picked up a call of ours.
    FaxAnswered,
    /// Nobody can tell who picked up a call of ours, and the agent does not talk to such.
    UnknownAnswered,
    /// The caller hung up.
    CallerHungUp,
    /// The caller went to a human.
    HandedOff(HandoffReason),
    /// A handoff was due, but this leg has no human behind it.
    NobodyToHandOffTo(HandoffReason),
    /// The other side is a machine too: neither would ever have ended it.
    AutomaticParty,
    /// Staff or an API client ended it.
    EndedByControl,
    /// The leg broke without a word.
    LegLost,
    /// The leg broke its protocol and was closed.
    LegProtocolError,
    /// The carrier never opened its media stream.
    StreamNeverOpened,
}

/// Whose doing it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndClass {
    Success,
    Caller,
    Us,
    Upstream,
    Unknown,
}

/// The one end of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    pub reason: EndReason,
    pub class: EndClass,
}

impl End {
    pub(crate) const fn of(reason: EndReason) -> Self {
        Self {
            reason,
            class: reason.class(),
        }
    }
}

impl EndReason {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AgentEnded => "agent_ended",
            Self::MessageLeft => "message_left",
            Self::MachineAnswered => "machine_answered",
            Self::FaxAnswered => "fax_answered",
            Self::UnknownAnswered => "unknown_answered",
            Self::CallerHungUp => "caller_hung_up",
            Self::HandedOff(reason) | Self::NobodyToHandOffTo(reason) => reason.as_str(),
            Self::AutomaticParty => "automatic_party",
            Self::EndedByControl => "ended_by_control",
            Self::LegLost => "leg_lost",
            Self::LegProtocolError => "leg_protocol_error",
            Self::StreamNeverOpened => "stream_never_opened",
        }
    }

    #[must_use]
    pub const fn class(self) -> EndClass {
        match self {
            Self::AgentEnded | Self::EndedByControl | Self::MessageLeft => EndClass::Success,
            Self::CallerHungUp
            | Self::AutomaticParty
            | Self::MachineAnswered
            | Self::FaxAnswered
            | Self::UnknownAnswered => EndClass::Caller,
            Self::HandedOff(reason) | Self::NobodyToHandOffTo(reason) => handoff_class(reason),
            Self::LegLost | Self::LegProtocolError | Self::StreamNeverOpened => EndClass::Upstream,
        }
    }
}

const fn handoff_class(reason: HandoffReason) -> EndClass {
    match reason {
        HandoffReason::Dtmf0
        | HandoffReason::Asked
        | HandoffReason::Staff
        | HandoffReason::BridgeOnly => EndClass::Success,
        HandoffReason::Silence | HandoffReason::Length | HandoffReason::Emergency => {
            EndClass::Caller
        }
        HandoffReason::HandshakeTimeout
        | HandoffReason::ModelFailed
        | HandoffReason::ModelRefused => EndClass::Upstream,
        HandoffReason::ConcurrencyLimit
        | HandoffReason::StreamingOff
        | HandoffReason::Budget
        | HandoffReason::ToolFailed
        | HandoffReason::ProcessLost
        | HandoffReason::Drained
        | HandoffReason::DatabaseLost => EndClass::Us,
    }
}

impl EndClass {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Caller => "caller",
            Self::Us => "us",
            Self::Upstream => "upstream",
            Self::Unknown => "unknown",
        }
    }
}
