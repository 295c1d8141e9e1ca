//! Tools beside the call: each runs in its own task, bounded in time, and its answer comes back as an input or not at all.

use std::sync::Arc;

use switchboard_call::ids::ToolCallId;
use switchboard_call::input::{FromTool, ToolOutcome};
use switchboard_call::output::ToolRun;

use crate::drive::{DriveHandle, tool_answer};
use crate::tools::{ToolContext, Toolbox};

/// The tools of one call.
#[derive(Clone)]
pub struct ToolRunner {
    toolbox: Arc<Toolbox>,
    context: Arc<ToolContext>,
}

impl ToolRunner {
    /// Tools of one agent, in the context of one call.
    pub fn new(toolbox: Arc<Toolbox>, context: ToolContext) -> Self {
        Self {
            toolbox,
            context: Arc::new(context),
        }
    }

    /// Starts a tool. The core stops waiting at the deadline; twice that ends the work itself.
    pub fn run(&self, run: ToolRun, answer: DriveHandle) {
        let toolbox = Arc::clone(&self.toolbox);
        let context = self
            .context
            .for_request(run.idempotency_number, run.confirmed);
        tokio::spawn(async move {
            let limit = std::time::Duration::from_micros(run.deadline.micros()) * 2;
            let work = toolbox.run(&context, &run.name, run.arguments.expose());
            let outcome = tokio::time::timeout(limit, work)
                .await
                .unwrap_or_else(|_| too_late());
            answer.send(tool_answer(FromTool {
                call: run.call,
                outcome,
            }));
        });
    }

    /// The core no longer waits. The work goes on: a booking that is under way is still recorded when it answers.
    pub fn give_up(&self, call: ToolCallId) {
        tracing::warn!(tool_call = call.0, "a tool did not answer in time");
    }
}

fn too_late() -> ToolOutcome {
    ToolOutcome::Failed(
        r#"{"error":{"code":"timeout","message":"This did not work in time."}}"#.into(),
    )
}
