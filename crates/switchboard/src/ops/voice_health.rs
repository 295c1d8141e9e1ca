//! How well calls are served over a window: the figures of `/ops/voice-health`, from what the store counted.
//!
//! Percentiles are exact: the nearest rank over whole milliseconds. Below [`CALLS_MIN`] calls a rate says nothing, so
//! none is given: people get counts.

mod charts;
mod live;
pub(in crate::ops) mod page;
mod prometheus;
mod window;

use std::collections::BTreeMap;

use serde::Serialize;
use switchboard_call::handoff::HandoffReason;
use switchboard_store::{AlertListing, Currency, HealthCounts, MsCount, Timestamp};

use crate::config::Settings;
pub use live::{LiveWait, LiveWaits, quantile_of};
pub use page::{STYLESHEET, STYLESHEET_PATH};
pub use window::{Window, WindowError, WindowQuery};

/// Fewest calls of which a rate says something; below it counts stand alone (threats.md, section 4).
pub const CALLS_MIN: i64 = 20;

/// What is known about the calls of one tenant, or of all, in one window. Its keys are a contract.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VoiceHealth {
    pub from: Timestamp,
    /// Excluded.
    pub to: Timestamp,
    /// Such as `24h`; blank for a window of its own.
    pub window: String,
    /// Whose calls; `None` for all tenants of the installation.
    pub tenant: Option<String>,
    pub calls: Calls,
    pub handshake: Handshake,
    pub fallbacks: Fallbacks,
    pub concurrency: Concurrency,
    pub dead_air: DeadAir,
    pub interruptions: Interruptions,
    /// From the end of a caller's turn to the first reply audio sent.
    pub response: Wait,
    /// The same to the first reply audio heard, where the leg reports it.
    pub heard: Wait,
    pub cost: Vec<Cost>,
    /// Newest first: open ones, and those that were cleared in the window.
    pub alerts: Vec<ShownAlert>,
    /// Oldest first, one entry per step that had a call.
    pub series: Vec<Step>,
    /// Length of a step in seconds.
    pub step_s: i64,
    /// The same waits from the histograms of this process, since it started.
    pub live: LiveWaits,
}

/// Whether a figure is within its threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Good,
    /// Fewer than [`CALLS_MIN`] calls.
    TooFew,
    Warning,
    Critical,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Calls {
    pub offered: i64,
    /// Without an end when the window ended.
    pub in_progress: i64,
    /// Calls for which a stream and a model were tried.
    pub streams: i64,
    /// By class, largest first.
    pub classes: Vec<Named>,
    /// By reason, largest first.
    pub ends: Vec<Named>,
}

/// A number of calls and what they have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    pub name: String,
    pub calls: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Handshake {
    #[serde(flatten)]
    pub wait: Wait,
    pub threshold_ms: u64,
    pub state: State,
}

/// Percentiles of something that takes time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Wait {
    pub count: i64,
    /// `None` when nothing was counted.
    pub p50_ms: Option<i64>,
    pub p95_ms: Option<i64>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Fallbacks {
    pub count: i64,
    /// Of all offered calls; `None` below [`CALLS_MIN`].
    pub rate_percent: Option<f64>,
    pub warning_percent: u64,
    pub critical_percent: u64,
    pub state: State,
    /// Largest first.
    pub reasons: Vec<Named>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Concurrency {
    pub now: i64,
    /// Most at one moment of the window; over all tenants, of the tenant that had most.
    pub peak: i64,
    /// Of one tenant.
    pub limit: i64,
    /// Whose peak it was, where all tenants are shown.
    pub peak_tenant: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeadAir {
    pub count: i64,
    /// Caller turns that the agent answered.
    pub answered_turns: i64,
    /// Of all turns; `None` below [`CALLS_MIN`] calls.
    pub rate_percent: Option<f64>,
}

/// What was decided when somebody spoke over the agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Interruptions {
    /// The agent went on.
    pub held: i64,
    /// The agent stopped.
    pub stopped: i64,
    /// The agent had stopped in error and went on.
    pub resumed: i64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cost {
    pub currency: Currency,
    pub cost_micros: i64,
    /// Per offered call; `None` without one.
    pub per_call_micros: Option<i64>,
}

/// An alert with whose it is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ShownAlert {
    /// `None` for one of the installation.
    pub tenant: Option<String>,
    #[serde(flatten)]
    pub alert: AlertListing,
}

/// One bar of a picture.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Step {
    pub at: Timestamp,
    pub offered: i64,
    pub fallbacks: i64,
    pub handshake_p95_ms: Option<i64>,
}

