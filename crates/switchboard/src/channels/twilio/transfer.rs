//! A handoff of a live telephone call: its running document is replaced by one that dials the human.

use std::sync::Arc;

use switchboard_call::handoff::Handoff;
use switchboard_call::input::Input;
use switchboard_wire::twilio::CallSid;

use super::documents::HandoffWords;
use super::rest::TwilioRest;
use crate::drive::{DriveHandle, DriveInput, Transferrer};

/// Moves one call.
pub(super) struct CallTransfer {
    pub(super) rest: Arc<TwilioRest>,
    pub(super) call_sid: CallSid,
    pub(super) words: HandoffWords,
    pub(super) dial_ended_url: String,
}

impl Transferrer for CallTransfer {
    fn transfer(&self, _handoff: Handoff, answer: DriveHandle) {
        let document = self.words.transfer(self.dial_ended_url.clone());
        let rest = Arc::clone(&self.rest);
        let call_sid = self.call_sid.clone();
        tokio::spawn(async move {
            let outcome = rest.transfer(&call_sid, document).await;
            answer.send(DriveInput::Core(Input::Transfer(outcome)));
        });
    }
}
