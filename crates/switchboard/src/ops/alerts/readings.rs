//! Figures of the rules, from what was counted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use switchboard_store::{RecentCounts, RecentHealth};

use super::rules::{Reading, RuleName};
use crate::ops::voice_health::{CALLS_MIN, fallback_reason, percentile};

/// Below [`CALLS_MIN`] calls a share says nothing: this many of them have to be bad before it counts at all.
const FEW_WARNING: i64 = 3;
/// The same for a critical alert.
const FEW_CRITICAL: i64 = 5;

/// Shares that may be bad over four weeks (threats.md, section 4): 5 % of calls fall back, 0.5 % of turns meet silence,
/// 0.01 % of webhooks fail, 0.05 % take longer than a second.
const BUDGET_AI_SERVED: f64 = 0.05;
const BUDGET_DEAD_AIR: f64 = 0.005;
const BUDGET_WEBHOOKS_FAILED: f64 = 0.0001;
const BUDGET_WEBHOOKS_SLOW: f64 = 0.0005;

/// A month's budget is gone in two days at this rate, seen over an hour and over five minutes.
const BURN_FAST: f64 = 14.4;
/// In five days, seen over six hours and half an hour.
const BURN_SLOW: f64 = 6.0;

/// A webhook that takes longer is slow: the caller hears ringing meanwhile.
const WEBHOOK_SLOW: Duration = Duration::from_secs(1);
/// Minutes kept of webhook answers: the longest stretch that is looked at.
const MINUTES_KEPT: u64 = 360;

/// Bad ones and all, in each stretch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Shares {
    bad: RecentCounts,
    all: RecentCounts,
}

/// The figures of one tenant's rules.
pub fn tenant_readings(recent: &RecentHealth) -> Vec<(RuleName, Reading)> {
    let mut calls = Shares::default();
    for (reason, counts) in &recent.ends {
        calls.all = sum(calls.all, *counts);
        let word = reason.as_ref().map_or("", |word| word.as_str());
        if fallback_reason(word).is_some() {
            calls.bad = sum(calls.bad, *counts);
        }
    }
    let turns = Shares {
        bad: recent.dead_air,
        all: sum(recent.dead_air, recent.answered_turns),
    };
    let lengths: BTreeMap<i64, i64> = recent
        .handshakes
        .iter()
        .map(|count| (count.ms, count.times))
        .collect();
    let handshakes: i64 = lengths.values().sum();
    let p95 = percentile(&lengths, 95).unwrap_or(0) as f64;
    // The slowest of a handful is no percentile.
    let p95 = if handshakes < CALLS_MIN {
        slow_of_few(&lengths)
    } else {
        p95
    };
    vec![
        (RuleName::HandshakeSlow, Some(p95)),
        (
            RuleName::FallbackRateHigh,
            Some(percent(calls, FEW_WARNING)),
        ),
        (
            RuleName::FallbackRateCritical,
            Some(percent(calls, FEW_CRITICAL)),
        ),
        (RuleName::AiServedBurn, Some(burn(calls, BUDGET_AI_SERVED))),
        (RuleName::DeadAirBurn, Some(burn(turns, BUDGET_DEAD_AIR))),
    ]
}

/// Of few handshakes, the length that [`FEW_WARNING`] of them reached.
fn slow_of_few(lengths: &BTreeMap<i64, i64>) -> f64 {
    let mut passed = 0;
    let mut slowest = lengths.iter().rev();
    let found = slowest.find(|(_, times)| {
        passed += **times;
        passed >= FEW_WARNING
    });
    found.map_or(0.0, |(ms, _)| *ms as f64)
}

fn sum(left: RecentCounts, right: RecentCounts) -> RecentCounts {
    RecentCounts {
        six_hours: left.six_hours + right.six_hours,
        hour: left.hour + right.hour,
        half_hour: left.half_hour + right.half_hour,
        five_minutes: left.five_minutes + right.five_minutes,
    }
}

/// Of the last hour, in percent; below [`CALLS_MIN`] nothing until `few` are bad.
fn percent(shares: Shares, few: i64) -> f64 {
    share(shares.bad.hour, shares.all.hour, few) * 100.0
}

fn share(bad: i64, all: i64, few: i64) -> f64 {
    if all == 0 || (all < CALLS_MIN && bad < few) {
        return 0.0;
    }
    bad as f64 / all as f64
}

