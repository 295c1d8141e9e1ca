//! Silence is counted from when the caller last heard us: first a nudge, then a human.

use switchboard_call::CallSettings;
use switchboard_call::end::EndReason;
use switchboard_call::handoff::HandoffReason;
use switchboard_call::input::ToolOutcome;
use switchboard_call::output::ToModel;

use crate::support::{Answer, Scenario};

#[test]
fn the_nudge_comes_6_s_after_the_ear_heard_the_end_of_our_reply() {
    let mut worst_ms = 0;
    for delay_ms in [0, 40, 150] {
        for sends_media in [true, false] {
            let mut scenario = Scenario::new(CallSettings::default());
            scenario.sends_media = sends_media;
            scenario.carrier.delay_us = delay_ms * 1_000;
            scenario.says(1_000, 1_000, "what time do you open");
            scenario.run(11_000);
            let nudged = scenario.when("silence_nudged");
            assert_eq!(nudged.len(), 1, "{}", scenario.log());
            let heard_ms = scenario.carrier.last_sound_us(nudged[0] * 1_000).unwrap() / 1_000;
            worst_ms = worst_ms.max(nudged[0].abs_diff(heard_ms + 6_000));
        }
    }
    println!("worst error of the nudge: {worst_ms} ms");
    assert!(worst_ms <= 40, "{worst_ms} ms");
}

#[test]
fn the_handoff_comes_after_9_s_of_silence_the_nudge_itself_not_counted() {
    let mut worst_ms = 0;
    for delay_ms in [0, 40, 150] {
        for sends_media in [true, false] {
            let mut scenario = Scenario::new(CallSettings::default());
            scenario.sends_media = sends_media;
            scenario.carrier.delay_us = delay_ms * 1_000;
            scenario.says(1_000, 1_000, "what time do you open");
            scenario.run(30_000);
            let (handed_off, handoff) = scenario.transfers()[0].clone();
            assert_eq!(handoff.reason, HandoffReason::Silence);
            let heard_ms = scenario.carrier.last_sound_us(handed_off * 1_000).unwrap() / 1_000;
            worst_ms = worst_ms.max(handed_off.abs_diff(heard_ms + 3_000));
            assert_eq!(
                scenario.end(),
                Some(EndReason::HandedOff(HandoffReason::Silence))
            );
        }
    }
    println!("worst error of the handoff: {worst_ms} ms");
    assert!(worst_ms <= 40, "{worst_ms} ms");
}

#[test]
fn a_caller_who_answers_the_nudge_starts_the_clock_anew() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.says(1_000, 1_000, "what time do you open");
    scenario.says(12_000, 800, "yes I am here");
    scenario.run(21_500);
    assert!(scenario.transfers().is_empty(), "{}", scenario.log());
    assert_eq!(scenario.when("silence_nudged").len(), 2);
}

#[test]
fn a_key_is_no_silence() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.says(1_000, 1_000, "what time do you open");
    scenario.digit(9_000, '5');
    scenario.run(14_500);
    assert!(
        scenario.when("silence_nudged").is_empty(),
        "{}",
        scenario.log()
    );
    scenario.run(15_100);
    assert_eq!(scenario.when("silence_nudged").len(), 1);
}

#[test]
fn waiting_for_our_tool_is_no_silence_of_the_caller() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.model.answers.push_back(Answer::asks("look", "{}"));
    scenario
        .tool_answers
        .push_back(Some((9_000, ToolOutcome::Answered("{}".into()))));
    scenario.says(1_000, 1_000, "what is free on Tuesday");
    scenario.run(13_000);
    assert!(scenario.when("silence_nudged").is_empty());
    assert!(scenario.transfers().is_empty());
}

#[test]
fn zero_switches_the_clock_off() {
    let mut settings = CallSettings::default();
    settings.limits.silence_nudge = switchboard_call::Span::ZERO;
    let mut scenario = Scenario::new(settings);
    scenario.says(1_000, 1_000, "what time do you open");
    scenario.run(60_000);
    assert!(scenario.transfers().is_empty());
    let said = scenario.to_model(|command| matches!(command, ToModel::Say { .. }));
    assert!(said.is_empty());
}

#[test]
fn an_agent_that_waits_to_be_spoken_to_nudges_6_s_after_the_answer() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.run(6_450);
    assert_eq!(scenario.when("silence_nudged"), [6_400]);
}
