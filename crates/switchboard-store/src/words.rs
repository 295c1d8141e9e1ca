//! Closed lists of words that the database keeps as text.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The text is not one of the words of this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a {list}")]
pub struct UnknownWord {
    pub list: &'static str,
}

macro_rules! word_list {
    ($($(#[$note:meta])* $name:ident { $($(#[$hint:meta])* $variant:ident = $word:literal,)+ })+) => {$(
        $(#[$note])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$hint])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text)
                    .ok_or(UnknownWord { list: stringify!($name) })
            }
        }

        stored_as_text!($name, |word| word.as_str(), str::parse::<$name>);
    )+};
}

word_list! {
    /// Life of a call as the carrier sees it. The order is the order of life; it never runs backwards.
    CallStatus {
        Offered = "offered",
        Ringing = "ringing",
        Answered = "answered",
        Ended = "ended",
    }

    /// How much an alert hurts callers.
    AlertSeverity {
        Warning = "warning",
        Critical = "critical",
    }

    /// Who made a call end.
    EndClass {
        Success = "success",
        Caller = "caller",
        Us = "us",
        Upstream = "upstream",
        Unknown = "unknown",
    }

    /// What came of a call, in the business's eyes. The first that fits counts.
    CallOutcome {
        /// An appointment was made in it.
        Booked = "booked",
        /// A human took over because somebody wanted so.
        HandedOff = "handed_off",
        /// The caller left a message.
        Voicemail = "voicemail",
        /// A machine has our message.
        MessageLeft = "message_left",
        /// The agent, or staff, ended it.
        Completed = "completed",
        /// The caller hung up.
        HungUp = "hung_up",
        /// We called, and no person was talked to.
        NotReached = "not_reached",
        /// A human was dialled for technical reasons.
        Fallback = "fallback",
        /// It broke.
        Failed = "failed",
    }

    /// The orders of a list of calls. A `-` means the largest first.
    CallSort {
        Newest = "-offered_at",
        Oldest = "offered_at",
        Longest = "-duration",
        Shortest = "duration",
        Dearest = "-cost",
        Cheapest = "cost",
        /// By the P95 of heard latency.
        Slowest = "-heard_latency",
        Fastest = "heard_latency",
    }

    /// What sums of the ledger are by.
    UsageBy {
        Day = "day",
        Agent = "agent",
        Component = "component",
        Model = "model",
        /// The app's own id of its user.
        User = "user",
    }

    /// A way to reach us.
    Channel {
        Phone = "phone",
        WebVoice = "web_voice",
        Sms = "sms",
        Whatsapp = "whatsapp",
        Email = "email",
    }

    /// Something that can be switched without a restart.
    Switch {
        /// Whether agents answer by a media stream.
        Streaming = "streaming",
        /// The emergency: every call goes to the human at once.
        BridgeOnly = "bridge_only",
        /// Who picks up: the agent, the human first, a keypad menu, the human only.
        PickUp = "pick_up",
        /// Whether calls are recorded.
        Recording = "recording",
        /// Whether words are kept.
        Transcription = "transcription",
        /// What callers hear before anything is kept.
        ConsentWording = "consent_wording",
    }

    /// How far a switch reaches. The later one is the more specific one.
    SwitchScope {
        Installation = "installation",
        Tenant = "tenant",
        Number = "number",
    }

    /// Who began the call.
    Direction {
        Inbound = "inbound",
        Outbound = "outbound",
    }

    /// Role in a transcript.
    Speaker {
        Caller = "caller",
        Agent = "agent",
        Human = "human",
        System = "system",
    }

    /// What kind of address a contact has.
    AddressKind {
        Phone = "phone",
        Email = "email",
        Postal = "postal",
    }

    /// How a tool call went.
    ToolCallStatus {
        Requested = "requested",
        Running = "running",
        Succeeded = "succeeded",
        Failed = "failed",
        TimedOut = "timed_out",
        Refused = "refused",
        /// The result came after the deadline or an interruption: stored, not spoken.
        Late = "late",
    }

    /// What kind of party a caller is handed to.
    TransferKind {
        Number = "number",
        /// Several lines that ring at once.
        Group = "group",
        Sip = "sip",
        Queue = "queue",
    }

    /// What became of a party that was rung. The order is the order of knowing; beyond `accepted` it is over.
    TransferStatus {
        /// Chosen; the carrier has not taken it yet.
        Offered = "offered",
        Ringing = "ringing",
        /// The human took the call, and talks or has talked.
        Accepted = "accepted",
        /// The human picked up and did not take the call.
        Declined = "declined",
        Busy = "busy",
        /// Nobody picked up in time, or the caller hung up before.
        NoAnswer = "no_answer",
        /// The carrier could not reach the party, or did not take the transfer.
        Failed = "failed",
        /// An answering machine picked up.
        Machine = "machine",
    }

    /// A contact's answer to a disclosure.
    ConsentAnswer {
        /// The disclosure was heard to its end and the caller stayed.
        Implied = "implied",
        Granted = "granted",
        Refused = "refused",
        /// No answer came, or the disclosure was not heard to its end.
        NoAnswer = "none",
        Withdrawn = "withdrawn",
    }

    /// How a recording stands. Broken ones may have audio up to where they broke.
    RecordingStatus {
        Recording = "recording",
        Stored = "stored",
        Broken = "broken",
        Erased = "erased",
    }

    /// Life of a wish to call somebody. It dials and waits in turn; the others are ends.
    OutgoingState {
        Waiting = "waiting",
        Dialling = "dialling",
        /// Somebody was talked to, or a machine has the message.
        Done = "done",
        /// All tries are spent.
        GaveUp = "gave_up",
        /// It must not be made.
        Refused = "refused",
        /// Its time is over.
        Expired = "expired",
    }

    /// Whether a conversation goes on.
    ConversationStatus {
        Open = "open",
        Closed = "closed",
    }

    /// Life of an appointment. `no_show` and `cancelled` free the time.
    AppointmentStatus {
        Held = "held",
        Booked = "booked",
        Confirmed = "confirmed",
        Arrived = "arrived",
        Done = "done",
        NoShow = "no_show",
        Cancelled = "cancelled",
    }

    /// Life of a job. The last three are over; a failed or cancelled one may be tried again by hand.
    JobState {
        Waiting = "waiting",
        Running = "running",
        Done = "done",
        /// Every attempt went wrong, or one said that no other will do better.
        Failed = "failed",
        Cancelled = "cancelled",
    }

    /// How far a mail came. A doubtful one is not sent again by itself.
    MailState {
        Waiting = "waiting",
        /// Its words may have left us.
        Sending = "sending",
        Sent = "sent",
        /// Nobody can know whether it was sent.
        Uncertain = "uncertain",
        Failed = "failed",
    }

    /// Whether an endpoint is told of events.
    WebhookState {
        Enabled = "enabled",
        /// By a person, or because it failed for days.
        Disabled = "disabled",
        Removed = "removed",
    }

    /// Where a delivery stands after its last try.
    WebhookDeliveryState {
        Waiting = "waiting",
        Delivered = "delivered",
        Failed = "failed",
    }

    /// What a person of the tenant may do.
    StaffRole {
        Owner = "owner",
        Manager = "manager",
        Staff = "staff",
        Viewer = "viewer",
    }
}

impl CallStatus {
    /// How far along this status is, for comparisons inside a statement.
    pub(crate) const fn rank(self) -> i64 {
        self as i64
    }
}
