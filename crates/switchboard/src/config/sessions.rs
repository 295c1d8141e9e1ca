//! Section `[sessions]`: talks from browsers and apps, and the tokens that start them.

use serde::{Deserialize, Serialize};

/// Bounds of sessions that are started with a token of ours or of a tenant's app.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SessionsSettings {
    /// 1800 s in which an ephemeral token starts its one session, where the request does not say; 10 to 7200.
    pub token_s: u32,
    /// 10 tokens of one app user that are neither used nor expired (threat T3).
    pub user_tokens_max: u32,
    /// 10000 tokens of one API key that are neither used nor expired (threat T3).
    pub key_tokens_max: u32,
    /// 20 tokens per second that one key or user may ask for.
    pub token_requests_per_s_max: u32,
    /// 3 sessions of one app user at once.
    pub user_sessions_max: u32,
    /// 0 sessions at once of one API key; 0 leaves it to `calls.concurrent_max` of its tenant (threat M5).
    pub key_sessions_max: u32,
    /// 1800 s, the longest session of a browser or app whose agent sets no `length_max_s`; then as after the longest call.
    pub length_max_s: u64,
    /// 60 s in which a client that lost its connection may come back to its call; 0 ends the call at once.
    pub grace_s: u64,
}

impl Default for SessionsSettings {
    fn default() -> Self {
        Self {
            token_s: 1_800,
            user_tokens_max: 10,
            key_tokens_max: 10_000,
            token_requests_per_s_max: 20,
            user_sessions_max: 3,
            key_sessions_max: 0,
            length_max_s: 1_800,
            grace_s: 60,
        }
    }
}
