//! D1: where the policy asks, only a clear yes to the heard question keeps anything; everything else is a no.

use switchboard_call::input::Control;
use switchboard_call::output::{Record, RecordingStep, ToModel};
use switchboard_call::{
    CallSettings, ConsentAnswer, ConsentBasis, ConsentPolicy, Greeting, Keys, Language,
};

use crate::support::{Scenario, words_length_ms};

const QUESTION: &str = "I am an automatic assistant May we record and write down this call";
const GREETING: &str = "How may I help you today";
const ASKED_AFTER_MS: u64 = 1_000;

fn settings() -> CallSettings {
    CallSettings {
        greeting: Some(Greeting {
            words: GREETING.into(),
            language: Language::ENGLISH,
        }),
        consent: ConsentPolicy {
            disclosure: Some(QUESTION.into()),
            basis: ConsentBasis::Asked,
        },
        records: true,
        keys: Keys {
            withdraw: Some('9'),
            secure_entry: None,
        },
        ..CallSettings::default()
    }
}

/// A caller who has heard the question to its end, and when that was.
fn asked() -> (Scenario, u64) {
    let mut scenario = Scenario::new(settings());
    let until_ms = ASKED_AFTER_MS + words_length_ms(QUESTION) + 500;
    scenario.run(until_ms);
    assert_eq!(
        scenario.when("disclosure_heard").len(),
        1,
        "{}",
        scenario.log()
    );
    (scenario, until_ms)
}

fn said(scenario: &Scenario, text: &str) -> Vec<u64> {
    scenario
        .to_model(|command| matches!(command, ToModel::Say { words, .. } if words.expose() == text))
}

fn kept(scenario: &Scenario) -> usize {
    let is_content = |record: &&Record| matches!(record, Record::Turn(_) | Record::Tool(_));
    scenario.records().filter(is_content).count()
}

#[test]
fn d1_a_yes_in_any_language_keeps_words_and_sound_from_there() {
    for words in [
        "yes",
        "Yes, that's fine, sure",
        "ndiyo",
        "oui d'accord",
        "yego",
    ] {
        let (mut scenario, now) = asked();
        scenario.says(now + 300, 600, words);
        scenario.says(now + 9_000, 1_000, "what time do you open");
        scenario.run(now + 14_000);
        assert_eq!(
            scenario.answers(),
            [(ConsentAnswer::Granted, Some(words))],
            "{}",
            scenario.log()
        );
        let steps = scenario.recording();
        assert!(
            matches!(steps[..], [(at, RecordingStep::Start)] if at > now),
            "{steps:?}"
        );
        assert_eq!(said(&scenario, GREETING).len(), 1, "{}", scenario.log());
        assert!(kept(&scenario) > 0);
    }
}

#[test]
fn d1_a_no_goes_on_unrecorded_and_without_stored_words() {
    for words in [
        "no",
        "no thank you",
        "hapana",
        "non merci",
        "oya",
        "yes no I mean no",
    ] {
        let (mut scenario, now) = asked();
        scenario.says(now + 300, 600, words);
        scenario.says(now + 9_000, 1_000, "what time do you open");
        scenario.run(now + 14_000);
        assert_eq!(
            scenario.answers(),
            [(ConsentAnswer::Refused, None)],
            "{words}"
        );
        assert_eq!(scenario.recording(), []);
        assert_eq!(kept(&scenario), 0);
        assert_eq!(said(&scenario, GREETING).len(), 1, "the call goes on");
        let replies = scenario.to_model(|command| matches!(command, ToModel::Reply { .. }));
        assert_eq!(replies.len(), 1, "the later question is answered");
    }
}

#[test]
fn d1_keys_answer_as_words_do_and_mean_nothing_else() {
    for (key, answer) in [('1', ConsentAnswer::Granted), ('2', ConsentAnswer::Refused)] {
        let (mut scenario, now) = asked();
        scenario.digit(now + 300, key).run(now + 4_000);
        let words = (answer == ConsentAnswer::Granted).then_some("1");
        assert_eq!(scenario.answers(), [(answer, words)]);
        let told = scenario.to_model(|command| matches!(command, ToModel::Digit(_)));
        assert_eq!(told, [], "the model is not told");
        assert_eq!(said(&scenario, GREETING).len(), 1);
    }
}

#[test]
fn d1_a_yes_before_the_question_was_heard_is_no_consent() {
    let mut scenario = Scenario::new(settings());
    scenario.digit(1_500, '1').run(4_000);
    assert_eq!(scenario.answers(), []);
    assert_eq!(scenario.recording(), []);
    scenario.run(30_000);
    assert_eq!(scenario.answers(), [(ConsentAnswer::Missing, None)]);
    assert_eq!(kept(&scenario), 0);
}

