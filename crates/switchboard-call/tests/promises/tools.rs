//! Tool calls: deadline, late answers, interruptions, repetitions, floods.

use switchboard_call::CallSettings;
use switchboard_call::ids::{ReplyId, ToolCallId};
use switchboard_call::input::{FromModel, FromTool, ToolOutcome, ToolRequest};
use switchboard_call::output::{Command, ToModel};
use switchboard_call::tool_call::ToolStatus;
use switchboard_call::{Input, limits};

use crate::support::{Answer, AnswerKind, Scenario};

fn answered() -> ToolOutcome {
    ToolOutcome::Answered(r#"{"free":["14:30"]}"#.into())
}

fn asking() -> Scenario {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.model.answers.push_back(Answer::asks("look", "{}"));
    scenario.says(1_000, 1_000, "what is free on Tuesday");
    scenario
}

fn replies(scenario: &Scenario) -> Vec<u64> {
    scenario.to_model(|command| matches!(command, ToModel::Reply { .. }))
}

fn results(scenario: &Scenario) -> Vec<u64> {
    scenario.to_model(|command| matches!(command, ToModel::ToolResult { .. }))
}

fn runs(scenario: &Scenario) -> Vec<u32> {
    let commands = scenario.commands();
    commands
        .filter_map(|(_, command)| match command {
            Command::RunTool(run) => Some(run.idempotency_number),
            _ => None,
        })
        .collect()
}

#[test]
fn an_answer_is_told_to_the_model_and_spoken() {
    let mut scenario = asking();
    scenario.tool_answers.push_back(Some((700, answered())));
    scenario.run(9_000);
    assert_eq!(results(&scenario).len(), 1);
    assert_eq!(replies(&scenario).len(), 2);
    assert_eq!(scenario.tools()[0].status, ToolStatus::Answered);
    assert_eq!(
        scenario.agent_turns().len(),
        1,
        "asking and answering are one turn"
    );
}

#[test]
fn past_its_deadline_the_model_goes_on_and_the_late_answer_is_stored_not_spoken() {
    let mut scenario = asking();
    scenario.tool_answers.push_back(Some((12_000, answered())));
    scenario.run(18_000);
    assert_eq!(results(&scenario).len(), 1, "{}", scenario.log());
    assert_eq!(replies(&scenario).len(), 2);
    let tools = scenario.tools();
    assert_eq!(tools[0].status, ToolStatus::TimedOut);
    assert_eq!(
        tools[1].status,
        ToolStatus::Answered,
        "the late answer is kept"
    );
    assert!(tools[1].result.is_some());
}

#[test]
fn an_answer_while_the_caller_speaks_waits_for_the_callers_turn() {
    let mut scenario = asking();
    scenario.tool_answers.push_back(Some((1_500, answered())));
    scenario.says(4_000, 3_000, "or maybe on Wednesday if that is better");
    scenario.run(12_000);
    assert_eq!(results(&scenario).len(), 1);
    let asked = replies(&scenario);
    assert_eq!(asked.len(), 2, "one reply for both\n{}", scenario.log());
    assert!(asked[1] >= 7_500, "nobody is talked over: {asked:?}");
}

#[test]
fn an_answer_while_somebody_coughs_is_spoken_afterwards() {
    let mut scenario = asking();
    scenario.tool_answers.push_back(Some((1_500, answered())));
    scenario.sounds(4_000, 600, -20);
    scenario.model_sends(4_200, FromModel::SpeechStarted);
    scenario.model_sends(5_100, FromModel::SpeechStopped);
    scenario.run(9_000);
    let asked = replies(&scenario);
    assert_eq!(asked.len(), 2, "{}", scenario.log());
    assert!((5_100..=6_200).contains(&asked[1]), "{asked:?}");
}

#[test]
fn an_answer_after_an_interruption_is_known_to_the_model_and_spoken_once() {
    let mut scenario = Scenario::new(CallSettings::default());
    let preamble = "let me look that up for you it takes a moment please stay on the line";
    scenario
        .model
        .answers
        .push_back(Answer::of(AnswerKind::Asks {
            preamble: preamble.into(),
            name: "look".into(),
            arguments: "{}".into(),
        }));
    scenario.says(1_000, 1_000, "what is free on Tuesday");
    scenario.tool_answers.push_back(Some((2_000, answered())));
    scenario.says(4_500, 2_000, "wait make that Wednesday please");
    scenario.run(12_000);
    assert_eq!(results(&scenario).len(), 1, "{}", scenario.log());
    assert_eq!(replies(&scenario).len(), 2);
    assert!(scenario.agent_turns()[0].interrupted);
}

#[test]
fn a_request_of_a_reply_that_was_cancelled_is_not_run() {
    let mut scenario = Scenario::new(CallSettings::default());
    let words = "I am booking the massage on Tuesday at half past two now for you then";
    scenario.model.answers.push_back(Answer::speaks(words));
    scenario.says(1_000, 1_000, "book it");
    let item = scenario.says(3_000, 3_000, "no wait stop that please");
    scenario.interim(3_300, item, "no wait");
    scenario.run(4_900);
    assert_eq!(scenario.when("reply_interrupted"), [3_300]);
    let request = ToolRequest {
        reply: ReplyId(1),
        call: ToolCallId(77),
        name: "book_appointment".into(),
        arguments: "{}".into(),
    };
    scenario.model_sends(5_000, FromModel::ToolRequested(request));
    scenario.run(6_000);
    assert!(runs(&scenario).is_empty(), "{}", scenario.log());
    assert_eq!(
        results(&scenario),
        [5_000],
        "the model learns that it did not happen"
    );
}

/// A reply asks for a booking just when a sound of the caller is weighed.
fn asking_over(sound_ms: u64, words: &str) -> Scenario {
    let mut scenario = Scenario::new(CallSettings::default());
    let preamble = "I am booking the massage on Tuesday at half past two now for you then";
    scenario
        .model
        .answers
        .push_back(Answer::of(AnswerKind::Asks {
            preamble: preamble.into(),
            name: "book_appointment".into(),
            arguments: "{}".into(),
        }));
    scenario.says(1_000, 1_000, "book it");
    // The request comes at 3.78 s, 60 ms after the report.
    scenario.says(3_520, sound_ms, words);
    scenario.run(9_000);
    let [requested, proposed] =
        ["reply_finished", "interruption_proposed"].map(|name| scenario.when(name)[0]);
    assert!(
        requested > proposed && requested < proposed + 160,
        "{requested} {proposed}"
    );
    scenario
}

#[test]
fn a_request_of_a_reply_that_is_being_interrupted_is_not_run() {
    let scenario = asking_over(1_500, "no wait not on Tuesday");
    assert!(runs(&scenario).is_empty(), "{}", scenario.log());
    assert_eq!(scenario.tools()[0].status, ToolStatus::Refused);
}

#[test]
fn a_request_under_a_mm_hm_or_a_cough_is_run_once_the_reply_goes_on() {
    for (sound_ms, words) in [(350, "mm-hm"), (550, "")] {
        let scenario = asking_over(sound_ms, words);
        assert_eq!(runs(&scenario), [1], "{}", scenario.log());
    }
}

#[test]
fn a_repeated_request_has_the_same_idempotency_number_and_a_doubled_one_runs_once() {
    let mut scenario = Scenario::new(CallSettings::default());
    for (at_ms, call) in [(1_000, 1), (1_010, 1), (1_500, 2)] {
        let request = ToolRequest {
            reply: ReplyId(1),
            call: ToolCallId(call),
            name: "book_appointment".into(),
            arguments: r#"{"at":"14:30"}"#.into(),
        };
        scenario.model_sends(at_ms, FromModel::ToolRequested(request));
    }
    scenario.run(2_000);
    assert_eq!(runs(&scenario), [1, 1]);
}

#[test]
fn a_flood_of_requests_is_refused_and_recorded() {
    let mut scenario = Scenario::new(CallSettings::default());
    for call in 0..100 {
        let request = ToolRequest {
            reply: ReplyId(1),
            call: ToolCallId(call),
            name: "look".into(),
            arguments: "{}".into(),
        };
        scenario.model_sends(1_000, FromModel::ToolRequested(request));
    }
    scenario.run(1_500);
    assert_eq!(runs(&scenario).len(), limits::TOOLS_PER_CALL_MAX as usize);
    let refused = scenario.tools();
    assert_eq!(refused.len(), 40);
    assert!(
        refused
            .iter()
            .all(|tool| tool.status == ToolStatus::Refused)
    );
}

#[test]
fn a1_an_agent_may_allow_fewer_tool_calls() {
    let mut settings = CallSettings::default();
    settings.limits.tools_max = 2;
    let mut scenario = Scenario::new(settings);
    for call in 0..5 {
        let request = ToolRequest {
            reply: ReplyId(1),
            call: ToolCallId(call),
            name: "look".into(),
            arguments: "{}".into(),
        };
        scenario.model_sends(1_000, FromModel::ToolRequested(request));
    }
    scenario.run(1_500);
    assert_eq!(runs(&scenario).len(), 2);
    assert_eq!(scenario.tools().len(), 3, "the others are refused");
}

#[test]
fn a_tool_still_running_when_the_call_ends_is_recorded_as_unanswered() {
    let mut scenario = asking();
    scenario.hangs_up(5_000);
    scenario.run(6_000);
    let tools = scenario.tools();
    assert_eq!(tools.len(), 1, "{}", scenario.log());
    assert_eq!(
        (tools[0].status, tools[0].result.clone()),
        (ToolStatus::TimedOut, None)
    );
}

#[test]
fn an_answer_nobody_asked_for_changes_nothing() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.at(
        2_000,
        Input::Tool(FromTool {
            call: ToolCallId(9),
            outcome: answered(),
        }),
    );
    scenario.run(3_000);
    assert!(results(&scenario).is_empty());
    assert!(scenario.when("tool_finished").is_empty());
}
