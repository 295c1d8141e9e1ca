//! Direct mode: the client's offer goes to the model's vendor with our key and our session, its media too, and a socket
//! of ours beside the call keeps tools, transcript, budget, length and the right to end it.
//!
//! It is no boundary against the client (threat S8): a data channel of its own would let it steer the vendor's session.
//! So an offer with one is taken from the tenant's own programs and people only, where the agent says so, and what
//! somebody else changes ends the call.

use std::sync::Arc;

use switchboard_store::{CallId, Channel, NewCall};

use super::direct_leg::DirectLeg;
use super::offer::Voice;
use super::refusal::Refusal;
use super::request::CallRequest;
use super::{Endpoint, LiveCall, NobodyBehind, about_session, not_admitted};
use crate::config::agent::DirectMode;
use crate::http::{CallerCredential, CallerIdentity};
use crate::leg::Leg;
use crate::models::openai_realtime::VendorRefusal;
use crate::reception::{LegKind, NotAdmitted, Offer, ReadyAgent, Reception, direct_setup};

/// Asks for direct mode.
const MODE: &str = "mode=direct";

/// Whether a client asks for it.
pub(super) fn is_asked(query: &str) -> bool {
    query.split('&').any(|pair| pair == MODE)
}

impl Endpoint {
    /// Answers an offer with the vendor's answer.
    pub(super) async fn begin_direct(
        &self,
        asked: &CallRequest,
        voice: Voice,
        identity: CallerIdentity,
        agent: ReadyAgent,
    ) -> Result<(CallId, String), Refusal> {
        may_go_direct(agent.definition.realtime.direct, &identity, &asked.sdp)?;
        let settings = &self.reception.settings;
        let setup = direct_setup(settings, &agent).ok_or_else(Refusal::no_vendor)?;
        let call = identity.call_id();
        let permit = self.reception.admit_caller(&agent, call, &identity).await;
        let permit = permit.map_err(not_admitted)?;
        // Without its model's account it would go to another model, and directly there is no other.
        if settings.openai.sessions_max != 0 && !permit.has_account() {
            return Err(not_admitted(NotAdmitted::Full));
        }
        // Before the vendor is asked: of two requests with one token, one reaches it.
        let name = agent.definition.name.clone();
        self.reception.door.begin(&identity, call, &name).await?;
        let offered_at = chrono::Utc::now();
        let base_url = &settings.openai.base_url;
        let created = self.vendor.create(base_url, &setup, &asked.sdp).await;
        let (vendor_call, answer) = created.map_err(refused)?;
        let row = NewCall {
            contact_id: identity.contact_id,
            ..Reception::offered_row(&agent, call, Channel::WebVoice, offered_at)
        };
        self.reception.store_offered(agent.tenant, row);
        let switches = &self.reception.switches;
        let switches = switches.for_call(agent.tenant, None).await;
        let handle = self.reception.start(Offer {
            agent,
            call,
            offered_at,
            leg: Leg::Direct(Box::new(DirectLeg::new(vendor_call))),
            kind: LegKind::Direct,
            number: None,
            caller: None,
            transferrer: Arc::new(NobodyBehind),
            permit,
            outgoing: None,
            switches,
        });
        if let Some(briefing) = about_session(&identity) {
            handle.send(briefing);
        }
        let live = LiveCall {
            owner: identity,
            handle,
            way: None,
            voice,
        };
        self.remember(call, live);
        Ok((call, answer))
    }
}

/// Whether this client may have this call, with this offer.
fn may_go_direct(mode: DirectMode, identity: &CallerIdentity, offer: &str) -> Result<(), Refusal> {
    let has_channel = offer.lines().any(|line| line.starts_with("m=application"));
    let is_trusted = matches!(
        identity.credential,
        CallerCredential::ApiKey(_) | CallerCredential::Staff(_)
    );
    match mode {
        DirectMode::Off => Err(Refusal::not_direct("This agent takes no direct calls.")),
        DirectMode::Sound | DirectMode::Events if !has_channel => Ok(()),
        DirectMode::Events if is_trusted => Ok(()),
        DirectMode::Events => Err(Refusal::not_direct(
            "Only a key of the tenant may have a data channel to the vendor; offer audio alone.",
        )),
        DirectMode::Sound => Err(Refusal::not_direct(
            "Direct calls of this agent have no data channel; offer audio alone.",
        )),
    }
}

fn refused(refusal: VendorRefusal) -> Refusal {
    match refusal {
        VendorRefusal::Offer => Refusal::vendor("The model's vendor does not take this offer."),
        VendorRefusal::Refused => Refusal::vendor("The model's vendor takes no call from us now."),
        VendorRefusal::Unavailable => Refusal::vendor("The model's vendor does not answer."),
        VendorRefusal::Unusable => Refusal::vendor("The model's vendor gave no usable answer."),
    }
}
