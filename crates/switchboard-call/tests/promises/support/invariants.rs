//! What must hold in every run, whatever happens: checked on each output. The "always" of threats.md section 3.

use std::collections::{BTreeMap, BTreeSet};

use switchboard_call::end::End;
use switchboard_call::event::{CallEvent, EventKind};
use switchboard_call::ids::{AudioId, ItemId};
use switchboard_call::output::{
    Command, HeardAudio, Record, RecordingStep, ToLeg, ToModel, ToolRun,
};
use switchboard_call::{CallSettings, ConsentAnswer, ConsentBasis, Moment, Output, Span};

/// More outputs than this for one input is a flood.
const OUTPUTS_PER_INPUT_MAX: usize = 400;

#[derive(Debug, Default)]
pub(crate) struct Invariants {
    events: u32,
    last_at: Moment,
    given: BTreeSet<AudioId>,
    held: BTreeSet<AudioId>,
    given_after_end: BTreeSet<AudioId>,
    ended: Option<End>,
    outputs_of_input: usize,
    model_closed: bool,
    opened: bool,
    reply_open: u32,
    tools: BTreeMap<u32, ToolRun>,
    generated: BTreeMap<ItemId, Span>,
    /// Nothing may be kept before the caller has agreed.
    needs_consent: bool,
    answer: Option<ConsentAnswer>,
    recording: Recording,
    /// The tool whose write the caller has agreed to, until it runs.
    agreed: Option<String>,
    /// A person of staff talks, and the agent is silent.
    with_staff: bool,
    /// The peer keeps no protocol, so that two replies at one time may be its own doing.
    is_hostile: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Recording {
    #[default]
    NotBegun,
    Running,
    Paused,
    Discarded,
}

impl Invariants {
    pub(crate) fn hostile(settings: &CallSettings) -> Self {
        Self {
            is_hostile: true,
            ..Self::for_settings(settings)
        }
    }

    pub(crate) fn for_settings(settings: &CallSettings) -> Self {
        Self {
            needs_consent: settings.consent.basis != ConsentBasis::NotNeeded,
            ..Self::default()
        }
    }

    pub(crate) fn end(&self) -> Option<End> {
        self.ended
    }

    /// A new input begins; the audio it brings, if any.
    pub(crate) fn on_input(&mut self, audio: Option<AudioId>) {
        self.outputs_of_input = 0;
        if let Some(audio) = audio {
            assert!(self.given.insert(audio), "the script gave {audio:?} twice");
            self.held.insert(audio);
            if self.ended.is_some() {
                self.given_after_end.insert(audio);
            }
        }
    }

    pub(crate) fn on_generated(&mut self, item: ItemId, length: Span) {
        let total = self.generated.entry(item).or_default();
        *total = *total + length;
    }

    /// The model freed itself: another reply may be asked for.
    pub(crate) fn on_reply_over(&mut self) {
        self.reply_open = 0;
    }

    pub(crate) fn on_output(&mut self, output: &Output) {
        self.outputs_of_input += 1;
        assert!(
            self.outputs_of_input <= OUTPUTS_PER_INPUT_MAX,
            "one input floods"
        );
        match output {
            Output::Event(event) => self.on_event(event),
            Output::Command(command) => self.on_command(command),
            Output::Record(record) => self.on_record(record),
            Output::Wait(_) => {}
        }
    }

    fn on_event(&mut self, event: &CallEvent) {
        match event.kind {
            EventKind::StaffTookOver => self.with_staff = true,
            EventKind::StaffGaveBack { .. } | EventKind::HandoffStarted { .. } => {
                self.with_staff = false;
            }
            _ => {}
        }
        // A human gave the caller back: a closed model is opened once more.
        if event.kind == EventKind::CallerReturned {
            self.model_closed = false;
        }
        assert!(self.ended.is_none(), "an event after the end: {event:?}");
        self.events += 1;
        if let EventKind::ConsentAnswered { answer } = event.kind {
            self.answer = Some(answer);
        }
        assert_eq!(event.number, self.events, "event numbers have no gap");
        assert!(event.at >= self.last_at, "moments never go backwards");
        self.last_at = event.at;
        if let EventKind::ConfirmationAnswered { name, agreed } = &event.kind {
            self.agreed = agreed.then(|| name.clone());
        }
    }

