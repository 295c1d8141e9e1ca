//! Calls that we place: dialled by REST, answered by a webhook that asks for the document, judged by answering-machine
//! detection beside the call.
//!
//! The model connects when somebody picks up, and not when we dial: most calls ring for half a minute or are never
//! answered, and a session at the vendor is a slot. Who picks up says hello first, which covers the handshake. The stream
//! token lives no longer than that of a call that came in, because the document is asked for at the answer.
//!
//! Webhooks name tenant and call in their address, which the signature covers. So they are known even when the answer to
//! our request was lost, and before it arrived. Ids are names: a stranger's request is measured by the secret of the
//! account that owns the calling number, and refused (H1).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use switchboard_call::AnsweredBy;
use switchboard_call::handoff::{Handoff, HandoffReason, TransferOutcome};
use switchboard_call::input::{FromLeg, Input, LegClosed};
use switchboard_store::{
    CallEnd, CallId, CallProgress, CallStatus, Channel, Direction, EndClass, JournalWrite,
    OutgoingCall, PhoneNumber, StoreError, TenantId, Word,
};
use switchboard_wire::private::Private;
use switchboard_wire::twilio::requests::{AmdRequest, StatusRequest, VoiceRequest};
use switchboard_wire::twilio::rest::{CreateCall, Instructions};
use switchboard_wire::twilio::status::{AnsweredBy as CarrierVerdict, CallStatus as CarrierStatus};
use switchboard_wire::twilio::twiml::{Document, Say, Verb};
use switchboard_wire::twilio::{CallSid, Form};

use super::documents;
use super::handover::{Handover, HandoverParts};
use super::known_calls::{Answer, CallName};
use super::rest::{Created, TwilioRest};
use super::transfer::CallTransfer;
use super::webhooks::{refuse, unavailable, xml};
use super::{Account, TwilioChannel, TwilioLeg};
use crate::admission::Permit;
use crate::config::Settings;
use crate::config::agent::{CallPurpose, farewell};
use crate::desk::outgoing::{NextStep, next_step};
use crate::drive::{DriveHandle, DriveInput, Transferrer};
use crate::http::Problem;
use crate::leg::Leg;
use crate::reception::{LegKind, Offer, OutgoingTopic, ReadyAgent, Reception};
use crate::recorder::{CarrierRecording, RecordedCall};

/// A permit of a call that nobody heard of again is given back after this long: ringing, and the carrier's delay.
const PLACED_MAX: Duration = Duration::from_secs(5 * 60);
/// When a try that was just begun, or found no permit, is looked at again.
const LOOK_AGAIN: chrono::Duration = chrono::Duration::seconds(30);
/// The carrier ends a call that runs this much longer than it may.
const TIME_LIMIT_SLACK_S: u64 = 120;

type Channels = State<Arc<TwilioChannel>>;

/// Calls between dialling and answer, and the permit that each holds.
#[derive(Default)]
pub(super) struct PlacedCalls(Mutex<HashMap<CallId, (Permit, Instant)>>);

impl PlacedCalls {
    fn hold(&self, call: CallId, permit: Permit) {
        let mut placed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        placed.retain(|_, (_, since)| since.elapsed() < PLACED_MAX);
        placed.insert(call, (permit, Instant::now()));
    }

    fn take(&self, call: CallId) -> Option<Permit> {
        let mut placed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        placed.remove(&call).map(|(permit, _)| permit)
    }
}

/// A try as its webhooks name it.
#[derive(Debug, Clone, Copy)]
struct TryName {
    tenant: TenantId,
    call: CallId,
}

impl TryName {
    fn query(self) -> String {
        format!("t={}&c={}", self.tenant, self.call)
    }

    fn of(uri: &Uri) -> Option<Self> {
        let query = uri.query()?;
        let value = |name: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        Some(Self {
            tenant: value("t")?.parse().ok()?,
            call: value("c")?.parse().ok()?,
        })
    }
}

/// A try that a checked webhook speaks of.
struct Placed {
    name: TryName,
    wish: OutgoingCall,
    account: Account,
}

