//! Twilio's webhooks: a call comes in, its status changed, a dialled human is done. Each may come twice, late or out of
//! order, and is checked before anything of it is believed.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode, Uri};
use switchboard_call::handoff::HandoffReason;
use switchboard_call::input::{FromLeg, Input, LegClosed};
use switchboard_store::{
    CallDetail, CallEnd, CallId, CallProgress, CallStatus, Channel, EndClass, JournalWrite,
    NewCall, NumberRoute, PhoneNumber, StoreError, TenantId, Timestamp, TransferStatus, Word,
};
use switchboard_wire::twilio::Form;
use switchboard_wire::twilio::requests::{DialEnded, StatusRequest, VoiceRequest};
use switchboard_wire::twilio::status::CallStatus as CarrierStatus;
use switchboard_wire::twilio::twiml::Document;

use super::caller_caps::{self, CallerCap};
use super::documents::{self, HandoffWords};
use super::handover::{Handover, HandoverParts};
use super::known_calls::{Answer, CallName, KnownCall};
use super::loop_guard::LoopGuard;
use super::pick_up::Pickup;
use super::{Account, AccountError, TwilioChannel};
use crate::config::{AgentDefinition, Secret};
use crate::drive::DriveInput;
use crate::http::Problem;
use crate::ops::metrics::names;
use crate::ops::traces::WebhookCall;
use crate::reception::{ReadyAgent, Reception, is_absence};
use crate::switches::{CallSwitches, PickUp};

/// The carrier waits 15 s for a document, and the look-up of the number may have taken five of them already.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);

pub(super) type Channels = State<Arc<TwilioChannel>>;

pub(super) fn xml(document: String) -> Response {
    ([(CONTENT_TYPE, "text/xml; charset=utf-8")], document).into_response()
}

pub(super) fn refuse(error: AccountError) -> Response {
    let reason = match error {
        AccountError::NoAccount => "no_account",
        AccountError::Sealed => "sealed",
        AccountError::Foreign => "foreign_account",
        AccountError::Signature => "signature",
    };
    metrics::counter!(names::WEBHOOKS_REFUSED_TOTAL, "reason" => reason).increment(1);
    tracing::warn!(reason, "refused a webhook");
    Problem::new(
        StatusCode::FORBIDDEN,
        "webhook_refused",
        "The webhook is not signed by the account of this number.",
    )
    .into_response()
}

/// Fields that may hold the called number of a call that comes in. Its caller may be anybody, another tenant too.
const CALLED: [&str; 2] = ["To", "Called"];
/// The same for a call that was placed from one of our numbers, or a leg of one.
const OURS: [&str; 3] = ["To", "Called", "From"];

/// A recording has no action, so its end asks for the document that holds it once more. The message is left, and the
/// same document again would dial or record again.
pub(super) fn is_message(form: &Form) -> bool {
    form.text("RecordingUrl").is_some() && form.text("DialCallStatus").is_none()
}

/// A checked webhook and where its number leads.
struct Checked {
    account: Account,
    route: Option<NumberRoute>,
}

impl TwilioChannel {
    pub(super) fn public_url(&self, uri: &Uri) -> String {
        let target = uri
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str);
        self.reception.settings.public_url().as_http().join(target)
    }

    /// Finds the account that owns the called number and checks the signature with its secret, before anything else
    /// of the form is read (H1). `fields` may name the number.
    async fn check(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        form: &Form,
        fields: &[&str],
    ) -> Result<Checked, Response> {
        let settings = &self.reception.settings;
        let numbers = fields.iter().filter_map(|name| form.text(name));
        let mut route = None;
        for number in numbers.filter_map(|number| PhoneNumber::parse(number).ok()) {
            let found = self.routing.find(&self.reception, &number).await;
            route = found.map_err(|error| unavailable(&error))?;
            if route.is_some() {
                break;
            }
        }
        let account = match &route {
            Some(route) => Account::of_route(settings, &self.sealing, route),
            None => Account::of_installation(settings),
        };
        let account = account.map_err(refuse)?;
        account
            .check_webhook(settings, &self.public_url(uri), headers, form)
            .map_err(refuse)?;
        Ok(Checked { account, route })
    }
}

