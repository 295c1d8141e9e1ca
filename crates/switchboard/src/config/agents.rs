//! Section `[agents]`.

use serde::{Deserialize, Serialize};

/// Where agent files are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AgentsSettings {
    /// `agents`. Directory of `*.toml` files; each describes one agent. A missing directory means no agents but those
    /// in the database.
    pub directory: String,
}

impl Default for AgentsSettings {
    fn default() -> Self {
        Self {
            directory: "agents".to_owned(),
        }
    }
}
