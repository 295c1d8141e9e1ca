//! Twilio's REST API, as far as a live call needs it: move the caller, end the call.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use switchboard_call::handoff::TransferOutcome;
use switchboard_call::limits::TRANSFER_ANSWER;
use switchboard_wire::twilio::id::RecordingSid;
use switchboard_wire::twilio::rest::{
    CallResource, ChangeRecording, CreateCall, Instructions, RecordingResource, RestError,
    UpdateCall, call_path, call_recording_path, call_recordings_path, calls_path,
    recording_audio_path, recording_path, start_recording_form, stereo_audio_path,
};
use switchboard_wire::twilio::twiml::Document;
use switchboard_wire::twilio::{AccountSid, CallSid, Form};

use crate::config::{BaseUrl, Secret};

/// A call is asked for once; the carrier answers in less than a second.
const CREATE_TIME_MAX: Duration = Duration::from_secs(10);
/// One try of a hang-up.
const HANG_UP_TIME_MAX: Duration = Duration::from_secs(5);
/// One recording: an hour at 8 kHz and 16 bits, the longest that the carrier records by itself.
const AUDIO_BYTES_MAX: usize = 64 * 1024 * 1024;
/// One recording, from request to last byte.
const AUDIO_TIME_MAX: Duration = Duration::from_secs(60);
/// One request about a recording of a call in progress.
const RECORDING_TIME_MAX: Duration = Duration::from_secs(5);
/// The start of a recording is asked for this often: a call is not recorded from its middle.
const START_TRIES_MAX: u32 = 4;
/// One request to remove a recording.
const DELETE_TIME_MAX: Duration = Duration::from_secs(15);
/// First wait before a hang-up is tried again; it doubles up to [`RETRY_WAIT_MAX`].
const RETRY_WAIT: Duration = Duration::from_millis(250);
const RETRY_WAIT_MAX: Duration = Duration::from_secs(8);

/// The account of one call.
#[derive(Debug)]
pub struct TwilioRest {
    client: reqwest::Client,
    base_url: BaseUrl,
    account_sid: AccountSid,
    auth_token: Secret,
    hang_up_time_max: Duration,
    transfer_time_max: Duration,
}

/// What became of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Done,
    /// The call is not there any more, or in no state for this.
    Gone,
    /// The same request may succeed later.
    TryAgain,
    Refused,
}

/// What became of a request for a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// The carrier dials.
    Placed(CallSid),
    /// Nobody is dialled. Final when the number cannot be called, today or tomorrow.
    Refused {
        /// Another try would meet the same.
        is_final: bool,
    },
    /// No answer came: it may ring all the same.
    Unknown,
}

impl TwilioRest {
    /// Whose account it is.
    pub(super) const fn account_sid(&self) -> &AccountSid {
        &self.account_sid
    }

    /// A client for one account. `client` is shared by all, so that connections are.
    pub fn new(
        client: reqwest::Client,
        base_url: BaseUrl,
        account_sid: AccountSid,
        auth_token: Secret,
        hang_up_time_max: Duration,
    ) -> Self {
        Self {
            client,
            base_url,
            account_sid,
            auth_token,
            hang_up_time_max,
            transfer_time_max: Duration::from_micros(TRANSFER_ANSWER.micros()),
        }
    }

    /// Bounds the one try of a transfer, to what the core waits for it. Past it the core cuts the leg and the carrier's own
    /// document dials the human: a request that still arrived then would tear the caller away from them.
    #[must_use]
    pub fn transferring_within(mut self, transfer_time_max: Duration) -> Self {
        self.transfer_time_max = transfer_time_max;
        self
    }

    /// How long one transfer may take.
    pub const fn transfer_time_max(&self) -> Duration {
        self.transfer_time_max
    }

    /// Replaces the call's running document: this is a transfer. Not tried without time for it.
    pub async fn transfer(
        &self,
        call: &CallSid,
        document: Document,
        time_max: Duration,
    ) -> TransferOutcome {
        let update = UpdateCall::Instructions(Instructions::Document(document));
        let time_max = time_max.min(self.transfer_time_max);
        if time_max.is_zero() {
            return TransferOutcome::Failed;
        }
        match self.update(call, &update, time_max).await {
            Answer::Done => TransferOutcome::Accepted,
            Answer::Gone | Answer::TryAgain | Answer::Refused => TransferOutcome::Failed,
        }
    }

