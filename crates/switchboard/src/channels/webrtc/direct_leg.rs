//! The leg of a call whose media goes between the client and the model's vendor. Nothing is heard or played here; what
//! there is, is the right to end the call at the vendor, which goes with the leg.

use std::task::Poll;

use switchboard_call::input::FromLeg;

use crate::leg::LegEvent;
use crate::models::openai_realtime::VendorCall;

/// A client at the vendor.
#[derive(Debug)]
pub struct DirectLeg {
    call: VendorCall,
    is_ready: bool,
}

impl DirectLeg {
    pub(super) fn new(call: VendorCall) -> Self {
        Self {
            call,
            is_ready: false,
        }
    }

    /// The vendor's id of the call.
    pub fn vendor_call(&self) -> &str {
        self.call.id()
    }

    /// Once that media can flow, which the vendor and the client settle between them.
    pub fn poll_next(&mut self) -> Poll<LegEvent> {
        if std::mem::replace(&mut self.is_ready, true) {
            return Poll::Pending;
        }
        Poll::Ready(LegEvent::Event(FromLeg::Ready))
    }
}
