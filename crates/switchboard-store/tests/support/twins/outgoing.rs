//! A wish to call somebody, and who opted out.

use switchboard_store::*;

use super::{NUMBER, PHONE, call, phone};
use crate::support::at;

pub fn outgoing_call(id: CallId, contact: ContactId, canary: &str) -> NewOutgoingCall {
    NewOutgoingCall {
        id,
        contact_id: contact,
        agent_name: "medspa".to_owned(),
        purpose: Word::new("reminder"),
        to_number: phone(PHONE),
        from_number: phone(NUMBER),
        context: Some(canary.into()),
        not_before: at(0),
        not_after: at(9_000),
        appointment_id: None,
        appointment_at: None,
    }
}

pub fn outgoing_attempt(id: CallId, canary: &str) -> NewCall {
    NewCall {
        carrier_call_id: None,
        direction: Direction::Outbound,
        ..call(id, canary)
    }
}

pub fn opted_out() -> Reachable {
    Reachable::Phone(phone("+12025550147"))
}
