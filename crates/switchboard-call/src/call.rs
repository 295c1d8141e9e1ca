//! The call: its state, the one big match, and the queue of what it asks for. Each arm calls the file that
//! owns the decision.

use std::collections::VecDeque;

use crate::absence::Absence;
use crate::answering::Answering;
use crate::automatic::AutomaticParty;
use crate::budget::Budget;
use crate::confirmation::Confirmation;
use crate::consent::Consent;
use crate::dead_air::DeadAir;
use crate::ending::Goodbye;
use crate::event::{CallEvent, EventKind};
use crate::floor::Floor;
use crate::handoff::{Handoff, HandoffReason, HandoffUnderWay, TransferOutcome};
use crate::ids::ItemId;
use crate::input::{CallerAudio, Control, FromLeg, FromModel, Input, LegClosed, TurnTaking};
use crate::interruption::{Interruption, StopCause};
use crate::model_session::ModelSession;
use crate::output::{Command, HistoryTurn, Output, Record, ToLeg, ToModel};
use crate::phase::Phase;
use crate::playback::Playback;
use crate::quiet_line::QuietLine;
use crate::reply::Replies;
use crate::secure_entry::SecureEntry;
use crate::settings::CallSettings;
use crate::silence::SilenceClock;
use crate::staff::{GiveBack, Staff};
use crate::time::Moment;
use crate::tool_call::ToolCalls;
use crate::turn::TurnLog;

/// One live call. Feed one input, then drain every output until it names its wake time, then wait.
#[derive(Debug)]
pub struct Call {
    pub(crate) settings: CallSettings,
    pub(crate) phase: Phase,
    pub(crate) leg_ready: bool,
    pub(crate) absence: Absence,
    /// When the agent began to get ready: at the offer, or when a human gave the caller back.
    pub(crate) connecting_since: Moment,
    pub(crate) has_returned: bool,
    pub(crate) handshake_open: bool,
    pub(crate) length_warned: bool,
    pub(crate) turn_taking: TurnTaking,
    pub(crate) answering: Answering,
    pub(crate) automatic: AutomaticParty,
    pub(crate) model: ModelSession,
    pub(crate) floor: Floor,
    pub(crate) quiet_line: QuietLine,
    pub(crate) replies: Replies,
    pub(crate) playback: Playback,
    pub(crate) interruption: Interruption,
    pub(crate) turns: TurnLog,
    pub(crate) tools: ToolCalls,
    pub(crate) silence: SilenceClock,
    pub(crate) dead_air: DeadAir,
    pub(crate) budget: Budget,
    pub(crate) consent: Consent,
    pub(crate) is_recording: bool,
    pub(crate) secure: SecureEntry,
    pub(crate) staff: Staff,
    pub(crate) confirmation: Confirmation,
    pub(crate) goodbye: Option<Goodbye>,
    pub(crate) handoff: Option<HandoffUnderWay>,
    outputs: VecDeque<Output>,
    events: u32,
}

impl Call {
    /// A call that was just offered. Its model is asked for at once: the handshake runs from here.
    #[must_use]
    pub fn new(settings: CallSettings) -> Self {
        let mut call = Self {
            phase: Phase::Connecting,
            leg_ready: false,
            absence: Absence::default(),
            connecting_since: Moment::START,
            has_returned: false,
            handshake_open: true,
            length_warned: false,
            turn_taking: settings.turn_taking,
            answering: Answering::new(settings.outgoing.clone()),
            automatic: AutomaticParty::default(),
            model: ModelSession::default(),
            floor: Floor::default(),
            quiet_line: QuietLine::default(),
            replies: Replies::default(),
            playback: Playback::new(settings.playback),
            interruption: Interruption::new(settings.has_words),
            turns: TurnLog::default(),
            tools: ToolCalls::default(),
            silence: SilenceClock::default(),
            dead_air: DeadAir::default(),
            budget: Budget::new(settings.allowance),
            is_recording: false,
            secure: SecureEntry::default(),
            staff: Staff::default(),
            confirmation: Confirmation::default(),
            consent: Consent::new(settings.consent.clone()),
            goodbye: None,
            handoff: None,
            outputs: VecDeque::new(),
            events: 0,
            settings,
        };
        call.command(Command::Model(ToModel::Open {
            choice: 0,
            history: Vec::new(),
        }));
        call
    }

    #[must_use]
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What the call has cost so far, in millionths of its currency.
    #[must_use]
    pub fn spent_micros(&self) -> u64 {
        self.budget.spent_micros()
    }

    /// The number of the turn that something was paid for: the caller's turn of this item, or without one the agent's turn
    /// in progress, else the last that began. None before any.
    #[must_use]
    pub fn turn_paid_for(&self, item: Option<ItemId>) -> Option<u32> {
        self.turns.paid_for(item)
    }

