//! Recordings that the carrier makes of a live call: started, paused and stopped by its REST API, only while our own state
//! says that there is a consent. What it made is fetched by a job when the carrier reports the end, and deleted there.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::StatusCode;
use metrics::counter;
use switchboard_call::Moment;
use switchboard_store::{
    CallId, JobIds, JobKey, JournalWrite, ListFilter, RecordingId, RecordingListing,
    RecordingStatus, RecordingWrite, TenantId, Word,
};
use switchboard_wire::twilio::id::RecordingSid;
use switchboard_wire::twilio::requests::{RecordingRequest, RecordingStatus as Told};
use switchboard_wire::twilio::rest::ChangeRecording;
use switchboard_wire::twilio::{AccountSid, CallSid};
use tokio::sync::mpsc::UnboundedReceiver;
use uuid::Uuid;

use super::webhooks::unavailable;
use super::{TwilioChannel, TwilioRest};
use crate::archive::{ObjectKey, ObjectKind};
use crate::jobs::JobKind;
use crate::journal::Journal;
use crate::ops::metrics::names;
use crate::recorder::{CarrierRecording, CarrierStep, RecordedCall};

/// Names the recording in the query of the address that is told of it. The carrier signs it.
const RECORDING: &str = "r=";

/// The call that is recorded, at the carrier.
pub(super) struct CarriedCall {
    pub(super) rest: Arc<TwilioRest>,
    pub(super) call_sid: CallSid,
    pub(super) journal: Journal,
}

impl CarriedCall {
    /// Asks the carrier to begin, beside the call. `address` makes a callback's URL of its query.
    pub(super) fn begin(
        self,
        of: RecordedCall,
        now: Moment,
        address: impl FnOnce(&str) -> String,
    ) -> CarrierRecording {
        let id = RecordingId::new();
        let offset_ms = i64::try_from(now.millis()).unwrap_or(i64::MAX / 2);
        let row = RecordingWrite {
            id,
            call_id: of.call,
            source: Word::new("twilio"),
            layout: Word::new("caller_left_agent_right"),
            status: RecordingStatus::Recording,
            started_at: of.offered_at + chrono::Duration::milliseconds(offset_ms),
            offset_ms,
            length_ms: None,
            dropped_ms: None,
            bytes: None,
            checksum: None,
            object_key: ObjectKey::new(of.tenant, ObjectKind::Recording, id.uuid()).to_string(),
            retained_until: None,
            erased_at: None,
        };
        let callback = address(&format!("{RECORDING}{}", id.uuid().simple()));
        let (recording, steps) = CarrierRecording::channel();
        let told = Telling {
            call: self,
            tenant: of.tenant,
            row,
            callback,
        };
        tokio::spawn(told.run(steps));
        recording
    }
}

/// What the call wants, told to the carrier one after the other.
struct Telling {
    call: CarriedCall,
    tenant: TenantId,
    row: RecordingWrite,
    callback: String,
}

impl Telling {
    async fn run(self, mut steps: UnboundedReceiver<CarrierStep>) {
        self.write(RecordingStatus::Recording);
        let started = self
            .call
            .rest
            .start_recording(&self.call.call_sid, &self.callback);
        let recording = match started.await {
            Ok(recording) => recording,
            Err(error) => {
                let call_id = self.row.call_id;
                tracing::error!(%call_id, %error, "the carrier does not record a call");
                self.write(RecordingStatus::Broken);
                while let Some(step) = steps.recv().await {
                    if step == CarrierStep::Discard {
                        self.write(RecordingStatus::Erased);
                    }
                }
                return;
            }
        };
        loop {
            match steps.recv().await.unwrap_or(CarrierStep::Stop) {
                CarrierStep::Pause => {
                    if !self.change(&recording, ChangeRecording::Pause).await {
                        // Better no recording than one with card data in it.
                        return self.erase(&recording).await;
                    }
                }
                CarrierStep::Resume => {
                    self.change(&recording, ChangeRecording::Resume).await;
                }
                CarrierStep::Stop => {
                    // A call that is over has stopped it already.
                    self.change(&recording, ChangeRecording::Stop).await;
                    return;
                }
                CarrierStep::Discard => return self.erase(&recording).await,
            }
        }
    }

