//! One call's way into the journal.

use switchboard_call::Moment;
use switchboard_call::end::End;
use switchboard_call::event::{CallEvent, EventKind};
use switchboard_call::output::{ConsentRecord, Record, ToolRecord};
use switchboard_call::turn::TurnRecord;
use switchboard_store::{
    CallEnd, CallId, CallProgress, CallStatus, ConsentAnswer, ConsentId, Currency, EndClass,
    HandshakeWrite, JournalWrite, Micros, ModelSessionWrite, NewConsent, Private, TenantId,
    Timestamp, ToolCallWrite, TurnWrite, UsageId, UsageWrite, Word,
};

use super::{Journal, encode};
use crate::live::{LiveFeed, LiveLine, TurnRow};
use crate::model::{ModelUsage, UsagePart};
use crate::ops::traces::CallTrace;

/// What the ledger and the list of sessions call a model.
#[derive(Debug, Clone)]
pub struct ModelDescription {
    /// `openai` or `local`.
    pub provider: String,
    /// Its model id.
    pub model: String,
    /// The voice it speaks with.
    pub voice: String,
    /// Audio format both ways.
    pub format: String,
}

/// What a caller is asked for, or told of.
#[derive(Debug, Clone, Default)]
pub struct DisclosedPurposes {
    /// `transcription`, `recording`.
    pub purposes: Vec<Word>,
    /// Which version of the wording is said.
    pub version: String,
}

/// The journal of one call. Cheap: everything is handed to the writing task.
#[derive(Debug)]
pub struct CallJournal {
    journal: Journal,
    tenant: TenantId,
    call: CallId,
    offered_at: Timestamp,
    models: Vec<ModelDescription>,
    disclosed: DisclosedPurposes,
    session: Option<ModelSessionWrite>,
    live: LiveFeed,
    answered_at: Option<Timestamp>,
    /// 0: no carrier bills this call.
    carrier_minute_micros: u64,
    /// None unless this call is traced.
    trace: Option<Box<CallTrace>>,
}

impl CallJournal {
    /// The journal of a call whose row is stored or on its way. `models` are the agent's choices in order.
    pub fn new(
        journal: Journal,
        tenant: TenantId,
        call: CallId,
        offered_at: Timestamp,
        models: Vec<ModelDescription>,
        disclosed: DisclosedPurposes,
        live: LiveFeed,
    ) -> Self {
        Self {
            journal,
            tenant,
            call,
            offered_at,
            models,
            disclosed,
            session: None,
            live,
            answered_at: None,
            carrier_minute_micros: 0,
            trace: None,
        }
    }

    /// The same for a call whose carrier bills this for each minute begun.
    #[must_use]
    pub fn with_carrier(self, minute_micros: u64) -> Self {
        Self {
            carrier_minute_micros: minute_micros,
            ..self
        }
    }

    /// The same with a trace, if the call was chosen for one.
    #[must_use]
    pub fn traced(mut self, trace: Option<Box<CallTrace>>) -> Self {
        self.trace = trace;
        self
    }

    /// The call this is.
    pub fn call(&self) -> CallId {
        self.call
    }

    fn write(&self, write: JournalWrite) {
        self.journal.write(self.tenant, write);
    }

    fn at(&self, moment: Moment) -> Timestamp {
        self.offered_at
            + chrono::Duration::microseconds(i64::try_from(moment.micros()).unwrap_or(i64::MAX / 2))
    }

    /// A model session was asked for: the `session`th of this call, counted from 0.
    pub fn model_opened(&mut self, session: u32, choice: u32) {
        self.close_session(chrono::Utc::now(), None);
        let Some(model) = usize::try_from(choice)
            .ok()
            .and_then(|choice| self.models.get(choice))
        else {
            return;
        };
        let write = ModelSessionWrite {
            call_id: self.call,
            ordinal: i64::from(session) + 1,
            provider: model.provider.clone(),
            model: model.model.clone(),
            voice: Some(model.voice.clone()),
            input_format: model.format.clone(),
            output_format: model.format.clone(),
            turn_detection: None,
            tools: None,
            limits: None,
            instructions_version: None,
            vendor_session_id: None,
            opened_at: chrono::Utc::now(),
            ready_at: None,
            closed_at: None,
            close_reason: None,
        };
        self.write(JournalWrite::ModelSession(write.clone()));
        self.session = Some(write);
    }

    fn close_session(&mut self, at: Timestamp, reason: Option<Word>) {
        if let Some(mut session) = self.session.take() {
            session.closed_at = Some(at);
            session.close_reason = reason;
            self.write(JournalWrite::ModelSession(session));
        }
    }

