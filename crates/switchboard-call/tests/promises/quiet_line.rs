//! What of the caller's line may be gathered on its way to the model, and what may not.

use switchboard_call::CallSettings;
use switchboard_call::output::ToModel;

use crate::support::{Scenario, VOICE_DBFS};

/// When frames went out that may wait, between two moments.
fn waiting(scenario: &Scenario, from_ms: u64, until_ms: u64) -> usize {
    count(scenario, from_ms, until_ms, |command| {
        matches!(command, ToModel::QuietAudio(_))
    })
}

fn at_once(scenario: &Scenario, from_ms: u64, until_ms: u64) -> usize {
    count(scenario, from_ms, until_ms, |command| {
        matches!(command, ToModel::Audio(_))
    })
}

fn count(
    scenario: &Scenario,
    from_ms: u64,
    until_ms: u64,
    wanted: impl Fn(&ToModel) -> bool,
) -> usize {
    let sent = scenario.to_model(wanted);
    sent.iter()
        .filter(|at| (from_ms..until_ms).contains(at))
        .count()
}

#[test]
fn every_frame_of_a_turn_goes_at_once_from_its_first_sound_to_the_models_word_that_it_is_over() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.says(5_000, 2_000, "I would like to book a massage");
    scenario.run(12_000);
    let over = scenario.when("caller_speech_stopped")[0];
    assert!(over >= 7_000, "the turn is over at {over} ms");
    assert_eq!(waiting(&scenario, 5_000, over), 0);
    assert_eq!(at_once(&scenario, 4_000, 5_000), 0, "a quiet line is not");
    assert_eq!(at_once(&scenario, over + 20, 12_000), 0, "nor is it after");
    assert!(waiting(&scenario, 4_000, 5_000) >= 49, "and it is all sent");
}

#[test]
fn gaps_inside_words_that_nobody_reported_yet_go_at_once() {
    let mut scenario = Scenario::new(CallSettings::default());
    for start in [5_000, 5_400, 5_900] {
        scenario.sounds(start, 80, VOICE_DBFS);
    }
    scenario.run(8_000);
    assert_eq!(waiting(&scenario, 5_000, 6_600), 0);
    assert!(
        waiting(&scenario, 6_800, 8_000) >= 59,
        "then the line is quiet"
    );
}
