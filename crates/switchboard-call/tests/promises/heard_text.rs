//! What was heard is what is recorded, whatever the marks say (S4).

use switchboard_call::ids::{ItemId, MarkId};
use switchboard_call::input::FromLeg;
use switchboard_call::output::ToModel;
use switchboard_call::turn::Speaker;
use switchboard_call::{CallSettings, PlaybackReport, Span};

use crate::support::{Answer, MarkMode, Scenario};

const LONG: &str = "We are open from nine in the morning until six in the evening from Monday to Friday \
    and on Saturday from ten until two and we are closed on Sunday and on public holidays";

fn speaking(settings: CallSettings) -> Scenario {
    let mut scenario = Scenario::new(settings);
    scenario.model.answers.push_back(Answer::speaks(LONG));
    scenario.says(1_000, 1_000, "what time do you open");
    scenario
}

#[test]
fn a_turn_is_recorded_when_its_end_was_heard() {
    let mut scenario = speaking(CallSettings::default());
    scenario.run(14_200);
    let turns = scenario.agent_turns();
    assert_eq!(turns.len(), 1, "{}", scenario.log());
    assert_eq!(turns[0].heard.expose(), LONG);
    assert_eq!(turns[0].generated.expose(), LONG);
    assert!(!turns[0].interrupted);
    let response = turns[0].response.expect("it answered somebody");
    let stopped = scenario.when("caller_speech_stopped")[0];
    let played =
        scenario.to_leg(|command| matches!(command, switchboard_call::output::ToLeg::Play { .. }));
    assert_eq!(response.millis(), played[0] - stopped);
}

#[test]
fn the_callers_turn_lasts_from_the_first_to_the_last_sound() {
    let mut scenario = speaking(CallSettings::default());
    scenario.run(6_000);
    let turn = &scenario.turns()[0];
    assert_eq!(turn.speaker, Speaker::Caller);
    assert_eq!(
        turn.started.millis(),
        1_200,
        "when the detector heard it start"
    );
    assert_eq!(turn.ended.millis(), 2_500, "when the detector heard it end");
}

#[test]
fn s4_heard_words_follow_the_ear_for_all_kinds_of_marks() {
    for marks in [
        MarkMode::AtPlayout,
        MarkMode::Twice,
        MarkMode::Lossy,
        MarkMode::Never,
        MarkMode::AtOnce,
    ] {
        let mut scenario = speaking(CallSettings::default());
        scenario.carrier.marks = marks;
        scenario.says(7_000, 2_000, "no I would like something else");
        scenario.run(12_000);
        let turn = &scenario.agent_turns()[0];
        assert!(turn.interrupted, "{marks:?}\n{}", scenario.log());
        let truth_ms = scenario.carrier.heard_us(ItemId(1), u64::MAX) / 1_000;
        let believed_ms = turn.heard_audio.millis();
        let bound_ms = match marks {
            MarkMode::AtPlayout | MarkMode::Twice => 20,
            MarkMode::Lossy => 200,
            // Without a true mark the delay of the line cannot be known.
            MarkMode::AtOnce => 4 * 40 + 20,
            // A carrier that reports nothing may have stalled: then less is believed, never more.
            MarkMode::Never => 1_300,
        };
        assert!(
            believed_ms <= truth_ms + 4 * 40,
            "{marks:?}: {believed_ms} of {truth_ms}"
        );
        assert!(
            truth_ms.abs_diff(believed_ms) <= bound_ms,
            "{marks:?}: {believed_ms} of {truth_ms}"
        );
        let words = turn.heard.expose().split_whitespace().count() as u64;
        assert!(
            words.abs_diff(believed_ms / 300) <= 1,
            "{marks:?}: {words} words"
        );
        assert!(LONG.starts_with(turn.heard.expose()));
    }
}

#[test]
fn s4_unknown_marks_move_nothing() {
    let mut scenario = speaking(CallSettings::default());
    for (at_ms, mark) in (3_000..6_000).step_by(50).zip(500..) {
        scenario.leg(at_ms, FromLeg::Mark(MarkId(mark)));
    }
    scenario.says(7_000, 2_000, "no I would like something else");
    scenario.run(12_000);
    let truth_ms = scenario.carrier.heard_us(ItemId(1), u64::MAX) / 1_000;
    let believed_ms = scenario.agent_turns()[0].heard_audio.millis();
    assert!(truth_ms.abs_diff(believed_ms) <= 100);
}

#[test]
fn a_late_alignment_of_a_cut_item_begins_no_turn() {
    let mut scenario = speaking(CallSettings::default());
    scenario.says(5_000, 2_000, "no I would like something else");
    scenario.model_sends(
        6_500,
        switchboard_call::input::FromModel::WordsAligned {
            item: ItemId(1),
            characters: 20,
            spoken_by: Span::from_millis(1_500),
        },
    );
    scenario.run(20_000);
    let turns = scenario.agent_turns();
    assert_eq!(turns.len(), 2, "{}", scenario.log());
    assert!(turns.iter().all(|turn| !turn.generated.is_empty()));
}

#[test]
fn a_players_late_report_of_an_old_item_leaves_the_new_reply_alone() {
    let settings = CallSettings {
        playback: PlaybackReport::Player,
        ..CallSettings::default()
    };
    let mut scenario = speaking(settings);
    scenario.says(5_000, 1_000, "no I would like something else");
    let report = FromLeg::Played {
        item: ItemId(1),
        position: Span::from_millis(2_000),
    };
    scenario.leg(7_200, report);
    scenario.run(12_000);
    let turns = scenario.agent_turns();
    assert_eq!(turns.len(), 2, "{}", scenario.log());
    assert_eq!(turns[1].heard.expose(), "All right then");
    assert!(!turns[1].interrupted);
    assert_eq!(
        turns[0].heard_audio.millis(),
        2_000,
        "the player knows best"
    );
    let cut = ToModel::Truncate {
        item: ItemId(1),
        heard: Span::from_millis(2_000),
    };
    assert_eq!(scenario.to_model(|command| *command == cut), [7_200]);
}

#[test]
fn a_players_report_decides_what_was_heard() {
    let settings = CallSettings {
        playback: PlaybackReport::Player,
        ..CallSettings::default()
    };
    let mut scenario = speaking(settings);
    let report = FromLeg::Played {
        item: ItemId(1),
        position: Span::from_millis(1_900),
    };
    scenario.leg(5_000, report);
    scenario.run(6_000);
    let turn = &scenario.agent_turns()[0];
    assert_eq!(turn.heard_audio.millis(), 1_900);
    let cut = scenario.to_model(|command| {
        *command
            == ToModel::Truncate {
                item: ItemId(1),
                heard: Span::from_millis(1_900),
            }
    });
    assert_eq!(cut, [5_000]);
}
