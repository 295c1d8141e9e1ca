//! The one task that owns a live call: drain what it asks for, wait for one thing to happen, feed exactly that.
//!
//! It contains the wait and the drain and nothing else. No lock, no spawn, no queue hop, log line or database work
//! per frame: the task that reads the carrier's socket writes the model's.

mod audio_shelf;
mod beside;
mod meter;
mod staff;
mod voice_tap;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use switchboard_call::event::EventKind;
use switchboard_call::input::{
    AgentAudio, CallerAudio, FromLeg, FromModel, FromTool, Input, ModelFailure,
};
use switchboard_call::output::{Command, HeardAudio, Output, RecordingStep, ToLeg, ToModel};
use switchboard_call::{Call, CallSettings, ConsentAnswer, Moment};
use switchboard_media::frame::AudioFormat;
use tokio::sync::oneshot;
use tokio::time::Sleep;

use crate::admission::Permit;
use crate::budgets::purse::Purse;
use crate::journal::CallJournal;
use crate::leg::{Leg, LegEvent, PhraseAudio};
use crate::live::listening::{Ear, Overheard};
use crate::live::staff_line::{FromStaff, StaffLine, TakeOver};
use crate::model::{Model, ModelAudio, ModelEvent, Payload};
use crate::ops::call_metrics;
use crate::recorder::{CallRecording, CarrierRecording, RecordedCall, Recorder};
use crate::tool_runner::ToolRunner;
use audio_shelf::AudioShelf;
use beside::Beside;
pub use beside::DriveHandle;
use meter::AudioMeter;
pub use meter::AudioPace;
use voice_tap::VoiceTap;

/// A peer that floods its socket may delay what comes beside by at most this many messages.
const BESIDE_EVERY: u32 = 32;

/// The level of a caller whom nobody may hear: digital silence.
const SILENCE_DBFS: i8 = -100;

/// What reaches a call beside leg and model. Few and never dropped.
pub enum DriveInput {
    /// The carrier opened the stream of this call, and its token was good.
    Attach(Box<crate::channels::twilio::AttachedStream>),
    /// The client of this call lost its connection and has another one.
    Return(Box<crate::channels::websocket::ReturningClient>),
    /// A tool's answer, a transfer's outcome, somebody's control.
    Core(Input),
    /// Somebody of staff wants to talk with the caller in the agent's place.
    TakeOver(Box<TakeOver>),
    /// Whoever has the caller says or does something, on the line of this number.
    Staff(u64, FromStaff),
    /// Somebody of staff listens in, and is told what the leg speaks.
    Listen(Box<(Ear, oneshot::Sender<AudioFormat>)>),
}

impl std::fmt::Debug for DriveInput {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Attach(_) => "Attach",
            Self::Return(_) => "Return",
            Self::Core(_) => "Core",
            Self::TakeOver(_) => "TakeOver",
            Self::Staff(..) => "Staff",
            Self::Listen(_) => "Listen",
        })
    }
}

/// Opens the voice models of one agent.
pub trait ModelOpener: Send + Sync {
    /// The `choice`th configured model, as the call's `session`th session. Never waits: the result may be on its way.
    fn open(
        &self,
        choice: u32,
        session: u32,
        history: Vec<switchboard_call::output::HistoryTurn>,
    ) -> Model;
}

/// Carries out a handoff at the carrier.
pub trait Transferrer: Send + Sync {
    /// Starts the transfer. Its outcome comes back through `answer`.
    fn transfer(&self, handoff: switchboard_call::handoff::Handoff, answer: DriveHandle);

    /// Has the carrier record the call from here, where it is set to. None: the server does.
    fn begin_recording(&self, _of: RecordedCall, _now: Moment) -> Option<CarrierRecording> {
        None
    }
}

