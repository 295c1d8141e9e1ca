//! D1: words are kept only after a disclosure that was heard to its end.

use switchboard_call::event::EventKind;
use switchboard_call::input::{FromLeg, ModelFailure, ReplyOutcome};
use switchboard_call::output::{Record, ToModel};
use switchboard_call::{
    CallSettings, ConsentAnswer, ConsentBasis, ConsentPolicy, Greeting, Language,
};

use crate::support::{MarkMode, Readiness, Scenario};

const DISCLOSURE: &str = "This call is answered by an automatic agent and may be transcribed";
const GREETING: &str = "How may I help you today";

fn settings() -> CallSettings {
    CallSettings {
        greeting: Some(Greeting {
            words: GREETING.into(),
            language: Language::ENGLISH,
        }),
        consent: ConsentPolicy {
            disclosure: Some(DISCLOSURE.into()),
            basis: ConsentBasis::Implied,
        },
        models: 2,
        ..CallSettings::default()
    }
}

fn heard_at(scenario: &Scenario) -> Option<u64> {
    scenario.when("disclosure_heard").first().copied()
}

/// When the ear had heard the first item to its end.
fn ear_had_it_at(scenario: &Scenario) -> Option<u64> {
    let length_us = crate::support::words_length_ms(DISCLOSURE) * 1_000;
    let item = switchboard_call::ids::ItemId(1);
    (0..20_000)
        .step_by(10)
        .find(|ms| scenario.carrier.heard_us(item, ms * 1_000) >= length_us)
}

#[test]
fn d1_nothing_is_kept_before_the_disclosure_was_heard_to_its_end() {
    let mut scenario = Scenario::new(settings());
    scenario.says(9_000, 1_000, "what time do you open");
    scenario.run(13_000);
    let heard = heard_at(&scenario).expect("it was heard");
    let ear = ear_had_it_at(&scenario).expect("the ear heard it");
    assert!(heard >= ear, "believed at {heard}, true at {ear}");
    assert!(heard - ear <= 200);
    let length_ms = crate::support::words_length_ms(DISCLOSURE);
    assert_eq!(scenario.disclosed(), [(DISCLOSURE, length_ms, true)]);
    assert_eq!(scenario.answers(), [(ConsentAnswer::Implied, None)]);
    let first = scenario.records().next().expect("something is kept");
    assert!(matches!(first, Record::Disclosed { .. }), "{first:?}");
    assert!(
        scenario
            .turns()
            .iter()
            .any(|turn| turn.heard.expose() == "what time do you open")
    );
}

/// Words and tools that were kept.
fn kept(scenario: &Scenario) -> usize {
    let is_content = |record: &&Record| matches!(record, Record::Turn(_) | Record::Tool(_));
    scenario.records().filter(is_content).count()
}

fn said_at(scenario: &Scenario) -> Vec<u64> {
    scenario.to_model(
        |command| matches!(command, ToModel::Say { words, .. } if words.expose() == DISCLOSURE),
    )
}

#[test]
fn d1_an_interrupted_disclosure_is_said_once_more_before_the_answer() {
    for cut_ms in [1_000, 2_000, 3_500] {
        let mut scenario = Scenario::new(settings());
        scenario.says(cut_ms, 2_000, "wait I have a quick question for you");
        scenario.says(14_000, 1_000, "what time do you open");
        scenario.run(26_000);
        let said = said_at(&scenario);
        assert_eq!(said.len(), 2, "{}", scenario.log());
        let heard = heard_at(&scenario).expect("the second one was heard");
        assert!(heard >= said[1] + crate::support::words_length_ms(DISCLOSURE));
        let answered = scenario.to_model(|command| matches!(command, ToModel::Reply { .. }));
        assert!(answered[0] > said[1], "the answer comes after it");
        let words: Vec<_> = scenario
            .turns()
            .iter()
            .map(|turn| turn.heard.expose().to_owned())
            .collect();
        assert!(
            words.iter().any(|words| words == "what time do you open"),
            "{words:?}"
        );
        assert!(
            !words.iter().any(|words| words.contains("quick question")),
            "{words:?}"
        );
    }
}

#[test]
fn d1_a_disclosure_that_was_cut_twice_keeps_nothing_of_the_whole_call() {
    for cut_ms in [1_000, 2_000, 3_500] {
        let mut scenario = Scenario::new(settings());
        scenario.says(cut_ms, 2_000, "wait I have a quick question for you");
        scenario.says(cut_ms + 5_000, 2_000, "my name is Jane Doe");
        scenario.says(14_000, 1_000, "what time do you open");
        scenario.run(30_000);
        assert_eq!(kept(&scenario), 0, "{}", scenario.log());
        assert_eq!(heard_at(&scenario), None);
        assert_eq!(said_at(&scenario).len(), 2);
        assert_eq!(scenario.answers(), [(ConsentAnswer::Missing, None)]);
        let [(wording, heard_ms, to_its_end)] = scenario.disclosed()[..] else {
            panic!("{}", scenario.log());
        };
        assert_eq!((wording, to_its_end), (DISCLOSURE, false));
        assert!(heard_ms < crate::support::words_length_ms(DISCLOSURE));
    }
}

