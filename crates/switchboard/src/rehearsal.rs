//! Simulated calls against a running server: `switchboard call`.

use anyhow::Result;

use crate::cli::{CallArguments, Output};
use crate::config::Settings;

/// Places simulated calls and prints the conversation.
///
/// # Errors
/// The server cannot be reached, or the call failed.
pub async fn call(_settings: Settings, _arguments: CallArguments, _output: Output) -> Result<()> {
    anyhow::bail!("not connected yet")
}
