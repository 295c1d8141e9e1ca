//! Our own transfer that comes back to us (threat M3): a human's line that nobody answers often forwards to the number
//! that rang it. Such a call gets voicemail, no agent, and nobody is dialled for it.

use switchboard_store::{OpenTransfer, PhoneNumber, StoreError, TenantId};
use switchboard_wire::twilio::requests::VoiceRequest;

use crate::config::CallerIdChoice;
use crate::handoff::TargetBook;
use crate::reception::Reception;

/// Whose call it is, and by which parties it could have come back.
pub(super) struct LoopGuard<'a> {
    pub(super) reception: &'a Reception,
    pub(super) tenant: TenantId,
    pub(super) book: &'a TargetBook,
}

impl LoopGuard<'_> {
    /// Whether this call is one of ours that came back.
    pub(super) async fn is_own(&self, request: &VoiceRequest) -> Result<bool, StoreError> {
        let number = |text: &str| PhoneNumber::parse(text).ok();
        let from = number(request.from.expose()).filter(|_| !request.is_caller_withheld());
        let forwarder = request.forwarded_from.as_ref();
        let forwarder = forwarder.and_then(|forwarder| number(forwarder.expose()));
        if let Some(from) = &from
            && self.is_ours(from).await?
        {
            return Ok(true);
        }
        let answers_forwarded = self.reception.settings.handoff.answer_forwarded;
        let is_humans = |number: &PhoneNumber| self.book.has_number(number);
        if !answers_forwarded && forwarder.as_ref().is_some_and(is_humans) {
            return Ok(true);
        }
        let rows = self.reception.rows(self.tenant);
        let open = rows.open_transfers(chrono::Utc::now()).await?;
        Ok(open.iter().any(|open| {
            self.comes_back(open, from.as_ref()) || self.comes_back(open, forwarder.as_ref())
        }))
    }

    /// A number that leads to an agent of this installation.
    async fn is_ours(&self, number: &PhoneNumber) -> Result<bool, StoreError> {
        let route = self.reception.store.lookup().number(number).await?;
        Ok(route.is_some())
    }

    /// The line of a party that is being rung just now calls, or shows the number of the caller who waits for it.
    fn comes_back(&self, open: &OpenTransfer, number: Option<&PhoneNumber>) -> bool {
        let Some(number) = number else {
            return false;
        };
        let party = open.target.as_str();
        if self.book.numbers_of(party).contains(&number) {
            return true;
        }
        let shows_caller = self.book.caller_id_of(party) == Some(CallerIdChoice::Caller);
        shows_caller && open.caller_number.as_ref() == Some(number)
    }
}
