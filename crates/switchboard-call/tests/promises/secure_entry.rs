//! D3: while card data is given recorder, transcript, key events, voice detectors and model are blind until our own
//! state ends it.

use switchboard_call::input::{FromLeg, ToolOutcome};
use switchboard_call::output::{RecordingStep, ToModel};
use switchboard_call::{CallSettings, Keys, Words};

use crate::support::{Answer, Scenario, VOICE_DBFS};

const BEGINS: u64 = 4_000;

fn settings() -> CallSettings {
    CallSettings {
        records: true,
        keys: Keys {
            withdraw: None,
            secure_entry: Some('*'),
        },
        ..CallSettings::default()
    }
}

/// A call in which the caller begins secure entry by key.
fn begun() -> Scenario {
    let mut scenario = Scenario::new(settings());
    scenario.says(1_000, 1_000, "I want to pay");
    scenario.digit(BEGINS, '*').run(BEGINS + 100);
    assert_eq!(scenario.when("secure_entry_started"), [BEGINS]);
    scenario
}

fn forwarded(scenario: &Scenario, from_ms: u64, until_ms: u64) -> usize {
    let sent =
        scenario.to_model(|command| matches!(command, ToModel::Audio(_) | ToModel::QuietAudio(_)));
    sent.iter()
        .filter(|at| (from_ms..until_ms).contains(at))
        .count()
}

#[test]
fn d3_nothing_of_the_caller_reaches_model_transcript_or_events() {
    let mut scenario = begun();
    scenario.sounds(BEGINS + 500, 6_000, VOICE_DBFS);
    for (at, digit) in "4000123456789010".chars().enumerate() {
        scenario.digit(BEGINS + 1_000 + 200 * at as u64, digit);
    }
    scenario.leg(
        BEGINS + 5_000,
        FromLeg::Text(Words::from("4000 1234 5678 9010")),
    );
    let item = switchboard_call::ids::ItemId(77);
    scenario.words(
        BEGINS + 6_000,
        item,
        "four thousand one two three four",
        None,
    );
    scenario.digit(BEGINS + 8_000, '#').run(BEGINS + 12_000);

    assert_eq!(forwarded(&scenario, BEGINS + 1, BEGINS + 8_000), 0);
    assert!(
        forwarded(&scenario, BEGINS + 8_001, BEGINS + 12_000) > 100,
        "heard again"
    );
    let keys = scenario.when("digit_pressed");
    assert_eq!(keys, [] as [u64; 0], "no key is in the log");
    let told = |command: &ToModel| matches!(command, ToModel::Digit(_) | ToModel::Text(_));
    assert_eq!(scenario.to_model(told), [] as [u64; 0]);
    assert_eq!(scenario.transfers().len(), 0, "0 is a digit of the card");
    assert!(!scenario.log().contains("four thousand"));
    assert!(!scenario.log().contains("4000 1234"));
    assert_eq!(scenario.when("secure_entry_ended"), [BEGINS + 8_000]);
}

#[test]
fn d3_the_recording_is_paused_and_goes_on() {
    let mut scenario = begun();
    scenario.digit(BEGINS + 3_000, '#').run(BEGINS + 4_000);
    let steps = scenario.recording();
    assert_eq!(
        steps[1..],
        [
            (BEGINS, RecordingStep::Pause),
            (BEGINS + 3_000, RecordingStep::Resume)
        ]
    );
}

#[test]
fn d3_the_tools_begin_and_end_it() {
    let mut scenario = Scenario::new(settings());
    for begins in [true, false] {
        let name = if begins {
            "secure_entry_start"
        } else {
            "secure_entry_end"
        };
        scenario.model.answers.push_back(Answer::asks(name, "{}"));
        scenario
            .tool_answers
            .push_back(Some((50, ToolOutcome::SecureEntry { begins })));
    }
    scenario.says(1_000, 1_000, "I want to pay");
    scenario.run(30_000);
    assert_eq!(
        scenario.when("secure_entry_started").len(),
        1,
        "{}",
        scenario.log()
    );
    assert_eq!(
        scenario.when("secure_entry_ended").len(),
        1,
        "{}",
        scenario.log()
    );
    let told = scenario.to_model(|command| matches!(command, ToModel::ToolResult { output, .. } if output.expose().contains("Nobody listens")));
    assert_eq!(told.len(), 1);
}

#[test]
fn d3_what_the_agent_says_meanwhile_is_not_written_down() {
    let mut scenario = Scenario::new(settings());
    scenario
        .model
        .answers
        .push_back(Answer::asks("secure_entry_start", "{}"));
    scenario
        .tool_answers
        .push_back(Some((50, ToolOutcome::SecureEntry { begins: true })));
    scenario.says(1_000, 1_000, "I want to pay");
    scenario.run(20_000);
    let began = scenario.when("secure_entry_started")[0];
    let turns = scenario.turns();
    let hidden = turns.iter().any(|turn| turn.started.millis() >= began);
    assert!(!hidden, "{turns:?}");
    scenario.digit(21_000, '#');
    scenario.says(22_000, 1_000, "that was all");
    scenario.run(30_000);
    let turns = scenario.turns();
    assert!(
        turns
            .iter()
            .any(|turn| turn.heard.expose() == "that was all"),
        "{turns:?}"
    );
}

#[test]
fn d3_a_caller_whom_nobody_hears_for_three_minutes_goes_to_a_human() {
    let mut scenario = begun();
    scenario.run(BEGINS + 179_000);
    assert_eq!(scenario.transfers().len(), 0, "{}", scenario.log());
    assert_eq!(scenario.when("silence_nudged"), [] as [u64; 0]);
    scenario.run(BEGINS + 182_000);
    assert_eq!(scenario.transfers().len(), 1);
    assert_eq!(scenario.when("secure_entry_ended"), [] as [u64; 0]);
}
