//! A call ends once, with a reason and a class, and a goodbye is heard.

use switchboard_call::end::{EndClass, EndReason};
use switchboard_call::handoff::{HandoffReason, TransferOutcome};
use switchboard_call::input::{
    ClosingLine, Control, FromLeg, FromModel, LegClosed, ModelFailure, ToolOutcome,
};
use switchboard_call::output::{ToLeg, ToModel};
use switchboard_call::{CallSettings, Words};

use crate::support::{Answer, AnswerKind, Scenario, Transfer};

fn hang_ups(scenario: &Scenario) -> Vec<u64> {
    scenario.to_leg(|command| *command == ToLeg::HangUp)
}

fn ending(preamble: &str) -> Scenario {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario
        .model
        .answers
        .push_back(Answer::of(AnswerKind::Asks {
            preamble: preamble.into(),
            name: "end_call".into(),
            arguments: "{}".into(),
        }));
    scenario
        .tool_answers
        .push_back(Some((20, ToolOutcome::EndCall)));
    scenario.says(1_000, 1_000, "that was all thank you");
    scenario
}

/// How much of its last sound the ear heard before the hang-up.
fn assert_heard_before_hanging_up(scenario: &Scenario, length_ms: u64) {
    let hung_up = hang_ups(scenario);
    assert_eq!(hung_up.len(), 1, "{}", scenario.log());
    let item = switchboard_call::ids::ItemId(1);
    let heard_ms = scenario.carrier.heard_us(item, hung_up[0] * 1_000) / 1_000;
    assert_eq!(heard_ms, length_ms, "{}", scenario.log());
    assert_eq!(scenario.end(), Some(EndReason::AgentEnded));
}

#[test]
fn the_agents_own_goodbye_is_heard_to_its_end() {
    let mut scenario = ending("you are welcome and have a nice day goodbye");
    scenario.run(20_000);
    assert_heard_before_hanging_up(&scenario, 9 * 300);
}

#[test]
fn a_silent_agent_says_our_goodbye_and_it_is_heard_to_its_end() {
    let mut scenario = ending("");
    scenario.run(20_000);
    assert_heard_before_hanging_up(&scenario, 5 * 300);
}

#[test]
fn a_goodbye_plays_on_when_its_model_dies() {
    let mut scenario = ending("you are welcome and have a nice day goodbye");
    scenario.model_sends(3_800, FromModel::Failed(ModelFailure::Disconnected));
    scenario.run(20_000);
    assert_heard_before_hanging_up(&scenario, 9 * 300);
}

#[test]
fn a_goodbye_owed_while_the_model_reopens_is_said_by_the_next_one() {
    let mut scenario = Scenario::new(CallSettings {
        models: 2,
        ..CallSettings::default()
    });
    scenario
        .model
        .answers
        .push_back(Answer::asks("end_call", "{}"));
    scenario
        .tool_answers
        .push_back(Some((300, ToolOutcome::EndCall)));
    scenario.says(1_000, 1_000, "that was all thank you");
    let failed = FromModel::Failed(ModelFailure::Disconnected);
    scenario.model_sends(3_100, failed);
    scenario.run(20_000);
    assert_heard_before_hanging_up(&scenario, 5 * 300);
}

#[test]
fn a_goodbye_that_never_comes_ends_after_5_s() {
    let mut scenario = ending("");
    scenario.model.say_think_ms = 60_000;
    scenario.run(30_000);
    let hung_up = hang_ups(&scenario);
    assert!(hung_up[0] <= 3_100 + 5_000, "{hung_up:?}");
}

#[test]
fn a_caller_who_takes_the_floor_during_the_goodbye_keeps_the_call() {
    let mut scenario =
        ending("you are welcome and have a very nice day and goodbye from all of us");
    scenario.says(4_000, 2_000, "wait I have one more question");
    scenario.run(9_000);
    assert_eq!(scenario.end(), None, "{}", scenario.log());
    assert!(hang_ups(&scenario).is_empty());
}

#[test]
fn a_mm_hm_during_the_goodbye_does_not_hold_the_call() {
    let mut scenario =
        ending("you are welcome and have a very nice day and goodbye from all of us");
    scenario.says(4_000, 300, "mm-hm");
    scenario.run(20_000);
    assert_heard_before_hanging_up(&scenario, 15 * 300);
}

#[test]
fn every_end_has_its_reason_and_class() {
    for (input, reason, class) in [
        (LegClosed::HungUp, EndReason::CallerHungUp, EndClass::Caller),
        (LegClosed::Lost, EndReason::LegLost, EndClass::Upstream),
        (
            LegClosed::ProtocolError,
            EndReason::LegProtocolError,
            EndClass::Upstream,
        ),
    ] {
        let mut scenario = Scenario::new(CallSettings::default());
        scenario.leg(2_000, FromLeg::Closed(input));
        scenario.run(5_000);
        assert_eq!(scenario.end(), Some(reason));
        assert_eq!(reason.class(), class);
        assert!(
            hang_ups(&scenario).is_empty(),
            "a leg that is gone is not hung up"
        );
    }
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.control(2_000, Control::End);
    scenario.run(5_000);
    assert_eq!(scenario.end(), Some(EndReason::EndedByControl));
    assert_eq!(hang_ups(&scenario), [2_000]);
}

