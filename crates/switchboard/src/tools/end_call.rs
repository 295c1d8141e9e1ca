//! Ends the call.

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::ToolAnswer;
use super::arguments::read;
use super::{IMMEDIATE_DEADLINE, Tool, ToolContext};
use crate::desk::Assurance;

pub(super) const TOOL: Tool = Tool {
    name: "end_call",
    description: "Ends the call once the caller has nothing more and goodbyes are said.",
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
        Ok(Arguments {}) => ToolAnswer::EndCall,
        Err(refusal) => refusal,
    };
    Box::pin(std::future::ready(answer))
}
