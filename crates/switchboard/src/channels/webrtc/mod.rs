//! Calls over WebRTC, ended in our process: `POST /v1/realtime/calls` answers an offer, and the call is one more leg.
//!
//! The client sends its voice on a media track and talks `/v1/realtime`'s own events on the data channel `oai-events`.
//! All calls share one UDP port (`ports.rs`); who may call is decided as on the WebSocket.

mod direct;
mod direct_leg;
mod keys;
mod leg;
mod offer;
mod peer;
mod ports;
mod presence;
mod refusal;
mod request;
mod resume;
mod tcp;
mod unfinished;
mod voice;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::StatusCode;
use http::header::{CONTENT_TYPE, LOCATION};
use switchboard_call::input::{Control, Input};
use switchboard_store::{CallId, Channel, NewCall, TenantId};
use switchboard_wire::openai::{Target, parse_target};
use tokio::sync::{mpsc, oneshot};

pub use direct_leg::DirectLeg;
use leg::Parts;
pub use leg::WebRtcLeg;
use offer::Voice;
use peer::Peer;
use ports::{Ports, Seat, ToPeer};
pub(super) use presence::ReturningPeer;
use refusal::Refusal;
use request::{CallRequest, read_offer};
use unfinished::{Unfinished, UnfinishedCalls};

use super::websocket::comeback::{Comebacks, ResumeAsk};
use super::websocket::protocol::{
    AgentProfile, ClientKind, ClientProtocol, ClientSetup, Credential,
};
use super::websocket::{
    NobodyBehind, about_session, agent_profile, allows_origin, seed, session_id,
};
use crate::config::{HttpSettings, WebrtcSettings};
use crate::drive::{DriveHandle, DriveInput};
use crate::http::identity::Brought;
use crate::http::{CallerCredential, CallerIdentity, CallerRefusal, ClientAddress, Drain};
use crate::leg::Leg;
use crate::models::openai_realtime::VendorCalls;
use crate::reception::{
    LegKind, NotAdmitted, Offer, ReadyAgent, Reception, ReceptionError, unsaid_disclosure,
};

/// What the id of a call begins with on the wire.
const ID_PREFIX: &str = "rtc_";
/// The path of the calls.
const PATH: &str = "/v1/realtime/calls";
/// Turns `switchboard.*` events on.
const OWN_EVENTS: &str = "switchboard_events=1";
/// How long a live call may take to answer a new offer. It answers between two packets.
const REOFFER_MAX: Duration = Duration::from_secs(2);

/// The ports of all calls over WebRTC, open and not yet read.
pub struct WebRtcPorts(Ports);

impl WebRtcPorts {
    /// Opens them.
    ///
    /// # Errors
    /// A port is taken, or there is no address to announce.
    pub async fn open(http: &HttpSettings, settings: &WebrtcSettings) -> Result<Self> {
        Ok(Self(Ports::open(http, settings).await?))
    }

    /// Reads them until `drain` begins.
    pub async fn run(self, drain: Drain) {
        self.0.run(drain).await;
    }
}

/// What the endpoint needs.
struct Endpoint {
    reception: Reception,
    ports: Ports,
    unfinished: UnfinishedCalls,
    calls: Mutex<HashMap<CallId, LiveCall>>,
    comebacks: Arc<Comebacks>,
    /// Takes the media of direct calls.
    vendor: VendorCalls,
}

/// A call that somebody may steer.
#[derive(Clone)]
struct LiveCall {
    owner: CallerIdentity,
    handle: DriveHandle,
    /// The way to its connection. None for a call whose media does not come here.
    way: Option<mpsc::WeakSender<ToPeer>>,
    voice: Voice,
}

/// The routes of the endpoint, for the group that is limited per address.
///
/// # Errors
/// There is no client for the vendor to be had.
pub fn routes(reception: Reception, ports: &WebRtcPorts) -> Result<Router> {
    let vendor = VendorCalls::new(reception.live.clone())?;
    let endpoint = Arc::new(Endpoint {
        vendor,
        reception,
        ports: ports.0.clone(),
        unfinished: UnfinishedCalls::default(),
        calls: Mutex::default(),
        comebacks: Arc::default(),
    });
    let routes = Router::new()
        .route("/v1/realtime/calls", post(begin))
        .route("/v1/realtime/calls/{id}", post(offer_again))
        .route("/v1/realtime/calls/{id}/hangup", post(hang_up))
        .with_state(endpoint);
    Ok(routes)
}

async fn begin(State(endpoint): State<Arc<Endpoint>>, request: Request) -> Response {
    let (status, begun) = match ResumeAsk::of(request.headers()) {
        Some(ask) => (StatusCode::OK, endpoint.resume(request, &ask).await),
        None => (StatusCode::CREATED, endpoint.begin(request).await),
    };
    match begun {
        Ok((call, answer)) => {
            let location = format!("{PATH}/{}", wire_id(call));
            let headers = [
                (CONTENT_TYPE, "application/sdp".to_owned()),
                (LOCATION, location),
            ];
            (status, headers, answer).into_response()
        }
        Err(refusal) => refusal.noted().into_response(),
    }
}

