//! Runs one call against script, carrier and model until a moment, and keeps what came out.

use std::collections::{BTreeMap, VecDeque};

use switchboard_call::end::EndReason;
use switchboard_call::event::{CallEvent, EventKind};
use switchboard_call::handoff::{Handoff, TransferOutcome};
use switchboard_call::ids::{AudioId, ItemId, MarkId};
use switchboard_call::input::{
    CallerAudio, CallerWords, Control, FromLeg, FromModel, FromTool, LegClosed, ToolOutcome,
};
use switchboard_call::output::{
    Command, Record, RecordingStep, ToLeg, ToModel, ToolRecord, ToolRun,
};
use switchboard_call::turn::{Speaker, TurnRecord};
use switchboard_call::{
    Allowance, Call, CallSettings, ConsentAnswer, Input, Language, Moment, Output, Span, StaffAudio,
};

use super::carrier::{Carrier, Spoken};
use super::invariants::Invariants;
use super::model::{Emission, Model};
use super::voice::{Echo, LINE_NOISE_DBFS, VOICE_DBFS};

const FRAME_US: u64 = 20_000;
/// Handles of what staff says are above those of caller and model.
const STAFF_AUDIO: u32 = 0x4000_0000;
/// More handled inputs than this at one moment is a livelock.
const STEPS_AT_ONE_MOMENT_MAX: u32 = 200;
/// The vendor's detector: how late it reports speech, and how long a silence it takes for its end.
const DETECTED_AFTER_MS: u64 = 200;
const SILENCE_MS: u64 = 500;

/// What the carrier answers to a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transfer {
    Answered(u64, TransferOutcome),
    Never,
}

#[derive(Debug)]
enum Happening {
    Input(Input),
    Emission(Emission),
    Mark(MarkId),
    Frame,
}

#[derive(Debug, Clone, Copy)]
struct Speech {
    from_us: u64,
    until_us: u64,
    level_dbfs: i8,
}

pub(crate) struct Scenario {
    pub(crate) call: Call,
    pub(crate) carrier: Carrier,
    pub(crate) model: Model,
    pub(crate) tool_answers: VecDeque<Option<(u64, ToolOutcome)>>,
    pub(crate) transfer: Transfer,
    pub(crate) echo: Option<Echo>,
    /// The carrier sends the caller's audio.
    pub(crate) sends_media: bool,
    /// How long after the turn its transcript comes, if ever.
    pub(crate) words_after_ms: Option<u64>,
    pub(crate) handled: u64,
    /// What shared budgets answer, one after another; none is left means no answer.
    pub(crate) allowances: VecDeque<Allowance>,
    filler_us: u64,
    /// What the model has charged by now.
    cost_micros: u64,
    now_us: u64,
    agenda: BTreeMap<(u64, u64), Happening>,
    order: u64,
    speeches: Vec<Speech>,
    sent_frames: u32,
    next_item: u32,
    next_staff: u32,
    audio: BTreeMap<AudioId, (Spoken, u64, Vec<i8>)>,
    generated_us: BTreeMap<ItemId, u64>,
    outputs: Vec<(u64, Output)>,
    invariants: Invariants,
    wake_us: Option<u64>,
}

impl Scenario {
    pub(crate) fn new(settings: CallSettings) -> Self {
        let mut scenario = Self {
            filler_us: settings.filler_length.micros(),
            invariants: Invariants::for_settings(&settings),
            cost_micros: 0,
            call: Call::new(settings),
            carrier: Carrier::new(),
            model: Model::new(),
            tool_answers: VecDeque::new(),
            transfer: Transfer::Answered(150, TransferOutcome::Accepted),
            echo: None,
            sends_media: true,
            words_after_ms: Some(300),
            handled: 0,
            allowances: VecDeque::new(),
            now_us: 0,
            agenda: BTreeMap::new(),
            order: 0,
            speeches: Vec::new(),
            sent_frames: 0,
            next_item: 900_000,
            next_staff: 0,
            audio: BTreeMap::new(),
            generated_us: BTreeMap::new(),
            outputs: Vec::new(),
            wake_us: None,
        };
        scenario.at(400, Input::Leg(FromLeg::Ready));
        scenario.push(400_000, Happening::Frame);
        scenario
    }

    /// A call without a leg until the script brings one.
    pub(crate) fn ringing(settings: CallSettings) -> Self {
        let mut scenario = Self::new(settings);
        scenario.agenda.clear();
        scenario
    }

