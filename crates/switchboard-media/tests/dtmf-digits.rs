//! Digits are heard over the telephone, once each, and nothing else is taken for one.

use switchboard_media::dtmf::{self, DtmfDetector, DtmfPressed};
use switchboard_media::{g711, ladder, tone};

const ALL: &str = "0123456789*#ABCD";

fn heard(pcm: &[i16], chunk: usize) -> Vec<DtmfPressed> {
    let (mut line, mut ear) = (Vec::new(), Vec::new());
    g711::encode_ulaw(pcm, &mut line);
    g711::decode_ulaw(&line, &mut ear);
    let mut detector = DtmfDetector::new();
    let mut pressed = Vec::new();
    for piece in ear.chunks(chunk) {
        pressed.extend(detector.push(piece));
    }
    pressed
}

fn digits(pcm: &[i16]) -> String {
    heard(pcm, 160)
        .iter()
        .map(|pressed| pressed.digit)
        .collect()
}

#[test]
fn every_digit_is_heard_once_however_long_it_is_held() {
    for tone_ms in [40, 65, 100, 700] {
        assert_eq!(digits(&dtmf::dial(ALL, tone_ms, 50)), ALL, "{tone_ms} ms");
    }
}

#[test]
fn the_same_digit_twice_is_two_presses() {
    assert_eq!(digits(&dtmf::dial("00", 60, 45)), "00");
}

#[test]
fn a_press_is_placed_where_its_tone_began() {
    let mut pcm = vec![0; 8 * 333];
    pcm.extend(dtmf::dial("5", 100, 100));
    let pressed = heard(&pcm, 37);
    assert_eq!(pressed.len(), 1);
    assert!(pressed[0].at_ms.abs_diff(333) <= 10, "{pressed:?}");
}

#[test]
fn how_the_sound_was_cut_changes_nothing() {
    let pcm = dtmf::dial("42#", 70, 60);
    assert_eq!(heard(&pcm, 1), heard(&pcm, pcm.len()));
}

#[test]
fn detuned_twisted_and_quiet_digits_are_accepted() {
    for detune in [0.985, 1.0, 1.015] {
        for digit in ALL.chars() {
            let (low, high) = dtmf::pair_hz(digit).unwrap();
            let mut pcm = tone::tone_pair(8_000, (low * detune, high * detune), 80, 0.05);
            pcm.extend([0; 400]);
            assert_eq!(digits(&pcm), digit.to_string(), "detuned by {detune}");
        }
    }
    let low = tone::sine(8_000, 941.0, 80, 0.1);
    let high = tone::sine(8_000, 1_336.0, 80, 0.2);
    let twisted: Vec<i16> = low.iter().zip(&high).map(|(l, h)| l + h).collect();
    assert_eq!(digits(&twisted), "0");
}

#[test]
fn single_tones_clicks_noise_and_the_ladder_are_no_digits() {
    assert_eq!(digits(&tone::sine(8_000, 941.0, 500, 0.5)), "");
    assert_eq!(digits(&tone::sine(8_000, 1_336.0, 500, 0.5)), "");
    assert_eq!(digits(&dtmf::dial("0", 15, 100)), "");
    assert_eq!(digits(&vec![0; 8_000]), "");
    let mut state = 1u32;
    let next = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 16) as i16) / 3
    };
    let noise: Vec<i16> = (0..80_000).map(next).collect();
    assert_eq!(digits(&noise), "");
    assert_eq!(digits(&ladder::ToneLadder::new(8_000).render(0, 6_400)), "");
}

#[test]
fn other_letters_have_no_tone() {
    assert_eq!(dtmf::pair_hz('x'), None);
    assert_eq!(dtmf::dial("x é", 100, 100), []);
}
