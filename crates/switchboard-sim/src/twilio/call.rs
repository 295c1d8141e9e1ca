//! One call: fetches documents and runs their verbs until somebody ends it.

use super::callee::{Callee, Detection};
use super::document::{Verb, parse_document};
use super::event::{CallHandle, CarrierEvent, EndedBy, Record};
use super::fault::{StreamFault, WebhookFaults};
use super::line::{FRAME_MS, Frame, Line, SILENCE, frame_of, steps_of};
use super::webhook::resolve;
use super::{Exchange, PlaceCall, SayVoice};
use crate::caller::{CallerScript, Mouth, Step, speech};
use crate::socket::random_bytes;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use switchboard_media::{g711, resample, tone, wav};
use switchboard_wire::twilio::{CallSid, CallStatus, Form};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::Instant;

/// A document that leads to documents for ever is stopped, as Twilio does.
const DOCUMENTS_MAX: usize = 100;
/// When asynchronous answering-machine detection of a dialled leg has its verdict.
pub(super) const AMD_TAKES: Duration = Duration::from_millis(500);

/// What others ask of a running call.
#[derive(Debug)]
pub(super) enum Command {
    Steps(Vec<Step>),
    CallerHangsUp,
    RestEnds,
    RestRedirects(Instructions),
    TimeLimit { seconds: u64 },
}

/// Where the next document comes from.
#[derive(Debug, Clone)]
pub(super) enum Instructions {
    Url(String),
    Document(String),
}

#[derive(Debug, Clone)]
pub(super) struct Control(mpsc::UnboundedSender<Command>);

impl Control {
    /// A call that is over ignores everything.
    pub(super) fn send(&self, command: Command) {
        let _ = self.0.send(command);
    }
}

/// A call in the exchange's list, ended ones included.
#[derive(Debug)]
pub(super) struct Registered {
    handle: CallHandle,
    pub(super) record: Arc<Record>,
    pub(super) details: Details,
    pub(super) control: Control,
    task: AbortHandle,
}

impl Registered {
    pub(super) fn handle(&self) -> CallHandle {
        self.handle.clone()
    }

    pub(super) fn abort(&self) {
        self.task.abort();
    }
}

/// What stays the same through a call.
#[derive(Debug, Clone)]
pub(super) struct Details {
    pub(super) sid: CallSid,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) direction: &'static str,
    pub(super) forwarded_from: Option<String>,
    pub(super) extra_parameters: Vec<(String, String)>,
    pub(super) status_callback: Option<String>,
    pub(super) status_events: Vec<String>,
    pub(super) fallback_url: Option<String>,
    /// Seconds that a call created by REST rings at most.
    pub(super) ring_s: u64,
    pub(super) detection: Option<Detection>,
}

/// What a verb leads to when the next one does not simply follow.
#[derive(Debug)]
pub(super) enum Flow {
    End(EndedBy),
    Fetch {
        url: String,
        extra: Vec<(String, String)>,
    },
    Run {
        xml: String,
    },
}

/// The task of one call.
pub(super) struct Call {
    pub(super) exchange: Arc<Exchange>,
    pub(super) record: Arc<Record>,
    pub(super) details: Details,
    pub(super) line: Line,
    pub(super) commands: mpsc::UnboundedReceiver<Command>,
    pub(super) stream_faults: VecDeque<StreamFault>,
    /// Where the running document came from; relative URLs and missing actions refer to it.
    pub(super) document_url: Option<String>,
    /// Requests that Twilio makes when everything is over.
    pub(super) last_requests: Vec<(String, Form)>,
    webhook_faults: WebhookFaults,
    /// Who picks up, for a call that REST created.
    callee: Option<Callee>,
    is_answered: bool,
    pub(super) final_status: CallStatus,
    sequence_number: u32,
    kept_back: Vec<(CallStatus, u32, Form)>,
    time_limit: Option<Instant>,
}

/// Rings the server.
pub(super) fn place_inbound(exchange: &Arc<Exchange>, place: PlaceCall) -> CallHandle {
    let status_events = place.status_events.iter().map(ToString::to_string);
    let details = Details {
        sid: CallSid::from_entropy(random_bytes()),
        from: place.from,
        to: place.to,
        direction: "inbound",
        forwarded_from: place.forwarded_from,
        extra_parameters: place.extra_parameters,
        status_callback: place.status_callback,
        status_events: status_events.collect(),
        fallback_url: place.voice_fallback_url,
        ring_s: 0,
        detection: None,
    };
    let record = Arc::new(Record::new(place.keeps_sound));
    let mut call = Call::new(exchange, record, details, place.caller);
    call.stream_faults = place.stream_faults.into();
    call.webhook_faults = place.webhook_faults;
    call.spawn(Instructions::Url(place.voice_url))
}

