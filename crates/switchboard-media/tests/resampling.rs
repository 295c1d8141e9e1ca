//! Every pair of rates keeps pitch, level, length and timing, however the input is cut.

use std::f64::consts::TAU;

use switchboard_media::resample::{RATES_HZ, ResampleError, Resampler, resample_clip};
use switchboard_media::{g711, level, tone};

/// Signal to everything else in dB: `output` against the best fitting sine of `frequency_hz`.
fn signal_to_noise_db(output: &[i16], rate_hz: u32, frequency_hz: f64) -> f64 {
    let (mut sine, mut cosine, mut energy) = (0.0, 0.0, 0.0);
    for (n, &sample) in output.iter().enumerate() {
        let phase = TAU * frequency_hz * n as f64 / f64::from(rate_hz);
        sine += f64::from(sample) * phase.sin();
        cosine += f64::from(sample) * phase.cos();
        energy += f64::from(sample).powi(2);
    }
    let fitted = (sine * sine + cosine * cosine) * 2.0 / output.len() as f64;
    10.0 * (fitted / (energy - fitted).max(1e-9)).log10()
}

fn pairs() -> impl Iterator<Item = (u32, u32)> {
    RATES_HZ
        .into_iter()
        .flat_map(|from| RATES_HZ.map(|to| (from, to)))
}

#[test]
fn a_tone_keeps_its_pitch_and_purity_at_every_pair() {
    for (from_hz, to_hz) in pairs() {
        for frequency_hz in [300.0, 1_000.0, 3_000.0] {
            let input = tone::sine(from_hz, frequency_hz, 500, 0.5);
            let output = resample_clip(&input, from_hz, to_hz).unwrap();
            let middle = &output[output.len() / 5..output.len() * 4 / 5];
            let db = signal_to_noise_db(middle, to_hz, frequency_hz);
            assert!(db > 60.0, "{from_hz} to {to_hz} at {frequency_hz}: {db} dB");
            let loss = level::level_dbfs_pcm(middle) - level::level_dbfs_pcm(&input);
            assert!(loss.abs() < 0.2, "{from_hz} to {to_hz}: {loss} dB");
        }
    }
}

#[test]
fn tones_above_the_narrower_band_do_not_fold_back() {
    for frequency_hz in [4_300.0, 5_000.0, 7_000.0, 11_000.0] {
        let input = tone::sine(24_000, frequency_hz, 500, 0.5);
        let output = resample_clip(&input, 24_000, 8_000).unwrap();
        let middle = &output[800..3_200];
        let level = level::level_dbfs_pcm(middle);
        assert!(level < -70.0, "{frequency_hz}: {level} dBFS");
    }
}

#[test]
fn a_clip_keeps_its_length_and_its_timing() {
    for (from_hz, to_hz) in pairs() {
        let mut input = vec![0; from_hz as usize / 4];
        input.extend(tone::sine(from_hz, 1_000.0, 50, 0.5));
        input.resize(from_hz as usize / 2 + 7, 0);
        let output = resample_clip(&input, from_hz, to_hz).unwrap();
        let expected = (input.len() * to_hz as usize).div_ceil(from_hz as usize);
        assert_eq!(output.len(), expected, "{from_hz} to {to_hz}");
        let loud = output
            .iter()
            .position(|sample| sample.abs() > 4_000)
            .unwrap();
        let begins_ms = loud as f64 * 1_000.0 / f64::from(to_hz);
        assert!((begins_ms - 250.0).abs() < 0.5, "{begins_ms} ms");
    }
}

#[test]
fn the_output_does_not_depend_on_how_the_input_was_cut() {
    for (from_hz, to_hz) in [(8_000, 24_000), (24_000, 8_000), (22_050, 16_000)] {
        let input = tone::sine(from_hz, 700.0, 300, 0.9);
        let whole = in_chunks(&input, from_hz, to_hz, input.len());
        for chunk in [1, 7, 159, 160, 161, 1_000] {
            let cut = in_chunks(&input, from_hz, to_hz, chunk);
            assert_eq!(cut, whole, "{from_hz} to {to_hz} by {chunk}");
        }
    }
}

