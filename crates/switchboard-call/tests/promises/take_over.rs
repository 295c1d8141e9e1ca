//! A person of staff talks in the agent's place: the agent is silent at once, goes on when it is wanted again, and the
//! caller is never left alone. The invariants check in every one of these that nothing is said or begun meanwhile.

use switchboard_call::end::{EndClass, EndReason};
use switchboard_call::handoff::HandoffReason;
use switchboard_call::input::{
    ClosingLine, Control, FromLeg, FromModel, LegClosed, ModelFailure, ToolOutcome,
};
use switchboard_call::output::{Command, HeardAudio, RecordingStep, ToLeg, ToModel};
use switchboard_call::{
    CallSettings, ConsentBasis, ConsentPolicy, Greeting, Language, Limits, Phase, Span,
};

use crate::support::{Answer, Scenario, Transfer};

const WORDS: &str =
    "we are open from nine in the morning until six in the evening on every day but Sunday";
const GIVEN_BACK: &str = "I am with you again. How can I help you further?";

/// The agent is speaking at 3,000 ms.
fn speaking(settings: CallSettings) -> Scenario {
    let mut scenario = Scenario::new(settings);
    scenario.model.answers.push_back(Answer::speaks(WORDS));
    scenario.says(1_000, 500, "when are you open");
    scenario
}

fn taken_over() -> Scenario {
    let mut scenario = speaking(CallSettings::default());
    scenario.control(3_000, Control::TakeOver);
    scenario
}

fn played(scenario: &Scenario) -> Vec<u64> {
    scenario.to_leg(|command| matches!(command, ToLeg::Play { .. }))
}

fn staff_played(scenario: &Scenario) -> Vec<u64> {
    scenario.to_leg(|command| matches!(command, ToLeg::PlayStaff { .. }))
}

fn said(scenario: &Scenario, sentence: &str) -> Vec<u64> {
    scenario.to_model(
        |command| matches!(command, ToModel::Say { words, .. } if words.expose() == sentence),
    )
}

#[test]
fn the_agent_is_silent_in_the_moment_a_person_takes_over_and_the_caller_hears_the_person() {
    let mut scenario = taken_over();
    scenario.staff_says(3_100, 2_000);
    scenario.says(6_000, 800, "and on Sundays");
    scenario.run(30_000);
    assert_eq!(scenario.call.phase(), Phase::WithStaff);
    assert_eq!(scenario.to_leg(|command| *command == ToLeg::Clear), [3_000]);
    assert!(played(&scenario).iter().all(|at| *at <= 3_000));
    assert_eq!(staff_played(&scenario).len(), 100);
    let turn = scenario.agent_turns().pop().expect("a turn");
    assert!(
        turn.interrupted && turn.heard.expose().len() < WORDS.len(),
        "{turn:?}"
    );
    // The caller's words are known all the same, and nothing answers them.
    let last = scenario.turns().pop().expect("a turn");
    assert_eq!(last.heard.expose(), "and on Sundays");
    for event in [
        "silence_nudged",
        "filler_played",
        "dead_air_counted",
        "handoff_started",
    ] {
        assert!(scenario.when(event).is_empty(), "{}", scenario.log());
    }
}

#[test]
fn given_back_the_agent_says_so_knows_that_somebody_talked_and_answers_again() {
    let mut scenario = taken_over();
    scenario.control(20_000, Control::GiveBack);
    scenario
        .model
        .answers
        .push_back(Answer::speaks("on Monday at nine"));
    scenario.says(26_000, 500, "when on Monday");
    scenario.run(32_000);
    assert_eq!(said(&scenario, GIVEN_BACK), [20_000], "{}", scenario.log());
    let noted = scenario.to_model(|command| matches!(command, ToModel::Remember(_)));
    assert_eq!(noted, [20_000]);
    let turns = scenario.agent_turns();
    assert_eq!(
        turns.last().expect("a turn").heard.expose(),
        "on Monday at nine"
    );
    assert_eq!(scenario.call.phase(), Phase::Live);
}

