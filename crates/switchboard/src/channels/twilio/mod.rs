//! Telephone calls over Twilio: webhooks, documents, the media stream and the REST API of one account.
//!
//! The document that answers a call has no `action`: if our process dies, the socket drops and Twilio itself goes on to
//! the human, then to voicemail, with nothing of ours alive. While alive, we hand over by REST and end calls by REST
//! before the socket closes (design.md, section 5).

mod account;
mod documents;
mod leg;
mod rest;
mod stream;
mod transfer;
mod webhooks;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::{get, post};
use switchboard_wire::twilio::StreamSid;

use crate::drive::DriveHandle;
use crate::leg::Leg;
use crate::ops::seal::SealingKey;
use crate::reception::Reception;
use crate::socket::WebSocket;
pub use account::{Account, AccountError};
pub use leg::TwilioLeg;
pub use rest::TwilioRest;

/// A call is remembered this long after its webhook, so that a repeated webhook finds it.
const REMEMBERED: Duration = Duration::from_secs(4 * 60 * 60);

/// What all handlers of this channel share.
pub struct TwilioChannel {
    reception: Reception,
    client: reqwest::Client,
    sealing: Arc<SealingKey>,
    calls: Mutex<HashMap<String, KnownCall>>,
}

/// A call whose webhook was answered.
#[derive(Clone)]
struct KnownCall {
    /// What the webhook was answered with: a repeated one gets the same while the call rings (H2).
    document: String,
    account: Account,
    /// The way to its drive; None when it went straight to a human.
    handle: Option<DriveHandle>,
    /// The stream was opened, or the call is over: a repeated webhook gets an empty document.
    is_past_ringing: bool,
    since: Instant,
}

/// A stream whose token was good, on its way to its call.
pub struct AttachedStream {
    socket: WebSocket,
    sid: StreamSid,
    sequence: u64,
}

impl AttachedStream {
    /// Gives the socket to the leg. A second stream for the same call is dropped.
    pub fn attach_to(self, leg: &mut Leg) {
        if let Leg::Twilio(leg) = leg {
            leg.attach(self.socket, self.sid, self.sequence);
        }
    }
}

impl TwilioChannel {
    /// The channel of one process.
    pub fn new(reception: Reception, client: reqwest::Client, sealing: Arc<SealingKey>) -> Self {
        Self { reception, client, sealing, calls: Mutex::default() }
    }

    fn known(&self, call_sid: &str) -> Option<KnownCall> {
        self.lock().get(call_sid).cloned()
    }

    /// Remembers a call. False when it is known already: then the first one counts.
    fn remember(&self, call_sid: &str, call: KnownCall) -> bool {
        let mut calls = self.lock();
        let now = Instant::now();
        calls.retain(|_, known| now.duration_since(known.since) < REMEMBERED);
        if calls.contains_key(call_sid) {
            return false;
        }
        calls.insert(call_sid.to_owned(), call);
        true
    }

    fn pass_ringing(&self, call_sid: &str) {
        if let Some(known) = self.lock().get_mut(call_sid) {
            known.is_past_ringing = true;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, KnownCall>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The routes of this channel. They are signed by the carrier, so no rate limit stands before them.
pub fn routes(channel: Arc<TwilioChannel>) -> Router {
    Router::new()
        .route("/twilio/voice", post(webhooks::voice))
        .route("/twilio/status", post(webhooks::status))
        .route("/twilio/dial-ended", post(webhooks::dial_ended))
        .route("/twilio/stream", get(stream::open))
        .with_state(channel)
}
