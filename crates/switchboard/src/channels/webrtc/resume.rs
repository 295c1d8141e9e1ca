//! A client that lost its connection offers again, with the token of its call, and goes on in it (threat S9).
//!
//! The token is spent when the new connection's channel is open, not by the offer: a connection that comes to nothing
//! costs nobody the call.

use std::sync::PoisonError;

use axum::extract::Request;
use switchboard_store::CallId;

use super::peer::Peer;
use super::presence::ReturningPeer;
use super::refusal::Refusal;
use super::request::read_offer;
use super::{Endpoint, LiveCall, address_of, credential};
use crate::channels::websocket::ReturningClient;
use crate::channels::websocket::comeback::{
    Comebacks, Exchange, Held, ResumeAsk, ResumeOffer, WayBack,
};
use crate::config::Secret;
use crate::drive::{DriveHandle, DriveInput};
use crate::http::CallerIdentity;

impl Endpoint {
    /// What a client is told that may come back. None where nobody may.
    pub(super) fn resume_offer(&self, call: CallId) -> Option<ResumeOffer> {
        let grace_s = self.reception.settings.sessions.grace_s;
        if grace_s == 0 {
            return None;
        }
        Some(ResumeOffer {
            token: Comebacks::mint()?,
            call,
            grace_s,
        })
    }

    /// Whoever brings this token, and is who began it, comes back to this call.
    pub(super) fn may_return(
        &self,
        token: &Secret,
        call: CallId,
        handle: &DriveHandle,
        identity: &CallerIdentity,
    ) {
        let held = Held {
            call,
            handle: handle.clone(),
            identity: identity.clone(),
        };
        self.comebacks.hold(token, held);
    }

    /// Answers the offer of a client that comes back.
    pub(super) async fn resume(
        &self,
        request: Request,
        ask: &ResumeAsk,
    ) -> Result<(CallId, String), Refusal> {
        let brought = credential(&request, &self.reception.settings.http.cors_origins)?;
        let address = address_of(&request)?;
        let identity = self.reception.door.recognise(&brought).await?;
        let held = self.comebacks.find(&ask.token, &identity);
        let held = held.ok_or_else(Refusal::no_way_back)?;
        let call = held.call;
        let live = self.live(call).ok_or_else(Refusal::no_way_back)?;
        let sdp = read_offer(request).await?;
        let voice = live.voice.found_in(&sdp);
        let voice = voice.map_err(|error| Refusal::offer(error.to_string()))?;
        let (unfinished, seat) = self.make_room(&brought, address)?;
        let way = seat.sender().downgrade();
        let (peer, answer) = Peer::answer(seat, &sdp, voice).map_err(Refusal::offer)?;
        let offer = self.resume_offer(call).ok_or_else(Refusal::unavailable)?;
        let handle = held.handle.clone();
        let returning = ReturningPeer {
            peer,
            connect_by: self.connect_by(),
            unfinished,
            exchange: Exchange::begin(&self.comebacks, &ask.token, &offer.token, held),
        };
        let client = ReturningClient {
            way: WayBack::Peer(Box::new(returning)),
            after: ask.after.clone(),
            offer,
        };
        if !handle.send(DriveInput::Return(Box::new(client))) {
            return Err(Refusal::no_way_back());
        }
        metrics::counter!("switchboard_clients_resumed_total").increment(1);
        let way = Some(way);
        self.remember(call, LiveCall { way, ..live });
        Ok((call, answer))
    }

    fn live(&self, call: CallId) -> Option<LiveCall> {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        calls.get(&call).cloned()
    }
}
