//! threats.md section 3: every fault in every phase. The caller hears agent, human or apology within the row's limit,
//! the call ends once with a class, nothing is held and no event is missing.
//!
//! Faults and phases are closed lists, and what is promised for a cell is a match over both: a new fault or phase
//! without its cells does not compile. What only the shell can meet is in `crates/switchboard/tests/fault-matrix.rs`.

/// An enum and the list of all its values, so that neither grows without the other.
macro_rules! closed_list {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $value:ident,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum $name { $($(#[$about])* $value,)* }

        impl $name {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$value,)*];
        }
    };
}

pub(crate) mod faults;
pub(crate) mod phases;

use switchboard_call::end::{EndClass, EndReason};
use switchboard_call::handoff::HandoffReason;
use switchboard_call::output::{Command, ToLeg};

use crate::support::Scenario;
use faults::Fault;
use phases::At;

/// When a fault strikes a call that has begun.
const STRIKE_MS: u64 = 4_200;
/// The caller says another thing this long after the fault, so that what goes on must answer.
const NEXT_TURN_MS: u64 = 6_000;
/// No dead air: a caller's turn is followed by sound, a human or the end within this.
const DEAD_AIR_MS: u64 = 4_000;
/// A call left alone ends by its own limits before this.
const LONGEST_MS: u64 = 700_000;

/// What is promised to the caller of one cell. Times count from the fault, or from the end of a freeze.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    /// The carrier is told to dial the human, or its own document does, within this.
    Human { within_ms: u64 },
    /// The agent stays in charge for now, and answers what the caller says next.
    Agent,
    /// Agent or human, whichever the call decides for.
    AgentOrHuman { within_ms: u64 },
    /// The leg is gone: the carrier goes on by itself, and is not told to hang up.
    CarriersDocument,
    /// The leg is properly hung up within this, after what was being said.
    End { within_ms: u64 },
}

/// Past its limit a stream that never opened is left to the carrier's document.
const STREAM_OPEN_MS: u64 = 15_000;
/// A carrier that does not answer for a transfer is cut off, which dials too.
const TRANSFER_ANSWER_MS: u64 = 1_000;
/// A goodbye may play this long after what is being said.
const GOODBYE_MS: u64 = 9_000;
/// The handshake watchdog.
const HANDSHAKE_MS: u64 = 3_000;

/// What holds in a phase for a fault that touches nothing there.
fn untouched(at: At) -> Promise {
    let within_ms = match at {
        At::Ringing => STREAM_OPEN_MS,
        At::Connecting => HANDSHAKE_MS,
        At::Greeting | At::CallerSpeaking | At::AgentSpeaking | At::ToolRunning => {
            return Promise::Agent;
        }
        At::Transferring => TRANSFER_ANSWER_MS,
        At::Ending => {
            return Promise::End {
                within_ms: GOODBYE_MS,
            };
        }
    };
    Promise::Human {
        within_ms: within_ms - at.strike_ms().min(within_ms) + 1,
    }
}

/// The table.
fn promise(fault: Fault, at: At) -> Promise {
    let human = |within_ms| match at {
        At::Transferring => untouched(at),
        _ => Promise::Human { within_ms },
    };
    match fault {
        _ if fault.takes_the_leg() => Promise::CarriersDocument,
        Fault::ModelRefuses
        | Fault::ModelCloses
        | Fault::ModelBreaksProtocol
        | Fault::ModelLimitsRate
        | Fault::ModelSessionExpires => match at {
            // A goodbye that is on its way needs no model.
            At::Ending => untouched(at),
            _ => human(0),
        },
        Fault::FirstOfTwoModelsCloses => match at {
            // The second one is there within the watchdog, and a stream that opens would find it.
            At::Connecting => Promise::Agent,
            _ => untouched(at),
        },
        Fault::BothModelsUnreachable => match at {
            At::Ringing | At::Connecting => human(HANDSHAKE_MS - at.strike_ms()),
            At::Ending => untouched(at),
            _ => human(1_500),
        },
        // Noticed when an answer is owed: a filler, then a human.
        Fault::ModelFallsSilent if at.is_conversation() => human(NEXT_TURN_MS + 11_000),
        Fault::ModelFallsSilent => untouched(at),
        // The same, but a session that lived long enough is opened once more, and may answer after all.
        Fault::ModelStallsInItsReply if at.is_conversation() => Promise::AgentOrHuman {
            within_ms: NEXT_TURN_MS + DEAD_AIR_MS,
        },
        Fault::ModelStallsInItsReply => untouched(at),
        Fault::FrozenFor20S | Fault::FrozenFor90S => Promise::AgentOrHuman {
            within_ms: DEAD_AIR_MS,
        },
        // No word and no sound of the caller: a nudge, then a human.
        Fault::StreamHalfOpen | Fault::CallerFallsSilent if at.is_conversation() => human(25_000),
        Fault::StreamHalfOpen
        | Fault::CallerFallsSilent
        | Fault::CarrierStopsSending
        | Fault::MarksNeverComeBack
        | Fault::ModelSendsNonsense
        | Fault::ToolLies
        | Fault::ToolHangs
        | Fault::ToolFails => untouched(at),
        Fault::ToolsFlood => untouched(at),
        Fault::TransferRefused | Fault::TransferUnanswered | Fault::KeyZero => human(300),
        Fault::DatabaseLost | Fault::Drained => human(0),
        Fault::NobodyBehindTheLeg | Fault::EndedByStaff => Promise::End { within_ms: 300 },
        // The agent says why first.
        Fault::BudgetSpent if at.is_conversation() => human(NEXT_TURN_MS + 6_000),
        Fault::LengthReached if at.is_conversation() => human(200),
        Fault::BudgetSpent | Fault::LengthReached => untouched(at),
        Fault::AsksForAPerson => match at {
            At::ToolRunning => human(300),
            At::Greeting | At::CallerSpeaking | At::AgentSpeaking => human(NEXT_TURN_MS + 3_000),
            _ => untouched(at),
        },
        Fault::StreamReset | Fault::StreamBreaksProtocol | Fault::CallerHangsUp => {
            Promise::CarriersDocument
        }
    }
}

