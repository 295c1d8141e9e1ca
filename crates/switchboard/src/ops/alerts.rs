//! Alerts: what is looked at every minute, when it is raised, and when it is over.
//!
//! [`rules`] holds the decision: a pure function of time and figures, with hysteresis, so that a figure that trembles
//! around its threshold raises one alert and not twenty. [`AlertWatch`] feeds it and keeps what it says.

mod readings;
mod rules;
mod telling;
mod watch;

pub use readings::{NodeSignals, WebhookAnswers, tenant_readings};
pub use rules::{Change, Phase, Reading, Rule, RuleName, Thresholds};
pub use telling::{AlertMail, Notice};
pub use watch::AlertWatch;
pub(crate) use watch::{disk_free_percent, node_name};
