//! Messages that callers left: the carrier tells that one was recorded, it gets its row, and a job fetches its
//! audio into the archive, from the carrier's own API and from nowhere else (A4), and has the carrier forget it.

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use switchboard_store::{
    JournalWrite, NewVoicemail, TenantId, VoicemailId, VoicemailListing, Word,
};
use switchboard_wire::twilio::id::RecordingSid;
use switchboard_wire::twilio::requests::{RecordingRequest, RecordingStatus};
use switchboard_wire::twilio::{AccountSid, Form};

use super::webhooks::{Channels, refuse, unavailable};
use super::{TwilioChannel, TwilioRest, recording};
use crate::http::Problem;

/// The query of the address that is told of a message whose caller heard that it is written down. The carrier signs it.
pub(super) const DISCLOSED: &str = "written=1";

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
    let named = form.text("AccountSid");
    let named = named.and_then(|sid| AccountSid::parse(sid).ok());
    if let Some(recording) = recording::named_in(uri.query()) {
        let (tenant, call) = (call.tenant_id, call.call_id);
        return channel
            .on_recording(tenant, call, recording, &request, named)
            .await;
    }
    if request.status != RecordingStatus::Completed {
        return StatusCode::NO_CONTENT.into_response();
    }
    let voicemail = NewVoicemail {
        id: VoicemailId::new(),
        call_id: call.call_id,
        recording_id: request.recording_sid.to_string(),
        account_id: named.map(|sid| sid.to_string()),
        length_s: request.duration_s.map(i64::from),
        recorded_at: chrono::Utc::now(),
        disclosed: uri.query() == Some(DISCLOSED),
    };
    let rows = channel.reception.rows(call.tenant_id);
    // Its audio is fetched by the job that is stored with the row, now or when the database is back.
    if let Err(error) = rows.add_voicemail(&voicemail).await {
        tracing::warn!(%error, "a voicemail waits for the database");
        let write = JournalWrite::Voicemail(voicemail);
        channel.reception.journal.write(call.tenant_id, write);
    }
    channel.reception.jobs.ring();
    StatusCode::NO_CONTENT.into_response()
}

impl TwilioChannel {
    /// The audio of a message, from the account that owns the number its call came in by.
    ///
    /// # Errors
    /// The account cannot be found or used just now, or the carrier does not give the audio.
    pub(crate) async fn voicemail_audio(
        &self,
        tenant: TenantId,
        message: &VoicemailListing,
    ) -> Result<Bytes, Word> {
        let (rest, recording) = self.holder(tenant, message).await?;
        rest.recording_audio(&recording).await.map_err(|error| {
            metrics::counter!("switchboard_carrier_retries_total", "request" => "recording")
                .increment(1);
            tracing::warn!(%error, "a voicemail could not be fetched");
            Word::new("carrier")
        })
    }

    /// Has the carrier forget a message that is in our archive.
    ///
    /// # Errors
    /// The account cannot be found or used just now, or the carrier refuses.
    pub(crate) async fn forget_voicemail(
        &self,
        tenant: TenantId,
        message: &VoicemailListing,
    ) -> Result<(), Word> {
        let (rest, recording) = self.holder(tenant, message).await?;
        rest.delete_recording(&recording).await.map_err(|error| {
            metrics::counter!("switchboard_carrier_retries_total", "request" => "delete_recording")
                .increment(1);
            tracing::warn!(%error, "the carrier keeps its copy of a voicemail for now");
            Word::new("carrier_keeps_copy")
        })
    }

    async fn holder(
        &self,
        tenant: TenantId,
        message: &VoicemailListing,
    ) -> Result<(Arc<TwilioRest>, RecordingSid), Word> {
        let owned = self.owned_call(tenant, message.call_id).await;
        let owned = owned.map_err(|_| Word::new("no_account"))?;
        let recording = RecordingSid::parse(&message.recording_id);
        let recording = recording.map_err(|_| Word::new("bad_recording_id"))?;
        let named = message.account_id.as_deref().unwrap_or_default();
        let sid = owned.account.sid.clone().or(AccountSid::parse(named).ok());
        let sid = sid.ok_or(Word::new("no_account"))?;
        let settings = &self.reception.settings;
        let rest = owned.account.rest(settings, self.client.clone(), &sid);
        Ok((rest, recording))
    }
}
