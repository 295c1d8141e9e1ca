//! A reported interruption is a proposal: stop on "wait", go on through "mm-hm", come back after a cough.

use switchboard_call::event::EventKind;
use switchboard_call::ids::{AudioId, ItemId, ReplyId};
use switchboard_call::input::{AgentAudio, FromModel, TurnTaking};
use switchboard_call::interruption::{HoldCause, StopCause};
use switchboard_call::output::{ToLeg, ToModel};
use switchboard_call::{CallSettings, Language, Span};

use crate::support::{Answer, Echo, Scenario, VOICE_DBFS};

const LONG: &str = "We are open from nine in the morning until six in the evening from Monday to Friday \
    and on Saturday from ten until two and we are closed on Sunday and on public holidays";
/// The model's item of [`LONG`].
const ITEM: ItemId = ItemId(1);

/// The agent speaks from about 2.9 s to 13.7 s.
fn speaking() -> Scenario {
    speaking_with(CallSettings::default())
}

fn speaking_with(settings: CallSettings) -> Scenario {
    let mut scenario = Scenario::new(settings);
    scenario.model.answers.push_back(Answer::speaks(LONG));
    scenario.says(1_000, 1_000, "what time do you open");
    scenario
}

fn truncations(scenario: &Scenario) -> Vec<u64> {
    scenario
        .commands()
        .filter_map(|(_, command)| match command {
            switchboard_call::output::Command::Model(ToModel::Truncate { item, heard })
                if *item == ITEM =>
            {
                Some(heard.millis())
            }
            _ => None,
        })
        .collect()
}

fn was_cut(scenario: &Scenario) -> bool {
    !scenario.when("reply_interrupted").is_empty()
        || !truncations(scenario).is_empty()
        || !scenario
            .to_leg(|command| *command == ToLeg::Clear)
            .is_empty()
}

fn assert_heard_whole(scenario: &Scenario) {
    let first = &scenario.agent_turns()[0];
    assert_eq!(first.heard.expose(), LONG, "{}", scenario.log());
    assert!(!first.interrupted);
    let length_us = crate::support::words_length_ms(LONG) * 1_000;
    assert_eq!(scenario.carrier.heard_us(ITEM, u64::MAX), length_us);
}

#[test]
fn agreement_in_four_languages_lets_the_reply_go_on_and_gets_none() {
    for (words, language) in [
        ("mm-hm", Language::ENGLISH),
        ("ndiyo", Language::SWAHILI),
        ("oui", Language::FRENCH),
        ("yego", Language::KINYARWANDA),
    ] {
        let mut scenario = speaking();
        let item = scenario.says_in(5_000, 350, words, Some(language));
        scenario.run(15_000);
        assert!(!was_cut(&scenario), "{words}\n{}", scenario.log());
        assert_heard_whole(&scenario);
        let hole_us = scenario.carrier.longest_hole_us(3_000_000, 12_500_000);
        assert!(hole_us <= 200_000, "{words}: a hole of {hole_us} µs");
        let deleted = scenario.to_model(|command| *command == ToModel::Delete { item });
        assert_eq!(
            deleted.len(),
            1,
            "{words}: the turn that was none is forgotten"
        );
        let replies = scenario.to_model(|command| matches!(command, ToModel::Reply { .. }));
        assert_eq!(replies.len(), 1, "{words} gets no reply");
        assert_eq!(scenario.turns().len(), 2, "{words} is no turn");
    }
}

#[test]
fn agreement_that_voice_took_for_a_stop_resumes_the_reply() {
    let mut scenario = speaking();
    scenario.says(5_000, 600, "okay okay");
    scenario.run(20_000);
    assert_eq!(scenario.when("reply_interrupted").len(), 1);
    assert_eq!(scenario.when("reply_resumed").len(), 1);
    assert_heard_whole(&scenario);
    assert!(
        truncations(&scenario).is_empty(),
        "the model's memory was never cut"
    );
}

