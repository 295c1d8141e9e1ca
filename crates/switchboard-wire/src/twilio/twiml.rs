//! TwiML documents (section 3), written and never read: verbs run in order, root `<Response>`.
//!
//! Only verbs and attributes that Twilio documents can be expressed. All text is escaped once, here (threats.md H8).
//!
//! ```
//! use switchboard_wire::twilio::twiml::{Connect, Dial, Document, Say, Stream, Verb};
//!
//! let document = Document::new(vec![
//!     Verb::Connect(Connect::stream(Stream::new("wss://voice.example/twilio/stream").with_parameter("t", "token"))),
//!     Verb::Say(Say::new("One moment & I connect you.")),
//!     Verb::Dial(Dial::number("+12025550199")),
//! ]);
//! let xml = document.to_xml().expect("a valid document");
//! assert!(xml.contains("<Say>One moment &amp; I connect you.</Say>"));
//! ```

mod dial;
mod element;
mod gather;
mod queue;
mod stream;

pub use dial::{Dial, DialRecording, DialTarget, Screening};
pub use gather::{Gather, GatherInput, Prompt};
pub use queue::Enqueue;
pub use stream::{Connect, Stream};

use element::Element;
use std::fmt;

/// The REST parameter `Twiml` takes at most this many characters; a webhook's answer is not limited.
pub const REST_CHARACTERS_MAX: usize = 4000;
/// `<Say>` takes at most this many characters.
pub const SAY_CHARACTERS_MAX: usize = 4096;

/// A document Twilio would refuse or silently change. All of these are mistakes of ours or of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TwimlError {
    #[error("a stream URL carries a query or fragment, which Twilio strips (error 31920)")]
    StreamUrlQuery,
    #[error("a stream URL is not wss (or ws to a loopback address)")]
    StreamUrlScheme,
    #[error("name and value of a stream parameter have 500 characters or more together")]
    ParameterTooLong,
    #[error("a spoken text has more than {SAY_CHARACTERS_MAX} characters")]
    SayTooLong,
    #[error("a dial has no target or more than ten")]
    DialTargets,
    #[error("reject is not the first verb")]
    RejectNotFirst,
    #[error("the document has {characters} characters, REST takes {REST_CHARACTERS_MAX}")]
    TooLongForRest { characters: usize },
}

/// A whole document. An empty one hangs up. Debug shows no texts or numbers.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Document {
    verbs: Vec<Verb>,
}

impl Document {
    pub fn new(verbs: Vec<Verb>) -> Self {
        Self { verbs }
    }

    pub fn verbs(&self) -> &[Verb] {
        &self.verbs
    }

    /// The body of a webhook's answer, `Content-Type: text/xml`.
    pub fn to_xml(&self) -> Result<String, TwimlError> {
        let mut root = Element::new("Response");
        for (position, verb) in self.verbs.iter().enumerate() {
            if position > 0 && matches!(verb, Verb::Reject { .. }) {
                return Err(TwimlError::RejectNotFirst);
            }
            root.push(verb.to_element()?);
        }
        Ok(root.to_document())
    }

    /// The value of the REST parameter `Twiml`.
    pub fn to_rest_xml(&self) -> Result<String, TwimlError> {
        let xml = self.to_xml()?;
        match xml.chars().count() {
            ..=REST_CHARACTERS_MAX => Ok(xml),
            characters => Err(TwimlError::TooLongForRest { characters }),
        }
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.verbs.iter().map(Verb::name);
        formatter.debug_list().entries(names).finish()
    }
}

/// One step of a document.
#[derive(Clone, PartialEq, Eq)]
pub enum Verb {
    Say(Say),
    /// Plays an audio file of an absolute URL once.
    Play {
        url: String,
    },
    Pause {
        length_s: u32,
    },
    Gather(Gather),
    Dial(Dial),
    Connect(Connect),
    Record(Record),
    Enqueue(Enqueue),
    /// Takes the caller out of a queue; only in the document of somebody who waits.
    Leave,
    /// Continues with the document of another URL.
    Redirect {
        url: String,
    },
    Hangup,
    /// Refuses an inbound call unanswered and unbilled; only as first verb.
    Reject {
        reason: RejectReason,
    },
}

impl Verb {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Say(_) => "Say",
            Self::Play { .. } => "Play",
            Self::Pause { .. } => "Pause",
            Self::Gather(_) => "Gather",
            Self::Dial(_) => "Dial",
            Self::Connect(_) => "Connect",
            Self::Record(_) => "Record",
            Self::Enqueue(_) => "Enqueue",
            Self::Leave => "Leave",
            Self::Redirect { .. } => "Redirect",
            Self::Hangup => "Hangup",
            Self::Reject { .. } => "Reject",
        }
    }

    fn to_element(&self) -> Result<Element, TwimlError> {
        let element = Element::new(self.name());
        Ok(match self {
            Self::Say(say) => say.to_element()?,
            Self::Gather(gather) => gather.to_element()?,
            Self::Dial(dial) => dial.to_element()?,
            Self::Connect(connect) => connect.to_element()?,
            Self::Record(record) => record.to_element(),
            Self::Enqueue(enqueue) => enqueue.to_element(),
            Self::Play { url } | Self::Redirect { url } => element.with_text(url),
            Self::Pause { length_s } => element.with("length", length_s),
            Self::Hangup | Self::Leave => element,
            Self::Reject { reason } => element.with("reason", reason.as_str()),
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RejectReason {
    Rejected,
    Busy,
}

impl RejectReason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Busy => "busy",
        }
    }
}

/// Speech by the carrier's own synthesiser, heard even when nothing of ours is alive.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Say {
    pub text: String,
    /// For instance `Polly.Joanna`.
    pub voice: Option<String>,
    /// For instance `en-US`.
    pub language: Option<String>,
}

impl Say {
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    #[must_use]
    pub fn with_voice(mut self, voice: impl Into<String>) -> Self {
        self.voice = Some(voice.into());
        self
    }

    #[must_use]
    pub fn with_language(mut self, language: impl Into<String>) -> Self {
        self.language = Some(language.into());
        self
    }

    fn to_element(&self) -> Result<Element, TwimlError> {
        if self.text.chars().count() > SAY_CHARACTERS_MAX {
            return Err(TwimlError::SayTooLong);
        }
        Ok(Element::new("Say")
            .with_if("voice", self.voice.as_ref())
            .with_if("language", self.language.as_ref())
            .with_text(&self.text))
    }
}

/// Voicemail. Without `action` the next verb runs, or the call ends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Record {
    pub action: Option<String>,
    /// Silence that ends the message; Twilio's default is 5 s.
    pub silence_s_max: Option<u32>,
    /// Twilio's default is one hour.
    pub length_s_max: Option<u32>,
    pub finish_on_key: Option<String>,
    pub play_beep: Option<bool>,
    pub recording_status_callback: Option<String>,
}

impl Record {
    fn to_element(&self) -> Element {
        Element::new("Record")
            .with_if("action", self.action.as_ref())
            .with_if("timeout", self.silence_s_max)
            .with_if("finishOnKey", self.finish_on_key.as_ref())
            .with_if("maxLength", self.length_s_max)
            .with_if("playBeep", self.play_beep)
            .with_if(
                "recordingStatusCallback",
                self.recording_status_callback.as_ref(),
            )
    }
}
