//! A carrier that stops sending must not hold a turn open for good.

use switchboard_call::CallSettings;
use switchboard_call::input::FromModel;
use switchboard_call::output::ToModel;

use crate::support::{Scenario, VOICE_DBFS};

fn silences(scenario: &Scenario) -> Vec<u64> {
    scenario.to_model(|command| matches!(command, ToModel::Silence(_)))
}

#[test]
fn silence_is_fed_750_ms_after_the_carrier_stopped_in_the_middle_of_speech() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.sounds(2_000, 5_000, VOICE_DBFS);
    scenario.model_sends(2_200, FromModel::SpeechStarted);
    scenario.run(3_000);
    scenario.sends_media = false;
    scenario.run(6_000);
    let fed = silences(&scenario);
    assert!((3_730..=3_770).contains(&fed[0]), "{fed:?}");
    assert!(fed.windows(2).all(|pair| pair[1] - pair[0] >= 750));
    assert!(fed.len() <= 4, "{fed:?}");
}

#[test]
fn nothing_is_fed_while_nobody_speaks_or_while_media_flows() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.says(1_000, 3_000, "well I would like to book a massage");
    scenario.run(5_000);
    scenario.sends_media = false;
    scenario.run(12_000);
    assert!(silences(&scenario).is_empty());
}