#[test]
fn short_refusals_in_four_languages_stop_the_reply_and_get_an_answer() {
    for (words, language) in [
        ("wait", Language::ENGLISH),
        ("hapana", Language::SWAHILI),
        ("attends", Language::FRENCH),
        ("oya", Language::KINYARWANDA),
    ] {
        for length_ms in [300, 480] {
            let mut scenario = speaking();
            scenario.says_in(5_000, length_ms, words, Some(language));
            scenario.run(12_000);
            let log = scenario.log();
            let cuts = truncations(&scenario);
            assert_eq!(cuts.len(), 1, "{words} {length_ms}\n{log}");
            let replies = scenario.to_model(|command| matches!(command, ToModel::Reply { .. }));
            assert_eq!(replies.len(), 2, "{words} is answered once\n{log}");
            assert!(scenario.agent_turns()[0].interrupted);
        }
    }
}

#[test]
fn a_false_and_a_true_interruption_tell_their_story() {
    let mut scenario = speaking();
    scenario.says(4_000, 520, "");
    scenario.says(8_000, 2_000, "no I would like to book a massage");
    scenario.run(13_000);
    insta::assert_snapshot!(scenario.story(), @r"
      300 model_readied
      400 leg_readied
      400 handshake_finished
     1200 caller_speech_started
     2500 caller_speech_stopped
     2500 caller_turn_committed
     2500 reply_requested
     2800 turn_ended
     2900 reply_started
     4200 caller_speech_started
     4200 interruption_proposed
     4450 reply_interrupted
     4950 reply_finished
     5020 caller_speech_stopped
     5020 caller_turn_committed
     5320 reply_resumed
     8200 caller_speech_started
     8200 interruption_proposed
     8450 reply_interrupted
    10500 caller_speech_stopped
    10500 turn_ended
    10500 caller_turn_committed
    10500 reply_requested
    10800 turn_ended
    10900 reply_started
    11110 reply_finished
    11880 turn_ended
    ");
}

#[test]
fn voice_that_goes_on_stops_us_within_250_ms_of_the_report_and_clears_at_once() {
    let mut scenario = speaking();
    scenario.says(5_000, 2_000, "no I would like to book a massage");
    scenario.run(12_000);
    let proposed = scenario.when("interruption_proposed")[0];
    let stopped = scenario.when("reply_interrupted")[0];
    let cleared = scenario.to_leg(|command| *command == ToLeg::Clear);
    assert!(stopped - proposed <= 250, "{} ms", stopped - proposed);
    assert_eq!(
        cleared,
        [stopped],
        "clear leaves with the decision, and once"
    );
    let fed = scenario.to_leg(|command| matches!(command, ToLeg::Play { item: ITEM, .. }));
    assert!(
        fed.iter().all(|at| *at <= proposed),
        "feeding stops with the report and nothing stale follows"
    );
}

#[test]
fn the_ear_is_silent_within_350_ms_of_the_report_at_any_phase_of_the_backlog() {
    let mut worst_ms = 0;
    for offset_ms in (0..220).step_by(20) {
        let mut scenario = speaking();
        scenario.says(
            5_000 + offset_ms,
            2_000,
            "no I would like to book a massage",
        );
        scenario.run(6_500 + offset_ms);
        let proposed = scenario.when("interruption_proposed")[0];
        let silent_us = scenario.carrier.last_sound_us(6_500_000).unwrap();
        worst_ms = worst_ms.max((silent_us / 1_000).saturating_sub(proposed));
    }
    assert!(worst_ms <= 350, "{worst_ms} ms");
}

#[test]
fn words_decide_at_once_where_they_come_early() {
    let mut scenario = speaking();
    let item = scenario.says(5_000, 1_500, "wait please");
    scenario.interim(5_310, item, "wait");
    scenario.run(12_000);
    assert_eq!(scenario.when("reply_interrupted"), [5_310]);
    let kinds = scenario.kinds("reply_interrupted");
    let EventKind::ReplyInterrupted { cause, .. } = kinds[0] else {
        panic!("{kinds:?}")
    };
    assert_eq!(cause, StopCause::StopWord);
}

#[test]
fn words_that_come_after_the_voice_let_us_pass_still_stop_us_within_700_ms() {
    let mut scenario = speaking();
    scenario.says(5_000, 300, "stop");
    scenario.run(12_000);
    let committed = scenario.when("caller_turn_committed")[1];
    let stopped = scenario.when("reply_interrupted");
    assert_eq!(stopped.len(), 1, "{}", scenario.log());
    assert!(stopped[0] - committed <= 700);
}

#[test]
fn what_still_comes_of_a_stopped_reply_is_dropped_and_counted() {
    let mut scenario = speaking();
    let item = scenario.says(3_000, 1_500, "wait please I meant Sunday");
    scenario.interim(3_300, item, "wait");
    scenario.model_sends(
        3_340,
        FromModel::Audio(AgentAudio {
            reply: ReplyId(1),
            item: ITEM,
            audio: AudioId(7_000_000),
            length: Span::from_millis(200),
            levels_dbfs: Vec::new(),
        }),
    );
    scenario.run(8_000);
    assert_eq!(scenario.when("late_audio_dropped"), [3_340]);
    let played = scenario.to_leg(|command| matches!(command, ToLeg::Play { item: ITEM, .. }));
    assert!(played.iter().all(|at| *at < 3_300));
    assert_eq!(scenario.agent_turns().len(), 2, "{}", scenario.log());
}

#[test]
fn words_that_come_a_second_late_are_still_the_callers() {
    for (words, replies) in [("stop", 2), ("mm-hm", 1)] {
        let mut scenario = speaking();
        scenario.words_after_ms = Some(1_200);
        let item = scenario.says(5_000, 300, words);
        scenario.run(20_000);
        let asked = scenario.to_model(|command| matches!(command, ToModel::Reply { .. }));
        assert_eq!(asked.len(), replies, "{words}\n{}", scenario.log());
        assert_eq!(truncations(&scenario).len(), replies - 1, "{words}");
        let kept = scenario
            .turns()
            .iter()
            .any(|turn| turn.heard.expose() == words);
        assert_eq!(kept, replies == 2, "{words}");
        let deleted = scenario.to_model(|command| *command == ToModel::Delete { item });
        assert_eq!(deleted.len(), 2 - replies, "{words}");
    }
}

#[test]
fn words_that_come_before_their_turn_is_committed_count_all_the_same() {
    for (words, length_ms, replies) in [("mm-hm", 350, 1), ("okay okay", 600, 1), ("wait", 480, 2)]
    {
        let mut scenario = speaking();
        scenario.words_after_ms = None;
        let item = scenario.says(5_000, length_ms, "");
        scenario.words(5_000 + length_ms + 480, item, words, None);
        scenario.run(20_000);
        let asked = scenario.to_model(|command| matches!(command, ToModel::Reply { .. }));
        assert_eq!(asked.len(), replies, "{words}\n{}", scenario.log());
        let kept = scenario
            .turns()
            .iter()
            .any(|turn| turn.heard.expose() == words);
        assert_eq!(kept, replies == 2, "{words}");
    }
}

/// (yields to refusals + goes on through agreement) / 2, over lengths and moments of a reply.
#[test]
fn refusal_and_agreement_are_told_apart_in_97_of_100() {
    let [mut yielded, mut refused, mut held, mut agreed] = [0; 4];
    let [mut holes_us, mut silent_ms] = [Vec::new(), Vec::new()];
    for at_ms in (4_000..9_000).step_by(630) {
        for length_ms in [260, 340, 420, 500, 580, 660] {
            for words in [
                "wait", "stop", "hapana", "subiri", "attends", "non", "oya", "reka",
            ] {
                let mut scenario = speaking();
                scenario.says(at_ms, length_ms, words);
                scenario.run(at_ms + length_ms + 1_500);
                refused += 1;
                yielded += usize::from(!truncations(&scenario).is_empty());
                let last_us = scenario.carrier.last_sound_of_us(ITEM).unwrap_or(0);
                silent_ms.push((last_us / 1_000).saturating_sub(at_ms));
            }
            for words in [
                "mm-hm", "okay", "ndiyo", "sawa", "oui", "d'accord", "yego", "nibyo",
            ] {
                let mut scenario = speaking();
                scenario.says(at_ms, length_ms, words);
                scenario.run(14_500);
                agreed += 1;
                let whole = scenario.agent_turns()[0].heard.expose() == LONG;
                held += usize::from(whole && truncations(&scenario).is_empty());
                holes_us.push(scenario.carrier.longest_hole_us(3_000_000, 12_500_000));
            }
        }
    }
    holes_us.sort_unstable();
    silent_ms.sort_unstable();
    let silent = [50, 95].map(|percent| silent_ms[silent_ms.len() * percent / 100]);
    println!("silent after the first sound of a refusal, P50 and P95: {silent:?} ms");
    let hole_ms = holes_us[holes_us.len() * 95 / 100] / 1_000;
    println!("yielded {yielded} of {refused}, held {held} of {agreed}, hole P95 {hole_ms} ms");
    assert!(yielded * 100 >= refused * 97 && held * 100 >= agreed * 97);
    assert!(hole_ms <= 1_100, "{hole_ms} ms");
}

#[test]
fn a_cough_stops_nothing_for_good_and_the_reply_goes_on_from_the_last_mark() {
    let mut scenario = speaking();
    let item = scenario.says(5_000, 520, "");
    scenario.run(20_000);
    assert_eq!(
        scenario.when("reply_resumed").len(),
        1,
        "{}",
        scenario.log()
    );
    assert_heard_whole(&scenario);
    assert!(truncations(&scenario).is_empty());
    let replies = scenario.to_model(|command| matches!(command, ToModel::Reply { .. }));
    assert_eq!(replies.len(), 1, "a cough gets no answer");
    let deleted = scenario.to_model(|command| *command == ToModel::Delete { item });
    assert_eq!(deleted.len(), 1);
}

#[test]
fn a_sound_whose_turn_is_never_committed_does_not_silence_us_for_good() {
    let mut scenario = speaking();
    scenario.sounds(5_000, 600, VOICE_DBFS);
    scenario.model_sends(5_200, FromModel::SpeechStarted);
    scenario.model_sends(6_100, FromModel::SpeechStopped);
    scenario.run(20_000);
    assert_heard_whole(&scenario);
    assert_eq!(scenario.when("reply_resumed").len(), 1);
}

#[test]
fn a_report_without_voice_holds_within_160_ms_and_nobody_hears_a_hole() {
    let mut scenario = speaking();
    scenario.reported(5_000, 600);
    scenario.run(15_000);
    assert!(!was_cut(&scenario), "{}", scenario.log());
    let kinds = scenario.kinds("interruption_held");
    let EventKind::InterruptionHeld { cause, hole } = kinds[0] else {
        panic!("{kinds:?}")
    };
    assert_eq!(cause, HoldCause::NoVoice);
    assert!(hole.millis() <= 180);
    assert!(scenario.carrier.longest_hole_us(3_000_000, 12_500_000) <= 200_000);
}

#[test]
fn a_brief_sound_that_has_just_ended_at_the_decision_is_not_taken_for_a_voice() {
    for length_ms in [360, 380, 400, 420] {
        let mut scenario = speaking();
        scenario.says(5_000, length_ms, "mm-hm");
        scenario.run(15_000);
        assert!(!was_cut(&scenario), "{length_ms}\n{}", scenario.log());
    }
}

#[test]
fn our_own_echo_never_interrupts_us_at_12_db_and_more() {
    for loss_db in [12, 20, 30] {
        for delay_ms in [60, 200, 600] {
            let mut scenario = speaking();
            scenario.echo = Some(Echo { delay_ms, loss_db });
            scenario.reported(8_000, 1_200);
            scenario.run(15_000);
            assert!(
                !was_cut(&scenario),
                "{loss_db} dB, {delay_ms} ms\n{}",
                scenario.log()
            );
        }
    }
}

#[test]
fn a_caller_over_the_echo_stops_us_within_400_ms() {
    let mut quick = 0;
    for loss_db in [12, 20, 30] {
        for delay_ms in [60, 200, 600] {
            let mut scenario = speaking();
            scenario.echo = Some(Echo { delay_ms, loss_db });
            scenario.sounds(8_000, 2_000, -14);
            scenario.reported(8_000, 2_000);
            scenario.run(9_500);
            let stopped = scenario.when("reply_interrupted");
            quick += usize::from(stopped.first().is_some_and(|at| *at <= 8_200 + 400));
        }
    }
    assert!(quick >= 9, "{quick} of 9");
}

#[test]
fn words_of_an_earlier_turn_that_come_late_stop_nothing() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.model.answers.push_back(Answer::speaks(LONG));
    scenario.words_after_ms = None;
    let first = scenario.says(1_000, 1_000, "");
    scenario.says(5_000, 300, "");
    scenario.words(5_300, first, "what time do you open", None);
    scenario.run(15_000);
    assert!(!was_cut(&scenario), "{}", scenario.log());
    assert_heard_whole(&scenario);
}