/// One cell of the matrix, run to its end.
struct Cell {
    fault: Fault,
    at: At,
    scenario: Scenario,
    /// When the caller stopped speaking, each time.
    turns_ms: Vec<u64>,
}

impl Cell {
    fn run(fault: Fault, at: At) -> Self {
        let at_ms = at.strike_ms();
        let mut settings = at.settings();
        fault.prepare(&mut settings, at_ms);
        let (mut scenario, mut said) = at.scenario(settings);
        if at.is_conversation() && fault != Fault::CallerFallsSilent {
            let from_ms = at_ms + NEXT_TURN_MS;
            if fault != Fault::StreamHalfOpen {
                scenario.says(from_ms, 1_000, "and what about tomorrow");
                said.push((from_ms, from_ms + 1_000));
            }
        }
        scenario.run(at_ms - 1);
        fault.strike(&mut scenario, at, at_ms);
        scenario.run(LONGEST_MS);
        let turns_ms = said.into_iter().map(|(_, until_ms)| until_ms).collect();
        Self {
            fault,
            at,
            scenario,
            turns_ms,
        }
    }

    fn name(&self) -> String {
        format!("{:?} while {:?}", self.fault, self.at)
    }

    /// When the carrier was told to dial, or its document was left to it.
    fn human_ms(&self) -> Option<u64> {
        self.first(|command| matches!(command, Command::Transfer(_) | Command::Leg(ToLeg::Cut)))
    }

    fn hung_up_ms(&self) -> Option<u64> {
        self.first(|command| matches!(command, Command::Leg(ToLeg::HangUp)))
    }

    fn first(&self, wanted: impl Fn(&Command) -> bool) -> Option<u64> {
        let mut commands = self.scenario.commands();
        commands
            .find(|(_, command)| wanted(command))
            .map(|(at_ms, _)| at_ms)
    }

    fn ended_ms(&self) -> u64 {
        let ended = self.scenario.when("call_ended");
        assert_eq!(
            ended.len(),
            1,
            "{}: ends\n{}",
            self.name(),
            self.scenario.log()
        );
        ended[0]
    }

    /// The first thing the caller gets after this moment: a sound of ours, a human, or the end.
    fn next_sign_ms(&self, after_ms: u64) -> u64 {
        let sound = self
            .scenario
            .carrier
            .first_sound_after_us(after_ms * 1_000)
            .map(|us| us / 1_000);
        let human = self.human_ms().map(|ms| ms.max(after_ms));
        let signs = [sound, human, Some(self.ended_ms().max(after_ms))];
        signs.into_iter().flatten().min().unwrap_or(u64::MAX)
    }
}

/// What a cell breaks, so that one run tells of all of them.
#[derive(Default)]
struct Broken(Vec<String>);

impl Broken {
    fn unless(&mut self, holds: bool, cell: &Cell, what: &str) {
        if !holds {
            self.0.push(format!("{}: {what}", cell.name()));
        }
    }
}

