//! Calls that we place: a person gets the agent, a machine its message after the tone or nothing, whenever the carrier
//! says which of them it is.

use switchboard_call::end::{EndClass, EndReason};
use switchboard_call::handoff::HandoffReason;
use switchboard_call::ids::ItemId;
use switchboard_call::input::{Control, FromLeg, FromModel, LegClosed, ModelFailure, ToolOutcome};
use switchboard_call::output::{ToLeg, ToModel};
use switchboard_call::{
    AnsweredBy, CallSettings, ConsentBasis, ConsentPolicy, Greeting, Language, OnAnswer, Outgoing,
};

use crate::support::{Answer, Scenario, words_length_ms};

const GREETING: &str = "Hello this is an automatic call of the spa about your appointment";
const MESSAGE: &str = "This is an automatic message of the spa please call us back";

fn settings() -> CallSettings {
    CallSettings {
        greeting: Some(Greeting {
            words: GREETING.into(),
            language: Language::ENGLISH,
        }),
        outgoing: Some(Outgoing {
            machine: OnAnswer::LeaveMessage,
            unknown: OnAnswer::Talk,
            fax: OnAnswer::HangUp,
            message: MESSAGE.into(),
            language: Language::ENGLISH,
        }),
        ..CallSettings::default()
    }
}

fn on_machine(machine: OnAnswer) -> CallSettings {
    let outgoing = settings().outgoing.map(|outgoing| Outgoing {
        machine,
        ..outgoing
    });
    CallSettings {
        outgoing,
        ..settings()
    }
}

/// A call that is answered at once; leg and model are ready at 400 ms.
fn answered() -> Scenario {
    Scenario::new(settings())
}

fn detected(scenario: &mut Scenario, at_ms: u64, by: AnsweredBy) {
    scenario.leg(at_ms, FromLeg::AnsweredBy(by));
}

fn replies(scenario: &Scenario) -> usize {
    scenario
        .to_model(|command| matches!(command, ToModel::Reply { .. }))
        .len()
}

fn said(scenario: &Scenario, wanted: &str) -> Vec<u64> {
    scenario.to_model(
        |command| matches!(command, ToModel::Say { words, .. } if words.expose() == wanted),
    )
}

fn hang_ups(scenario: &Scenario) -> Vec<u64> {
    scenario.to_leg(|command| *command == ToLeg::HangUp)
}

/// The message was asked for once, the machine heard all of it, and only then the call ended.
fn assert_message_left(scenario: &Scenario, item: u32, from_ms: u64) {
    assert_eq!(
        scenario.when("message_started"),
        [from_ms],
        "{}",
        scenario.log()
    );
    assert_eq!(
        scenario.end(),
        Some(EndReason::MessageLeft),
        "{}",
        scenario.log()
    );
    assert_eq!(EndReason::MessageLeft.class(), EndClass::Success);
    let hung_up = hang_ups(scenario);
    assert_eq!(hung_up.len(), 1);
    let heard_ms = scenario.carrier.heard_us(ItemId(item), hung_up[0] * 1_000) / 1_000;
    assert_eq!(heard_ms, words_length_ms(MESSAGE), "{}", scenario.log());
    assert!(
        scenario.transfers().is_empty(),
        "nobody is dialled for a machine"
    );
}

#[test]
fn who_says_hello_is_let_finish_and_the_greeting_is_the_answer() {
    let mut scenario = answered();
    scenario.says(800, 600, "hello");
    scenario.run(6_000);
    assert_eq!(
        scenario.when("greeting_started"),
        [1_900],
        "{}",
        scenario.log()
    );
    assert_eq!(said(&scenario, GREETING), [1_900]);
    assert_eq!(replies(&scenario), 0, "the hello gets one answer");
}

#[test]
fn who_says_nothing_is_greeted_after_1500_ms() {
    let mut scenario = answered();
    scenario.run(6_000);
    assert_eq!(scenario.when("greeting_started"), [1_900]);
}

#[test]
fn who_talks_on_and_on_is_greeted_after_5_s() {
    let mut scenario = answered();
    scenario.says(
        600,
        20_000,
        "hi you have reached the voicemail of somebody who talks",
    );
    scenario.run(8_000);
    assert_eq!(
        scenario.when("greeting_started"),
        [5_400],
        "{}",
        scenario.log()
    );
}