    /// Takes one thing that happened at `now`. Moments never go backwards.
    pub fn handle(&mut self, now: Moment, input: Input) {
        if self.phase == Phase::Ended {
            self.release(&input);
            return;
        }
        match input {
            Input::Leg(input) => self.handle_leg(now, input),
            Input::Model(input) => self.handle_model(now, input),
            Input::Tool(answer) => self.on_tool(now, answer),
            Input::Transfer(outcome) => self.on_transfer(now, outcome),
            Input::Allowance(allowance) => self.on_allowance(now, allowance),
            Input::Staff(said) => self.on_staff_audio(now, said),
            Input::Control(control) => self.on_control(now, control),
            Input::Wake => {}
        }
        self.advance(now);
    }

    /// Hands out the next thing to do, or the moment to wake at.
    pub fn poll(&mut self) -> Output {
        self.outputs
            .pop_front()
            .unwrap_or_else(|| Output::Wait(self.wake()))
    }

    fn handle_leg(&mut self, now: Moment, input: FromLeg) {
        match input {
            FromLeg::Audio(audio) => self.on_caller_audio(now, &audio),
            FromLeg::Mark(mark) => self.playback.on_mark(now, mark),
            FromLeg::Played { item, position } => self.on_player_report(now, item, position),
            FromLeg::Ready => self.on_leg_ready(now),
            FromLeg::Digit(digit) => self.on_digit(now, digit),
            FromLeg::Text(words) => self.on_text(now, words),
            FromLeg::Remember(turn) => self.on_brought(turn),
            FromLeg::ReplyRequested { instructions } => self.on_reply_asked(now, instructions),
            FromLeg::ReplyCancelled => self.on_reply_cancelled(now),
            FromLeg::TurnCommitted => self.steer_turn(ToModel::CommitTurn),
            FromLeg::TurnCleared => self.steer_turn(ToModel::ClearTurn),
            FromLeg::TurnTaking(turn_taking) => self.turn_taking = turn_taking,
            FromLeg::AnsweredBy(answered_by) => self.on_answered_by(now, answered_by),
            FromLeg::Absent => self.on_leg_absent(now),
            FromLeg::Returned => self.on_leg_returned(now),
            FromLeg::Closed(closed) => self.on_leg_closed(now, closed),
        }
    }

    fn handle_model(&mut self, now: Moment, input: FromModel) {
        if self.phase == Phase::HandingOff {
            return self.hear_out_model(now, input);
        }
        self.model.on_activity(now, &input);
        match input {
            FromModel::Audio(audio) => self.on_agent_audio(now, audio),
            FromModel::AgentWords { reply, item, delta } => {
                self.on_agent_words(now, reply, item, &delta)
            }
            FromModel::WordsAligned {
                item,
                characters,
                spoken_by,
            } => {
                self.turns.agent_aligned(item, characters, spoken_by);
            }
            FromModel::Ready => self.on_model_ready(now),
            FromModel::SpeechStarted => self.on_speech_started(now),
            FromModel::SpeechStopped => self.on_speech_stopped(now),
            FromModel::TurnCommitted { item, typed } => self.on_turn_committed(now, item, typed),
            FromModel::CallerWords(said) => self.on_caller_words(now, &said),
            FromModel::ReplyStarted { reply } => self.on_reply_started(now, reply),
            FromModel::ToolRequested(request) => self.on_tool_requested(now, request),
            FromModel::ReplyDone(done) => self.on_reply_done(now, &done),
            FromModel::Failed(failure) => self.on_model_failed(now, failure),
        }
    }

    /// The model was closed for a handoff: what is still on its way is booked, and decides nothing.
    fn hear_out_model(&mut self, now: Moment, input: FromModel) {
        match input {
            FromModel::Audio(audio) => self.on_agent_audio(now, audio),
            FromModel::ReplyDone(done) => self.book_cost(now, &done),
            FromModel::CallerWords(said) if said.is_final => self.book_caller_words(now, &said),
            _ => {}
        }
    }

    /// The client's word on its turn means nothing to a model that hears nothing.
    fn steer_turn(&mut self, command: ToModel) {
        if self.phase == Phase::Live && self.model.is_ready() {
            self.ask_model(command);
        }
    }

    fn on_leg_ready(&mut self, now: Moment) {
        if self.leg_ready {
            return;
        }
        self.leg_ready = true;
        self.event(now, EventKind::LegReadied);
        self.go_live(now);
    }

    /// The agent takes charge when both leg and model are ready.
    pub(crate) fn go_live(&mut self, now: Moment) {
        if self.phase != Phase::Connecting || !self.leg_ready || !self.model.is_ready() {
            return;
        }
        self.phase = Phase::Live;
        self.finish_handshake(now, None);
        self.warn_of_first_allowance(now);
        self.silence.restart();
        self.begin_consent(now);
        if self.has_returned && !self.consent.owes_disclosure() {
            self.welcome_back(now);
        } else {
            self.begin_conversation(now);
        }
    }