impl TwilioChannel {
    /// Takes a wish as far as it can be taken now. When to look at it again; None when it is over.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn advance_outgoing(
        &self,
        tenant: TenantId,
        id: CallId,
        now: switchboard_store::Timestamp,
    ) -> Result<Option<switchboard_store::Timestamp>, StoreError> {
        let rows = self.reception.rows(tenant);
        let Some(wish) = rows.outgoing_call(id).await? else {
            return Ok(None);
        };
        let agent = self.reception.agent(tenant, &wish.agent).await.ok();
        let definition = agent.as_ref().map(|agent| &*agent.definition);
        let settings = &self.reception.settings;
        match next_step(&rows, settings, definition, &wish, now).await? {
            NextStep::Nothing => Ok(None),
            NextStep::Wait(at) => Ok(Some(at)),
            NextStep::Settle(settlement) => {
                let again = settlement.not_before;
                rows.settle_outgoing_call(&settlement).await?;
                metrics::counter!("switchboard_outgoing_calls_total", "state" => settlement.state.as_str())
                    .increment(1);
                Ok(again)
            }
            NextStep::Dial { ordinal } => {
                // `definition` was there, or there would be nothing to dial for.
                let Some(agent) = agent else { return Ok(None) };
                self.dial(&agent, &wish, ordinal, now).await?;
                Ok(Some(now + LOOK_AGAIN))
            }
        }
    }

    async fn dial(
        &self,
        agent: &ReadyAgent,
        wish: &OutgoingCall,
        ordinal: i64,
        now: switchboard_store::Timestamp,
    ) -> Result<(), StoreError> {
        let call = if ordinal == 1 { wish.id } else { CallId::new() };
        let permit = match self.reception.admit(agent, call).await {
            Ok(permit) => permit,
            Err(refused) => {
                tracing::info!(?refused, "a call waits for a permit");
                return Ok(());
            }
        };
        let name = TryName {
            tenant: agent.tenant,
            call,
        };
        let mut row = Reception::offered_row(agent, call, Channel::Phone, now);
        row.direction = Direction::Outbound;
        row.number = Some(wish.from_number.clone());
        row.caller_number = Some(wish.to_number.clone());
        row.contact_id = Some(wish.contact_id);
        let rows = self.reception.rows(agent.tenant);
        if !rows.begin_outgoing_attempt(wish.id, ordinal, &row).await? {
            return Ok(());
        }
        self.placed.hold(call, permit);
        match self.create(agent, wish, name).await {
            Created::Placed(sid) => {
                rows.name_outgoing_attempt(call, sid.as_str()).await?;
            }
            Created::Refused { is_final } => {
                drop(self.placed.take(call));
                let reason = if is_final {
                    "carrier_refused"
                } else {
                    "carrier_failed"
                };
                self.end_try(name, Word::new(reason), EndClass::Upstream);
            }
            // It may ring all the same: its webhooks tell, or nothing does and the try is lost.
            Created::Unknown => {}
        }
        Ok(())
    }

    async fn create(&self, agent: &ReadyAgent, wish: &OutgoingCall, name: TryName) -> Created {
        let settings = &self.reception.settings;
        let account = match self.account_of(name.tenant, &wish.from_number).await {
            Ok(Some(account)) => account,
            Ok(None) => return Created::Refused { is_final: false },
            Err(error) => {
                tracing::error!(%error, "the database cannot be asked about a number");
                return Created::Refused { is_final: false };
            }
        };
        let Some(sid) = account.sid.clone() else {
            tracing::error!("twilio.account_sid is not set: calls cannot be placed");
            return Created::Refused { is_final: true };
        };
        let limits = settings.calls.with(&agent.definition.limits);
        let url = |path: &str| {
            let base = settings.public_url().as_http();
            base.join(&format!("{path}?{}", name.query()))
        };
        let time_limit_s = u32::try_from(limits.length_max_s + TIME_LIMIT_SLACK_S).ok();
        let create = CreateCall {
            to: Private::from(wish.to_number.expose()),
            from: Private::from(wish.from_number.expose()),
            instructions: Instructions::Url(url("/twilio/answered")),
            status_callback: Some(url("/twilio/outgoing-status")),
            timeout_s: Some(settings.outgoing.ring_s_max),
            time_limit_s: time_limit_s.filter(|_| limits.length_max_s > 0),
            amd_callback: Some(url("/twilio/amd")),
        };
        let rest = account.rest(settings, self.client.clone(), &sid);
        rest.create(&create).await
    }

    /// The account that owns one of the tenant's numbers.
    async fn account_of(
        &self,
        tenant: TenantId,
        number: &PhoneNumber,
    ) -> Result<Option<Account>, StoreError> {
        let route = self.reception.store.lookup().number(number).await?;
        let Some(route) = route.filter(|route| route.tenant_id == tenant) else {
            return Ok(None);
        };
        Ok(Account::of_route(&self.reception.settings, &self.sealing, &route).ok())
    }

    /// Finds the try that the address names, and checks the signature with the secret of its calling number, before
    /// anything of the form is believed. An unknown try is checked with the installation's secret: a stranger is told
    /// the same either way (H1, H7).
    async fn check_placed(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        form: &Form,
    ) -> Result<Option<Placed>, Response> {
        let placed = match TryName::of(uri) {
            Some(name) => self
                .find_placed(name)
                .await
                .map_err(|error| unavailable(&error))?,
            None => None,
        };
        let settings = &self.reception.settings;
        let account = match &placed {
            Some(placed) => placed.account.clone(),
            None => Account::of_installation(settings).map_err(refuse)?,
        };
        account
            .check_webhook(settings, &self.public_url(uri), headers, form)
            .map_err(refuse)?;
        let Some(placed) = placed else {
            return Ok(None);
        };
        // The first signed word about a try names it; another call of the same account is not this one.
        let sid = form
            .text("CallSid")
            .and_then(|sid| CallSid::parse(sid).ok());
        let Some(sid) = sid else {
            return Err(Problem::bad_request().into_response());
        };
        let rows = self.reception.rows(placed.name.tenant);
        let is_ours = rows.name_outgoing_attempt(placed.name.call, sid.as_str());
        let is_ours = is_ours.await.map_err(|error| unavailable(&error))?;
        Ok(Some(placed).filter(|_| is_ours))
    }

    async fn find_placed(&self, name: TryName) -> Result<Option<Placed>, StoreError> {
        let rows = self.reception.rows(name.tenant);
        let Some(wish) = rows.outgoing_call_of(name.call).await? else {
            return Ok(None);
        };
        let account = self.account_of(name.tenant, &wish.from_number).await?;
        Ok(account.map(|account| Placed {
            name,
            wish,
            account,
        }))
    }

    fn end_try(&self, name: TryName, reason: Word, class: EndClass) {
        let end = CallEnd {
            call_id: name.call,
            reason,
            class,
            at: chrono::Utc::now(),
        };
        self.reception
            .journal
            .write(name.tenant, JournalWrite::CallEnded(end));
    }
}

