//! Section `[speech]`.

use serde::{Deserialize, Serialize};

/// Offline speech and the carrier's own voice. Programs get no arguments that hold words (threat A6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SpeechSettings {
    /// `Polly.Joanna`. The carrier's voice for every sentence it says for us (`<Say>`).
    pub carrier_voice: String,
    /// `espeak-ng`. The program that speaks for the offline model: text in, WAV out.
    pub synthesizer: String,
    /// `pocketsphinx`. The program that listens for the offline model: PCM in, text out.
    pub recognizer: String,
}

impl Default for SpeechSettings {
    fn default() -> Self {
        Self {
            carrier_voice: "Polly.Joanna".to_owned(),
            synthesizer: "espeak-ng".to_owned(),
            recognizer: "pocketsphinx".to_owned(),
        }
    }
}
