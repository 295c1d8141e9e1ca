//! `GET /api/v1/voicemails/{id}/audio`: a message that a caller left, whole or in ranges, as players ask for it.

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use http::HeaderMap;
use switchboard_store::{Purpose, VoicemailId};

use super::audio_parts::{StoredAudio, refused};
use super::{ApiContext, parse_id};
use crate::archive::ObjectKey;
use crate::http::{Problem, Visitor};

pub(super) fn routes() -> Router<ApiContext> {
    Router::new().route("/api/v1/voicemails/{id}/audio", get(play))
}

/// Reading the row leaves the audit entry, and the first who listens is remembered.
async fn play(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let rows = context.rows(&identity, Purpose::ReadTranscript);
    let id: VoicemailId = parse_id(&id)?;
    let message = rows.voicemail(id).await?.ok_or_else(Problem::not_found)?;
    // Not fetched from the carrier yet, or never: there is nothing to hear.
    let key: Option<ObjectKey> = message.object_key.as_deref().and_then(|it| it.parse().ok());
    let key = key.ok_or_else(Problem::not_found)?;
    let archive = &context.reception.archive;
    let first = archive.get(&key, Some(0..1)).await.map_err(refused)?;
    let audio = StoredAudio {
        key,
        whole: first.whole,
        // What is kept of a message never changes.
        tag: format!("\"{id}\""),
        media: "audio/wav",
    };
    let range = match audio.asked(&headers) {
        Ok(range) => range,
        Err(answer) => return Ok(*answer),
    };
    if range.as_ref().is_none_or(|range| range.start == 0) {
        rows.hear_voicemail(id, chrono::Utc::now()).await?;
    }
    audio.part(archive, range).await
}
