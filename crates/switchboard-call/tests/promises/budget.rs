//! Money is a limit: a warning at 80 %, and no reply whose worst case the budget does not hold (M1).

use switchboard_call::CallSettings;
use switchboard_call::handoff::HandoffReason;

use crate::support::{Answer, Scenario};

const BUDGET: u64 = 5_000_000;
const REPLY_MAX: u64 = 400_000;

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
        scenario.call.spent_micros() > BUDGET - REPLY_MAX - 300_000,
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
        [switchboard_call::event::EventKind::BudgetWarned {
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
        [switchboard_call::event::EventKind::BudgetWarned {
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
