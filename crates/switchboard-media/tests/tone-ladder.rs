//! The ladder tells, from the ear alone, what was heard, skipped, repeated and silent.

use switchboard_media::g711;
use switchboard_media::ladder::{
    HeardStep, LadderReport, STEP_MS, STEPS, ToneLadder, detect_steps, step_at,
};
use switchboard_media::resample::resample_clip;
use switchboard_media::tone;

/// What measuring may be off by, in ms.
const TOLERANCE_MS: u64 = 4;

fn over_the_line(pcm: &[i16]) -> Vec<i16> {
    let (mut line, mut heard) = (Vec::new(), Vec::new());
    g711::encode_ulaw(pcm, &mut line);
    g711::decode_ulaw(&line, &mut heard);
    heard
}

fn silence(ms: usize) -> Vec<i16> {
    vec![0; ms * 8]
}

fn ladder(from_ms: u64, to_ms: u64) -> Vec<i16> {
    ToneLadder::new(8_000).render(from_ms, to_ms)
}

fn report(ear: &[i16]) -> LadderReport {
    LadderReport::of(&detect_steps(ear))
}

fn near(is: u64, expected: u64) -> bool {
    is.abs_diff(expected) <= TOLERANCE_MS
}

#[test]
fn all_64_steps_are_told_apart_over_mu_law_and_a_law() {
    let whole = ladder(0, STEP_MS * u64::from(STEPS));
    let (mut alaw, mut over_alaw) = (Vec::new(), Vec::new());
    g711::encode_alaw(&whole, &mut alaw);
    g711::decode_alaw(&alaw, &mut over_alaw);
    for ear in [over_the_line(&whole), over_alaw] {
        let heard = detect_steps(&ear);
        let steps: Vec<_> = heard.iter().map(|stretch| stretch.step).collect();
        assert_eq!(steps, (0..STEPS).map(Some).collect::<Vec<_>>());
        for (index, stretch) in heard.iter().enumerate() {
            assert!(near(stretch.at_ms, index as u64 * STEP_MS), "{stretch:?}");
        }
    }
}

#[test]
fn a_ladder_spoken_at_24_khz_is_read_at_8() {
    let spoken = ToneLadder::new(24_000).render(0, 6_400);
    let ear = over_the_line(&resample_clip(&spoken, 24_000, 8_000).unwrap());
    let report = report(&ear);
    assert_eq!(report.runs.len(), 1, "{report:?}");
    assert!(near(report.runs[0].from_ms, 0) && near(report.runs[0].to_ms, 6_400));
    assert_eq!((report.skipped_ms, report.repeated_ms), (0, 0));
}

#[test]
fn silence_around_the_ladder_is_placed_to_a_few_milliseconds() {
    let ear = [silence(333), ladder(0, 500), silence(217)].concat();
    let heard = detect_steps(&over_the_line(&ear));
    assert_eq!(heard.first().unwrap().step, None);
    assert!(near(heard[1].at_ms, 333));
    assert_eq!(heard.last().unwrap().step, None);
    assert!(near(heard.last().unwrap().at_ms, 833));
    let total: u64 = heard.iter().map(|stretch| stretch.length_ms).sum();
    assert_eq!(total, 1_050);
}

#[test]
fn a_reply_cut_anywhere_tells_how_much_was_heard() {
    for cut_ms in [35, 137, 250, 444, 500, 1_283] {
        let ear = [silence(100), ladder(0, cut_ms), silence(300)].concat();
        let report = report(&over_the_line(&ear));
        assert_eq!(report.runs.len(), 1, "{cut_ms}: {report:?}");
        assert!(near(report.runs[0].to_ms, cut_ms), "{cut_ms}: {report:?}");
    }
}

#[test]
fn a_pause_that_resumes_where_it_stopped_skips_and_repeats_nothing() {
    let ear = [ladder(0, 740), silence(180), ladder(740, 1_500)].concat();
    let report = report(&over_the_line(&ear));
    assert_eq!(
        (report.skipped_ms, report.repeated_ms),
        (0, 0),
        "{report:?}"
    );
    assert!(near(report.silence_ms, 180));
    assert!(near(report.runs[1].to_ms, 1_500));
}

#[test]
fn repetition_and_skip_are_measured_with_and_without_a_pause() {
    for pause_ms in [0, 150] {
        let again = [ladder(0, 950), silence(pause_ms), ladder(600, 1_500)].concat();
        let again = report(&over_the_line(&again));
        assert!(near(again.repeated_ms, 350), "{pause_ms}: {again:?}");
        assert_eq!(again.skipped_ms, 0);
        let jump = [ladder(0, 730), silence(pause_ms), ladder(1_160, 2_000)].concat();
        let jump = report(&over_the_line(&jump));
        assert!(near(jump.skipped_ms, 430), "{pause_ms}: {jump:?}");
        assert_eq!(jump.repeated_ms, 0);
    }
}

#[test]
fn a_repetition_within_one_step_is_seen() {
    let ear = [ladder(0, 570), ladder(530, 1_200)].concat();
    let report = report(&over_the_line(&ear));
    assert!(near(report.repeated_ms, 40), "{report:?}");
    assert_eq!(report.runs.len(), 1);
}

#[test]
fn the_ladder_goes_on_after_its_last_step() {
    let ear = [ladder(0, 7_050), silence(200), ladder(7_050, 14_000)].concat();
    let report = report(&over_the_line(&ear));
    assert!(
        near(report.runs.last().unwrap().to_ms, 14_000),
        "{report:?}"
    );
    assert_eq!((report.skipped_ms, report.repeated_ms), (0, 0));
    assert_eq!(step_at(6_400), 0);
}

#[test]
fn a_lost_frame_is_a_hole_of_its_length() {
    let mut ear = ladder(0, 1_000);
    ear[4_200..4_360].fill(0);
    let heard = detect_steps(&over_the_line(&ear));
    let hole: Vec<&HeardStep> = heard
        .iter()
        .filter(|stretch| stretch.step.is_none())
        .collect();
    assert_eq!(hole.len(), 1, "{heard:?}");
    assert!(near(hole[0].at_ms, 525) && near(hole[0].length_ms, 20));
}

#[test]
fn a_quiet_ladder_is_read_too() {
    let quiet: Vec<i16> = ladder(0, 1_000).iter().map(|sample| sample / 30).collect();
    let report = report(&over_the_line(&quiet));
    assert!(near(report.runs[0].to_ms, 1_000), "{report:?}");
}

#[test]
fn silence_noise_and_other_tones_are_no_steps() {
    let mut state = 1u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 16) as i16) / 4
    };
    let noise: Vec<i16> = (0..8_000).map(next).collect();
    for ear in [
        silence(1_000),
        noise,
        tone::sine(8_000, 1_000.0, 1_000, 0.5),
    ] {
        let heard = detect_steps(&ear);
        assert!(
            heard.iter().all(|stretch| stretch.step.is_none()),
            "{heard:?}"
        );
    }
    assert_eq!(detect_steps(&[]), []);
    assert!(detect_steps(&[1; 30]).len() <= 1);
}
