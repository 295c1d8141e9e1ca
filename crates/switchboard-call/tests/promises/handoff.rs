//! Responsibility moves to a human, whatever the carrier says to it.

use switchboard_call::CallSettings;
use switchboard_call::end::{EndClass, EndReason};
use switchboard_call::handoff::{HandoffReason, TransferOutcome};
use switchboard_call::input::{Control, FromLeg, FromModel, LegClosed, ToolOutcome};
use switchboard_call::output::{ToLeg, ToModel};

use crate::support::{Answer, Readiness, Scenario, Transfer};

fn asked_for() -> Scenario {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario
        .model
        .answers
        .push_back(Answer::asks("transfer_to_human", "{}"));
    let target = Some("support".to_owned());
    let summary = Some("wants a refund".into());
    scenario
        .tool_answers
        .push_back(Some((50, ToolOutcome::HandOff { target, summary })));
    scenario.says(1_000, 1_000, "let me talk to a person");
    scenario
}

fn cuts(scenario: &Scenario) -> Vec<u64> {
    scenario.to_leg(|command| *command == ToLeg::Cut)
}

#[test]
fn asked_for_a_human_goes_to_the_named_target_and_ends_when_the_leg_closes() {
    let mut scenario = asked_for();
    scenario.run(20_000);
    let (_, handoff) = scenario.transfers()[0].clone();
    assert_eq!(handoff.target.as_deref(), Some("support"));
    assert_eq!(
        scenario.end(),
        Some(EndReason::HandedOff(HandoffReason::Asked))
    );
    assert_eq!(
        EndReason::HandedOff(HandoffReason::Asked).class(),
        EndClass::Success
    );
    assert!(cuts(&scenario).is_empty(), "the leg closed by itself");
}

#[test]
fn a_refused_transfer_cuts_the_leg_at_once_and_a_silent_one_after_1_s() {
    for (transfer, after_ms) in [
        (Transfer::Answered(300, TransferOutcome::Failed), 300),
        (Transfer::Never, 1_000),
    ] {
        let mut scenario = asked_for();
        scenario.transfer = transfer;
        scenario.run(20_000);
        let (at, _) = scenario.transfers()[0].clone();
        assert_eq!(cuts(&scenario), [at + after_ms]);
        assert_eq!(
            scenario.end(),
            Some(EndReason::HandedOff(HandoffReason::Asked))
        );
    }
}

#[test]
fn an_accepted_transfer_whose_leg_stays_open_is_cut_after_5_s() {
    let mut scenario = asked_for();
    scenario.transfer = Transfer::Never;
    scenario.run(3_100);
    let (at, _) = scenario.transfers()[0].clone();
    scenario.at(
        at + 200,
        switchboard_call::Input::Transfer(TransferOutcome::Accepted),
    );
    scenario.run(20_000);
    assert_eq!(cuts(&scenario), [at + 5_200]);
}

#[test]
fn a_leg_without_a_human_is_hung_up_and_says_so() {
    let mut scenario = asked_for();
    scenario.transfer = Transfer::Answered(10, TransferOutcome::Unsupported);
    scenario.run(20_000);
    assert_eq!(
        scenario.end(),
        Some(EndReason::NobodyToHandOffTo(HandoffReason::Asked))
    );
    assert_eq!(
        scenario.to_leg(|command| *command == ToLeg::HangUp).len(),
        1
    );
    assert!(cuts(&scenario).is_empty());
}

#[test]
fn a_leg_that_breaks_during_the_transfer_is_the_handoff() {
    let mut scenario = asked_for();
    scenario.transfer = Transfer::Never;
    scenario.run(3_100);
    let (at, _) = scenario.transfers()[0].clone();
    scenario.leg(at + 100, FromLeg::Closed(LegClosed::Lost));
    scenario.run(20_000);
    assert_eq!(
        scenario.end(),
        Some(EndReason::HandedOff(HandoffReason::Asked))
    );
}

#[test]
fn the_first_reason_wins_and_one_transfer_is_asked_for() {
    let mut scenario = asked_for();
    scenario.transfer = Transfer::Never;
    scenario.digit(3_020, '0').digit(3_100, '0');
    scenario.control(3_150, Control::HandOff(HandoffReason::Emergency));
    scenario.run(20_000);
    assert_eq!(scenario.transfers().len(), 1);
    assert_eq!(
        scenario.end(),
        Some(EndReason::HandedOff(HandoffReason::Asked))
    );
}

#[test]
fn nothing_of_the_conversation_goes_on_during_a_transfer() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.model.answers.push_back(Answer::speaks(
        "we are open from nine in the morning until six in the evening on all days",
    ));
    scenario.transfer = Transfer::Never;
    scenario.says(1_000, 1_000, "when are you open");
    let item = scenario.says(4_000, 2_000, "I want to talk to somebody");
    scenario.digit(4_300, '0');
    scenario.interim(4_400, item, "I want to talk to somebody");
    scenario.model_sends(4_420, FromModel::SpeechStopped);
    scenario.leg(4_500, FromLeg::Text("hello".into()));
    scenario.leg(4_500, FromLeg::TurnCommitted);
    scenario.leg(4_500, FromLeg::ReplyRequested { instructions: None });
    scenario.run(20_000);
    let after = scenario.to_model(|command| *command != ToModel::Close);
    assert!(after.iter().all(|at| *at <= 4_300), "{}", scenario.log());
    assert_eq!(scenario.to_leg(|command| *command == ToLeg::Clear), [4_300]);
}