/// A page asks for the end by a request of its own: that is a caller who hangs up, not somebody who ends the call.
#[test]
fn a_caller_who_hangs_up_by_a_request_has_hung_up_and_the_leg_is_told() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.control(2_000, Control::CallerHangsUp);
    scenario.run(5_000);
    let end = scenario.end().expect("it ended");
    assert_eq!(
        (end, end.class()),
        (EndReason::CallerHungUp, EndClass::Caller)
    );
    assert_eq!(hang_ups(&scenario), [2_000]);
}

/// The agent had said goodbye already: whoever hangs up during it does not change whose end it is.
#[test]
fn a_request_to_hang_up_during_the_goodbye_leaves_the_agents_end() {
    let mut scenario = ending("you are welcome and have a nice day goodbye");
    scenario.control(4_000, Control::CallerHangsUp);
    scenario.run(20_000);
    assert_eq!(scenario.end(), Some(EndReason::AgentEnded));
    assert_eq!(hang_ups(&scenario), [4_000]);
}

/// Nobody is behind a browser: a drain ends it all the same, with its own word.
#[test]
fn a_drain_without_a_human_ends_the_call_as_drained() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.transfer = Transfer::Answered(10, TransferOutcome::Unsupported);
    scenario.control(2_000, Control::Drain);
    scenario.run(5_000);
    let end = scenario.end().expect("it ended");
    assert_eq!((end.as_str(), end.class()), ("drained", EndClass::Us));
}

#[test]
fn what_still_comes_after_the_end_is_let_go_and_changes_nothing() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.says(1_000, 1_000, "hello");
    scenario.hangs_up(3_500);
    scenario.run(5_000);
    let log = scenario.log();
    scenario.feed_after_the_end();
    assert_eq!(scenario.log(), log);
    assert_eq!(scenario.audio_held(), 0);
}

#[test]
fn staff_end_a_call_with_a_sentence_that_is_heard_to_its_end() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.says(1_000, 1_000, "tell me everything");
    scenario.control(3_500, Control::EndSaying(ClosingLine::Apology));
    scenario.control(4_000, Control::EndSaying(ClosingLine::Goodbye));
    scenario.run(20_000);
    assert_eq!(
        scenario.end(),
        Some(EndReason::EndedByControl),
        "{}",
        scenario.log()
    );
    let apology: Words = "I am sorry, something went wrong on our side.".into();
    let says = |command: &ToModel| matches!(command, ToModel::Say { .. });
    let apologises =
        |command: &ToModel| matches!(command, ToModel::Say { words, .. } if *words == apology);
    assert_eq!(scenario.to_model(apologises).len(), 1, "{}", scenario.log());
    assert_eq!(scenario.to_model(says).len(), 1, "nothing else is said");
    let hung_up = hang_ups(&scenario);
    assert_eq!(hung_up.len(), 1, "{}", scenario.log());
    assert!(
        hung_up[0] > 4_500,
        "not before the sentence was heard: {}",
        scenario.log()
    );
}

#[test]
fn staff_end_a_call_at_once_where_nothing_can_be_said() {
    let mut scenario = Scenario::new(CallSettings {
        sentences: Vec::new(),
        ..CallSettings::default()
    });
    scenario.control(2_000, Control::EndSaying(ClosingLine::Goodbye));
    scenario.run(5_000);
    assert_eq!(scenario.end(), Some(EndReason::EndedByControl));
    assert_eq!(hang_ups(&scenario), [2_000]);
}

#[test]
fn a_caller_who_leaves_during_the_sentence_of_staff_was_ended_by_staff() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.control(2_000, Control::EndSaying(ClosingLine::Goodbye));
    scenario.hangs_up(2_400);
    scenario.run(5_000);
    assert_eq!(scenario.end(), Some(EndReason::EndedByControl));
}

#[test]
fn staff_hand_a_caller_over_to_the_party_they_name() {
    let mut scenario = Scenario::new(CallSettings::default());
    let target = Some("front_desk".to_owned());
    scenario.control(
        2_000,
        Control::HandOver {
            target: target.clone(),
        },
    );
    scenario.run(10_000);
    let transfers = scenario.transfers();
    let [(_, handoff)] = &transfers[..] else {
        panic!("{transfers:?}");
    };
    assert_eq!(
        (handoff.reason, &handoff.target),
        (HandoffReason::Staff, &target)
    );
    assert_eq!(
        EndReason::HandedOff(HandoffReason::Staff).class(),
        EndClass::Success
    );
}
