//! Who picks up: the agent at once, the agent behind people whom nobody reached (`human_first`), or whoever a key of the
//! menu names (`menu`). Everything here answers a webhook, and the same webhook twice gets the same answer.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{OriginalUri, State};
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, Uri};
use switchboard_call::end::EndReason;
use switchboard_call::handoff::HandoffReason;
use switchboard_store::{
    CallEnd, CallId, EndClass, JournalWrite, PhoneNumber, Timestamp, TransferStatus, Word,
};
use switchboard_wire::twilio::status::CallStatus;
use switchboard_wire::twilio::twiml::Verb;

use super::handover::Handover;
use super::known_calls::CallName;
use super::transfer::CallTransfer;
use super::webhooks::{Channels, xml};
use super::{TwilioChannel, TwilioLeg, documents};
use crate::admission::Permit;
use crate::config::agent::MenuChoice;
use crate::handoff::Ticket;
use crate::leg::Leg;
use crate::ops::metrics::names;
use crate::reception::{LegKind, NotAdmitted, Offer, ReadyAgent};
use crate::switches::{CallSwitches, PickUp};

/// Why a human is rung before the agent: the reason of its transfers, by which their end is known again on every node.
pub(super) const HUMAN_FIRST: &str = "human_first";
/// The same for the keypad menu; its ticket counts rounds.
const MENU: &str = "menu";

/// Everything that an agent needs to take a call over.
pub(super) struct Pickup {
    pub(super) agent: ReadyAgent,
    pub(super) call: CallId,
    pub(super) since: Timestamp,
    pub(super) handover: Arc<Handover>,
    pub(super) permit: Permit,
    pub(super) switches: CallSwitches,
    pub(super) number: Option<PhoneNumber>,
    pub(super) caller: Option<PhoneNumber>,
}

impl TwilioChannel {
    /// Starts the call's drive: its model connects from here, and the stream is awaited.
    pub(super) fn start_agent(&self, pickup: Pickup) {
        let settings = &self.reception.settings;
        let Pickup { handover, call, .. } = pickup;
        let (live, rest) = (self.reception.live.clone(), Arc::clone(&handover.rest));
        let leg = TwilioLeg::new(handover.call_sid.clone(), rest).counted_among(live);
        let transferrer = CallTransfer {
            handover,
            answer_time_max: Duration::from_millis(settings.twilio.transfer_ms_max),
        };
        self.reception.start(Offer {
            agent: pickup.agent,
            call,
            offered_at: pickup.since,
            leg: Leg::Twilio(Box::new(leg)),
            kind: LegKind::Carrier,
            number: pickup.number,
            caller: pickup.caller,
            transferrer: Arc::new(transferrer),
            permit: pickup.permit,
            outgoing: None,
            switches: pickup.switches,
        });
    }

    /// The agent takes a caller who is with the carrier: nobody took the call, or they chose it by a key.
    ///
    /// # Errors
    /// Why it cannot; then people help.
    pub(super) async fn to_agent(&self, call: &Handover) -> Result<Vec<Verb>, HandoffReason> {
        if self.reception.live.find(call.call).is_some() {
            // It has the agent already: this is a webhook of another node that came twice.
            return Err(HandoffReason::ProcessLost);
        }
        let known = self.handovers.find(call.call);
        let known = known.ok_or(HandoffReason::ProcessLost)?;
        let owned = self.owned_call(call.tenant, call.call).await;
        let owned = owned.map_err(|_| HandoffReason::DatabaseLost)?;
        let agent = self.reception.agent(call.tenant, &owned.detail.agent_name);
        let agent = agent.await.map_err(|_| HandoffReason::DatabaseLost)?;
        let number = owned.detail.number;
        let switches = &self.reception.switches;
        let switches = switches.for_call(call.tenant, number.as_ref()).await;
        if switches.bridge_only || switches.pick_up == PickUp::Bridge {
            return Err(HandoffReason::BridgeOnly);
        }
        if !switches.streaming {
            return Err(HandoffReason::StreamingOff);
        }
        let permit = self.reception.admit(&agent, call.call).await;
        let permit = permit.map_err(NotAdmitted::reason)?;
        let since = chrono::Utc::now();
        let life = Duration::from_secs(self.reception.settings.limits.stream_token_s);
        let (sid, account) = (&call.call_sid, call.rest.account_sid());
        let rows = self.reception.rows(call.tenant);
        let minting =
            rows.mint_stream_token(call.call, sid.as_str(), account.as_str(), since + life);
        let minted = self.reception.reach.ask(minting).await;
        let minted = minted.map_err(|_| HandoffReason::DatabaseLost)?;
        let token = minted.ok_or(HandoffReason::ProcessLost)?.token;
        // The stream asks for the call by its carrier's name; another process may have answered its first webhook.
        let name = CallName::new(account, sid);
        let named = self.calls.know_as(name, &known.account, call.call);
        named.hold_token(token.expose(), life);
        self.start_agent(Pickup {
            agent,
            call: call.call,
            since,
            handover: Arc::clone(&known.handover),
            permit,
            switches,
            number,
            caller: owned.detail.caller_number,
        });
        Ok(call.connect(token.expose()))
    }

