//! Section `[ops]`.

use serde::{Deserialize, Serialize};

use super::types::blank_is_none;

/// When operators are told that something is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OpsSettings {
    /// 1500 ms. Handshakes whose P95 of the last hour is longer raise an alert, and are marked on the page.
    pub handshake_p95_ms: u64,
    /// 5 % of the last hour's calls that fell back raise a warning.
    pub fallback_warning_percent: u64,
    /// 10 % of the last hour's calls that fell back raise a critical alert.
    pub fallback_critical_percent: u64,
    /// 10 % of the disk under the database; less free space raises an alert.
    pub disk_free_percent_min: u64,
    /// None. Addresses that get a mail when an alert is raised and when it is over; needs `[mail]`.
    pub alert_mail: Vec<String>,
    /// Blank: the host's name. What alerts call this process, where several share one database.
    #[serde(deserialize_with = "blank_is_none")]
    pub node_name: Option<String>,
}

impl Default for OpsSettings {
    fn default() -> Self {
        Self {
            handshake_p95_ms: 1_500,
            fallback_warning_percent: 5,
            fallback_critical_percent: 10,
            disk_free_percent_min: 10,
            alert_mail: Vec::new(),
            node_name: None,
        }
    }
}
