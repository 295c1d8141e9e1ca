//! Raising and clearing over virtual minutes.

use super::*;

const THRESHOLDS: Thresholds = Thresholds {
    handshake_p95_ms: 1_500.0,
    fallback_warning_percent: 5.0,
    fallback_critical_percent: 10.0,
    disk_free_percent_min: 10.0,
};

/// Looks once a minute at these figures, and gives what was decided and in which minute.
fn check(rule: RuleName, figures: &[Option<f64>], expected: &str) {
    let rule = rule.rule(&THRESHOLDS);
    let mut phase = Phase::Quiet;
    let mut decided = Vec::new();
    for (minute, figure) in (0..).zip(figures) {
        let (next, change) = rule.look(phase, Duration::from_secs(60 * minute), *figure);
        phase = next;
        match change {
            Some(Change::Raise { figure }) => decided.push(format!("{minute} raise {figure}")),
            Some(Change::Clear) => decided.push(format!("{minute} clear")),
            None => {}
        }
    }
    assert_eq!(decided.join(", "), expected, "{:?} {figures:?}", rule.name);
}

fn figures(figures: &[f64]) -> Vec<Option<f64>> {
    figures.iter().copied().map(Some).collect()
}

#[test]
fn a_rate_is_raised_at_the_second_bad_minute_and_cleared_after_five_good_ones() {
    let rule = RuleName::FallbackRateHigh;
    check(rule, &figures(&[4.9, 5.0, 5.0, 6.0]), "2 raise 5");
    check(rule, &figures(&[5.0, 4.9, 5.0, 4.9]), "");
    check(
        rule,
        &figures(&[6.0, 6.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0]),
        "1 raise 6, 7 clear",
    );
}

#[test]
fn a_figure_that_trembles_around_its_threshold_raises_one_alert() {
    let trembling: Vec<f64> = [5.1, 4.9].into_iter().cycle().take(60).collect();
    let mut figures = figures(&[5.1, 5.1]);
    figures.extend(trembling.into_iter().map(Some));
    check(RuleName::FallbackRateHigh, &figures, "1 raise 5.1");
}

#[test]
fn a_bad_minute_while_it_falls_begins_the_wait_anew() {
    let mut minutes = vec![12.0, 12.0, 1.0, 1.0, 1.0, 1.0, 9.0];
    minutes.extend([1.0; 6]);
    check(
        RuleName::FallbackRateCritical,
        &figures(&minutes),
        "1 raise 12, 12 clear",
    );
}

#[test]
fn what_cannot_be_measured_changes_nothing() {
    let rule = RuleName::HandshakeSlow;
    check(
        rule,
        &[Some(1_600.0), None, Some(1_700.0), None, None],
        "2 raise 1700",
    );
    check(rule, &[None; 10], "");
}

#[test]
fn the_handshake_limit_itself_is_good_and_a_millisecond_more_is_not() {
    check(RuleName::HandshakeSlow, &figures(&[1_500.0; 5]), "");
    check(
        RuleName::HandshakeSlow,
        &figures(&[1_501.0; 5]),
        "1 raise 1501",
    );
}

#[test]
fn what_is_low_when_it_is_bad_is_raised_below_and_cleared_above() {
    check(
        RuleName::DiskLow,
        &figures(&[12.0, 10.0, 9.0, 11.0, 11.0, 11.0, 11.0, 11.0, 11.0]),
        "2 raise 9",
    );
    check(
        RuleName::DiskLow,
        &figures(&[9.0, 9.0, 12.0, 12.0, 12.0, 12.0, 12.0, 12.0]),
        "1 raise 9, 7 clear",
    );
    check(
        RuleName::CertificateExpiring,
        &figures(&[14.1, 13.9]),
        "1 raise 13.9",
    );
}

#[test]
fn what_hurts_callers_now_is_raised_at_the_first_look() {
    for rule in [
        RuleName::DatabaseAway,
        RuleName::BreakerOpen,
        RuleName::AiServedBurn,
    ] {
        check(rule, &figures(&[0.0, 1.0, 1.0]), "1 raise 1");
    }
    check(
        RuleName::DatabaseAway,
        &figures(&[1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]),
        "0 raise 1, 6 clear",
    );
}

#[test]
fn every_rule_can_be_raised_and_cleared() {
    for name in RuleName::ALL {
        let rule = name.rule(&THRESHOLDS);
        let (bad, good) = (rule.raise_at, rule.clear_at);
        let mut minutes = vec![bad; 3];
        minutes.extend([good; 7]);
        let mut phase = Phase::Quiet;
        let mut changes = 0;
        for (minute, figure) in (0..).zip(minutes) {
            let (next, change) = rule.look(phase, Duration::from_secs(60 * minute), Some(figure));
            phase = next;
            changes += usize::from(change.is_some());
        }
        assert_eq!((phase, changes), (Phase::Quiet, 2), "{name:?}");
        assert_eq!(RuleName::parse(name.as_str()), Some(name));
        assert!(!name.written(bad).is_empty());
    }
}
