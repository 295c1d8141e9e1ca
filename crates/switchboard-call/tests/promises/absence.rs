//! A client that lost its connection comes back to its call and misses nothing; one that does not ends it.

use switchboard_call::end::EndReason;
use switchboard_call::input::{FromLeg, ToolOutcome, TurnTaking};
use switchboard_call::output::{ToLeg, ToModel};
use switchboard_call::{CallSettings, Limits, PlaybackReport, Span};

use crate::support::{Answer, Scenario};

const WORDS: &str = "one two three four five six seven eight nine ten";

fn client() -> CallSettings {
    CallSettings {
        playback: PlaybackReport::Player,
        turn_taking: TurnTaking {
            replies_to_text: false,
            ..TurnTaking::default()
        },
        ..CallSettings::default()
    }
}

fn asks() -> FromLeg {
    FromLeg::ReplyRequested { instructions: None }
}

fn played(scenario: &Scenario) -> Vec<u64> {
    scenario.to_leg(|command| matches!(command, ToLeg::Play { .. }))
}

/// The agent speaks when the client is lost, and the client comes back after so long.
fn lost_and_found(returns_ms: u64) -> Scenario {
    let mut scenario = Scenario::new(client());
    scenario.sends_media = false;
    scenario.model.answers.push_back(Answer::speaks(WORDS));
    scenario.leg(1_000, asks());
    scenario.leg(2_000, FromLeg::Absent);
    scenario.leg(returns_ms, FromLeg::Returned);
    scenario
}

#[test]
fn nothing_is_played_while_nobody_listens_and_everything_is_heard_in_the_end() {
    for returns_ms in [2_020, 9_000, 61_900] {
        let mut scenario = lost_and_found(returns_ms);
        scenario.run(returns_ms + 8_000);
        let away = played(&scenario);
        assert!(away.iter().any(|at| *at < 2_000) && away.iter().any(|at| *at >= returns_ms));
        let meanwhile = away.iter().any(|at| (2_000..returns_ms).contains(at));
        assert!(!meanwhile, "{away:?}");
        let turns = scenario.agent_turns();
        assert_eq!(
            turns.last().expect("a turn").heard.expose(),
            WORDS,
            "{}",
            scenario.log()
        );
        assert!(
            !turns.iter().any(|turn| turn.interrupted),
            "{}",
            scenario.log()
        );
        assert_eq!(scenario.when("leg_returned").len(), 1);
        assert!(scenario.end().is_none());
    }
}

#[test]
fn no_time_of_an_absent_caller_counts() {
    let mut scenario = lost_and_found(50_000);
    scenario.run(52_000);
    for event in ["silence_nudged", "dead_air_counted", "filler_played"] {
        assert!(scenario.when(event).is_empty(), "{}", scenario.log());
    }
    assert!(scenario.transfers().is_empty());
}

#[test]
fn past_the_window_the_call_ends_and_only_what_was_heard_is_kept() {
    let mut scenario = lost_and_found(90_000);
    scenario.run(95_000);
    assert_eq!(
        scenario.end(),
        Some(EndReason::LegLost),
        "{}",
        scenario.log()
    );
    assert_eq!(scenario.when("call_ended"), [62_000]);
    let turns = scenario.agent_turns();
    let heard = turns.last().expect("a turn").heard.expose();
    assert!(
        WORDS.starts_with(heard) && heard.len() < WORDS.len(),
        "{heard}"
    );
    assert!(scenario.when("leg_returned").is_empty());
}

#[test]
fn a_tool_that_runs_meanwhile_runs_once_and_its_answer_waits() {
    let mut scenario = Scenario::new(client());
    scenario.sends_media = false;
    scenario
        .model
        .answers
        .push_back(Answer::asks("check_availability", "{}"));
    scenario.model.answers.push_back(Answer::speaks(WORDS));
    let outcome = ToolOutcome::Answered("{}".into());
    scenario.tool_answers.push_back(Some((3_000, outcome)));
    scenario.leg(1_000, asks());
    scenario.leg(2_500, FromLeg::Absent);
    scenario.leg(20_000, FromLeg::Returned);
    scenario.run(30_000);
    assert_eq!(scenario.when("tool_started").len(), 1, "{}", scenario.log());
    assert_eq!(scenario.when("tool_finished").len(), 1);
    assert!(
        played(&scenario)
            .iter()
            .all(|at| !(2_500..20_000).contains(at))
    );
    let turns = scenario.agent_turns();
    assert_eq!(turns.last().expect("a turn").heard.expose(), WORDS);
}

#[test]
fn who_may_not_come_back_ends_the_call_at_once() {
    let limits = Limits {
        absence_max: Span::ZERO,
        ..Limits::default()
    };
    let mut scenario = Scenario::new(CallSettings { limits, ..client() });
    scenario.leg(2_000, FromLeg::Absent);
    scenario.run(3_000);
    assert_eq!(scenario.end(), Some(EndReason::LegLost));
    assert_eq!(scenario.when("call_ended"), [2_000]);
}

#[test]
fn a_turn_that_was_being_spoken_is_ended_and_answered() {
    let mut scenario = Scenario::new(client());
    scenario.model.answers.push_back(Answer::speaks(WORDS));
    scenario.says(1_000, 1_000, "and on Sunday");
    scenario.leg(2_100, FromLeg::Absent);
    scenario.leg(12_000, FromLeg::Returned);
    scenario.run(22_000);
    let asked = scenario.to_model(|command| matches!(command, ToModel::Reply { .. }));
    assert_eq!(asked.len(), 1, "{}", scenario.log());
    assert!(played(&scenario).iter().all(|at| *at >= 12_000));
    let turns = scenario.agent_turns();
    assert_eq!(
        turns.last().expect("a turn").heard.expose(),
        WORDS,
        "{}",
        scenario.log()
    );
}
