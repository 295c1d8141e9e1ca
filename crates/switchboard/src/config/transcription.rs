//! Section `[transcription]`.

use serde::{Deserialize, Serialize};

use super::types::{BaseUrl, Secret, blank_is_none};

/// Who writes down messages that callers leave. Without a server or a program nothing is written down.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TranscriptionSettings {
    /// Blank. Address of an OpenAI-compatible server, with its version: `https://api.openai.com/v1`. `http` is allowed on
    /// loopback only.
    #[serde(deserialize_with = "blank_is_none")]
    pub base_url: Option<BaseUrl>,
    /// Blank. The server's key; local servers mostly need none.
    #[serde(deserialize_with = "blank_is_none")]
    pub api_key: Option<Secret>,
    /// `gpt-transcribe`. The model that the server is asked for.
    pub model: String,
    /// Blank. A program instead of a server: the path of a WAV of 16 kHz, mono, as its one argument, text on stdout.
    #[serde(deserialize_with = "blank_is_none")]
    pub program: Option<String>,
    /// 60000 ms for one message; past it the try has failed.
    pub answer_ms_max: u64,
}

impl Default for TranscriptionSettings {
    fn default() -> Self {
        Self {
            base_url: None,
            api_key: None,
            model: "gpt-transcribe".to_owned(),
            program: None,
            answer_ms_max: 60_000,
        }
    }
}

impl TranscriptionSettings {
    /// Whether messages are written down at all.
    pub fn is_on(&self) -> bool {
        self.base_url.is_some() || self.program.is_some()
    }
}
