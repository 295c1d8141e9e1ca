//! What can go wrong, by script: the failure rows of the protocol notes, section 4, and hostile variations.

/// What happens to one media stream. Times count from the `start` message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamFault {
    /// This stream is fine; keeps a place in the list.
    None,
    /// Twilio finds no way to the server: errors 31901, 31910.
    NeverConnects,
    /// The socket opens, `connected` is sent, `start` never.
    NeverStarts,
    /// `start` comes this late.
    StartsAfter {
        ms: u64,
    },
    /// A parameter arrives with another value: a forged or replayed token.
    ForgedParameter {
        name: String,
        value: String,
    },
    /// Upgrade without a signature.
    Unsigned,
    /// Upgrade with a wrong signature.
    WronglySigned,
    /// The connection ends without `stop` and without a close frame.
    CutAfter {
        ms: u64,
    },
    /// The connection is reset.
    ResetAfter {
        ms: u64,
    },
    /// Twilio stops reading and sending, and leaves the connection open.
    FrozenAfter {
        ms: u64,
    },
    /// Twilio stops reading; audio keeps coming.
    DeafAfter {
        ms: u64,
    },
    /// No audio comes any more; everything else works.
    MuteAfter {
        ms: u64,
    },
    /// A text message of any content.
    TextAfter {
        ms: u64,
        text: String,
    },
    /// Bytes that need not be a frame.
    BytesAfter {
        ms: u64,
        bytes: Vec<u8>,
    },
    /// Audio comes in bunches of this many frames, as jittery networks deliver it.
    Bunched {
        frames: usize,
    },
    Marks(MarkFault),
}

/// Lies about playback (threats.md S4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkFault {
    /// No mark ever comes back.
    Missing,
    /// Marks come back when they are received, before anything was played.
    Early,
    /// Each mark comes back twice.
    Twice,
    /// Each mark is joined by one that was never sent.
    Unknown,
}

/// What happens to the webhooks of one call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WebhookFaults {
    /// The voice request comes a second time while the first is being answered or just after.
    pub has_second_voice_request: bool,
    /// Each status callback comes twice.
    pub has_status_twice: bool,
    /// Status callbacks are kept back and sent at the end, last first.
    pub has_status_reversed: bool,
    /// The voice request carries no signature.
    pub is_unsigned: bool,
}

/// What happens to one REST request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestFault {
    /// Answered properly, but late.
    Delay { ms: u64 },
    /// Refused with this status and Twilio error code; nothing is done.
    Refuse { status: u16, code: u32 },
    /// Never answered; nothing is done.
    Timeout,
    /// Done, but the connection ends without an answer.
    DoneButDropped,
}

impl RestFault {
    /// Error 20429.
    pub fn too_many_requests() -> Self {
        Self::Refuse {
            status: 429,
            code: 20429,
        }
    }

    pub fn server_error() -> Self {
        Self::Refuse {
            status: 503,
            code: 20503,
        }
    }
}
