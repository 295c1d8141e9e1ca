//! Section `[openai]`.

use serde::{Deserialize, Serialize};

use super::types::{BaseUrl, Secret, blank_is_none};

/// The account of the Realtime models.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OpenaiSettings {
    /// Blank, which makes agents with `model = "auto"` use the offline model. `OPENAI_API_KEY` is read too.
    #[serde(deserialize_with = "blank_is_none")]
    pub api_key: Option<Secret>,
    /// `https://api.openai.com/v1`. `http`/`ws` are mapped to each other as needed.
    pub base_url: BaseUrl,
    /// `gpt-realtime-2.1`. The Realtime model of agents that name none.
    pub realtime_model: String,
    /// `gpt-transcribe`. The model that writes down what the caller said; blank switches it off, and then no caller
    /// words are stored.
    pub transcription_model: String,
    /// 0, which is unlimited. Calls that may hold a model session on this account at once; the next one goes to the
    /// agent's next model, or to a human.
    pub sessions_max: u32,
    /// 3300 s. Age at which a model session is replaced by a fresh one with the same conversation: the vendor ends it
    /// at 3600 s.
    pub session_age_s_max: u64,
    /// 5000 ms. Longest wait for the TCP, TLS and WebSocket handshake. More than `calls.handshake_ms`, so that a call
    /// that begins is decided there.
    pub connect_ms_max: u64,
    /// 5, of the last `breaker_window` attempts to open a session. When so many failed, callers skip this vendor at once
    /// until a probe succeeds; 0 switches that off (threat R2).
    pub breaker_failures_max: usize,
    /// 10 attempts are remembered.
    pub breaker_window: usize,
    /// 5000 ms between two probes while the vendor is skipped.
    pub breaker_probe_ms: u64,
}

impl Default for OpenaiSettings {
    fn default() -> Self {
        Self {
            api_key: None,
            base_url: "https://api.openai.com/v1"
                .parse()
                .expect("the default address is valid"),
            realtime_model: "gpt-realtime-2.1".to_owned(),
            transcription_model: "gpt-transcribe".to_owned(),
            sessions_max: 0,
            session_age_s_max: 3_300,
            connect_ms_max: 5_000,
            breaker_failures_max: 5,
            breaker_window: 10,
            breaker_probe_ms: 5_000,
        }
    }
}
