//! Thousands of calls by seed, with random settings, talk and faults: every invariant holds in each of them, each ends
//! once its faults are over, and no way to a human stays unwalked (threats.md section 4).
//!
//! `SWITCHBOARD_SIMULATED_SEED` and `SWITCHBOARD_SIMULATED_CALLS` say which calls; `cargo xtask soak` sets them. A seed
//! that once failed becomes a scenario of its own in the file of its promise.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use switchboard_call::end::{EndClass, EndReason};
use switchboard_call::handoff::{HandoffReason, TransferOutcome};
use switchboard_call::input::{ModelFailure, ToolOutcome};
use switchboard_call::{CallSettings, ConsentBasis, ConsentPolicy, Greeting, Language, Span};

use crate::fault_matrix::faults::Fault;
use crate::fault_matrix::phases::At;
use crate::support::{Answer, AnswerKind, MarkMode, Readiness, Scenario, Transfer};

/// Where the calls of a test run begin.
const SEED: u64 = 1;
const CALLS: u64 = 10_000;
/// So many calls reach everything that can be reached; fewer are a repetition of one that failed.
const CALLS_THAT_REACH_ALL: u64 = 2_000;
/// Past every limit of a call.
const LONGEST_MS: u64 = 700_000;
/// One call in this many carries the caller's audio: 50 inputs a second are dear, and most decisions need none.
const WITH_AUDIO: u64 = 12;

/// What happens seldom, and must have happened in so many calls.
const RARE_EVENTS: [&str; 12] = [
    "budget_warned",
    "confirmation_answered",
    "dead_air_counted",
    "disclosure_cut",
    "disclosure_heard",
    "late_audio_dropped",
    "leg_cut",
    "length_warned",
    "media_gap_filled",
    "model_reopened",
    "reply_resumed",
    "transfer_failed",
];

type Reached = BTreeSet<String>;

/// SplitMix64: a few good bits for a test, from nothing but its seed.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    /// From `least` to `most`, both included.
    fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.next().is_multiple_of(many)
    }

    fn one_of<T: Clone>(&mut self, things: &[T]) -> T {
        let index = self.next() as usize % things.len();
        things[index].clone()
    }
}

const SAID_BY_CALLERS: [&str; 10] = [
    "I would like to book a massage",
    "yes",
    "no not that one",
    "mm-hm",
    "wait a moment please",
    "what time do you open on Saturday and is there anything free after five",
    "yes please",
    "goodbye",
    "",
    "can I speak to somebody",
];
const SAID_BY_AGENTS: [&str; 5] = [
    "of course",
    "we are open from nine in the morning until six in the evening every day but Sunday",
    "which day would suit you",
    "let me see",
    "there is a free time on Tuesday at ten and another one on Thursday at half past three",
];
const FAILURES: [ModelFailure; 6] = [
    ModelFailure::Refused,
    ModelFailure::Disconnected,
    ModelFailure::Stalled,
    ModelFailure::RateLimited,
    ModelFailure::Protocol,
    ModelFailure::SessionExpired,
];

fn settings(dice: &mut Dice, has_audio: bool) -> CallSettings {
    let mut settings = CallSettings {
        models: dice.between(1, 3) as u32,
        has_words: !dice.one_in(6),
        filler_length: Span::from_millis(900),
        ..CallSettings::default()
    };
    if !dice.one_in(3) {
        settings.greeting = Some(Greeting {
            words: dice.one_of(&SAID_BY_AGENTS).into(),
            language: Language::ENGLISH,
        });
    }
    if dice.one_in(3) {
        settings.consent = ConsentPolicy {
            disclosure: Some(
                "this call is answered by an automatic agent and may be transcribed".into(),
            ),
            basis: ConsentBasis::Implied,
        };
    }
    let limits = &mut settings.limits;
    if has_audio || dice.one_in(3) {
        limits.length_max = Span::from_secs(60);
    }
    if dice.one_in(8) {
        limits.budget_micros = dice.between(550_000, 1_050_000);
    }
    if dice.one_in(5) {
        limits.model_session_max = Span::from_secs(25);
    }
    settings
}