/// Somebody picked up: the document that leads to the agent.
pub(super) async fn answered(
    State(channel): Channels,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(form) = Form::parse(&body) else {
        return Problem::bad_request().into_response();
    };
    let placed = match channel.check_placed(&uri, &headers, &form).await {
        Ok(Some(placed)) => placed,
        Ok(None) => return xml(documents::hang_up()),
        Err(response) => return response,
    };
    let Ok(request) = VoiceRequest::from_form(&form) else {
        return Problem::bad_request().into_response();
    };
    let name = CallName::new(&request.account_sid, &request.call_sid);
    let known = channel
        .calls
        .know_as(name, &placed.account, placed.name.call);
    let _alone = known.answer_alone().await;
    match known.answer() {
        Answer::NotYet => {}
        Answer::Document(document) => return xml(document),
        Answer::PastRinging => return xml(documents::nothing()),
    }
    let voice = channel.reception.settings.speech.carrier_voice.clone();
    match channel.connect_placed(&placed, &request).await {
        Ok(document) => {
            known.keep(Answer::Document(document.clone()));
            xml(document)
        }
        Err(error) => {
            tracing::error!(%error, "a call of ours was answered and has no agent");
            let reason = Word::new(HandoffReason::DatabaseLost.as_str());
            channel.end_try(placed.name, reason, EndClass::Us);
            xml(documents::apology(&voice))
        }
    }
}

