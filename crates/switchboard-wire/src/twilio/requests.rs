//! Typed views of the webhooks Twilio sends us.
//!
//! Each view takes what we use and leaves the rest in the [`Form`]. Derived Debug is safe: what identifies a person is
//! [`Private`]. All of them may come twice, late, or out of order.

use super::form::{Form, FormError};
use super::id::{AccountSid, CallSid, RecordingSid, StreamSid};
use super::status::{AnsweredBy, CallStatus, DialStatus, QueueResult};
use crate::private::Private;
use std::str::FromStr;

/// The first request of a call, and every later request for a document (section 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VoiceRequest {
    pub call_sid: CallSid,
    pub account_sid: AccountSid,
    pub status: CallStatus,
    pub direction: Direction,
    /// E.164, `sip:…` or `client:…`; see [`VoiceRequest::is_caller_withheld`].
    pub from: Private<String>,
    /// The number that was called, which names tenant and agent.
    pub to: Private<String>,
    pub forwarded_from: Option<Private<String>>,
    pub caller_name: Option<Private<String>>,
    pub parent_call_sid: Option<CallSid>,
    pub answered_by: Option<AnsweredBy>,
}

/// Who placed the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Inbound,
    OutboundApi,
    OutboundDial,
}

impl FromStr for Direction {
    type Err = FormError;

    fn from_str(text: &str) -> Result<Self, FormError> {
        match text {
            "inbound" => Ok(Self::Inbound),
            "outbound-api" => Ok(Self::OutboundApi),
            "outbound-dial" => Ok(Self::OutboundDial),
            _ => Err(FormError::Invalid("Direction")),
        }
    }
}

/// How Twilio writes a caller who hides the number.
const WITHHELD: [&str; 7] = [
    "anonymous",
    "unavailable",
    "restricted",
    "+266696687",
    "+7378742833",
    "+86282452253",
    "+2562533",
];

impl VoiceRequest {
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        Ok(Self {
            call_sid: form.parsed("CallSid")?,
            account_sid: form.parsed("AccountSid")?,
            status: form.parsed("CallStatus")?,
            direction: form.parsed("Direction")?,
            from: form.value("From").unwrap_or_default().into(),
            to: form.required("To")?.into(),
            forwarded_from: form.text("ForwardedFrom").map(Private::from),
            caller_name: form.text("CallerName").map(Private::from),
            parent_call_sid: form.parsed_if_any("ParentCallSid")?,
            answered_by: form.text("AnsweredBy").map(AnsweredBy::parse),
        })
    }

    pub fn is_caller_withheld(&self) -> bool {
        let from = self.from.expose().to_ascii_lowercase();
        from.is_empty() || WITHHELD.contains(&from.as_str())
    }
}

/// A call's progress (section 6). The same path may receive document requests by mistake: those have no
/// `CallbackSource` and are refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusRequest {
    pub call_sid: CallSid,
    pub account_sid: AccountSid,
    pub parent_call_sid: Option<CallSid>,
    pub status: CallStatus,
    /// Counts from 0 for each call: the order to trust.
    pub sequence_number: u32,
    /// Whole seconds of talk, only with a final status.
    pub duration_s: Option<u32>,
    pub sip_response_code: Option<u16>,
    pub answered_by: Option<AnsweredBy>,
}

impl StatusRequest {
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        if form.required("CallbackSource")? != "call-progress-events" {
            return Err(FormError::Invalid("CallbackSource"));
        }
        Ok(Self {
            call_sid: form.parsed("CallSid")?,
            account_sid: form.parsed("AccountSid")?,
            parent_call_sid: form.parsed_if_any("ParentCallSid")?,
            status: form.parsed("CallStatus")?,
            sequence_number: form.parsed("SequenceNumber")?,
            duration_s: form.parsed_if_any("CallDuration")?,
            sip_response_code: form.parsed_if_any("SipResponseCode")?,
            answered_by: form.text("AnsweredBy").map(AnsweredBy::parse),
        })
    }
}

/// The `action` request after `<Dial>` (section 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialEnded {
    pub call_sid: CallSid,
    pub account_sid: AccountSid,
    /// The caller's own leg; `Completed` means that the caller has hung up.
    pub call_status: CallStatus,
    pub dial_status: DialStatus,
    pub dial_call_sid: Option<CallSid>,
    pub dial_duration_s: Option<u32>,
    pub is_bridged: bool,
}

