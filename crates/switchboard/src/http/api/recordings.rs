//! `GET /api/v1/calls/{id}/recording`: the audio of a call, whole or in ranges, as players ask for it; with `format=wav`
//! whole, for players that know no Ogg-Opus.
//! `POST /api/v1/calls/{id}/withdraw-consent`: the caller's consent is taken back, in the call or after it.

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::{get, post};
use http::{HeaderMap, StatusCode, Uri, header};
use switchboard_call::Input;
use switchboard_call::input::Control;
use switchboard_media::ogg_opus::read_ogg_opus;
use switchboard_media::wav::write_pcm16_stereo;
use switchboard_store::{CallId, ListFilter, Purpose, RecordingListing, TenantStore};
use tokio::sync::Semaphore;

use super::audio_parts::{StoredAudio, refused, set};
use super::page::{parameters, wrong};
use super::{ApiContext, parse_id};
use crate::archive::ObjectKey;
use crate::drive::DriveInput;
use crate::http::{Problem, Visitor};

pub(super) fn routes() -> Router<ApiContext> {
    Router::new()
        .route("/api/v1/calls/{id}/recording", get(play))
        .route("/api/v1/calls/{id}/withdraw-consent", post(withdraw))
}

async fn play(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let given = parameters(&uri, &["format"])?;
    let rows = context.rows(&identity, Purpose::ReadTranscript);
    let playable = playable(&rows, parse_id(&id)?).await?;
    match given.get("format").map(String::as_str) {
        None | Some("ogg") => {}
        Some("wav") => return wav(&context, &rows, &playable).await,
        Some(_) => return Err(wrong("format", "must be ogg or wav")),
    }
    let Playable {
        row: recording,
        key,
        bytes: whole,
    } = playable;
    let audio = StoredAudio {
        key,
        whole,
        tag: format!("\"{}\"", recording.checksum.as_deref().unwrap_or_default()),
        media: "audio/ogg",
    };
    let range = match audio.asked(&headers) {
        Ok(range) => range,
        Err(answer) => return Ok(*answer),
    };
    // Each reading leaves one trace, and a player reads in many parts.
    if range.as_ref().is_none_or(|range| range.start == 0) {
        rows.recording_played(recording.id).await?;
    }
    audio.part(&context.reception.archive, range).await
}

/// A recording that has audio.
pub(super) struct Playable {
    pub(super) row: RecordingListing,
    key: ObjectKey,
    bytes: u64,
}

/// The newest recording of the call that has audio.
pub(super) async fn playable(rows: &TenantStore, call: CallId) -> Result<Playable, Problem> {
    let recordings = rows.list_recordings(&ListFilter::of_call(call)).await?;
    let playable = recordings.into_iter().find_map(|row| {
        let bytes = u64::try_from(row.bytes?).ok().filter(|it| *it > 0)?;
        let is_there = row.erased_at.is_none();
        let key: ObjectKey = row.object_key.parse().ok().filter(|_| is_there)?;
        Some(Playable { row, key, bytes })
    });
    playable.ok_or_else(Problem::not_found)
}

/// Decoded recordings at once. A decoded call takes 64 KB a second of memory while it is looked at.
static DECODING: Semaphore = Semaphore::const_new(2);
/// A longer recording is not decoded as a whole: it would take more than 256 MB.
const DECODED_MS_MAX: i64 = 60 * 60 * 1_000;

/// Both sides decoded at `rate_hz`, and what `take` makes of them, on a thread that may be busy.
pub(super) async fn audio<T: Send + 'static>(
    context: &ApiContext,
    recording: &Playable,
    rate_hz: u32,
    take: impl FnOnce(Vec<i16>, Vec<i16>) -> T + Send + 'static,
) -> Result<T, Problem> {
    if recording.row.length_ms.is_none_or(|it| it > DECODED_MS_MAX) {
        return Err(Problem::invalid().with_detail("the recording is too long to be decoded here"));
    }
    let _slot = DECODING.acquire().await.map_err(|_| Problem::internal())?;
    let archive = &context.reception.archive;
    let part = archive.get(&recording.key, None).await.map_err(refused)?;
    let decoded = tokio::task::spawn_blocking(move || {
        read_ogg_opus(&part.bytes, rate_hz).map(|(left, right)| take(left, right))
    });
    let decoded = decoded.await.map_err(|_| Problem::internal())?;
    decoded.map_err(|error| {
        let call_id = recording.row.call_id;
        tracing::error!(%call_id, %error, "a recording cannot be decoded");
        Problem::internal()
    })
}

/// The rate of WAV files: the widest voice that is recorded.
const WAV_RATE_HZ: u32 = 16_000;

async fn wav(
    context: &ApiContext,
    rows: &TenantStore,
    recording: &Playable,
) -> Result<Response, Problem> {
    rows.recording_played(recording.row.id).await?;
    let file = audio(context, recording, WAV_RATE_HZ, |left, right| {
        write_pcm16_stereo(WAV_RATE_HZ, &left, &right)
    });
    let mut response = Response::new(Body::from(file.await?));
    set(&mut response, header::CONTENT_TYPE, "audio/wav");
    Ok(response)
}

/// In a live call the call itself withdraws, so that nothing is kept any more. After it the rows and the audio go.
async fn withdraw(
    State(context): State<ApiContext>,
    identity: Visitor,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let rows = context.rows(&identity, Purpose::Maintain);
    let call: CallId = parse_id(&id)?;
    if rows.call(call).await?.is_none() {
        return Err(Problem::not_found());
    }
    let control = DriveInput::Core(Input::Control(Control::WithdrawConsent));
    let live = context.reception.live.find(call);
    if live.is_some_and(|live| live.send(control)) {
        return Ok(StatusCode::ACCEPTED);
    }
    rows.forget_call_words(call).await?;
    for recording in rows.list_recordings(&ListFilter::of_call(call)).await? {
        if let Ok(key) = recording.object_key.parse::<ObjectKey>() {
            context
                .reception
                .archive
                .delete(&key)
                .await
                .map_err(refused)?;
        }
        rows.recording_erased(recording.id, chrono::Utc::now())
            .await?;
    }
    Ok(StatusCode::NO_CONTENT)
}