    async fn change(&self, recording: &RecordingSid, change: ChangeRecording) -> bool {
        let CarriedCall { rest, call_sid, .. } = &self.call;
        let changed = rest.change_recording(call_sid, recording, change).await;
        if let Err(error) = &changed {
            tracing::warn!(call_id = %self.row.call_id, %error, "a recording at the carrier is not changed");
        }
        changed.is_ok()
    }

    /// The row first: the carrier's report then leads to a job that deletes, if this does not.
    async fn erase(&self, recording: &RecordingSid) {
        self.write(RecordingStatus::Erased);
        self.change(recording, ChangeRecording::Stop).await;
        if let Err(error) = self.call.rest.delete_recording(recording).await {
            tracing::warn!(call_id = %self.row.call_id, %error, "the carrier keeps a withdrawn recording for now");
        }
    }

    fn write(&self, status: RecordingStatus) {
        if status != RecordingStatus::Recording {
            counter!(names::RECORDINGS_TOTAL, "outcome" => status.as_str()).increment(1);
        }
        let erased_at = (status == RecordingStatus::Erased).then(chrono::Utc::now);
        let row = RecordingWrite {
            status,
            erased_at,
            ..self.row.clone()
        };
        let write = JournalWrite::Recording(row);
        self.call.journal.write(self.tenant, write);
    }
}

/// The recording that a callback's address names. None: it is about a message behind the tone.
pub(super) fn named_in(query: Option<&str>) -> Option<RecordingId> {
    let text = query?.strip_prefix(RECORDING)?;
    Uuid::try_parse(text).ok().map(RecordingId::from_uuid)
}

/// Audio that the carrier holds, by ids that fit into a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CarriedAudio {
    pub(crate) call: CallId,
    pub(crate) recording: RecordingId,
    account: Option<AccountSid>,
    vendor: RecordingSid,
}

const CALL_ID: &str = "call_id";
const RECORDING_ID: &str = "recording_id";
const ACCOUNT: &str = "carrier_account";
const VENDOR: &str = "carrier_recording";

/// The 32 digits of the carrier's ids are 128 bits, as those of ours.
fn bits(sid: &str) -> Option<Uuid> {
    sid.get(2..).and_then(|digits| Uuid::try_parse(digits).ok())
}

impl CarriedAudio {
    fn ids(&self) -> Option<JobIds> {
        let ids = JobIds::of(RECORDING_ID, self.recording.uuid())
            .with(CALL_ID, self.call.uuid())
            .with(VENDOR, bits(self.vendor.as_str())?);
        let account = self.account.as_ref().and_then(|sid| bits(sid.as_str()));
        Some(match account {
            Some(account) => ids.with(ACCOUNT, account),
            None => ids,
        })
    }

    /// What a job is about.
    pub(crate) fn of(ids: &JobIds) -> Option<Self> {
        Some(Self {
            call: CallId::from_uuid(ids.find(CALL_ID)?),
            recording: RecordingId::from_uuid(ids.find(RECORDING_ID)?),
            account: ids
                .find(ACCOUNT)
                .map(|id| AccountSid::from_entropy(id.into_bytes())),
            vendor: RecordingSid::from_entropy(ids.find(VENDOR)?.into_bytes()),
        })
    }
}

