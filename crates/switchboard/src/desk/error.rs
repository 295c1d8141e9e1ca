//! Why the desk did not do something, in words that may be spoken to a caller.

use switchboard_store::StoreError;

use super::appointments::FreeTime;
use super::availability::NoSlots;

/// Nothing was changed. The text of each is a sentence for the caller; it holds nothing about other people.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DeskError {
    #[error("We do not offer that service.")]
    UnknownService { known: Vec<String> },
    #[error("That could be one of several services.")]
    AmbiguousService { options: Vec<String> },
    #[error("Nobody of that name works here.")]
    UnknownPractitioner { known: Vec<String> },
    #[error("That could be one of several people.")]
    AmbiguousPractitioner { options: Vec<String> },
    #[error("That person does not do this service.")]
    NotOffered { options: Vec<String> },
    #[error("We are closed on that day.")]
    Closed { next_free: Vec<FreeTime> },
    #[error("That is outside our opening hours.")]
    OutsideHours { next_free: Vec<FreeTime> },
    #[error("Appointments do not begin at that minute.")]
    OffGrid { next_free: Vec<FreeTime> },
    #[error("That time has just passed, or is too soon.")]
    Past { next_free: Vec<FreeTime> },
    #[error("We do not take bookings that far ahead.")]
    TooFarAhead,
    #[error("That time is already taken.")]
    SlotTaken { next_free: Vec<FreeTime> },
    #[error("A name is needed, of at most 80 letters.")]
    InvalidName,
    #[error("That is not a complete telephone number.")]
    InvalidPhone,
    #[error("The appointment book does not answer at the moment.")]
    Store(#[from] StoreError),
}

impl DeskError {
    /// A stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownService { .. } => "unknown_service",
            Self::AmbiguousService { .. } => "ambiguous_service",
            Self::UnknownPractitioner { .. } => "unknown_practitioner",
            Self::AmbiguousPractitioner { .. } => "ambiguous_practitioner",
            Self::NotOffered { .. } => NoSlots::NotOffered.code(),
            Self::Closed { .. } => NoSlots::Closed.code(),
            Self::OutsideHours { .. } => "outside_hours",
            Self::OffGrid { .. } => "off_grid",
            Self::Past { .. } => NoSlots::Past.code(),
            Self::TooFarAhead => NoSlots::TooFarAhead.code(),
            Self::SlotTaken { .. } => "slot_taken",
            Self::InvalidName => "invalid_name",
            Self::InvalidPhone => "invalid_phone",
            Self::Store(_) => "unavailable",
        }
    }

    /// Names to choose from instead.
    #[must_use]
    pub fn options(&self) -> &[String] {
        match self {
            Self::UnknownService { known: options }
            | Self::UnknownPractitioner { known: options }
            | Self::AmbiguousService { options }
            | Self::AmbiguousPractitioner { options }
            | Self::NotOffered { options } => options,
            _ => &[],
        }
    }

    /// Times to take instead, the soonest first.
    #[must_use]
    pub fn next_free(&self) -> &[FreeTime] {
        match self {
            Self::Closed { next_free }
            | Self::OutsideHours { next_free }
            | Self::OffGrid { next_free }
            | Self::Past { next_free }
            | Self::SlotTaken { next_free } => next_free,
            _ => &[],
        }
    }
}