/// Rings a callee because REST asked for it.
pub(super) fn place_outbound(
    exchange: &Arc<Exchange>,
    details: Details,
    first: Instructions,
    time_limit_s: Option<u64>,
) -> CallHandle {
    let callee = exchange.callee(&details.to);
    let record = Arc::new(Record::new(true));
    let mut call = Call::new(exchange, record, details, callee.script.clone());
    call.webhook_faults = callee.webhook_faults.clone();
    call.callee = Some(callee);
    call.set_time_limit(time_limit_s);
    call.spawn(first)
}

impl Call {
    fn new(
        exchange: &Arc<Exchange>,
        record: Arc<Record>,
        details: Details,
        script: CallerScript,
    ) -> Self {
        // Replaced when the call is spawned, together with the sender it belongs to.
        let (_, commands) = mpsc::unbounded_channel();
        Self {
            exchange: Arc::clone(exchange),
            line: Line::new(script, Arc::clone(&record)),
            record,
            details,
            commands,
            stream_faults: VecDeque::new(),
            document_url: None,
            last_requests: Vec::new(),
            webhook_faults: WebhookFaults::default(),
            callee: None,
            is_answered: false,
            final_status: CallStatus::Completed,
            sequence_number: 0,
            kept_back: Vec::new(),
            time_limit: None,
        }
    }

    fn spawn(mut self, first: Instructions) -> CallHandle {
        let (sender, commands) = mpsc::unbounded_channel();
        self.commands = commands;
        let control = Control(sender);
        let (sid, record) = (self.details.sid.clone(), Arc::clone(&self.record));
        let handle = CallHandle::new(sid.clone(), Arc::clone(&record), control.clone());
        let exchange = Arc::clone(&self.exchange);
        let details = self.details.clone();
        // The list is locked over the spawn so that no request of this call arrives before its entry.
        let mut calls = exchange.calls();
        let task = tokio::spawn(self.live(first)).abort_handle();
        let registered = Registered {
            handle: handle.clone(),
            record,
            details,
            control,
            task,
        };
        calls.insert(sid, registered);
        handle
    }

    async fn live(mut self, first: Instructions) {
        let mut flow = match self.ring(first).await {
            Ok(flow) | Err(flow) => flow,
        };
        for _ in 0..DOCUMENTS_MAX {
            let document = match flow {
                Flow::End(by) => return self.finish(by).await,
                Flow::Fetch { url, extra } => self.fetch(url, extra).await,
                Flow::Run { xml } => {
                    self.document_url = None;
                    Ok(xml)
                }
            };
            flow = match document {
                Ok(xml) => self.run_document(&xml).await,
                Err(flow) => flow,
            };
        }
        self.record
            .warn(0, "the call went through too many documents");
        self.finish(EndedBy::Error).await;
    }

    /// The time before the first document: an inbound call asks for it while ringing, an outbound one when answered.
    async fn ring(&mut self, first: Instructions) -> Result<Flow, Flow> {
        let mut extra = Vec::new();
        if let Some(callee) = self.callee.take() {
            self.report(CallStatus::Initiated, "initiated");
            self.enter(CallStatus::Ringing, "ringing");
            self.ring_callee(callee.pickup).await?;
            self.answer();
            extra = self.detect(&callee).await?;
        } else {
            self.enter(CallStatus::Ringing, "ringing");
        }
        Ok(match first {
            Instructions::Url(url) => Flow::Fetch { url, extra },
            Instructions::Document(xml) => Flow::Run { xml },
        })
    }

    /// Asks for a document, then at the fallback URL, then tells the caller that something is wrong.
    async fn fetch(&mut self, url: String, extra: Vec<(String, String)>) -> Result<String, Flow> {
        if let Some(xml) = self.fetch_from(&url, &extra).await? {
            self.document_url = Some(url);
            return Ok(xml);
        }
        let fallback = self.details.fallback_url.clone();
        if let Some(fallback) = fallback.filter(|fallback| *fallback != url) {
            let error = vec![
                ("ErrorCode".to_owned(), "11200".to_owned()),
                ("ErrorUrl".to_owned(), url),
            ];
            if let Some(xml) = self.fetch_from(&fallback, &error).await? {
                self.document_url = Some(fallback);
                return Ok(xml);
            }
        }
        self.apologise().await?;
        Err(Flow::End(EndedBy::Error))
    }

