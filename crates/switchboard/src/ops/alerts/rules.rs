//! Rules and the decision to raise or clear, without a clock and without a database.

use std::time::Duration;

use switchboard_store::AlertSeverity;

use crate::config::OpsSettings;

/// What is watched. The words are stable: they are the keys of stored alerts and the headings of the runbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RuleName {
    HandshakeSlow,
    FallbackRateHigh,
    FallbackRateCritical,
    AiServedBurn,
    DeadAirBurn,
    WebhooksFailing,
    WebhooksSlow,
    BreakerOpen,
    DatabaseAway,
    SpoolFilling,
    DiskLow,
    JobsFailing,
    CertificateExpiring,
    ClockSkewed,
}

/// When a rule speaks. A figure at or past `raise_at` for `raise_after` raises; one past `clear_at` on the good side for
/// `clear_after` clears. Between the two nothing changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    pub name: RuleName,
    pub raise_at: f64,
    pub clear_at: f64,
    pub raise_after: Duration,
    pub clear_after: Duration,
}

/// A figure of one rule, now; `None` when it could not be measured, which changes nothing.
pub type Reading = Option<f64>;

/// Where one rule stands for one subject. Times are of a clock that never jumps.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Phase {
    #[default]
    Quiet,
    /// Past the threshold, not yet for long enough.
    Rising {
        since: Duration,
    },
    Raised,
    /// Good again, not yet for long enough.
    Falling {
        since: Duration,
    },
}

/// What a look decided.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    Raise { figure: f64 },
    Clear,
}

/// What operators may set about rules.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    pub handshake_p95_ms: f64,
    pub fallback_warning_percent: f64,
    pub fallback_critical_percent: f64,
    pub disk_free_percent_min: f64,
}

/// A figure has to be bad at two looks a minute apart: one bad minute of a quiet hour is no alert.
const RAISE_AFTER: Duration = Duration::from_secs(60);
/// Good for five minutes before an alert is over, so that it is not raised again at once.
const CLEAR_AFTER: Duration = Duration::from_secs(300);
/// Days that a certificate is still good; mending one takes people (threats.md, fault matrix).
pub(super) const CERTIFICATE_DAYS_MIN: f64 = 14.0;
/// Seconds between two clocks. Past it leases, signatures with times and appointments go wrong.
const CLOCK_SECONDS_MAX: f64 = 5.0;
/// Percent of the journal's room for writes that wait for the database.
const SPOOL_PERCENT_MAX: f64 = 25.0;
/// Jobs that were given up and wait for somebody.
const JOBS_FAILED_MAX: f64 = 1.0;

impl RuleName {
    pub const ALL: [Self; 14] = [
        Self::HandshakeSlow,
        Self::FallbackRateHigh,
        Self::FallbackRateCritical,
        Self::AiServedBurn,
        Self::DeadAirBurn,
        Self::WebhooksFailing,
        Self::WebhooksSlow,
        Self::BreakerOpen,
        Self::DatabaseAway,
        Self::SpoolFilling,
        Self::DiskLow,
        Self::JobsFailing,
        Self::CertificateExpiring,
        Self::ClockSkewed,
    ];