#[test]
fn d1_hanging_up_or_pressing_0_before_its_end_keeps_nothing() {
    let mut gone = Scenario::new(settings());
    gone.hangs_up(2_000).run(10_000);
    assert_eq!(kept(&gone), 0);
    let mut zero = Scenario::new(settings());
    zero.digit(2_000, '0').run(10_000);
    assert_eq!(kept(&zero), 0);
    for scenario in [gone, zero] {
        assert_eq!(scenario.answers(), [(ConsentAnswer::Missing, None)]);
    }
}

/// D2: what was said about the agent being automatic is stored with how much of it was heard, whatever is kept else.
#[test]
fn d2_a_disclosure_that_nothing_hangs_on_is_said_and_stored_too() {
    for basis in [ConsentBasis::NotNeeded, ConsentBasis::Never] {
        let mut settings = settings();
        settings.consent.basis = basis;
        let mut scenario = Scenario::new(settings);
        scenario.says(9_000, 1_000, "what time do you open");
        scenario.run(13_000);
        let length_ms = crate::support::words_length_ms(DISCLOSURE);
        assert_eq!(scenario.disclosed(), [(DISCLOSURE, length_ms, true)]);
        assert_eq!(scenario.answers(), []);
        assert_eq!(kept(&scenario) > 0, basis == ConsentBasis::NotNeeded);
    }
}

#[test]
fn d1_a_mm_hm_over_the_disclosure_does_not_cut_it() {
    let mut scenario = Scenario::new(settings());
    scenario.says(2_000, 300, "mm-hm");
    scenario.run(9_000);
    assert!(heard_at(&scenario).is_some(), "{}", scenario.log());
}

#[test]
fn d1_a_carrier_that_plays_nothing_has_not_heard_the_disclosure() {
    let mut scenario = Scenario::new(settings());
    scenario.carrier.delay_us = 600_000;
    scenario.run(12_000);
    let heard = heard_at(&scenario).expect("it was heard late");
    let ear = ear_had_it_at(&scenario).expect("the ear heard it");
    assert!(heard >= ear, "believed at {heard}, true at {ear}");
}

#[test]
fn d1_marks_that_lie_do_not_bring_the_consent_forward() {
    let mut scenario = Scenario::new(settings());
    scenario.carrier.marks = MarkMode::AtOnce;
    scenario.run(12_000);
    let heard = heard_at(&scenario).expect("it was heard");
    let ear = ear_had_it_at(&scenario).expect("the ear heard it");
    assert!(heard + 2 * 40 >= ear, "believed at {heard}, true at {ear}");
}

#[test]
fn d1_a_disclosure_lost_with_its_model_is_said_again_and_the_greeting_is_not_taken_for_it() {
    let mut scenario = Scenario::new(settings());
    scenario.model_sends(
        450,
        switchboard_call::input::FromModel::Failed(ModelFailure::Disconnected),
    );
    scenario
        .model
        .readiness
        .extend([Readiness::After(300), Readiness::After(300)]);
    scenario.run(1_600);
    assert_eq!(heard_at(&scenario), None);
    scenario.run(12_000);
    let said = scenario.to_model(
        |command| matches!(command, ToModel::Say { words, .. } if words.expose() == DISCLOSURE),
    );
    assert_eq!(said.len(), 2, "{}", scenario.log());
    let heard = heard_at(&scenario).expect("the second one was heard");
    assert!(heard >= said[1] + crate::support::words_length_ms(DISCLOSURE));
}

#[test]
fn d1_a_disclosure_the_model_cut_short_was_not_heard_to_its_end() {
    let mut scenario = Scenario::new(settings());
    // The model's own limit ends the reply after its first pieces.
    scenario.model_sends(
        660,
        switchboard_call::input::FromModel::ReplyDone(switchboard_call::input::ReplyDone {
            reply: switchboard_call::ids::ReplyId(1),
            outcome: ReplyOutcome::Incomplete,
            cost_micros: 0,
        }),
    );
    scenario.leg(700, FromLeg::Digit('5'));
    scenario.run(2_000);
    let finished = scenario.kinds("reply_finished");
    assert!(matches!(
        finished[0],
        EventKind::ReplyFinished {
            outcome: ReplyOutcome::Incomplete,
            ..
        }
    ));
    assert_eq!(heard_at(&scenario), None, "{}", scenario.log());
}