    /// A technical event, and the rows that follow from it.
    pub fn event(&mut self, event: &CallEvent) {
        let at = self.at(event.at);
        let write = encode::event(self.call, event, at);
        self.live
            .event(write.seq, at, event.kind.name(), write.technical.clone());
        self.write(JournalWrite::Event(write));
        if let Some(trace) = &mut self.trace {
            trace.event(event);
        }
        match &event.kind {
            EventKind::LegReadied => {
                self.answered_at = self.answered_at.or(Some(at));
                self.write(JournalWrite::CallProgressed(CallProgress {
                    call_id: self.call,
                    status: CallStatus::Answered,
                    carrier_status: None,
                    at,
                }));
            }
            EventKind::ModelReadied { .. } | EventKind::ModelReopened { .. } => {
                if let Some(session) = &mut self.session {
                    session.ready_at = Some(at);
                    let session = session.clone();
                    self.write(JournalWrite::ModelSession(session));
                }
            }
            EventKind::ModelFailed { failure, .. } => {
                self.close_session(at, Some(Word::new(encode::failure(*failure))));
            }
            EventKind::HandshakeFinished { elapsed, fell_back } => {
                self.write(JournalWrite::Handshake(HandshakeWrite {
                    call_id: self.call,
                    started_at: self.offered_at,
                    elapsed_ms: encode::ms(*elapsed),
                    fell_back: fell_back
                        .is_some_and(switchboard_call::handoff::HandoffReason::is_fallback),
                    reason: fell_back.map(|reason| Word::new(reason.as_str())),
                }));
            }
            _ => {}
        }
    }

    /// Personal content the core allowed to keep.
    pub fn record(&self, record: Record) {
        match record {
            Record::Turn(turn) => {
                let write = self.turn(&turn);
                let row = TurnRow::of_write(self.offered_at, &write);
                self.live.said(write.started_at, row, line(&turn));
                self.write(JournalWrite::Turn(write));
            }
            Record::Tool(tool) => self.write(JournalWrite::ToolCall(self.tool(&tool))),
            Record::Disclosed { record, to_its_end } => {
                let purpose = Word::new("ai_disclosure");
                let row = self.consent(&record, purpose, ConsentAnswer::NoAnswer);
                self.write(JournalWrite::Consent(NewConsent {
                    complete: Some(to_its_end),
                    ..row
                }));
            }
            Record::Consent {
                record,
                answer,
                words,
            } => self.consented(&record, answer, words.as_ref()),
        }
    }

    /// One row per purpose, because a person may take back one of them later.
    fn consented(
        &self,
        record: &ConsentRecord,
        answer: switchboard_call::ConsentAnswer,
        words: Option<&switchboard_call::Words>,
    ) {
        for purpose in &self.disclosed.purposes {
            let row = self.consent(record, purpose.clone(), encode::consent_answer(answer));
            self.write(JournalWrite::Consent(NewConsent {
                answer_text: words.map(|words| Private::new(words.expose().to_owned())),
                ..row
            }));
        }
        if answer == switchboard_call::ConsentAnswer::Withdrawn {
            let call_id = self.call;
            self.write(JournalWrite::WordsWithdrawn { call_id });
        }
    }

    fn consent(&self, record: &ConsentRecord, purpose: Word, answer: ConsentAnswer) -> NewConsent {
        NewConsent {
            id: ConsentId::new(),
            contact_id: None,
            call_id: Some(self.call),
            purpose,
            wording: record.wording.expose().to_owned(),
            language: record.language.as_str().to_owned(),
            answer,
            answer_text: None,
            heard_ms: Some(encode::ms(record.heard)),
            disclosed_at: self.at(record.disclosed),
            answered_at: record.answered.map(|at| self.at(at)),
            version: Some(self.disclosed.version.clone()),
            complete: None,
        }
    }

    fn turn(&self, turn: &TurnRecord) -> TurnWrite {
        let words = |words: &switchboard_call::Words| Some(Private::new(words.expose().to_owned()));
        TurnWrite {
            call_id: self.call,
            seq: i64::from(turn.seq),
            speaker: encode::speaker(turn.speaker),
            generated_text: words(&turn.generated),
            sent_text: words(&turn.sent),
            heard_text: words(&turn.heard),
            language: turn.language.map(|language| language.as_str().to_owned()),
            confidence: turn
                .confidence_percent
                .map(|percent| f64::from(percent) / 100.0),
            interrupted: turn.interrupted,
            response_ms: turn.response.map(encode::ms),
            heard_ms: turn.heard_latency.map(encode::ms),
            started_at: self.at(turn.started),
            ended_at: Some(self.at(turn.ended)),
        }
    }

