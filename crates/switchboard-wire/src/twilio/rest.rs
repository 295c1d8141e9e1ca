//! REST bodies for calls (section 6): forms in, JSON out, basic authentication. There is no HTTP client here.

use super::form::Form;
use super::id::{AccountSid, CallSid, RecordingSid};
use super::status::CallStatus;
use super::twiml::{Document, TwimlError};
use crate::private::Private;
use serde::Deserialize;

const API_VERSION: &str = "2010-04-01";

/// Path of the list of calls: POST creates one.
pub fn calls_path(account: &AccountSid) -> String {
    format!("/{API_VERSION}/Accounts/{account}/Calls.json")
}

/// Path of one call: GET reads it, POST changes it.
pub fn call_path(account: &AccountSid, call: &CallSid) -> String {
    format!("/{API_VERSION}/Accounts/{account}/Calls/{call}.json")
}

/// Path of the calls that a call of ours made the carrier place: legs of its `<Dial>` are calls whose parent it is.
pub fn child_calls_path(account: &AccountSid, parent: &CallSid) -> String {
    let mut query = Form::default();
    query.push("ParentCallSid", parent.as_str());
    format!("{}?{}", calls_path(account), query.encode())
}

/// Path of a recording's audio as WAV: GET reads it. Made from ids, so that no URL of a webhook is ever fetched.
pub fn recording_audio_path(account: &AccountSid, recording: &RecordingSid) -> String {
    format!("/{API_VERSION}/Accounts/{account}/Recordings/{recording}.wav")
}

/// The same with both channels, for recordings that have two.
pub fn stereo_audio_path(account: &AccountSid, recording: &RecordingSid) -> String {
    let path = recording_audio_path(account, recording);
    format!("{path}?RequestedChannels=2")
}

/// Path of a call's recordings: POST starts one.
pub fn call_recordings_path(account: &AccountSid, call: &CallSid) -> String {
    format!("/{API_VERSION}/Accounts/{account}/Calls/{call}/Recordings.json")
}

/// Path of a recording of a call in progress: POST pauses, resumes or stops it.
pub fn call_recording_path(
    account: &AccountSid,
    call: &CallSid,
    recording: &RecordingSid,
) -> String {
    format!("/{API_VERSION}/Accounts/{account}/Calls/{call}/Recordings/{recording}.json")
}

/// A recording of both sides, each on a channel of its own, that begins now.
pub fn start_recording_form(callback: &str) -> Form {
    let mut form = Form::default();
    form.push("RecordingChannels", "dual");
    form.push("RecordingTrack", "both");
    form.push("Trim", "do-not-trim");
    form.push("RecordingStatusCallback", callback);
    form.push("RecordingStatusCallbackMethod", "POST");
    for event in ["in-progress", "completed", "absent"] {
        form.push("RecordingStatusCallbackEvent", event);
    }
    form
}

/// What may be done to a recording of a call in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeRecording {
    /// Both sides are silence from here; the recording keeps its length.
    Pause,
    Resume,
    Stop,
}

impl ChangeRecording {
    pub fn to_form(self) -> Form {
        let mut form = Form::default();
        let status = match self {
            Self::Pause => "paused",
            Self::Resume => "in-progress",
            Self::Stop => "stopped",
        };
        form.push("Status", status);
        if self == Self::Pause {
            form.push("PauseBehavior", "silence");
        }
        form
    }
}

/// What starting a recording answers; many more fields exist.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RecordingResource {
    pub sid: RecordingSid,
}

/// Path of a recording: DELETE removes the carrier's copy.
pub fn recording_path(account: &AccountSid, recording: &RecordingSid) -> String {
    format!("/{API_VERSION}/Accounts/{account}/Recordings/{recording}.json")
}

/// Path of the account's numbers; `doctor` compares their webhook and fallback URLs.
pub fn numbers_path(account: &AccountSid) -> String {
    format!("/{API_VERSION}/Accounts/{account}/IncomingPhoneNumbers.json")
}

