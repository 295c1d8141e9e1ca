//! The carrier's words for a call's life, and their order.
//!
//! Callbacks come twice, late and out of order (threats.md H3): fold each new word with [`CallStatus::advance`].

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Status of a call (protocol notes, section 6). `initiated` appears only in callbacks, as the event before ringing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallStatus {
    Queued,
    Initiated,
    Ringing,
    InProgress,
    Completed,
    Busy,
    Failed,
    NoAnswer,
    Canceled,
}

/// A status word Twilio does not have today.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a call status")]
pub struct UnknownStatus;

impl CallStatus {
    pub const ALL: [Self; 9] = [
        Self::Queued,
        Self::Initiated,
        Self::Ringing,
        Self::InProgress,
        Self::Completed,
        Self::Busy,
        Self::Failed,
        Self::NoAnswer,
        Self::Canceled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Initiated => "initiated",
            Self::Ringing => "ringing",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Busy => "busy",
            Self::Failed => "failed",
            Self::NoAnswer => "no-answer",
            Self::Canceled => "canceled",
        }
    }

    pub fn is_final(self) -> bool {
        self.rank() == FINAL_RANK
    }

    /// The later of the two; the first final word stays.
    #[must_use]
    pub fn advance(self, next: Self) -> Self {
        if next.rank() > self.rank() {
            next
        } else {
            self
        }
    }

    fn rank(self) -> u8 {
        match self {
            Self::Queued => 0,
            Self::Initiated => 1,
            Self::Ringing => 2,
            Self::InProgress => 3,
            _ => FINAL_RANK,
        }
    }
}

const FINAL_RANK: u8 = 4;

impl FromStr for CallStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        let mut all = Self::ALL.into_iter();
        all.find(|status| status.as_str() == text)
            .ok_or(UnknownStatus)
    }
}

impl fmt::Display for CallStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// How a dialled leg ended, as `<Dial action>` reports it (section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DialStatus {
    Completed,
    /// Only for conferences.
    Answered,
    Busy,
    NoAnswer,
    Failed,
    Canceled,
}

impl DialStatus {
    pub const ALL: [Self; 6] = [
        Self::Completed,
        Self::Answered,
        Self::Busy,
        Self::NoAnswer,
        Self::Failed,
        Self::Canceled,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Answered => "answered",
            Self::Busy => "busy",
            Self::NoAnswer => "no-answer",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }
}

impl FromStr for DialStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        let mut all = Self::ALL.into_iter();
        all.find(|status| status.as_str() == text)
            .ok_or(UnknownStatus)
    }
}

/// How a wait in a queue ended, as `<Enqueue action>` reports it (section 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueueResult {
    /// Somebody took the call; the talk is over.
    Bridged,
    /// The caller hung up.
    HungUp,
    /// Our own document took the caller out.
    Left,
    Full,
    /// REST gave the call another document.
    Redirected,
    Failed,
}

impl QueueResult {
    /// A word Twilio does not have today is a failure: the caller is not with anybody.
    pub fn parse(text: &str) -> Self {
        match text {
            "bridged" | "bridging-in-process" => Self::Bridged,
            "hangup" => Self::HungUp,
            "leave" => Self::Left,
            "queue-full" => Self::Full,
            "redirected" => Self::Redirected,
            _ => Self::Failed,
        }
    }
}

/// Who picked up, by answering-machine detection (section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AnsweredBy {
    Human,
    Machine,
    Fax,
    Unknown,
}

impl AnsweredBy {
    /// Every `machine_*`, future ones too, is a machine; every other new word is unknown.
    pub fn parse(text: &str) -> Self {
        match text {
            "human" => Self::Human,
            "fax" => Self::Fax,
            text if text.starts_with("machine_") => Self::Machine,
            _ => Self::Unknown,
        }
    }
}
