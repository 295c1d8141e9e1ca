//! `<Dial>` and its nouns.

use super::TwimlError;
use super::element::Element;

/// Ten nouns ring at once; Twilio refuses more.
const TARGETS_MAX: usize = 10;

/// Rings people and joins the first who answers with the caller.
///
/// With `action` the later verbs of the document never run; without it the next verb runs when the dialled leg ends.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Dial {
    pub targets: Vec<DialTarget>,
    pub action: Option<String>,
    /// Ringing time; Twilio's default is 30 s and carriers add about 5 s.
    pub timeout_s: Option<u32>,
    /// Talking time; Twilio's default is 4 h.
    pub time_limit_s: Option<u32>,
    /// Must be a number of ours, a verified one, or the inbound caller's.
    pub caller_id: Option<String>,
    /// Keeps an unanswered inbound call ringing until somebody picks up.
    pub answer_on_bridge: Option<bool>,
    pub recording: Option<DialRecording>,
}

/// Recording of the joined legs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialRecording {
    /// `true` keeps the parties on two tracks.
    pub is_dual: bool,
    pub status_callback: Option<String>,
}

/// Whom to ring.
#[derive(Clone, PartialEq, Eq)]
pub enum DialTarget {
    Number {
        number: String,
        screening: Screening,
    },
    Sip {
        uri: String,
        username: Option<String>,
        password: Option<String>,
        screening: Screening,
    },
    Client {
        identity: String,
    },
}

/// What happens on a dialled line before and beside the talk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Screening {
    /// Document for whoever picks up, before the legs are joined: "press 1 to accept". A `<Hangup>` in it joins nothing.
    pub whisper_url: Option<String>,
    /// Receives when the line is answered and when it is over.
    pub status_callback: Option<String>,
    /// Receives whether a person or a machine picked up; asking for it switches the detection on.
    pub machine_callback: Option<String>,
}

impl Screening {
    fn add_to(&self, element: Element) -> Element {
        let events = self.status_callback.as_ref().map(|_| "answered completed");
        let detection = self.machine_callback.as_ref().map(|_| "Enable");
        element
            .with_if("url", self.whisper_url.as_ref())
            .with_if("statusCallback", self.status_callback.as_ref())
            .with_if("statusCallbackEvent", events)
            .with_if("machineDetection", detection)
            .with_if("amdStatusCallback", self.machine_callback.as_ref())
    }
}

impl DialTarget {
    pub fn number(number: impl Into<String>) -> Self {
        Self::Number {
            number: number.into(),
            screening: Screening::default(),
        }
    }

    fn to_element(&self) -> Element {
        match self {
            Self::Number { number, screening } => {
                screening.add_to(Element::new("Number")).with_text(number)
            }
            Self::Sip {
                uri,
                username,
                password,
                screening,
            } => {
                let element = Element::new("Sip")
                    .with_if("username", username.as_ref())
                    .with_if("password", password.as_ref());
                screening.add_to(element).with_text(uri)
            }
            Self::Client { identity } => Element::new("Client").with_text(identity),
        }
    }
}

impl Dial {
    /// Rings one number.
    pub fn number(number: impl Into<String>) -> Self {
        Self {
            targets: vec![DialTarget::number(number)],
            ..Self::default()
        }
    }

    pub(super) fn to_element(&self) -> Result<Element, TwimlError> {
        if self.targets.is_empty() || self.targets.len() > TARGETS_MAX {
            return Err(TwimlError::DialTargets);
        }
        let record = self.recording.as_ref().map(|recording| {
            if recording.is_dual {
                "record-from-answer-dual"
            } else {
                "record-from-answer"
            }
        });
        let callback = self.recording.as_ref();
        let callback = callback.and_then(|recording| recording.status_callback.as_ref());
        let mut element = Element::new("Dial")
            .with_if("action", self.action.as_ref())
            .with_if("timeout", self.timeout_s)
            .with_if("timeLimit", self.time_limit_s)
            .with_if("callerId", self.caller_id.as_ref())
            .with_if("answerOnBridge", self.answer_on_bridge)
            .with_if("record", record)
            .with_if("recordingStatusCallback", callback);
        for target in &self.targets {
            element.push(target.to_element());
        }
        Ok(element)
    }
}