/// How fast a budget burns, as a multiple of the rate that alarms: a long stretch says that it matters, a short one
/// that it still goes on, and both have to.
fn burn(shares: Shares, budget: f64) -> f64 {
    let Shares { bad, all } = shares;
    let both = |long: (i64, i64), short: (i64, i64), limit: f64| {
        let long = share(long.0, long.1, FEW_WARNING);
        let short = share(short.0, short.1, 1);
        long.min(short) / budget / limit
    };
    let fast = both(
        (bad.hour, all.hour),
        (bad.five_minutes, all.five_minutes),
        BURN_FAST,
    );
    let slow = both(
        (bad.six_hours, all.six_hours),
        (bad.half_hour, all.half_hour),
        BURN_SLOW,
    );
    fast.max(slow)
}

/// What a process knows about itself, for its alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NodeSignals {
    /// The database answered.
    pub database: Option<bool>,
    /// Writes that wait for it, in percent of the room.
    pub spool_percent: Reading,
    pub disk_free_percent: Reading,
    /// Accounts at vendors whose breaker is open.
    pub breakers_open: Reading,
    /// Jobs that were given up and wait for somebody.
    pub jobs_failed: Reading,
    /// Of the public address.
    pub certificate_days: Reading,
    /// Between two clocks.
    pub clock_seconds: Reading,
    /// Multiples of the alarming rate.
    pub webhooks_failing: Reading,
    pub webhooks_slow: Reading,
}

impl NodeSignals {
    /// The figures of a node's rules.
    pub fn readings(&self) -> Vec<(RuleName, Reading)> {
        let away = self.database.map(|answers| if answers { 0.0 } else { 1.0 });
        vec![
            (RuleName::WebhooksFailing, self.webhooks_failing),
            (RuleName::WebhooksSlow, self.webhooks_slow),
            (RuleName::BreakerOpen, self.breakers_open),
            (RuleName::DatabaseAway, away),
            (RuleName::SpoolFilling, self.spool_percent),
            (RuleName::DiskLow, self.disk_free_percent),
            (RuleName::JobsFailing, self.jobs_failed),
            (RuleName::CertificateExpiring, self.certificate_days),
            (RuleName::ClockSkewed, self.clock_seconds),
        ]
    }
}

/// How this process answered the carrier's calls, per minute. Cheap to clone; one lock per webhook of a call.
#[derive(Clone, Debug)]
pub struct WebhookAnswers(Arc<Mutex<Minutes>>);

#[derive(Debug)]
struct Minutes {
    began: Instant,
    kept: VecDeque<Minute>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Minute {
    number: u64,
    all: i64,
    failed: i64,
    slow: i64,
}

impl Default for WebhookAnswers {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Minutes {
            began: Instant::now(),
            kept: VecDeque::new(),
        })))
    }
}

impl WebhookAnswers {
    /// Counts one answer.
    pub fn answered(&self, took: Duration, has_failed: bool) {
        let now = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .began
            .elapsed();
        self.count(now, took, has_failed);
    }

    fn count(&self, now: Duration, took: Duration, has_failed: bool) {
        let number = now.as_secs() / 60;
        let mut minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if minutes.kept.back().is_none_or(|last| last.number != number) {
            minutes.kept.push_back(Minute {
                number,
                ..Minute::default()
            });
        }
        while minutes
            .kept
            .front()
            .is_some_and(|first| first.number + MINUTES_KEPT < number)
        {
            minutes.kept.pop_front();
        }
        if let Some(minute) = minutes.kept.back_mut() {
            minute.all += 1;
            minute.failed += i64::from(has_failed);
            minute.slow += i64::from(took > WEBHOOK_SLOW);
        }
    }

    /// How fast failed and slow answers burn their budgets.
    pub fn burns(&self) -> (f64, f64) {
        let now = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .began
            .elapsed();
        self.burns_at(now)
    }

    fn burns_at(&self, now: Duration) -> (f64, f64) {
        let minutes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = |length: u64, of: fn(&Minute) -> i64| {
            let first = (now.as_secs() / 60 + 1).saturating_sub(length);
            let within = minutes.kept.iter().filter(|minute| minute.number >= first);
            within.map(of).sum::<i64>()
        };
        let counts = |of: fn(&Minute) -> i64| RecentCounts {
            six_hours: since(MINUTES_KEPT, of),
            hour: since(60, of),
            half_hour: since(30, of),
            five_minutes: since(5, of),
        };
        let all = counts(|minute| minute.all);
        let failed = Shares {
            bad: counts(|minute| minute.failed),
            all,
        };
        let slow = Shares {
            bad: counts(|minute| minute.slow),
            all,
        };
        (
            burn(failed, BUDGET_WEBHOOKS_FAILED),
            burn(slow, BUDGET_WEBHOOKS_SLOW),
        )
    }
}

#[cfg(test)]
mod tests;
