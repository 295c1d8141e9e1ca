//! The faults that are decisions of the core, and how each strikes.

use switchboard_call::handoff::{HandoffReason, TransferOutcome};
use switchboard_call::ids::{AudioId, ItemId, MarkId, ReplyId, ToolCallId};
use switchboard_call::input::{
    AgentAudio, Control, FromLeg, FromModel, FromTool, LegClosed, ModelFailure, ReplyDone,
    ReplyOutcome, ToolOutcome, ToolRequest,
};
use switchboard_call::{CallSettings, Input, Span};

use super::phases::At;
use crate::support::{Answer, MarkMode, Readiness, Scenario, Transfer};

closed_list! {
    /// What can go wrong, or be wanted, at any moment of a call.
    Fault {
        ModelRefuses,
        ModelCloses,
        ModelFallsSilent,
        ModelStallsInItsReply,
        ModelBreaksProtocol,
        ModelSendsNonsense,
        ModelLimitsRate,
        ModelSessionExpires,
        /// Two models are configured, and the second one is well.
        FirstOfTwoModelsCloses,
        /// Two models are configured, and the network swallows what is sent to the second one.
        BothModelsUnreachable,
        FrozenFor20S,
        FrozenFor90S,
        StreamReset,
        StreamHalfOpen,
        StreamBreaksProtocol,
        CarrierStopsSending,
        MarksNeverComeBack,
        TransferRefused,
        TransferUnanswered,
        NobodyBehindTheLeg,
        DatabaseLost,
        ToolHangs,
        ToolFails,
        ToolLies,
        ToolsFlood,
        BudgetSpent,
        LengthReached,
        CallerFallsSilent,
        KeyZero,
        AsksForAPerson,
        Drained,
        EndedByStaff,
        CallerHangsUp,
    }
}

impl Fault {
    /// How long the process stands still.
    pub(crate) fn frozen_ms(self) -> u64 {
        match self {
            Self::FrozenFor20S => 20_000,
            Self::FrozenFor90S => 90_000,
            _ => 0,
        }
    }

    /// The fault itself takes the leg away: the carrier's own document has the caller.
    pub(crate) fn takes_the_leg(self) -> bool {
        matches!(
            self,
            Self::StreamReset | Self::StreamBreaksProtocol | Self::CallerHangsUp
        )
    }

    /// Settings without which the fault could not happen.
    pub(crate) fn prepare(self, settings: &mut CallSettings, at_ms: u64) {
        match self {
            Self::FirstOfTwoModelsCloses | Self::BothModelsUnreachable => settings.models = 2,
            // What is said first fits, the next reply does not.
            Self::BudgetSpent => {
                let limits = &mut settings.limits;
                limits.budget_micros =
                    limits.reply_cost_max_micros + limits.sentence_cost_max_micros + 500;
            }
            Self::LengthReached => {
                settings.limits.length_max = Span::from_millis(at_ms + 100);
                settings.limits.length_warning = Span::from_millis(50);
            }
            _ => {}
        }
    }

