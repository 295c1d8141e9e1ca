//! Webhooks about the human's side of a call: the whisper, the key, the machine's verdict, the queue, the end of a dial.
//! Each may come twice, late or out of order (H3). Their addresses carry a [`Ticket`]; whose secret signs them follows
//! from the call that it names (H1).

use std::sync::Arc;

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, Uri};
use switchboard_call::handoff::TransferOutcome;
use switchboard_store::{CallDetail, CallId, NumberRoute, TenantId, TransferStatus};
use switchboard_wire::twilio::requests::{
    AmdRequest, DialEnded, Gathered, QueueEnded, QueueWait, StatusRequest,
};
use switchboard_wire::twilio::status::{AnsweredBy, CallStatus, DialStatus, QueueResult};
use switchboard_wire::twilio::{AccountSid, CallSid, Form};

use super::handover::{Ended, Handover, HandoverParts};
use super::webhooks::{Channels, is_message, refuse, unavailable, xml};
use super::{Account, TwilioChannel, documents};
use crate::handoff::Ticket;
use crate::http::Problem;

/// The key that takes a call. Any other gives it back.
const ACCEPT: &str = "1";

/// A checked webhook about a party.
pub(super) struct Asked {
    pub(super) ticket: Ticket,
    pub(super) handover: Arc<Handover>,
    pub(super) form: Form,
}

/// A call and whose account it runs in.
pub(super) struct OwnedCall {
    pub(super) account: Account,
    pub(super) route: NumberRoute,
    pub(super) detail: CallDetail,
}

impl TwilioChannel {
    /// The call of this id, with the number it came in by and the account that owns that number.
    pub(super) async fn owned_call(
        &self,
        tenant: TenantId,
        call: CallId,
    ) -> Result<OwnedCall, Response> {
        let unknown = || StatusCode::FORBIDDEN.into_response();
        let rows = self.reception.rows(tenant);
        let detail = rows.call(call).await.map_err(|error| unavailable(&error))?;
        let detail = detail.ok_or_else(unknown)?;
        let number = detail.number.clone().ok_or_else(unknown)?;
        let lookup = self.reception.store.lookup();
        let route = lookup
            .number(&number)
            .await
            .map_err(|error| unavailable(&error))?;
        // A number that changed hands since speaks for its new owner only.
        let route = route
            .filter(|route| route.tenant_id == tenant)
            .ok_or_else(unknown)?;
        let account = Account::of_route(&self.reception.settings, &self.sealing, &route);
        Ok(OwnedCall {
            account: account.map_err(refuse)?,
            route,
            detail,
        })
    }

    pub(super) async fn asked(
        &self,
        uri: &Uri,
        headers: &HeaderMap,
        body: &Bytes,
    ) -> Result<Asked, Response> {
        let form = Form::parse(body).map_err(|_| Problem::bad_request().into_response())?;
        let query = uri.query().unwrap_or_default();
        let ticket = Ticket::parse(query).map_err(|_| Problem::bad_request().into_response())?;
        let (account, handover) = match self.handovers.find(ticket.call) {
            Some(known) if known.handover.tenant == ticket.tenant => {
                (known.account.clone(), Some(Arc::clone(&known.handover)))
            }
            _ => {
                let owned = self.owned_call(ticket.tenant, ticket.call).await?;
                (owned.account, None)
            }
        };
        let url = self.public_url(uri);
        account
            .check_webhook(&self.reception.settings, &url, headers, &form)
            .map_err(refuse)?;
        let handover = match handover {
            Some(handover) => handover,
            None => self.rebuilt(&ticket, &account, &form).await?,
        };
        Ok(Asked {
            ticket,
            handover,
            form,
        })
    }

    /// The handover of a call that another process answered, or this one before a restart.
    async fn rebuilt(
        &self,
        ticket: &Ticket,
        account: &Account,
        form: &Form,
    ) -> Result<Arc<Handover>, Response> {
        let owned = self.owned_call(ticket.tenant, ticket.call).await?;
        let bad = || Problem::bad_request().into_response();
        let sid = owned.detail.carrier_call_id.as_deref().unwrap_or_default();
        let call_sid = CallSid::parse(sid).map_err(|_| bad())?;
        let named = form.text("AccountSid").unwrap_or_default();
        let named = AccountSid::parse(named).map_err(|_| bad())?;
        let agent = &owned.detail.agent_name;
        let agent = self.reception.agent(ticket.tenant, agent).await.ok();
        let settings = &self.reception.settings;
        let handover = Handover::new(HandoverParts {
            reception: &self.reception,
            tenant: ticket.tenant,
            call: ticket.call,
            call_sid,
            rest: account.rest(settings, self.client.clone(), &named),
            agent: agent.as_ref().map(|agent| &*agent.definition),
            of_number: (&owned.route).into(),
            called: owned.detail.number,
            caller: owned.detail.caller_number,
        });
        let rows = self.reception.rows(ticket.tenant);
        let rung = rows.transfers_of(ticket.call).await;
        let rung = rung.map_err(|error| unavailable(&error))?;
        let last = rung.last().map_or(ticket.ordinal, |last| last.ordinal);
        Ok(self.handovers.keep(account, handover.behind(last)))
    }
}