impl TwilioChannel {
    /// The carrier tells of a recording of a call. Twice, late and in any order it leaves the same rows: the end asks for one
    /// job per recording, and what is stored or erased is never broken.
    pub(super) async fn on_recording(
        &self,
        tenant: TenantId,
        call: CallId,
        recording: RecordingId,
        request: &RecordingRequest,
        account: Option<AccountSid>,
    ) -> Response {
        let journal = &self.reception.journal;
        match request.status {
            Told::InProgress => {}
            Told::Completed => {
                let audio = CarriedAudio {
                    call,
                    recording,
                    account,
                    vendor: request.recording_sid.clone(),
                };
                let Some(ids) = audio.ids() else {
                    return StatusCode::BAD_REQUEST.into_response();
                };
                let key = JobKey::of(recording.uuid());
                let job = JobKind::RecordingFetch.job(key, ids, chrono::Utc::now());
                journal.write(tenant, JournalWrite::Job(job));
            }
            Told::Absent | Told::Failed => {
                let rows = self.reception.rows(tenant);
                let listed = rows.list_recordings(&ListFilter::of_call(call)).await;
                let listed = match listed {
                    Ok(listed) => listed,
                    Err(error) => return unavailable(&error),
                };
                let is_open = |it: &RecordingListing| {
                    it.id == recording && it.status == RecordingStatus::Recording
                };
                if let Some(row) = listed.into_iter().find(is_open) {
                    tracing::error!(call_id = %call, "the carrier has no recording of a call");
                    counter!(names::RECORDINGS_TOTAL, "outcome" => "broken").increment(1);
                    let row = RecordingWrite {
                        status: RecordingStatus::Broken,
                        ..write_of(row)
                    };
                    journal.write(tenant, JournalWrite::Recording(row));
                }
            }
        }
        StatusCode::NO_CONTENT.into_response()
    }

    /// Both sides of a recorded call, as WAV.
    ///
    /// # Errors
    /// The account cannot be found or used just now, or the carrier does not give the audio.
    pub(crate) async fn call_audio(
        &self,
        tenant: TenantId,
        audio: &CarriedAudio,
    ) -> Result<Bytes, Word> {
        let rest = self.recorder_of(tenant, audio).await?;
        rest.stereo_audio(&audio.vendor).await.map_err(|error| {
            counter!("switchboard_carrier_retries_total", "request" => "recording").increment(1);
            tracing::warn!(%error, "a recording could not be fetched");
            Word::new("carrier")
        })
    }

    /// Has the carrier forget a recording that is in our archive, or must not be anywhere.
    ///
    /// # Errors
    /// The account cannot be found or used just now, or the carrier refuses.
    pub(crate) async fn forget_call_audio(
        &self,
        tenant: TenantId,
        audio: &CarriedAudio,
    ) -> Result<(), Word> {
        let rest = self.recorder_of(tenant, audio).await?;
        rest.delete_recording(&audio.vendor).await.map_err(|error| {
            counter!("switchboard_carrier_retries_total", "request" => "delete_recording")
                .increment(1);
            tracing::warn!(%error, "the carrier keeps its copy of a recording for now");
            Word::new("carrier_keeps_copy")
        })
    }

    async fn recorder_of(
        &self,
        tenant: TenantId,
        audio: &CarriedAudio,
    ) -> Result<Arc<TwilioRest>, Word> {
        let owned = self.owned_call(tenant, audio.call).await;
        let owned = owned.map_err(|_| Word::new("no_account"))?;
        let sid = owned.account.sid.clone().or_else(|| audio.account.clone());
        let sid = sid.ok_or(Word::new("no_account"))?;
        let settings = &self.reception.settings;
        Ok(owned.account.rest(settings, self.client.clone(), &sid))
    }
}

/// A stored row as a write of it.
pub(crate) fn write_of(row: RecordingListing) -> RecordingWrite {
    RecordingWrite {
        id: row.id,
        call_id: row.call_id,
        source: row.source,
        layout: row.layout,
        status: row.status,
        started_at: row.started_at,
        offset_ms: row.offset_ms,
        length_ms: row.length_ms,
        dropped_ms: row.dropped_ms,
        bytes: row.bytes,
        checksum: row.checksum,
        object_key: row.object_key,
        retained_until: row.retained_until,
        erased_at: row.erased_at,
    }
}