/// Path of the account's numbers that match this one; Twilio matches parts too, so compare what comes.
pub fn number_query_path(account: &AccountSid, number: &str) -> String {
    let mut query = Form::default();
    query.push("PhoneNumber", number);
    format!("{}?{}", numbers_path(account), query.encode())
}

/// Path of one number: POST changes where its calls go.
pub fn number_path(account: &AccountSid, number_sid: &str) -> String {
    format!("/{API_VERSION}/Accounts/{account}/IncomingPhoneNumbers/{number_sid}.json")
}

/// A change of where a number's calls go; `None` leaves as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpdateNumber {
    pub voice_url: Option<String>,
    pub voice_fallback_url: Option<String>,
    pub status_callback: Option<String>,
}

impl UpdateNumber {
    pub fn to_form(&self) -> Form {
        let mut form = Form::default();
        let fields = [
            ("VoiceUrl", "VoiceMethod", &self.voice_url),
            (
                "VoiceFallbackUrl",
                "VoiceFallbackMethod",
                &self.voice_fallback_url,
            ),
            (
                "StatusCallback",
                "StatusCallbackMethod",
                &self.status_callback,
            ),
        ];
        for (name, method, url) in fields {
            if let Some(url) = url {
                form.push(name, url);
                form.push(method, "POST");
            }
        }
        form
    }
}

/// Where a call's next document comes from. Twilio refuses both at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instructions {
    Url(String),
    Document(Document),
}

impl Instructions {
    fn push(&self, form: &mut Form) -> Result<(), TwimlError> {
        match self {
            Self::Url(url) => form.push("Url", url),
            Self::Document(document) => form.push("Twiml", &document.to_rest_xml()?),
        }
        Ok(())
    }
}

/// An outgoing call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateCall {
    pub to: Private<String>,
    /// A number of ours or a verified one.
    pub from: Private<String>,
    pub instructions: Instructions,
    /// Receives all four events.
    pub status_callback: Option<String>,
    /// Ringing time; Twilio's default is 60 s, at most 600 s.
    pub timeout_s: Option<u32>,
    pub time_limit_s: Option<u32>,
    /// Asynchronous answering-machine detection, reported to this URL while the stream is already live: people at once,
    /// machines when their greeting is over, so that a message can be said.
    pub amd_callback: Option<String>,
}

impl CreateCall {
    pub fn to_form(&self) -> Result<Form, TwimlError> {
        let mut form = Form::default();
        form.push("To", self.to.expose());
        form.push("From", self.from.expose());
        self.instructions.push(&mut form)?;
        if let Some(url) = &self.status_callback {
            form.push("StatusCallback", url);
            for event in ["initiated", "ringing", "answered", "completed"] {
                form.push("StatusCallbackEvent", event);
            }
        }
        push_number(&mut form, "Timeout", self.timeout_s);
        push_number(&mut form, "TimeLimit", self.time_limit_s);
        if let Some(url) = &self.amd_callback {
            form.push("MachineDetection", "DetectMessageEnd");
            form.push("AsyncAmd", "true");
            form.push("AsyncAmdStatusCallback", url);
        }
        Ok(form)
    }
}

fn push_number(form: &mut Form, name: &str, number: Option<u32>) {
    if let Some(number) = number {
        form.push(name, &number.to_string());
    }
}

/// A change of a call. New instructions end a running stream without asking its `action`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpdateCall {
    Instructions(Instructions),
    /// `Status=completed`: ends the call in any state.
    HangUp,
    /// `Status=canceled`: only while queued or ringing.
    Cancel,
    TimeLimit {
        time_limit_s: u32,
    },
}

