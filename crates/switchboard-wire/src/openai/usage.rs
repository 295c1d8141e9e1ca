//! Usage as reported on `response.done` and on finished transcriptions: counts only, no money.

use serde::{Deserialize, Serialize};

/// Tokens of one response (section 9.1). Cached tokens are a subset of the input tokens.
///
/// A cancelled response carries usage too and is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// Input and output together.
    pub total_tokens: u64,
    /// Everything read, cached or not.
    pub input_tokens: u64,
    /// Everything written.
    pub output_tokens: u64,
    /// Input by modality.
    pub input_token_details: InputTokenDetails,
    /// Output by modality.
    pub output_token_details: OutputTokenDetails,
}

/// Input tokens by modality; `cached_*` count tokens already contained in the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InputTokenDetails {
    /// Text, cached part included.
    pub text_tokens: u64,
    /// Audio, cached part included; one per 100 ms of caller speech.
    pub audio_tokens: u64,
    /// Images, cached part included.
    pub image_tokens: u64,
    /// Cached tokens of all modalities.
    pub cached_tokens: u64,
    /// Cached tokens by modality.
    pub cached_tokens_details: CachedTokenDetails,
}

/// Cached input tokens by modality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CachedTokenDetails {
    /// Cached text.
    pub text_tokens: u64,
    /// Cached audio.
    pub audio_tokens: u64,
    /// Cached images.
    pub image_tokens: u64,
}

/// Output tokens by modality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputTokenDetails {
    /// Text, transcript of audio and tool arguments included.
    pub text_tokens: u64,
    /// Audio; one per 50 ms of speech.
    pub audio_tokens: u64,
}

/// What an input transcription cost; billed separately, at the transcription model's price.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum TranscriptionUsage {
    /// Counted in tokens.
    Tokens {
        /// Tokens read.
        #[serde(default)]
        input_tokens: u64,
        /// Tokens written.
        #[serde(default)]
        output_tokens: u64,
        /// Both.
        #[serde(default)]
        total_tokens: u64,
        /// Input by modality.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        input_token_details: Option<TranscriptionTokenDetails>,
    },
    /// Counted in seconds of audio.
    Duration {
        /// Length of the audio, seconds.
        seconds: f64,
    },
    /// A way of counting this version does not know; never written.
    #[serde(other)]
    Unknown,
}

/// Input tokens of a transcription by modality.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TranscriptionTokenDetails {
    /// Prompt text.
    pub text_tokens: u64,
    /// Audio.
    pub audio_tokens: u64,
}
