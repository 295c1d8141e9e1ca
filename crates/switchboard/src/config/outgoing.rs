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
    /// 1000 calls that a tenant may ask for in an hour (threat M5).
    pub tenant_hour_max: u32,
    /// 500 calls that one API key may ask for in an hour.
    pub key_hour_max: u32,
    /// 10 calls to one person that may be asked for in a day, tries not counted.
    pub person_day_max: u32,
}

impl Default for OutgoingSettings {
    fn default() -> Self {
        Self {
            hour_from: 9,
            hour_until: 20,
            window_h: 24,
            ring_s_max: 30,
            tenant_hour_max: 1_000,
            key_hour_max: 500,
            person_day_max: 10,
        }
    }
}
