//! What operators see: logs, measures, health. Nothing in here can hold personal data, and no call waits for it.

pub mod health;
mod log_queue;
pub mod logging;
pub mod metrics;
pub mod panics;