impl TwilioChannel {
    async fn connect_placed(
        &self,
        placed: &Placed,
        request: &VoiceRequest,
    ) -> anyhow::Result<String> {
        let TryName { tenant, call } = placed.name;
        let reception = &self.reception;
        let settings = &reception.settings;
        let agent = reception.agent(tenant, &placed.wish.agent).await?;
        let rows = reception.rows(tenant);
        let stored = rows.call(call).await?;
        // A try that ended while the answer was on its way is over.
        if stored.is_none_or(|call| call.status == CallStatus::Ended) {
            return Ok(documents::hang_up());
        }
        // Another process may have dialled: then its permit is there, and this one needs its own.
        let permit = match self.placed.take(call) {
            Some(permit) => Ok(permit),
            None => reception.admit(&agent, call).await,
        };
        let permit = match permit {
            Ok(permit) => permit,
            Err(refused) => {
                let reason = Word::new(refused.reason().as_str());
                self.end_try(placed.name, reason, EndClass::Us);
                return Ok(documents::apology(&settings.speech.carrier_voice));
            }
        };
        let offered_at = chrono::Utc::now();
        let life = Duration::from_secs(settings.limits.stream_token_s);
        let minted = rows
            .mint_stream_token(
                call,
                request.call_sid.as_str(),
                request.account_sid.as_str(),
                offered_at + life,
            )
            .await?;
        let minted =
            minted.ok_or_else(|| anyhow::anyhow!("the stream's token was minted before"))?;
        let rest = placed
            .account
            .rest(settings, self.client.clone(), &request.account_sid);
        let handover = Handover::new(HandoverParts {
            reception,
            tenant,
            call,
            call_sid: request.call_sid.clone(),
            rest: Arc::clone(&rest),
            agent: Some(&agent.definition),
            of_number: crate::handoff::HumanOfNumber::default(),
            called: Some(placed.wish.from_number.clone()),
            // A human sees our number: the carrier shows no other one on a leg of a call of ours.
            caller: None,
        });
        let handover = self.handovers.keep(&placed.account, handover);
        let document = Document::new(handover.connect(minted.token.expose())).to_xml()?;
        let leg = TwilioLeg::new(request.call_sid.clone(), Arc::clone(&rest))
            .counted_among(reception.live.clone());
        let to_human = CallTransfer {
            handover,
            answer_time_max: Duration::from_millis(settings.twilio.transfer_ms_max),
        };
        let language = agent.definition.first_language();
        let transferrer = OutgoingTransfer {
            to_human,
            rest,
            call_sid: request.call_sid.clone(),
            apology: spoken(settings, agent.definition.phrases.apology(language)),
            farewell: spoken(settings, farewell(language)),
        };
        let purpose = CallPurpose::from_word(placed.wish.purpose.as_str());
        let context = placed
            .wish
            .context
            .as_ref()
            .map(|text| text.expose().clone());
        let number = Some(&placed.wish.from_number);
        let switches = reception.switches.for_call(tenant, number).await;
        let handle = reception.start(Offer {
            agent,
            call,
            offered_at,
            leg: Leg::Twilio(Box::new(leg)),
            kind: LegKind::Carrier,
            number: Some(placed.wish.from_number.clone()),
            caller: Some(placed.wish.to_number.clone()),
            transferrer: Arc::new(transferrer),
            permit,
            outgoing: purpose.map(|purpose| OutgoingTopic { purpose, context }),
            switches,
        });
        // A verdict that came before the document was asked for found no call to tell.
        let attempts = rows.outgoing_attempts(placed.wish.id).await?;
        let attempt = attempts.into_iter().find(|attempt| attempt.call_id == call);
        if let Some(word) = attempt.and_then(|attempt| attempt.answered_by) {
            tell_verdict(&handle, word.as_str());
        }
        Ok(document)
    }
}

fn spoken(settings: &Settings, words: &str) -> Document {
    let say = Say::new(words).with_voice(&settings.speech.carrier_voice);
    Document::new(vec![Verb::Say(say), Verb::Hangup])
}

/// Whoever asks for a person gets one. When something of ours fails, nobody of the business is rung to talk to somebody
/// who did not call: the called party hears an apology, and the call is tried again later. Silence and limits end it with a goodbye.
struct OutgoingTransfer {
    to_human: CallTransfer,
    rest: Arc<TwilioRest>,
    call_sid: CallSid,
    apology: Document,
    farewell: Document,
}

impl Transferrer for OutgoingTransfer {
    fn begin_recording(
        &self,
        of: RecordedCall,
        now: switchboard_call::Moment,
    ) -> Option<CarrierRecording> {
        self.to_human.begin_recording(of, now)
    }

    fn transfer(&self, handoff: Handoff, answer: DriveHandle) {
        let is_wanted = matches!(
            handoff.reason,
            HandoffReason::Asked
                | HandoffReason::Staff
                | HandoffReason::Dtmf0
                | HandoffReason::Emergency
        );
        if is_wanted {
            return self.to_human.transfer(handoff, answer);
        }
        let (rest, call_sid) = (Arc::clone(&self.rest), self.call_sid.clone());
        let is_failure = handoff.reason.is_fallback() && handoff.reason != HandoffReason::Budget;
        let document = if is_failure {
            self.apology.clone()
        } else {
            self.farewell.clone()
        };
        tokio::spawn(async move {
            let time_max = rest.transfer_time_max();
            let outcome = rest.transfer(&call_sid, document, time_max).await;
            // Without the document the carrier's own would ring the human: the call ends instead.
            if outcome != TransferOutcome::Accepted {
                rest.hang_up_until_done(&call_sid).await;
            }
            let outcome = Input::Transfer(TransferOutcome::Accepted);
            answer.send(DriveInput::Core(outcome));
        });
    }
}

