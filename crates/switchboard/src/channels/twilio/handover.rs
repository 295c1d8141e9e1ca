//! A caller of one call on the way to humans: who is rung next, what the carrier is told, what is written down.
//!
//! It is a function of the call's configuration and of what was rung before, so that every node can go on with it. In
//! memory it also keeps its own answers: the same webhook twice gets the same document.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use switchboard_call::Moment;
use switchboard_call::handoff::TransferOutcome;
use switchboard_call::input::Input;
use switchboard_store::{
    CallId, EndClass, JournalWrite, PhoneNumber, Private, TenantId, Timestamp, TransferKind,
    TransferStatus, TransferWrite, Word,
};
use switchboard_wire::twilio::CallSid;
use switchboard_wire::twilio::twiml::{Stream, Verb};

use super::TwilioChannel;
use super::documents::{self, CallerIds, HandoffWords, PartyUrls};
use super::pick_up::HUMAN_FIRST;
use super::recording::CarriedCall;
use super::rest::TwilioRest;
use crate::config::agent::AgentMenu;
use crate::config::{AgentDefinition, RecordedBy};
use crate::drive::DriveInput;
use crate::handoff::{HumanOfNumber, Party, TargetBook, Ticket};
use crate::ops::metrics::names;
use crate::reception::Reception;
use crate::recorder::{CarrierRecording, RecordedCall};

/// A transfer waits for the count of busy lines this long; past it the human is rung uncounted, as often as lines are
/// allowed.
const OFFER_TIME_MAX: Duration = Duration::from_millis(300);
/// What is said before a party rings, and what a carrier takes to notice that it does not.
const RING_MARGIN_S: u64 = 60;
/// The carrier ends a talk after this long.
const TALK_S_MAX: i64 = 4 * 60 * 60;

/// A caller is given back to the agent this often; after that the next party, or voicemail, has them.
const RETURNS_MAX: i64 = 2;

/// The way to humans of one call.
pub(super) struct Handover {
    pub(super) tenant: TenantId,
    pub(super) call: CallId,
    pub(super) call_sid: CallSid,
    pub(super) rest: Arc<TwilioRest>,
    reception: Reception,
    book: TargetBook,
    words: HandoffWords,
    ids: CallerIds,
    /// What the agent said of the caller, for the human's ear. It is not stored.
    summary: Mutex<Option<Private<String>>>,
    /// Taken while the next party is chosen.
    choosing: tokio::sync::Mutex<()>,
    /// How often a human gave the caller back.
    returns: AtomicI64,
    /// The last party that was offered.
    last_ordinal: AtomicI64,
    /// What followed on each party's end.
    answers: Mutex<HashMap<i64, String>>,
    /// None when the agent cannot be read.
    pub(super) menu_of_agent: Option<AgentMenu>,
    /// Taken while a key of the menu is answered.
    pub(super) answering_menu: tokio::sync::Mutex<()>,
    /// What followed on each round of the menu.
    menu_answers: Mutex<HashMap<i64, String>>,
}

/// What a handover is made of.
pub(super) struct HandoverParts<'a> {
    pub(super) reception: &'a Reception,
    pub(super) tenant: TenantId,
    pub(super) call: CallId,
    pub(super) call_sid: CallSid,
    pub(super) rest: Arc<TwilioRest>,
    /// None when it cannot be read: then the installation's words and parties are used.
    pub(super) agent: Option<&'a AgentDefinition>,
    /// Who takes over for the called number alone.
    pub(super) of_number: HumanOfNumber<'a>,
    pub(super) called: Option<PhoneNumber>,
    pub(super) caller: Option<PhoneNumber>,
}

/// A party that was chosen, and the document that rings it.
pub(super) struct Chosen {
    pub(super) verbs: Vec<Verb>,
    /// None for voicemail.
    pub(super) ticket: Option<Ticket>,
}