/// Everything a call is driven with.
pub struct DriveSetup {
    /// What decisions depend on.
    pub settings: CallSettings,
    /// The caller's leg, with or without its socket.
    pub leg: Leg,
    /// Opens the agent's models.
    pub models: Arc<dyn ModelOpener>,
    /// Moves the caller to a human.
    pub transferrer: Arc<dyn Transferrer>,
    /// Runs tools beside the call.
    pub tools: ToolRunner,
    /// Where events and records go.
    pub journal: CallJournal,
    /// Records the call once it may.
    pub recorder: Recorder,
    /// Whose recording it is.
    pub recorded: RecordedCall,
    /// Phrases of ours.
    pub phrases: PhraseAudio,
    /// How fast the caller's audio may come.
    pub pace: AudioPace,
    /// The right to hold this call.
    pub permit: Permit,
    /// What shared budgets have set aside for it.
    pub purse: Option<Box<Purse>>,
}

/// What woke the call.
enum Woken {
    Leg(LegEvent),
    Model(ModelEvent),
    Beside(DriveInput),
    Time,
}

/// A live call and what it owns.
pub struct Drive {
    call: Call,
    started: Instant,
    leg: Leg,
    model: Model,
    models: Arc<dyn ModelOpener>,
    sessions: u32,
    transferrer: Arc<dyn Transferrer>,
    tools: ToolRunner,
    journal: CallJournal,
    phrases: PhraseAudio,
    recorder: Recorder,
    recorded: RecordedCall,
    recording: Option<CallRecording>,
    listeners: Vec<Ear>,
    staff: Option<Box<StaffLine>>,
    audio: AudioShelf,
    meter: AudioMeter,
    tap: VoiceTap,
    beside: Beside,
    handle: DriveHandle,
    timer: Pin<Box<Sleep>>,
    /// When the timer fires; it is re-armed only for an earlier moment.
    armed: Option<Instant>,
    /// Whether the timer knows whom to wake.
    is_timer_watched: bool,
    /// When something was last fed since the call woke, and so not before anything that woke it.
    fed_at: Option<Instant>,
    /// Counts polls.
    wakes: u32,
    ended: bool,
    scratch: Vec<u8>,
    _live: call_metrics::LiveCall,
    _permit: Permit,
    purse: Option<Box<Purse>>,
}

impl Drive {
    /// A call that was offered at this moment. Nothing happens before [`Drive::run`].
    pub fn new(setup: DriveSetup) -> (Self, DriveHandle) {
        let (handle, beside) = beside::channel();
        let drive = Self {
            call: Call::new(setup.settings),
            started: Instant::now(),
            meter: AudioMeter::new(setup.pace),
            tap: VoiceTap::new(setup.leg.format()),
            leg: setup.leg,
            model: Model::Closed,
            models: setup.models,
            sessions: 0,
            transferrer: setup.transferrer,
            tools: setup.tools,
            journal: setup.journal,
            phrases: setup.phrases,
            recorder: setup.recorder,
            recorded: setup.recorded,
            recording: None,
            listeners: Vec::new(),
            staff: None,
            audio: AudioShelf::default(),
            beside,
            handle: handle.clone(),
            timer: Box::pin(tokio::time::sleep(Duration::from_secs(3600))),
            armed: None,
            is_timer_watched: false,
            fed_at: None,
            wakes: 0,
            ended: false,
            scratch: Vec::new(),
            _live: call_metrics::LiveCall::begin(),
            _permit: setup.permit,
            purse: setup.purse,
        };
        (drive, handle)
    }

    /// Drives the call to its end. Boxed, because a future holds what it was given as long as what it made of it.
    pub async fn run(mut self: Box<Self>) {
        loop {
            let wake = self.drain();
            if self.ended {
                self.leg.flush().await;
                self.model.flush().await;
                return;
            }
            if !self.leg.has_buffered() {
                self.leg.flush().await;
                self.model.flush().await;
            }
            self.arm(wake);
            let woken = poll_fn(|context| self.poll_woken(context)).await;
            self.feed(woken);
        }
    }

    fn now(&self) -> Moment {
        self.moment_of(Instant::now())
    }