#[test]
fn a_person_whose_connection_is_lost_leaves_no_silence_behind() {
    let mut scenario = taken_over();
    scenario.control(10_000, Control::StaffLost);
    scenario.run(20_000);
    assert_eq!(scenario.when("staff_lost"), [10_000]);
    assert_eq!(scenario.when("staff_gave_back"), [13_000]);
    let next = played(&scenario).into_iter().find(|at| *at > 10_000);
    assert!(
        next.expect("the agent speaks") < 14_000,
        "{}",
        scenario.log()
    );
}

#[test]
fn who_comes_back_in_time_goes_on() {
    let mut scenario = taken_over();
    scenario.control(10_000, Control::StaffLost);
    scenario.control(12_900, Control::TakeOver);
    scenario.staff_says(13_500, 500);
    scenario.run(40_000);
    assert_eq!(scenario.when("staff_took_over"), [3_000, 12_900]);
    assert!(scenario.when("staff_gave_back").is_empty());
    assert_eq!(staff_played(&scenario).len(), 25);
}

#[test]
fn the_caller_who_hangs_up_was_handled_by_a_person() {
    let mut scenario = taken_over();
    scenario.hangs_up(10_000).run(20_000);
    assert_eq!(
        scenario.end(),
        Some(EndReason::HandedOff(HandoffReason::Staff))
    );
    assert_eq!(scenario.end().expect("over").class(), EndClass::Success);
}

#[test]
fn a_person_ends_the_call_at_once_and_it_was_theirs() {
    for control in [Control::End, Control::EndSaying(ClosingLine::Goodbye)] {
        let mut scenario = taken_over();
        scenario.control(10_000, control).run(20_000);
        assert_eq!(scenario.when("call_ended"), [10_000]);
        assert_eq!(
            scenario.end(),
            Some(EndReason::HandedOff(HandoffReason::Staff))
        );
    }
}

#[test]
fn a_caller_given_back_ends_as_any_other() {
    let mut scenario = taken_over();
    scenario.control(10_000, Control::GiveBack);
    scenario.hangs_up(16_000).run(20_000);
    assert_eq!(scenario.end(), Some(EndReason::CallerHungUp));
}

#[test]
fn a_broken_leg_is_no_success_of_anybody() {
    let mut scenario = taken_over();
    scenario
        .leg(10_000, FromLeg::Closed(LegClosed::Lost))
        .run(20_000);
    assert_eq!(scenario.end(), Some(EndReason::LegLost));
}

#[test]
fn a_model_that_dies_meanwhile_is_not_missed_and_another_one_speaks_afterwards() {
    for failure in [
        ModelFailure::Refused,
        ModelFailure::Disconnected,
        ModelFailure::Stalled,
    ] {
        let mut scenario = taken_over();
        scenario.model_sends(8_000, FromModel::Failed(failure));
        scenario.control(20_000, Control::GiveBack);
        scenario.run(30_000);
        assert!(scenario.transfers().is_empty(), "{}", scenario.log());
        let next = played(&scenario).into_iter().find(|at| *at > 20_000);
        assert!(
            next.expect("the agent speaks") < 24_000,
            "{}",
            scenario.log()
        );
    }
}

#[test]
fn a_model_that_cannot_be_had_any_more_sends_the_caller_given_back_to_a_human() {
    let mut scenario = taken_over();
    scenario.model_sends(8_000, FromModel::Failed(ModelFailure::Refused));
    scenario.run(19_000);
    scenario.model_falls_silent(19_000);
    scenario.control(20_000, Control::GiveBack);
    scenario.run(24_000);
    let transfers = scenario.transfers();
    assert_eq!(transfers.len(), 1, "{}", scenario.log());
    assert!(transfers[0].0 < 24_000);
}