/// The last word on a party.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) status: TransferStatus,
    pub(super) talked_s: Option<i64>,
    /// The caller is gone, so nobody else is rung.
    pub(super) has_caller: bool,
}

impl Handover {
    pub(super) fn new(parts: HandoverParts<'_>) -> Self {
        let settings = &parts.reception.settings;
        let words = match parts.agent {
            Some(agent) => HandoffWords::of(settings, agent),
            None => HandoffWords::without_agent(settings),
        };
        let called = parts.called.as_ref();
        Self {
            tenant: parts.tenant,
            call: parts.call,
            call_sid: parts.call_sid,
            rest: parts.rest,
            reception: parts.reception.clone(),
            book: TargetBook::of(settings, parts.agent, parts.of_number, called),
            words,
            ids: CallerIds {
                ours: parts.called,
                callers: parts.caller,
            },
            summary: Mutex::default(),
            choosing: tokio::sync::Mutex::default(),
            returns: AtomicI64::new(0),
            last_ordinal: AtomicI64::new(0),
            answers: Mutex::default(),
            menu_of_agent: parts.agent.map(|agent| agent.menu.clone()),
            answering_menu: tokio::sync::Mutex::default(),
            menu_answers: Mutex::default(),
        }
    }

    /// Goes on behind this party: another process rang it.
    #[must_use]
    pub(super) fn behind(self, ordinal: i64) -> Self {
        self.last_ordinal.store(ordinal, Ordering::Release);
        self
    }

    pub(super) const fn book(&self) -> &TargetBook {
        &self.book
    }

    /// Keeps what the agent said of the caller.
    pub(super) fn keep_summary(&self, summary: Option<Private<String>>) {
        *lock(&self.summary) = summary;
    }

    /// The answer to a call: its stream, and what the carrier does by itself when we are gone.
    pub(super) fn connect(&self, token: &str) -> Vec<Verb> {
        let url = self.reception.settings.public_url().as_websocket();
        // A stream URL has no query: Twilio strips it.
        let stream = Stream::new(url.join("/twilio/stream")).with_parameter("t", token);
        let parties = self.book.parties(None, chrono::Utc::now());
        let recorded = self.url("/twilio/recording", "");
        self.words.connect(stream, &parties, &self.ids, &recorded)
    }

    /// Humans, then voicemail, without asking us again.
    pub(super) fn unasked(&self) -> String {
        documents::written(self.unasked_verbs())
    }

    pub(super) fn unasked_verbs(&self) -> Vec<Verb> {
        let parties = self.book.parties(None, chrono::Utc::now());
        let recorded = self.url("/twilio/recording", "");
        self.words.unasked(&parties, &self.ids, &recorded)
    }

    pub(super) fn menu_gather(&self, menu: &AgentMenu, url: String) -> Verb {
        self.words.menu(menu, url)
    }

    pub(super) fn menu_answer(&self, round: i64) -> Option<String> {
        lock(&self.menu_answers).get(&round).cloned()
    }

    pub(super) fn keep_menu_answer(&self, round: i64, answer: String) -> String {
        lock(&self.menu_answers).insert(round, answer.clone());
        answer
    }

    /// Chooses who is rung first. `status` is what is known of it then: a document that answers a webhook rings, one
    /// that goes by REST is only offered.
    pub(super) async fn begin(
        &self,
        reason: Word,
        wanted: Option<Word>,
        status: TransferStatus,
    ) -> Chosen {
        let _alone = self.choosing.lock().await;
        let wanted_name = wanted.as_ref().map(Word::as_str);
        let parties = self.book.parties(wanted_name, chrono::Utc::now());
        self.choose(parties, true, reason, wanted, status).await
    }