impl DialEnded {
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        Ok(Self {
            call_sid: form.parsed("CallSid")?,
            account_sid: form.parsed("AccountSid")?,
            call_status: form.parsed("CallStatus")?,
            dial_status: form.parsed("DialCallStatus")?,
            dial_call_sid: form.parsed_if_any("DialCallSid")?,
            dial_duration_s: form.parsed_if_any("DialCallDuration")?,
            is_bridged: form.value("DialBridged") == Some("true"),
        })
    }

    /// The status alone is no proof: a voicemail that answers is `completed` too.
    pub fn is_human_reached(&self) -> bool {
        self.is_bridged && self.dial_status == DialStatus::Completed
    }
}

/// The `action` request after `<Enqueue>` (section 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueEnded {
    pub call_sid: CallSid,
    /// The caller's own leg.
    pub call_status: CallStatus,
    pub result: QueueResult,
    /// Whole seconds of waiting.
    pub waited_s: Option<u32>,
}

impl QueueEnded {
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        Ok(Self {
            call_sid: form.parsed("CallSid")?,
            call_status: form.parsed("CallStatus")?,
            result: QueueResult::parse(form.required("QueueResult")?),
            waited_s: form.parsed_if_any("QueueTime")?,
        })
    }
}

/// The request for the document of somebody who waits in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueWait {
    pub call_sid: CallSid,
    /// Whole seconds of waiting so far.
    pub waited_s: u32,
}

impl QueueWait {
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        Ok(Self {
            call_sid: form.parsed("CallSid")?,
            waited_s: form.parsed_if_any("QueueTime")?.unwrap_or(0),
        })
    }
}

/// The `action` request after `<Gather>`; at least one of the two is present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gathered {
    pub call_sid: CallSid,
    pub digits: Option<Private<String>>,
    pub speech: Option<Private<String>>,
}

impl Gathered {
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        Ok(Self {
            call_sid: form.parsed("CallSid")?,
            digits: form.text("Digits").map(Private::from),
            speech: form.text("SpeechResult").map(Private::from),
        })
    }
}

/// Progress of a media stream; the only place where the text of a failed upgrade appears (section 5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamStatusRequest {
    pub call_sid: CallSid,
    pub stream_sid: StreamSid,
    pub event: StreamEvent,
    pub error: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEvent {
    Started,
    Stopped,
    Failed,
}

impl StreamStatusRequest {
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        let event = match form.required("StreamEvent")? {
            "stream-started" => StreamEvent::Started,
            "stream-stopped" => StreamEvent::Stopped,
            "stream-error" => StreamEvent::Failed,
            _ => return Err(FormError::Invalid("StreamEvent")),
        };
        Ok(Self {
            call_sid: form.parsed("CallSid")?,
            stream_sid: form.parsed("StreamSid")?,
            event,
            error: form.text("StreamError").map(str::to_owned),
        })
    }
}

/// The verdict of asynchronous answering-machine detection (section 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AmdRequest {
    pub call_sid: CallSid,
    pub account_sid: AccountSid,
    pub answered_by: AnsweredBy,
    /// A machine's greeting is over: it records from here.
    pub is_greeting_over: bool,
    pub detection_ms: Option<u32>,
}

impl AmdRequest {
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        Ok(Self {
            call_sid: form.parsed("CallSid")?,
            account_sid: form.parsed("AccountSid")?,
            answered_by: AnsweredBy::parse(form.required("AnsweredBy")?),
            is_greeting_over: form.required("AnsweredBy")?.starts_with("machine_end"),
            detection_ms: form.parsed_if_any("MachineDetectionDuration")?,
        })
    }
}

/// Progress of a recording, voicemail included (sections 3 and 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingRequest {
    pub call_sid: CallSid,
    pub recording_sid: RecordingSid,
    pub status: RecordingStatus,
    /// Append `.wav` or `.mp3`. Fetch it only from the carrier's own host (threats.md A4).
    pub url: Option<Private<String>>,
    pub duration_s: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingStatus {
    InProgress,
    Completed,
    Absent,
    Failed,
}

impl RecordingRequest {
    pub fn from_form(form: &Form) -> Result<Self, FormError> {
        let status = match form.required("RecordingStatus")? {
            "in-progress" => RecordingStatus::InProgress,
            "completed" => RecordingStatus::Completed,
            "absent" => RecordingStatus::Absent,
            "failed" => RecordingStatus::Failed,
            _ => return Err(FormError::Invalid("RecordingStatus")),
        };
        Ok(Self {
            call_sid: form.parsed("CallSid")?,
            recording_sid: form.parsed("RecordingSid")?,
            status,
            url: form.text("RecordingUrl").map(Private::from),
            duration_s: form.parsed_if_any("RecordingDuration")?,
        })
    }
}
