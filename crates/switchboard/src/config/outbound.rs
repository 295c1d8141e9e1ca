//! Section `[outbound]`.

use serde::{Deserialize, Serialize};

use super::types::Network;

/// Requests to addresses that tenants name, such as their webhooks (threat A4).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutboundSettings {
    /// None. Address blocks beyond the public internet that may be reached too. Plain `http` only for loopback ones.
    pub allow_networks: Vec<Network>,
}
