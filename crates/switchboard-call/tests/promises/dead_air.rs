//! Who is owed an answer hears something within 4 s.

use switchboard_call::handoff::HandoffReason;
use switchboard_call::input::{FromLeg, ToolOutcome};
use switchboard_call::{CallSettings, Span};

use crate::support::{Answer, AnswerKind, Scenario};

fn with_filler() -> CallSettings {
    CallSettings {
        filler_length: Span::from_millis(900),
        ..CallSettings::default()
    }
}

#[test]
fn a_slow_model_is_bridged_by_a_filler_before_4_s() {
    let mut scenario = Scenario::new(with_filler());
    scenario
        .model
        .answers
        .push_back(Answer::speaks("we open at nine").thinks(4_500));
    scenario.says(1_000, 1_000, "what time do you open");
    scenario.run(9_000);
    let stopped = scenario.when("caller_speech_stopped")[0];
    assert_eq!(scenario.when("filler_played"), [stopped + 2_500]);
    assert!(scenario.when("dead_air_counted").is_empty());
    let silence_us = scenario.carrier.longest_hole_us(stopped * 1_000, 8_000_000);
    assert!(silence_us <= 4_000_000, "{silence_us}");
}

#[test]
fn a_slow_tool_is_bridged_by_fillers_and_the_longest_silence_is_below_4_s() {
    let mut scenario = Scenario::new(with_filler());
    scenario.model.answers.push_back(Answer::asks("look", "{}"));
    scenario
        .tool_answers
        .push_back(Some((8_000, ToolOutcome::Answered("{}".into()))));
    scenario.says(1_000, 1_000, "what is free on Tuesday");
    scenario.run(13_000);
    assert_eq!(
        scenario.when("filler_played").len(),
        2,
        "{}",
        scenario.log()
    );
    let stopped = scenario.when("caller_speech_stopped")[0];
    let spoken_us = scenario.carrier.first_sound_after_us(10_900_000).unwrap();
    let silence_us = scenario.carrier.longest_hole_us(stopped * 1_000, spoken_us);
    println!(
        "longest silence with a slow tool: {} ms",
        silence_us / 1_000
    );
    assert!(silence_us <= 4_000_000);
}

#[test]
fn without_a_filler_the_broken_promise_is_counted_once() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario
        .model
        .answers
        .push_back(Answer::speaks("we open at nine").thinks(6_000));
    scenario.says(1_000, 1_000, "what time do you open");
    scenario.run(10_000);
    let stopped = scenario.when("caller_speech_stopped")[0];
    assert_eq!(scenario.when("dead_air_counted"), [stopped + 4_000]);
    assert!(scenario.when("filler_played").is_empty());
}

#[test]
fn a_model_that_never_answers_gives_the_caller_to_a_human() {
    let mut scenario = Scenario::new(with_filler());
    let stalled = Answer::of(AnswerKind::Stalls);
    scenario.model.answers.push_back(stalled.clone());
    scenario.model.answers.push_back(stalled);
    scenario.says(1_000, 1_000, "what time do you open");
    scenario.run(30_000);
    let (at, handoff) = scenario.transfers()[0].clone();
    assert_eq!(handoff.reason, HandoffReason::ModelFailed);
    assert!(
        at <= 2_500 + 8_000 + 300 + 8_000,
        "one reopening, then a human: {at}"
    );
    assert_eq!(scenario.when("filler_played").len(), 3);
}

#[test]
fn a_tool_that_never_answers_is_bridged_to_its_deadline() {
    let mut scenario = Scenario::new(with_filler());
    scenario.model.answers.push_back(Answer::asks("look", "{}"));
    scenario.says(1_000, 1_000, "what is free on Tuesday");
    scenario.run(16_000);
    assert!(
        scenario.when("dead_air_counted").is_empty(),
        "{}",
        scenario.log()
    );
    let answers = scenario.agent_turns();
    assert_eq!(answers[0].heard.expose(), "All right then");
}

/// Found by the fault matrix: the fillers of the older turn were used up, and the second one waited in silence.
#[test]
fn a_caller_who_speaks_again_while_a_tool_hangs_is_bridged_again() {
    let mut settings = with_filler();
    settings.limits.tool_deadline = Span::from_secs(30);
    let mut scenario = Scenario::new(settings);
    scenario.model.answers.push_back(Answer::asks("look", "{}"));
    scenario.says(1_000, 1_000, "what is free on Tuesday");
    scenario.says(14_200, 1_000, "or on Wednesday");
    scenario.run(14_000);
    assert_eq!(scenario.when("filler_played").len(), 3, "all used up");
    scenario.model_falls_silent(14_000);
    scenario.run(20_000);
    let spoken_us = scenario.carrier.first_sound_after_us(15_200_000);
    assert!(
        spoken_us.is_some_and(|us| us <= 19_200_000),
        "{spoken_us:?}\n{}",
        scenario.log()
    );
}

#[test]
fn the_callers_own_silence_and_our_nudge_are_no_dead_air() {
    let mut scenario = Scenario::new(with_filler());
    scenario.says(1_000, 1_000, "what time do you open");
    scenario.run(30_000);
    assert_eq!(scenario.when("silence_nudged").len(), 1);
    assert!(
        scenario.when("dead_air_counted").is_empty(),
        "{}",
        scenario.log()
    );
    assert!(scenario.when("filler_played").is_empty());
}

#[test]
fn a_typed_turn_after_a_pause_waits_from_its_own_moment() {
    let mut scenario = Scenario::new(with_filler());
    scenario.says(1_000, 1_000, "what time do you open");
    scenario.model.answers.push_back(Answer::speaks("at nine"));
    scenario.leg(8_000, FromLeg::Text("and on Sunday".into()));
    scenario.run(9_500);
    assert!(
        scenario.when("filler_played").is_empty(),
        "{}",
        scenario.log()
    );
    assert!(scenario.when("dead_air_counted").is_empty());
}
