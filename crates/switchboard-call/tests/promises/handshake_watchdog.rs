//! A model that is not ready to talk in time never costs the caller more than the watchdog's limit.

use switchboard_call::end::EndReason;
use switchboard_call::event::EventKind;
use switchboard_call::handoff::HandoffReason;
use switchboard_call::input::{FromLeg, ModelFailure};
use switchboard_call::output::ToLeg;
use switchboard_call::{CallSettings, Greeting, Input, Language, Phase, Span};

use crate::support::{Readiness, Scenario};

fn finished(scenario: &Scenario) -> (u64, Option<HandoffReason>) {
    let kinds = scenario.kinds("handshake_finished");
    let [EventKind::HandshakeFinished { elapsed, fell_back }] = kinds[..] else {
        panic!("one handshake per call: {kinds:?}")
    };
    (elapsed.millis(), fell_back)
}

#[test]
fn a_model_that_is_ready_in_time_takes_the_call_and_our_share_is_nothing() {
    for ready_ms in [200, 1_200, 2_990] {
        let mut scenario = Scenario::new(CallSettings::default());
        scenario
            .model
            .readiness
            .push_back(Readiness::After(ready_ms));
        scenario.run(4_000);
        assert_eq!(scenario.call.phase(), Phase::Live);
        assert_eq!(finished(&scenario), (ready_ms.max(400), None));
    }
}

#[test]
fn a_model_that_is_not_ready_after_3_s_costs_the_caller_3_s() {
    for readiness in [Readiness::Never, Readiness::After(4_000)] {
        let mut scenario = Scenario::new(CallSettings::default());
        scenario.model.readiness.push_back(readiness);
        scenario.run(10_000);
        assert_eq!(
            finished(&scenario),
            (3_000, Some(HandoffReason::HandshakeTimeout))
        );
        assert_eq!(scenario.transfers()[0].0, 3_000);
        assert_eq!(
            scenario.end(),
            Some(EndReason::HandedOff(HandoffReason::HandshakeTimeout))
        );
    }
}

#[test]
fn a_model_that_fails_while_ringing_hands_over_at_once() {
    for (failure, reason) in [
        (ModelFailure::Refused, HandoffReason::ModelRefused),
        (ModelFailure::Disconnected, HandoffReason::ModelFailed),
        (ModelFailure::RateLimited, HandoffReason::ModelFailed),
    ] {
        let mut scenario = Scenario::new(CallSettings::default());
        scenario
            .model
            .readiness
            .push_back(Readiness::Fails(500, failure));
        scenario.run(10_000);
        assert_eq!(finished(&scenario), (500, Some(reason)));
    }
}

#[test]
fn the_next_configured_model_gets_what_is_left_of_the_time() {
    let settings = CallSettings {
        models: 2,
        ..CallSettings::default()
    };
    for (second, expected) in [
        (Readiness::After(700), (1_200, None)),
        (
            Readiness::Never,
            (3_000, Some(HandoffReason::HandshakeTimeout)),
        ),
    ] {
        let mut scenario = Scenario::new(settings.clone());
        let refused = Readiness::Fails(500, ModelFailure::Refused);
        scenario.model.readiness.extend([refused, second]);
        scenario.run(10_000);
        assert_eq!(finished(&scenario), expected);
    }
}

#[test]
fn a_stream_that_never_opens_ends_after_15_s_and_leaves_the_caller_to_the_carriers_document() {
    let mut scenario = Scenario::ringing(CallSettings::default());
    scenario.run(20_000);
    assert_eq!(scenario.end(), Some(EndReason::StreamNeverOpened));
    assert_eq!(scenario.when("call_ended"), [15_000]);
    assert!(scenario.transfers().is_empty());
    let hung_up = scenario.to_leg(|command| *command == ToLeg::HangUp);
    assert!(hung_up.is_empty(), "the caller may be with a human already");
    assert_eq!(scenario.to_leg(|command| *command == ToLeg::Cut), [15_000]);
}

#[test]
fn a_late_leg_finds_the_model_ready_and_dead_air_is_not_counted_for_ringing() {
    let settings = CallSettings {
        filler_length: Span::from_millis(900),
        greeting: Some(Greeting {
            words: "Hello".into(),
            language: Language::ENGLISH,
        }),
        ..CallSettings::default()
    };
    let mut scenario = Scenario::ringing(settings);
    scenario.at(6_000, Input::Leg(FromLeg::Ready));
    scenario.run(8_000);
    assert_eq!(finished(&scenario), (6_000, None));
    assert!(
        scenario.when("filler_played").is_empty(),
        "{}",
        scenario.log()
    );
    assert!(scenario.when("dead_air_counted").is_empty());
}