#[test]
fn a_verdict_of_a_person_starts_the_greeting_at_once() {
    let mut scenario = answered();
    detected(&mut scenario, 900, AnsweredBy::Human);
    scenario.run(6_000);
    assert_eq!(scenario.when("greeting_started"), [900]);
}

#[test]
fn a_verdict_of_a_person_who_still_speaks_waits_for_the_end_of_the_hello() {
    let mut scenario = answered();
    scenario.says(800, 1_500, "hello who is this");
    detected(&mut scenario, 1_500, AnsweredBy::Human);
    scenario.run(9_000);
    assert_eq!(
        scenario.when("greeting_started"),
        [2_800],
        "{}",
        scenario.log()
    );
    assert_eq!(replies(&scenario), 0, "the hello gets one answer");
}

#[test]
fn a_person_talks_with_the_agent_as_any_caller_does() {
    let mut scenario = answered();
    scenario
        .model
        .answers
        .push_back(Answer::speaks("it is tomorrow at ten"));
    detected(&mut scenario, 900, AnsweredBy::Human);
    scenario.says(7_000, 1_000, "when is it again");
    scenario.run(12_000);
    assert_eq!(replies(&scenario), 1, "{}", scenario.log());
    assert!(scenario.when("message_started").is_empty());
}

#[test]
fn a_verdict_that_never_comes_leaves_a_person_assumed() {
    let mut scenario = answered();
    scenario.says(800, 600, "hello");
    scenario.says(8_000, 1_000, "what is this about");
    scenario.run(12_000);
    assert_eq!(replies(&scenario), 1, "{}", scenario.log());
    assert_eq!(scenario.end(), None);
}

#[test]
fn a_verdict_before_the_stream_waits_for_it() {
    for (by, event) in [
        (AnsweredBy::Human, "greeting_started"),
        (AnsweredBy::MachineRecording, "message_started"),
    ] {
        let mut scenario = Scenario::ringing(settings());
        detected(&mut scenario, 100, by);
        scenario.leg(1_000, FromLeg::Ready);
        scenario.run(20_000);
        assert_eq!(scenario.when(event), [1_000], "{by:?} {}", scenario.log());
        let is_person = by == AnsweredBy::Human;
        assert_eq!(!scenario.when("greeting_started").is_empty(), is_person);
    }
}

#[test]
fn a_machine_that_records_before_the_agent_spoke_gets_the_message_alone() {
    let mut scenario = answered();
    detected(&mut scenario, 1_000, AnsweredBy::MachineRecording);
    scenario.run(20_000);
    assert_message_left(&scenario, 1, 1_000);
    assert!(said(&scenario, GREETING).is_empty());
}

#[test]
fn a_late_verdict_stops_the_agent_and_leaves_the_message() {
    let mut scenario = answered();
    detected(&mut scenario, 4_000, AnsweredBy::MachineRecording);
    scenario.run(20_000);
    assert_eq!(scenario.to_leg(|command| *command == ToLeg::Clear), [4_000]);
    assert_message_left(&scenario, 2, 4_000);
}

#[test]
fn a_machine_that_still_greets_is_waited_for_until_its_tone_is_over() {
    let mut scenario = answered();
    // Its greeting with a pause, then the tone.
    scenario.sounds(600, 3_900, -20);
    scenario.sounds(5_300, 2_700, -20);
    scenario.sounds(9_000, 500, -12);
    detected(&mut scenario, 3_000, AnsweredBy::MachineGreeting);
    scenario.run(30_000);
    assert_message_left(&scenario, 2, 9_480 + 1_500);
}

#[test]
fn a_machine_that_is_said_to_record_now_is_not_waited_for_any_longer() {
    let mut scenario = answered();
    scenario.sounds(600, 9_000, -20);
    detected(&mut scenario, 3_000, AnsweredBy::MachineGreeting);
    detected(&mut scenario, 8_000, AnsweredBy::MachineRecording);
    scenario.run(30_000);
    assert_message_left(&scenario, 2, 8_000);
}

#[test]
fn a_machine_that_never_falls_silent_gets_the_message_after_30_s() {
    let mut scenario = answered();
    scenario.sounds(600, 60_000, -20);
    detected(&mut scenario, 3_000, AnsweredBy::MachineGreeting);
    scenario.run(60_000);
    assert_message_left(&scenario, 2, 33_000);
}

