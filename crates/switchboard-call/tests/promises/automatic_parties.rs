//! Two machines that talk to each other are ended after two minutes; whoever presses a key is a person (threat M5).

use switchboard_call::end::{EndClass, EndReason};
use switchboard_call::output::{ToLeg, ToModel};
use switchboard_call::{CallSettings, Greeting, Language, Span};

use crate::support::{Answer, Scenario};

/// Something new in every sentence, as people talk.
const TALK: [&str; 24] = [
    "hello my roof is leaking",
    "it began on Sunday in the storm",
    "water comes in above the kitchen",
    "the house was built in the seventies",
    "no we have not called anybody else",
    "my husband put a bucket under it",
    "it is a flat roof with gravel",
    "the ladder is in the garage",
    "could somebody come this week",
    "mornings would be better for us",
    "Thursday is not possible for me",
    "what would an inspection cost",
    "do you also repair gutters",
    "the neighbours had the same thing",
    "they used another company though",
    "how long does it usually take",
    "is there a guarantee on that",
    "we would pay by bank transfer",
    "my number is the one I call from",
    "the street is a bit hard to find",
    "you turn left after the school",
    "there is a red gate in front",
    "please ring twice at the door",
    "then I think we have it all",
];

/// Somebody says these sentences, one every seven seconds, and begins anew at their end.
fn says_in_turn(scenario: &mut Scenario, sentences: &[&str], from_ms: u64, until_ms: u64) {
    let moments = (from_ms..until_ms).step_by(7_000);
    for (at_ms, words) in moments.zip(sentences.iter().cycle()) {
        scenario.says(at_ms, 1_500, words);
    }
}

fn asked(scenario: &Scenario) -> Vec<u64> {
    scenario.to_model(
        |command| matches!(command, ToModel::Say { words, .. } if words.expose().contains("press any key")),
    )
}

/// A spoken menu that nobody answers, round after round.
const MENU: [&str; 3] = [
    "For opening hours please say hours",
    "For the accounts department say accounts",
    "To hear these choices again stay on the line",
];

#[test]
fn m5_a_loop_of_announcements_is_asked_for_a_key_and_ended_2_minutes_after_its_first_repetition() {
    let mut scenario = Scenario::new(CallSettings::default());
    says_in_turn(&mut scenario, &MENU, 3_000, 400_000);
    scenario.run(400_000);
    let suspected = scenario.when("automatic_suspected");
    // The third round begins 42 s after the first.
    assert_eq!(suspected.len(), 1, "{}", scenario.log());
    assert!((46_000..48_000).contains(&suspected[0]), "{suspected:?}");
    assert_eq!(asked(&scenario).len(), 1);
    let ended = scenario.when("call_ended");
    assert_eq!(ended, [suspected[0] + 120_000]);
    assert_eq!(scenario.end(), Some(EndReason::AutomaticParty));
    assert_eq!(EndReason::AutomaticParty.class(), EndClass::Caller);
    assert!(scenario.transfers().is_empty(), "no human is rung for it");
    assert_eq!(scenario.to_leg(|it| matches!(it, ToLeg::HangUp)).len(), 1);
}

#[test]
fn m5_an_agent_of_somebody_else_that_says_what_it_is_is_ended_however_lively_it_talks() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.says(
        2_000,
        2_500,
        "Hello, I'm an AI assistant calling for a client.",
    );
    says_in_turn(&mut scenario, &TALK, 10_000, 400_000);
    scenario.run(400_000);
    let suspected = scenario.when("automatic_suspected");
    assert_eq!(suspected.len(), 1, "{}", scenario.log());
    assert_eq!(scenario.when("call_ended"), [suspected[0] + 120_000]);
    assert_eq!(scenario.end(), Some(EndReason::AutomaticParty));
}

#[test]
fn m5_our_own_words_that_come_back_are_no_caller() {
    let greeting = "Thank you for calling the spa how can we help you today";
    let settings = CallSettings {
        greeting: Some(Greeting {
            words: greeting.into(),
            language: Language::ENGLISH,
        }),
        ..CallSettings::default()
    };
    let mut scenario = Scenario::new(settings);
    scenario.says(
        8_000,
        3_000,
        "Thank you for calling the spa, how can we help you today?",
    );
    says_in_turn(&mut scenario, &TALK[..2], 15_000, 30_000);
    scenario.run(30_000);
    assert_eq!(
        scenario.when("automatic_suspected").len(),
        1,
        "{}",
        scenario.log()
    );
}

#[test]
fn m5_whoever_presses_a_key_is_a_person_for_the_rest_of_the_call() {
    let mut scenario = Scenario::new(CallSettings::default());
    says_in_turn(
        &mut scenario,
        &["can I talk to the boss please"],
        3_000,
        400_000,
    );
    scenario.digit(128_000, '5');
    scenario.run(400_000);
    assert_eq!(asked(&scenario).len(), 1, "{}", scenario.log());
    assert_eq!(scenario.when("automatic_suspected").len(), 1);
    assert_eq!(
        scenario.end(),
        None,
        "nobody was hung up on\n{}",
        scenario.log()
    );
}

#[test]
fn m5_a_person_who_said_something_three_times_and_goes_on_is_not_asked() {
    let mut scenario = Scenario::new(CallSettings::default());
    let again = "my name is Ama Osei";
    says_in_turn(&mut scenario, &[again, again, again], 3_000, 20_000);
    says_in_turn(&mut scenario, &TALK, 24_000, 180_000);
    scenario.run(180_000);
    assert_eq!(
        scenario.when("automatic_suspected").len(),
        1,
        "{}",
        scenario.log()
    );
    assert!(asked(&scenario).is_empty());
    assert!(scenario.when("call_ended").is_empty());
}

#[test]
fn m5_people_who_talk_are_never_suspected() {
    let mut scenario = Scenario::new(CallSettings::default());
    says_in_turn(&mut scenario, &TALK, 3_000, 165_000);
    scenario.says(170_000, 1_200, "wait are you an AI or is this a recording");
    scenario.run(200_000);
    assert!(
        scenario.when("automatic_suspected").is_empty(),
        "{}",
        scenario.log()
    );
}

#[test]
fn m5_who_talks_without_a_breath_is_asked_all_the_same() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.says(2_000, 2_000, "This is a recorded message from your bank.");
    says_in_turn(&mut scenario, &TALK, 10_000, 88_000);
    scenario.says(90_000, 60_000, "and so on and so on without any end");
    scenario.run(200_000);
    let suspected = scenario.when("automatic_suspected")[0];
    assert_eq!(scenario.when("person_asked"), [suspected + 105_000]);
    assert_eq!(scenario.when("call_ended"), [suspected + 120_000]);
}

#[test]
fn m5_zero_switches_the_detection_off() {
    let mut settings = CallSettings::default();
    settings.limits.automatic_max = Span::ZERO;
    let mut scenario = Scenario::new(settings);
    scenario.model.answers.push_back(Answer::speaks("go on"));
    says_in_turn(&mut scenario, &MENU, 3_000, 300_000);
    scenario.run(300_000);
    assert!(scenario.when("automatic_suspected").is_empty());
    assert!(scenario.when("call_ended").is_empty());
}
