//! What the business does: services, contacts, free times, appointments.
//!
//! The tools of an agent and the routes of the API are two thin faces of these operations. Availability and matching
//! are pure; everything else goes through one tenant's store. Nothing here decides about a conversation, reads the
//! clock, or gives a caller more than [`Caller`] may know.

mod appointments;
mod assurance;
pub mod availability;
mod captured;
mod contacts;
pub mod dialling;
mod error;
#[cfg(test)]
pub(crate) mod fixture;
pub mod hours;
pub(crate) mod local_time;
mod matching;
mod opt_out;
pub mod outgoing;
mod phone_numbers;
pub mod reminders;
mod services;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use chrono_tz::Tz;
use switchboard_store::{ContactId, PhoneNumber, TenantStore};

pub use self::appointments::{
    Availability, AvailabilityQuestion, BookedAppointment, BookingRequest, FreeTime,
};
pub use self::assurance::Assurance;
pub use self::availability::{BookingRules, Grid};
pub use self::contacts::{ContactQuestion, KnownContact, PersonName};
pub use self::error::DeskError;
pub use self::phone_numbers::Dialling;

/// One tenant's desk, for one call or one request. Clones share what the caller told during the call.
#[derive(Debug, Clone)]
pub struct Desk {
    store: TenantStore,
    zone: Tz,
    rules: BookingRules,
    dialling: Dialling,
    caller: Caller,
    /// Contacts made in this call: the caller may hear about them again. A call makes few.
    made: Arc<Mutex<Vec<ContactId>>>,
}

/// Who asks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// The number the carrier shows; a hint, which anybody can forge.
    pub phone: Option<PhoneNumber>,
    pub assurance: Assurance,
}

impl Desk {
    /// The desk of the store's tenant. `zone` is the business's: what "tomorrow at two" means.
    #[must_use]
    pub fn new(store: TenantStore, zone: Tz, caller: Caller) -> Self {
        Self {
            store,
            zone,
            rules: BookingRules::default(),
            dialling: Dialling::default(),
            caller,
            made: Arc::default(),
        }
    }

    #[must_use]
    pub fn with_rules(self, rules: BookingRules) -> Self {
        Self { rules, ..self }
    }

    /// How callers give numbers, taken from the number they dialled.
    #[must_use]
    pub fn with_own_number(self, number: &PhoneNumber) -> Self {
        Self {
            dialling: Dialling::around(number),
            ..self
        }
    }

    /// The zone of the business.
    #[must_use]
    pub const fn zone(&self) -> Tz {
        self.zone
    }

    /// Who asks.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    fn made(&self) -> Vec<ContactId> {
        self.made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn remember_made(&self, contact: ContactId) {
        self.made
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(contact);
    }
}