    /// A key of the menu was pressed, or none.
    async fn on_menu_key(&self, call: &Handover, ticket: &Ticket, key: &str) -> String {
        let _alone = call.answering_menu.lock().await;
        if let Some(answer) = call.menu_answer(ticket.ordinal) {
            return answer;
        }
        let verbs = match call.menu_choice(key) {
            Some(MenuChoice::Agent) => match self.to_agent(call).await {
                Ok(verbs) => verbs,
                Err(reason) => call.hand(reason, None).await,
            },
            Some(MenuChoice::Human) => call.hand(asked_by(key), None).await,
            Some(MenuChoice::Party(name)) => {
                call.hand(asked_by(key), Word::parse(&name).ok()).await
            }
            Some(MenuChoice::Voicemail) => {
                call.end_row(Word::new("voicemail"), EndClass::Success);
                call.voicemail()
            }
            None => match call.menu(ticket.ordinal + 1) {
                Some(verbs) => verbs,
                None => call.hand(HandoffReason::Silence, None).await,
            },
        };
        call.keep_menu_answer(ticket.ordinal, documents::written(verbs))
    }
}

/// 0 is the key for a person everywhere.
fn asked_by(key: &str) -> HandoffReason {
    if key == "0" {
        HandoffReason::Dtmf0
    } else {
        HandoffReason::Asked
    }
}

impl Handover {
    /// The menu, said for the time of this number. None past its last round.
    pub(super) fn menu(&self, round: i64) -> Option<Vec<Verb>> {
        let menu = self.menu_of_agent.as_ref();
        let menu = menu.filter(|menu| round <= i64::from(menu.rounds_max))?;
        let ticket = Ticket {
            tenant: self.tenant,
            call: self.call,
            ordinal: round,
            party: Word::new(MENU),
            reason: Word::new(MENU),
            wanted: None,
        };
        let url = self.url("/twilio/menu", &ticket.to_query());
        let mut verbs = vec![self.menu_gather(menu, url)];
        // Where the carrier goes on by itself, people help.
        verbs.extend(self.unasked_verbs());
        Some(verbs)
    }

    fn menu_choice(&self, key: &str) -> Option<MenuChoice> {
        self.menu_of_agent.as_ref()?.choice(key)
    }

    /// Rings a human before the agent. None when nobody is there to ring, or all lines are busy.
    pub(super) async fn ring_first(&self) -> Option<Vec<Verb>> {
        let chosen = self
            .begin(Word::new(HUMAN_FIRST), None, TransferStatus::Ringing)
            .await;
        chosen.ticket.as_ref()?;
        metrics::counter!(names::HANDOFFS_TOTAL, "reason" => HUMAN_FIRST).increment(1);
        Some(chosen.verbs)
    }

    /// People take over: the call's own end is written, and the first party is rung.
    pub(super) async fn hand(&self, reason: HandoffReason, wanted: Option<Word>) -> Vec<Verb> {
        let label = reason.as_str();
        if reason.is_fallback() {
            metrics::counter!(names::FALLBACKS_TOTAL, "reason" => label).increment(1);
        }
        metrics::counter!(names::HANDOFFS_TOTAL, "reason" => label).increment(1);
        self.end_row(Word::new(label), stored(EndReason::HandedOff(reason)));
        let ringing = TransferStatus::Ringing;
        self.begin(Word::new(label), wanted, ringing).await.verbs
    }

    /// The call ends for us. The first end counts, so that a repeated one changes nothing.
    pub(super) fn end_row(&self, reason: Word, class: EndClass) {
        let end = CallEnd {
            call_id: self.call,
            reason,
            class,
            at: chrono::Utc::now(),
        };
        self.write(JournalWrite::CallEnded(end));
    }
}

const fn stored(reason: EndReason) -> EndClass {
    match reason.class() {
        switchboard_call::end::EndClass::Success => EndClass::Success,
        switchboard_call::end::EndClass::Caller => EndClass::Caller,
        switchboard_call::end::EndClass::Us => EndClass::Us,
        switchboard_call::end::EndClass::Upstream => EndClass::Upstream,
        switchboard_call::end::EndClass::Unknown => EndClass::Unknown,
    }
}

/// `/twilio/menu`: what the caller pressed, or nothing.
pub(super) async fn pressed(
    State(channel): Channels,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match pressed_key(&channel, &uri, &headers, &body).await {
        Ok(document) => xml(document),
        Err(response) => response,
    }
}

async fn pressed_key(
    channel: &TwilioChannel,
    uri: &Uri,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<String, Response> {
    let asked = channel.asked(uri, headers, body).await?;
    let text = |name| asked.form.text(name).unwrap_or_default();
    let is_over = text("CallStatus").parse().is_ok_and(CallStatus::is_final);
    if asked.ticket.reason.as_str() != MENU || is_over {
        return Ok(documents::nothing());
    }
    // What a caller left behind the menu asks for the document that held the record verb once more.
    if super::webhooks::is_message(&asked.form) {
        return Ok(documents::hang_up());
    }
    let (call, ticket) = (&asked.handover, &asked.ticket);
    Ok(channel.on_menu_key(call, ticket, text("Digits")).await)
}
