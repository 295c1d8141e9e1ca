//! The caller does not want to be called any more.

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::ToolAnswer;
use super::arguments::read;
use super::{DATABASE_DEADLINE, Tool, ToolContext};
use crate::desk::{Assurance, DeskError};

/// It gives nothing and reaches nobody but the number this call is with, so it needs neither assurance nor a question: who
/// says "stop calling me" is not asked whether they are sure (M6).
pub(super) const TOOL: Tool = Tool {
    name: "opt_out",
    description: "Makes sure that this caller is never called or written to by us again, on any channel. Call it as \
                  soon as they say that they do not want to be called, reminded or contacted any more. They can still \
                  call us.",
    parameters,
    assurance_min: Assurance::None,
    writes: true,
    confirms: false,
    deadline: DATABASE_DEADLINE,
    run,
    question: None,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {}

fn parameters() -> Value {
    json!({ "type": "object", "properties": {}, "required": [], "additionalProperties": false })
}

fn run<'a>(context: &'a ToolContext, arguments: &'a str) -> BoxFuture<'a, ToolAnswer> {
    Box::pin(async move {
        opt_out(context, arguments)
            .await
            .unwrap_or_else(|refusal| refusal)
    })
}

async fn opt_out(context: &ToolContext, arguments: &str) -> Result<ToolAnswer, ToolAnswer> {
    let Arguments {} = read(arguments)?;
    match context.desk.opt_out().await {
        Ok(_) => Ok(ToolAnswer::Answered(json!({ "opted_out": true }))),
        Err(DeskError::InvalidPhone) => Err(ToolAnswer::failed(
            "number_hidden",
            "I cannot see the number you call from, so please call once more without hiding it, or write to us.",
        )),
        Err(error) => Err(error.into()),
    }
}