#[test]
fn the_same_verdict_twice_leaves_one_message() {
    let mut scenario = answered();
    for at_ms in [3_000, 3_001, 5_000, 12_000] {
        detected(&mut scenario, at_ms, AnsweredBy::MachineRecording);
    }
    scenario.run(30_000);
    assert_eq!(scenario.when("party_detected"), [3_000]);
    assert_message_left(&scenario, 2, 3_000);
}

#[test]
fn the_first_verdict_stands() {
    let mut scenario = answered();
    detected(&mut scenario, 900, AnsweredBy::Human);
    detected(&mut scenario, 3_000, AnsweredBy::MachineRecording);
    detected(&mut scenario, 3_100, AnsweredBy::Fax);
    scenario.run(5_000);
    assert_eq!(scenario.end(), None, "{}", scenario.log());
    assert!(scenario.when("message_started").is_empty());

    let mut scenario = answered();
    detected(&mut scenario, 3_000, AnsweredBy::MachineRecording);
    detected(&mut scenario, 3_100, AnsweredBy::Human);
    scenario.run(30_000);
    assert_message_left(&scenario, 2, 3_000);
}

#[test]
fn an_agent_that_leaves_no_messages_hangs_up_on_machines() {
    for (at_ms, by) in [
        (100, AnsweredBy::MachineGreeting),
        (1_000, AnsweredBy::MachineGreeting),
        (4_000, AnsweredBy::MachineRecording),
    ] {
        let mut scenario = Scenario::new(on_machine(OnAnswer::HangUp));
        detected(&mut scenario, at_ms, by);
        scenario.run(10_000);
        assert_eq!(hang_ups(&scenario), [at_ms]);
        let end = scenario.end().expect("it ended");
        assert_eq!(end, EndReason::MachineAnswered, "{}", scenario.log());
        assert_eq!(end.class(), EndClass::Caller);
        assert!(said(&scenario, MESSAGE).is_empty());
    }
}

#[test]
fn a_fax_and_an_unknown_party_get_what_the_agent_says_for_them() {
    let mut scenario = answered();
    detected(&mut scenario, 1_000, AnsweredBy::Fax);
    scenario.run(10_000);
    assert_eq!(scenario.end(), Some(EndReason::FaxAnswered));

    let mut scenario = answered();
    detected(&mut scenario, 1_000, AnsweredBy::Unknown);
    scenario.run(6_000);
    assert_eq!(scenario.when("greeting_started"), [1_000]);

    for (unknown, end) in [
        (OnAnswer::HangUp, EndReason::UnknownAnswered),
        (OnAnswer::LeaveMessage, EndReason::MessageLeft),
    ] {
        let outgoing = settings().outgoing.map(|outgoing| Outgoing {
            unknown,
            ..outgoing
        });
        let mut scenario = Scenario::new(CallSettings {
            outgoing,
            ..settings()
        });
        detected(&mut scenario, 1_000, AnsweredBy::Unknown);
        scenario.run(20_000);
        assert_eq!(scenario.end(), Some(end), "{}", scenario.log());
    }
}

#[test]
fn a_key_is_a_person_whatever_the_carrier_says() {
    let mut scenario = answered();
    detected(&mut scenario, 3_000, AnsweredBy::MachineRecording);
    scenario.digit(4_500, '5');
    scenario.says(6_000, 1_000, "I am a person");
    scenario.run(12_000);
    assert_eq!(scenario.end(), None, "{}", scenario.log());
    assert_eq!(replies(&scenario), 1, "{}", scenario.log());

    let mut scenario = answered();
    detected(&mut scenario, 3_000, AnsweredBy::MachineRecording);
    scenario.digit(4_500, '0');
    scenario.run(12_000);
    assert_eq!(scenario.transfers().len(), 1);
    assert_eq!(
        scenario.end(),
        Some(EndReason::HandedOff(HandoffReason::Dtmf0))
    );

    let mut scenario = answered();
    scenario.digit(2_500, '5');
    detected(&mut scenario, 3_000, AnsweredBy::MachineRecording);
    scenario.run(8_000);
    assert!(
        scenario.when("message_started").is_empty(),
        "{}",
        scenario.log()
    );
}

#[test]
fn a_machine_that_cuts_the_message_has_not_got_it() {
    let mut scenario = answered();
    detected(&mut scenario, 3_000, AnsweredBy::MachineRecording);
    scenario.leg(4_500, FromLeg::Closed(LegClosed::HungUp));
    scenario.run(20_000);
    assert_eq!(scenario.end(), Some(EndReason::MachineAnswered));
}

