//! Everything a tool knows beside its arguments. None of it comes from the model.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use switchboard_store::CallId;

use crate::desk::{Assurance, Desk};

/// One call, as its tools see it. Made once per call; [`ToolContext::for_request`] makes one per tool call.
#[derive(Debug, Clone)]
pub struct ToolContext {
    /// The tenant's desk, with the zone of the business, the caller's number and assurance.
    pub desk: Desk,
    pub call: CallId,
    /// Which of the call's different requests this is.
    pub idempotency_number: u32,
    /// The present. A function, so that tests can move it.
    pub clock: fn() -> DateTime<Utc>,
    /// Names of the humans this agent may hand over to, from its configuration. May be empty: then there is one.
    pub handoff_targets: Arc<[String]>,
    /// Who makes sure that the caller has agreed to a write.
    pub confirmation: Confirmation,
    /// The call's state machine has asked, the question was heard, and the caller agreed.
    pub confirmed: bool,
}

/// Who makes sure that the caller has agreed to a write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Confirmation {
    /// The call's state machine, by [`ToolContext::confirmed`].
    #[default]
    ByCall,
    /// The agent asks "are you sure?" itself (`confirm = "agent"`); no code checks that it did.
    ByAgent,
}

impl ToolContext {
    /// A context that takes the present from the clock and lets writes through only when confirmed.
    #[must_use]
    pub fn new(desk: Desk, call: CallId) -> Self {
        Self {
            desk,
            call,
            idempotency_number: 0,
            clock: Utc::now,
            handoff_targets: Arc::default(),
            confirmation: Confirmation::default(),
            confirmed: false,
        }
    }

    /// The context of one tool call. The same request has the same number, however often the model repeats it.
    #[must_use]
    pub fn for_request(&self, idempotency_number: u32, confirmed: bool) -> Self {
        Self {
            idempotency_number,
            confirmed,
            ..self.clone()
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        (self.clock)()
    }

    pub(super) fn assurance(&self) -> Assurance {
        self.desk.caller().assurance
    }

    /// Whether a write that asks for confirmation may run.
    pub(super) fn is_confirmed(&self) -> bool {
        self.confirmed || self.confirmation == Confirmation::ByAgent
    }

    /// Unique in the tenant, and the same for the same request of the same call.
    pub(super) fn idempotency_key(&self) -> String {
        format!("{}:{}", self.call, self.idempotency_number)
    }
}
