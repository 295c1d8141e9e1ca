//! A1: a write runs only after this caller heard our question to its end and said yes, whatever the model wants.

use switchboard_call::CallSettings;
use switchboard_call::event::EventKind;
use switchboard_call::input::ToolOutcome;
use switchboard_call::output::{Command, ToModel};

use crate::support::{Answer, Scenario};

const QUESTION: &str = "I would book the facial on Tuesday at two for Ama Osei. Shall I?";

/// A model that asks for a booking as soon as the caller has spoken, and the shell's question about it.
fn asked() -> Scenario {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario
        .model
        .answers
        .push_back(Answer::asks("book_appointment", "{}"));
    scenario.says(1_000, 1_000, "please book it");
    scenario
        .tool_answers
        .push_back(Some((50, ToolOutcome::Question(QUESTION.into()))));
    scenario.tool_answers.push_back(Some((
        50,
        ToolOutcome::Answered(r#"{"appointment":{}}"#.into()),
    )));
    scenario
}

fn runs(scenario: &Scenario) -> Vec<bool> {
    let commands = scenario.commands();
    commands
        .filter_map(|(_, command)| match command {
            Command::RunTool(run) => Some(run.confirmed),
            _ => None,
        })
        .collect()
}

fn question_heard_at(scenario: &mut Scenario) -> u64 {
    scenario.run(9_000);
    let said = scenario.to_model(
        |command| matches!(command, ToModel::Say { words, .. } if words.expose() == QUESTION),
    );
    assert_eq!(said.len(), 1, "{}", scenario.log());
    9_000
}

#[test]
fn a1_a_yes_to_the_heard_question_runs_the_same_request_confirmed() {
    let mut scenario = asked();
    let now = question_heard_at(&mut scenario);
    scenario.says(now + 200, 600, "yes please");
    scenario.run(now + 6_000);
    assert_eq!(runs(&scenario), [false, true], "{}", scenario.log());
    let answered = scenario.kinds("confirmation_answered");
    assert!(matches!(
        &answered[..],
        [EventKind::ConfirmationAnswered { agreed: true, .. }]
    ));
}

#[test]
fn a1_anything_else_than_a_yes_is_a_no_and_the_model_is_told() {
    for words in [
        "no",
        "hmm what about Wednesday",
        "wait",
        "yes but not on Tuesday",
        "mm-hm",
    ] {
        let mut scenario = asked();
        let now = question_heard_at(&mut scenario);
        scenario.says(now + 200, 800, words);
        scenario.run(now + 6_000);
        assert_eq!(runs(&scenario), [false], "{words}: {}", scenario.log());
        let told = scenario.to_model(|command| matches!(command, ToModel::ToolResult { output, .. } if output.expose().contains("declined")));
        assert_eq!(told.len(), 1, "{words}");
    }
}

#[test]
fn a1_silence_is_no_yes() {
    let mut settings = CallSettings::default();
    settings.limits.silence_nudge = switchboard_call::Span::ZERO;
    let mut scenario = Scenario::new(settings);
    scenario
        .model
        .answers
        .push_back(Answer::asks("book_appointment", "{}"));
    scenario.says(1_000, 1_000, "please book it");
    scenario
        .tool_answers
        .push_back(Some((50, ToolOutcome::Question(QUESTION.into()))));
    scenario.run(40_000);
    assert_eq!(runs(&scenario), [false], "{}", scenario.log());
    assert!(matches!(
        &scenario.kinds("confirmation_answered")[..],
        [EventKind::ConfirmationAnswered { agreed: false, .. }]
    ));
}

#[test]
fn a1_while_the_question_is_open_the_model_gets_no_reply_of_its_own() {
    let mut scenario = asked();
    let now = question_heard_at(&mut scenario);
    let before = scenario
        .to_model(|command| matches!(command, ToModel::Reply { .. }))
        .len();
    scenario.says(now + 200, 600, "yes");
    scenario.run(now + 1_200);
    let meanwhile = scenario
        .to_model(|command| matches!(command, ToModel::Reply { .. }))
        .len();
    assert!(
        meanwhile <= before + 1,
        "at most the reply about the tool's answer: {}",
        scenario.log()
    );
}