fn in_chunks(input: &[i16], from_hz: u32, to_hz: u32, chunk: usize) -> Vec<i16> {
    let mut resampler = Resampler::new(from_hz, to_hz).unwrap();
    let mut output = Vec::new();
    for chunk in input.chunks(chunk) {
        resampler.process(chunk, &mut output);
    }
    resampler.flush(&mut output);
    output
}

#[test]
fn a_carrier_frame_in_is_a_frame_out_ten_milliseconds_late() {
    for (from_hz, to_hz) in [(8_000, 24_000), (24_000, 8_000), (8_000, 16_000)] {
        let mut resampler = Resampler::new(from_hz, to_hz).unwrap();
        let mut output = Vec::new();
        resampler.process(&vec![0; from_hz as usize / 50], &mut output);
        assert_eq!(output.len(), to_hz as usize / 50);
        assert_eq!(resampler.delay_samples(), to_hz as usize / 100);
    }
}

#[test]
fn a_flushed_stream_begins_anew() {
    let mut resampler = Resampler::new(8_000, 24_000).unwrap();
    let clip = tone::sine(8_000, 500.0, 90, 0.5);
    let (mut first, mut second) = (Vec::new(), Vec::new());
    resampler.process(&clip, &mut first);
    resampler.flush(&mut first);
    resampler.process(&clip, &mut second);
    resampler.flush(&mut second);
    assert_eq!(first, second);
    assert_eq!(first.len(), clip.len() * 3 + resampler.delay_samples());
    let mut nothing = Vec::new();
    Resampler::new(8_000, 24_000).unwrap().flush(&mut nothing);
    assert!(nothing.iter().all(|&sample| sample == 0));
}

#[test]
fn full_scale_clips_instead_of_wrapping_round() {
    let square: Vec<i16> = (0..8_000)
        .map(|n| if n / 8 % 2 == 0 { i16::MAX } else { i16::MIN })
        .collect();
    let output = resample_clip(&square, 8_000, 24_000).unwrap();
    let jump = |pair: &[i16]| (i32::from(pair[0]) - i32::from(pair[1])).abs();
    let largest = output.windows(2).map(jump).max().unwrap();
    assert!(
        largest < 40_000,
        "a wrapped sample jumps by 65535: {largest}"
    );
}

#[test]
fn equal_rates_copy_and_unknown_rates_are_refused() {
    let clip = tone::sine(8_000, 500.0, 33, 0.5);
    assert_eq!(resample_clip(&clip, 8_000, 8_000).unwrap(), clip);
    let refused = Resampler::new(8_000, 12_345).unwrap_err();
    assert_eq!(refused, ResampleError::UnsupportedRate { rate_hz: 12_345 });
}

#[test]
fn mu_law_speech_band_survives_the_way_to_the_model_and_back() {
    let input = tone::sine(8_000, 1_000.0, 400, 0.5);
    let up = resample_clip(&input, 8_000, 24_000).unwrap();
    let line = line_of(&resample_clip(&up, 24_000, 8_000).unwrap());
    let mut back = Vec::new();
    g711::decode_ulaw(&line, &mut back);
    let db = signal_to_noise_db(&back[400..2_800], 8_000, 1_000.0);
    let mut direct = Vec::new();
    g711::decode_ulaw(&line_of(&input), &mut direct);
    let line_alone = signal_to_noise_db(&direct[400..2_800], 8_000, 1_000.0);
    assert!(
        db > 30.0 && db > line_alone - 3.0,
        "{db} against {line_alone}"
    );
}

fn line_of(pcm: &[i16]) -> Vec<u8> {
    let mut line = Vec::new();
    g711::encode_ulaw(pcm, &mut line);
    line
}
