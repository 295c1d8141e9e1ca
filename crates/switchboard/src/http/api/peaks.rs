//! `GET /api/v1/calls/{id}/peaks`: the outline of a recording, so that a page draws it without decoding the audio.
//!
//! It is drawn once, by the first who asks, and kept beside the recording's row until the audio goes.

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use switchboard_store::{Private, Purpose, RecordingId};

use super::recordings::{audio, playable};
use super::{ApiContext, parse_id};
use crate::http::{Problem, Visitor};

pub(super) fn routes() -> Router<ApiContext> {
    Router::new().route("/api/v1/calls/{id}/peaks", get(show))
}

/// Pairs of a side at most: more than a screen has columns.
const PAIRS_MAX: usize = 2_000;
/// The rate the outline is drawn at. Telephones have no other, and an outline needs no more.
const RATE_HZ: u32 = 8_000;
/// How a kept outline is written. Another number is drawn anew.
const VERSION: u8 = 1;

/// The outline of both sides.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Peaks {
    recording_id: RecordingId,
    /// From the offered call to the first sample.
    offset_ms: i64,
    /// What one pair spans.
    pair_us: u64,
    /// Lowest and highest level of each span, one after the other, -128 to 127.
    caller: Vec<i8>,
    agent: Vec<i8>,
}

/// The same as it is kept.
#[derive(Debug, PartialEq, Eq)]
struct Outline {
    pair_samples: u32,
    caller: Vec<i8>,
    agent: Vec<i8>,
}

async fn show(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
) -> Result<Json<Peaks>, Problem> {
    let rows = context.rows(&identity, Purpose::List);
    let recording = playable(&rows, parse_id(&id)?).await?;
    let (id, offset_ms) = (recording.row.id, recording.row.offset_ms);
    let kept = rows.recording_peaks(id).await?;
    let outline = match kept.and_then(|kept| Outline::read(kept.expose())) {
        Some(outline) => outline,
        None => {
            let outline = audio(&context, &recording, RATE_HZ, |left, right| {
                Outline::draw(&left, &right)
            })
            .await?;
            rows.keep_recording_peaks(id, &Private::new(outline.write()))
                .await?;
            outline
        }
    };
    Ok(Json(Peaks {
        recording_id: id,
        offset_ms,
        pair_us: u64::from(outline.pair_samples) * 1_000_000 / u64::from(RATE_HZ),
        caller: outline.caller,
        agent: outline.agent,
    }))
}

impl Outline {
    fn draw(left: &[i16], right: &[i16]) -> Self {
        let span = left.len().max(right.len()).div_ceil(PAIRS_MAX).max(1);
        Self {
            pair_samples: u32::try_from(span).unwrap_or(u32::MAX),
            caller: pairs(left, span),
            agent: pairs(right, span),
        }
    }

    fn write(&self) -> Vec<u8> {
        let pairs = u32::try_from(self.caller.len()).unwrap_or(u32::MAX);
        let mut bytes = vec![VERSION];
        bytes.extend(self.pair_samples.to_le_bytes());
        bytes.extend(pairs.to_le_bytes());
        let levels = self.caller.iter().chain(&self.agent);
        bytes.extend(levels.map(|level| level.cast_unsigned()));
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (pair_samples, rest) = rest.split_first_chunk()?;
        let (length, levels) = rest.split_first_chunk()?;
        let length = u32::from_le_bytes(*length) as usize;
        if *version != VERSION || length > levels.len() {
            return None;
        }
        let signed = |levels: &[u8]| levels.iter().map(|level| level.cast_signed()).collect();
        let (caller, agent) = levels.split_at(length);
        Some(Self {
            pair_samples: u32::from_le_bytes(*pair_samples),
            caller: signed(caller),
            agent: signed(agent),
        })
    }
}

fn pairs(samples: &[i16], span: usize) -> Vec<i8> {
    let level = |sample: &i16| (sample >> 8) as i8;
    let ends = |span: &[i16]| {
        let low = span.iter().min().map_or(0, level);
        let high = span.iter().max().map_or(0, level);
        [low, high]
    };
    samples.chunks(span).flat_map(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outline_has_the_ends_of_each_span_and_no_more_than_fit() {
        let left: Vec<i16> = (0..5_000)
            .map(|n| if n % 2 == 0 { 25_600 } else { -12_800 })
            .collect();
        let outline = Outline::draw(&left, &vec![0; 4_000]);
        assert_eq!(outline.pair_samples, 3);
        assert_eq!(outline.caller.len(), 2 * 5_000_usize.div_ceil(3));
        assert_eq!(outline.caller[..4], [-50, 100, -50, 100]);
        assert!(outline.agent.iter().all(|level| *level == 0));
        let hour = vec![1; 8_000 * 3_600];
        assert_eq!(Outline::draw(&hour, &hour).agent.len(), 2 * PAIRS_MAX);
        assert_eq!(Outline::draw(&[], &[]).caller.len(), 0);
    }

    #[test]
    fn a_kept_outline_reads_as_it_was_written_and_a_broken_one_as_none() {
        let outline = Outline::draw(&[300, -300, 5_000, 0, 77], &[1, 2, 3]);
        let bytes = outline.write();
        assert_eq!(Outline::read(&bytes), Some(outline));
        assert_eq!(Outline::read(&bytes[..6]), None);
        assert_eq!(Outline::read(&[]), None);
        assert_eq!(Outline::read(&[9; 40]), None);
    }
}
