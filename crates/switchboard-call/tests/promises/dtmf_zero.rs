//! `0` reaches a human at any moment, in less than 300 ms.

use switchboard_call::handoff::HandoffReason;
use switchboard_call::{CallSettings, Greeting, Language, Phase};

use crate::support::{Answer, Readiness, Scenario};

fn assert_transferred_at(scenario: &Scenario, pressed_ms: u64) {
    let transfers = scenario.transfers();
    assert_eq!(transfers.len(), 1, "{}", scenario.log());
    let (at, handoff) = &transfers[0];
    assert_eq!(handoff.reason, HandoffReason::Dtmf0);
    assert!(*at - pressed_ms < 300);
    let stale =
        scenario.to_leg(|command| matches!(command, switchboard_call::output::ToLeg::Play { .. }));
    assert!(
        stale.iter().all(|played| played <= at),
        "nothing is said after it"
    );
}

fn greeting() -> CallSettings {
    CallSettings {
        greeting: Some(Greeting {
            words: "Thank you for calling the roofing company how may I help you today".into(),
            language: Language::ENGLISH,
        }),
        ..CallSettings::default()
    }
}

#[test]
fn dtmf_zero_reaches_a_human_while_connecting() {
    let mut scenario = Scenario::new(greeting());
    scenario.model.readiness.push_back(Readiness::Never);
    scenario.digit(1_000, '0');
    scenario.run(10_000);
    assert_transferred_at(&scenario, 1_000);
}

#[test]
fn dtmf_zero_reaches_a_human_during_greeting() {
    let mut scenario = Scenario::new(greeting());
    scenario.digit(1_500, '0');
    scenario.run(10_000);
    assert_eq!(scenario.when("greeting_started").len(), 1);
    assert_transferred_at(&scenario, 1_500);
}

#[test]
fn dtmf_zero_reaches_a_human_while_caller_or_agent_speak_and_while_a_tool_runs() {
    for pressed_ms in [1_500, 2_200, 2_600, 3_500, 5_250, 5_600] {
        let mut scenario = Scenario::new(CallSettings::default());
        scenario.model.answers.push_back(Answer::speaks(
            "we are open from nine in the morning until six in the evening",
        ));
        scenario.says(1_000, 1_000, "what time do you open");
        scenario.says(5_000, 2_000, "wait I have a question");
        scenario.digit(pressed_ms, '0');
        scenario.run(20_000);
        assert_transferred_at(&scenario, pressed_ms);
    }
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.model.answers.push_back(Answer::asks("look", "{}"));
    scenario.says(1_000, 1_000, "what is free");
    scenario.digit(4_000, '0');
    scenario.run(20_000);
    assert_transferred_at(&scenario, 4_000);
}

#[test]
fn dtmf_zero_reaches_a_human_during_the_goodbye_and_only_once() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario
        .model
        .answers
        .push_back(Answer::asks("end_call", "{}"));
    scenario
        .tool_answers
        .push_back(Some((50, switchboard_call::input::ToolOutcome::EndCall)));
    scenario.says(1_000, 1_000, "thank you bye");
    scenario.run(3_900);
    assert_eq!(scenario.call.phase(), Phase::Ending, "{}", scenario.log());
    scenario.digit(4_000, '0').digit(4_050, '0');
    scenario.run(20_000);
    assert_transferred_at(&scenario, 4_000);
}

#[test]
fn another_key_is_for_the_model_and_no_human() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.digit(2_000, '1');
    scenario.run(3_000);
    assert!(scenario.transfers().is_empty());
    let keys =
        scenario.to_model(|command| *command == switchboard_call::output::ToModel::Digit('1'));
    assert_eq!(keys, [2_000]);
}
