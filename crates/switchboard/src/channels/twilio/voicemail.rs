//! Messages that callers left: the carrier tells that one was recorded, and it gets its row.

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use switchboard_store::{JournalWrite, NewVoicemail, VoicemailId};
use switchboard_wire::twilio::Form;
use switchboard_wire::twilio::requests::{RecordingRequest, RecordingStatus};

use super::webhooks::{Channels, refuse, unavailable};
use crate::http::Problem;

/// A recording is there. Its call says whose secret signs this (H1); the URL in it is never fetched.
pub(super) async fn recorded(
    State(channel): Channels,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(form) = Form::parse(&body) else {
        return Problem::bad_request().into_response();
    };
    let Ok(request) = RecordingRequest::from_form(&form) else {
        return Problem::bad_request().into_response();
    };
    let lookup = channel.reception.store.lookup();
    let call = match lookup.call(request.call_sid.as_str()).await {
        Ok(Some(call)) => call,
        Ok(None) => return StatusCode::FORBIDDEN.into_response(),
        Err(error) => return unavailable(&error),
    };
    let owned = match channel.owned_call(call.tenant_id, call.call_id).await {
        Ok(owned) => owned,
        Err(response) => return response,
    };
    let (settings, url) = (&channel.reception.settings, channel.public_url(&uri));
    let checked = owned.account.check_webhook(settings, &url, &headers, &form);
    if let Err(error) = checked {
        return refuse(error);
    }
    if request.status != RecordingStatus::Completed {
        return StatusCode::NO_CONTENT.into_response();
    }
    let voicemail = NewVoicemail {
        id: VoicemailId::new(),
        call_id: call.call_id,
        recording_id: request.recording_sid.to_string(),
        length_s: request.duration_s.map(i64::from),
        recorded_at: chrono::Utc::now(),
    };
    let rows = channel.reception.rows(call.tenant_id);
    if let Err(error) = rows.add_voicemail(&voicemail).await {
        tracing::warn!(%error, "a voicemail waits for the database");
        let write = JournalWrite::Voicemail(voicemail);
        channel.reception.journal.write(call.tenant_id, write);
    }
    StatusCode::NO_CONTENT.into_response()
}