/// A dialled party is done: helped, or nobody took the call. A queue reports here too.
pub(super) async fn dial_ended(
    State(channel): Channels,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if uri.query().is_none() {
        return super::webhooks::dial_ended_unasked(&channel, &uri, &headers, &body).await;
    }
    let asked = match channel.asked(&uri, &headers, &body).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    if is_message(&asked.form) {
        return xml(documents::hang_up());
    }
    let ended = ended_dial(&asked).or_else(|| ended_queue(&asked.form));
    let Some(ended) = ended else {
        return Problem::bad_request().into_response();
    };
    xml(asked.handover.go_on(&channel, &asked.ticket, ended).await)
}

/// What a dial's end means. `completed` alone is no proof: a voicemail that answers is completed too, and so is a line
/// whose human declined.
fn ended_dial(asked: &Asked) -> Option<Ended> {
    let dial = DialEnded::from_form(&asked.form).ok()?;
    let asks_for_key = || {
        let party = asked.handover.party(&asked.ticket);
        party.is_some_and(|party| party.target.asks_for_key())
    };
    let status = match dial.dial_status {
        _ if dial.is_human_reached() => TransferStatus::Accepted,
        DialStatus::Busy => TransferStatus::Busy,
        DialStatus::Failed => TransferStatus::Failed,
        DialStatus::NoAnswer | DialStatus::Canceled => TransferStatus::NoAnswer,
        DialStatus::Completed | DialStatus::Answered if asks_for_key() => TransferStatus::Declined,
        DialStatus::Completed | DialStatus::Answered => TransferStatus::NoAnswer,
    };
    let talked_s = dial.dial_duration_s.map(i64::from);
    Some(Ended {
        status,
        talked_s: talked_s.filter(|_| status == TransferStatus::Accepted),
        has_caller: !dial.call_status.is_final(),
    })
}

fn ended_queue(form: &Form) -> Option<Ended> {
    let queue = QueueEnded::from_form(form).ok()?;
    let status = match queue.result {
        QueueResult::Bridged => TransferStatus::Accepted,
        QueueResult::Full => TransferStatus::Busy,
        QueueResult::Failed => TransferStatus::Failed,
        QueueResult::HungUp | QueueResult::Left | QueueResult::Redirected => {
            TransferStatus::NoAnswer
        }
    };
    Some(Ended {
        status,
        talked_s: None,
        has_caller: queue.result != QueueResult::HungUp && !queue.call_status.is_final(),
    })
}

/// A human picked up and hears what it is about.
pub(super) async fn whisper(
    State(channel): Channels,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match channel.asked(&uri, &headers, &body).await {
        Ok(asked) => xml(asked.handover.whisper(&asked.ticket)),
        Err(response) => response,
    }
}

/// The human pressed a key. A party that is over already is not joined any more.
pub(super) async fn answer(
    State(channel): Channels,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = match channel.asked(&uri, &headers, &body).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let Ok(gathered) = Gathered::from_form(&asked.form) else {
        return Problem::bad_request().into_response();
    };
    let pressed = gathered.digits.as_ref().map(|digits| digits.expose());
    let is_accepted = pressed.is_some_and(|digits| digits == ACCEPT);
    if !is_accepted || asked.handover.has_gone_on(&asked.ticket) {
        return xml(documents::hang_up());
    }
    let accepted = TransferStatus::Accepted;
    asked.handover.note(&asked.ticket, accepted, None);
    asked.handover.tell_call(TransferOutcome::Parted);
    xml(documents::nothing())
}

/// A dialled line was answered or is over. Its end is believed only from the dial's own report.
pub(super) async fn status(
    State(channel): Channels,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = match channel.asked(&uri, &headers, &body).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let Ok(request) = StatusRequest::from_form(&asked.form) else {
        return Problem::bad_request().into_response();
    };
    if request.status == CallStatus::InProgress {
        let accepted = TransferStatus::Accepted;
        asked.handover.note(&asked.ticket, accepted, None);
    }
    StatusCode::NO_CONTENT.into_response()
}

/// Who picked up. A machine is nobody: the caller is taken to the next party by REST.
pub(super) async fn machine(
    State(channel): Channels,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = match channel.asked(&uri, &headers, &body).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let Ok(request) = AmdRequest::from_form(&asked.form) else {
        return Problem::bad_request().into_response();
    };
    let is_machine = matches!(request.answered_by, AnsweredBy::Machine | AnsweredBy::Fax);
    if is_machine && !asked.handover.has_gone_on(&asked.ticket) {
        // The carrier waits for no document here, and our own request must not wait for its patience.
        tokio::spawn(asked.handover.leave_machine(channel, asked.ticket));
    }
    StatusCode::NO_CONTENT.into_response()
}

/// A caller waits in a queue.
pub(super) async fn queue_wait(
    State(channel): Channels,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let asked = match channel.asked(&uri, &headers, &body).await {
        Ok(asked) => asked,
        Err(response) => return response,
    };
    let Ok(request) = QueueWait::from_form(&asked.form) else {
        return Problem::bad_request().into_response();
    };
    xml(asked.handover.waiting(&asked.ticket, request.waited_s))
}
