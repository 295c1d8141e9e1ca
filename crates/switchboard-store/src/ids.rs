//! Ids as types: mixing a call with a contact does not compile.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$note:meta])* $name:ident,)+) => {$(
        $(#[$note])*
        ///
        /// A UUID of version 7: it sorts by time of making and shows it. It names a thing and is never a secret.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent, no_pg_array)]
        pub struct $name(Uuid);

        impl $name {
            /// Makes a new id from the clock and randomness.
            #[expect(clippy::new_without_default, reason = "a default id would hide that every call makes another one")]
            pub fn new() -> Self {
                Self(Uuid::now_v7())
            }

            pub const fn from_uuid(id: Uuid) -> Self {
                Self(id)
            }

            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )+};
}

ids! {
    /// The organisation whose data is kept apart from all others.
    TenantId,
    /// A person of the tenant who logs in or takes calls.
    StaffId,
    /// A signed-in browser of staff.
    LoginId,
    /// A link by which a person of staff chooses a password.
    InvitationId,
    /// An API key of the tenant.
    ApiKeyId,
    /// One version of an agent.
    AgentId,
    /// A telephone number that reaches an agent.
    NumberId,
    /// A Twilio account of the tenant.
    TwilioAccountId,
    /// A person outside the tenant.
    ContactId,
    /// One way to reach a contact.
    ContactAddressId,
    /// A fact kept about a contact.
    MemoryId,
    /// The long thread with one contact.
    ConversationId,
    /// One item on a message channel.
    MessageId,
    /// One live voice connection with a caller.
    CallId,
    /// A contact's recorded answer to one disclosure.
    ConsentId,
    /// The audio of a call, or of a part of it.
    RecordingId,
    /// Somebody who was erased, in the list.
    ErasureId,
    /// One row of the ledger.
    UsageId,
    /// The right to open one media stream.
    StreamTokenId,
    /// A message that a caller left.
    VoicemailId,
    /// Something the tenant offers.
    ServiceId,
    /// A person who carries out services.
    PractitionerId,
    /// One stretch of opening hours.
    OpeningHoursId,
    /// A booked time.
    AppointmentId,
    /// A wish for a time that was not free.
    WaitlistId,
    /// One process that takes calls, from its start to its end.
    NodeId,
    /// A switch that is set.
    SwitchId,
    /// One alert.
    AlertId,
    /// One line of the audit trail.
    AuditEntryId,
    /// Work that outlives what caused it.
    JobId,
    /// A mail in the outbox.
    MailId,
    /// An address that is told of events.
    WebhookId,
    /// One event for one such address.
    WebhookDeliveryId,
    /// One process that runs jobs.
    WorkerId,
}