fn answer(dice: &mut Dice, cost_micros_max: u64) -> Answer {
    let words = dice.one_of(&SAID_BY_AGENTS);
    let tool = dice.one_of(&["look", "book_appointment", "end_call", "transfer_to_human"]);
    let kind = match dice.between(0, 19) {
        0 => AnswerKind::Stalls,
        1 => AnswerKind::Fails(dice.one_of(&FAILURES)),
        2 => AnswerKind::BreaksOff(words.into(), dice.one_of(&FAILURES)),
        3..=8 => AnswerKind::Asks {
            preamble: if dice.one_in(2) {
                words.into()
            } else {
                String::new()
            },
            name: tool.into(),
            arguments: "{}".into(),
        },
        _ => AnswerKind::Speaks(words.into()),
    };
    Answer::of(kind)
        .thinks(dice.between(100, 3_500))
        .costs(dice.between(0, cost_micros_max))
}

fn tool_answer(dice: &mut Dice) -> Option<(u64, ToolOutcome)> {
    let outcome = match dice.between(0, 15) {
        0 | 1 => return None,
        2 => ToolOutcome::EndCall,
        3 => ToolOutcome::HandOff {
            target: None,
            summary: None,
        },
        4 | 5 => ToolOutcome::Failed("the diary is away".into()),
        6..=9 => ToolOutcome::Question("shall I book Tuesday at ten".into()),
        _ => ToolOutcome::Answered("{\"ok\":true}".into()),
    };
    Some((dice.between(20, 13_000), outcome))
}

fn readiness(dice: &mut Dice) -> Readiness {
    match dice.between(0, 19) {
        0 => Readiness::Never,
        1 => Readiness::Fails(dice.between(20, 2_000), dice.one_of(&FAILURES)),
        2 => Readiness::After(3_500),
        _ => Readiness::After(dice.between(100, 1_400)),
    }
}

fn transfer(dice: &mut Dice) -> Transfer {
    match dice.between(0, 9) {
        0 => Transfer::Never,
        1 => Transfer::Answered(dice.between(20, 2_000), TransferOutcome::Failed),
        2 => Transfer::Answered(0, TransferOutcome::Unsupported),
        _ => Transfer::Answered(dice.between(50, 900), TransferOutcome::Accepted),
    }
}

fn talk(scenario: &mut Scenario, dice: &mut Dice) {
    let mut at_ms = dice.between(300, 8_000);
    for _ in 0..dice.between(0, 12) {
        let length_ms = dice.between(150, 4_000);
        scenario.says(at_ms, length_ms, dice.one_of(&SAID_BY_CALLERS));
        at_ms += length_ms + dice.between(600, 14_000);
        if dice.one_in(15) {
            let digit = dice.one_of(&['0', '1', '5', '#']);
            scenario.digit(at_ms, digit);
        }
    }
    if dice.one_in(3) {
        scenario.hangs_up(at_ms);
    }
}

fn scenario(dice: &mut Dice, faults: &[(Fault, u64)]) -> Scenario {
    let has_audio = dice.one_in(WITH_AUDIO);
    let mut settings = settings(dice, has_audio);
    for (fault, at_ms) in faults {
        fault.prepare(&mut settings, *at_ms);
    }
    let mut scenario = if dice.one_in(40) {
        Scenario::ringing(settings)
    } else {
        Scenario::new(settings)
    };
    scenario.sends_media = has_audio;
    scenario.carrier.delay_us = dice.between(10_000, 200_000);
    scenario.carrier.drift_ppm = dice.between(0, 800) as i64 - 400;
    scenario.carrier.marks = match dice.between(0, 11) {
        0 => MarkMode::Never,
        1 => MarkMode::Twice,
        2 => MarkMode::Lossy,
        3 => MarkMode::AtOnce,
        _ => MarkMode::AtPlayout,
    };
    scenario.words_after_ms = (!dice.one_in(12)).then(|| dice.between(50, 1_500));
    scenario.transfer = transfer(dice);
    for _ in 0..6 {
        let readiness = readiness(dice);
        scenario.model.readiness.push_back(readiness);
    }
    let cost_micros_max = dice.one_of(&[20_000, 60_000, 1_500_000]);
    for _ in 0..40 {
        let answer = answer(dice, cost_micros_max);
        scenario.model.answers.push_back(answer);
        let answer = tool_answer(dice);
        scenario.tool_answers.push_back(answer);
    }
    talk(&mut scenario, dice);
    scenario
}

