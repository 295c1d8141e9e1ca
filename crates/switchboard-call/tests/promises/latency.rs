//! Our own figures against the ear, over many turns and drifting clocks.

use switchboard_call::ids::ItemId;
use switchboard_call::output::{Command, ToModel};
use switchboard_call::{CallSettings, Span};

use crate::support::{Answer, Scenario};

/// A call of this many turns, one every seven seconds.
fn turns(count: u64, drift_ppm: i64) -> Scenario {
    let mut settings = CallSettings::default();
    // They say the same in every turn.
    settings.limits.automatic_max = Span::ZERO;
    let mut scenario = Scenario::new(settings);
    scenario.carrier.drift_ppm = drift_ppm;
    for turn in 0..count {
        let words = "we are open from nine until six";
        scenario.model.answers.push_back(Answer::speaks(words));
        scenario.says(1_000 + turn * 7_000, 1_000, "and what about the next day");
    }
    scenario.run(count * 7_000 + 1_000);
    scenario
}

/// From the reported end of each caller's turn to the first sound at the ear.
fn gaps_ms(scenario: &Scenario) -> Vec<u64> {
    let stopped = scenario.when("caller_speech_stopped");
    let heard = stopped.iter().map(|at| {
        let first_us = scenario.carrier.first_sound_after_us(at * 1_000);
        first_us.expect("it was answered") / 1_000 - at
    });
    heard.collect()
}

#[test]
fn the_gap_does_not_grow_over_40_turns_with_clocks_300_ppm_apart() {
    for drift_ppm in [-300, 0, 300] {
        let gaps = gaps_ms(&turns(40, drift_ppm));
        let grown = gaps[39].abs_diff(gaps[0]);
        println!(
            "{drift_ppm} ppm: gap {} ms, after 40 turns {} ms",
            gaps[0], gaps[39]
        );
        assert!(grown <= 20, "{grown} ms");
    }
}

#[test]
fn our_own_latency_figure_is_what_the_ear_waited() {
    let scenario = turns(10, 0);
    let ours: Vec<u64> = scenario
        .agent_turns()
        .iter()
        .map(|turn| {
            turn.heard_latency
                .expect("the delay is known by marks")
                .millis()
        })
        .collect();
    let worst = gaps_ms(&scenario)
        .iter()
        .zip(&ours)
        .map(|(ear, ours)| ear.abs_diff(*ours))
        .max();
    println!("worst error of the latency figure: {worst:?} ms");
    assert!(worst <= Some(20), "{worst:?}");
    assert_eq!(ours.len(), 10);
}

#[test]
fn a_minute_of_speech_is_fed_without_a_hole_and_cut_where_it_was_heard_with_drifting_clocks() {
    let long = "one two three four five six seven eight nine ten ".repeat(20);
    for drift_ppm in [-300, 300] {
        let mut scenario = Scenario::new(CallSettings::default());
        scenario.carrier.drift_ppm = drift_ppm;
        scenario.model.answers.push_back(Answer::speaks(&long));
        scenario.says(1_000, 1_000, "please count for me");
        scenario.says(55_000, 2_000, "thank you that is enough now");
        scenario.run(60_000);
        let hole_us = scenario.carrier.longest_hole_us(3_000_000, 55_000_000);
        assert!(hole_us <= 1_000, "{hole_us}");
        let cut = scenario.commands().find_map(|(_, command)| match command {
            Command::Model(ToModel::Truncate { heard, .. }) => Some(heard.micros()),
            _ => None,
        });
        let truth_us = scenario.carrier.heard_us(ItemId(1), u64::MAX);
        let error_us = truth_us.abs_diff(cut.expect("it was cut"));
        println!("{drift_ppm} ppm: the cut is {error_us} µs from the ear");
        assert!(error_us <= 20_000, "{drift_ppm}: {error_us} µs");
    }
}

#[test]
fn a_model_that_stutters_is_not_taken_for_the_end_of_its_turn() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.model.piece_every_ms = 350;
    let words = "we are open from nine in the morning until six";
    scenario.model.answers.push_back(Answer::speaks(words));
    scenario.says(1_000, 1_000, "when are you open");
    scenario.run(11_000);
    let turns = scenario.agent_turns();
    assert_eq!(turns.len(), 1, "{}", scenario.log());
    assert_eq!(turns[0].heard.expose(), words);
    assert!(scenario.when("silence_nudged").is_empty());
    assert!(scenario.when("dead_air_counted").is_empty());
}