#[test]
fn d1_a_no_needs_no_end_of_the_question() {
    let mut by_key = Scenario::new(settings());
    by_key.digit(1_800, '2').run(8_000);
    let mut by_word = Scenario::new(settings());
    by_word.says(1_500, 900, "no don't");
    by_word.run(8_000);
    for scenario in [by_key, by_word] {
        assert_eq!(
            scenario.answers(),
            [(ConsentAnswer::Refused, None)],
            "{}",
            scenario.log()
        );
        let [(_, heard_ms, to_its_end)] = scenario.disclosed()[..] else {
            panic!("{}", scenario.log());
        };
        assert!(!to_its_end && heard_ms < words_length_ms(QUESTION));
    }
}

/// Bad input: consent audio unclear → asked once more, then treated as refused.
#[test]
fn d1_an_unclear_answer_is_asked_once_more_and_then_is_a_no() {
    let (mut scenario, now) = asked();
    scenario.says(now + 300, 800, "well what is the weather");
    let again = now + 3_000 + words_length_ms(QUESTION);
    scenario.says(again, 800, "I like green tea");
    scenario.run(again + 6_000);
    assert_eq!(said(&scenario, QUESTION).len(), 2, "{}", scenario.log());
    assert_eq!(scenario.answers(), [(ConsentAnswer::Missing, None)]);
    assert_eq!(kept(&scenario), 0);
}

#[test]
fn d1_a_yes_to_the_second_question_counts() {
    let (mut scenario, now) = asked();
    scenario.says(now + 300, 800, "well what is the weather");
    let again = now + 3_000 + words_length_ms(QUESTION);
    scenario.says(again, 600, "yes okay");
    scenario.run(again + 5_000);
    assert_eq!(
        scenario.answers(),
        [(ConsentAnswer::Granted, Some("yes okay"))]
    );
}

#[test]
fn d1_silence_is_asked_once_more_and_then_is_a_no() {
    let (mut scenario, now) = asked();
    scenario.run(now + 13_000 + words_length_ms(QUESTION));
    assert_eq!(said(&scenario, QUESTION).len(), 2, "{}", scenario.log());
    assert_eq!(scenario.answers(), [(ConsentAnswer::Missing, None)]);
    assert_eq!(said(&scenario, GREETING).len(), 1);
    assert_eq!(scenario.when("silence_nudged"), [] as [u64; 0]);
}

#[test]
fn d1_while_the_question_is_open_the_model_gets_no_reply_of_its_own() {
    let (mut scenario, now) = asked();
    scenario.says(now + 300, 800, "well what is the weather");
    scenario.run(now + 4_000);
    let replies = scenario.to_model(|command| matches!(command, ToModel::Reply { .. }));
    assert_eq!(replies, [] as [u64; 0], "{}", scenario.log());
}

#[test]
fn d1_a_caller_who_hangs_up_instead_of_answering_has_not_agreed() {
    let (mut scenario, now) = asked();
    scenario.hangs_up(now + 500).run(now + 2_000);
    assert_eq!(scenario.answers(), [(ConsentAnswer::Missing, None)]);
    assert_eq!(kept(&scenario), 0);
}

#[test]
fn d1_zero_reaches_a_human_while_the_question_is_open() {
    let (mut scenario, now) = asked();
    scenario.digit(now + 300, '0').run(now + 2_000);
    assert_eq!(scenario.transfers().len(), 1);
    assert_eq!(scenario.recording(), []);
}

#[test]
fn d1_a_withdrawal_stops_and_erases_back_to_the_start() {
    let by_key = |scenario: &mut Scenario, at| {
        scenario.digit(at, '9');
    };
    let by_command = |scenario: &mut Scenario, at| {
        scenario.control(at, Control::WithdrawConsent);
    };
    let ways: [fn(&mut Scenario, u64); 2] = [by_key, by_command];
    for withdraw in ways {
        let (mut scenario, now) = asked();
        scenario.says(now + 300, 600, "yes");
        scenario.says(now + 8_000, 1_000, "what time do you open");
        withdraw(&mut scenario, now + 14_000);
        scenario.says(now + 15_000, 1_000, "my card is on the table");
        scenario.run(now + 20_000);
        let answers: Vec<_> = scenario
            .answers()
            .iter()
            .map(|(answer, _)| *answer)
            .collect();
        assert_eq!(answers, [ConsentAnswer::Granted, ConsentAnswer::Withdrawn]);
        let steps: Vec<_> = scenario.recording().iter().map(|(_, step)| *step).collect();
        assert_eq!(steps, [RecordingStep::Start, RecordingStep::Discard]);
        let last = scenario.records().last().expect("records");
        assert!(
            matches!(
                last,
                Record::Consent {
                    answer: ConsentAnswer::Withdrawn,
                    ..
                }
            ),
            "nothing is kept after it: {last:?}"
        );
        assert_eq!(scenario.end(), None, "the call goes on");
    }
}