/// Each fault at most once, at a moment of its own.
fn faults(dice: &mut Dice) -> Vec<(Fault, u64)> {
    let mut faults: Vec<(Fault, u64)> = Vec::new();
    for _ in 0..dice.between(0, 3) {
        let fault = dice.one_of(Fault::ALL);
        let at_ms = dice.between(50, 50_000);
        if !faults.iter().any(|(known, _)| *known == fault) {
            faults.push((fault, at_ms));
        }
    }
    faults.sort_by_key(|(_, at_ms)| *at_ms);
    faults
}

/// Holds one call and checks it. What it ended by, and the names of all that happened in it.
fn simulate(seed: u64) -> Reached {
    let mut dice = Dice(seed);
    let faults = faults(&mut dice);
    let mut scenario = scenario(&mut dice, &faults);
    for (fault, at_ms) in faults {
        scenario.run(at_ms);
        if scenario.end().is_some() {
            break;
        }
        fault.strike(&mut scenario, At::AgentSpeaking, at_ms);
    }
    scenario.run(LONGEST_MS);
    let end = scenario.end();
    let end = end.unwrap_or_else(|| panic!("never ends\n{}", scenario.log()));
    assert_ne!(end.class(), EndClass::Unknown);
    assert_eq!(scenario.audio_held(), 0, "audio is held");
    assert_eq!(scenario.when("handshake_finished").len(), 1);
    let last = scenario.events().last().map(|event| event.kind.name());
    assert_eq!(last, Some("call_ended"));
    scenario.feed_after_the_end();
    let events = scenario.events().map(|event| event.kind.name().to_owned());
    std::iter::once(format!("{end:?}")).chain(events).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "which calls are repeated is asked from outside the test; the core itself reads nothing"
)]
fn number(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |text| text.parse().expect("a whole number"))
}

// Two tests, so that two cores hold them; a repetition of one seed is the first one's.

#[test]
fn calls_with_random_faults_keep_every_invariant_and_end() {
    let (first, calls) = chosen();
    simulate_all(first..first + calls.div_ceil(2));
}

#[test]
fn as_many_other_calls_with_random_faults_keep_every_invariant_and_end() {
    let (first, calls) = chosen();
    simulate_all(first + calls.div_ceil(2)..first + calls);
}

fn chosen() -> (u64, u64) {
    let first = number("SWITCHBOARD_SIMULATED_SEED", SEED);
    (first, number("SWITCHBOARD_SIMULATED_CALLS", CALLS))
}

fn simulate_all(seeds: std::ops::Range<u64>) {
    let reaches_all = seeds.end - seeds.start >= CALLS_THAT_REACH_ALL;
    let simulated = seeds.map(|seed| {
        let reached = catch_unwind(AssertUnwindSafe(|| simulate(seed)));
        reached.unwrap_or_else(|_| {
            panic!("seed {seed} fails; again: cargo xtask soak --core --calls 1 --seed {seed}")
        })
    });
    let reached: Reached = simulated.flatten().collect();
    let ends = every_end().map(|end| format!("{end:?}"));
    let missing: Vec<String> = ends
        .chain(RARE_EVENTS.map(str::to_owned))
        .filter(|name| !reached.contains(name))
        .collect();
    let is_complete = missing.is_empty() || !reaches_all;
    assert!(is_complete, "never reached: {missing:?}");
}

/// What a call that begins in the core can end by, so that a new reason must be reachable or say who decides it.
fn every_end() -> impl Iterator<Item = EndReason> {
    let handoffs = HandoffReason::ALL
        .into_iter()
        .filter(|reason| crate::fault_matrix::decided_by(*reason).is_some());
    let handoffs = handoffs.map(EndReason::HandedOff);
    handoffs.chain([
        EndReason::AgentEnded,
        EndReason::CallerHungUp,
        EndReason::NobodyToHandOffTo(HandoffReason::Dtmf0),
        EndReason::EndedByControl,
        EndReason::LegLost,
        EndReason::LegProtocolError,
        EndReason::StreamNeverOpened,
    ])
}
