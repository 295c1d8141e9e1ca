//! Tools the model asked for: deadline, idempotency number, and what becomes of an answer that comes late.

use crate::ids::ToolCallId;
use crate::input::ToolRequest;
use crate::limits::Limits;
use crate::time::Moment;
use crate::words::Words;

/// How a tool call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ToolStatus {
    Answered,
    Failed,
    /// No answer within the deadline.
    TimedOut,
    /// More calls than a conversation may have.
    Refused,
}

impl ToolStatus {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Refused => "refused",
        }
    }
}

/// A tool that is running, or whose deadline passed while it still may answer.
#[derive(Debug, Clone)]
pub(crate) struct RunningTool {
    pub(crate) call: ToolCallId,
    pub(crate) name: String,
    pub(crate) arguments: Words,
    pub(crate) started: Moment,
    deadline: Moment,
    pub(crate) gave_up: bool,
    /// The caller interrupted the reply that asked for it.
    pub(crate) after_interruption: bool,
    /// Which session of the model asked for it. Another one does not know the request.
    pub(crate) session: u32,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    Start {
        idempotency_number: u32,
    },
    /// This very request is running already.
    Doubled,
    TooMany,
}

/// The tool calls of one call.
#[derive(Debug, Default)]
pub(crate) struct ToolCalls {
    running: Vec<RunningTool>,
    /// Requests that wait until it is decided whether the caller is interrupting.
    held: Vec<ToolRequest>,
    asked: Vec<(String, Words)>,
    count: u32,
}

impl ToolCalls {
    /// Books a request. Its idempotency number is that of the same request before, if there was one:
    /// a model that repeats itself books one appointment.
    pub(crate) fn start(
        &mut self,
        now: Moment,
        limits: &Limits,
        request: &ToolRequest,
        session: u32,
    ) -> Asked {
        if self.running.iter().any(|tool| tool.call == request.call) {
            return Asked::Doubled;
        }
        if self.count >= limits.tools_max {
            return Asked::TooMany;
        }
        self.count += 1;
        self.running.push(RunningTool {
            call: request.call,
            name: request.name.clone(),
            arguments: request.arguments.clone(),
            started: now,
            deadline: now + limits.tool_deadline,
            gave_up: false,
            after_interruption: false,
            session,
        });
        Asked::Start {
            idempotency_number: self.idempotency_number(request),
        }
    }

    fn idempotency_number(&mut self, request: &ToolRequest) -> u32 {
        let same = |(name, arguments): &(String, Words)| {
            *name == request.name && *arguments == request.arguments
        };
        let index = self.asked.iter().position(same).unwrap_or_else(|| {
            self.asked
                .push((request.name.clone(), request.arguments.clone()));
            self.asked.len() - 1
        });
        u32::try_from(index + 1).unwrap_or(u32::MAX)
    }

    /// Puts a request aside. Gives it back when more are waiting than a call may have.
    pub(crate) fn hold(&mut self, tools_max: u32, request: ToolRequest) -> Result<(), ToolRequest> {
        if self.held.len() as u32 >= tools_max {
            return Err(request);
        }
        self.held.push(request);
        Ok(())
    }

    pub(crate) fn take_held(&mut self) -> Vec<ToolRequest> {
        std::mem::take(&mut self.held)
    }

    /// Removes an answered tool.
    pub(crate) fn finish(&mut self, call: ToolCallId) -> Option<RunningTool> {
        let index = self.running.iter().position(|tool| tool.call == call)?;
        Some(self.running.swap_remove(index))
    }

    /// The next tool past its deadline. It stays known, so that a late answer is still recorded.
    pub(crate) fn next_overdue(&mut self, now: Moment) -> Option<RunningTool> {
        let tool = self
            .running
            .iter_mut()
            .find(|tool| !tool.gave_up && now >= tool.deadline)?;
        tool.gave_up = true;
        Some(tool.clone())
    }

    /// The tools that will never be waited for again, because the call is over.
    pub(crate) fn abandon(&mut self) -> Vec<RunningTool> {
        let running = std::mem::take(&mut self.running);
        running.into_iter().filter(|tool| !tool.gave_up).collect()
    }

    /// Whether the conversation still waits for a tool.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.held.is_empty() || self.running.iter().any(|tool| !tool.gave_up)
    }

    pub(crate) fn on_interrupted(&mut self) {
        for tool in &mut self.running {
            tool.after_interruption = true;
        }
    }

    pub(crate) fn wake(&self) -> Option<Moment> {
        self.running
            .iter()
            .filter(|tool| !tool.gave_up)
            .map(|tool| tool.deadline)
            .min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ReplyId;

    fn request(call: u32, arguments: &str) -> ToolRequest {
        ToolRequest {
            reply: ReplyId(1),
            call: ToolCallId(call),
            name: "book_appointment".into(),
            arguments: arguments.into(),
        }
    }

    #[test]
    fn a_repeated_request_has_the_same_idempotency_number() {
        let mut tools = ToolCalls::default();
        let limits = Limits::default();
        let mut number = |call, arguments| {
            let asked = tools.start(Moment::START, &limits, &request(call, arguments), 1);
            let Asked::Start { idempotency_number } = asked else {
                panic!("{asked:?}")
            };
            idempotency_number
        };
        assert_eq!(number(1, "{\"a\":1}"), 1);
        assert_eq!(number(2, "{\"a\":2}"), 2);
        assert_eq!(number(3, "{\"a\":1}"), 1);
    }

    #[test]
    fn a_flood_of_requests_is_refused() {
        let mut tools = ToolCalls::default();
        let limits = Limits {
            tools_max: 3,
            ..Limits::default()
        };
        for call in 0..3 {
            let asked = tools.start(Moment::START, &limits, &request(call, "{}"), 1);
            assert!(matches!(asked, Asked::Start { .. }));
        }
        let asked = tools.start(Moment::START, &limits, &request(999, "{}"), 1);
        assert_eq!(asked, Asked::TooMany);
    }
}
