//! Section `[outgoing]`.

use serde::{Deserialize, Serialize};

/// When people may be called, in their own time (threat M6), and how long it rings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OutgoingSettings {
    /// 9: nobody is called before this hour of their day.
    pub hour_from: u32,
    /// 20: nobody is called at or after this hour of their day. 24 is midnight.
    pub hour_until: u32,
    /// 24 hours that a call may wait for its moment when its request names no end.
    pub window_h: u32,
    /// 30 s that the telephone rings before it counts as not answered.
    pub ring_s_max: u32,
}

impl Default for OutgoingSettings {
    fn default() -> Self {
        Self {
            hour_from: 9,
            hour_until: 20,
            window_h: 24,
            ring_s_max: 30,
        }
    }
}
