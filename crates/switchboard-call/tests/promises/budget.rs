//! Money is a limit: a warning at 80 %, and no reply whose worst case the budget does not hold (M1).

use switchboard_call::end::EndReason;
use switchboard_call::event::EventKind;
use switchboard_call::handoff::HandoffReason;
use switchboard_call::input::FromLeg;
use switchboard_call::limits::AtBudget;
use switchboard_call::output::{Command, ToLeg, ToModel};
use switchboard_call::{Allowance, BudgetKind, CallSettings, Language};

use crate::support::{Answer, AnswerKind, Scenario};

const BUDGET: u64 = 5_000_000;
const REPLY_MAX: u64 = 400_000;
const SENTENCE_MAX: u64 = 150_000;

fn talking(cost_micros: u64) -> Scenario {
    talking_with(CallSettings::default(), cost_micros)
}

fn talking_with(settings: CallSettings, cost_micros: u64) -> Scenario {
    let mut scenario = Scenario::new(settings);
    for at_ms in (1_000..300_000).step_by(6_000) {
        scenario
            .model
            .answers
            .push_back(Answer::speaks("of course").costs(cost_micros));
        scenario.says(at_ms, 1_000, "and another thing please");
    }
    scenario
}

#[test]
fn m1_the_caller_goes_to_a_human_before_the_budget_is_overrun() {
    let mut scenario = talking(300_000);
    scenario.run(300_000);
    assert_eq!(scenario.transfers()[0].1.reason, HandoffReason::Budget);
    assert!(scenario.call.spent_micros() <= BUDGET);
    assert!(
        scenario.call.spent_micros() > BUDGET - REPLY_MAX - SENTENCE_MAX - 300_000,
        "it is used, too"
    );
    assert_eq!(scenario.when("budget_warned").len(), 1);
}

#[test]
fn m1_a_reply_dearer_than_expected_overshoots_at_most_once() {
    let mut scenario = talking(1_900_000);
    scenario.run(300_000);
    assert_eq!(scenario.transfers()[0].1.reason, HandoffReason::Budget);
    assert_eq!(scenario.when("reply_requested").len(), 3);
    assert!(scenario.call.spent_micros() <= BUDGET - REPLY_MAX + 1_900_000);
}

#[test]
fn the_warning_comes_once_at_80_percent() {
    let mut scenario = talking(500_000);
    scenario.run(300_000);
    let kinds = scenario.kinds("budget_warned");
    assert_eq!(
        kinds,
        [EventKind::BudgetWarned {
            budget: BudgetKind::Session,
            spent_micros: 4_000_000
        }]
    );
}

#[test]
fn the_warning_comes_at_the_configured_share() {
    let mut settings = CallSettings::default();
    settings.limits.budget_warning_percent = 50;
    let mut scenario = talking_with(settings, 500_000);
    scenario.run(300_000);
    let kinds = scenario.kinds("budget_warned");
    assert_eq!(
        kinds,
        [EventKind::BudgetWarned {
            budget: BudgetKind::Session,
            spent_micros: 2_500_000
        }]
    );
}

#[test]
fn a_cancelled_reply_is_paid_for_too() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario
        .model
        .answers
        .push_back(Answer::speaks("we are open from nine until six").costs(70_000));
    scenario.says(1_000, 1_000, "when are you open");
    scenario.says(3_500, 1_500, "stop please wait a moment");
    scenario.run(9_000);
    assert!(
        scenario.call.spent_micros() >= 70_000,
        "{}",
        scenario.call.spent_micros()
    );
}

#[test]
fn a_budget_of_zero_is_no_limit() {
    let mut settings = CallSettings::default();
    settings.limits.budget_micros = 0;
    let mut scenario = Scenario::new(settings);
    scenario
        .model
        .answers
        .push_back(Answer::speaks("dear").costs(90_000_000));
    scenario.says(1_000, 1_000, "one");
    scenario.says(6_000, 1_000, "two");
    scenario.run(11_000);
    assert!(scenario.transfers().is_empty());
    assert!(scenario.when("budget_warned").is_empty());
}

/// What the model was told to say, word for word, in order.
fn said(scenario: &Scenario) -> Vec<String> {
    let said = scenario
        .commands()
        .filter_map(|(_, command)| match command {
            Command::Model(ToModel::Say { words, .. }) => Some(words.expose().into()),
            _ => None,
        });
    said.collect()
}

#[test]
fn the_agent_says_why_in_the_callers_language_before_the_human_takes_over() {
    let mut settings = CallSettings::default();
    let mut swahili = settings.sentences[0].clone();
    swahili.language = Language::SWAHILI;
    swahili.budget = "Nimefikia kikomo cha simu hii.".into();
    settings.sentences.insert(0, swahili);
    let mut scenario = talking_with(settings, 2_300_000);
    scenario.run(60_000);
    assert_eq!(said(&scenario), ["Nimefikia kikomo cha simu hii."]);
    let spent = scenario.when("budget_spent")[0];
    let handed = scenario.when("handoff_started")[0];
    assert!(handed > spent, "the sentence comes first");
    assert_eq!(scenario.transfers()[0].1.reason, HandoffReason::Budget);
}

