//! The five reference agents, built in, so that `serve --demo` needs no file beside the binary.

use std::path::Path;

use super::AgentDefinition;
use crate::config::error::SettingsError;

/// File name and text of each.
const FILES: [(&str, &str); 5] = [
    (
        "agents/roofing.toml",
        include_str!("../../../../../agents/roofing.toml"),
    ),
    (
        "agents/broker.toml",
        include_str!("../../../../../agents/broker.toml"),
    ),
    (
        "agents/medspa.toml",
        include_str!("../../../../../agents/medspa.toml"),
    ),
    (
        "agents/trades.toml",
        include_str!("../../../../../agents/trades.toml"),
    ),
    (
        "agents/companion.toml",
        include_str!("../../../../../agents/companion.toml"),
    ),
];

/// The reference agents, in the order of their numbers.
///
/// # Errors
/// None in a released binary: a test loads them. The type says that nothing here panics.
pub fn reference_agents() -> Result<Vec<AgentDefinition>, SettingsError> {
    FILES
        .iter()
        .map(|(path, text)| AgentDefinition::parse(Path::new(path), text))
        .collect()
}
