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
    /// 2 speech programs at once; others wait.
    pub programs_max: usize,
    /// 10000 ms for one run of a speech program; past it the program is ended with its whole group.
    pub program_ms_max: u64,
    /// 16777216 bytes of output of one run; past it the program is ended.
    pub program_bytes_max: usize,
}

impl Default for SpeechSettings {
    fn default() -> Self {
        Self {
            carrier_voice: "Polly.Joanna".to_owned(),
            synthesizer: "espeak-ng".to_owned(),
            recognizer: "pocketsphinx".to_owned(),
            programs_max: 2,
            program_ms_max: 10_000,
            program_bytes_max: 16 * 1024 * 1024,
        }
    }
}