#[test]
fn what_is_being_said_is_heard_to_its_end_when_the_budget_is_spent() {
    let long =
        "we are open from nine until six on every day of the week but not on public holidays";
    let mut settings = CallSettings::default();
    settings.limits.budget_micros = 600_000;
    let mut scenario = Scenario::new(settings);
    scenario
        .model
        .answers
        .push_back(Answer::speaks(long).costs(300_000));
    scenario.says(1_000, 1_000, "when are you open");
    let asks = FromLeg::ReplyRequested { instructions: None };
    scenario.leg(3_500, asks);
    scenario.run(40_000);
    assert_eq!(scenario.transfers()[0].1.reason, HandoffReason::Budget);
    let clears = scenario.to_leg(|command| *command == ToLeg::Clear);
    assert!(clears.is_empty(), "nothing is cut: {clears:?}");
    let ends = scenario.kinds("turn_ended");
    assert!(ends.iter().all(|kind| !matches!(
        kind,
        EventKind::TurnEnded {
            interrupted: true,
            ..
        }
    )));
}

#[test]
fn an_agent_that_shall_end_says_why_and_goodbye_and_hangs_up() {
    let mut settings = CallSettings::default();
    settings.limits.at_budget = AtBudget::End;
    let mut scenario = talking_with(settings, 2_300_000);
    scenario.run(60_000);
    assert!(scenario.transfers().is_empty());
    assert_eq!(
        said(&scenario),
        ["I have reached the limit for this call. Thank you for calling. Goodbye."]
    );
    let end = scenario.end().expect("an end");
    assert_eq!(end, EndReason::NobodyToHandOffTo(HandoffReason::Budget));
}

#[test]
fn a_model_that_breaks_before_the_reason_is_said_holds_nobody_up() {
    let mut scenario = talking(2_300_000);
    for _ in 0..2 {
        scenario.model.answers.pop_back();
    }
    let stalls = Answer::of(AnswerKind::Stalls);
    scenario.model.answers.insert(2, stalls);
    scenario.run(60_000);
    assert_eq!(scenario.transfers()[0].1.reason, HandoffReason::Budget);
}

/// What the agent's shared budgets set aside.
fn allows(total_micros: u64, last_of: Option<BudgetKind>) -> Allowance {
    Allowance {
        total_micros,
        last_of,
        warns: None,
    }
}

fn asked(scenario: &Scenario) -> Vec<u64> {
    let asked = scenario
        .commands()
        .filter_map(|(_, command)| match command {
            Command::AskAllowance { total_micros, .. } => Some(*total_micros),
            _ => None,
        });
    asked.collect()
}

#[test]
fn m1_more_is_asked_for_before_what_is_set_aside_is_used_up() {
    let settings = CallSettings {
        allowance: Some(allows(1_500_000, None)),
        ..CallSettings::default()
    };
    let mut scenario = talking_with(settings, 300_000);
    scenario.allowances.push_back(allows(2_800_000, None));
    scenario
        .allowances
        .push_back(allows(3_000_000, Some(BudgetKind::TenantDay)));
    scenario.run(300_000);
    assert_eq!(asked(&scenario).len(), 2, "{:?}", asked(&scenario));
    assert_eq!(scenario.transfers()[0].1.reason, HandoffReason::Budget);
    let spent = scenario.call.spent_micros();
    assert!(spent <= 3_000_000, "{spent}");
    assert!(
        spent > 3_000_000 - REPLY_MAX - SENTENCE_MAX - 300_000,
        "{spent}"
    );
    let EventKind::BudgetSpent { budget, .. } = &scenario.kinds("budget_spent")[0] else {
        panic!("another event")
    };
    assert_eq!(*budget, BudgetKind::TenantDay);
}

#[test]
fn m1_no_reply_starts_before_the_shared_budgets_have_answered() {
    let settings = CallSettings {
        allowance: Some(allows(100_000, None)),
        ..CallSettings::default()
    };
    let mut scenario = Scenario::new(settings);
    scenario.says(1_000, 1_000, "when are you open");
    scenario.at(
        9_000,
        switchboard_call::Input::Allowance(allows(900_000, None)),
    );
    scenario.run(8_900);
    assert!(scenario.when("reply_requested").is_empty());
    assert_eq!(
        asked(&scenario).len(),
        1,
        "asked once, and not with every input"
    );
    scenario.run(12_000);
    assert_eq!(scenario.when("reply_requested").len(), 1);
}

#[test]
fn a_shared_budget_that_is_nearly_spent_is_warned_of_once() {
    let warns = Allowance {
        warns: Some(BudgetKind::UserDay),
        ..allows(1_500_000, None)
    };
    let settings = CallSettings {
        allowance: Some(warns),
        ..CallSettings::default()
    };
    let mut scenario = talking_with(settings, 300_000);
    scenario.allowances.push_back(Allowance {
        total_micros: 9_000_000,
        ..warns
    });
    scenario.run(20_000);
    let warned = scenario.kinds("budget_warned");
    assert!(
        matches!(
            warned.as_slice(),
            [EventKind::BudgetWarned {
                budget: BudgetKind::UserDay,
                ..
            }]
        ),
        "{warned:?}"
    );
}
