//! Section `[handoff]`: who takes over, for agents that do not say it themselves.

mod check;
mod target;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use switchboard_store::PhoneNumber;

pub use self::check::{check_agent, check_dialled};
pub(super) use self::check::{check_number, check_settings, check_targets, check_usual};
pub use self::target::{CallerIdChoice, HandoffTarget, RingOrder, SipAddress};
use super::types::blank_is_none;

/// Who takes over when the agent cannot go on. An agent's `[handoff]` comes first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HandoffSettings {
    /// Blank: callers reach voicemail instead of a person. The number dialled for agents that name none.
    #[serde(deserialize_with = "blank_is_none")]
    pub number: Option<PhoneNumber>,
    /// Blank. The party of `handoff.targets` that takes over for agents that name nobody; it comes before `number`.
    #[serde(deserialize_with = "blank_is_none")]
    pub target: Option<String>,
    /// 20 s that a party rings before the next one, or voicemail, answers.
    pub ring_s_max: u64,
    /// 120 s, the longest voicemail message.
    pub voicemail_s_max: u64,
    /// 10 s that a human who picked up has for pressing 1; past it the call counts as declined.
    pub accept_s_max: u64,
    /// 300 s that a caller waits in a queue before the next party, or voicemail.
    pub queue_s_max: u64,
    /// 3 lines of humans that may ring or talk at once per tenant (threat M4); the next caller hears the next queue, or
    /// voicemail.
    pub lines_max: u32,
    /// false. A call that the human's own line forwards to us gets voicemail, because it mostly is our own transfer come
    /// back (threat M3). `true` lets the agent answer it, unless that human is being dialled just then.
    pub answer_forwarded: bool,
    /// None. Parties by name, each a table: `[handoff.targets.support]`.
    pub targets: BTreeMap<String, HandoffTarget>,
}

impl Default for HandoffSettings {
    fn default() -> Self {
        Self {
            number: None,
            target: None,
            ring_s_max: 20,
            voicemail_s_max: 120,
            accept_s_max: 10,
            queue_s_max: 300,
            lines_max: 3,
            answer_forwarded: false,
            targets: BTreeMap::new(),
        }
    }
}
