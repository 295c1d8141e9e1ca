//! What the model's tool requests and their answers do to the conversation.

use crate::call::Call;
use crate::event::EventKind;
use crate::handoff::{Handoff, HandoffReason};
use crate::input::{FromTool, ToolOutcome, ToolRequest};
use crate::output::{Command, Record, ToModel, ToolRecord, ToolRun};
use crate::phase::Phase;
use crate::time::{Moment, Span};
use crate::tool_call::{RunningTool, ToolStatus};
use crate::words::Words;

/// What the model is told when a tool cannot answer; it may say it in its own words.
const TIMED_OUT: &str = r#"{"error":{"code":"timeout","message":"This takes longer than expected. I will note the request."}}"#;
const REFUSED: &str = r#"{"error":{"code":"too_many_calls","message":"No further actions are possible in this call."}}"#;
const ENDING: &str = r#"{"ok":true}"#;

impl Call {
    pub(crate) fn on_tool_requested(&mut self, now: Moment, request: ToolRequest) {
        if self.phase != Phase::Live {
            return;
        }
        let deadline = self.settings.limits.tool_deadline;
        let Some(idempotency_number) = self.tools.start(now, deadline, &request) else {
            self.ask_model(ToModel::ToolResult {
                call: request.call,
                output: REFUSED.into(),
            });
            self.request_reply(now, None);
            return;
        };
        self.event(
            now,
            EventKind::ToolStarted {
                name: request.name.clone(),
                idempotency_number,
            },
        );
        self.command(Command::RunTool(ToolRun {
            call: request.call,
            name: request.name,
            arguments: request.arguments,
            idempotency_number,
            deadline,
        }));
    }

    pub(crate) fn on_tool(&mut self, now: Moment, answer: FromTool) {
        let Some(tool) = self.tools.finish(answer.call) else {
            return;
        };
        let (status, output) = match &answer.outcome {
            ToolOutcome::Answered(words) => (ToolStatus::Answered, words.clone()),
            ToolOutcome::Failed(words) => (ToolStatus::Failed, words.clone()),
            ToolOutcome::EndCall | ToolOutcome::HandOff { .. } => {
                (ToolStatus::Answered, ENDING.into())
            }
        };
        self.finish_tool(now, &tool, status, Some(output.clone()));
        if tool.gave_up || self.phase != Phase::Live {
            return;
        }
        match answer.outcome {
            ToolOutcome::EndCall => self.say_goodbye(now, tool.call),
            ToolOutcome::HandOff { target } => self.hand_off(
                now,
                Handoff {
                    reason: HandoffReason::Asked,
                    target,
                },
            ),
            ToolOutcome::Answered(_) | ToolOutcome::Failed(_) => {
                self.tell_model(now, &tool, output)
            }
        }
    }

    /// The model always learns the answer. It speaks about it at once only if the caller has not taken the
    /// floor meanwhile: then it is part of the next reply.
    fn tell_model(&mut self, now: Moment, tool: &RunningTool, output: Words) {
        self.ask_model(ToModel::ToolResult {
            call: tool.call,
            output,
        });
        let caller_has_floor = self.floor.is_caller_speaking() || self.interruption.is_open();
        let waits_for_caller = tool.after_interruption && caller_has_floor;
        if !self.tools.is_waiting() && !waits_for_caller {
            self.request_reply(now, None);
        }
    }

    fn finish_tool(
        &mut self,
        now: Moment,
        tool: &RunningTool,
        status: ToolStatus,
        result: Option<Words>,
    ) {
        let took = now.since(tool.started);
        let after_interruption = tool.after_interruption;
        self.event(
            now,
            EventKind::ToolFinished {
                name: tool.name.clone(),
                status,
                took,
                after_interruption,
            },
        );
        self.keep(Record::Tool(ToolRecord {
            call: tool.call,
            name: tool.name.clone(),
            arguments: tool.arguments.clone(),
            result,
            status,
            took: Some(took).filter(|took| *took > Span::ZERO),
        }));
    }

    /// Tools past their deadline: the model goes on without them.
    pub(crate) fn advance_tools(&mut self, now: Moment) {
        while let Some(tool) = self.tools.next_overdue(now) {
            self.command(Command::GiveUpTool(tool.call));
            self.finish_tool(now, &tool, ToolStatus::TimedOut, None);
            if self.phase == Phase::Live {
                self.tell_model(now, &tool, TIMED_OUT.into());
            }
        }
    }
}
