//! Section `[handoff]`.

use serde::{Deserialize, Serialize};

use switchboard_store::PhoneNumber;

use super::types::blank_is_none;

/// Who takes over when the agent cannot go on. An agent's `[handoff]` comes first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HandoffSettings {
    /// Blank: callers reach voicemail instead of a person. The number dialled for agents that name none.
    #[serde(deserialize_with = "blank_is_none")]
    pub number: Option<PhoneNumber>,
    /// 20 s that the person's telephone rings before voicemail answers.
    pub ring_s_max: u64,
    /// 120 s, the longest voicemail message.
    pub voicemail_s_max: u64,
}

impl Default for HandoffSettings {
    fn default() -> Self {
        Self {
            number: None,
            ring_s_max: 20,
            voicemail_s_max: 120,
        }
    }
}
