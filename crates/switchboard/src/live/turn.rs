//! A turn as pages show it: on the call's clock, with what of it nobody heard.

use serde::Serialize;
use switchboard_store::{Speaker, Timestamp, TurnReading, TurnWrite};

/// The same row in the list of turns and while the call goes on.
#[derive(Clone, Debug, Serialize)]
pub struct TurnRow {
    /// The turn.
    #[serde(flatten)]
    pub turn: TurnReading,
    /// When it began, from the offered call.
    pub offset_ms: i64,
    /// When it ended.
    pub ended_offset_ms: Option<i64>,
    /// The end of an agent's words that was cut off; null when all was heard or it cannot be told.
    pub unheard_text: Option<String>,
}

impl TurnRow {
    /// The row of a turn in a call that was offered then.
    pub fn of(offered_at: Timestamp, turn: TurnReading) -> Self {
        let since = |at: Timestamp| (at - offered_at).num_milliseconds();
        Self {
            offset_ms: since(turn.started_at),
            ended_offset_ms: turn.ended_at.map(since),
            unheard_text: unheard(&turn),
            turn,
        }
    }

    /// The row of a turn on its way into the database.
    pub fn of_write(offered_at: Timestamp, turn: &TurnWrite) -> Self {
        let turn = TurnReading {
            seq: turn.seq,
            speaker: turn.speaker,
            generated_text: turn.generated_text.clone(),
            sent_text: turn.sent_text.clone(),
            heard_text: turn.heard_text.clone(),
            language: turn.language.clone(),
            confidence: turn.confidence,
            interrupted: turn.interrupted,
            response_ms: turn.response_ms,
            heard_ms: turn.heard_ms,
            started_at: turn.started_at,
            ended_at: turn.ended_at,
        };
        Self::of(offered_at, turn)
    }
}

fn unheard(turn: &TurnReading) -> Option<String> {
    if turn.speaker != Speaker::Agent {
        return None;
    }
    let generated = turn.generated_text.as_ref()?.expose().trim();
    let heard = turn.heard_text.as_ref().map_or("", |it| it.expose().trim());
    let rest = generated.strip_prefix(heard)?.trim_start();
    (!rest.is_empty()).then(|| rest.to_owned())
}
