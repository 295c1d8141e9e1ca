//! Section `[calls]`: the promises of a call, as numbers.

use serde::{Deserialize, Serialize};

use super::agent::AgentLimits;

/// Limits of a call. An agent's `[limits]` replace them one by one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CallsSettings {
    /// 3000 ms from the answered webhook to a model that is ready; past it the caller goes to a human.
    pub handshake_ms: u64,
    /// 10 calls at once per tenant; the next caller goes to a human at once and no stream is tried. In an agent's
    /// `[limits]` it is a limit of that agent's calls within those of its tenant.
    pub concurrent_max: u32,
    /// 10 s. On PostgreSQL, how long the permits of a node outlive it: then others get them, and its calls their end.
    pub permit_lease_s: u64,
    /// 6000 ms of silence after the caller heard us; then the agent asks whether somebody is there.
    pub silence_nudge_ms: u64,
    /// 9000 ms of silence after the caller heard us; then a human takes over.
    pub silence_handoff_ms: u64,
    /// 480 s, the longest call; then a spoken goodbye and a human or the end.
    pub length_max_s: u64,
    /// 30 s before the longest call is reached, the agent says so.
    pub length_warning_s: u64,
    /// 4000 ms. A caller's turn is followed by audible sound within this time: the answer, a filler or a human.
    pub dead_air_ms: u64,
    /// 5000000 micro-USD (5.00 USD) per call; then a spoken reason and a human or the end.
    pub budget_micros: u64,
    /// 80 % of the budget; then a warning event.
    pub budget_warning_percent: u8,
    /// 8000 ms for one tool; past it the model is told that the tool failed, and the result is stored unspoken.
    pub tool_ms_max: u64,
    /// 30 tool calls in one call; further ones are refused (threat A1).
    pub tool_calls_max: u32,
    /// 10 calls at once from one caller's number; the next goes to a human at once. 0 is no limit. A telephone exchange
    /// shows one number for many people (threat M5).
    pub caller_concurrent_max: u32,
    /// 240 calls in an hour from one caller's number; the next hears an apology, and nobody is rung. 0 is no limit.
    pub caller_hour_max: u32,
    /// 120 s from the first sign that the caller is a machine too to the end of the call; 20 s before, they are asked to
    /// press a key, which makes them a person. 0 never asks. Telephone calls only (threat M5).
    pub automatic_s_max: u64,
    /// 250 ms from a reported interruption to the decision whether the reply stops or goes on.
    pub interruption_ms_max: u64,
    /// 700 ms for the same decision where a transcript is awaited.
    pub interruption_words_ms_max: u64,
}

impl Default for CallsSettings {
    fn default() -> Self {
        Self {
            handshake_ms: 3_000,
            concurrent_max: 10,
            permit_lease_s: 10,
            silence_nudge_ms: 6_000,
            silence_handoff_ms: 9_000,
            length_max_s: 480,
            length_warning_s: 30,
            dead_air_ms: 4_000,
            budget_micros: 5_000_000,
            budget_warning_percent: 80,
            tool_ms_max: 8_000,
            tool_calls_max: 30,
            caller_concurrent_max: 10,
            caller_hour_max: 240,
            automatic_s_max: 120,
            interruption_ms_max: 250,
            interruption_words_ms_max: 700,
        }
    }
}

impl CallsSettings {
    /// These limits with those an agent sets itself in their place.
    #[must_use]
    pub fn with(&self, agent: &AgentLimits) -> Self {
        Self {
            handshake_ms: agent.handshake_ms.unwrap_or(self.handshake_ms),
            silence_nudge_ms: agent.silence_nudge_ms.unwrap_or(self.silence_nudge_ms),
            silence_handoff_ms: agent.silence_handoff_ms.unwrap_or(self.silence_handoff_ms),
            length_max_s: agent.length_max_s.unwrap_or(self.length_max_s),
            length_warning_s: agent.length_warning_s.unwrap_or(self.length_warning_s),
            dead_air_ms: agent.dead_air_ms.unwrap_or(self.dead_air_ms),
            budget_micros: agent.budget_micros.unwrap_or(self.budget_micros),
            tool_ms_max: agent.tool_ms_max.unwrap_or(self.tool_ms_max),
            tool_calls_max: agent.tool_calls_max.unwrap_or(self.tool_calls_max),
            caller_concurrent_max: agent
                .caller_concurrent_max
                .unwrap_or(self.caller_concurrent_max),
            caller_hour_max: agent.caller_hour_max.unwrap_or(self.caller_hour_max),
            automatic_s_max: agent.automatic_s_max.unwrap_or(self.automatic_s_max),
            ..self.clone()
        }
    }
}
