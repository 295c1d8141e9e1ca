//! What counts as bad, on which numbers of calls.

use switchboard_store::{MsCount, Word};

use super::*;

fn counts(six_hours: i64, hour: i64, half_hour: i64, five_minutes: i64) -> RecentCounts {
    RecentCounts {
        six_hours,
        hour,
        half_hour,
        five_minutes,
    }
}

fn recent(fell: RecentCounts, served: RecentCounts) -> RecentHealth {
    RecentHealth {
        ends: vec![
            (Some(Word::new("model_failed")), fell),
            (Some(Word::new("agent_ended")), served),
        ],
        ..RecentHealth::default()
    }
}

fn figure(recent: &RecentHealth, rule: RuleName) -> f64 {
    let readings = tenant_readings(recent);
    let found = readings.iter().find(|(name, _)| *name == rule);
    found.and_then(|(_, reading)| *reading).expect("a figure")
}

#[test]
fn a_rate_is_of_offered_calls_and_counts_fallbacks_only() {
    let mut health = recent(counts(5, 5, 5, 5), counts(90, 90, 90, 90));
    health
        .ends
        .push((Some(Word::new("dtmf_0")), counts(3, 3, 3, 3)));
    health.ends.push((None, counts(2, 2, 2, 2)));
    assert_eq!(figure(&health, RuleName::FallbackRateHigh), 5.0);
}

#[test]
fn below_twenty_calls_the_count_decides_and_not_the_rate() {
    let few = |bad: i64| recent(counts(bad, bad, bad, bad), counts(8, 8, 8, 8));
    assert_eq!(figure(&few(2), RuleName::FallbackRateHigh), 0.0);
    assert!(figure(&few(3), RuleName::FallbackRateHigh) > 5.0);
    assert_eq!(figure(&few(4), RuleName::FallbackRateCritical), 0.0);
    assert!(figure(&few(5), RuleName::FallbackRateCritical) > 10.0);
    let many = recent(counts(1, 1, 1, 1), counts(19, 19, 19, 19));
    assert_eq!(figure(&many, RuleName::FallbackRateHigh), 5.0);
}

#[test]
fn a_budget_burns_when_a_long_and_a_short_stretch_agree() {
    // 72 % of calls is 14.4 times the 5 % that a month may have.
    let over = recent(counts(72, 72, 72, 8), counts(28, 28, 28, 2));
    assert!(figure(&over, RuleName::AiServedBurn) >= 1.0);
    let was = recent(counts(72, 72, 72, 0), counts(28, 28, 28, 10));
    // Nothing fell back in the last five minutes; over six hours and half an hour it still burns.
    assert!(figure(&was, RuleName::AiServedBurn) >= 1.0);
    let is_over = recent(counts(72, 72, 0, 0), counts(28, 28, 30, 10));
    assert_eq!(figure(&is_over, RuleName::AiServedBurn), 0.0);
    let slowly = recent(counts(30, 4, 3, 1), counts(70, 9, 7, 2));
    assert!((figure(&slowly, RuleName::AiServedBurn) - 1.0).abs() < 1e-9);
}

#[test]
fn dead_air_burns_by_turns() {
    let health = RecentHealth {
        dead_air: counts(36, 36, 36, 4),
        answered_turns: counts(464, 464, 464, 40),
        ..RecentHealth::default()
    };
    // 7.2 % of turns is 14.4 times half a percent, which over six hours is 2.4 times too much.
    assert!((figure(&health, RuleName::DeadAirBurn) - 2.4).abs() < 1e-9);
    let just_now = RecentHealth {
        dead_air: counts(36, 36, 0, 4),
        answered_turns: counts(9_464, 464, 0, 40),
        ..RecentHealth::default()
    };
    assert!((figure(&just_now, RuleName::DeadAirBurn) - 1.0).abs() < 1e-9);
}

#[test]
fn the_slowest_of_a_handful_of_handshakes_is_no_percentile() {
    let handshakes = |lengths: &[(i64, i64)]| RecentHealth {
        handshakes: lengths
            .iter()
            .map(|(ms, times)| MsCount {
                ms: *ms,
                times: *times,
            })
            .collect(),
        ..RecentHealth::default()
    };
    let one_slow = handshakes(&[(400, 5), (3_000, 1)]);
    assert_eq!(figure(&one_slow, RuleName::HandshakeSlow), 400.0);
    let three_slow = handshakes(&[(400, 5), (2_000, 1), (3_000, 2)]);
    assert_eq!(figure(&three_slow, RuleName::HandshakeSlow), 2_000.0);
    let many = handshakes(&[(400, 19), (3_000, 1)]);
    assert_eq!(figure(&many, RuleName::HandshakeSlow), 400.0);
    assert_eq!(
        figure(&RecentHealth::default(), RuleName::HandshakeSlow),
        0.0
    );
}

#[test]
fn webhooks_are_counted_in_minutes_and_forgotten_after_six_hours() {
    let answers = WebhookAnswers::default();
    let minute = |number: u64| Duration::from_secs(number * 60 + 1);
    let quick = Duration::from_millis(20);
    for number in 0..60 {
        for _ in 0..10 {
            answers.count(minute(number), quick, false);
        }
    }
    assert_eq!(answers.burns_at(minute(59)), (0.0, 0.0));
    answers.count(minute(60), quick, true);
    answers.count(minute(60), Duration::from_secs(2), false);
    let (failing, slow) = answers.burns_at(minute(60));
    // One of some 600 is far more than one of 10,000, and a little more than one of 2,000 at the slow pace.
    assert!(failing > 1.0, "{failing}");
    assert!(slow > 0.1 && slow < failing, "{slow}");
    assert_eq!(answers.burns_at(minute(60 + 361)), (0.0, 0.0));
}