    fn tool(&self, tool: &ToolRecord) -> ToolCallWrite {
        let now = chrono::Utc::now();
        let duration_ms = tool.took.map(encode::ms);
        let started_at = now - chrono::Duration::milliseconds(duration_ms.unwrap_or_default());
        ToolCallWrite {
            call_id: self.call,
            seq: i64::from(tool.call.0) + 1,
            tool: Word::parse(&tool.name).unwrap_or(Word::new("unknown")),
            server: Word::new("switchboard"),
            vendor_id: None,
            idempotency_key: None,
            status: encode::tool_status(tool.status),
            arguments: Private::new(encode::json(&tool.arguments)),
            result: tool
                .result
                .as_ref()
                .map(|result| Private::new(encode::json(result))),
            started_at,
            finished_at: Some(now),
            duration_ms,
        }
    }

    /// What a turn used: one row of the ledger per component, with its price.
    pub fn usage(&self, moment: Moment, turn: Option<u32>, usage: &ModelUsage) {
        let provider = self
            .session
            .as_ref()
            .map_or("unknown", |session| session.provider.as_str());
        for part in &usage.parts {
            let paid = (provider, usage.model.as_str());
            self.write_usage(self.at(moment), turn, paid, *part);
        }
    }

    fn write_usage(
        &self,
        at: Timestamp,
        turn: Option<u32>,
        (provider, model): (&str, &str),
        part: UsagePart,
    ) {
        let cost_micros = i64::try_from(part.cost_micros).unwrap_or(i64::MAX);
        self.live.cost(cost_micros);
        self.write(JournalWrite::Usage(UsageWrite {
            id: UsageId::new(),
            call_id: Some(self.call),
            component: part.component.to_owned(),
            provider: provider.to_owned(),
            model: model.to_owned(),
            unit: part.unit.to_owned(),
            quantity: i64::try_from(part.quantity).unwrap_or(i64::MAX),
            cost_micros: Micros(cost_micros),
            currency: Currency::USD,
            at,
            turn: turn.map(i64::from),
        }));
    }

    /// Minutes at the carrier, each begun one whole, as carriers bill them. Those after a handoff are the carrier's to tell.
    fn carrier_minutes(&self, at: Timestamp) {
        let Some(answered_at) = self.answered_at.filter(|_| self.carrier_minute_micros > 0) else {
            return;
        };
        let length_ms = u64::try_from((at - answered_at).num_milliseconds()).unwrap_or(0);
        let minutes = length_ms.div_ceil(60_000).max(1);
        let part = UsagePart {
            component: "carrier",
            unit: "minutes",
            quantity: minutes,
            cost_micros: minutes.saturating_mul(self.carrier_minute_micros),
        };
        self.write_usage(at, None, ("twilio", "voice"), part);
    }

    /// The one end.
    pub fn ended(&mut self, moment: Moment, end: End, cost_micros: u64) {
        let at = self.at(moment);
        self.close_session(at, None);
        self.carrier_minutes(at);
        self.write(JournalWrite::CallEnded(CallEnd {
            call_id: self.call,
            reason: Word::new(end.reason.as_str()),
            class: encode::end_class(end.class),
            at,
        }));
        self.live.ended();
        metrics::counter!(crate::ops::metrics::names::CALL_COST_MICROS_TOTAL)
            .increment(cost_micros);
    }

    /// The task of the call is gone without an end: a panic, or a process that stops.
    pub fn lost(&mut self) {
        let at = chrono::Utc::now();
        self.live.ended();
        if let Some(trace) = &mut self.trace {
            trace.lost();
        }
        self.close_session(at, None);
        self.carrier_minutes(at);
        self.write(JournalWrite::CallEnded(CallEnd {
            call_id: self.call,
            reason: Word::new("process_lost"),
            class: EndClass::Us,
            at,
        }));
    }
}

/// What a list shows of a turn: what an agent was heard to say, what others said.
fn line(turn: &TurnRecord) -> Option<LiveLine> {
    let said = match turn.speaker {
        switchboard_call::turn::Speaker::Agent => &turn.heard,
        _ => &turn.generated,
    };
    let text = said.expose().trim();
    (!text.is_empty()).then(|| LiveLine {
        speaker: turn.speaker.as_str(),
        text: text.to_owned(),
    })
}
