//! What the list of live calls shows of one call, and how its events change it.

use serde::Serialize;
use serde_json::Value;
use switchboard_store::{CallId, Channel, Direction, PhoneNumber, Timestamp};

/// A live call at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct LiveCall {
    /// Which call.
    pub id: CallId,
    /// Who answers it.
    pub agent: String,
    /// The agent's version.
    pub agent_version: i64,
    /// How it came.
    pub channel: Channel,
    /// Who called whom.
    pub direction: Direction,
    /// Our number.
    pub number: Option<PhoneNumber>,
    /// The caller's number, a hint and no proof.
    pub caller_number: Option<PhoneNumber>,
    /// When it was offered.
    pub offered_at: Timestamp,
    /// What goes on.
    pub phase: LivePhase,
    /// Since when.
    pub phase_since: Timestamp,
    /// The longest it may be.
    pub length_ms_max: u64,
    /// What it has cost so far, in millionths of a US dollar.
    pub cost_micros: i64,
    /// What it may cost.
    pub budget_micros: u64,
    /// Silences that broke the promise of none.
    pub dead_air: u32,
    /// Tool calls that failed.
    pub tools_failed: u32,
    /// What was said last, where words may be kept.
    pub last_line: Option<LiveLine>,
    /// The number of its last event.
    pub seq: i64,
}

/// What a call does, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LivePhase {
    /// The agent is not ready yet.
    Connecting,
    /// The caller has the floor.
    Listening,
    /// The agent owes an answer.
    Thinking,
    /// The agent speaks.
    Speaking,
    /// A tool runs.
    Tool,
    /// A person of staff talks with the caller.
    WithStaff,
    /// On the way to a human.
    HandingOff,
    /// It is over.
    Ended,
}

/// What was said last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LiveLine {
    /// `caller`, `agent`, `human` or `system`.
    pub speaker: &'static str,
    /// Of an agent what was heard.
    pub text: String,
}

impl LiveCall {
    /// Takes an event in. True when the row looks different now.
    pub(super) fn take(&mut self, seq: i64, at: Timestamp, name: &str, data: &Value) -> bool {
        self.seq = seq;
        let is_failure = || data["status"] != "answered";
        match name {
            "dead_air_counted" => self.dead_air += 1,
            "tool_finished" if is_failure() => self.tools_failed += 1,
            _ => {}
        }
        let phase = self.phase.after(name, data);
        let is_new = phase != self.phase;
        if is_new {
            (self.phase, self.phase_since) = (phase, at);
        }
        is_new || name == "dead_air_counted" || name == "tool_finished"
    }
}

impl LivePhase {
    fn after(self, name: &str, data: &Value) -> Self {
        match name {
            "call_ended" => Self::Ended,
            _ if self == Self::Ended => self,
            "handoff_started" | "transfer_accepted" => Self::HandingOff,
            "transfer_failed" | "caller_returned" => Self::Listening,
            _ if self == Self::HandingOff => self,
            "staff_took_over" => Self::WithStaff,
            "staff_gave_back" => Self::Listening,
            _ if self == Self::WithStaff => self,
            "handshake_finished" if data["reason"].is_null() => Self::Listening,
            "greeting_started" | "message_started" | "reply_started" | "reply_resumed" => {
                Self::Speaking
            }
            "caller_speech_started" if self != Self::Speaking => Self::Listening,
            "reply_interrupted" => Self::Listening,
            "caller_turn_committed" | "tool_finished" => Self::Thinking,
            "tool_started" => Self::Tool,
            "turn_ended" if data["speaker"] == "agent" => Self::Listening,
            _ => self,
        }
    }
}