    /// Ends the call, trying again for at most the configured time. Even a refusal is tried again: giving up closes the
    /// stream, and then the carrier's document dials the human after the goodbye.
    pub async fn hang_up_until_done(&self, call: &CallSid) {
        let attempts = async {
            let mut wait = RETRY_WAIT;
            loop {
                let answer = self.update(call, &UpdateCall::HangUp, HANG_UP_TIME_MAX);
                if matches!(answer.await, Answer::Done | Answer::Gone) {
                    return;
                }
                metrics::counter!("switchboard_carrier_retries_total", "request" => "hang_up")
                    .increment(1);
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(RETRY_WAIT_MAX);
            }
        };
        if tokio::time::timeout(self.hang_up_time_max, attempts)
            .await
            .is_err()
        {
            tracing::error!("could not end a call at the carrier; its document goes on");
        }
    }

    /// The audio of a recording, as WAV. The address is made from ids, so that no URL of a webhook is ever asked, and the
    /// client follows no redirect.
    ///
    /// # Errors
    /// The carrier does not have it, does not answer in time, or sends more than a message can be.
    pub async fn recording_audio(&self, recording: &RecordingSid) -> anyhow::Result<Bytes> {
        let path = recording_audio_path(&self.account_sid, recording);
        self.audio(&path).await
    }

    /// The same with both sides of the call.
    ///
    /// # Errors
    /// As [`TwilioRest::recording_audio`].
    pub async fn stereo_audio(&self, recording: &RecordingSid) -> anyhow::Result<Bytes> {
        self.audio(&stereo_audio_path(&self.account_sid, recording))
            .await
    }

    async fn audio(&self, path: &str) -> anyhow::Result<Bytes> {
        let request = self
            .client
            .get(self.base_url.join(path))
            .basic_auth(self.account_sid.as_str(), Some(self.auth_token.expose()))
            .timeout(AUDIO_TIME_MAX);
        // The error of a request may name its address; ids are no secret, but nothing else may come with them.
        let mut response = request.send().await.map_err(reqwest::Error::without_url)?;
        anyhow::ensure!(
            response.status() == reqwest::StatusCode::OK,
            "the carrier answered {}",
            response.status().as_u16()
        );
        let mut audio = BytesMut::new();
        while let Some(chunk) = response
            .chunk()
            .await
            .map_err(reqwest::Error::without_url)?
        {
            anyhow::ensure!(
                audio.len() + chunk.len() <= AUDIO_BYTES_MAX,
                "the recording is larger than a message can be"
            );
            audio.extend_from_slice(&chunk);
        }
        Ok(audio.freeze())
    }

