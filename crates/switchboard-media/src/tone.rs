//! Sines and sums of sines, and the Goertzel filter that finds them again.

use std::f64::consts::TAU;

/// `ms` milliseconds of one sine. `amplitude` is a share of full scale, 0 to 1; the phase begins at 0.
pub fn sine(rate_hz: u32, frequency_hz: f64, ms: u64, amplitude: f64) -> Vec<i16> {
    let count = ms * u64::from(rate_hz) / 1_000;
    let at = |n| wave(rate_hz, frequency_hz, n) * amplitude;
    (0..count).map(|n| to_sample(at(n))).collect()
}

/// `ms` milliseconds of two sines, each with half of `amplitude`, so that the sum never clips.
pub fn tone_pair(rate_hz: u32, pair_hz: (f64, f64), ms: u64, amplitude: f64) -> Vec<i16> {
    let count = ms * u64::from(rate_hz) / 1_000;
    (0..count)
        .map(|n| pair_sample(rate_hz, pair_hz, n, amplitude))
        .collect()
}

/// Sample number `n` of what [`tone_pair`] returns.
pub(crate) fn pair_sample(rate_hz: u32, pair_hz: (f64, f64), n: u64, amplitude: f64) -> i16 {
    let sum = wave(rate_hz, pair_hz.0, n) + wave(rate_hz, pair_hz.1, n);
    to_sample(sum * amplitude / 2.0)
}

fn wave(rate_hz: u32, frequency_hz: f64, n: u64) -> f64 {
    (TAU * frequency_hz * n as f64 / f64::from(rate_hz)).sin()
}

fn to_sample(value: f64) -> i16 {
    // The cast saturates, so an amplitude above 1 clips instead of wrapping round.
    (value * f64::from(i16::MAX)).round() as i16
}

/// Measures one frequency in a window of samples.
#[derive(Debug, Clone, Copy)]
pub struct Goertzel {
    coefficient: f32,
}

impl Goertzel {
    /// For any frequency below half the rate; it need not fit the window a whole number of times.
    pub fn new(rate_hz: u32, frequency_hz: f64) -> Self {
        let step = TAU * frequency_hz / f64::from(rate_hz);
        Self {
            coefficient: (2.0 * step.cos()) as f32,
        }
    }

    /// Mean square of the part of `window` at this frequency, on the scale of [`energy`]; 0 for no samples.
    ///
    /// A pure sine that fits the window gives what `energy` gives, so their quotient is the tone's share of the sound.
    pub fn power(&self, window: &[i16]) -> f32 {
        if window.is_empty() {
            return 0.0;
        }
        let (mut last, mut before) = (0.0f32, 0.0f32);
        for &sample in window {
            let now = f32::from(sample) + self.coefficient * last - before;
            (before, last) = (last, now);
        }
        let magnitude = last * last + before * before - self.coefficient * last * before;
        let count = window.len() as f32;
        (2.0 * magnitude / (count * count)).max(0.0)
    }
}

/// Mean square of `window`.
pub fn energy(window: &[i16]) -> f32 {
    crate::level::mean_square_pcm(window)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goertzel_measures_the_share_of_its_tone() {
        let window = sine(8_000, 800.0, 25, 0.5);
        let on = Goertzel::new(8_000, 800.0).power(&window) / energy(&window);
        let off = Goertzel::new(8_000, 1_200.0).power(&window) / energy(&window);
        assert!((on - 1.0).abs() < 0.01, "{on}");
        assert!(off < 0.001, "{off}");
    }

    #[test]
    fn a_pair_holds_half_its_energy_in_each_tone_and_never_clips() {
        let window = tone_pair(8_000, (480.0, 2_080.0), 25, 1.0);
        for frequency_hz in [480.0, 2_080.0] {
            let share = Goertzel::new(8_000, frequency_hz).power(&window) / energy(&window);
            assert!((share - 0.5).abs() < 0.01, "{share}");
        }
        assert!(window.iter().all(|&sample| sample > i16::MIN));
    }

    #[test]
    fn no_samples_have_no_power() {
        assert_eq!(Goertzel::new(8_000, 800.0).power(&[]), 0.0);
        assert_eq!(energy(&[]), 0.0);
    }
}
