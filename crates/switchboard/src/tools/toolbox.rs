//! The tools of one agent: what its model is told, and the one door through which it calls them.

use serde_json::Value;
use switchboard_call::input::ToolOutcome;

use super::answer::ToolAnswer;
use super::transfer_to_human::parameters_with_targets;
use super::{Tool, ToolContext, registry, transfer_to_human};
use crate::config::nearest;

/// The tools of one agent.
#[derive(Debug, Clone, Default)]
pub struct Toolbox {
    tools: Vec<&'static Tool>,
    handoff_targets: Vec<String>,
}

/// A tool as a model is told about it.
#[derive(Debug, Clone, PartialEq)]
pub struct ToolDefinition {
    pub name: &'static str,
    pub description: &'static str,
    /// JSON Schema of the arguments.
    pub parameters: Value,
    /// Whether the caller must agree before it runs.
    pub confirms: bool,
}

/// An agent lists a tool that does not exist.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no tool `{name}`; did you mean `{nearest}`?")]
pub struct UnknownTool {
    pub name: String,
    /// The tool that is most like it.
    pub nearest: &'static str,
}

impl Toolbox {
    /// The tools of these names, in their order, each once.
    ///
    /// # Errors
    /// The first name that is no tool, with the nearest one that is.
    pub fn for_agent(names: &[String]) -> Result<Self, UnknownTool> {
        let mut tools: Vec<&'static Tool> = Vec::new();
        for name in names {
            let tool = find(name)?;
            if tools.iter().all(|known| known.name != tool.name) {
                tools.push(tool);
            }
        }
        Ok(Self {
            tools,
            handoff_targets: Vec::new(),
        })
    }

    /// Tells the model the names of the humans it may hand over to. They must be those of the [`ToolContext`].
    #[must_use]
    pub fn with_handoff_targets(self, names: &[String]) -> Self {
        Self {
            handoff_targets: names.to_vec(),
            ..self
        }
    }

    /// What the model is told.
    #[must_use]
    pub fn definitions(&self) -> Vec<ToolDefinition> {
        self.tools
            .iter()
            .map(|tool| self.definition(tool))
            .collect()
    }

    fn definition(&self, tool: &Tool) -> ToolDefinition {
        let parameters = if tool.name == transfer_to_human::TOOL.name {
            parameters_with_targets(&self.handoff_targets)
        } else {
            (tool.parameters)()
        };
        ToolDefinition {
            name: tool.name,
            description: tool.description,
            parameters,
            confirms: tool.confirms,
        }
    }

    /// Runs a tool that the model asked for, with arguments as the model wrote them.
    ///
    /// Never fails and never panics: what is not allowed, not understood or not possible is an answer.
    pub async fn run(
        &self,
        context: &ToolContext,
        name: &str,
        arguments_json: &str,
    ) -> ToolOutcome {
        self.answer(context, name, arguments_json)
            .await
            .into_outcome()
    }

    async fn answer(&self, context: &ToolContext, name: &str, arguments: &str) -> ToolAnswer {
        let Some(tool) = self.tools.iter().find(|tool| tool.name == name) else {
            return ToolAnswer::failed("unknown_tool", "I cannot do that.");
        };
        if context.assurance() < tool.assurance_min {
            return ToolAnswer::failed(
                "not_allowed",
                "I can do that only for somebody who has signed in.",
            );
        }
        if tool.confirms && !context.is_confirmed() {
            if let Some(question) = tool.question {
                return question(context, arguments).await;
            }
            return ToolAnswer::failed(
                "not_confirmed",
                "The caller has to agree first. Ask, and wait for a yes.",
            );
        }
        let run = tokio::time::timeout(tool.deadline, (tool.run)(context, arguments));
        run.await.unwrap_or_else(|_| {
            tracing::warn!(tool = tool.name, "a tool missed its deadline");
            ToolAnswer::failed(
                "timeout",
                "This takes longer than it should. I will try once more.",
            )
        })
    }
}

fn find(name: &str) -> Result<&'static Tool, UnknownTool> {
    let known = registry().iter().find(|tool| tool.name == name);
    known.ok_or_else(|| {
        let names = registry().iter().map(|tool| tool.name);
        let nearest = nearest(name, names).unwrap_or(transfer_to_human::TOOL.name);
        UnknownTool {
            name: name.to_owned(),
            nearest,
        }
    })
}