pub(super) fn unavailable(error: &switchboard_store::StoreError) -> Response {
    tracing::error!(%error, "the database cannot be asked about a number");
    // The number's fallback document at the carrier dials the human.
    Problem::unavailable().into_response()
}

/// A call comes in.
pub(super) async fn voice(
    State(channel): Channels,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(form) = Form::parse(&body) else {
        return Problem::bad_request().into_response();
    };
    let checked = match channel.check(&uri, &headers, &form, &CALLED).await {
        Ok(checked) => checked,
        Err(response) => return response,
    };
    if is_message(&form) {
        return xml(documents::hang_up());
    }
    let Ok(request) = VoiceRequest::from_form(&form) else {
        return Problem::bad_request().into_response();
    };
    let voice = &channel.reception.settings.speech.carrier_voice;
    let Some(route) = checked.route else {
        tracing::warn!("a call to a number that leads nowhere was declined");
        return xml(documents::unknown_number(voice));
    };
    let name = CallName::new(&request.account_sid, &request.call_sid);
    let known = channel.calls.know(name, &checked.account);
    let answer = answered(&channel, &known, route, request).await;
    (Extension(WebhookCall(known.id)), answer).into_response()
}

async fn answered(
    channel: &TwilioChannel,
    known: &KnownCall,
    route: NumberRoute,
    request: VoiceRequest,
) -> Response {
    let _alone = known.answer_alone().await;
    match known.answer() {
        Answer::NotYet => {}
        Answer::Document(document) => return xml(document),
        Answer::PastRinging => return xml(documents::nothing()),
    }
    let voice = &channel.reception.settings.speech.carrier_voice;
    let incoming = Incoming {
        channel,
        known,
        route,
        request,
    };
    let answer = tokio::time::timeout(ANSWER_TIME_MAX, incoming.answer()).await;
    match answer.unwrap_or_else(|_| Err(anyhow::anyhow!("the database took too long"))) {
        Ok(document) => {
            known.keep(Answer::Document(document.clone()));
            xml(document)
        }
        Err(error) => {
            tracing::error!(%error, "a call could not be answered by its agent");
            let handover = incoming.handover(None);
            if handover.book().parties(None, chrono::Utc::now()).is_empty() {
                return xml(documents::apology(voice));
            }
            xml(handover.unasked())
        }
    }
}

/// Why no agent may answer now, although it could.
fn away_from_agent(switches: &CallSwitches) -> Option<HandoffReason> {
    if switches.bridge_only || switches.pick_up == PickUp::Bridge {
        Some(HandoffReason::BridgeOnly)
    } else if !switches.streaming {
        Some(HandoffReason::StreamingOff)
    } else {
        None
    }
}

/// One call at the door.
struct Incoming<'a> {
    channel: &'a TwilioChannel,
    known: &'a KnownCall,
    route: NumberRoute,
    request: VoiceRequest,
}