/// A client whose network changed asks for new ICE credentials; the call goes on.
async fn offer_again(
    State(endpoint): State<Arc<Endpoint>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    match endpoint.offer_again(&id, request).await {
        Ok(answer) => ([(CONTENT_TYPE, "application/sdp")], answer).into_response(),
        Err(refusal) => refusal.noted().into_response(),
    }
}

async fn hang_up(
    State(endpoint): State<Arc<Endpoint>>,
    Path(id): Path<String>,
    request: Request,
) -> Response {
    let listed = &endpoint.reception.settings.http.cors_origins;
    let ended = match credential(&request, listed) {
        Ok(brought) => endpoint.hang_up(&id, &brought).await,
        Err(refusal) => Err(refusal),
    };
    match ended {
        Ok(()) => StatusCode::OK.into_response(),
        Err(refusal) => refusal.noted().into_response(),
    }
}

/// What a request brought to show who sends it.
fn credential(request: &Request, listed: &[String]) -> Result<Brought, Refusal> {
    if allows_origin(request.headers(), listed) {
        Ok(Brought::by(request.headers()))
    } else {
        Err(Refusal::foreign_page())
    }
}

fn address_of(request: &Request) -> Result<ClientAddress, Refusal> {
    let address = request.extensions().get::<ClientAddress>().copied();
    address.ok_or_else(Refusal::unavailable)
}

