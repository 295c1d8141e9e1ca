//! When a model may hear the caller's line a little later: a frame of a quiet line between turns decides nothing.
//!
//! Most of a call the caller is silent, and each frame of that silence costs a message of its own to the model. Such
//! frames may be gathered; nothing of a voice may. So a frame waits only when three things agree: the model's own
//! detector is in no turn, the frame is quieter than anybody speaks, and nothing louder was heard shortly before.

use crate::interruption::VOICE_MIN_DBFS;
use crate::time::{Moment, Span};

/// A model reports speech some 100 to 300 ms after it begins, and words have gaps: until then every frame is urgent.
const MAY_BE_SPEECH: Span = Span::from_millis(700);

/// What the line was like.
#[derive(Debug, Default)]
pub(crate) struct QuietLine {
    /// When a frame was last loud enough for a voice, unless the model has said since that the turn is over.
    sounded_at: Option<Moment>,
}

impl QuietLine {
    /// Takes note of a frame and tells whether the model may hear it together with the next ones.
    pub(crate) fn may_wait(&mut self, now: Moment, level_dbfs: i8, in_turn: bool) -> bool {
        if in_turn {
            // The model's report of the turn's end is the better word on what sounded before it.
            self.sounded_at = None;
            return false;
        }
        if level_dbfs >= VOICE_MIN_DBFS {
            self.sounded_at = Some(now);
        }
        self.sounded_at
            .is_none_or(|at| now.since(at) >= MAY_BE_SPEECH)
    }
}
