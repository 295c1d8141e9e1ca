//! What a model may call. Each tool has its own file: name, description, arguments, and the desk's operation behind it.
//!
//! A model is hostile until proven otherwise. Arguments are bounded and read strictly, targets are names from the
//! configuration, writes are confirmed by the caller, and every refusal is a sentence that may be spoken. No tool takes
//! an id, a tenant or a destination from a model.

mod answer;
mod arguments;
mod book_appointment;
mod capture_details;
mod check_availability;
mod context;
mod create_contact;
mod end_call;
mod find_contact;
mod opt_out;
mod secure_entry;
#[cfg(test)]
mod tests;
mod toolbox;
mod transfer_to_human;
mod withdraw_consent;

use std::fmt;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value;

pub use self::answer::ToolAnswer;
pub use self::context::{Confirmation, ToolContext};
pub use self::toolbox::{ToolDefinition, Toolbox, UnknownTool};
use crate::desk::Assurance;

/// A look-up or booking answers in milliseconds. Past this the database is in trouble, and the caller waits.
const DATABASE_DEADLINE: Duration = Duration::from_secs(5);
/// What only answers from memory.
const IMMEDIATE_DEADLINE: Duration = Duration::from_secs(1);

/// One tool: what the model is told about it, what it needs, and what it does.
pub struct Tool {
    pub name: &'static str,
    /// For the model: what it does and when to call it.
    pub description: &'static str,
    /// JSON Schema of the arguments.
    parameters: fn() -> Value,
    /// The least assurance of the conversation at which it may be called.
    pub assurance_min: Assurance,
    /// Whether it changes something of the business.
    pub writes: bool,
    /// Whether the caller must have heard and answered a question before it runs.
    pub confirms: bool,
    /// After this its answer is `timeout`; what it has written stays.
    pub deadline: Duration,
    run: Run,
    /// Makes the question that the caller must agree to before a confirmed tool runs.
    question: Option<Run>,
}

impl fmt::Debug for Tool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

/// Runs a tool on arguments as the model wrote them.
type Run = for<'a> fn(&'a ToolContext, &'a str) -> BoxFuture<'a, ToolAnswer>;

/// Every tool there is.
#[must_use]
pub const fn registry() -> &'static [Tool] {
    const TOOLS: &[Tool] = &[
        find_contact::TOOL,
        create_contact::TOOL,
        capture_details::TOOL,
        check_availability::TOOL,
        book_appointment::TOOL,
        transfer_to_human::TOOL,
        end_call::TOOL,
        withdraw_consent::TOOL,
        secure_entry::START,
        secure_entry::END,
        opt_out::TOOL,
    ];
    TOOLS
}