    /// What comes after a party: the end, the next one, or voicemail. Asked again, it answers the same.
    pub(super) async fn go_on(
        &self,
        channel: &TwilioChannel,
        ticket: &Ticket,
        ended: Ended,
    ) -> String {
        let _alone = self.choosing.lock().await;
        if let Some(answer) = lock(&self.answers).get(&ticket.ordinal) {
            return answer.clone();
        }
        let verbs = self.follow(channel, ticket, ended).await;
        self.keep_answer(ticket, verbs)
    }

    /// The same for a caller who is moved by REST. None when it is known already what follows.
    pub(super) async fn go_on_as_verbs(
        &self,
        channel: &TwilioChannel,
        ticket: &Ticket,
        ended: Ended,
    ) -> Option<Vec<Verb>> {
        let _alone = self.choosing.lock().await;
        if self.has_gone_on(ticket) {
            return None;
        }
        let verbs = self.follow(channel, ticket, ended).await;
        self.keep_answer(ticket, verbs.clone());
        Some(verbs)
    }

    fn keep_answer(&self, ticket: &Ticket, verbs: Vec<Verb>) -> String {
        let answer = documents::written(verbs);
        lock(&self.answers).insert(ticket.ordinal, answer.clone());
        answer
    }

    async fn follow(&self, channel: &TwilioChannel, ticket: &Ticket, ended: Ended) -> Vec<Verb> {
        self.note(ticket, ended.status, Some(ended));
        let label = ended.status.as_str();
        metrics::counter!(names::TRANSFERS_TOTAL, "status" => label).increment(1);
        let is_first = ticket.reason.as_str() == HUMAN_FIRST;
        if ended.status == TransferStatus::Accepted || !ended.has_caller {
            if is_first {
                self.end_human_first(ended);
            }
            self.tell_call(TransferOutcome::Parted);
            return vec![Verb::Hangup];
        }
        let declined = ended.status == TransferStatus::Declined;
        if declined && let Some(verbs) = self.take_back(ticket).await {
            return verbs;
        }
        let next = self.next_after(ticket).await;
        if is_first && next.ticket.is_none() {
            return match channel.to_agent(self).await {
                Ok(verbs) => verbs,
                Err(reason) => {
                    let label = reason.as_str();
                    metrics::counter!(names::FALLBACKS_TOTAL, "reason" => label).increment(1);
                    self.end_row(Word::new(label), EndClass::Us);
                    next.verbs
                }
            };
        }
        if !next.ticket.as_ref().is_some_and(|it| self.is_attended(it)) {
            self.tell_call(TransferOutcome::Parted);
        }
        next.verbs
    }

    /// The human had the call, and the agent none of it.
    fn end_human_first(&self, ended: Ended) {
        if ended.status == TransferStatus::Accepted {
            self.end_row(Word::new(HUMAN_FIRST), EndClass::Success);
        } else {
            self.end_row(Word::new("caller_hung_up"), EndClass::Caller);
        }
    }

    /// Whether a human who declines this party's call gives the caller back. Nobody is sent to and fro for ever, and
    /// who was handed over because the agent could not go on stays with people.
    pub(super) fn is_attended(&self, ticket: &Ticket) -> bool {
        let party = self.party(ticket);
        let wanted = ["asked", "staff", "dtmf_0", "silence", "emergency"];
        party.is_some_and(|party| party.target.attended)
            && wanted.contains(&ticket.reason.as_str())
            && self.returns.load(Ordering::Acquire) < RETURNS_MAX
    }

    /// The human sent the caller back: the same call opens its stream once more. None when nobody drives it any more.
    async fn take_back(&self, ticket: &Ticket) -> Option<Vec<Verb>> {
        if !self.is_attended(ticket) {
            return None;
        }
        let drive = self.reception.live.find(self.call)?;
        let life = self.reception.settings.limits.stream_token_s;
        let expires_at = chrono::Utc::now() + Duration::from_secs(life);
        let rows = self.reception.rows(self.tenant);
        let renewed = rows.renew_stream_token(self.call, expires_at);
        let renewed = tokio::time::timeout(OFFER_TIME_MAX, renewed).await.ok()?;
        let token = renewed.ok()??.token;
        if !drive.send(outcome_input(TransferOutcome::Returned)) {
            return None;
        }
        self.returns.fetch_add(1, Ordering::AcqRel);
        Some(self.connect(token.expose()))
    }