/// The status of a call of ours changed at the carrier.
pub(super) async fn status(
    State(channel): Channels,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(form) = Form::parse(&body) else {
        return Problem::bad_request().into_response();
    };
    let placed = match channel.check_placed(&uri, &headers, &form).await {
        Ok(placed) => placed,
        Err(response) => return response,
    };
    let Ok(request) = StatusRequest::from_form(&form) else {
        return Problem::bad_request().into_response();
    };
    if let Some(placed) = placed {
        channel.on_placed_status(&placed, &request);
    }
    StatusCode::NO_CONTENT.into_response()
}

impl TwilioChannel {
    /// A status never moves a call backwards; a final one ends a try that nobody drives.
    fn on_placed_status(&self, placed: &Placed, request: &StatusRequest) {
        let TryName { tenant, call } = placed.name;
        let reception = &self.reception;
        if !request.status.is_final() {
            let status = match request.status {
                CarrierStatus::InProgress => CallStatus::Answered,
                _ => CallStatus::Ringing,
            };
            let progress = CallProgress {
                call_id: call,
                status,
                carrier_status: Word::parse(request.status.as_str()).ok(),
                at: chrono::Utc::now(),
            };
            reception
                .journal
                .write(tenant, JournalWrite::CallProgressed(progress));
            return;
        }
        drop(self.placed.take(call));
        let at = chrono::Utc::now();
        let closed = JournalWrite::TransfersClosed { call_id: call, at };
        reception.journal.write(tenant, closed);
        let name = CallName::new(&request.account_sid, &request.call_sid);
        self.calls.pass_ringing(&name);
        let closed = DriveInput::Core(Input::Leg(FromLeg::Closed(LegClosed::HungUp)));
        let handle = reception.live.find(call);
        if !handle.is_some_and(|handle| handle.send(closed)) {
            let (reason, class) = unanswered(request.status);
            self.end_try(placed.name, Word::new(reason), class);
        }
    }
}

/// How a try ended that no agent talked in.
const fn unanswered(status: CarrierStatus) -> (&'static str, EndClass) {
    match status {
        CarrierStatus::Busy => ("busy", EndClass::Caller),
        CarrierStatus::NoAnswer => ("no_answer", EndClass::Caller),
        CarrierStatus::Canceled => ("canceled", EndClass::Us),
        CarrierStatus::Completed => ("hung_up_at_answer", EndClass::Caller),
        _ => ("carrier_failed", EndClass::Upstream),
    }
}

/// Answering-machine detection has a result.
pub(super) async fn amd(
    State(channel): Channels,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let Ok(form) = Form::parse(&body) else {
        return Problem::bad_request().into_response();
    };
    let placed = match channel.check_placed(&uri, &headers, &form).await {
        Ok(placed) => placed,
        Err(response) => return response,
    };
    let Ok(request) = AmdRequest::from_form(&form) else {
        return Problem::bad_request().into_response();
    };
    let Some(placed) = placed else {
        return StatusCode::NO_CONTENT.into_response();
    };
    let word = verdict(&request).as_str();
    let rows = channel.reception.rows(placed.name.tenant);
    // Stored before it is told: a call that starts in between reads it.
    let by = Word::new(word);
    let noted = rows.note_answered_by(placed.name.call, &by);
    match noted.await {
        Ok(is_news) if is_news => {
            metrics::counter!("switchboard_answering_verdicts_total", "answered_by" => word)
                .increment(1);
            if let Some(handle) = channel.reception.live.find(placed.name.call) {
                tell_verdict(&handle, word);
            }
        }
        Ok(_) => {}
        Err(error) => return unavailable(&error),
    }
    StatusCode::NO_CONTENT.into_response()
}

fn verdict(request: &AmdRequest) -> AnsweredBy {
    match request.answered_by {
        CarrierVerdict::Human => AnsweredBy::Human,
        CarrierVerdict::Machine if request.is_greeting_over => AnsweredBy::MachineRecording,
        CarrierVerdict::Machine => AnsweredBy::MachineGreeting,
        CarrierVerdict::Fax => AnsweredBy::Fax,
        CarrierVerdict::Unknown => AnsweredBy::Unknown,
    }
}

fn tell_verdict(handle: &DriveHandle, word: &str) {
    let found = AnsweredBy::ALL.into_iter().find(|by| by.as_str() == word);
    if let Some(by) = found {
        handle.send(DriveInput::Core(Input::Leg(FromLeg::AnsweredBy(by))));
    }
}
