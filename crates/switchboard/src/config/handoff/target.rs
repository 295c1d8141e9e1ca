//! One party that callers may be handed to: a number, a SIP address, a group of those, or a queue.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use switchboard_store::{PhoneNumber, TransferKind};

use crate::config::agent::{OpeningHours, Texts};

/// Longest SIP address we dial.
const SIP_BYTES_MAX: usize = 255;

/// A party that callers may be handed to, under a name. Exactly one of `number`, `sip`, `members` and `queue`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HandoffTarget {
    /// None. A telephone number.
    pub number: Option<PhoneNumber>,
    /// None. A SIP address: `sip:desk@pbx.example.com;transport=tls`.
    pub sip: Option<SipAddress>,
    /// None. A ring group: names of targets with a number or SIP address, at most [`HandoffTarget::MEMBERS_MAX`].
    pub members: Vec<String>,
    /// `at_once`. How a group rings.
    pub ring: RingOrder,
    /// None. A queue of the carrier's account, from which staff take callers.
    pub queue: Option<String>,
    /// None, which is always. When the party is there, in the agent's zone; outside of it the next one is tried.
    pub hours: OpeningHours,
    /// None: the agent's own announcement. Said to the caller before it rings, or again and again in a queue.
    pub announcement: Texts,
    /// None: the carrier's music. An `https` address of music for those who wait in a queue.
    pub music_url: Option<String>,
    /// `handoff.ring_s_max`. Seconds it rings.
    pub ring_s_max: Option<u64>,
    /// `handoff.queue_s_max`. Seconds a caller waits in a queue.
    pub queue_s_max: Option<u64>,
    /// `ours`. The number that the human sees.
    pub caller_id: CallerIdChoice,
    /// true where `whisper`, `whisper_summary` or `attended` is set, else false. The human presses 1 to take the call.
    pub accept: Option<bool>,
    /// None. Said to the human before the caller is joined.
    pub whisper: Texts,
    /// false. Tell the human in the agent's words why the caller is handed over.
    pub whisper_summary: bool,
    /// false. A human who declines gives the caller back to the agent.
    pub attended: bool,
    /// false. Let the carrier listen whether a machine picked up; then the next party is tried. It errs now and then.
    pub machine_detection: bool,
    /// None: the agent's usual party, then voicemail. Who is tried when nobody here takes the call.
    pub next: Option<String>,
}

/// How a group rings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RingOrder {
    /// All together; the first who answers has the call.
    #[default]
    AtOnce,
    /// One after the other.
    InOrder,
}

/// The number that a dialled human sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallerIdChoice {
    /// The number that the caller dialled. Every carrier allows it, and a line that forwards back to us is known by it.
    #[default]
    Ours,
    /// The caller's own, which the carrier allows for the length of that call; ours when the caller hides it.
    Caller,
}

impl HandoffTarget {
    /// Twilio takes a document of 4,000 characters by REST; five lines with their addresses fit.
    pub const MEMBERS_MAX: usize = 5;

    /// A party that is just a number.
    pub fn of_number(number: PhoneNumber) -> Self {
        Self {
            number: Some(number),
            ..Self::default()
        }
    }

    /// Its kind, or None when it has no address, or more than one.
    pub fn kind(&self) -> Option<TransferKind> {
        let has = (
            self.number.is_some(),
            self.sip.is_some(),
            !self.members.is_empty(),
            self.queue.is_some(),
        );
        match has {
            (true, false, false, false) => Some(TransferKind::Number),
            (false, true, false, false) => Some(TransferKind::Sip),
            (false, false, true, false) => Some(TransferKind::Group),
            (false, false, false, true) => Some(TransferKind::Queue),
            _ => None,
        }
    }

    /// Whether the human presses a key before the caller is joined.
    pub fn asks_for_key(&self) -> bool {
        let is_screened = !self.whisper.is_empty() || self.whisper_summary || self.attended;
        self.accept.unwrap_or(is_screened)
    }
}

/// A SIP address that may be dialled. It prints as a placeholder: the name in it may be a person's.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SipAddress(String);

impl SipAddress {
    /// The address itself, for the one place that dials it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for SipAddress {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "a SIP address must look like sip:desk@pbx.example.com";
        let rest = text
            .strip_prefix("sip:")
            .or_else(|| text.strip_prefix("sips:"));
        let (user, host) = rest.and_then(|rest| rest.split_once('@')).ok_or(expected)?;
        // Headers behind a question mark would let a configured address say more than where to ring (threat P2).
        let is_plain = |c: char| c.is_ascii_graphic() && !"<>\"?@%\\".contains(c);
        let fits = text.len() <= SIP_BYTES_MAX && !user.is_empty() && !host.is_empty();
        if fits && user.chars().all(is_plain) && host.chars().all(is_plain) {
            Ok(Self(text.to_owned()))
        } else {
            Err(expected)
        }
    }
}

impl fmt::Debug for SipAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[private]")
    }
}

impl<'de> Deserialize<'de> for SipAddress {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(D::Error::custom)
    }
}
