//! The life of a call as the caller lives it.

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The agent is not yet ready: leg or model is still on its way.
    Connecting,
    /// The agent is in charge.
    Live,
    /// A person of staff talks with the caller, and the agent is silent.
    WithStaff,
    /// A goodbye is being played; then the leg ends.
    Ending,
    /// On the way to a human.
    HandingOff,
    /// Nothing more happens.
    Ended,
}

impl Phase {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Live => "live",
            Self::WithStaff => "with_staff",
            Self::Ending => "ending",
            Self::HandingOff => "handing_off",
            Self::Ended => "ended",
        }
    }
}
