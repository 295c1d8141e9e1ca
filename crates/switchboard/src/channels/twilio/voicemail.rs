//! Messages that callers left: the carrier tells that one was recorded, it gets its row, and its audio is fetched into the
//! archive, from the carrier's own API and from nowhere else (A4).

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use switchboard_store::{JournalWrite, NewVoicemail, TenantId, VoicemailId};
use switchboard_wire::twilio::id::RecordingSid;
use switchboard_wire::twilio::requests::{RecordingRequest, RecordingStatus};
use switchboard_wire::twilio::{AccountSid, Form};

use super::rest::TwilioRest;
use super::webhooks::{Channels, refuse, unavailable};
use crate::archive::{ObjectKey, ObjectKind};
use crate::http::Problem;
use crate::reception::Reception;

/// A recording that the carrier does not have ready yet is there seconds later; an outage lasts minutes.
const FETCHES_MAX: u32 = 6;
const FETCH_RETRY: Duration = Duration::from_millis(500);

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
    let stored = match rows.add_voicemail(&voicemail).await {
        Ok(id) => rows.voicemail(id).await.ok().flatten(),
        Err(error) => {
            tracing::warn!(%error, "a voicemail waits for the database");
            let write = JournalWrite::Voicemail(voicemail);
            channel.reception.journal.write(call.tenant_id, write);
            None
        }
    };
    // The same webhook again fetches only what is not there yet.
    let missing = stored.filter(|stored| stored.object_key.is_none());
    let named = form
        .text("AccountSid")
        .and_then(|sid| AccountSid::parse(sid).ok());
    if let (Some(missing), Some(named)) = (missing, named) {
        let rest = owned.account.rest(settings, channel.client.clone(), &named);
        let fetch = Fetch {
            reception: channel.reception.clone(),
            tenant: call.tenant_id,
            voicemail: missing.id,
            recording: request.recording_sid,
            rest,
        };
        tokio::spawn(fetch.run());
    }
    StatusCode::NO_CONTENT.into_response()
}

/// The audio of one message on its way into the archive. It is beside every call and waits for nobody.
struct Fetch {
    reception: Reception,
    tenant: TenantId,
    voicemail: VoicemailId,
    recording: RecordingSid,
    rest: Arc<TwilioRest>,
}

impl Fetch {
    async fn run(self) {
        let mut wait = FETCH_RETRY;
        for _ in 0..FETCHES_MAX {
            match self.once().await {
                Ok(()) => return,
                Err(error) => tracing::warn!(%error, "a voicemail could not be fetched"),
            }
            metrics::counter!("switchboard_carrier_retries_total", "request" => "recording")
                .increment(1);
            tokio::time::sleep(wait).await;
            wait *= 4;
        }
        tracing::error!("gave up fetching a voicemail; the carrier still has it");
    }

    async fn once(&self) -> anyhow::Result<()> {
        let audio = self.rest.recording_audio(&self.recording).await?;
        let key = ObjectKey::new(self.tenant, ObjectKind::Voicemail, self.voicemail.uuid());
        self.reception.archive.put(&key, audio).await?;
        let rows = self.reception.rows(self.tenant);
        rows.keep_voicemail_audio(self.voicemail, key.as_str())
            .await?;
        Ok(())
    }
}