#[test]
fn the_length_of_a_call_does_not_count_while_a_person_has_it() {
    let limits = Limits {
        length_max: Span::from_secs(60),
        // Nobody speaks in this test.
        silence_nudge: Span::ZERO,
        ..Limits::default()
    };
    let mut scenario = speaking(CallSettings {
        limits,
        ..CallSettings::default()
    });
    scenario.control(3_000, Control::TakeOver);
    scenario.control(63_000, Control::GiveBack);
    scenario.run(119_900);
    assert!(scenario.transfers().is_empty(), "{}", scenario.log());
    scenario.run(121_000);
    let (at, handoff) = scenario.transfers().pop().expect("a human");
    assert_eq!((at, handoff.reason), (120_000, HandoffReason::Length));
}

#[test]
fn a_spent_budget_touches_no_person_and_moves_the_caller_when_they_give_back() {
    let mut settings = CallSettings::default();
    let limits = &mut settings.limits;
    // What the first reply leaves is enough to say why, and for nothing else.
    let paid = limits.reply_cost_max_micros;
    limits.budget_micros = paid + limits.sentence_cost_max_micros + 500;
    let mut scenario = Scenario::new(settings);
    let answer = Answer::speaks("of course").costs(paid);
    scenario.model.answers.push_back(answer);
    scenario.says(1_000, 500, "when are you open");
    scenario.control(5_000, Control::TakeOver);
    scenario.run(20_000);
    let spent = scenario.when("budget_spent");
    assert!(spent.is_empty() && scenario.transfers().is_empty());
    scenario.control(20_000, Control::GiveBack).run(30_000);
    assert_eq!(
        scenario.when("budget_spent"),
        [20_000],
        "{}",
        scenario.log()
    );
    let (_, handoff) = scenario.transfers().pop().expect("a human");
    assert_eq!(handoff.reason, HandoffReason::Budget);
}

#[test]
fn nobody_of_staff_has_a_caller_for_ever() {
    let mut scenario = taken_over();
    scenario.sends_media = false;
    scenario.run(3_600_000 + 2_999);
    assert_eq!(scenario.call.phase(), Phase::WithStaff);
    scenario.run(3_600_000 + 3_000);
    assert_eq!(scenario.when("staff_gave_back"), [3_603_000]);
}

#[test]
fn a_drain_takes_the_caller_to_the_human_from_staff_too() {
    let mut scenario = taken_over();
    scenario.transfer = Transfer::Never;
    scenario.control(10_000, Control::Drain);
    scenario.staff_says(10_100, 200);
    scenario.run(10_500);
    assert_eq!(scenario.transfers().len(), 1);
    assert!(staff_played(&scenario).is_empty());
}

#[test]
fn nobody_takes_over_what_is_no_conversation() {
    // Not yet, and not any more.
    let mut early = Scenario::new(CallSettings::default());
    early.control(100, Control::TakeOver).run(300);
    assert_eq!(early.call.phase(), Phase::Connecting);
    let mut late = taken_over();
    late.transfer = Transfer::Never;
    late.digit(2_900, '0').run(3_100);
    assert_eq!(late.call.phase(), Phase::HandingOff);
    // While nobody may listen.
    let mut settings = CallSettings::default();
    settings.keys.secure_entry = Some('*');
    let mut secure = speaking(settings);
    secure
        .digit(2_900, '*')
        .control(3_000, Control::TakeOver)
        .run(3_100);
    assert!(secure.when("staff_took_over").is_empty());
}

#[test]
fn a_goodbye_is_called_off_by_a_person() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario
        .model
        .answers
        .push_back(Answer::asks("end_call", "{}"));
    scenario
        .tool_answers
        .push_back(Some((20, ToolOutcome::EndCall)));
    scenario.says(1_000, 500, "that was all");
    scenario.run(3_000);
    assert_eq!(scenario.call.phase(), Phase::Ending, "{}", scenario.log());
    scenario.control(3_000, Control::TakeOver).run(30_000);
    assert_eq!(scenario.call.phase(), Phase::WithStaff);
    assert!(scenario.end().is_none());
}

