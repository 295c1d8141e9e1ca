//! Outgoing webhooks: what happened, told to addresses that tenants name, signed by
//! [Standard Webhooks](https://www.standardwebhooks.com): `webhook-id`, `webhook-timestamp`, `webhook-signature`.
//!
//! A fact (a call's end, a booking) is stored together with a job; the job makes one delivery per endpoint that wants
//! to know, and a job for each delivery. Every try of a delivery has the same `webhook-id`, so a receiver can tell what
//! it has seen. A try that was not answered with 2xx is repeated over three days; an endpoint whose every try has failed
//! for five days is disabled, with an alarm. What is told holds ids, words and times.

mod deliver;
mod manage;
mod signature;

pub use deliver::deliver;
pub use manage::{WebhookRefusal, add, rotate};
pub use signature::{SIGNATURE_HEADER, WebhookSecret};

use switchboard_store::{TenantId, WebhookId, Word};

/// Everything an endpoint can be told of.
pub const EVENTS: [&str; 4] = [
    "call.ended",
    "call.handed_over",
    "voicemail.left",
    "appointment.booked",
];

/// The event of this name.
pub fn event(name: &str) -> Option<Word> {
    EVENTS
        .iter()
        .find(|event| **event == name)
        .map(|event| Word::new(event))
}

/// The context for which an endpoint's secret is sealed.
pub fn secret_context(tenant: TenantId, webhook: WebhookId) -> String {
    format!("webhook/{tenant}/{webhook}")
}