    /// Tells the call, if somebody drives it still, what became of its transfer.
    pub(super) fn tell_call(&self, outcome: TransferOutcome) {
        if let Some(drive) = self.reception.live.find(self.call) {
            drive.send(outcome_input(outcome));
        }
    }

    /// Whether it is known already what follows on this party.
    pub(super) fn has_gone_on(&self, ticket: &Ticket) -> bool {
        lock(&self.answers).contains_key(&ticket.ordinal)
    }

    async fn next_after(&self, ticket: &Ticket) -> Chosen {
        let wanted = ticket.wanted.as_ref().map(Word::as_str);
        let now = chrono::Utc::now();
        let parties = self.book.parties_after(wanted, ticket.party.as_str(), now);
        let (reason, wanted) = (ticket.reason.clone(), ticket.wanted.clone());
        let ringing = TransferStatus::Ringing;
        self.choose(parties, false, reason, wanted, ringing).await
    }

    /// The first of these that fits under the tenant's limit of busy lines (M4), else voicemail.
    async fn choose(
        &self,
        parties: Vec<Party>,
        is_first: bool,
        reason: Word,
        wanted: Option<Word>,
        status: TransferStatus,
    ) -> Chosen {
        for party in parties {
            let ticket = Ticket {
                tenant: self.tenant,
                call: self.call,
                ordinal: self.last_ordinal.load(Ordering::Acquire) + 1,
                party: party.name.clone(),
                reason: reason.clone(),
                wanted: wanted.clone(),
            };
            if !self.offer(&ticket, &party, status).await {
                metrics::counter!(names::TRANSFERS_SKIPPED_TOTAL, "reason" => "lines_busy")
                    .increment(1);
                continue;
            }
            self.last_ordinal.store(ticket.ordinal, Ordering::Release);
            let urls = self.urls(&ticket);
            return Chosen {
                verbs: self.words.to_party(&party, is_first, &self.ids, &urls),
                ticket: Some(ticket),
            };
        }
        Chosen {
            verbs: self.voicemail(),
            ticket: None,
        }
    }

    /// False when the tenant's lines are busy. A database that does not answer keeps nobody from a human, unless so many
    /// ring already from here.
    async fn offer(&self, ticket: &Ticket, party: &Party, status: TransferStatus) -> bool {
        let write = write_of(ticket, party, status, chrono::Utc::now());
        let rows = self.reception.rows(self.tenant);
        let settings = &self.reception.settings.handoff;
        let (lines, ring_max) = (
            &self.reception.lines,
            Duration::from_secs(settings.ring_s_max),
        );
        let offer = rows.offer_transfer(&write, i64::from(settings.lines_max));
        let counted = tokio::time::timeout(OFFER_TIME_MAX, offer).await;
        let now = std::time::Instant::now();
        match counted {
            Ok(Ok(fits)) => {
                lines.forget(self.tenant, ring_max, now);
                if fits {
                    lines.rings(self.tenant, now);
                }
                fits
            }
            Ok(Err(_)) | Err(_) => {
                let lines_max = settings.lines_max as usize;
                if !lines.try_ring(self.tenant, lines_max, ring_max, now) {
                    return false;
                }
                tracing::warn!("a human is rung uncounted: the database did not answer");
                self.write(JournalWrite::Transfer(write));
                true
            }
        }
    }

    /// Writes down how far a party has come.
    pub(super) fn note(&self, ticket: &Ticket, status: TransferStatus, ended: Option<Ended>) {
        let Some(party) = self.party(ticket) else {
            tracing::warn!("a party that was rung is not configured any more");
            return;
        };
        let write = TransferWrite {
            is_over: ended.is_some(),
            talked_s: ended.and_then(|ended| ended.talked_s),
            ..write_of(ticket, &party, status, chrono::Utc::now())
        };
        self.write(JournalWrite::Transfer(write));
    }

