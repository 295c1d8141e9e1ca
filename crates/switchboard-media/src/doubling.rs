//! Twice the sample rate, for the voice detector on telephone lines.
//!
//! A half-band interpolator: every input sample comes out unchanged, and between two of them stands one made from the twelve on
//! each side. It costs a fiftieth of what building the general resampler costs for the half second of an interruption.
//! Flat within 0.06 dB to 3.4 kHz, mirror images there 50 dB below.

/// Half of the symmetric filter, nearest sample first: `sinc(j + 1/2)` under a Kaiser window (beta 6, 12 samples to each side),
/// scaled so that a constant stays what it is (Kaiser 1974; Crochiere and Rabiner 1983, section 4.1).
const HALF_FILTER: [f32; SIDE] = [
    0.633_811_7,
    -0.203_359_5,
    0.112_966_3,
    -0.071_745_5,
    0.047_530_7,
    -0.031_612_2,
    0.020_635,
    -0.012_982_9,
    0.007_723_4,
    -0.004_231_2,
    0.002_038_7,
    -0.000_774_5,
];
/// Samples on each side of a new one.
const SIDE: usize = 12;

/// Doubles the rate of one mono stream.
#[derive(Debug, Clone)]
pub(crate) struct Doubler {
    /// The last 24 samples, and behind them the chunk at hand.
    window: Vec<f32>,
}

impl Doubler {
    /// Silence before the first sample.
    pub(crate) fn new() -> Self {
        Self {
            window: vec![0.0; 2 * SIDE],
        }
    }

    /// How many samples of the output rate pass before the first input sample is heard.
    pub(crate) const fn delay_samples() -> usize {
        2 * SIDE
    }

    /// Appends two samples for each one of `input`.
    pub(crate) fn process(&mut self, input: &[i16], output: &mut Vec<i16>) {
        self.window
            .extend(input.iter().map(|&sample| f32::from(sample)));
        output.reserve(2 * input.len());
        for around in self.window.windows(2 * SIDE).skip(1) {
            output.push(around[SIDE - 1] as i16);
            output.push(between(around));
        }
        let done = self.window.len() - 2 * SIDE;
        self.window.drain(..done);
    }
}

/// The sample in the middle of these 24. The cast saturates: a filter overshoots full scale instead of wrapping round.
fn between(around: &[f32]) -> i16 {
    let (before, after) = around.split_at(SIDE);
    let pairs = before.iter().rev().zip(after);
    let sum: f32 = pairs
        .zip(HALF_FILTER)
        .map(|((before, after), weight)| (before + after) * weight)
        .sum();
    sum.round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tone;

    fn doubled(input: &[i16]) -> Vec<i16> {
        let mut output = Vec::new();
        Doubler::new().process(input, &mut output);
        output
    }

    /// Part of a tone's amplitude found at this frequency, both in full scale.
    fn amplitude(samples: &[i16], rate_hz: f64, frequency_hz: f64) -> f64 {
        let (mut re, mut im) = (0.0, 0.0);
        for (n, &sample) in samples.iter().enumerate() {
            let angle = std::f64::consts::TAU * frequency_hz * n as f64 / rate_hz;
            re += f64::from(sample) * angle.cos();
            im += f64::from(sample) * angle.sin();
        }
        2.0 * re.hypot(im) / samples.len() as f64
    }

    #[test]
    fn every_sample_comes_out_again_after_the_delay() {
        let input: Vec<i16> = (0..200).map(|n| (n * 37 % 1_000) as i16).collect();
        let output = doubled(&input);
        assert_eq!(output.len(), 400);
        let again: Vec<i16> = output
            .iter()
            .skip(Doubler::delay_samples())
            .step_by(2)
            .copied()
            .collect();
        assert_eq!(again, input[..again.len()]);
    }

    #[test]
    fn tones_of_the_telephone_band_keep_their_strength_and_have_no_mirror_image() {
        for frequency_hz in [300.0, 1_000.0, 2_000.0, 3_000.0] {
            let tone: Vec<i16> = (0..8_000)
                .map(|n| {
                    let angle = std::f64::consts::TAU * frequency_hz * f64::from(n) / 8_000.0;
                    (10_000.0 * angle.sin()).round() as i16
                })
                .collect();
            let output = doubled(&tone);
            let steady = &output[800..15_200];
            let kept = amplitude(steady, 16_000.0, frequency_hz);
            let mirrored = amplitude(steady, 16_000.0, 8_000.0 - frequency_hz);
            assert!((kept - 10_000.0).abs() < 70.0, "{frequency_hz}: {kept}");
            assert!(mirrored < 20.0, "{frequency_hz}: mirror {mirrored}");
        }
    }

    #[test]
    fn the_cut_of_the_input_makes_no_difference() {
        let input = tone::sine(8_000, 440.0, 100, 0.5);
        let mut doubler = Doubler::new();
        let mut pieces = Vec::new();
        for piece in input.chunks(7) {
            doubler.process(piece, &mut pieces);
        }
        assert_eq!(pieces, doubled(&input));
    }

    #[test]
    fn full_scale_saturates_instead_of_wrapping() {
        let square: Vec<i16> = (0..160)
            .map(|n| if n / 8 % 2 == 0 { i16::MAX } else { i16::MIN })
            .collect();
        let output = doubled(&square);
        let flips = output
            .windows(2)
            .filter(|pair| (i32::from(pair[0]) - i32::from(pair[1])).abs() > 50_000)
            .count();
        assert!(flips <= 20, "{flips} jumps over the whole range");
    }
}