    async fn fetch_from(
        &mut self,
        url: &str,
        extra: &[(String, String)],
    ) -> Result<Option<String>, Flow> {
        let form = self.form(extra);
        let is_signed = !self.webhook_faults.is_unsigned;
        let is_repeated = std::mem::take(&mut self.webhook_faults.has_second_voice_request);
        let (exchange, record) = (Arc::clone(&self.exchange), Arc::clone(&self.record));
        let answer = self
            .hold(exchange.post(&record, url, &form, is_signed))
            .await?;
        if is_repeated {
            let again = self
                .hold(exchange.post(&record, url, &form, is_signed))
                .await?;
            if again.map(|again| again.body) != answer.as_ref().map(|first| first.body.clone()) {
                record.warn(0, "the repeated voice request was answered differently");
            }
        }
        let Some(answer) = answer else {
            return Ok(None);
        };
        if !(200..300).contains(&answer.status) {
            self.record.warn(11200, format!("status {}", answer.status));
            return Ok(None);
        }
        if !answer.is_xml {
            self.record
                .warn(12300, "the answer is not XML by its content type");
            return Ok(None);
        }
        Ok(Some(answer.body))
    }

    async fn run_document(&mut self, xml: &str) -> Flow {
        let verbs = match parse_document(xml) {
            Ok(verbs) => verbs,
            Err(error) => {
                self.record.warn(error.code, error.text);
                let end = Flow::End(EndedBy::Error);
                return self.apologise().await.err().unwrap_or(end);
            }
        };
        let names = verbs.iter().map(Verb::name).collect();
        self.record
            .log(CarrierEvent::DocumentStarted { verbs: names });
        for verb in verbs {
            if let Err(flow) = self.run_verb(verb).await {
                return flow;
            }
        }
        Flow::End(EndedBy::Document)
    }

    async fn run_verb(&mut self, verb: Verb) -> Result<(), Flow> {
        if let Verb::Reject { is_busy } = verb {
            self.final_status = if is_busy {
                CallStatus::Busy
            } else {
                CallStatus::Failed
            };
            return Err(Flow::End(EndedBy::Document));
        }
        self.answer();
        self.record
            .log(CarrierEvent::VerbStarted { verb: verb.name() });
        match verb {
            Verb::Say { text } => self.say(&text).await,
            Verb::Play { url } => {
                let clip = self.audio_file(&url).await?;
                self.play(&clip).await
            }
            Verb::Pause { length_s } => self.pause(length_s * 1000).await,
            Verb::Gather(gather) => self.gather(&gather).await,
            Verb::Dial(dial) => self.dial(&dial).await,
            Verb::Connect { action, stream } => {
                self.stream(&stream).await?;
                self.go_on_at(action, Vec::new())
            }
            Verb::Record(record) => self.record_message(&record).await,
            Verb::Enqueue(enqueue) => self.enqueue(&enqueue).await,
            Verb::Leave => {
                self.record.warn(12200, "Leave outside of a queue");
                Ok(())
            }
            Verb::Redirect { url } => self.go_on_at(Some(url), Vec::new()),
            Verb::Hangup | Verb::Reject { .. } => Err(Flow::End(EndedBy::Document)),
        }
    }

    /// With an action its document is next; without, the next verb.
    pub(super) fn go_on_at(
        &self,
        action: Option<String>,
        extra: Vec<(String, String)>,
    ) -> Result<(), Flow> {
        let Some(action) = action else {
            return Ok(());
        };
        match resolve(self.document_url.as_deref(), &action) {
            Some(url) => Err(Flow::Fetch { url, extra }),
            None => {
                self.record
                    .warn(11100, "a relative URL in a document that has none");
                Err(Flow::End(EndedBy::Error))
            }
        }
    }

    fn answer(&mut self) {
        if !self.is_answered {
            self.is_answered = true;
            self.line.restart_clock();
            self.record.log(CarrierEvent::Answered);
            self.enter(CallStatus::InProgress, "answered");
        }
    }

    /// What the real Twilio says when an application fails.
    async fn apologise(&mut self) -> Result<(), Flow> {
        self.answer();
        self.say("We are sorry, an application error has occurred. Goodbye.")
            .await
    }

    /// Lets 20 ms pass with this sound in the caller's ear.
    pub(super) async fn beat(&mut self, frame: &Frame) -> Result<Mouth, Flow> {
        loop {
            tokio::select! {
                biased;
                command = self.commands.recv() => self.obey(command)?,
                () = self.line.next_step() => return self.hear(frame),
            }
        }
    }