    pub(crate) fn at(&mut self, at_ms: u64, input: Input) -> &mut Self {
        self.push(at_ms * 1_000, Happening::Input(input));
        self
    }

    pub(crate) fn leg(&mut self, at_ms: u64, input: FromLeg) -> &mut Self {
        self.at(at_ms, Input::Leg(input))
    }

    pub(crate) fn model_sends(&mut self, at_ms: u64, input: FromModel) -> &mut Self {
        self.at(at_ms, Input::Model(input))
    }

    pub(crate) fn digit(&mut self, at_ms: u64, digit: char) -> &mut Self {
        self.leg(at_ms, FromLeg::Digit(digit))
    }

    pub(crate) fn hangs_up(&mut self, at_ms: u64) -> &mut Self {
        self.leg(at_ms, FromLeg::Closed(LegClosed::HungUp))
    }

    pub(crate) fn control(&mut self, at_ms: u64, control: Control) -> &mut Self {
        self.at(at_ms, Input::Control(control))
    }

    /// A person of staff speaks, in pieces of 20 ms.
    pub(crate) fn staff_says(&mut self, at_ms: u64, length_ms: u64) -> &mut Self {
        for at_ms in (at_ms..at_ms + length_ms).step_by(20) {
            self.next_staff += 1;
            let said = StaffAudio {
                audio: AudioId(STAFF_AUDIO + self.next_staff),
                length: Span::from_micros(FRAME_US),
            };
            self.at(at_ms, Input::Staff(said));
        }
        self
    }

    /// Sound on the caller's line that no detector reports.
    pub(crate) fn sounds(&mut self, at_ms: u64, length_ms: u64, level_dbfs: i8) -> &mut Self {
        self.speeches.push(Speech {
            from_us: at_ms * 1_000,
            until_us: (at_ms + length_ms) * 1_000,
            level_dbfs,
        });
        self
    }

    /// The caller says something: sound, the detector's reports, the turn and its words. Returns its item.
    pub(crate) fn says(&mut self, at_ms: u64, length_ms: u64, words: &str) -> ItemId {
        self.says_in(at_ms, length_ms, words, None)
    }

    pub(crate) fn says_in(
        &mut self,
        at_ms: u64,
        length_ms: u64,
        words: &str,
        language: Option<Language>,
    ) -> ItemId {
        self.sounds(at_ms, length_ms, VOICE_DBFS);
        let item = self.reported(at_ms, length_ms);
        if let Some(after_ms) = self.words_after_ms {
            let at_ms = at_ms + length_ms + SILENCE_MS + after_ms;
            self.words(at_ms, item, words, language);
        }
        item
    }

    pub(crate) fn words(
        &mut self,
        at_ms: u64,
        item: ItemId,
        words: &str,
        language: Option<Language>,
    ) -> &mut Self {
        self.model_sends(
            at_ms,
            FromModel::CallerWords(CallerWords {
                item,
                words: words.into(),
                is_final: true,
                language,
                confidence_percent: None,
            }),
        )
    }

    pub(crate) fn interim(&mut self, at_ms: u64, item: ItemId, words: &str) -> &mut Self {
        self.model_sends(
            at_ms,
            FromModel::CallerWords(CallerWords {
                item,
                words: words.into(),
                is_final: false,
                language: None,
                confidence_percent: None,
            }),
        )
    }

    /// The detector reports speech and commits a turn, whatever is on the line.
    pub(crate) fn reported(&mut self, at_ms: u64, length_ms: u64) -> ItemId {
        self.next_item += 1;
        let item = ItemId(self.next_item);
        let over_ms = at_ms + length_ms + SILENCE_MS;
        self.model_sends(at_ms + DETECTED_AFTER_MS, FromModel::SpeechStarted);
        self.model_sends(over_ms, FromModel::SpeechStopped);
        self.model_sends(over_ms, FromModel::TurnCommitted { item, typed: false });
        item
    }

    fn push(&mut self, at_us: u64, happening: Happening) {
        self.order += 1;
        self.agenda
            .insert((at_us.max(self.now_us), self.order), happening);
    }