/// One tenant's counts, and its name.
pub struct TenantCounts {
    pub name: String,
    pub counts: HealthCounts,
}

impl VoiceHealth {
    /// Adds up what was counted. `tenant` is whose page it is, `None` for all.
    pub fn of(
        settings: &Settings,
        window: &Window,
        tenant: Option<String>,
        parts: &[TenantCounts],
    ) -> Self {
        let all = |of: fn(&HealthCounts) -> i64| parts.iter().map(|part| of(&part.counts)).sum();
        let offered = all(|counts| counts.calls.iter().map(|it| it.calls).sum());
        let handshakes = merged(parts, |counts| &counts.handshakes);
        let responses = merged(parts, |counts| &counts.responses);
        let heard = merged(parts, |counts| &counts.heard);
        let response = Wait::of(&responses);
        let dead_air = events(parts, "dead_air_counted");
        let busiest = parts.iter().max_by_key(|part| part.counts.peak);
        Self {
            from: window.from,
            to: window.to,
            window: window.name.clone(),
            calls: Calls {
                offered,
                in_progress: all(|counts| counts.in_progress),
                streams: handshakes.values().sum(),
                classes: named(parts, |it| it.end_class.map(|class| class.as_str())),
                ends: named(parts, |it| it.end_reason.as_ref().map(|word| word.as_str())),
            },
            handshake: Handshake::of(settings, Wait::of(&handshakes)),
            fallbacks: Fallbacks::of(settings, offered, parts),
            concurrency: Concurrency {
                now: all(|counts| counts.in_progress),
                peak: busiest.map_or(0, |part| part.counts.peak),
                limit: i64::from(settings.calls.concurrent_max),
                peak_tenant: busiest
                    .filter(|part| tenant.is_none() && part.counts.peak > 0)
                    .map(|part| part.name.clone()),
            },
            dead_air: DeadAir {
                count: dead_air,
                answered_turns: response.count,
                rate_percent: rate(dead_air, dead_air + response.count)
                    .filter(|_| offered >= CALLS_MIN),
            },
            interruptions: Interruptions {
                held: events(parts, "interruption_held"),
                stopped: events(parts, "reply_interrupted"),
                resumed: events(parts, "reply_resumed"),
            },
            response,
            heard: Wait::of(&heard),
            cost: costs(parts, offered),
            alerts: Vec::new(),
            series: series(parts, window.step.seconds()),
            step_s: window.step.seconds(),
            live: LiveWaits::default(),
            tenant,
        }
    }
}

impl Handshake {
    fn of(settings: &Settings, wait: Wait) -> Self {
        let threshold_ms = settings.ops.handshake_p95_ms;
        let is_slow = wait
            .p95_ms
            .is_some_and(|ms| u64::try_from(ms).unwrap_or(0) > threshold_ms);
        let state = match wait.count {
            0..CALLS_MIN => State::TooFew,
            _ if is_slow => State::Warning,
            _ => State::Good,
        };
        Self {
            wait,
            threshold_ms,
            state,
        }
    }
}

impl Fallbacks {
    fn of(settings: &Settings, offered: i64, parts: &[TenantCounts]) -> Self {
        let reason = |it: &switchboard_store::CallCount| -> Option<&'static str> {
            Some(fallback_reason(it.end_reason.as_ref()?.as_str())?.as_str())
        };
        let mut sums: BTreeMap<&'static str, i64> = BTreeMap::new();
        for part in parts {
            for count in &part.counts.calls {
                if let Some(reason) = reason(count) {
                    *sums.entry(reason).or_default() += count.calls;
                }
            }
        }
        let count = sums.values().sum();
        let (warning_percent, critical_percent) = (
            settings.ops.fallback_warning_percent,
            settings.ops.fallback_critical_percent,
        );
        let rate_percent = rate(count, offered).filter(|_| offered >= CALLS_MIN);
        let state = match rate_percent {
            None => State::TooFew,
            Some(rate) if rate >= critical_percent as f64 => State::Critical,
            Some(rate) if rate >= warning_percent as f64 => State::Warning,
            Some(_) => State::Good,
        };
        Self {
            count,
            rate_percent,
            warning_percent,
            critical_percent,
            state,
            reasons: largest_first(sums),
        }
    }
}

