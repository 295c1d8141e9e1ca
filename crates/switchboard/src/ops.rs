//! What operators see and keep: logs, measures, traces, health, alerts, and the key that seals secrets at rest.
//!
//! Logs, measures, traces and health cannot hold personal data, and no call waits for them.

pub mod alerts;
pub mod call_metrics;
pub mod disk;
pub mod health;
mod log_queue;
pub mod logging;
pub mod metrics;
pub mod panics;
pub mod runbook;
pub mod seal;
pub mod traces;
pub mod voice_health;
