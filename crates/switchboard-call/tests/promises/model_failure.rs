//! A model that fails: one reopening, the next configured one, a human; what was said so far goes along.

use switchboard_call::event::EventKind;
use switchboard_call::handoff::HandoffReason;
use switchboard_call::input::{FromLeg, FromModel, ModelFailure, ToolOutcome};
use switchboard_call::output::{Command, HistoryTurn, ToModel};
use switchboard_call::turn::Speaker;
use switchboard_call::{CallSettings, Span};

use crate::support::{Answer, AnswerKind, Readiness, Scenario};

fn opened(scenario: &Scenario) -> Vec<(u64, u32)> {
    let commands = scenario.commands();
    commands
        .filter_map(|(at, command)| match command {
            Command::Model(ToModel::Open { choice, .. }) => Some((at, *choice)),
            _ => None,
        })
        .collect()
}

fn two_models() -> CallSettings {
    CallSettings {
        models: 2,
        ..CallSettings::default()
    }
}

fn disconnected() -> FromModel {
    FromModel::Failed(ModelFailure::Disconnected)
}

#[test]
fn a_session_that_lived_10_s_is_reopened_once_and_then_a_human_comes() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.says(1_000, 1_000, "hello there");
    scenario.model_sends(11_000, disconnected());
    scenario.says(12_000, 1_000, "are you there");
    scenario.model_sends(23_000, disconnected());
    scenario.run(40_000);
    assert_eq!(
        opened(&scenario),
        [(0, 0), (11_000, 0)],
        "{}",
        scenario.log()
    );
    assert_eq!(scenario.when("model_reopened"), [11_300]);
    assert_eq!(scenario.transfers()[0].0, 23_000);
    assert_eq!(scenario.transfers()[0].1.reason, HandoffReason::ModelFailed);
}

#[test]
fn a_younger_session_is_not_reopened() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.model_sends(9_000, disconnected());
    scenario.run(20_000);
    assert_eq!(opened(&scenario).len(), 1);
    assert_eq!(scenario.transfers()[0].0, 9_000);
}

#[test]
fn the_age_from_which_a_session_is_reopened_is_a_limit() {
    let mut settings = CallSettings::default();
    settings.limits.model_reopen_lived_min = Span::from_secs(5);
    let mut scenario = Scenario::new(settings);
    scenario.says(1_000, 1_000, "hello there");
    scenario.model_sends(9_000, disconnected());
    scenario.run(11_000);
    assert_eq!(opened(&scenario), [(0, 0), (9_000, 0)]);
}

#[test]
fn a_refusal_is_never_tried_again() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.says(1_000, 1_000, "hello there");
    scenario.model_sends(12_000, FromModel::Failed(ModelFailure::Refused));
    scenario.run(20_000);
    assert_eq!(opened(&scenario).len(), 1);
    assert_eq!(
        scenario.transfers()[0].1.reason,
        HandoffReason::ModelRefused
    );
}

#[test]
fn a_reopening_that_takes_longer_than_1500_ms_gives_way_to_the_next_model() {
    let mut scenario = Scenario::new(two_models());
    let slow = [
        Readiness::After(300),
        Readiness::Never,
        Readiness::After(400),
    ];
    scenario.model.readiness.extend(slow);
    scenario.says(1_000, 1_000, "hello there");
    scenario.says(8_000, 1_000, "hello again");
    scenario.model_sends(11_000, disconnected());
    scenario.run(16_000);
    assert_eq!(opened(&scenario), [(0, 0), (11_000, 0), (12_500, 1)]);
    assert!(scenario.transfers().is_empty(), "{}", scenario.log());
}

#[test]
fn an_answer_lost_with_its_model_is_given_by_the_next_one() {
    for failing in [
        AnswerKind::BreaksOff(String::new(), ModelFailure::Disconnected),
        AnswerKind::BreaksOff("well we are open".into(), ModelFailure::Disconnected),
        AnswerKind::Fails(ModelFailure::RateLimited),
    ] {
        let mut scenario = Scenario::new(two_models());
        scenario
            .model
            .answers
            .push_back(Answer::of(failing.clone()));
        scenario.says(1_000, 1_000, "when are you open");
        scenario.run(8_000);
        let asked = scenario.to_model(|command| matches!(command, ToModel::Reply { .. }));
        assert_eq!(asked.len(), 2, "{failing:?}\n{}", scenario.log());
        let heard = scenario.agent_turns().pop().expect("it answered").heard;
        assert!(heard.expose().ends_with("All right then"), "{failing:?}");
    }
}

#[test]
fn the_next_model_knows_what_was_said_and_heard_the_broken_reply_included() {
    let mut scenario = Scenario::new(two_models());
    scenario
        .model
        .answers
        .push_back(Answer::speaks("we open at nine"));
    let broken = AnswerKind::BreaksOff("on Sunday we are".into(), ModelFailure::Disconnected);
    scenario.model.answers.push_back(Answer::of(broken));
    scenario.says(1_000, 1_000, "when do you open");
    scenario.says(6_000, 1_000, "and on Sunday");
    scenario.run(12_000);
    let history: Vec<_> = scenario.model.histories[1]
        .iter()
        .map(|turn| (turn.speaker, turn.words.expose().to_owned()))
        .collect();
    let expected = [
        (Speaker::Caller, "when do you open"),
        (Speaker::Agent, "we open at nine"),
        (Speaker::Caller, "and on Sunday"),
        (Speaker::Agent, "on Sunday we are"),
    ];
    let expected = expected.map(|(speaker, words)| (speaker, words.to_owned()));
    assert_eq!(history[..2], expected[..2]);
    assert!(history.contains(&expected[3]), "{history:?}");
}