    pub(crate) fn finish_handshake(&mut self, now: Moment, fell_back: Option<HandoffReason>) {
        if std::mem::take(&mut self.handshake_open) {
            let elapsed = now.since(Moment::START);
            self.event(now, EventKind::HandshakeFinished { elapsed, fell_back });
        }
    }

    fn on_digit(&mut self, now: Moment, digit: char) {
        if self.takes_secure_key(now, digit) {
            return;
        }
        self.event(now, EventKind::DigitPressed);
        self.on_key(now);
        self.automatic.on_key();
        self.on_caller_acted(now);
        // Whoever is with a person reaches one.
        if self.phase == Phase::WithStaff {
            self.takes_withdrawal(now, digit);
            return;
        }
        if digit != '0' && self.phase == Phase::Live && self.takes_own_key(now, digit) {
            return;
        }
        if digit == '0' {
            self.hand_off(now, Handoff::because(HandoffReason::Dtmf0));
        } else if self.phase == Phase::Live {
            self.interrupt(now, StopCause::Explicit);
            self.tell_model_or_hold(ToModel::Digit(digit));
        }
    }

    /// Keys that mean something to us, and so nothing to the model.
    fn takes_own_key(&mut self, now: Moment, digit: char) -> bool {
        self.takes_withdrawal(now, digit) || self.takes_consent_key(now, digit)
    }

    fn takes_withdrawal(&mut self, now: Moment, digit: char) -> bool {
        let is_it = self.settings.keys.withdraw == Some(digit);
        if is_it {
            self.withdraw_consent(now);
        }
        is_it
    }

    fn on_text(&mut self, now: Moment, words: crate::Words) {
        if self.secure.is_open() {
            return;
        }
        self.on_caller_acted(now);
        if matches!(self.phase, Phase::Connecting | Phase::Live) {
            if self.turn_taking.replies_to_text {
                self.interrupt(now, StopCause::Explicit);
            }
            self.tell_model_or_hold(ToModel::Text(words));
        } else if self.phase == Phase::WithStaff {
            self.tell_model_or_hold(ToModel::Text(words));
        }
    }

    /// What was said before this call belongs to the history of every model that takes over.
    fn on_brought(&mut self, turn: HistoryTurn) {
        self.turns.brought(turn.clone());
        self.tell_model_or_hold(ToModel::Remember(turn));
    }

    fn on_leg_closed(&mut self, now: Moment, closed: LegClosed) {
        self.end_with_leg(now, closed);
    }

    fn on_control(&mut self, now: Moment, control: Control) {
        match control {
            Control::TakeOver => return self.take_over(now),
            Control::StaffLost => return self.on_staff_lost(now),
            Control::GiveBack => return self.give_back(now, GiveBack::Asked),
            _ => {}
        }
        // The caller is with the carrier, and stays there.
        if self.is_away() && control != Control::WithdrawConsent {
            return self.on_transfer(now, TransferOutcome::Parted);
        }
        match control {
            Control::End => self.end_by_control(now),
            Control::EndSaying(line) => self.end_saying(now, line),
            Control::WithdrawConsent => self.withdraw_consent(now),
            Control::HandOff(reason) => self.hand_off(now, Handoff::because(reason)),
            Control::HandOver { target } => {
                let by_staff = Handoff::because(HandoffReason::Staff);
                self.hand_off(now, Handoff { target, ..by_staff });
            }
            Control::CallerHangsUp => self.caller_hangs_up(now),
            Control::TakeOver | Control::StaffLost | Control::GiveBack => {}
            Control::Drain => self.hand_off(now, Handoff::because(HandoffReason::Drained)),
        }
    }

    /// Audio that arrives after the end is let go.
    fn release(&mut self, input: &Input) {
        let audio = match input {
            Input::Leg(FromLeg::Audio(CallerAudio { audio, .. })) => *audio,
            Input::Model(FromModel::Audio(audio)) => audio.audio,
            Input::Staff(said) => said.audio,
            _ => return,
        };
        self.command(Command::Drop(audio));
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.outputs.push_back(Output::Command(command));
    }

    pub(crate) fn ask_model(&mut self, command: ToModel) {
        self.command(Command::Model(command));
    }

    pub(crate) fn ask_leg(&mut self, command: ToLeg) {
        self.command(Command::Leg(command));
    }

    pub(crate) fn event(&mut self, now: Moment, kind: EventKind) {
        self.events += 1;
        self.outputs.push_back(Output::Event(CallEvent {
            number: self.events,
            at: now,
            kind,
        }));
    }

    pub(crate) fn record(&mut self, record: Record) {
        self.outputs.push_back(Output::Record(record));
    }
}