    /// Runs until the call is over or this moment has come.
    pub(crate) fn run(&mut self, until_ms: u64) -> &mut Self {
        self.drain();
        let mut steps_here = 0;
        while self.invariants.end().is_none() {
            let scheduled = self.agenda.first_key_value().map(|((at, _), _)| *at);
            let next = [scheduled, self.wake_us].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= until_ms * 1_000) else {
                break;
            };
            steps_here = if next > self.now_us {
                0
            } else {
                steps_here + 1
            };
            assert!(
                steps_here < STEPS_AT_ONE_MOMENT_MAX,
                "livelock at {} ms\n{}",
                self.now_us / 1_000,
                self.log()
            );
            self.now_us = self.now_us.max(next);
            self.carrier.advance(self.now_us);
            match self.agenda.first_entry() {
                Some(entry) if entry.key().0 <= next => {
                    let happening = entry.remove();
                    self.happen(happening);
                }
                _ => self.feed(Input::Wake),
            }
        }
        if self.invariants.end().is_none() {
            self.now_us = self.now_us.max(until_ms * 1_000);
            self.carrier.advance(self.now_us);
        }
        self
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Input(input) => self.feed(input),
            Happening::Emission(emission) if self.model.is_void(&emission) => {}
            Happening::Emission(emission) => self.feed(emission.input),
            Happening::Mark(mark) => {
                if self.carrier.take_mark(mark) {
                    self.feed(Input::Leg(FromLeg::Mark(mark)));
                }
            }
            Happening::Frame => self.frame(),
        }
    }

    fn frame(&mut self) {
        self.push(self.now_us + FRAME_US, Happening::Frame);
        if !self.sends_media {
            return;
        }
        self.sent_frames += 1;
        let audio = CallerAudio {
            audio: AudioId(self.sent_frames),
            length: Span::from_micros(FRAME_US),
            level_dbfs: self.line_dbfs(),
            voice_percent: None,
        };
        self.feed(Input::Leg(FromLeg::Audio(audio)));
    }

    fn line_dbfs(&self) -> i8 {
        let speech = self
            .speeches
            .iter()
            .filter(|speech| speech.from_us <= self.now_us && self.now_us < speech.until_us)
            .map(|speech| speech.level_dbfs)
            .max();
        let echo = self.echo.and_then(|echo| {
            let played_us = self.now_us.checked_sub(echo.delay_ms * 1_000)?;
            let spoken = self.carrier.sounding(played_us)?;
            let (piece, _, levels) = self.audio.get(&spoken.audio)?;
            let slot = (spoken.from_us - piece.from_us) / 20_000;
            Some(levels.get(slot as usize)?.saturating_sub(echo.loss_db))
        });
        [speech, echo, Some(LINE_NOISE_DBFS)]
            .into_iter()
            .flatten()
            .max()
            .unwrap_or(LINE_NOISE_DBFS)
    }

    fn feed(&mut self, input: Input) {
        self.handled += 1;
        self.model.on_delivered(&input);
        self.book(&input);
        self.call.handle(Moment::from_micros(self.now_us), input);
        self.drain();
        let spent_micros = self.call.spent_micros();
        assert_eq!(spent_micros, self.cost_micros, "cost is what was charged");
    }

    fn book(&mut self, input: &Input) {
        let given = match input {
            Input::Leg(FromLeg::Audio(audio)) => Some(audio.audio),
            Input::Model(FromModel::Audio(audio)) => {
                let from_us = self.generated_us.entry(audio.item).or_default();
                let spoken = Spoken {
                    audio: audio.audio,
                    item: audio.item,
                    from_us: *from_us,
                };
                *from_us += audio.length.micros();
                let piece = (spoken, audio.length.micros(), audio.levels_dbfs.clone());
                self.audio.insert(audio.audio, piece);
                self.invariants.on_generated(audio.item, audio.length);
                Some(audio.audio)
            }
            Input::Staff(said) => Some(said.audio),
            Input::Model(FromModel::ReplyDone(done)) => {
                if self.invariants.end().is_none() {
                    self.cost_micros += done.cost_micros;
                }
                self.invariants.on_reply_over();
                None
            }
            _ => None,
        };
        self.invariants.on_input(given);
    }

    fn drain(&mut self) {
        loop {
            let output = self.call.poll();
            self.invariants.on_output(&output);
            match &output {
                Output::Wait(wake) => {
                    self.wake_us = wake.map(Moment::micros);
                    return;
                }
                Output::Command(command) => self.carry_out(&command.clone()),
                Output::Event(_) | Output::Record(_) => {}
            }
            self.outputs.push((self.now_us, output));
        }
    }

    fn carry_out(&mut self, command: &Command) {
        match command {
            Command::Leg(command) => self.on_leg(command),
            Command::Model(command) => {
                for emission in self.model.on_command(command) {
                    let at_us = self.now_us + emission.after_us;
                    self.push(at_us, Happening::Emission(emission));
                }
            }
            Command::RunTool(run) => self.on_tool(run),
            Command::Transfer(_) => self.on_transfer(),
            Command::AskAllowance { .. } => {
                if let Some(allowance) = self.allowances.pop_front() {
                    let at_us = self.now_us + 50_000;
                    self.push(at_us, Happening::Input(Input::Allowance(allowance)));
                }
            }
            Command::GiveUpTool(_) | Command::Drop(_) | Command::Recording(_) | Command::End(_) => {
            }
        }
    }

    fn on_leg(&mut self, command: &ToLeg) {
        match command {
            ToLeg::Play { audio, mark, .. } => {
                let (spoken, length_us, _) = self.audio[audio].clone();
                self.play(Some(spoken), length_us, *mark);
            }
            ToLeg::PlayPhrase { mark, .. } => self.play(None, self.filler_us, *mark),
            ToLeg::Clear => {
                for (at_us, mark) in self.carrier.clear(self.now_us) {
                    self.push(at_us, Happening::Input(Input::Leg(FromLeg::Mark(mark))));
                }
            }
            _ => {}
        }
    }

    fn play(&mut self, spoken: Option<Spoken>, length_us: u64, mark: MarkId) {
        for at_us in self.carrier.play(self.now_us, spoken, length_us, mark) {
            self.push(at_us, Happening::Mark(mark));
        }
    }

    fn on_tool(&mut self, run: &ToolRun) {
        if let Some(Some((after_ms, outcome))) = self.tool_answers.pop_front() {
            let answer = FromTool {
                call: run.call,
                outcome,
            };
            let at_us = self.now_us + after_ms * 1_000;
            self.push(at_us, Happening::Input(Input::Tool(answer)));
        }
    }

    fn on_transfer(&mut self) {
        let Transfer::Answered(after_ms, outcome) = self.transfer else {
            return;
        };
        let at_us = self.now_us + after_ms * 1_000;
        self.push(at_us, Happening::Input(Input::Transfer(outcome)));
        if outcome == TransferOutcome::Accepted {
            let closed = Input::Leg(FromLeg::Closed(LegClosed::HungUp));
            self.push(at_us + 500_000, Happening::Input(closed));
        }
    }

    // What came out.

    pub(crate) fn end(&self) -> Option<EndReason> {
        self.invariants.end().map(|end| end.reason)
    }

    pub(crate) fn audio_held(&self) -> usize {
        self.invariants.held()
    }

    pub(crate) fn events(&self) -> impl Iterator<Item = &CallEvent> {
        self.outputs.iter().filter_map(|(_, output)| match output {
            Output::Event(event) => Some(event),
            _ => None,
        })
    }

    /// When events of this name happened, in milliseconds.
    pub(crate) fn when(&self, name: &str) -> Vec<u64> {
        self.events()
            .filter(|event| event.kind.name() == name)
            .map(|event| event.at.millis())
            .collect()
    }

    pub(crate) fn kinds(&self, name: &str) -> Vec<EventKind> {
        self.events()
            .filter(|event| event.kind.name() == name)
            .map(|event| event.kind.clone())
            .collect()
    }

    pub(crate) fn commands(&self) -> impl Iterator<Item = (u64, &Command)> {
        self.outputs.iter().filter_map(|(at, output)| match output {
            Output::Command(command) => Some((at / 1_000, command)),
            _ => None,
        })
    }

    /// What the recording was told, in milliseconds, without what was heard.
    pub(crate) fn recording(&self) -> Vec<(u64, RecordingStep)> {
        self.commands()
            .filter_map(|(at, command)| match command {
                Command::Recording(RecordingStep::Heard { .. }) => None,
                Command::Recording(step) => Some((at, *step)),
                _ => None,
            })
            .collect()
    }

    /// What was disclosed: the wording, how much was heard in milliseconds, and whether to its end.
    pub(crate) fn disclosed(&self) -> Vec<(&str, u64, bool)> {
        self.records()
            .filter_map(|record| match record {
                Record::Disclosed { record, to_its_end } => {
                    Some((record.wording.expose(), record.heard.millis(), *to_its_end))
                }
                _ => None,
            })
            .collect()
    }

    /// Every answer to the disclosure, with its words.
    pub(crate) fn answers(&self) -> Vec<(ConsentAnswer, Option<&str>)> {
        self.records()
            .filter_map(|record| match record {
                Record::Consent { answer, words, .. } => {
                    Some((*answer, words.as_ref().map(|words| words.expose())))
                }
                _ => None,
            })
            .collect()
    }

    pub(crate) fn to_leg(&self, wanted: impl Fn(&ToLeg) -> bool) -> Vec<u64> {
        self.commands()
            .filter(|(_, command)| matches!(command, Command::Leg(command) if wanted(command)))
            .map(|(at, _)| at)
            .collect()
    }

    pub(crate) fn to_model(&self, wanted: impl Fn(&ToModel) -> bool) -> Vec<u64> {
        self.commands()
            .filter(|(_, command)| matches!(command, Command::Model(command) if wanted(command)))
            .map(|(at, _)| at)
            .collect()
    }

    pub(crate) fn transfers(&self) -> Vec<(u64, Handoff)> {
        self.commands()
            .filter_map(|(at, command)| match command {
                Command::Transfer(handoff) => Some((at, handoff.clone())),
                _ => None,
            })
            .collect()
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &Record> {
        self.outputs.iter().filter_map(|(_, output)| match output {
            Output::Record(record) => Some(record),
            _ => None,
        })
    }

    /// The turns as the store would hold them: the last record of each number.
    pub(crate) fn turns(&self) -> Vec<TurnRecord> {
        let mut turns = BTreeMap::new();
        for record in self.records() {
            if let Record::Turn(turn) = record {
                turns.insert(turn.seq, turn.clone());
            }
        }
        turns.into_values().collect()
    }

    pub(crate) fn agent_turns(&self) -> Vec<TurnRecord> {
        let turns = self.turns().into_iter();
        turns
            .filter(|turn| turn.speaker == Speaker::Agent)
            .collect()
    }

    pub(crate) fn tools(&self) -> Vec<ToolRecord> {
        self.records()
            .filter_map(|record| match record {
                Record::Tool(tool) => Some(tool.clone()),
                _ => None,
            })
            .collect()
    }

    /// What happened and what was asked for, one line each, without audio going by.
    pub(crate) fn log(&self) -> String {
        let lines = self.outputs.iter().filter_map(|(at_us, output)| {
            let text = match output {
                Output::Event(event) => event.kind.name().to_owned(),
                Output::Command(
                    Command::Model(ToModel::Audio(_) | ToModel::QuietAudio(_)) | Command::Drop(_),
                ) => {
                    return None;
                }
                Output::Command(command) => format!("> {command:?}"),
                Output::Record(Record::Turn(turn)) => {
                    let speaker = turn.speaker.as_str();
                    format!("= {speaker} {}: {:?}", turn.seq, turn.heard.expose())
                }
                Output::Record(record) => format!("= {record:?}"),
                Output::Wait(_) => return None,
            };
            Some(format!("{:>6} {text}", at_us / 1_000))
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// Only the log's names of events, joined: for snapshots of an order.
    pub(crate) fn story(&self) -> String {
        let names: Vec<_> = self
            .events()
            .map(|event| format!("{:>5} {}", event.at.millis(), event.kind.name()))
            .collect();
        names.join("\n")
    }
}

impl Scenario {
    /// Everything that was still on its way reaches the call after its end.
    pub(crate) fn feed_after_the_end(&mut self) {
        assert!(self.invariants.end().is_some(), "the call is over");
        self.frame();
        while let Some((_, happening)) = self.agenda.pop_first() {
            match happening {
                Happening::Frame => {}
                Happening::Input(input) => self.feed(input),
                Happening::Emission(emission) => self.feed(emission.input),
                Happening::Mark(mark) => self.feed(Input::Leg(FromLeg::Mark(mark))),
            }
        }
        self.feed(Input::Wake);
    }
}

impl Scenario {
    /// From here the model neither says nor answers anything.
    pub(crate) fn model_falls_silent(&mut self, at_ms: u64) {
        self.run(at_ms);
        self.agenda
            .retain(|_, happening| !matches!(happening, Happening::Emission(_)));
        self.model.is_mute = true;
    }

    /// The process stands still: everything of this time arrives at its end, in order.
    pub(crate) fn freeze(&mut self, ms: u64) {
        let until_us = self.now_us + ms * 1_000;
        let late: Vec<_> = std::mem::take(&mut self.agenda).into_iter().collect();
        for ((at_us, order), happening) in late {
            self.agenda.insert((at_us.max(until_us), order), happening);
        }
        self.now_us = until_us;
        self.wake_us = self.wake_us.map(|wake_us| wake_us.max(until_us));
    }
}