/// The reason of a call that ended by a fallback, by its word.
pub fn fallback_reason(word: &str) -> Option<HandoffReason> {
    let mut fallbacks = HandoffReason::ALL
        .into_iter()
        .filter(|reason| reason.is_fallback());
    fallbacks.find(|reason| reason.as_str() == word)
}

impl Wait {
    /// Percentiles of counted milliseconds.
    pub fn of(counts: &BTreeMap<i64, i64>) -> Self {
        Self {
            count: counts.values().sum(),
            p50_ms: percentile(counts, 50),
            p95_ms: percentile(counts, 95),
        }
    }
}

/// The nearest rank: the smallest length that at least this share of all does not exceed.
pub fn percentile(counts: &BTreeMap<i64, i64>, percent: i64) -> Option<i64> {
    let all: i64 = counts.values().sum();
    let rank = (all * percent + 99) / 100;
    let mut passed = 0;
    let mut lengths = counts.iter().filter(|(_, times)| **times > 0);
    let found = lengths.find(|(_, times)| {
        passed += **times;
        passed >= rank
    });
    found.map(|(ms, _)| *ms)
}

/// In percent; `None` of nothing.
fn rate(part: i64, all: i64) -> Option<f64> {
    (all > 0).then(|| part as f64 * 100.0 / all as f64)
}

fn merged(parts: &[TenantCounts], of: fn(&HealthCounts) -> &Vec<MsCount>) -> BTreeMap<i64, i64> {
    let mut sums = BTreeMap::new();
    for count in parts.iter().flat_map(|part| of(&part.counts)) {
        *sums.entry(count.ms).or_default() += count.times;
    }
    sums
}

fn events(parts: &[TenantCounts], name: &str) -> i64 {
    let events = parts.iter().flat_map(|part| &part.counts.events);
    events
        .filter(|event| event.name.as_str() == name)
        .map(|event| event.times)
        .sum()
}

fn named(
    parts: &[TenantCounts],
    name: for<'a> fn(&'a switchboard_store::CallCount) -> Option<&'a str>,
) -> Vec<Named> {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for count in parts.iter().flat_map(|part| &part.counts.calls) {
        if let Some(name) = name(count) {
            *sums.entry(name).or_default() += count.calls;
        }
    }
    largest_first(sums)
}

fn largest_first(sums: BTreeMap<&str, i64>) -> Vec<Named> {
    let mut named: Vec<Named> = sums
        .into_iter()
        .map(|(name, calls)| Named {
            name: name.to_owned(),
            calls,
        })
        .collect();
    named.sort_by_key(|it| -it.calls);
    named
}

fn costs(parts: &[TenantCounts], offered: i64) -> Vec<Cost> {
    let mut sums: BTreeMap<String, Cost> = BTreeMap::new();
    for total in parts.iter().flat_map(|part| &part.counts.costs) {
        let cost = sums
            .entry(total.currency.to_string())
            .or_insert_with(|| Cost {
                currency: total.currency,
                cost_micros: 0,
                per_call_micros: None,
            });
        cost.cost_micros += total.cost_micros.0;
    }
    let per_call = |mut cost: Cost| {
        cost.per_call_micros = (offered > 0).then(|| cost.cost_micros / offered);
        cost
    };
    sums.into_values().map(per_call).collect()
}

fn series(parts: &[TenantCounts], step_s: i64) -> Vec<Step> {
    let mut steps: BTreeMap<Timestamp, (Step, BTreeMap<i64, i64>)> = BTreeMap::new();
    let mut step_at =
        |at: Timestamp, change: &mut dyn FnMut(&mut Step, &mut BTreeMap<i64, i64>)| {
            let (step, handshakes) = steps.entry(at).or_default();
            change(step, handshakes);
        };
    for part in parts {
        for count in &part.counts.calls {
            let word = count.end_reason.as_ref().map_or("", |word| word.as_str());
            let fell_back = fallback_reason(word).is_some();
            step_at(count.at, &mut |step, _| {
                step.offered += count.calls;
                step.fallbacks += if fell_back { count.calls } else { 0 };
            });
        }
        for count in &part.counts.handshake_series {
            step_at(count.at, &mut |_, handshakes| {
                *handshakes.entry(count.ms).or_default() += count.times;
            });
        }
    }
    debug_assert!(step_s > 0);
    let finished = steps.into_iter().map(|(at, (step, handshakes))| Step {
        at,
        handshake_p95_ms: percentile(&handshakes, 95),
        ..step
    });
    finished.collect()
}

#[cfg(test)]
mod tests;