impl Endpoint {
    async fn begin(&self, request: Request) -> Result<(CallId, String), Refusal> {
        let settings = &self.reception.settings;
        let brought = credential(&request, &settings.http.cors_origins)?;
        let address = address_of(&request)?;
        let query = request.uri().query().unwrap_or_default().to_owned();
        let identity = self.reception.door.recognise(&brought).await?;
        if let CallerCredential::Ephemeral { is_used: true, .. } = identity.credential {
            return Err(CallerRefusal::UsedToken.into());
        }
        let asked = CallRequest::read(request).await?;
        let name = match (parse_target(&query), asked.model()) {
            (_, Some(model)) => Some(model.to_owned()),
            (Ok(Target::Model(model)), None) => Some(model),
            _ => None,
        };
        let name = identity.agent_name(name.as_deref())?;
        let name = name.ok_or_else(Refusal::no_model)?;
        let agent = self.agent(identity.tenant_id, name).await?;
        let voice =
            Voice::of_offer(&asked.sdp).map_err(|error| Refusal::offer(error.to_string()))?;
        if direct::is_asked(&query) {
            return self.begin_direct(&asked, voice, identity, agent).await;
        }
        let (unfinished, seat) = self.make_room(&brought, address)?;
        let codec = voice.codec().map_err(|error| {
            tracing::error!(%error, "no codec");
            Refusal::unavailable()
        })?;
        let call = identity.call_id();
        let offered_at = chrono::Utc::now();
        let switches = &self.reception.switches;
        let switches = switches.for_call(agent.tenant, None).await;
        let wants_own_events = query.split('&').any(|pair| pair == OWN_EVENTS);
        let resume = self.resume_offer(call).filter(|_| wants_own_events);
        let token = resume.as_ref().map(|offer| offer.token.clone());
        let setup = ClientSetup {
            agent: AgentProfile {
                disclosure: unsaid_disclosure(&agent, &switches),
                ..agent_profile(&self.reception, &agent, offered_at.timestamp())
            },
            credential: Credential::of(identity.credential),
            kind: ClientKind::Other,
            wants_own_events,
            seed: seed(),
            session_id: session_id(call),
            resume,
        };
        let session = asked.session.as_ref().map(ClientProtocol::read_session);
        let session = session
            .transpose()
            .map_err(|error| Refusal::session(&error))?;
        let protocol = ClientProtocol::with_track(setup, codec.format(), session, call)
            .map_err(|error| Refusal::session(&error))?;
        let way = seat.sender().downgrade();
        let (peer, answer) = Peer::answer(seat, &asked.sdp, voice).map_err(Refusal::offer)?;
        let permit = self.reception.admit_caller(&agent, call, &identity);
        let permit = permit.await.map_err(not_admitted)?;
        // The last act: a token is used up only for a call that begins.
        self.reception.door.begin(&identity, call, name).await?;
        let leg = WebRtcLeg::new(Parts {
            peer,
            codec,
            protocol,
            connect_by: self.connect_by(),
            unfinished,
            may_return: token.is_some(),
        });
        let row = NewCall {
            contact_id: identity.contact_id,
            ..Reception::offered_row(&agent, call, Channel::WebVoice, offered_at)
        };
        self.reception.store_offered(agent.tenant, row);
        let handle = self.reception.start(Offer {
            agent,
            call,
            offered_at,
            leg: Leg::WebRtc(Box::new(leg)),
            kind: LegKind::Track,
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
        if let Some(token) = token {
            self.may_return(&token, call, &handle, &identity);
        }
        let live = LiveCall {
            owner: identity,
            handle,
            way: Some(way),
            voice,
        };
        self.remember(call, live);
        Ok((call, answer))
    }

    /// A place at the ports for a connection whose media is awaited.
    fn make_room(
        &self,
        brought: &Brought,
        address: ClientAddress,
    ) -> Result<(Unfinished, Seat), Refusal> {
        let most = self.reception.settings.webrtc.unfinished_max;
        let unfinished = self.unfinished.begin(brought.expose(), address.0, most);
        let unfinished = unfinished
            .ok_or_else(|| Refusal::too_many("Too many calls wait for their media already."))?;
        let seat = self.ports.join();
        let seat = seat.ok_or_else(|| Refusal::too_many("Too many calls are live already."))?;
        Ok((unfinished, seat))
    }

    /// Until when the media of a connection that is answered now must flow.
    fn connect_by(&self) -> Instant {
        let most = self.reception.settings.webrtc.connect_ms_max;
        Instant::now() + Duration::from_millis(most)
    }

    async fn agent(&self, tenant: TenantId, name: &str) -> Result<ReadyAgent, Refusal> {
        let agent = self.reception.agent(tenant, name).await;
        agent.map_err(|error| match error {
            ReceptionError::NoAgent => Refusal::wrong_model(),
            error => {
                tracing::error!(%error, "an agent cannot answer a client");
                Refusal::unavailable()
            }
        })
    }

    fn remember(&self, call: CallId, live: LiveCall) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        // Calls that ended are forgotten here: there are never more live ones than permits.
        calls.retain(|_, call| call.handle.is_open());
        calls.insert(call, live);
    }

    /// A live call that this caller may steer. Somebody else's answers as one that is not there (threat H7).
    fn find(&self, id: &str, identity: &CallerIdentity) -> Result<LiveCall, Refusal> {
        let call = call_of(id).ok_or_else(Refusal::no_call)?;
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let live = calls.get(&call).filter(|live| live.handle.is_open());
        let live = live.filter(|live| may_steer(identity, &live.owner));
        live.cloned().ok_or_else(Refusal::no_call)
    }

    async fn offer_again(&self, id: &str, request: Request) -> Result<String, Refusal> {
        let listed = &self.reception.settings.http.cors_origins;
        let brought = credential(&request, listed)?;
        let identity = self.reception.door.recognise(&brought).await?;
        let way = self.find(id, &identity)?.way;
        let way = way.ok_or_else(Refusal::no_connection)?;
        let way = way.upgrade().ok_or_else(Refusal::no_call)?;
        let sdp = read_offer(request).await?;
        let (answer, answered) = oneshot::channel();
        way.try_send(ToPeer::Offer { sdp, answer })
            .map_err(|_| Refusal::unavailable())?;
        match tokio::time::timeout(REOFFER_MAX, answered).await {
            Ok(Ok(answer)) => answer.map_err(Refusal::offer),
            Ok(Err(_)) => Err(Refusal::no_call()),
            Err(_) => Err(Refusal::unavailable()),
        }
    }

    async fn hang_up(&self, id: &str, brought: &Brought) -> Result<(), Refusal> {
        let identity = self.reception.door.recognise(brought).await?;
        let live = self.find(id, &identity)?;
        // What its own caller ends, the caller has hung up.
        let control = if identity.is_same_caller(&live.owner) {
            Control::CallerHangsUp
        } else {
            Control::End
        };
        live.handle.send(DriveInput::Core(Input::Control(control)));
        Ok(())
    }
}

fn not_admitted(refused: NotAdmitted) -> Refusal {
    match refused {
        NotAdmitted::Spent(_) => Refusal::spent(),
        NotAdmitted::Full => {
            Refusal::too_many("As many calls as this tenant or user may hold are live already.")
        }
    }
}

/// The tenant's own programs and people steer all of its calls, everybody else their own.
fn may_steer(identity: &CallerIdentity, owner: &CallerIdentity) -> bool {
    match identity.credential {
        CallerCredential::ApiKey(_) | CallerCredential::Staff(_) => {
            identity.tenant_id == owner.tenant_id
        }
        CallerCredential::AppUser | CallerCredential::Ephemeral { .. } => {
            identity.is_same_caller(owner)
        }
    }
}

/// `rtc_` and the id of the call without its dashes.
fn wire_id(call: CallId) -> String {
    format!("{ID_PREFIX}{}", call.uuid().simple())
}

fn call_of(id: &str) -> Option<CallId> {
    let digits = id.strip_prefix(ID_PREFIX).filter(|it| it.len() == 32)?;
    uuid::Uuid::try_parse(digits).ok().map(CallId::from_uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_call_comes_back_and_nothing_else_does() {
        let call = CallId::new();
        assert_eq!(call_of(&wire_id(call)), Some(call));
        for wrong in [
            "",
            "rtc_",
            "rtc_1",
            &call.to_string(),
            "call_00000000000000000000000000000000",
        ] {
            assert_eq!(call_of(wrong), None, "{wrong}");
        }
    }
}
