//! Makes everybody deaf while a caller gives card data, the model that asks for it included (D3).

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::ToolAnswer;
use super::arguments::read;
use super::{IMMEDIATE_DEADLINE, Tool, ToolContext};
use crate::desk::Assurance;

pub(super) const START: Tool = Tool {
    name: "secure_entry_start",
    description: "Call it before the caller gives card or account numbers. From then on nobody hears, records or \
                  writes down the caller, you included, until the caller presses the pound key or you call \
                  secure_entry_end.",
    parameters,
    assurance_min: Assurance::None,
    writes: false,
    confirms: false,
    deadline: IMMEDIATE_DEADLINE,
    run: start,
    question: None,
};

pub(super) const END: Tool = Tool {
    name: "secure_entry_end",
    description: "Call it when the caller has given the card or account number: the call is heard again.",
    run: end,
    ..START
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {}

fn parameters() -> Value {
    json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": false })
}

fn start<'a>(_context: &'a ToolContext, arguments: &'a str) -> BoxFuture<'a, ToolAnswer> {
    answer(arguments, true)
}

fn end<'a>(_context: &'a ToolContext, arguments: &'a str) -> BoxFuture<'a, ToolAnswer> {
    answer(arguments, false)
}

fn answer<'a>(arguments: &'a str, begins: bool) -> BoxFuture<'a, ToolAnswer> {
    let answer = match read::<Arguments>(arguments) {
        Ok(Arguments {}) => ToolAnswer::SecureEntry { begins },
        Err(refusal) => refusal,
    };
    Box::pin(std::future::ready(answer))
}