#[test]
fn a_tool_that_answers_meanwhile_is_known_afterwards_and_ends_nothing() {
    for outcome in [
        ToolOutcome::Answered("{}".into()),
        ToolOutcome::EndCall,
        ToolOutcome::Question("sure?".into()),
    ] {
        let mut scenario = Scenario::new(CallSettings::default());
        scenario.model.answers.push_back(Answer::asks("book", "{}"));
        scenario.tool_answers.push_back(Some((4_000, outcome)));
        scenario.says(1_000, 500, "book it");
        scenario.control(3_000, Control::TakeOver);
        scenario.run(20_000);
        assert_eq!(
            scenario.call.phase(),
            Phase::WithStaff,
            "{}",
            scenario.log()
        );
        let told = scenario.to_model(|command| matches!(command, ToModel::ToolResult { .. }));
        assert_eq!(told.len(), 1, "{}", scenario.log());
    }
}

#[test]
fn what_is_said_to_a_person_answers_no_question_of_ours() {
    let settings = CallSettings {
        greeting: Some(Greeting {
            words: "hello".into(),
            language: Language::ENGLISH,
        }),
        consent: ConsentPolicy {
            disclosure: Some("may we record this".into()),
            basis: ConsentBasis::Asked,
        },
        records: true,
        ..CallSettings::default()
    };
    let mut scenario = Scenario::new(settings);
    scenario.run(3_000);
    assert_eq!(
        scenario.when("disclosure_heard").len(),
        1,
        "{}",
        scenario.log()
    );
    scenario.control(3_000, Control::TakeOver);
    scenario.says(4_000, 300, "yes");
    scenario.staff_says(5_000, 200);
    scenario.control(10_000, Control::GiveBack);
    scenario.run(11_000);
    assert!(scenario.answers().is_empty() && scenario.turns().is_empty());
    assert!(scenario.recording().is_empty());
    assert_eq!(said(&scenario, "may we record this").len(), 2, "asked anew");
    scenario.says(14_000, 300, "yes");
    scenario.run(20_000);
    assert_eq!(scenario.answers().len(), 1, "{}", scenario.log());
}

#[test]
fn a_person_is_recorded_under_the_same_consent_as_the_agent() {
    let settings = CallSettings {
        records: true,
        ..CallSettings::default()
    };
    let mut scenario = speaking(settings);
    scenario.control(3_000, Control::TakeOver);
    scenario.staff_says(3_200, 400);
    scenario.run(5_000);
    let heard = scenario.commands().filter(|(at, command)| {
        let is_staff = |what: &HeardAudio| matches!(what, HeardAudio::Agent(_));
        *at >= 3_200
            && matches!(command, Command::Recording(RecordingStep::Heard { what, .. }) if is_staff(what))
    });
    assert_eq!(heard.count(), 20);
}

#[test]
fn who_is_far_ahead_of_real_time_is_cut_instead_of_heard_late() {
    let mut scenario = taken_over();
    // A network that stood still gives a second of sound at once.
    for _ in 0..50 {
        scenario.staff_says(5_000, 20);
    }
    scenario.staff_says(7_000, 200);
    scenario.run(8_000);
    let played = staff_played(&scenario);
    assert_eq!(played.iter().filter(|at| **at == 5_000).count(), 21);
    assert_eq!(played.len(), 31);
    assert!(scenario.when("late_audio_dropped").len() >= 29);
}

#[test]
fn a_client_that_is_away_is_waited_for_while_a_person_has_the_call() {
    let mut scenario = taken_over();
    scenario.leg(5_000, FromLeg::Absent);
    scenario.staff_says(6_000, 200);
    scenario.leg(9_000, FromLeg::Returned);
    scenario.staff_says(10_000, 200);
    scenario.run(15_000);
    assert_eq!(staff_played(&scenario).len(), 10);
    assert_eq!(scenario.call.phase(), Phase::WithStaff);
}

#[test]
fn a_key_means_nothing_beside_a_person_but_the_withdrawal() {
    let mut settings = CallSettings::default();
    settings.keys.withdraw = Some('9');
    let mut scenario = speaking(settings);
    scenario.control(3_000, Control::TakeOver);
    scenario.digit(4_000, '0').digit(5_000, '9').run(8_000);
    assert!(scenario.transfers().is_empty());
    assert_eq!(scenario.answers().len(), 1);
}