    /// The part of [`Call::beat`] after the waiting.
    pub(super) fn hear(&mut self, frame: &Frame) -> Result<Mouth, Flow> {
        let mouth = self.line.hear(frame);
        if mouth.hangs_up {
            return Err(Flow::End(EndedBy::Caller));
        }
        if self.time_limit.is_some_and(|limit| Instant::now() >= limit) {
            return Err(Flow::End(EndedBy::TimeLimit));
        }
        Ok(mouth)
    }

    /// Waits for something slow while the line stays alive.
    pub(super) async fn hold<T>(&mut self, slow: impl Future<Output = T>) -> Result<T, Flow> {
        let mut slow = pin!(slow);
        loop {
            tokio::select! {
                biased;
                value = &mut slow => return Ok(value),
                command = self.commands.recv() => self.obey(command)?,
                () = self.line.next_step(), if self.is_answered => {
                    self.hear(&SILENCE)?;
                }
            }
        }
    }

    pub(super) fn obey(&mut self, command: Option<Command>) -> Result<(), Flow> {
        match command {
            Some(Command::Steps(steps)) => self.line.add_steps(steps),
            Some(Command::TimeLimit { seconds }) => self.set_time_limit(Some(seconds)),
            Some(Command::CallerHangsUp) => return Err(Flow::End(EndedBy::Caller)),
            // The sender lives as long as the exchange.
            Some(Command::RestEnds) | None => return Err(Flow::End(EndedBy::Rest)),
            Some(Command::RestRedirects(instructions)) => {
                self.record.log(CarrierEvent::Redirected);
                return Err(match instructions {
                    Instructions::Document(xml) => Flow::Run { xml },
                    Instructions::Url(url) => Flow::Fetch {
                        url,
                        extra: Vec::new(),
                    },
                });
            }
        }
        Ok(())
    }

    fn set_time_limit(&mut self, seconds: Option<u64>) {
        let limit = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        self.time_limit = limit.or(self.time_limit);
    }

    async fn say(&mut self, text: &str) -> Result<(), Flow> {
        self.record.log(CarrierEvent::Said {
            text: text.to_owned(),
        });
        let clip = self.say_clip(text).await?;
        self.play(&clip).await
    }

    /// The sound of a text, mu-law.
    pub(super) async fn say_clip(&mut self, text: &str) -> Result<Vec<u8>, Flow> {
        let pcm = match self.exchange.settings.say {
            SayVoice::Tone { ms_per_character } => {
                let ms = text.chars().count() as u64 * ms_per_character;
                tone::sine(8_000, 350.0, ms, 0.3)
            }
            SayVoice::Spoken => {
                let voice = speech::Voice::default();
                match self.hold(speech::speak(text, &voice)).await? {
                    Ok(clip) => clip.to_vec(),
                    Err(error) => {
                        self.record.warn(0, error.to_string());
                        Vec::new()
                    }
                }
            }
        };
        let mut clip = Vec::with_capacity(pcm.len());
        g711::encode_ulaw(&pcm, &mut clip);
        Ok(clip)
    }

    /// A WAV behind a URL; anything else is a warning and silence.
    pub(super) async fn audio_file(&mut self, url: &str) -> Result<Vec<u8>, Flow> {
        let Some(url) = resolve(self.document_url.as_deref(), url) else {
            self.record
                .warn(11100, "a relative URL in a document that has none");
            return Ok(Vec::new());
        };
        let exchange = Arc::clone(&self.exchange);
        let pcm = self.hold(exchange.download(&url)).await?.and_then(|file| {
            let wav = wav::read(&file).ok()?;
            resample::resample_clip(&wav.samples, wav.rate_hz, 8_000).ok()
        });
        let Some(pcm) = pcm else {
            self.record.warn(12400, "a file to play that is no WAV");
            return Ok(Vec::new());
        };
        let mut clip = Vec::with_capacity(pcm.len());
        g711::encode_ulaw(&pcm, &mut clip);
        Ok(clip)
    }

    async fn play(&mut self, clip: &[u8]) -> Result<(), Flow> {
        for step in 0..steps_of(clip) {
            self.beat(&frame_of(clip, step)).await?;
        }
        Ok(())
    }

    async fn pause(&mut self, ms: u64) -> Result<(), Flow> {
        for _ in 0..ms / FRAME_MS {
            self.beat(&SILENCE).await?;
        }
        Ok(())
    }