fn check_always(cell: &mut Cell, broken: &mut Broken) {
    let ended = cell.ended_ms();
    let end = cell.scenario.end().expect("it ended");
    broken.unless(end.class() != EndClass::Unknown, cell, "no class");
    broken.unless(cell.scenario.audio_held() == 0, cell, "audio is held");
    let handshakes = cell.scenario.when("handshake_finished").len();
    broken.unless(handshakes == 1, cell, "not one handshake");
    let last = cell.scenario.events().last().map(|event| event.at.millis());
    broken.unless(last == Some(ended), cell, "an event after the end");
    let is_moved = cell.human_ms().is_some() || cell.hung_up_ms().is_some();
    let is_taken = is_moved || cell.fault.takes_the_leg();
    broken.unless(is_taken, cell, "nobody takes the caller");
    // A hang-up after a human was asked for would take the caller from them.
    let is_meant = matches!(cell.fault, Fault::NobodyBehindTheLeg | Fault::EndedByStaff);
    let may_hang_up = cell.human_ms().is_none() || is_meant;
    let is_kind = may_hang_up || cell.hung_up_ms().is_none();
    broken.unless(is_kind, cell, "hung up on the human");
    cell.scenario.feed_after_the_end();
}

fn check_dead_air(cell: &Cell, broken: &mut Broken) {
    let frozen_ms = cell.fault.frozen_ms();
    for turn_ms in &cell.turns_ms {
        let sign_ms = cell.next_sign_ms(*turn_ms);
        let is_in_time = sign_ms <= turn_ms + DEAD_AIR_MS + frozen_ms;
        let what = format!("nothing from {turn_ms} to {sign_ms}");
        broken.unless(is_in_time, cell, &what);
    }
    let counted = cell.scenario.when("dead_air_counted");
    let what = format!("dead air at {counted:?}");
    broken.unless(counted.is_empty() || frozen_ms > 0, cell, &what);
}

fn check_promise(cell: &Cell, broken: &mut Broken) {
    let struck_ms = cell.at.strike_ms() + cell.fault.frozen_ms();
    let promise = promise(cell.fault, cell.at);
    let (human_ms, hung_up_ms) = (cell.human_ms(), cell.hung_up_ms());
    let sign_ms = cell.next_sign_ms(struck_ms);
    let holds = match promise {
        Promise::Human { within_ms } => human_ms.is_some_and(|ms| ms <= struck_ms + within_ms),
        Promise::Agent => {
            let left_ms = human_ms.or(hung_up_ms).unwrap_or(LONGEST_MS);
            left_ms > struck_ms + NEXT_TURN_MS + DEAD_AIR_MS
        }
        Promise::AgentOrHuman { within_ms } => sign_ms <= struck_ms + within_ms,
        Promise::CarriersDocument => cell.ended_ms() <= struck_ms && hung_up_ms.is_none(),
        Promise::End { within_ms } => cell.ended_ms() <= struck_ms + within_ms,
    };
    let ended_ms = cell.ended_ms();
    let what = format!(
        "{promise:?} from {struck_ms}: human {human_ms:?}, hung up {hung_up_ms:?}, sign {sign_ms}, end {ended_ms}"
    );
    broken.unless(holds, cell, &what);
}

#[test]
fn every_fault_in_every_phase_keeps_its_promise_to_the_caller() {
    let mut broken = Broken::default();
    for at in At::ALL {
        for fault in Fault::ALL {
            let mut cell = Cell::run(*fault, *at);
            check_promise(&cell, &mut broken);
            check_dead_air(&cell, &mut broken);
            check_always(&mut cell, &mut broken);
        }
    }
    assert!(broken.0.is_empty(), "{}", broken.0.join("\n"));
}

/// Where a reason for a handoff is decided: a new one finds its cell, or says who else decides it.
pub(crate) fn decided_by(reason: HandoffReason) -> Option<Fault> {
    match reason {
        HandoffReason::Dtmf0 => Some(Fault::KeyZero),
        HandoffReason::HandshakeTimeout => Some(Fault::CallerFallsSilent),
        HandoffReason::ModelFailed => Some(Fault::ModelCloses),
        HandoffReason::ModelRefused => Some(Fault::ModelRefuses),
        HandoffReason::Silence => Some(Fault::CallerFallsSilent),
        HandoffReason::Length => Some(Fault::LengthReached),
        HandoffReason::Budget => Some(Fault::BudgetSpent),
        HandoffReason::Asked => Some(Fault::AsksForAPerson),
        HandoffReason::Drained => Some(Fault::Drained),
        HandoffReason::DatabaseLost => Some(Fault::DatabaseLost),
        // The shell decides these before there is a call, or by a control that any reason can ride on.
        HandoffReason::ProcessLost
        | HandoffReason::ConcurrencyLimit
        | HandoffReason::StreamingOff
        | HandoffReason::BridgeOnly
        | HandoffReason::ToolFailed
        | HandoffReason::Staff
        | HandoffReason::Emergency => None,
    }
}

#[test]
fn every_reason_for_a_handoff_is_reached_by_its_fault() {
    for reason in HandoffReason::ALL {
        let Some(fault) = decided_by(reason) else {
            continue;
        };
        let reached = At::ALL.iter().any(|at| {
            let end = Cell::run(fault, *at).scenario.end();
            end == Some(EndReason::HandedOff(reason))
        });
        assert!(reached, "{fault:?} never ends in {reason:?}");
    }
}