#[test]
fn what_a_machine_says_is_no_turn_and_its_silence_means_nothing() {
    let mut scenario = answered();
    scenario.sounds(600, 28_000, -20);
    detected(&mut scenario, 3_000, AnsweredBy::MachineGreeting);
    let item = scenario.reported(4_000, 2_000);
    scenario.words(7_000, item, "please leave a message after the tone", None);
    scenario.run(28_000);
    assert_eq!(replies(&scenario), 0, "{}", scenario.log());
    assert!(scenario.when("silence_nudged").is_empty());
    let turns = scenario.turns();
    assert!(
        !turns
            .iter()
            .any(|turn| turn.heard.expose().contains("tone")),
        "{turns:?}"
    );
    let after =
        scenario.to_model(|command| matches!(command, ToModel::Audio(_) | ToModel::QuietAudio(_)));
    assert!(
        after.iter().all(|at| *at <= 3_000),
        "a machine's words cost nothing"
    );
}

#[test]
fn speech_behind_the_tone_does_not_interrupt_the_message() {
    let mut scenario = answered();
    detected(&mut scenario, 3_000, AnsweredBy::MachineRecording);
    scenario.says(3_500, 2_000, "stop wait stop");
    scenario.run(30_000);
    assert_message_left(&scenario, 2, 3_000);
}

#[test]
fn a_tool_that_answers_a_machine_starts_no_reply() {
    let mut scenario = answered();
    scenario.model.answers.push_back(Answer::asks("look", "{}"));
    let answered_late = ToolOutcome::Answered("{}".into());
    scenario
        .tool_answers
        .push_back(Some((2_000, answered_late)));
    scenario.says(7_500, 500, "your call has been forwarded");
    scenario.sounds(8_500, 6_000, -20);
    detected(&mut scenario, 9_200, AnsweredBy::MachineGreeting);
    scenario.run(40_000);
    assert_eq!(
        scenario.end(),
        Some(EndReason::MessageLeft),
        "{}",
        scenario.log()
    );
    assert_eq!(replies(&scenario), 1);
}

#[test]
fn nobody_is_dialled_for_a_machine_whatever_breaks() {
    let breaks: [fn(&mut Scenario); 3] = [
        |scenario| {
            scenario.control(4_500, Control::Drain);
        },
        |scenario| {
            scenario.model_sends(4_500, FromModel::Failed(ModelFailure::Disconnected));
        },
        |scenario| {
            scenario.control(4_500, Control::HandOff(HandoffReason::DatabaseLost));
        },
    ];
    for by in [AnsweredBy::MachineGreeting, AnsweredBy::MachineRecording] {
        for break_it in breaks {
            let mut scenario = answered();
            scenario.sounds(600, 20_000, -20);
            detected(&mut scenario, 4_000, by);
            break_it(&mut scenario);
            scenario.run(60_000);
            assert!(scenario.transfers().is_empty(), "{}", scenario.log());
            assert_eq!(
                scenario.end(),
                Some(EndReason::MachineAnswered),
                "{}",
                scenario.log()
            );
            assert_eq!(hang_ups(&scenario).len(), 1);
        }
    }
}

#[test]
fn d1_a_disclosure_that_a_machine_cut_off_keeps_no_words() {
    let consent = ConsentPolicy {
        disclosure: Some("what we say is written down so that we can help you better".into()),
        basis: ConsentBasis::Implied,
    };
    let mut scenario = Scenario::new(CallSettings {
        consent,
        ..settings()
    });
    detected(&mut scenario, 4_000, AnsweredBy::MachineRecording);
    scenario.run(30_000);
    assert_eq!(
        scenario.when("disclosure_cut"),
        [4_000],
        "{}",
        scenario.log()
    );
    assert!(scenario.turns().is_empty(), "{:?}", scenario.turns());
    assert_eq!(scenario.end(), Some(EndReason::MessageLeft));
}

#[test]
fn a_call_that_came_in_has_no_machine() {
    let mut scenario = Scenario::new(CallSettings {
        outgoing: None,
        ..settings()
    });
    detected(&mut scenario, 2_000, AnsweredBy::MachineRecording);
    scenario.run(6_000);
    assert_eq!(scenario.when("greeting_started"), [400]);
    assert!(scenario.when("party_detected").is_empty());
    assert_eq!(scenario.end(), None);
}