#[test]
fn drain_gives_the_caller_to_a_human_and_the_class_is_ours() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.control(2_000, Control::Drain);
    scenario.run(9_000);
    let end = scenario.end().expect("it ended");
    assert_eq!(end, EndReason::HandedOff(HandoffReason::Drained));
    assert_eq!(end.class(), EndClass::Us);
}

/// The human declines: the same call goes on with a fresh session, which knows what was said.
#[test]
fn a_human_who_declines_gives_the_caller_back_to_the_agent() {
    let mut scenario = asked_for();
    scenario.transfer = Transfer::Answered(100, TransferOutcome::Attended);
    scenario.run(3_500);
    let (at, _) = scenario.transfers()[0].clone();
    scenario.leg(at + 300, FromLeg::Closed(LegClosed::HungUp));
    scenario.at(
        at + 9_000,
        switchboard_call::Input::Transfer(TransferOutcome::Returned),
    );
    scenario.leg(at + 9_400, FromLeg::Ready);
    scenario.run(at + 14_000);
    assert_eq!(scenario.end(), None, "the call goes on");
    let names: Vec<_> = scenario.events().map(|event| event.kind.name()).collect();
    let returned = names
        .iter()
        .position(|name| *name == "caller_returned")
        .expect("returned");
    assert!(names[returned..].contains(&"reply_requested"), "{names:?}");
    assert_eq!(
        names
            .iter()
            .filter(|name| **name == "handshake_finished")
            .count(),
        1
    );
    let opened = scenario.to_model(
        |command| matches!(command, ToModel::Open { history, .. } if !history.is_empty()),
    );
    assert_eq!(opened.len(), 1, "one session more, with the conversation");
    assert!(cuts(&scenario).is_empty());
}

#[test]
fn a_leg_that_closes_before_the_carrier_answers_does_not_end_an_attended_transfer() {
    let mut scenario = asked_for();
    scenario.transfer = Transfer::Never;
    scenario.run(3_100);
    let (at, _) = scenario.transfers()[0].clone();
    scenario.leg(at + 200, FromLeg::Closed(LegClosed::HungUp));
    scenario.at(
        at + 120,
        switchboard_call::Input::Transfer(TransferOutcome::Attended),
    );
    scenario.run(at + 60_000);
    assert_eq!(scenario.end(), None, "the caller may come back");
    scenario.at(
        at + 61_000,
        switchboard_call::Input::Transfer(TransferOutcome::Parted),
    );
    scenario.run(at + 62_000);
    assert_eq!(
        scenario.end(),
        Some(EndReason::HandedOff(HandoffReason::Asked))
    );
}

#[test]
fn a_caller_whom_nobody_gives_back_ends_with_the_hang_up_or_after_5_minutes() {
    for hangs_up in [true, false] {
        let mut scenario = asked_for();
        scenario.transfer = Transfer::Answered(100, TransferOutcome::Attended);
        scenario.run(3_500);
        let (at, _) = scenario.transfers()[0].clone();
        scenario.leg(at + 300, FromLeg::Closed(LegClosed::HungUp));
        if hangs_up {
            scenario.leg(at + 20_000, FromLeg::Closed(LegClosed::HungUp));
        }
        let bound = if hangs_up { 21_000 } else { 301_000 };
        scenario.run(at + bound);
        assert_eq!(
            scenario.end(),
            Some(EndReason::HandedOff(HandoffReason::Asked))
        );
        assert!(cuts(&scenario).is_empty(), "there is no leg to cut");
    }
}

#[test]
fn a_caller_who_comes_back_to_a_model_that_is_not_ready_goes_to_a_human_within_the_watchdog() {
    let mut scenario = asked_for();
    scenario.transfer = Transfer::Answered(100, TransferOutcome::Attended);
    scenario.run(3_500);
    let (at, _) = scenario.transfers()[0].clone();
    scenario.leg(at + 300, FromLeg::Closed(LegClosed::HungUp));
    scenario.model.readiness.push_back(Readiness::Never);
    scenario.at(
        at + 9_000,
        switchboard_call::Input::Transfer(TransferOutcome::Returned),
    );
    scenario.leg(at + 9_400, FromLeg::Ready);
    scenario.run(at + 12_500);
    let handoffs = scenario.transfers();
    assert_eq!(handoffs.len(), 2);
    assert_eq!(handoffs[1].0, at + 12_000);
    assert_eq!(handoffs[1].1.reason, HandoffReason::HandshakeTimeout);
}

#[test]
fn an_attended_transfer_that_the_carrier_refuses_cuts_the_leg() {
    let mut scenario = asked_for();
    scenario.transfer = Transfer::Answered(100, TransferOutcome::Attended);
    scenario.run(3_100);
    let (at, _) = scenario.transfers()[0].clone();
    scenario.at(
        at + 400,
        switchboard_call::Input::Transfer(TransferOutcome::Failed),
    );
    scenario.run(20_000);
    assert_eq!(cuts(&scenario), [at + 400]);
}
