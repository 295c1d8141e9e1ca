//! A client of the front endpoint takes its turns itself.

use switchboard_call::input::{FromLeg, ReplyOutcome, TurnTaking};
use switchboard_call::interruption::StopCause;
use switchboard_call::output::{ToLeg, ToModel};
use switchboard_call::{CallSettings, PlaybackReport, Span};

use crate::support::{Answer, Scenario};

fn manual() -> CallSettings {
    CallSettings {
        playback: PlaybackReport::Player,
        turn_taking: TurnTaking {
            replies_to_speech: false,
            replies_to_text: false,
            speech_interrupts: true,
        },
        limits: switchboard_call::Limits {
            silence_nudge: Span::ZERO,
            ..switchboard_call::Limits::default()
        },
        ..CallSettings::default()
    }
}

fn replies(scenario: &Scenario) -> Vec<u64> {
    scenario.to_model(|command| matches!(command, ToModel::Reply { .. }))
}

fn asks() -> FromLeg {
    FromLeg::ReplyRequested { instructions: None }
}

#[test]
fn nobody_speaks_before_the_client_asks_and_each_turn_is_its_own() {
    let mut scenario = Scenario::new(manual());
    scenario.leg(1_000, FromLeg::Text("hello".into()));
    scenario.leg(2_000, asks());
    scenario.says(5_000, 1_000, "and on Sunday");
    scenario.leg(7_000, asks());
    scenario.run(10_000);
    assert_eq!(replies(&scenario), [2_000, 7_000]);
    let turns = scenario.agent_turns();
    assert_eq!(turns.len(), 2, "{}", scenario.log());
    for turn in turns {
        assert_eq!(turn.heard.expose(), "All right then");
        assert_eq!(
            turn.response,
            Some(Span::from_millis(400)),
            "from the asking on"
        );
    }
}

#[test]
fn a_cancel_stops_reply_and_playback_and_keeps_what_was_heard() {
    let mut scenario = Scenario::new(manual());
    let words = "one two three four five six seven eight nine ten";
    scenario.model.answers.push_back(Answer::speaks(words));
    scenario.leg(1_000, asks());
    scenario.leg(2_600, FromLeg::ReplyCancelled);
    scenario.run(8_000);
    let kinds = scenario.kinds("reply_interrupted");
    let [switchboard_call::event::EventKind::ReplyInterrupted { cause, .. }] = kinds[..] else {
        panic!("{kinds:?}")
    };
    assert_eq!(cause, StopCause::Explicit);
    let turn = &scenario.agent_turns()[0];
    assert!(turn.interrupted);
    assert!(words.starts_with(turn.heard.expose()) && !turn.heard.is_empty());
    let played = scenario.to_leg(|command| matches!(command, ToLeg::Play { .. }));
    assert!(played.iter().all(|at| *at <= 2_600));
}

#[test]
fn a_cancel_without_a_reply_is_nothing() {
    let mut scenario = Scenario::new(manual());
    scenario.leg(1_000, FromLeg::ReplyCancelled);
    scenario.run(3_000);
    assert!(scenario.when("reply_interrupted").is_empty());
    let cancelled = scenario.to_model(|command| *command == ToModel::CancelReply);
    assert!(cancelled.is_empty());
}

#[test]
fn a_flood_of_requests_is_answered_one_at_a_time_and_bounded() {
    let mut scenario = Scenario::new(manual());
    for at_ms in 1_000..2_000 {
        let instructions = Some("say it again".into());
        scenario.leg(at_ms, FromLeg::ReplyRequested { instructions });
    }
    scenario.run(60_000);
    assert!(
        replies(&scenario).len() <= 19,
        "{}",
        replies(&scenario).len()
    );
    let finished = scenario.kinds("reply_finished");
    assert!(finished.iter().all(|kind| matches!(
        kind,
        switchboard_call::event::EventKind::ReplyFinished {
            outcome: ReplyOutcome::Completed,
            ..
        }
    )));
}

#[test]
fn a_client_that_switches_automatic_replies_on_gets_them_from_then_on() {
    let mut scenario = Scenario::new(manual());
    scenario.says(1_000, 800, "hello");
    scenario.leg(3_000, FromLeg::TurnTaking(TurnTaking::default()));
    scenario.says(4_000, 800, "hello again");
    scenario.run(8_000);
    assert_eq!(replies(&scenario), [5_300]);
}

#[test]
fn turn_marks_reach_a_model_that_hears_and_no_other() {
    let mut scenario = Scenario::new(manual());
    scenario.leg(100, FromLeg::TurnCommitted);
    scenario.leg(1_000, FromLeg::TurnCommitted);
    scenario.leg(1_100, FromLeg::TurnCleared);
    scenario.run(2_000);
    let committed = scenario.to_model(|command| *command == ToModel::CommitTurn);
    assert_eq!(committed, [1_000]);
    let cleared = scenario.to_model(|command| *command == ToModel::ClearTurn);
    assert_eq!(cleared, [1_100]);
}
