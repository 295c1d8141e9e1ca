//! Telephone calls over Twilio: webhooks, documents, the media stream and the REST API of one account.
//!
//! The document that answers a call has no `action`: if our process dies, the socket drops and Twilio itself goes on to
//! the human, then to voicemail, with nothing of ours alive. While alive, we hand over by REST and end calls by REST
//! before the socket closes (design.md, section 5).

mod account;
mod caller_caps;
mod documents;
mod handover;
mod handovers;
mod humans;
mod known_calls;
mod leg;
mod loop_guard;
mod outgoing;
mod pick_up;
mod recording;
mod rest;
mod routing;
mod stream;
mod transfer;
mod voicemail;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::routing::{get, post};
use switchboard_wire::twilio::StreamSid;

use crate::leg::Leg;
use crate::ops::seal::SealingKey;
use crate::reception::Reception;
use crate::socket::WebSocket;
pub use account::{Account, AccountError};
pub(crate) use documents::voicemail_disclosure;
use handovers::Handovers;
use known_calls::KnownCalls;
pub use leg::TwilioLeg;
pub(crate) use recording::{CarriedAudio, write_of};
pub use rest::TwilioRest;
use routing::Routing;
pub(crate) use stream::CUT_PARAMETER;

/// What all handlers of this channel share.
pub struct TwilioChannel {
    reception: Reception,
    client: reqwest::Client,
    sealing: Arc<SealingKey>,
    calls: KnownCalls,
    handovers: Handovers,
    routing: Routing,
    placed: outgoing::PlacedCalls,
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
        Self {
            reception,
            client,
            sealing,
            calls: KnownCalls::default(),
            handovers: Handovers::default(),
            routing: Routing::default(),
            placed: outgoing::PlacedCalls::default(),
        }
    }
}

/// The routes of this channel. They are signed by the carrier, so no rate limit stands before them.
pub fn routes(channel: Arc<TwilioChannel>) -> Router {
    Router::new()
        .route("/twilio/voice", post(webhooks::voice))
        .route("/twilio/status", post(webhooks::status))
        .route("/twilio/dial-ended", post(humans::dial_ended))
        .route("/twilio/human/whisper", post(humans::whisper))
        .route("/twilio/human/answer", post(humans::answer))
        .route("/twilio/human/status", post(humans::status))
        .route("/twilio/human/machine", post(humans::machine))
        .route("/twilio/recording", post(voicemail::recorded))
        .route("/twilio/queue-wait", post(humans::queue_wait))
        .route("/twilio/menu", post(pick_up::pressed))
        .route("/twilio/answered", post(outgoing::answered))
        .route("/twilio/outgoing-status", post(outgoing::status))
        .route("/twilio/amd", post(outgoing::amd))
        .route("/twilio/stream", get(stream::open))
        .with_state(channel)
}
