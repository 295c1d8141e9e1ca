//! A call is not endless: a spoken warning, then a human.

use switchboard_call::handoff::HandoffReason;
use switchboard_call::output::ToModel;
use switchboard_call::{CallSettings, Span};

use crate::support::Scenario;

/// A caller who says something every eight seconds, always the same: whether that is a machine is another promise.
fn chatting(mut settings: CallSettings, until_ms: u64) -> Scenario {
    settings.limits.automatic_max = Span::ZERO;
    let mut scenario = Scenario::new(settings);
    for at_ms in (3_000..until_ms).step_by(8_000) {
        scenario.says(at_ms, 1_500, "and what about the next one then");
    }
    scenario
}

#[test]
fn after_8_minutes_a_human_takes_over_and_30_s_before_the_caller_is_told() {
    let mut scenario = chatting(CallSettings::default(), 600_000);
    scenario.run(600_000);
    assert_eq!(scenario.when("length_warned"), [450_000]);
    let warned = scenario.to_model(|command| {
        matches!(command, ToModel::Say { words, .. } if words.expose().contains("half a minute"))
    });
    assert_eq!(warned.len(), 1);
    let (at, handoff) = scenario.transfers()[0].clone();
    assert_eq!((at, handoff.reason), (480_000, HandoffReason::Length));
}

#[test]
fn the_warning_waits_for_the_callers_breath() {
    let mut scenario = chatting(CallSettings::default(), 445_000);
    scenario.says(
        448_000,
        5_000,
        "so I was thinking about this and that and all of it",
    );
    scenario.run(455_000);
    assert_eq!(scenario.when("length_warned"), [453_500]);
}

#[test]
fn a_warning_in_a_pause_counts_no_dead_air() {
    let mut settings = CallSettings::default();
    settings.limits.silence_nudge = Span::ZERO;
    settings.filler_length = Span::from_millis(900);
    let mut scenario = Scenario::new(settings);
    scenario.says(1_000, 1_500, "let me think");
    scenario.run(455_000);
    assert_eq!(scenario.when("length_warned"), [450_000]);
    assert!(
        scenario.when("dead_air_counted").is_empty(),
        "{}",
        scenario.log()
    );
    assert!(scenario.when("filler_played").is_empty());
}

#[test]
fn zero_means_no_limit() {
    let mut settings = CallSettings::default();
    settings.limits.length_max = Span::ZERO;
    let mut scenario = chatting(settings, 900_000);
    scenario.run(900_000);
    assert!(scenario.transfers().is_empty());
    assert!(scenario.when("length_warned").is_empty());
}
