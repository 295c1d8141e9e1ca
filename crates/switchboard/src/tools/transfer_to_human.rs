//! Gives the caller to a person.

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::ToolAnswer;
use super::arguments::{NAME_LETTERS_MAX, Text, optional_text, read};
use super::{IMMEDIATE_DEADLINE, Tool, ToolContext};
use crate::desk::Assurance;

/// Letters of a reason at most.
const REASON_LETTERS_MAX: usize = 300;

/// A person can always be had: it needs no assurance and asks for no confirmation.
pub(super) const TOOL: Tool = Tool {
    name: "transfer_to_human",
    description: "Connects the caller to a person. Call it when the caller asks for one, is upset, or needs what \
                  you cannot do. Nothing can be said after it.",
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
struct Arguments {
    /// Kept with the tool call, and whispered to the human where the target asks for it. It chooses nothing.
    #[serde(default, deserialize_with = "optional_text")]
    reason: Option<Text<REASON_LETTERS_MAX>>,
    #[serde(default, deserialize_with = "optional_text")]
    target: Option<Text<NAME_LETTERS_MAX>>,
}

fn parameters() -> Value {
    json!({
        "type": "object",
        "properties": {
            "reason": {
                "type": "string", "minLength": 1, "maxLength": REASON_LETTERS_MAX,
                "description": "In a few words, for the person who takes over."
            }
        },
        "required": [],
        "additionalProperties": false
    })
}

/// The same, with the names an agent may choose from.
pub(super) fn parameters_with_targets(targets: &[String]) -> Value {
    let mut parameters = parameters();
    if !targets.is_empty() {
        parameters["properties"]["target"] = json!({
            "type": "string", "enum": targets,
            "description": "Who takes over; the usual person when left out."
        });
    }
    parameters
}

fn run<'a>(context: &'a ToolContext, arguments: &'a str) -> BoxFuture<'a, ToolAnswer> {
    let answer = transfer(context, arguments).unwrap_or_else(|refusal| refusal);
    Box::pin(std::future::ready(answer))
}

/// A target is a name from the configuration; a number or an address never is one (A2).
fn transfer(context: &ToolContext, arguments: &str) -> Result<ToolAnswer, ToolAnswer> {
    let Arguments { target, reason } = read(arguments)?;
    let summary = reason.map(|reason| reason.as_str().into());
    let Some(wanted) = target else {
        let target = None;
        return Ok(ToolAnswer::HandOff { target, summary });
    };
    let wanted = wanted.as_str().to_lowercase();
    let mut targets = context.handoff_targets.iter();
    match targets.find(|name| name.to_lowercase() == wanted) {
        Some(name) => Ok(ToolAnswer::HandOff {
            target: Some(name.clone()),
            summary,
        }),
        None => Err(unknown_target(&context.handoff_targets)),
    }
}

fn unknown_target(known: &[String]) -> ToolAnswer {
    let message = if known.is_empty() {
        "Leave the target out: there is one person to connect to.".to_owned()
    } else {
        format!("The target must be one of: {}.", known.join(", "))
    };
    ToolAnswer::failed("unknown_target", message)
}
