//! What the model's tool requests and their answers do to the conversation.

use crate::call::Call;
use crate::event::EventKind;
use crate::handoff::{Handoff, HandoffReason};
use crate::input::{FromTool, ToolOutcome, ToolRequest};
use crate::output::{Command, HistoryTurn, Record, ToModel, ToolRecord, ToolRun};
use crate::phase::Phase;
use crate::time::{Moment, Span};
use crate::tool_call::{Asked, RunningTool, ToolStatus};
use crate::turn::Speaker;
use crate::words::Words;

/// What the model is told when a tool cannot answer; it may say it in its own words.
const TIMED_OUT: &str = r#"{"error":{"code":"timeout","message":"This takes longer than expected. I will note the request."}}"#;
const REFUSED: &str = r#"{"error":{"code":"too_many_calls","message":"No further actions are possible in this call."}}"#;
const INTERRUPTED: &str = r#"{"error":{"code":"interrupted","message":"Not done: the caller interrupted. Ask again if it is still wanted."}}"#;
const ENDING: &str = r#"{"ok":true}"#;
const WITHDRAWN: &str = r#"{"ok":true,"message":"Recording and notes of this call have stopped, and what was kept of it is erased."}"#;
const SECURE: &str = r#"{"ok":true,"message":"Nobody listens now. Ask the caller to give the details and to press the pound key when done. You hear nothing until then."}"#;

impl Call {
    pub(crate) fn on_tool_requested(&mut self, now: Moment, request: ToolRequest) {
        if self.phase == Phase::WithStaff {
            return self.refuse_tool(now, request, INTERRUPTED);
        }
        if self.phase != Phase::Live {
            return;
        }
        // While it is open whether the caller says "no, wait", nothing is booked.
        if !self.interruption.pauses_playback() {
            return self.start_tool(now, request);
        }
        let tools_max = self.settings.limits.tools_max;
        if let Err(request) = self.tools.hold(tools_max, request) {
            self.refuse_tool(now, request, REFUSED);
        }
    }

    /// The reply goes on, and with it what it asked for.
    pub(crate) fn advance_held_tools(&mut self, now: Moment) {
        if self.interruption.pauses_playback() {
            return;
        }
        for request in self.tools.take_held() {
            self.start_tool(now, request);
        }
    }

    /// The reply was stopped, and with it what it asked for.
    pub(crate) fn refuse_held_tools(&mut self, now: Moment) {
        for request in self.tools.take_held() {
            self.refuse_tool(now, request, INTERRUPTED);
        }
    }

    fn start_tool(&mut self, now: Moment, request: ToolRequest) {
        // Nothing is done for a reply that the caller has stopped.
        if self.replies.is_late(request.reply) {
            return self.refuse_tool(now, request, INTERRUPTED);
        }
        let session = self.model.session();
        self.run_tool(now, request, session, false);
    }

    /// The same request again, after the caller agreed to it. Its reply is over; the request was not interrupted.
    pub(crate) fn run_confirmed(&mut self, now: Moment, request: ToolRequest, session: u32) {
        self.run_tool(now, request, session, true);
    }