    /// Begins to record both sides of a call. Its progress is told to `callback`.
    ///
    /// A request whose answer is lost is not repeated, because that would make a second recording; the carrier's report
    /// brings the first one's id all the same.
    ///
    /// # Errors
    /// The carrier refuses, or cannot be reached.
    pub async fn start_recording(
        &self,
        call: &CallSid,
        callback: &str,
    ) -> anyhow::Result<RecordingSid> {
        let path = call_recordings_path(&self.account_sid, call);
        let mut wait = RETRY_WAIT;
        for _ in 0..START_TRIES_MAX {
            let sent = self.post(&path, &start_recording_form(callback)).await;
            match sent {
                Ok(response) if response.status().is_success() => {
                    let body = response.bytes().await?;
                    return Ok(serde_json::from_slice::<RecordingResource>(&body)?.sid);
                }
                Ok(response) => {
                    let status = response.status();
                    let may_try_again = status.is_server_error() || status.as_u16() == 429;
                    anyhow::ensure!(may_try_again, "the carrier answered {}", status.as_u16());
                }
                Err(error) if error.is_connect() => {}
                Err(error) => return Err(error.without_url().into()),
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
        anyhow::bail!("the carrier takes no recording")
    }

    /// Pauses, resumes or stops a recording of a call in progress.
    ///
    /// # Errors
    /// The carrier refuses, or cannot be reached, twice.
    pub async fn change_recording(
        &self,
        call: &CallSid,
        recording: &RecordingSid,
        change: ChangeRecording,
    ) -> anyhow::Result<()> {
        let path = call_recording_path(&self.account_sid, call, recording);
        let form = change.to_form();
        let is_done = async || {
            let answer = self.post(&path, &form).await;
            answer.is_ok_and(|response| response.status().is_success())
        };
        anyhow::ensure!(is_done().await || is_done().await, "the carrier refuses");
        Ok(())
    }

    async fn post(&self, path: &str, form: &Form) -> Result<reqwest::Response, reqwest::Error> {
        self.client
            .post(self.base_url.join(path))
            .basic_auth(self.account_sid.as_str(), Some(self.auth_token.expose()))
            .header("content-type", "application/x-www-form-urlencoded")
            .timeout(RECORDING_TIME_MAX)
            .body(form.encode())
            .send()
            .await
    }

    /// Removes the carrier's copy of a recording. One that is gone already is as good.
    ///
    /// # Errors
    /// The carrier does not answer in time or refuses.
    pub async fn delete_recording(&self, recording: &RecordingSid) -> anyhow::Result<()> {
        let path = recording_path(&self.account_sid, recording);
        let request = self
            .client
            .delete(self.base_url.join(&path))
            .basic_auth(self.account_sid.as_str(), Some(self.auth_token.expose()))
            .timeout(DELETE_TIME_MAX);
        let response = request.send().await.map_err(reqwest::Error::without_url)?;
        let status = response.status();
        anyhow::ensure!(
            status.is_success() || status == reqwest::StatusCode::NOT_FOUND,
            "the carrier answered {}",
            status.as_u16()
        );
        Ok(())
    }

    /// Asks for a call, once: the carrier has no key that makes a repetition harmless, and a person whose telephone rings
    /// twice at the same time is worse than one who is called later.
    pub async fn create(&self, create: &CreateCall) -> Created {
        let Ok(form) = create.to_form() else {
            tracing::error!("a document for the carrier is too long");
            return Created::Refused { is_final: true };
        };
        let request = self
            .client
            .post(self.base_url.join(&calls_path(&self.account_sid)))
            .basic_auth(self.account_sid.as_str(), Some(self.auth_token.expose()))
            .header("content-type", "application/x-www-form-urlencoded")
            .timeout(CREATE_TIME_MAX)
            .body(form.encode());
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if error.is_connect() => {
                tracing::warn!("cannot reach the carrier's API");
                return Created::Refused { is_final: false };
            }
            Err(_) => return Created::Unknown,
        };
        let status = response.status();
        let Ok(body) = response.bytes().await else {
            return Created::Unknown;
        };
        if status.is_success() {
            let created = serde_json::from_slice::<CallResource>(&body);
            return created.map_or(Created::Unknown, |call| Created::Placed(call.sid));
        }
        let error = RestError::from_body(status.as_u16(), &body);
        tracing::warn!(code = error.code, "the carrier's API refused a call");
        if status.is_server_error() {
            return Created::Unknown;
        }
        Created::Refused {
            is_final: !error.is_worth_retrying(),
        }
    }

    async fn update(&self, call: &CallSid, update: &UpdateCall, time_max: Duration) -> Answer {
        let Ok(form) = update.to_form() else {
            tracing::error!("a document for the carrier is too long");
            return Answer::Refused;
        };
        let url = self.base_url.join(&call_path(&self.account_sid, call));
        let request = self
            .client
            .post(url)
            .basic_auth(self.account_sid.as_str(), Some(self.auth_token.expose()))
            .header("content-type", "application/x-www-form-urlencoded")
            .timeout(time_max)
            .body(form.encode());
        match request.send().await {
            Ok(response) if response.status().is_success() => Answer::Done,
            Ok(response) => refusal(response).await,
            Err(error) => {
                tracing::warn!(
                    timed_out = error.is_timeout(),
                    "cannot reach the carrier's API"
                );
                Answer::TryAgain
            }
        }
    }
}

async fn refusal(response: reqwest::Response) -> Answer {
    let status = response.status().as_u16();
    let body = response.bytes().await.unwrap_or_default();
    let error = RestError::from_body(status, &body);
    if error.is_gone() || error.is_wrong_state() {
        return Answer::Gone;
    }
    tracing::warn!(
        status,
        code = error.code,
        "the carrier's API refused a request"
    );
    if error.is_worth_retrying() {
        Answer::TryAgain
    } else {
        Answer::Refused
    }
}
