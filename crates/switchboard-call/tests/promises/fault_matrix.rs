//! threats.md section 3: every fault in every phase ends the call once, moves the caller on, and leaks nothing.

use switchboard_call::end::EndClass;
use switchboard_call::handoff::{HandoffReason, TransferOutcome};
use switchboard_call::input::{Control, FromLeg, FromModel, LegClosed, ModelFailure, ToolOutcome};
use switchboard_call::output::{Command, ToLeg};
use switchboard_call::{CallSettings, Greeting, Input, Language, Span};

use crate::support::{Answer, AnswerKind, Readiness, Scenario, Transfer};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Ringing,
    Connecting,
    Greeting,
    CallerSpeaking,
    AgentSpeaking,
    ToolRunning,
    Transferring,
    Ending,
}

const PHASES: [At; 8] = [
    At::Ringing,
    At::Connecting,
    At::Greeting,
    At::CallerSpeaking,
    At::AgentSpeaking,
    At::ToolRunning,
    At::Transferring,
    At::Ending,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Model(ModelFailure),
    ModelStalls,
    LegLost,
    LegBreaksProtocol,
    CallerHangsUp,
    TransferRefused,
    TransferSilent,
    Drained,
    DatabaseLost,
    CarrierStopsSending,
    FrozenFor(u64),
}

const FAULTS: [Fault; 16] = [
    Fault::Model(ModelFailure::Refused),
    Fault::Model(ModelFailure::Disconnected),
    Fault::Model(ModelFailure::Stalled),
    Fault::Model(ModelFailure::RateLimited),
    Fault::Model(ModelFailure::Protocol),
    Fault::Model(ModelFailure::SessionExpired),
    Fault::ModelStalls,
    Fault::LegLost,
    Fault::LegBreaksProtocol,
    Fault::CallerHangsUp,
    Fault::TransferRefused,
    Fault::TransferSilent,
    Fault::Drained,
    Fault::DatabaseLost,
    Fault::CarrierStopsSending,
    Fault::FrozenFor(20_000),
];

fn settings(phase: At) -> CallSettings {
    CallSettings {
        filler_length: Span::from_millis(900),
        greeting: (phase == At::Greeting).then(|| Greeting {
            words: "thank you for calling us my name is Ava and how may I help you today then"
                .into(),
            language: Language::ENGLISH,
        }),
        ..CallSettings::default()
    }
}

/// A call that is in this phase at the returned moment.
fn in_phase(phase: At) -> (Scenario, u64) {
    if phase == At::Ringing {
        return (Scenario::ringing(settings(phase)), 1_000);
    }
    let mut scenario = Scenario::new(settings(phase));
    if phase == At::Connecting {
        scenario.model.readiness.push_back(Readiness::Never);
        return (scenario, 1_000);
    }
    lead_into(&mut scenario, phase);
    (scenario, 4_200)
}

fn lead_into(scenario: &mut Scenario, phase: At) {
    match phase {
        At::Ringing | At::Connecting | At::Greeting => {}
        At::CallerSpeaking => {
            scenario.says(3_000, 4_000, "well I would like to book a massage");
        }
        At::AgentSpeaking => {
            let words = "we are open from nine in the morning until six in the evening";
            scenario.model.answers.push_back(Answer::speaks(words));
            scenario.says(1_000, 1_000, "when are you open");
        }
        At::ToolRunning => {
            scenario.model.answers.push_back(Answer::asks("look", "{}"));
            scenario.says(1_000, 1_000, "what is free");
        }
        At::Transferring => {
            scenario.transfer = Transfer::Never;
            scenario.digit(4_100, '0');
        }
        At::Ending => {
            let kind = AnswerKind::Asks {
                preamble: "goodbye and have a very nice day and thank you for calling".into(),
                name: "end_call".into(),
                arguments: "{}".into(),
            };
            scenario.model.answers.push_back(Answer::of(kind));
            let answer = Some((20, ToolOutcome::EndCall));
            scenario.tool_answers.push_back(answer);
            scenario.says(1_000, 1_000, "that was all");
        }
    }
}

fn strike(scenario: &mut Scenario, fault: Fault, at_ms: u64) {
    match fault {
        Fault::Model(failure) => {
            scenario.model_sends(at_ms, FromModel::Failed(failure));
        }
        Fault::ModelStalls => scenario.model_falls_silent(at_ms),
        Fault::LegLost => {
            scenario.leg(at_ms, FromLeg::Closed(LegClosed::Lost));
        }
        Fault::LegBreaksProtocol => {
            scenario.leg(at_ms, FromLeg::Closed(LegClosed::ProtocolError));
        }
        Fault::CallerHangsUp => {
            scenario.hangs_up(at_ms);
        }
        Fault::TransferRefused => {
            scenario.transfer = Transfer::Answered(100, TransferOutcome::Failed);
            scenario.digit(at_ms, '0');
            scenario.at(at_ms + 200, Input::Transfer(TransferOutcome::Failed));
        }
        Fault::TransferSilent => {
            scenario.transfer = Transfer::Never;
            scenario.digit(at_ms, '0');
        }
        Fault::Drained => {
            scenario.control(at_ms, Control::Drain);
        }
        Fault::DatabaseLost => {
            scenario.control(at_ms, Control::HandOff(HandoffReason::DatabaseLost));
        }
        Fault::CarrierStopsSending => scenario.sends_media = false,
        Fault::FrozenFor(ms) => {
            scenario.run(at_ms);
            scenario.freeze(ms);
        }
    }
}

#[test]
fn every_fault_in_every_phase_ends_the_call_once_moves_the_caller_on_and_leaks_nothing() {
    for phase in PHASES {
        for fault in FAULTS {
            let (mut scenario, at_ms) = in_phase(phase);
            scenario.run(at_ms - 1);
            strike(&mut scenario, fault, at_ms);
            scenario.run(600_000);
            let case = format!("{fault:?} while {phase:?}");
            let end = scenario.end();
            let end = end.unwrap_or_else(|| panic!("{case}: no end\n{}", scenario.log()));
            assert_ne!(end.class(), EndClass::Unknown, "{case}");
            assert_eq!(scenario.audio_held(), 0, "{case}");
            assert_eq!(scenario.when("call_ended").len(), 1, "{case}");
            assert_eq!(scenario.when("handshake_finished").len(), 1, "{case}");
            let moved = scenario.commands().any(|(_, command)| {
                matches!(
                    command,
                    Command::Transfer(_) | Command::Leg(ToLeg::HangUp | ToLeg::Cut)
                )
            });
            let leg_is_gone = matches!(
                fault,
                Fault::LegLost | Fault::LegBreaksProtocol | Fault::CallerHangsUp
            );
            assert!(moved || leg_is_gone, "{case}: nobody takes the caller");
            scenario.feed_after_the_end();
        }
    }
}

#[test]
fn a_fault_of_the_model_in_a_conversation_is_heard_as_something_within_4_s() {
    for phase in [At::CallerSpeaking, At::AgentSpeaking, At::ToolRunning] {
        for fault in [
            Fault::Model(ModelFailure::Refused),
            Fault::Model(ModelFailure::Disconnected),
        ] {
            let (mut scenario, at_ms) = in_phase(phase);
            scenario.run(at_ms - 1);
            strike(&mut scenario, fault, at_ms);
            scenario.run(at_ms + 4_000);
            let transfers = scenario.transfers();
            assert!(
                transfers
                    .first()
                    .is_some_and(|(at, _)| *at <= at_ms + 4_000),
                "{fault:?} while {phase:?}\n{}",
                scenario.log()
            );
        }
    }
}