impl UpdateCall {
    pub fn to_form(&self) -> Result<Form, TwimlError> {
        let mut form = Form::default();
        match self {
            Self::Instructions(instructions) => instructions.push(&mut form)?,
            Self::HangUp => form.push("Status", "completed"),
            Self::Cancel => form.push("Status", "canceled"),
            Self::TimeLimit { time_limit_s } => {
                push_number(&mut form, "TimeLimit", Some(*time_limit_s))
            }
        }
        Ok(form)
    }
}

/// What create, read and update answer; many more fields exist.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CallResource {
    pub sid: CallSid,
    pub status: CallStatus,
    #[serde(default)]
    pub answered_by: Option<String>,
    /// Whole seconds as text, once the call has ended.
    #[serde(default)]
    pub duration: Option<String>,
    /// Negative decimal text in `price_unit`, some time after the end.
    #[serde(default)]
    pub price: Option<String>,
    #[serde(default)]
    pub price_unit: Option<String>,
}

/// A page of the list of calls.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CallsPage {
    pub calls: Vec<ListedCall>,
}

/// One call of a list.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct ListedCall {
    pub sid: CallSid,
    /// Whom it rings.
    pub to: String,
    pub status: CallStatus,
}

impl std::fmt::Debug for ListedCall {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("ListedCall")
            .field("sid", &self.sid)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// The page of the account's numbers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct NumbersPage {
    pub incoming_phone_numbers: Vec<NumberResource>,
}

/// One number and where its calls go.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct NumberResource {
    /// `PN` and 32 hexadecimal digits.
    pub sid: String,
    pub phone_number: String,
    #[serde(default)]
    pub voice_url: Option<String>,
    #[serde(default)]
    pub voice_fallback_url: Option<String>,
    #[serde(default)]
    pub status_callback: Option<String>,
}

impl std::fmt::Debug for NumberResource {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("NumberResource")
            .field("voice_url", &self.voice_url)
            .field("voice_fallback_url", &self.voice_fallback_url)
            .finish_non_exhaustive()
    }
}

/// The body of every refusal. `message` may repeat what we sent, so Debug leaves it out.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct RestError {
    pub code: u32,
    pub message: String,
    #[serde(default)]
    pub more_info: Option<String>,
    pub status: u16,
}

impl RestError {
    /// Reads an error answer; a body that is none becomes code 0, because proxies answer too.
    pub fn from_body(status: u16, body: &[u8]) -> Self {
        serde_json::from_slice(body).unwrap_or(Self {
            code: 0,
            message: String::new(),
            more_info: None,
            status,
        })
    }

    /// The call does not exist any more: for a hang-up that is success.
    pub fn is_gone(&self) -> bool {
        self.status == 404 || self.code == code::NOT_FOUND
    }

    /// The call is in a state that does not allow the change, mostly because it has ended.
    pub fn is_wrong_state(&self) -> bool {
        self.code == code::NOT_IN_PROGRESS
    }

    /// The number cannot be called, today or tomorrow.
    pub fn is_uncallable(&self) -> bool {
        code::UNCALLABLE.contains(&self.code)
    }

    /// Another try may succeed: too many requests, or their fault.
    pub fn is_worth_retrying(&self) -> bool {
        self.status == 429 || self.status >= 500 || self.code == code::TOO_MANY_REQUESTS
    }
}

impl std::fmt::Debug for RestError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("RestError")
            .field("code", &self.code)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Display for RestError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "the carrier refused with status {} and code {}",
            self.status, self.code
        )
    }
}

impl std::error::Error for RestError {}

/// Error codes we act on.
pub mod code {
    pub const AUTHENTICATION: u32 = 20003;
    pub const NOT_FOUND: u32 = 20404;
    pub const TOO_MANY_REQUESTS: u32 = 20429;
    pub const NOT_IN_PROGRESS: u32 = 21220;
    /// The number cannot be called at all: invalid, unreachable, or not permitted for this account.
    pub const UNCALLABLE: [u32; 7] = [21211, 21214, 21215, 21216, 21217, 21219, 13224];
}
