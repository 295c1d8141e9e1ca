//! Section `[jobs]`.

use serde::{Deserialize, Serialize};

/// Work that runs beside the calls: mails, webhooks, transcriptions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JobsSettings {
    /// 4 jobs at once in this process; further ones wait.
    pub concurrent_max: usize,
    /// 1000 ms between looks for jobs that another server asked for or whose time has come.
    pub poll_ms: u64,
}

impl Default for JobsSettings {
    fn default() -> Self {
        Self {
            concurrent_max: 4,
            poll_ms: 1_000,
        }
    }
}