#[test]
fn a_model_that_dies_while_the_caller_speaks_leaves_no_clock_standing() {
    let mut scenario = Scenario::new(two_models());
    scenario.sounds(3_000, 2_000, -22);
    scenario.model_sends(3_200, FromModel::SpeechStarted);
    scenario.model_sends(4_000, disconnected());
    scenario.run(30_000);
    assert_eq!(
        scenario.when("silence_nudged").len(),
        1,
        "{}",
        scenario.log()
    );
    assert_eq!(scenario.transfers()[0].1.reason, HandoffReason::Silence);
}

#[test]
fn a_gap_in_the_media_while_the_model_reopens_does_not_spin() {
    let mut scenario = Scenario::new(two_models());
    scenario.sends_media = false;
    scenario
        .model
        .readiness
        .extend([Readiness::After(300), Readiness::After(1_400)]);
    scenario.model_sends(2_900, FromModel::SpeechStarted);
    scenario.model_sends(3_000, disconnected());
    scenario.run(6_000);
    assert!(scenario.handled < 100, "{}", scenario.handled);
}

#[test]
fn a_model_that_dies_while_an_interruption_is_weighed_lets_the_sent_words_play_on() {
    let mut scenario = Scenario::new(two_models());
    scenario.model.answers.push_back(Answer::speaks(
        "we are open from nine in the morning until six in the evening",
    ));
    scenario.says(1_000, 1_000, "when are you open");
    scenario.sounds(5_000, 700, -22);
    scenario.model_sends(5_200, FromModel::SpeechStarted);
    scenario.model_sends(5_600, disconnected());
    scenario.run(12_000);
    let heard_us = scenario
        .carrier
        .heard_us(switchboard_call::ids::ItemId(1), u64::MAX);
    assert_eq!(heard_us, 13 * 300_000, "{}", scenario.log());
}

#[test]
fn words_and_results_wait_for_the_session_that_is_being_opened() {
    let mut scenario = Scenario::new(two_models());
    scenario.model_sends(3_000, disconnected());
    scenario.leg(3_100, FromLeg::Text("my number is 12".into()));
    scenario.run(8_000);
    let told = scenario.to_model(|command| matches!(command, ToModel::Text(_)));
    assert_eq!(told, [3_300], "when the model is ready to hear it");
    let answered = scenario.agent_turns();
    assert_eq!(answered.len(), 1, "{}", scenario.log());
}

#[test]
fn words_typed_before_the_first_model_is_ready_reach_it() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.model.readiness.push_back(Readiness::After(1_000));
    scenario.leg(500, FromLeg::Text("hello".into()));
    scenario.run(5_000);
    let told = scenario.to_model(|command| matches!(command, ToModel::Text(_)));
    assert_eq!(told, [1_000], "{}", scenario.log());
    assert_eq!(scenario.agent_turns().len(), 1);
}

#[test]
fn what_a_client_brought_along_is_known_to_the_next_model_too() {
    let mut scenario = Scenario::new(two_models());
    let brought = HistoryTurn {
        speaker: Speaker::Caller,
        words: "my name is on file".into(),
    };
    scenario.leg(600, FromLeg::Remember(brought.clone()));
    scenario.model_sends(3_000, disconnected());
    scenario.run(5_000);
    let told = scenario.to_model(|command| *command == ToModel::Remember(brought.clone()));
    assert_eq!(told, [600]);
    assert_eq!(scenario.model.histories[1], [brought]);
}

#[test]
fn a_tool_that_answers_while_the_model_reopens_is_not_lost() {
    let mut scenario = Scenario::new(two_models());
    scenario.model.answers.push_back(Answer::asks("look", "{}"));
    let answer = ToolOutcome::Answered(r#"{"free":1}"#.into());
    scenario.tool_answers.push_back(Some((1_200, answer)));
    scenario.says(1_000, 1_000, "what is free");
    scenario.model_sends(4_000, disconnected());
    scenario.run(9_000);
    let told = scenario.to_model(|command| {
        matches!(command, ToModel::Remember(turn) if turn.words.expose().contains("free"))
    });
    assert_eq!(told, [4_300], "{}", scenario.log());
    let results = scenario.to_model(|command| matches!(command, ToModel::ToolResult { .. }));
    assert!(results.is_empty(), "the new session never asked");
    let asked = scenario.to_model(|command| matches!(command, ToModel::Reply { .. }));
    assert_eq!(asked.len(), 2);
}

#[test]
fn a_stall_is_reported_as_one() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario
        .model
        .answers
        .push_back(Answer::of(AnswerKind::Stalls));
    scenario.says(1_000, 1_000, "when are you open");
    scenario.run(20_000);
    let failed = scenario.kinds("model_failed");
    let expected = EventKind::ModelFailed {
        choice: 0,
        failure: ModelFailure::Stalled,
    };
    assert_eq!(failed.first(), Some(&expected));
}

#[test]
fn an_old_session_is_rolled_over_at_a_quiet_moment_and_nobody_notices() {
    let mut settings = CallSettings::default();
    settings.limits.model_session_max = switchboard_call::Span::from_secs(20);
    let mut scenario = Scenario::new(settings);
    scenario.says(1_000, 1_000, "when are you open");
    scenario.model.answers.push_back(Answer::speaks("at nine"));
    scenario.says(8_000, 1_000, "and tomorrow");
    scenario.says(14_000, 1_000, "and on Sunday");
    scenario.says(19_000, 2_500, "and on Monday please");
    scenario.says(26_000, 1_000, "and on Friday please");
    scenario.run(31_000);
    let opened = opened(&scenario);
    assert_eq!(opened.len(), 2, "{}", scenario.log());
    assert!(
        opened[1].0 >= 21_500,
        "not while the caller speaks: {opened:?}"
    );
    assert!(scenario.when("model_failed").is_empty());
}
