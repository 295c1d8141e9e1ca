//! DTMF digits as sound, both ways, at 8 kHz.
//!
//! Telephone carriers report key presses beside the audio; this is for lines that do not, and for tests. Limits follow
//! ITU-T Q.24: 40 ms of tone is enough, 1.5 % off in frequency is accepted, speech is not a digit.

use crate::tone::{self, Goertzel};

/// The only rate of this module, in Hz.
pub const RATE_HZ: u32 = 8_000;

const LOW_HZ: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH_HZ: [f64; 4] = [1_209.0, 1_336.0, 1_477.0, 1_633.0];
/// Rows are the low tones, columns the high ones.
const KEYPAD: [[char; 4]; 4] = [
    ['1', '2', '3', 'A'],
    ['4', '5', '6', 'B'],
    ['7', '8', '9', 'C'],
    ['*', '0', '#', 'D'],
];

/// Amplitude of generated digits, a share of full scale.
const AMPLITUDE: f64 = 0.5;

/// Low and high frequency of a digit in Hz; none for anything but `0-9 * # A-D`.
pub fn pair_hz(digit: char) -> Option<(f64, f64)> {
    let (row, column) = KEYPAD.iter().enumerate().find_map(|(row, keys)| {
        let column = keys.iter().position(|&key| key == digit)?;
        Some((row, column))
    })?;
    Some((LOW_HZ[row], HIGH_HZ[column]))
}

/// The sound of dialling `digits`: `tone_ms` of each, with `pause_ms` of silence after it. Other letters are left out.
pub fn dial(digits: &str, tone_ms: u64, pause_ms: u64) -> Vec<i16> {
    let pause = vec![0; (pause_ms * u64::from(RATE_HZ) / 1_000) as usize];
    let mut pcm = Vec::new();
    for pair in digits.chars().filter_map(pair_hz) {
        pcm.extend(tone::tone_pair(RATE_HZ, pair, tone_ms, AMPLITUDE));
        pcm.extend(&pause);
    }
    pcm
}

/// A key that was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DtmfPressed {
    /// One of `0-9 * # A-D`.
    pub digit: char,
    /// Where its tone began, in ms of pushed audio, ±10 ms.
    pub at_ms: u64,
}

/// Window of one look in samples: 20 ms, narrow enough in frequency to part 697 from 770 Hz.
const WINDOW_SAMPLES: usize = 160;
/// Step between looks in samples: 10 ms, so that 40 ms of tone fill two windows wherever they begin.
const HOP_SAMPLES: usize = 80;
/// Looks in a row that make a press, and looks without the digit that end it.
const LOOKS_MIN: u32 = 2;
/// Quieter windows are not looked at: mean square of -42 dBFS.
const ENERGY_MIN: f32 = 6.8e4;
/// A tone must exceed the others of its group by 6 dB.
const OVER_OTHERS_MIN: f32 = 4.0;
/// The tones of a pair may differ by 8 dB (twist).
const TWIST_MAX: f32 = 6.3;
/// Share of the pair in all sound; 0.56 remains of a clean digit that is 1.5 % off.
const PURITY_MIN: f32 = 0.5;

/// Finds digits in a mono stream of 8 kHz.
#[derive(Debug)]
pub struct DtmfDetector {
    low: [Goertzel; 4],
    high: [Goertzel; 4],
    waiting: Vec<i16>,
    looks: u64,
    held: Option<char>,
    candidate: Option<char>,
    candidate_looks: u32,
    missing_looks: u32,
    found: Vec<DtmfPressed>,
}

impl Default for DtmfDetector {
    fn default() -> Self {
        Self::new()
    }
}

impl DtmfDetector {
    /// Begins at 0 ms with no key held.
    pub fn new() -> Self {
        Self {
            low: LOW_HZ.map(|frequency_hz| Goertzel::new(RATE_HZ, frequency_hz)),
            high: HIGH_HZ.map(|frequency_hz| Goertzel::new(RATE_HZ, frequency_hz)),
            waiting: Vec::new(),
            looks: 0,
            held: None,
            candidate: None,
            candidate_looks: 0,
            missing_looks: 0,
            found: Vec::new(),
        }
    }

    /// Takes a chunk of any length and hands out the presses it completes; a key held down is one press.
    pub fn push(&mut self, pcm: &[i16]) -> impl Iterator<Item = DtmfPressed> + '_ {
        self.waiting.extend_from_slice(pcm);
        let mut from = 0;
        while let Some(window) = self.waiting.get(from..from + WINDOW_SAMPLES) {
            let digit = digit_in(window, &self.low, &self.high);
            self.look(digit);
            from += HOP_SAMPLES;
        }
        self.waiting.drain(..from);
        self.found.drain(..)
    }

    fn look(&mut self, digit: Option<char>) {
        self.looks += 1;
        if digit == self.candidate {
            self.candidate_looks += 1;
        } else {
            (self.candidate, self.candidate_looks) = (digit, 1);
        }
        self.release_if_missing(digit);
        if self.candidate_looks == LOOKS_MIN && self.held.is_none() {
            self.held = digit;
            let first_look = self.looks - u64::from(LOOKS_MIN);
            let at_ms = first_look * HOP_SAMPLES as u64 * 1_000 / u64::from(RATE_HZ);
            let pressed = |digit| DtmfPressed { digit, at_ms };
            self.found.extend(digit.map(pressed));
        }
    }

    fn release_if_missing(&mut self, digit: Option<char>) {
        if digit == self.held {
            self.missing_looks = 0;
            return;
        }
        self.missing_looks += 1;
        if self.missing_looks >= LOOKS_MIN {
            self.held = None;
        }
    }
}

fn digit_in(window: &[i16], low: &[Goertzel; 4], high: &[Goertzel; 4]) -> Option<char> {
    let energy = tone::energy(window);
    if energy < ENERGY_MIN {
        return None;
    }
    let (row, low_power) = clear_winner(low.map(|filter| filter.power(window)))?;
    let (column, high_power) = clear_winner(high.map(|filter| filter.power(window)))?;
    let twisted = low_power > high_power * TWIST_MAX || high_power > low_power * TWIST_MAX;
    let pure = low_power + high_power >= energy * PURITY_MIN;
    (pure && !twisted).then(|| KEYPAD[row][column])
}

fn clear_winner(powers: [f32; 4]) -> Option<(usize, f32)> {
    let (winner, &power) = powers
        .iter()
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(b.1))?;
    let others = powers
        .iter()
        .enumerate()
        .filter(|(index, _)| *index != winner);
    let clear = others
        .into_iter()
        .all(|(_, other)| power >= other * OVER_OTHERS_MIN);
    clear.then_some((winner, power))
}