    /// The parameters of every request of this call (protocol notes, section 1), then these.
    pub(super) fn form(&self, extra: &[(String, String)]) -> Form {
        let details = &self.details;
        let account_sid = self.exchange.settings.account_sid.as_str();
        let status = self.record.status();
        let mut form = Form::from_iter([
            ("CallSid", details.sid.as_str()),
            ("AccountSid", account_sid),
            ("From", &details.from),
            ("To", &details.to),
            ("Caller", &details.from),
            ("Called", &details.to),
            ("CallStatus", status.as_str()),
            ("ApiVersion", "2010-04-01"),
            ("Direction", details.direction),
            // Unknown places are sent as empty strings and take part in the signature.
            ("FromCity", ""),
            ("FromState", ""),
            ("FromZip", ""),
            ("FromCountry", "US"),
            ("ToCity", ""),
            ("ToState", ""),
            ("ToZip", ""),
            ("ToCountry", "US"),
        ]);
        if let Some(forwarded_from) = &details.forwarded_from {
            form.push("ForwardedFrom", forwarded_from);
        }
        for (name, value) in details.extra_parameters.iter().chain(extra) {
            form.push(name, value);
        }
        form
    }

    fn enter(&mut self, status: CallStatus, event: &str) {
        self.record.set_status(status);
        self.report(status, event);
    }

    /// Sends a status callback beside the call, if this event is wanted.
    fn report(&mut self, status: CallStatus, event: &str) {
        if let Some((url, form)) = self.status_form(status, event) {
            let (exchange, record) = (Arc::clone(&self.exchange), Arc::clone(&self.record));
            let times = self.status_times();
            tokio::spawn(async move {
                for _ in 0..times {
                    exchange.post(&record, &url, &form, true).await;
                }
            });
        }
    }

    fn status_times(&self) -> usize {
        1 + usize::from(self.webhook_faults.has_status_twice)
    }

    /// The next status callback; `None` when it is not wanted or kept back by a fault.
    fn status_form(&mut self, status: CallStatus, event: &str) -> Option<(String, Form)> {
        let url = self.details.status_callback.clone()?;
        if !self
            .details
            .status_events
            .iter()
            .any(|wanted| wanted == event)
        {
            return None;
        }
        let sequence_number = self.sequence_number;
        self.sequence_number += 1;
        let mut extra = vec![
            ("Timestamp", super::date::now()),
            ("SequenceNumber", sequence_number.to_string()),
            ("CallbackSource", "call-progress-events".to_owned()),
        ];
        if status.is_final() {
            let duration_s = self.record.duration_s();
            extra.push(("CallDuration", duration_s.to_string()));
            extra.push(("Duration", duration_s.div_ceil(60).to_string()));
            extra.push(("SipResponseCode", sip_code(status).to_owned()));
        }
        let extra: Vec<_> = extra
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let form = self.form(&extra);
        // The call may have moved on; the callback tells of its own moment.
        let form: Form = form
            .parameters()
            .iter()
            .map(|(name, value)| match name.as_str() {
                "CallStatus" => (name.clone(), status.as_str().to_owned()),
                _ => (name.clone(), value.clone()),
            })
            .collect();
        self.record.log(CarrierEvent::StatusSent {
            status,
            sequence_number,
        });
        if self.webhook_faults.has_status_reversed && !status.is_final() {
            self.kept_back.push((status, sequence_number, form));
            return None;
        }
        Some((url, form))
    }

    /// Everything Twilio still sends; the log's last entry says that it was sent.
    async fn finish(mut self, by: EndedBy) {
        let status = match self.final_status {
            CallStatus::Completed if !self.is_answered => match by {
                EndedBy::Caller | EndedBy::Rest => CallStatus::Canceled,
                _ => CallStatus::Failed,
            },
            status => status,
        };
        self.record.set_status(status);
        super::rest::end_recordings(&self.exchange, &self.details.sid).await;
        for (url, form) in std::mem::take(&mut self.last_requests) {
            self.exchange.post(&self.record, &url, &form, true).await;
        }
        if let Some((url, form)) = self.status_form(status, "completed") {
            for _ in 0..self.status_times() {
                self.exchange.post(&self.record, &url, &form, true).await;
            }
        }
        let url = self.details.status_callback.clone().unwrap_or_default();
        for (_, _, form) in self.kept_back.iter().rev() {
            self.exchange.post(&self.record, &url, form, true).await;
        }
        self.record.log(CarrierEvent::Ended { status, by });
    }
}

fn sip_code(status: CallStatus) -> &'static str {
    match status {
        CallStatus::Busy => "486",
        CallStatus::NoAnswer | CallStatus::Canceled => "487",
        CallStatus::Failed => "503",
        _ => "200",
    }
}