#[test]
fn a_voice_that_goes_on_after_a_brief_start_stops_us_without_words() {
    let mut scenario = speaking();
    scenario.words_after_ms = None;
    // "No" — a breath — "I meant Tuesday", one utterance for the detector.
    scenario.sounds(5_000, 280, VOICE_DBFS);
    scenario.sounds(5_480, 2_500, VOICE_DBFS);
    scenario.reported(5_000, 2_980);
    scenario.run(7_500);
    let stopped = scenario.when("reply_interrupted");
    assert_eq!(stopped.len(), 1, "{}", scenario.log());
    assert!(stopped[0] <= 5_480 + 700, "{stopped:?}");
}

#[test]
fn words_kept_are_words_heard_on_lines_of_any_delay() {
    let mut worst_us = 0;
    for delay_ms in [0, 20, 80, 150] {
        for at_ms in [5_000, 5_110, 7_370] {
            let mut scenario = speaking();
            scenario.carrier.delay_us = delay_ms * 1_000;
            scenario.says(at_ms, 2_000, "no I would like to book a massage");
            scenario.run(12_000);
            let cuts = truncations(&scenario);
            assert_eq!(cuts.len(), 1, "{}", scenario.log());
            let heard_us = scenario.carrier.heard_us(ITEM, u64::MAX);
            worst_us = worst_us.max(heard_us.abs_diff(cuts[0] * 1_000));
        }
    }
    println!("worst error of the heard position: {worst_us} µs");
    assert!(worst_us <= 20_000, "{worst_us} µs");
}

