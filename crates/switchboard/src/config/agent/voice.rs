//! Which voices exist, and which one was probably meant.

use crate::config::nearest::nearest;

/// Voices of the Realtime models (openai-realtime.md, 2).
pub const REALTIME_VOICES: [&str; 10] = [
    "alloy", "ash", "ballad", "cedar", "coral", "echo", "marin", "sage", "shimmer", "verse",
];

/// Voices that exist for speech synthesis only, a common mistake, with the Realtime voice of the most similar sound.
const SPEECH_ONLY_VOICES: [(&str, &str); 3] =
    [("fable", "ballad"), ("nova", "shimmer"), ("onyx", "ash")];

/// The voice of agents that name none.
const DEFAULT_VOICE: &str = "marin";

pub(super) fn default_voice() -> String {
    DEFAULT_VOICE.to_owned()
}

/// `Err` holds the right voice nearest to a wrong one.
pub(super) fn check_voice(voice: &str) -> Result<(), &'static str> {
    if REALTIME_VOICES.contains(&voice) {
        return Ok(());
    }
    let lower = voice.to_lowercase();
    let counterpart = SPEECH_ONLY_VOICES.iter().find(|(name, _)| *name == lower);
    let similar = || nearest(&lower, REALTIME_VOICES).unwrap_or(DEFAULT_VOICE);
    Err(counterpart.map_or_else(similar, |(_, right)| *right))
}