    /// The stable word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::HandshakeSlow => "handshake_slow",
            Self::FallbackRateHigh => "fallback_rate_high",
            Self::FallbackRateCritical => "fallback_rate_critical",
            Self::AiServedBurn => "ai_served_burn",
            Self::DeadAirBurn => "dead_air_burn",
            Self::WebhooksFailing => "webhooks_failing",
            Self::WebhooksSlow => "webhooks_slow",
            Self::BreakerOpen => "breaker_open",
            Self::DatabaseAway => "database_away",
            Self::SpoolFilling => "spool_filling",
            Self::DiskLow => "disk_low",
            Self::JobsFailing => "jobs_failing",
            Self::CertificateExpiring => "certificate_expiring",
            Self::ClockSkewed => "clock_skewed",
        }
    }

    /// The rule of this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.as_str() == word)
    }

    /// What it means for callers, in one sentence.
    pub const fn means(self) -> &'static str {
        match self {
            Self::HandshakeSlow => "Callers wait too long for the agent's first word.",
            Self::FallbackRateHigh => {
                "More callers than usual are put through to a person because the agent cannot answer."
            }
            Self::FallbackRateCritical => {
                "Many callers are put through to a person because the agent cannot answer."
            }
            Self::AiServedBurn => {
                "Calls fall back so fast that the month's share of them is used up in days."
            }
            Self::DeadAirBurn => "Callers hear nothing after they spoke, more often than promised.",
            Self::WebhooksFailing => {
                "We answer the carrier with errors, so callers reach the carrier's fallback document."
            }
            Self::WebhooksSlow => {
                "We answer the carrier so late that callers hear ringing for too long."
            }
            Self::BreakerOpen => {
                "A model's account fails, so its calls go to a person or another model at once."
            }
            Self::DatabaseAway => {
                "The database does not answer; calls go on and their events wait."
            }
            Self::SpoolFilling => {
                "Events wait for the database; past the room there is, new ones are lost."
            }
            Self::DiskLow => {
                "The disk is nearly full; recordings and events cannot be kept when it is."
            }
            Self::JobsFailing => {
                "Work after calls was given up: mails, webhooks or reminders did not go out."
            }
            Self::CertificateExpiring => {
                "The public address's certificate ends soon; then no call reaches us."
            }
            Self::ClockSkewed => {
                "Clocks disagree; appointments, tokens and limits across nodes may go wrong."
            }
        }
    }

    /// How much it hurts.
    pub const fn severity(self) -> AlertSeverity {
        match self {
            Self::HandshakeSlow
            | Self::FallbackRateHigh
            | Self::WebhooksSlow
            | Self::DiskLow
            | Self::JobsFailing
            | Self::CertificateExpiring
            | Self::ClockSkewed => AlertSeverity::Warning,
            Self::FallbackRateCritical
            | Self::AiServedBurn
            | Self::DeadAirBurn
            | Self::WebhooksFailing
            | Self::BreakerOpen
            | Self::DatabaseAway
            | Self::SpoolFilling => AlertSeverity::Critical,
        }
    }

    /// A figure of this rule as people read it.
    pub fn written(self, figure: f64) -> String {
        match self {
            Self::HandshakeSlow => format!("P95 {:.2} s in the last hour", figure / 1_000.0),
            Self::FallbackRateHigh | Self::FallbackRateCritical => {
                format!("{figure:.1} % of the last hour's calls")
            }
            Self::AiServedBurn | Self::DeadAirBurn | Self::WebhooksFailing | Self::WebhooksSlow => {
                format!("{figure:.1} times the rate that alarms")
            }
            Self::BreakerOpen => format!("{figure:.0} open"),
            Self::DatabaseAway => "no answer".to_owned(),
            Self::SpoolFilling => format!("{figure:.0} % of the room is used"),
            Self::DiskLow => format!("{figure:.1} % free"),
            Self::JobsFailing => format!("{figure:.0} given up"),
            Self::CertificateExpiring => format!("{figure:.0} days left"),
            Self::ClockSkewed => format!("{figure:.1} s apart"),
        }
    }

    /// The rule with what operators set.
    pub fn rule(self, thresholds: &Thresholds) -> Rule {
        let rule = |raise_at: f64, clear_at: f64| Rule {
            name: self,
            raise_at,
            clear_at,
            raise_after: RAISE_AFTER,
            clear_after: CLEAR_AFTER,
        };
        let at_once = |rule: Rule| Rule {
            raise_after: Duration::ZERO,
            ..rule
        };
        match self {
            // Four fifths: a figure must be clearly better than what raised it.
            Self::HandshakeSlow => {
                // The limit itself is still good; a figure is whole milliseconds.
                let limit = thresholds.handshake_p95_ms;
                rule(limit + 1.0, limit * 0.8)
            }
            Self::FallbackRateHigh => {
                let limit = thresholds.fallback_warning_percent;
                rule(limit, limit * 0.8)
            }
            Self::FallbackRateCritical => {
                let limit = thresholds.fallback_critical_percent;
                rule(limit, limit * 0.8)
            }
            // Both windows of a burn must agree, so they need no second look.
            Self::AiServedBurn | Self::DeadAirBurn | Self::WebhooksFailing | Self::WebhooksSlow => {
                at_once(rule(1.0, 0.5))
            }
            Self::BreakerOpen => at_once(rule(1.0, 0.0)),
            Self::DatabaseAway => at_once(rule(1.0, 0.0)),
            Self::SpoolFilling => rule(SPOOL_PERCENT_MAX, SPOOL_PERCENT_MAX / 5.0),
            Self::DiskLow => {
                let limit = thresholds.disk_free_percent_min;
                rule(limit, limit + 2.0)
            }
            Self::JobsFailing => at_once(rule(JOBS_FAILED_MAX, 0.0)),
            Self::CertificateExpiring => {
                at_once(rule(CERTIFICATE_DAYS_MIN, CERTIFICATE_DAYS_MIN + 1.0))
            }
            Self::ClockSkewed => rule(CLOCK_SECONDS_MAX, CLOCK_SECONDS_MAX / 2.0),
        }
    }
}

impl Thresholds {
    pub fn of(settings: &OpsSettings) -> Self {
        Self {
            handshake_p95_ms: settings.handshake_p95_ms as f64,
            fallback_warning_percent: settings.fallback_warning_percent as f64,
            fallback_critical_percent: settings.fallback_critical_percent as f64,
            disk_free_percent_min: settings.disk_free_percent_min as f64,
        }
    }
}

impl Rule {
    /// Some figures are bad when they are low: free disk, days left. Then a rule clears above where it raises.
    const fn is_bad_low(&self) -> bool {
        self.clear_at > self.raise_at
    }

    fn is_bad(&self, figure: f64) -> bool {
        if self.is_bad_low() {
            figure <= self.raise_at
        } else {
            figure >= self.raise_at
        }
    }

    fn is_good(&self, figure: f64) -> bool {
        if self.is_bad_low() {
            figure >= self.clear_at
        } else {
            figure <= self.clear_at
        }
    }

    /// One look at one figure: where the rule stands now, and what is to be done.
    pub fn look(&self, phase: Phase, now: Duration, reading: Reading) -> (Phase, Option<Change>) {
        let Some(figure) = reading else {
            return (phase, None);
        };
        match phase {
            Phase::Quiet | Phase::Rising { .. } if !self.is_bad(figure) => (Phase::Quiet, None),
            Phase::Quiet if self.raise_after > Duration::ZERO => {
                (Phase::Rising { since: now }, None)
            }
            Phase::Rising { since } if now.saturating_sub(since) < self.raise_after => {
                (phase, None)
            }
            Phase::Quiet | Phase::Rising { .. } => (Phase::Raised, Some(Change::Raise { figure })),
            Phase::Raised | Phase::Falling { .. } if !self.is_good(figure) => (Phase::Raised, None),
            Phase::Raised => (Phase::Falling { since: now }, None),
            Phase::Falling { since } if now.saturating_sub(since) < self.clear_after => {
                (phase, None)
            }
            Phase::Falling { .. } => (Phase::Quiet, Some(Change::Clear)),
        }
    }
}

#[cfg(test)]
mod tests;