    pub(super) fn party(&self, ticket: &Ticket) -> Option<Party> {
        let wanted = ticket.wanted.as_ref().map(Word::as_str);
        self.book.party(wanted, ticket.party.as_str())
    }

    pub(super) fn write(&self, write: JournalWrite) {
        self.reception.journal.write(self.tenant, write);
    }

    /// Has the carrier record the call, where the settings say so.
    pub(super) fn begin_recording(
        &self,
        of: RecordedCall,
        now: Moment,
    ) -> Option<CarrierRecording> {
        let is_wanted = self.reception.settings.recordings.by == RecordedBy::Twilio;
        is_wanted.then(|| {
            let recorded = CarriedCall {
                rest: Arc::clone(&self.rest),
                call_sid: self.call_sid.clone(),
                journal: self.reception.journal.clone(),
            };
            recorded.begin(of, now, |query| self.url("/twilio/recording", query))
        })
    }

    pub(super) fn voicemail(&self) -> Vec<Verb> {
        let recorded = self.url("/twilio/recording", "");
        self.words.voicemail(&recorded)
    }

    /// For the human who picked up.
    pub(super) fn whisper(&self, ticket: &Ticket) -> String {
        let Some(party) = self.party(ticket) else {
            return documents::hang_up();
        };
        let summary = lock(&self.summary).clone();
        let summary = summary.as_ref().map(|summary| summary.expose().as_str());
        let answer = self.url("/twilio/human/answer", &ticket.to_query());
        documents::written(self.words.whisper(&party, summary, &answer))
    }

    /// For a caller who has waited in a queue for this long.
    pub(super) fn waiting(&self, ticket: &Ticket, waited_s: u32) -> String {
        match self.party(ticket) {
            Some(party) if u64::from(waited_s) < party.seconds_max => {
                let again = self.url("/twilio/queue-wait", &ticket.to_query());
                documents::written(self.words.waiting(&party, &again))
            }
            _ => documents::leave_queue(),
        }
    }

    fn urls(&self, ticket: &Ticket) -> PartyUrls {
        let query = ticket.to_query();
        PartyUrls {
            ended: self.url("/twilio/dial-ended", &query),
            whisper: self.url("/twilio/human/whisper", &query),
            status: self.url("/twilio/human/status", &query),
            machine: self.url("/twilio/human/machine", &query),
            wait: self.url("/twilio/queue-wait", &query),
        }
    }

    pub(super) fn url(&self, path: &str, query: &str) -> String {
        let url = self.reception.settings.public_url().as_http().join(path);
        if query.is_empty() {
            return url;
        }
        format!("{url}?{query}")
    }
}

fn write_of(
    ticket: &Ticket,
    party: &Party,
    status: TransferStatus,
    at: Timestamp,
) -> TransferWrite {
    let seconds = match status {
        TransferStatus::Accepted => TALK_S_MAX,
        _ => i64::try_from(party.seconds_max + RING_MARGIN_S).unwrap_or(TALK_S_MAX),
    };
    TransferWrite {
        call_id: ticket.call,
        ordinal: ticket.ordinal,
        reason: ticket.reason.clone(),
        target: ticket.party.clone(),
        kind: party.kind,
        status,
        legs: match (party.kind, status) {
            (TransferKind::Queue, _) => 0,
            (_, TransferStatus::Accepted) => 1,
            _ => party.legs(),
        },
        counts_until: at + chrono::Duration::seconds(seconds),
        at,
        is_over: false,
        talked_s: None,
    }
}

fn outcome_input(outcome: TransferOutcome) -> DriveInput {
    DriveInput::Core(Input::Transfer(outcome))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
