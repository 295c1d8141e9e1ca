//! The call's one numbered log of technical events. No words, names or numbers of people are in it:
//! personal content travels as [`crate::output::Record`].

use crate::answering::AnsweredBy;
use crate::budget::BudgetKind;
use crate::consent::ConsentAnswer;
use crate::end::End;
use crate::handoff::HandoffReason;
use crate::input::{ModelFailure, ReplyOutcome};
use crate::interruption::{HoldCause, StopCause};
use crate::staff::GiveBack;
use crate::time::{Moment, Span};
use crate::tool_call::ToolStatus;
use crate::turn::Speaker;

/// One event: numbered from 1 without gaps, timed on the call's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEvent {
    pub number: u32,
    pub at: Moment,
    pub kind: EventKind,
}

/// What happened, as noun and past verb.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    LegReadied,
    /// The caller's connection broke: the call is held for a while.
    LegAbsent,
    /// The caller is there again, after so long.
    LegReturned {
        after: Span,
    },
    ModelReadied {
        choice: u32,
    },
    /// One per call: the handshake succeeded or fell back.
    HandshakeFinished {
        elapsed: Span,
        fell_back: Option<HandoffReason>,
    },
    /// Who picked up a call that we placed, by the carrier's detection.
    PartyDetected {
        by: AnsweredBy,
    },
    /// A machine is being told the message.
    MessageStarted,
    GreetingStarted,
    DisclosureHeard,
    /// The disclosure was cut off. It is said once more, and if that is cut too nothing of this call is kept.
    DisclosureCut,
    /// The one answer to the disclosure, or its withdrawal.
    ConsentAnswered {
        answer: ConsentAnswer,
    },
    RecordingStarted,
    /// From here nobody listens.
    SecureEntryStarted,
    SecureEntryEnded,
    CallerSpeechStarted,
    CallerSpeechStopped,
    CallerTurnCommitted,
    DigitPressed,
    ReplyRequested,
    ReplyStarted,
    ReplyFinished {
        outcome: ReplyOutcome,
        cost_micros: u64,
    },
    /// The detector reported speech while the agent was audible: feeding the carrier stopped.
    InterruptionProposed,
    /// It was no interruption; the reply went on. `hole` is how long the feeding stood still.
    InterruptionHeld {
        cause: HoldCause,
        hole: Span,
    },
    /// The reply was cleared from the carrier. `heard` is how much of it was played.
    ReplyInterrupted {
        cause: StopCause,
        heard: Span,
        after: Span,
    },
    /// The reply was cleared in error and goes on from the last mark heard.
    ReplyResumed,
    TurnEnded {
        seq: u32,
        speaker: Speaker,
        interrupted: bool,
        /// From the end of the caller's turn to the first reply audio sent; told once per turn.
        response: Option<Span>,
        /// The same to the first reply audio heard, where the leg reports it; told with `response`.
        heard: Option<Span>,
    },
    ToolStarted {
        name: String,
        idempotency_number: u32,
    },
    ToolFinished {
        name: String,
        status: ToolStatus,
        took: Span,
        after_interruption: bool,
    },
    /// Our question before a write is being asked.
    ConfirmationAsked {
        name: String,
    },
    ConfirmationAnswered {
        name: String,
        agreed: bool,
    },
    FillerPlayed,
    /// A person of staff has the caller now: for the first time, or again after the connection was lost.
    StaffTookOver,
    /// Their connection broke.
    StaffLost,
    /// The agent has the caller again.
    StaffGaveBack {
        cause: GiveBack,
    },
    /// The promise of no dead air was broken.
    DeadAirCounted,
    SilenceNudged,
    LengthWarned,
    /// The other side may be a machine too.
    AutomaticSuspected,
    /// It was asked for a key.
    PersonAsked,
    /// This budget has come to its warning share. `spent_micros` is what the call cost so far.
    BudgetWarned {
        budget: BudgetKind,
        spent_micros: u64,
    },
    /// This budget does not hold another reply: the agent says why, and stops.
    BudgetSpent {
        budget: BudgetKind,
        spent_micros: u64,
    },
    ModelFailed {
        choice: u32,
        failure: ModelFailure,
    },
    ModelReopened {
        choice: u32,
    },
    MediaGapFilled,
    /// Audio given up because it came for a reply that is over.
    LateAudioDropped {
        length: Span,
    },
    HandoffStarted {
        reason: HandoffReason,
    },
    TransferAccepted,
    TransferFailed,
    /// The human declined an attended transfer, and the caller comes back to the agent.
    CallerReturned,
    LegCut,
    CallEnded(End),
}

impl EventKind {
    /// Stable name for lists, webhooks and metrics.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::LegReadied => "leg_readied",
            Self::LegAbsent => "leg_absent",
            Self::LegReturned { .. } => "leg_returned",
            Self::ModelReadied { .. } => "model_readied",
            Self::HandshakeFinished { .. } => "handshake_finished",
            Self::PartyDetected { .. } => "party_detected",
            Self::MessageStarted => "message_started",
            Self::GreetingStarted => "greeting_started",
            Self::DisclosureHeard => "disclosure_heard",
            Self::DisclosureCut => "disclosure_cut",
            Self::ConsentAnswered { .. } => "consent_answered",
            Self::RecordingStarted => "recording_started",
            Self::SecureEntryStarted => "secure_entry_started",
            Self::SecureEntryEnded => "secure_entry_ended",
            Self::CallerSpeechStarted => "caller_speech_started",
            Self::CallerSpeechStopped => "caller_speech_stopped",
            Self::CallerTurnCommitted => "caller_turn_committed",
            Self::DigitPressed => "digit_pressed",
            Self::ReplyRequested => "reply_requested",
            Self::ReplyStarted => "reply_started",
            Self::ReplyFinished { .. } => "reply_finished",
            Self::InterruptionProposed => "interruption_proposed",
            Self::InterruptionHeld { .. } => "interruption_held",
            Self::ReplyInterrupted { .. } => "reply_interrupted",
            Self::ReplyResumed => "reply_resumed",
            Self::TurnEnded { .. } => "turn_ended",
            Self::ToolStarted { .. } => "tool_started",
            Self::ToolFinished { .. } => "tool_finished",
            Self::ConfirmationAsked { .. } => "confirmation_asked",
            Self::ConfirmationAnswered { .. } => "confirmation_answered",
            Self::FillerPlayed => "filler_played",
            Self::StaffTookOver => "staff_took_over",
            Self::StaffLost => "staff_lost",
            Self::StaffGaveBack { .. } => "staff_gave_back",
            Self::DeadAirCounted => "dead_air_counted",
            Self::SilenceNudged => "silence_nudged",
            Self::LengthWarned => "length_warned",
            Self::AutomaticSuspected => "automatic_suspected",
            Self::PersonAsked => "person_asked",
            Self::BudgetWarned { .. } => "budget_warned",
            Self::BudgetSpent { .. } => "budget_spent",
            Self::ModelFailed { .. } => "model_failed",
            Self::ModelReopened { .. } => "model_reopened",
            Self::MediaGapFilled => "media_gap_filled",
            Self::LateAudioDropped { .. } => "late_audio_dropped",
            Self::HandoffStarted { .. } => "handoff_started",
            Self::TransferAccepted => "transfer_accepted",
            Self::TransferFailed => "transfer_failed",
            Self::CallerReturned => "caller_returned",
            Self::LegCut => "leg_cut",
            Self::CallEnded(_) => "call_ended",
        }
    }
}
