//! Stops recording and notes of the call, and erases what was kept of it.

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::ToolAnswer;
use super::arguments::read;
use super::{IMMEDIATE_DEADLINE, Tool, ToolContext};
use crate::desk::Assurance;

/// It takes away and gives nothing, so that it needs neither assurance nor a question.
pub(super) const TOOL: Tool = Tool {
    name: "withdraw_consent",
    description: "Stops recording and writing down this call and erases what was kept of it. Call it when the caller \
                  does not want the call recorded or written down. The call goes on.",
    parameters,
    assurance_min: Assurance::None,
    writes: false,
    confirms: false,
    deadline: IMMEDIATE_DEADLINE,
    run,
    question: None,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {}

fn parameters() -> Value {
    json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": false })
}

fn run<'a>(_context: &'a ToolContext, arguments: &'a str) -> BoxFuture<'a, ToolAnswer> {
    let answer = match read::<Arguments>(arguments) {
        Ok(Arguments {}) => ToolAnswer::WithdrawConsent,
        Err(refusal) => refusal,
    };
    Box::pin(std::future::ready(answer))
}
