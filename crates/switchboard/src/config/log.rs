//! Section `[log]`.

use serde::{Deserialize, Serialize};

/// What is logged, and how. Log lines never hold names, numbers, words or keys.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// `info`. Level of our own crates; dependencies stay at `warn`.
    pub level: LogLevel,
    /// `auto`. Lines for people on a terminal, JSON otherwise; `human` or `json` fixes it.
    pub format: LogFormat,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// Failures that need somebody.
    Error,
    /// And what may become one.
    Warn,
    /// And what happened to calls.
    #[default]
    Info,
    /// And why.
    Debug,
    /// And everything else.
    Trace,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Human on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// One aligned line.
    Human,
    /// One JSON object per line.
    Json,
}