    pub(crate) fn strike(self, scenario: &mut Scenario, at: At, at_ms: u64) {
        match self {
            Self::ModelRefuses => fail(scenario, at_ms, ModelFailure::Refused),
            Self::ModelCloses | Self::FirstOfTwoModelsCloses => {
                fail(scenario, at_ms, ModelFailure::Disconnected);
            }
            Self::ModelBreaksProtocol => fail(scenario, at_ms, ModelFailure::Protocol),
            Self::ModelLimitsRate => fail(scenario, at_ms, ModelFailure::RateLimited),
            Self::ModelSessionExpires => fail(scenario, at_ms, ModelFailure::SessionExpired),
            Self::BothModelsUnreachable => {
                scenario.model.readiness.push_front(Readiness::Never);
                fail(scenario, at_ms, ModelFailure::Disconnected);
            }
            Self::ModelFallsSilent => scenario.model_falls_silent(at_ms),
            Self::ModelStallsInItsReply => {
                let stalls = Answer::of(crate::support::AnswerKind::Stalls);
                scenario.model.answers.push_front(stalls);
            }
            Self::ModelSendsNonsense => nonsense(scenario, at_ms),
            Self::FrozenFor20S | Self::FrozenFor90S => {
                scenario.run(at_ms);
                scenario.freeze(self.frozen_ms());
            }
            Self::StreamReset => close(scenario, at_ms, LegClosed::Lost),
            Self::StreamBreaksProtocol => close(scenario, at_ms, LegClosed::ProtocolError),
            Self::CallerHangsUp => close(scenario, at_ms, LegClosed::HungUp),
            Self::StreamHalfOpen => {
                scenario.sends_media = false;
                scenario.carrier.marks = MarkMode::Never;
            }
            Self::CarrierStopsSending => scenario.sends_media = false,
            Self::MarksNeverComeBack => scenario.carrier.marks = MarkMode::Never,
            Self::TransferRefused => {
                scenario.transfer = Transfer::Answered(100, TransferOutcome::Failed);
                scenario.digit(at_ms, '0');
                scenario.at(at_ms + 200, Input::Transfer(TransferOutcome::Failed));
            }
            Self::TransferUnanswered => {
                scenario.transfer = Transfer::Never;
                scenario.digit(at_ms, '0');
            }
            Self::NobodyBehindTheLeg => {
                scenario.transfer = Transfer::Answered(0, TransferOutcome::Unsupported);
                scenario.digit(at_ms, '0');
                scenario.at(at_ms + 200, Input::Transfer(TransferOutcome::Unsupported));
            }
            Self::DatabaseLost => {
                let lost = Control::HandOff(HandoffReason::DatabaseLost);
                scenario.control(at_ms, lost);
            }
            Self::ToolHangs => asks_for_a_tool(scenario, at, None),
            Self::ToolFails => asks_for_a_tool(
                scenario,
                at,
                Some((200, ToolOutcome::Failed("the diary is away".into()))),
            ),
            Self::AsksForAPerson => {
                let human = ToolOutcome::HandOff {
                    target: Some("support".to_owned()),
                    summary: None,
                };
                asks_for_a_tool(scenario, at, Some((20, human)));
            }
            Self::ToolLies => lying_tools(scenario, at_ms),
            Self::ToolsFlood => flood_of_tools(scenario, at_ms),
            Self::KeyZero => {
                scenario.digit(at_ms, '0');
            }
            Self::Drained => {
                scenario.control(at_ms, Control::Drain);
            }
            Self::EndedByStaff => {
                scenario.control(at_ms, Control::End);
            }
            // Prepared in the settings, or nothing at all: the caller says no more.
            Self::BudgetSpent | Self::LengthReached | Self::CallerFallsSilent => {}
        }
    }
}

fn fail(scenario: &mut Scenario, at_ms: u64, failure: ModelFailure) {
    scenario.model_sends(at_ms, FromModel::Failed(failure));
}

fn close(scenario: &mut Scenario, at_ms: u64, closed: LegClosed) {
    scenario.leg(at_ms, FromLeg::Closed(closed));
}

/// The reply to what the caller says next asks for a tool; one that runs already gets this answer instead.
fn asks_for_a_tool(scenario: &mut Scenario, at: At, answer: Option<(u64, ToolOutcome)>) {
    if at == At::ToolRunning {
        if let Some((after_ms, outcome)) = answer {
            let call = ToolCallId(1);
            let at_ms = super::STRIKE_MS + after_ms;
            scenario.at(at_ms, Input::Tool(FromTool { call, outcome }));
        }
        return;
    }
    scenario
        .model
        .answers
        .push_front(Answer::asks("look", "{}"));
    scenario.tool_answers.push_front(answer);
}

/// Answers nobody asked for, twice.
fn lying_tools(scenario: &mut Scenario, at_ms: u64) {
    for call in [1, 1, 77] {
        let outcome = ToolOutcome::Answered("{\"booked\":true}".into());
        let call = ToolCallId(call);
        scenario.at(at_ms, Input::Tool(FromTool { call, outcome }));
    }
}

/// More requests than a call may have, all in one reply.
fn flood_of_tools(scenario: &mut Scenario, at_ms: u64) {
    for call in 1_000..1_100 {
        let request = ToolRequest {
            reply: ReplyId(0),
            call: ToolCallId(call),
            name: "look".into(),
            arguments: "{}".into(),
        };
        scenario.model_sends(at_ms, FromModel::ToolRequested(request));
    }
}

/// Well-formed events that belong to nothing.
fn nonsense(scenario: &mut Scenario, at_ms: u64) {
    let (reply, item) = (ReplyId(4_000), ItemId(4_000));
    let events = [
        FromModel::SpeechStopped,
        FromModel::AgentWords {
            reply,
            item,
            delta: "hello".into(),
        },
        FromModel::Audio(AgentAudio {
            reply,
            item,
            audio: AudioId(4_000_000),
            length: Span::from_millis(200),
            levels_dbfs: Vec::new(),
        }),
        FromModel::WordsAligned {
            item,
            characters: u32::MAX,
            spoken_by: Span::from_secs(90),
        },
        FromModel::ReplyDone(ReplyDone {
            reply,
            outcome: ReplyOutcome::Cancelled,
            cost_micros: 0,
        }),
    ];
    for event in events {
        scenario.model_sends(at_ms, event);
    }
    scenario.leg(at_ms, FromLeg::Mark(MarkId(900_000)));
}
