//! The recording hears what the caller heard: from the consent on, in order, and cut where the sound was cut.

use switchboard_call::output::{Command, HeardAudio, RecordingStep, ToLeg};
use switchboard_call::{CallSettings, ConsentBasis, ConsentPolicy, Greeting, Language};

use crate::support::{Scenario, words_length_ms};

const DISCLOSURE: &str = "This call is answered by an automatic agent and recorded";
const GREETING: &str = "How may I help you today with whatever it is that you are calling about";

fn settings(basis: ConsentBasis) -> CallSettings {
    CallSettings {
        greeting: Some(Greeting {
            words: GREETING.into(),
            language: Language::ENGLISH,
        }),
        consent: ConsentPolicy {
            disclosure: Some(DISCLOSURE.into()),
            basis,
        },
        records: true,
        ..CallSettings::default()
    }
}

/// Start and length of everything heard, in milliseconds.
fn heard(scenario: &Scenario) -> Vec<(u64, u64)> {
    scenario
        .commands()
        .filter_map(|(_, command)| match command {
            Command::Recording(RecordingStep::Heard {
                what: HeardAudio::Agent(_),
                starts,
                length,
            }) => Some((starts.millis(), length.millis())),
            _ => None,
        })
        .collect()
}

#[test]
fn d1_the_disclosure_that_makes_the_consent_is_not_recorded_itself() {
    let mut scenario = Scenario::new(settings(ConsentBasis::Implied));
    scenario.run(12_000);
    let (start, _) = scenario.recording()[0];
    let heard = heard(&scenario);
    assert!(
        heard
            .iter()
            .all(|(starts, length)| starts + length >= start),
        "{heard:?}"
    );
    let sum: u64 = heard.iter().map(|(_, length)| length).sum();
    assert!(sum.abs_diff(words_length_ms(GREETING)) <= 200, "{sum}");
}

#[test]
fn without_a_need_for_consent_the_call_is_recorded_from_its_first_moment() {
    let mut scenario = Scenario::new(settings(ConsentBasis::NotNeeded));
    scenario.run(14_000);
    assert_eq!(scenario.recording()[0].1, RecordingStep::Start);
    let sum: u64 = heard(&scenario).iter().map(|(_, length)| length).sum();
    let whole = words_length_ms(DISCLOSURE) + words_length_ms(GREETING);
    assert!(sum.abs_diff(whole) <= 5, "{sum} of {whole}");
}

#[test]
fn what_a_clear_threw_away_is_not_in_the_recording() {
    let mut scenario = Scenario::new(settings(ConsentBasis::NotNeeded));
    let cut = 1_000 + words_length_ms(DISCLOSURE) + 1_000;
    scenario.says(cut, 2_000, "wait wait stop please and listen to me");
    scenario.run(cut + 3_000);
    let cleared = scenario.to_leg(|command| *command == ToLeg::Clear)[0];
    let heard = heard(&scenario);
    let (starts, length) = heard
        .iter()
        .rfind(|(starts, _)| *starts < cleared)
        .expect("heard");
    let ear_ends = scenario
        .carrier
        .last_sound_us((cleared + 200) * 1_000)
        .expect("sound")
        / 1_000;
    assert!(
        (starts + length).abs_diff(ear_ends) <= 45,
        "the recording has it until {}, the ear until {ear_ends}",
        starts + length
    );
}

#[test]
fn what_was_heard_never_overlaps_and_never_goes_back() {
    let mut scenario = Scenario::new(settings(ConsentBasis::NotNeeded));
    scenario.says(3_000, 1_500, "wait I have a question about it all");
    scenario.says(9_000, 300, "mm-hm");
    scenario.run(25_000);
    let heard = heard(&scenario);
    for pair in heard.windows(2) {
        let [(starts, length), (next, _)] = pair else {
            continue;
        };
        assert!(starts + length <= next + 1, "{pair:?}");
    }
}

#[test]
fn nothing_is_recorded_where_recording_is_off() {
    let settings = CallSettings {
        records: false,
        ..settings(ConsentBasis::NotNeeded)
    };
    let mut scenario = Scenario::new(settings);
    scenario.run(12_000);
    let any = scenario
        .commands()
        .any(|(_, command)| matches!(command, Command::Recording(_)));
    assert!(!any);
}