    fn moment_of(&self, instant: Instant) -> Moment {
        let micros = instant.duration_since(self.started).as_micros();
        Moment::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Carries out everything the call asks for, until it names its wake time.
    fn drain(&mut self) -> Option<Moment> {
        loop {
            match self.call.poll() {
                Output::Wait(wake) => return wake,
                Output::Command(command) => self.carry_out(command),
                Output::Event(event) => {
                    call_metrics::on_event(&event);
                    self.tap.on_event(&event.kind);
                    self.mind_listeners(&event.kind);
                    self.mind_staff(&event.kind);
                    self.leg.observe_event(&event);
                    self.journal.event(&event);
                }
                Output::Record(record) => {
                    self.leg.observe_record(&record);
                    self.journal.record(record);
                }
            }
        }
    }

    fn carry_out(&mut self, command: Command) {
        match command {
            Command::Model(ToModel::Audio(audio)) => {
                if let Some(payload) = self.audio.take_caller(audio) {
                    self.model.send_audio(&payload, &mut self.scratch);
                }
            }
            Command::Model(ToModel::QuietAudio(audio)) => {
                if let Some(payload) = self.audio.take_caller(audio) {
                    self.model.gather_audio(&payload, &mut self.scratch);
                }
            }
            Command::Leg(command) => self.tell_leg(&command),
            Command::Drop(audio) => self.audio.release(audio),
            Command::Model(ToModel::Open { choice, history }) => {
                self.close_model();
                self.model = self.models.open(choice, self.sessions, history);
                self.journal.model_opened(self.sessions, choice);
                self.sessions += 1;
            }
            Command::Model(ToModel::Close) => self.close_model(),
            Command::Model(command) => self.model.send(command),
            Command::RunTool(run) => self.tools.run(run, self.handle.clone()),
            Command::AskAllowance {
                least_micros,
                total_micros,
            } => {
                if let Some(purse) = &self.purse {
                    purse.ask(least_micros, total_micros, self.handle.clone());
                }
            }
            Command::GiveUpTool(call) => self.tools.give_up(call),
            Command::Recording(step) => self.record(step),
            Command::Transfer(handoff) => self.transferrer.transfer(handoff, self.handle.clone()),
            Command::End(end) => {
                if let Some(recording) = self.recording.take() {
                    recording.finish(self.now());
                }
                self.journal
                    .ended(self.now(), end, self.call.spent_micros());
                self.ended = true;
            }
        }
    }

    /// Gives the recording what it is to have. Nothing here waits.
    fn record(&mut self, step: RecordingStep) {
        let now = self.now();
        if step == RecordingStep::Start {
            let format = self.leg.format();
            let by_carrier = self.transferrer.begin_recording(self.recorded, now);
            self.recording = Some(match by_carrier {
                Some(carrier) => CallRecording::Carrier(carrier),
                None => CallRecording::Own(self.recorder.begin(self.recorded, format, now)),
            });
        }
        let Some(recording) = &mut self.recording else {
            return;
        };
        match step {
            RecordingStep::Start => {}
            RecordingStep::Heard {
                what,
                starts,
                length,
            } => {
                let payload = match what {
                    HeardAudio::Agent(audio) => self.audio.agent(audio),
                    HeardAudio::Phrase(phrase) => self.phrases.of(phrase),
                };
                if let Some(payload) = payload {
                    recording.agent(starts, payload.clone(), length);
                }
            }
            RecordingStep::Pause => recording.pause(now),
            RecordingStep::Resume => recording.resume(now),
            RecordingStep::Discard => {
                if let Some(recording) = self.recording.take() {
                    recording.discard();
                }
            }
        }
    }

    fn tell_leg(&mut self, command: &ToLeg) {
        match command {
            ToLeg::Play { audio, .. } | ToLeg::PlayStaff { audio } => {
                if let Some(payload) = self.audio.agent(*audio) {
                    tell_listeners(&mut self.listeners, || Overheard::Agent(payload.clone()));
                    self.leg.play(command, payload);
                }
            }
            ToLeg::PlayPhrase { phrase, .. } => {
                if let Some(payload) = self.phrases.of(*phrase) {
                    tell_listeners(&mut self.listeners, || Overheard::Agent(payload.clone()));
                    self.leg.play(command, payload);
                }
            }
            _ => {
                if *command == ToLeg::Clear {
                    tell_listeners(&mut self.listeners, || Overheard::Cut);
                }
                self.leg.send(command);
            }
        }
    }

    /// Nobody listens to a caller who does not agree any more.
    fn mind_listeners(&mut self, event: &EventKind) {
        let is_no = |answer| matches!(answer, ConsentAnswer::Refused | ConsentAnswer::Withdrawn);
        if let EventKind::ConsentAnswered { answer } = event
            && is_no(*answer)
        {
            self.listeners.clear();
        }
    }

    /// Lets a model say its close beside the call, so that nobody waits for it.
    fn close_model(&mut self) {
        let model = std::mem::replace(&mut self.model, Model::Closed);
        if let Model::OpenAi(_) = model {
            tokio::spawn(model.close());
        }
    }

    fn arm(&mut self, wake: Option<Moment>) {
        let wake = wake.map(|wake| self.started + Duration::from_micros(wake.micros()));
        let sockets = [self.leg.deadline(), self.model.deadline()];
        let Some(next) = sockets.into_iter().flatten().chain(wake).min() else {
            return;
        };
        if self.armed.is_none_or(|armed| next < armed) {
            self.timer.as_mut().reset(next.into());
            self.armed = Some(next);
            self.is_timer_watched = false;
        }
    }

    /// Polls everything that can wake the call: the closed list. Sockets come first, because a frame is why a call
    /// wakes; what comes beside is looked at when they have nothing, and every so often when they always have.
    fn poll_woken(&mut self, context: &mut Context<'_>) -> Poll<Woken> {
        self.wakes = self.wakes.wrapping_add(1);
        if self.wakes.is_multiple_of(BESIDE_EVERY)
            && let Poll::Ready(input) = self.beside.poll_next(context)
        {
            return Poll::Ready(Woken::Beside(input));
        }
        // Turn about, so that a flood from one side cannot starve the other.
        let model_first = self.wakes.is_multiple_of(2);
        if model_first && let Poll::Ready(event) = self.model.poll_next(context) {
            return Poll::Ready(Woken::Model(event));
        }
        if let Poll::Ready(event) = self.leg.poll_next(context) {
            return Poll::Ready(Woken::Leg(event));
        }
        if !model_first && let Poll::Ready(event) = self.model.poll_next(context) {
            return Poll::Ready(Woken::Model(event));
        }
        if let Poll::Ready(input) = self.beside.poll_next(context) {
            return Poll::Ready(Woken::Beside(input));
        }
        if self.poll_timer(context).is_ready() {
            return Poll::Ready(Woken::Time);
        }
        self.fed_at = None;
        Poll::Pending
    }

    /// Asks the timer only when its time has come: most wakes are frames, and the timer of a sleeping call is cold memory.
    fn poll_timer(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(armed) = self.armed else {
            return Poll::Pending;
        };
        let now = self.fed_at.unwrap_or_else(Instant::now);
        if self.is_timer_watched && now < armed {
            return Poll::Pending;
        }
        self.is_timer_watched = true;
        ready!(self.timer.as_mut().poll(context));
        self.armed = None;
        Poll::Ready(())
    }

    fn feed(&mut self, woken: Woken) {
        let fed_at = Instant::now();
        self.fed_at = Some(fed_at);
        let now = self.moment_of(fed_at);
        let input = match woken {
            Woken::Leg(LegEvent::Audio(payload)) => return self.on_caller_audio(now, payload),
            Woken::Model(ModelEvent::Audio(audio)) => return self.on_agent_audio(now, audio),
            Woken::Model(ModelEvent::Usage(usage)) => {
                let turn = self.call.turn_paid_for(usage.item);
                return self.journal.usage(now, turn, &usage);
            }
            Woken::Leg(LegEvent::Event(event)) | Woken::Model(ModelEvent::Leg(event)) => {
                Input::Leg(event)
            }
            Woken::Model(ModelEvent::Event(event)) => {
                if let FromModel::Failed(_) = event {
                    self.close_model();
                }
                self.leg.observe_model(&event);
                Input::Model(event)
            }
            Woken::Beside(DriveInput::Attach(stream)) => {
                stream.attach_to(&mut self.leg);
                return;
            }
            Woken::Beside(DriveInput::Return(client)) => {
                client.attach_to(&mut self.leg);
                return;
            }
            Woken::Beside(DriveInput::Listen(listener)) => {
                let (ear, answer) = *listener;
                // Without sound of ours there is nothing to listen to.
                if !self.leg.is_direct() && answer.send(self.leg.format()).is_ok() {
                    self.listeners.push(ear);
                }
                return;
            }
            Woken::Beside(DriveInput::TakeOver(asked)) => return self.take_over(now, *asked),
            Woken::Beside(DriveInput::Staff(line, from)) => match self.staff_input(line, from) {
                Some(input) => input,
                None => return,
            },
            Woken::Beside(DriveInput::Core(input)) => input,
            Woken::Time => Input::Wake,
        };
        self.call.handle(now, input);
    }

    fn on_caller_audio(&mut self, now: Moment, payload: Payload) {
        let format = self.leg.format();
        let length = payload.length(format);
        // Models bill audio seconds: nobody may send faster than the meter allows (S5).
        if !self.meter.admits(now, length) {
            metrics::counter!("switchboard_audio_dropped_total", "reason" => "faster_than_real_time").increment(1);
            return;
        }
        let Some(bytes) = payload.bytes(&mut self.scratch) else {
            return;
        };
        let (level_dbfs, voice_percent) = if self.tap.is_blind() {
            (SILENCE_DBFS, None)
        } else {
            let level_dbfs = format.level_dbfs(bytes).round() as i8;
            (level_dbfs, self.tap.voice_percent(bytes))
        };
        if let Some(recording) = &mut self.recording {
            recording.caller(now, payload.clone(), length);
        }
        let is_blind = self.tap.is_blind();
        if !is_blind {
            self.tell_staff(&payload);
        }
        tell_listeners(&mut self.listeners, || match is_blind {
            true => Overheard::Blind(payload.clone()),
            false => Overheard::Caller(payload.clone()),
        });
        let audio = self.audio.keep_caller(payload);
        let frame = CallerAudio {
            audio,
            length,
            level_dbfs,
            voice_percent,
        };
        self.call.handle(now, Input::Leg(FromLeg::Audio(frame)));
    }

    fn on_agent_audio(&mut self, now: Moment, agent: ModelAudio) {
        let format = self.leg.format();
        let Some(bytes) = agent.payload.bytes(&mut self.scratch) else {
            return self
                .call
                .handle(now, Input::Model(FromModel::Failed(ModelFailure::Protocol)));
        };
        let slot = format.bytes_of(20).max(1);
        let levels_dbfs = bytes
            .chunks(slot)
            .map(|slot| format.level_dbfs(slot).round() as i8)
            .collect();
        let length = agent.payload.length(format);
        let audio = self.audio.keep_agent(agent.payload);
        let said = AgentAudio {
            reply: agent.reply,
            item: agent.item,
            audio,
            length,
            levels_dbfs,
        };
        let said = FromModel::Audio(said);
        self.leg.observe_model(&said);
        self.call.handle(now, Input::Model(said));
    }
}

impl Drop for Drive {
    /// A task that panics or is dropped closes its sockets here, which hands the caller on by the carrier's own
    /// document, and leaves one end behind.
    fn drop(&mut self) {
        if !self.ended {
            self.journal.lost();
        }
    }
}

/// Hands a copy to whoever listens. Who does not take it hears nothing more.
fn tell_listeners(listeners: &mut Vec<Ear>, overheard: impl Fn() -> Overheard) {
    if !listeners.is_empty() {
        listeners.retain(|ear| ear.hear(overheard()));
    }
}

/// A tool's answer on its way into a call.
pub fn tool_answer(answer: FromTool) -> DriveInput {
    DriveInput::Core(Input::Tool(answer))
}