    fn run_tool(&mut self, now: Moment, request: ToolRequest, session: u32, confirmed: bool) {
        let limits = &self.settings.limits;
        let deadline = limits.tool_deadline;
        let idempotency_number = match self.tools.start(now, limits, &request, session) {
            Asked::Start { idempotency_number } => idempotency_number,
            Asked::Doubled => return,
            Asked::TooMany => {
                self.refuse_tool(now, request, REFUSED);
                return self.request_reply(now, None);
            }
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
            confirmed,
            deadline,
        }));
    }

    fn refuse_tool(&mut self, now: Moment, request: ToolRequest, told: &str) {
        self.event(
            now,
            EventKind::ToolFinished {
                name: request.name.clone(),
                status: ToolStatus::Refused,
                took: Span::ZERO,
                after_interruption: false,
            },
        );
        self.ask_model(ToModel::ToolResult {
            call: request.call,
            output: told.into(),
        });
        self.keep(Record::Tool(ToolRecord {
            call: request.call,
            name: request.name,
            arguments: request.arguments,
            result: None,
            status: ToolStatus::Refused,
            took: None,
        }));
    }

    pub(crate) fn on_tool(&mut self, now: Moment, answer: FromTool) {
        let Some(tool) = self.tools.finish(answer.call) else {
            return;
        };
        if let ToolOutcome::Question(question) = answer.outcome {
            match self.phase {
                Phase::Live if !tool.gave_up => self.ask_confirmation(now, tool, question),
                Phase::WithStaff if !tool.gave_up => self.tell_declined(now, &tool, ""),
                _ => {}
            }
            return;
        }
        let (status, output) = match &answer.outcome {
            ToolOutcome::Answered(words) => (ToolStatus::Answered, words.clone()),
            ToolOutcome::Failed(words) => (ToolStatus::Failed, words.clone()),
            ToolOutcome::EndCall
            | ToolOutcome::HandOff { .. }
            | ToolOutcome::Question(_)
            | ToolOutcome::SecureEntry { .. }
            | ToolOutcome::WithdrawConsent => (ToolStatus::Answered, ENDING.into()),
        };
        self.finish_tool(now, &tool, status, Some(output.clone()));
        // It is known when the agent goes on; ending, handing over and questions are the person's now.
        if !tool.gave_up && self.phase == Phase::WithStaff {
            if answer.outcome == ToolOutcome::WithdrawConsent {
                self.withdraw_consent(now);
            }
            return self.tell_result(&tool, output);
        }
        if tool.gave_up || self.phase != Phase::Live {
            return;
        }
        match answer.outcome {
            ToolOutcome::EndCall => {
                self.tell_result(&tool, output);
                self.say_goodbye(now);
            }
            ToolOutcome::HandOff { target, summary } => self.hand_off(
                now,
                Handoff {
                    reason: HandoffReason::Asked,
                    target,
                    summary,
                },
            ),
            ToolOutcome::WithdrawConsent => {
                self.withdraw_consent(now);
                self.tell_model(now, &tool, WITHDRAWN.into());
            }
            ToolOutcome::SecureEntry { begins: true } => {
                self.start_secure_entry(now);
                self.tell_model(now, &tool, SECURE.into());
            }
            ToolOutcome::SecureEntry { begins: false } => {
                self.end_secure_entry(now);
                self.tell_model(now, &tool, output);
            }
            ToolOutcome::Answered(_) | ToolOutcome::Failed(_) | ToolOutcome::Question(_) => {
                self.tell_model(now, &tool, output)
            }
        }
    }

    /// The model always learns the answer. It speaks about it at once only if the caller has not taken the
    /// floor meanwhile: then it is part of the next reply.
    fn tell_model(&mut self, now: Moment, tool: &RunningTool, output: Words) {
        self.tell_result(tool, output);
        if self.tools.is_waiting() {
            return;
        }
        let caller_has_floor = self.floor.is_caller_speaking()
            || (tool.after_interruption && self.interruption.is_open());
        if caller_has_floor && self.turn_taking.replies_to_speech {
            self.floor.owe_answer();
        } else {
            self.request_reply(now, None);
        }
    }

    /// A session that did not ask for the tool learns its answer as something that was said.
    pub(crate) fn tell_result(&mut self, tool: &RunningTool, output: Words) {
        if tool.session == self.model.session() {
            let call = tool.call;
            return self.tell_model_or_hold(ToModel::ToolResult { call, output });
        }
        let words = Words::new(format!("{} answered: {}", tool.name, output.expose()));
        let speaker = Speaker::System;
        self.tell_model_or_hold(ToModel::Remember(HistoryTurn { speaker, words }));
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

    /// The call is over: what still runs is recorded as unanswered.
    pub(crate) fn abandon_tools(&mut self, now: Moment) {
        for tool in self.tools.abandon() {
            self.command(Command::GiveUpTool(tool.call));
            self.finish_tool(now, &tool, ToolStatus::TimedOut, None);
        }
    }

    /// Tools past their deadline: the model goes on without them.
    pub(crate) fn advance_tools(&mut self, now: Moment) {
        while let Some(tool) = self.tools.next_overdue(now) {
            self.command(Command::GiveUpTool(tool.call));
            self.finish_tool(now, &tool, ToolStatus::TimedOut, None);
            match self.phase {
                Phase::Live => self.tell_model(now, &tool, TIMED_OUT.into()),
                Phase::WithStaff => self.tell_result(&tool, TIMED_OUT.into()),
                _ => {}
            }
        }
    }
}