    fn on_command(&mut self, command: &Command) {
        if self.ended.is_some() {
            let late =
                matches!(command, Command::Drop(audio) if self.given_after_end.contains(audio));
            assert!(late, "a command after the end: {command:?}");
        }
        match command {
            Command::Drop(audio) => self.let_go(*audio, "dropped"),
            Command::Model(command) => self.on_model(command),
            Command::Leg(ToLeg::Play { audio, .. }) => {
                assert!(
                    self.held.contains(audio),
                    "{audio:?} is played after its release"
                );
                assert!(!self.with_staff, "the agent speaks over a person of staff");
            }
            Command::Leg(ToLeg::PlayStaff { audio }) => {
                assert!(
                    self.held.contains(audio),
                    "{audio:?} is played after its release"
                );
                assert!(self.with_staff, "nobody of staff has the caller");
            }
            Command::RunTool(run) => {
                assert!(!self.with_staff, "a tool is begun beside a person of staff");
                if run.confirmed {
                    let agreed = self.agreed.take();
                    assert_eq!(agreed.as_ref(), Some(&run.name), "A1: nobody agreed");
                }
                self.tools.insert(run.call.0, run.clone());
            }
            Command::End(end) => {
                assert!(self.ended.replace(*end).is_none(), "two ends");
                assert!(self.held.is_empty(), "audio leaks: {:?}", self.held);
            }
            Command::Recording(step) => self.on_recording(step),
            Command::Leg(_)
            | Command::GiveUpTool(_)
            | Command::Transfer(_)
            | Command::AskAllowance { .. } => {}
        }
    }

    fn on_model(&mut self, command: &ToModel) {
        assert!(
            !self.model_closed,
            "a closed model is asked for {command:?}"
        );
        match command {
            ToModel::Audio(audio) | ToModel::QuietAudio(audio) => self.let_go(*audio, "forwarded"),
            ToModel::Close => self.model_closed = true,
            ToModel::Open { .. } => {
                self.opened = true;
                self.reply_open = 0;
            }
            ToModel::Reply { .. } | ToModel::Say { .. } => {
                assert!(!self.with_staff, "asked to speak beside a person of staff");
                self.reply_open += 1;
                assert!(
                    self.is_hostile || self.reply_open == 1,
                    "two replies at one time"
                );
            }
            ToModel::Truncate { item, heard } => {
                let generated = self.generated.get(item).copied().unwrap_or_default();
                assert!(*heard <= generated, "{heard:?} of {generated:?} truncated");
            }
            _ => {}
        }
        assert!(self.opened, "the first thing asked of a model is to open");
    }

    /// D1: recorded is what was agreed to, and nothing after it was taken back.
    fn on_recording(&mut self, step: &RecordingStep) {
        use Recording::{Discarded, NotBegun, Paused, Running};
        self.recording = match (self.recording, step) {
            (NotBegun, RecordingStep::Start) => {
                assert!(self.may_keep(), "recorded without consent");
                Running
            }
            (Running, RecordingStep::Pause) => Paused,
            (Paused, RecordingStep::Resume) => Running,
            (Running | Paused, RecordingStep::Discard) => Discarded,
            (state @ (Running | Paused), RecordingStep::Heard { what, .. }) => {
                if let HeardAudio::Agent(audio) = what {
                    assert!(
                        self.held.contains(audio),
                        "{audio:?} is heard after its release"
                    );
                }
                state
            }
            (state, step) => panic!("{step:?} while {state:?}"),
        };
    }

    fn may_keep(&self) -> bool {
        match self.answer {
            None => !self.needs_consent,
            Some(answer) => matches!(answer, ConsentAnswer::Implied | ConsentAnswer::Granted),
        }
    }

    fn on_record(&mut self, record: &Record) {
        if let Record::Turn(_) | Record::Tool(_) = record {
            assert!(self.may_keep(), "D1: kept without consent: {record:?}");
        }
        if let Record::Turn(turn) = record {
            let [heard, sent, generated] =
                [&turn.heard, &turn.sent, &turn.generated].map(|words| words.expose().len());
            assert!(heard <= sent && sent <= generated, "S4: {turn:?}");
        }
    }

    fn let_go(&mut self, audio: AudioId, how: &str) {
        assert!(
            self.held.remove(&audio),
            "{audio:?} is {how} without being held"
        );
    }

    /// Audio the core still keeps.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }
}