impl Incoming<'_> {
    fn reception(&self) -> &Reception {
        &self.channel.reception
    }

    async fn answer(&self) -> anyhow::Result<String> {
        let agent = self
            .reception()
            .agent(self.route.tenant_id, &self.route.agent_name)
            .await?;
        let offered_at = chrono::Utc::now();
        let row = self.row(&agent, offered_at);
        let rows = self.reception().rows(self.route.tenant_id);
        match self.reception().reach.ask(rows.offer_call(&row)).await {
            Ok(offered) if offered.id != self.known.id => {
                return self.answered_before(&agent).await;
            }
            Ok(_) => {}
            // The row lands when the database is back; the caller is here now (R6).
            Err(error) if is_absence(&error) => {
                self.reception().store_offered(self.route.tenant_id, row);
            }
            Err(error) => return Err(error.into()),
        }
        let handover = self.handover(Some(&agent.definition));
        let account = &self.known.account;
        let handover = self.channel.handovers.keep(account, handover);
        let guard = LoopGuard {
            reception: self.reception(),
            tenant: self.route.tenant_id,
            book: handover.book(),
        };
        // While the database is away nobody can say; a caller is not lost for that.
        if guard.is_own(&self.request).await.unwrap_or(false) {
            return Ok(self.to_voicemail(&handover));
        }
        if let Some(answer) = self.capped(&agent, &handover).await {
            return Ok(answer);
        }
        let number = Some(&self.route.number);
        let switches = &self.reception().switches;
        let switches = switches.for_call(self.route.tenant_id, number).await;
        if let Some(reason) = away_from_agent(&switches) {
            return Ok(self.to_human(&handover, reason).await);
        }
        let before_agent = match switches.pick_up {
            PickUp::HumanFirst => handover.ring_first().await,
            PickUp::Menu => handover.menu(1),
            PickUp::Agent | PickUp::Bridge => None,
        };
        if let Some(verbs) = before_agent {
            return Ok(documents::written(verbs));
        }
        match self.reception().admit(&agent, self.known.id).await {
            Ok(permit) => {
                self.connect(agent, offered_at, handover, permit, switches)
                    .await
            }
            Err(refused) => Ok(self.to_human(&handover, refused.reason()).await),
        }
    }

    /// The answer to a number that calls too often, or holds too many calls (threat M5).
    async fn capped(&self, agent: &ReadyAgent, handover: &Handover) -> Option<String> {
        let caller = self.caller()?;
        let reception = self.reception();
        let limits = reception.settings.calls.with(&agent.definition.limits);
        let cap = caller_caps::reached(reception, self.route.tenant_id, &caller, &limits).await?;
        metrics::counter!(names::CALLER_LIMITS_TOTAL, "limit" => cap.as_str()).increment(1);
        match cap {
            CallerCap::AtOnce => {
                let reason = HandoffReason::ConcurrencyLimit;
                Some(self.to_human(handover, reason).await)
            }
            CallerCap::Hourly => {
                self.end_row(Word::new("caller_limit"), EndClass::Caller);
                Some(documents::apology(&reception.settings.speech.carrier_voice))
            }
        }
    }

    /// The way to humans. Without the agent, the installation's words and parties are used.
    fn handover(&self, agent: Option<&AgentDefinition>) -> Handover {
        self.handover_of(self.known.id, agent)
    }

    fn handover_of(&self, call: CallId, agent: Option<&AgentDefinition>) -> Handover {
        let reception = self.reception();
        let client = self.channel.client.clone();
        let account = &self.known.account;
        Handover::new(HandoverParts {
            reception,
            tenant: self.route.tenant_id,
            call,
            call_sid: self.request.call_sid.clone(),
            rest: account.rest(&reception.settings, client, &self.request.account_sid),
            agent,
            of_number: (&self.route).into(),
            called: Some(self.route.number.clone()),
            caller: self.caller(),
        })
    }

    fn caller(&self) -> Option<PhoneNumber> {
        let withheld = self.request.is_caller_withheld();
        let number = PhoneNumber::parse(self.request.from.expose()).ok();
        number.filter(|_| !withheld)
    }

    fn row(&self, agent: &ReadyAgent, offered_at: Timestamp) -> NewCall {
        let mut row = Reception::offered_row(agent, self.known.id, Channel::Phone, offered_at);
        row.carrier_call_id = Some(self.request.call_sid.as_str().to_owned());
        row.number = Some(self.route.number.clone());
        row.caller_number = self.caller();
        row.location.clone_from(&self.route.location);
        row
    }

    /// Another process, or this one before a restart, has taken the call. While it rings, the caller has nobody:
    /// the stream's token is lost with whoever minted it, so a human takes over. A call that the carrier says is in
    /// progress asks behind its own document, after the voicemail: it has had its human.
    async fn answered_before(&self, agent: &ReadyAgent) -> anyhow::Result<String> {
        let request = self.request.status;
        if request == CarrierStatus::InProgress || request.is_final() {
            return Ok(documents::nothing());
        }
        let rows = self.reception().rows(self.route.tenant_id);
        let call = rows
            .call_by_carrier_id(self.request.call_sid.as_str())
            .await?;
        // An end that a restart wrote is none that the caller knows of.
        let lost = Word::new(HandoffReason::ProcessLost.as_str());
        let rings = |call: &CallDetail| match call.status {
            CallStatus::Offered | CallStatus::Ringing => true,
            CallStatus::Ended => {
                call.answered_at.is_none() && call.end_reason.as_ref() == Some(&lost)
            }
            CallStatus::Answered => false,
        };
        match call.filter(rings) {
            Some(call) => Ok(self.again_to_human(&call, agent).await?),
            None => Ok(documents::nothing()),
        }
    }

    async fn again_to_human(
        &self,
        call: &CallDetail,
        agent: &ReadyAgent,
    ) -> anyhow::Result<String> {
        let rows = self.reception().rows(self.route.tenant_id);
        let rung = rows.transfers_of(call.id).await?;
        let last = rung.last().map_or(0, |last| last.ordinal);
        let handover = self.handover_of(call.id, Some(&agent.definition));
        let account = &self.known.account;
        let handover = self.channel.handovers.keep(account, handover.behind(last));
        let lost = Word::new(HandoffReason::ProcessLost.as_str());
        let ringing = TransferStatus::Ringing;
        let chosen = handover.begin(lost, None, ringing).await;
        Ok(documents::written(chosen.verbs))
    }

    /// Our own transfer came back: whoever is on the line can leave a message (threat M3).
    fn to_voicemail(&self, handover: &Handover) -> String {
        tracing::warn!("a call of our own came back and got voicemail");
        metrics::counter!(names::LOOPS_TOTAL).increment(1);
        self.end_row(Word::new("forwarding_loop"), EndClass::Us);
        documents::written(handover.voicemail())
    }

    fn end_row(&self, reason: Word, class: EndClass) {
        let end = CallEnd {
            call_id: self.known.id,
            reason,
            class,
            at: chrono::Utc::now(),
        };
        let write = JournalWrite::CallEnded(end);
        self.reception().journal.write(self.route.tenant_id, write);
    }

    /// At a limit, or switched so, the caller goes to a human at once; no stream is tried.
    async fn to_human(&self, handover: &Handover, reason: HandoffReason) -> String {
        metrics::counter!(names::FALLBACKS_TOTAL, "reason" => reason.as_str()).increment(1);
        metrics::counter!(names::HANDOFFS_TOTAL, "reason" => reason.as_str()).increment(1);
        self.end_row(Word::new(reason.as_str()), EndClass::Us);
        let reason = Word::new(reason.as_str());
        let chosen = handover.begin(reason, None, TransferStatus::Ringing).await;
        documents::written(chosen.verbs)
    }

    async fn connect(
        &self,
        agent: ReadyAgent,
        offered_at: Timestamp,
        handover: Arc<Handover>,
        permit: crate::admission::Permit,
        switches: CallSwitches,
    ) -> anyhow::Result<String> {
        let settings = &self.reception().settings;
        let call = self.known.id;
        let life = Duration::from_secs(settings.limits.stream_token_s);
        let Some(token) = self.token(offered_at, life).await? else {
            // A webhook that was torn has minted it, and nobody knows it any more.
            let lost = Word::new(HandoffReason::ProcessLost.as_str());
            let chosen = handover.begin(lost, None, TransferStatus::Ringing).await;
            return Ok(documents::written(chosen.verbs));
        };
        self.known.hold_token(token.expose(), life);
        let document = Document::new(handover.connect(token.expose())).to_xml()?;
        self.channel.start_agent(Pickup {
            agent,
            call,
            since: offered_at,
            handover,
            permit,
            switches,
            number: Some(self.route.number.clone()),
            caller: self.caller(),
        });
        Ok(document)
    }

    /// The one token of the call's stream: of the database, or while it is away one of our own, which this process alone
    /// takes (S1). None when the call has one already.
    async fn token(&self, offered_at: Timestamp, life: Duration) -> anyhow::Result<Option<Secret>> {
        let rows = self.reception().rows(self.route.tenant_id);
        let (call_sid, account_sid) = (&self.request.call_sid, &self.request.account_sid);
        let (call, until) = (self.known.id, offered_at + life);
        let minting = rows.mint_stream_token(call, call_sid.as_str(), account_sid.as_str(), until);
        match self.reception().reach.ask(minting).await {
            Ok(minted) => Ok(minted.map(|minted| Secret::new(minted.token.expose()))),
            // While the row of the call waits for the database, a token cannot refer to it.
            Err(error) if is_absence(&error) || error == StoreError::MissingReference => {
                let mut bytes = [0; 32];
                getrandom::fill(&mut bytes)?;
                let encoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes);
                Ok(Some(Secret::new(encoded)))
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The status of a call changed at the carrier.
pub(super) async fn status(
    State(channel): Channels,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(form) = Form::parse(&body) else {
        return Problem::bad_request().into_response();
    };
    let checked = match channel.check(&uri, &headers, &form, &OURS).await {
        Ok(checked) => checked,
        Err(response) => return response,
    };
    let Ok(request) = StatusRequest::from_form(&form) else {
        return Problem::bad_request().into_response();
    };
    let Some(route) = checked.route else {
        return StatusCode::NO_CONTENT.into_response();
    };
    // Only the tenant of the number is asked: another tenant's call of this id stays as it is (H1).
    let rows = channel.reception.rows(route.tenant_id);
    match rows.call_by_carrier_id(request.call_sid.as_str()).await {
        Ok(Some(call)) => {
            channel.on_status(route.tenant_id, call.id, &request);
            let traced = Extension(WebhookCall(call.id));
            return (traced, StatusCode::NO_CONTENT).into_response();
        }
        Ok(None) => {}
        Err(error) => return unavailable(&error),
    }
    StatusCode::NO_CONTENT.into_response()
}

impl TwilioChannel {
    /// A status never moves a call backwards; a final one ends a drive that does not know yet.
    fn on_status(&self, tenant: TenantId, call: CallId, request: &StatusRequest) {
        let status = match request.status {
            CarrierStatus::InProgress => CallStatus::Answered,
            status if status.is_final() => CallStatus::Ended,
            _ => CallStatus::Ringing,
        };
        if status != CallStatus::Ringing {
            let name = CallName::new(&request.account_sid, &request.call_sid);
            self.calls.pass_ringing(&name);
        }
        if status != CallStatus::Ended {
            self.reception.journal.write(
                tenant,
                JournalWrite::CallProgressed(CallProgress {
                    call_id: call,
                    status,
                    carrier_status: Word::parse(request.status.as_str()).ok(),
                    at: chrono::Utc::now(),
                }),
            );
            return;
        }
        let at = chrono::Utc::now();
        let closed = JournalWrite::TransfersClosed { call_id: call, at };
        self.reception.journal.write(tenant, closed);
        let handle = self.reception.live.find(call);
        let closed = DriveInput::Core(Input::Leg(FromLeg::Closed(LegClosed::HungUp)));
        if !handle.is_some_and(|handle| handle.send(closed)) {
            // Nobody drives it any more: the end is known already, or this process has never seen the call.
            let (reason, class) = (Word::new("caller_hung_up"), EndClass::Caller);
            let end = CallEnd {
                call_id: call,
                reason,
                class,
                at: chrono::Utc::now(),
            };
            self.reception
                .journal
                .write(tenant, JournalWrite::CallEnded(end));
        }
    }
}

/// A dial of a document that an older version wrote is over: helped, or voicemail.
pub(super) async fn dial_ended_unasked(
    channel: &TwilioChannel,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Response {
    let Ok(form) = Form::parse(body) else {
        return Problem::bad_request().into_response();
    };
    let checked = match channel.check(uri, headers, &form, &OURS).await {
        Ok(checked) => checked,
        Err(response) => return response,
    };
    if is_message(&form) {
        return xml(documents::hang_up());
    }
    let Ok(request) = DialEnded::from_form(&form) else {
        return Problem::bad_request().into_response();
    };
    if request.is_human_reached() {
        return xml(documents::hang_up());
    }
    let settings = &channel.reception.settings;
    let Some(route) = checked.route else {
        return xml(documents::apology(&settings.speech.carrier_voice));
    };
    let agent = channel.reception.agent(route.tenant_id, &route.agent_name);
    let words = match agent.await {
        Ok(agent) => HandoffWords::of(settings, &agent.definition),
        Err(_) => HandoffWords::without_agent(settings),
    };
    let recorded = settings.public_url().as_http().join("/twilio/recording");
    xml(documents::written(words.voicemail(&recorded)))
}