#[test]
fn no_reply_is_asked_for_while_the_caller_goes_on_speaking() {
    let mut scenario = speaking();
    scenario.words_after_ms = None;
    scenario.says(5_000, 600, "");
    scenario.says(6_300, 3_000, "");
    scenario.run(14_000);
    let replies = scenario.to_model(|command| matches!(command, ToModel::Reply { .. }));
    assert_eq!(replies.len(), 2, "{}", scenario.log());
    assert!(
        replies[1] >= 9_800,
        "after the end of what the caller had to say"
    );
}

#[test]
fn a_client_that_interrupts_by_itself_is_told_of_speech_and_we_hold_nothing() {
    let settings = CallSettings {
        turn_taking: TurnTaking {
            speech_interrupts: false,
            ..TurnTaking::default()
        },
        ..CallSettings::default()
    };
    let mut scenario = speaking_with(settings);
    scenario.says(5_000, 2_000, "hold on please I have a question");
    scenario.run(7_000);
    assert!(!was_cut(&scenario));
    let told = scenario.to_leg(|command| *command == ToLeg::SpeechStarted);
    assert_eq!(told.len(), 2, "{}", scenario.log());
}

#[test]
fn a_nudge_that_has_not_sounded_is_not_spoken_over_a_caller_who_begins() {
    let mut scenario = Scenario::new(CallSettings::default());
    scenario.model.say_think_ms = 900;
    scenario.says(1_000, 1_000, "hello");
    scenario.run(9_900);
    let nudged = scenario.when("silence_nudged")[0];
    scenario.says(nudged + 100, 2_000, "yes I am still here");
    scenario.run(nudged + 2_100);
    let spoken = scenario.to_leg(|command| matches!(command, ToLeg::Play { .. }));
    assert!(
        spoken.iter().all(|at| *at < nudged),
        "nobody speaks over the caller\n{}",
        scenario.log()
    );
}
