//! Responsibility moves to a human: why, to whom, and how it went.

use crate::limits;
use crate::time::{Moment, Span};
use crate::words::Words;

/// Why a caller goes to a human. The words are stable: other programs rely on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HandoffReason {
    Dtmf0,
    HandshakeTimeout,
    ModelFailed,
    ModelRefused,
    ConcurrencyLimit,
    StreamingOff,
    BridgeOnly,
    Silence,
    Length,
    Budget,
    ToolFailed,
    Asked,
    /// Staff gave the caller to a person.
    Staff,
    Emergency,
    /// The process died, or this call cannot be run by it.
    ProcessLost,
    /// The process is stopping, and the call did not end by itself in the time it had.
    Drained,
    DatabaseLost,
}

impl HandoffReason {
    pub const ALL: [Self; 17] = [
        Self::Dtmf0,
        Self::HandshakeTimeout,
        Self::ModelFailed,
        Self::ModelRefused,
        Self::ConcurrencyLimit,
        Self::StreamingOff,
        Self::BridgeOnly,
        Self::Silence,
        Self::Length,
        Self::Budget,
        Self::ToolFailed,
        Self::Asked,
        Self::Staff,
        Self::Emergency,
        Self::ProcessLost,
        Self::Drained,
        Self::DatabaseLost,
    ];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dtmf0 => "dtmf_0",
            Self::HandshakeTimeout => "handshake_timeout",
            Self::ModelFailed => "model_failed",
            Self::ModelRefused => "model_refused",
            Self::ConcurrencyLimit => "concurrency_limit",
            Self::StreamingOff => "streaming_off",
            Self::BridgeOnly => "bridge_only",
            Self::Silence => "silence",
            Self::Length => "length",
            Self::Budget => "budget",
            Self::ToolFailed => "tool_failed",
            Self::Asked => "asked",
            Self::Staff => "staff",
            Self::Emergency => "emergency",
            Self::ProcessLost => "process_lost",
            Self::Drained => "drained",
            Self::DatabaseLost => "database_lost",
        }
    }

    /// A fallback is a handoff for technical reasons; the others are what callers or businesses wanted.
    #[must_use]
    pub const fn is_fallback(self) -> bool {
        !matches!(
            self,
            Self::Dtmf0
                | Self::Asked
                | Self::Staff
                | Self::Silence
                | Self::Length
                | Self::Emergency
                | Self::BridgeOnly
        )
    }
}

/// One decision to hand the caller over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handoff {
    pub reason: HandoffReason,
    /// A name from the agent's configuration (`support`, `sales`), never a number from a model or caller.
    pub target: Option<String>,
    /// What the agent says of it to the human, in a few words.
    pub summary: Option<Words>,
}

impl Handoff {
    /// To whoever usually takes over.
    #[must_use]
    pub const fn because(reason: HandoffReason) -> Self {
        Self {
            reason,
            target: None,
            summary: None,
        }
    }
}

/// How the carrier took a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferOutcome {
    /// The carrier runs the transfer; the leg will close by itself.
    Accepted,
    /// Said before the carrier is asked: a human who declines gives the caller back, so the leg closes and may open
    /// again.
    Attended,
    /// The carrier refused or could not be reached.
    Failed,
    /// This leg has nobody to be transferred to (a browser without a human configured).
    Unsupported,
    /// The human declined: the caller's leg opens again, and the agent goes on.
    Returned,
    /// Nobody will give the caller back any more.
    Parted,
}

/// A handoff on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HandoffUnderWay {
    pub(crate) handoff: Handoff,
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Asked {
        until: Moment,
    },
    Accepted {
        until: Moment,
        is_attended: bool,
    },
    /// The caller is with the carrier and may come back.
    Away {
        until: Moment,
    },
    Cut,
}

/// What a handoff under way needs next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HandoffStep {
    Nothing,
    /// Nobody answered for the transfer: cutting the leg makes the carrier dial the human itself.
    CutLeg,
    /// Cut or accepted long ago, and the leg never closed: the call ends on our side.
    GiveUp,
    /// The caller is with a human, or with nobody of ours: the call ends, and no leg is there to be cut.
    Part,
    /// The caller comes back.
    TakeBack,
}

impl HandoffUnderWay {
    pub(crate) fn new(now: Moment, handoff: Handoff, transfer_answer: Span) -> Self {
        let until = now + transfer_answer;
        Self {
            handoff,
            step: Step::Asked { until },
        }
    }

    pub(crate) fn on_outcome(&mut self, now: Moment, outcome: TransferOutcome) -> HandoffStep {
        match (self.step, outcome) {
            (Step::Asked { .. }, TransferOutcome::Attended) => {
                self.step = accepted(now, true);
                HandoffStep::Nothing
            }
            (Step::Asked { .. }, TransferOutcome::Accepted | TransferOutcome::Parted) => {
                self.step = accepted(now, false);
                HandoffStep::Nothing
            }
            (Step::Asked { .. }, TransferOutcome::Failed) => {
                self.step = Step::Cut;
                HandoffStep::CutLeg
            }
            (Step::Asked { .. }, TransferOutcome::Unsupported) => {
                self.step = Step::Cut;
                HandoffStep::GiveUp
            }
            // The carrier's refusal of an attended transfer.
            (
                Step::Accepted {
                    is_attended: true, ..
                },
                TransferOutcome::Failed,
            ) => {
                self.step = Step::Cut;
                HandoffStep::CutLeg
            }
            (Step::Away { .. }, TransferOutcome::Failed) => HandoffStep::Part,
            (Step::Away { .. }, TransferOutcome::Returned) => HandoffStep::TakeBack,
            (Step::Away { .. }, TransferOutcome::Parted) => HandoffStep::Part,
            // The carrier's word came before the leg had closed.
            (Step::Accepted { until, .. }, TransferOutcome::Parted) => {
                let is_attended = false;
                self.step = Step::Accepted { until, is_attended };
                HandoffStep::Nothing
            }
            (
                Step::Accepted {
                    is_attended: true, ..
                },
                TransferOutcome::Returned,
            ) => HandoffStep::TakeBack,
            _ => HandoffStep::Nothing,
        }
    }

    /// The leg closed. True when the call goes on without it for a while.
    pub(crate) fn outlives_leg(&mut self, now: Moment) -> bool {
        let Step::Accepted {
            is_attended: true, ..
        } = self.step
        else {
            return false;
        };
        self.step = away(now);
        true
    }

    /// The caller is with the carrier: there is no leg that anybody could end.
    pub(crate) fn is_away(&self) -> bool {
        matches!(self.step, Step::Away { .. })
    }

    pub(crate) fn advance(&mut self, now: Moment) -> HandoffStep {
        match self.step {
            Step::Asked { until } if now >= until => {
                self.step = Step::Cut;
                HandoffStep::CutLeg
            }
            Step::Accepted { until, .. } if now >= until => HandoffStep::GiveUp,
            Step::Away { until } if now >= until => HandoffStep::Part,
            _ => HandoffStep::Nothing,
        }
    }

    pub(crate) fn wake(&self) -> Option<Moment> {
        match self.step {
            Step::Asked { until, .. } | Step::Accepted { until, .. } | Step::Away { until } => {
                Some(until)
            }
            Step::Cut => None,
        }
    }
}

fn accepted(now: Moment, is_attended: bool) -> Step {
    Step::Accepted {
        until: now + limits::LEG_CLOSE,
        is_attended,
    }
}

fn away(now: Moment) -> Step {
    Step::Away {
        until: now + limits::AWAY,
    }
}
