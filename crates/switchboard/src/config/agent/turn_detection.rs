//! Who decides when the caller's turn is over.

use serde::{Deserialize, Serialize};

/// Who decides when the caller's turn is over, and how.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TurnDetection {
    /// `server_vad`. The strategy.
    pub mode: TurnDetectionMode,
    /// 0.6, from 0 to 1: how sure the detector must be that somebody speaks.
    pub threshold: f32,
    /// 300 ms of audio before the detected beginning that belong to the turn.
    pub prefix_padding_ms: u32,
    /// 600 ms of silence that end a turn. Set explicitly, because the provider's live default of 200 ms cuts nine
    /// hesitations in ten (conversation.md).
    pub silence_ms: u32,
    /// 120 ms after our own detector heard the caller stop (`smart_commit`).
    pub commit_fast_ms: u32,
    /// 300 ms after the last audio when our detector says nothing (`smart_commit`).
    pub commit_normal_ms: u32,
}

impl Default for TurnDetection {
    fn default() -> Self {
        Self {
            mode: TurnDetectionMode::ServerVad,
            threshold: 0.6,
            prefix_padding_ms: 300,
            silence_ms: 600,
            commit_fast_ms: 120,
            commit_normal_ms: 300,
        }
    }
}

/// A strategy of turn detection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TurnDetectionMode {
    /// The provider's voice detector.
    #[default]
    ServerVad,
    /// The provider's model of whether a sentence is finished.
    SemanticVad,
    /// Our own detector; turns are committed by us.
    SmartCommit,
    /// The client says when (`input_audio_buffer.commit`).
    Manual,
}
