//! `GET /api/v1/calls/{id}/recording`: the audio of a call, whole or in ranges, as players ask for it; with `format=wav`
//! whole, for players that know no Ogg-Opus.
//! `POST /api/v1/calls/{id}/withdraw-consent`: the caller's consent is taken back, in the call or after it.

use std::ops::Range;

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

use super::page::{parameters, wrong};
use super::{ApiContext, parse_id};
use crate::archive::{ArchiveError, ObjectKey};
use crate::drive::DriveInput;
use crate::http::{Problem, Visitor};

/// What one answer holds at most: a player asks for the rest. Longer recordings are not held in memory at once.
const PART_BYTES_MAX: u64 = 4 * 1024 * 1024;

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
    let tag = format!("\"{}\"", recording.checksum.as_deref().unwrap_or_default());
    if asks_for(&headers, header::IF_NONE_MATCH, &tag) {
        return Ok(answer(StatusCode::NOT_MODIFIED, &tag, Body::empty()));
    }
    // A range of another version of the audio would not fit what the player has.
    let is_same = headers
        .get(header::IF_RANGE)
        .is_none_or(|told| told.as_bytes() == tag.as_bytes());
    let asked = headers.get(header::RANGE).filter(|_| is_same);
    let range = match asked.and_then(|text| text.to_str().ok()) {
        Some(text) => match range_of(text, whole) {
            Some(range) => Some(range),
            None => return Ok(unsatisfiable(whole)),
        },
        // One that is small enough is given whole; of others the first part, which players understand.
        None => (whole > PART_BYTES_MAX).then_some(0..PART_BYTES_MAX),
    };
    // Each reading leaves one trace, and a player reads in many parts.
    if range.as_ref().is_none_or(|range| range.start == 0) {
        rows.recording_played(recording.id).await?;
    }
    let part = context.reception.archive.get(&key, range.clone()).await;
    let part = part.map_err(refused)?;
    let is_part = range.is_some();
    let status = if is_part {
        StatusCode::PARTIAL_CONTENT
    } else {
        StatusCode::OK
    };
    let mut response = answer(status, &tag, Body::from(part.bytes));
    if is_part {
        let last = part.range.end.saturating_sub(1);
        let told = format!("bytes {}-{last}/{}", part.range.start, part.whole);
        set(&mut response, header::CONTENT_RANGE, &told);
    }
    Ok(response)
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

fn asks_for(headers: &HeaderMap, name: header::HeaderName, tag: &str) -> bool {
    let told = headers.get(name).and_then(|it| it.to_str().ok());
    told.is_some_and(|told| told == "*" || told.split(',').any(|it| it.trim() == tag))
}

/// `bytes=0-99`, `bytes=100-` or `bytes=-50` as a range of at most [`PART_BYTES_MAX`]. Several ranges, and one that lies
/// outside, are none.
fn range_of(text: &str, whole: u64) -> Option<Range<u64>> {
    let (from, until) = text.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (from.trim(), until.trim()) {
        ("", last) => whole.saturating_sub(last.parse::<u64>().ok().filter(|it| *it > 0)?)..whole,
        (from, "") => from.parse().ok()?..whole,
        (from, until) => from.parse().ok()?..until.parse::<u64>().ok()?.checked_add(1)?.min(whole),
    };
    let end = range.end.min(range.start.saturating_add(PART_BYTES_MAX));
    (range.start < end).then_some(range.start..end)
}

fn answer(status: StatusCode, tag: &str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set(&mut response, header::CONTENT_TYPE, "audio/ogg");
    set(&mut response, header::ACCEPT_RANGES, "bytes");
    set(&mut response, header::ETAG, tag);
    response
}

fn unsatisfiable(whole: u64) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
    set(
        &mut response,
        header::CONTENT_RANGE,
        &format!("bytes */{whole}"),
    );
    response
}

fn set(response: &mut Response, name: header::HeaderName, value: &str) {
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(name, value);
    }
}

fn refused(error: ArchiveError) -> Problem {
    match error {
        ArchiveError::Missing | ArchiveError::Range => Problem::not_found(),
        error => {
            tracing::error!(%error, "a recording cannot be read");
            Problem::unavailable()
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_players_write_them() {
        let cases = [
            ("bytes=0-99", Some(0..100)),
            ("bytes=100-", Some(100..1_000)),
            ("bytes=-50", Some(950..1_000)),
            ("bytes=-5000", Some(0..1_000)),
            ("bytes=900-2000", Some(900..1_000)),
            ("bytes=1000-", None),
            ("bytes=5-4", None),
            ("bytes=-0", None),
            ("bytes=0-1,5-6", None),
            ("items=0-1", None),
            ("bytes=a-b", None),
            ("bytes=0-18446744073709551615", None),
        ];
        for (text, range) in cases {
            assert_eq!(range_of(text, 1_000), range, "{text}");
        }
        assert_eq!(
            range_of("bytes=10-", u64::MAX),
            Some(10..10 + PART_BYTES_MAX)
        );
    }
}
