//! The tone ladder: sound that tells a listener which part of it he hears.
//!
//! A scripted agent speaks the ladder instead of words, one pair of tones for every 100 ms. Whoever records the
//! carrier's ear reads back what was heard, skipped, repeated or silent, to a few milliseconds, and compares it with
//! what the call believes. The tones survive mu-law, A-law and any resampling between 8 and 48 kHz.
//!
//! ```
//! use switchboard_media::ladder::{LadderReport, ToneLadder, detect_steps};
//!
//! let ladder = ToneLadder::new(8_000);
//! let mut ear = ladder.render(0, 730);
//! ear.extend([0; 1_600]);
//! ear.extend(ladder.render(900, 1_200));
//!
//! let report = LadderReport::of(&detect_steps(&ear));
//! assert!(report.runs[0].to_ms.abs_diff(730) <= 5);
//! assert!(report.skipped_ms.abs_diff(170) <= 5);
//! assert_eq!(report.repeated_ms, 0);
//! ```

use crate::tone::{self, Goertzel};

/// Duration of one step, in ms.
pub const STEP_MS: u64 = 100;
/// Distinct steps; after them (6.4 s) the ladder begins again.
pub const STEPS: u8 = 64;
/// The rate the ear must have, in Hz.
pub const EAR_RATE_HZ: u32 = 8_000;

/// Tones of each group.
const GROUP: usize = 8;
/// Multiples of 80 Hz: every tone fills the window below a whole number of times, so none leaks into another, and
/// every step begins at phase 0, so none begins with a click. All lie within the telephone band.
const LOW_HZ: [f64; GROUP] = [320.0, 480.0, 640.0, 800.0, 960.0, 1_120.0, 1_280.0, 1_440.0];
const HIGH_HZ: [f64; GROUP] = [
    1_600.0, 1_840.0, 2_080.0, 2_320.0, 2_560.0, 2_800.0, 3_040.0, 3_280.0,
];
/// Amplitude of the pair, a share of full scale: as loud as strong speech, far from clipping.
const AMPLITUDE: f64 = 0.5;

/// Renders the ladder at one rate.
#[derive(Debug, Clone, Copy)]
pub struct ToneLadder {
    rate_hz: u32,
}

impl ToneLadder {
    /// `rate_hz` is the rate of the rendered samples, 8000 or more.
    pub fn new(rate_hz: u32) -> Self {
        Self { rate_hz }
    }

    /// The ladder from one position to another, in ms. Neighbouring pieces join without a seam.
    pub fn render(&self, from_ms: u64, to_ms: u64) -> Vec<i16> {
        let sample_of = |ms: u64| ms * u64::from(self.rate_hz) / 1_000;
        (sample_of(from_ms)..sample_of(to_ms))
            .map(|n| {
                let ms = n * 1_000 / u64::from(self.rate_hz);
                tone::pair_sample(self.rate_hz, pair_hz(step_at(ms)), n, AMPLITUDE)
            })
            .collect()
    }
}

/// The step that sounds at a position of the ladder.
pub fn step_at(ladder_ms: u64) -> u8 {
    (ladder_ms / STEP_MS % u64::from(STEPS)) as u8
}

/// Both tones change from any step to the next, which makes the border sharp.
fn pair_hz(step: u8) -> (f64, f64) {
    let (low, turn) = (usize::from(step) % GROUP, usize::from(step) / GROUP);
    (LOW_HZ[low], HIGH_HZ[(low + turn) % GROUP])
}

fn step_of(low: usize, high: usize) -> u8 {
    let turn = (high + GROUP - low) % GROUP;
    (turn * GROUP + low) as u8
}

/// A stretch of what the ear heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeardStep {
    /// Where it begins at the ear, in ms.
    pub at_ms: u64,
    /// How long it lasts, in ms.
    pub length_ms: u64,
    /// Which step it is, 0..64; none for silence and any other sound.
    pub step: Option<u8>,
}

/// Window of one look in samples: 25 ms.
const WINDOW_SAMPLES: usize = 200;
/// Step between looks in ms; borders are found to about this.
const HOP_MS: u64 = 2;
const HOP_SAMPLES: usize = (EAR_RATE_HZ as usize / 1_000) * HOP_MS as usize;
/// Shorter stretches are the blur of a border and are shared between both sides.
const STRETCH_MS_MIN: u64 = 12;
/// Share of the pair in all sound of a window; at a border between two steps a quarter remains, of noise a twentieth.
const PURITY_MIN: f32 = 0.2;
/// The share some window of a stretch must reach: a step of 12 ms fills half a window, a vowel stays below.
const PURITY_ONCE_MIN: f32 = 0.45;
/// A window half filled has a quarter of the power, so this puts the border to silence where it is.
const POWER_MIN: f32 = 0.25;

/// Reads the ladder from 8 kHz samples. The stretches cover the whole recording without gaps.
///
/// Holes shorter than 12 ms are not seen. Borders are true to ±3 ms. Speech beside the ladder is told from it: in 30 s of
/// synthesised speech one stretch of 16 ms was mistaken for a step.
pub fn detect_steps(ear: &[i16]) -> Vec<HeardStep> {
    let looks = look_everywhere(ear);
    let loudest = looks.iter().filter(|look| look.purity > 0.8);
    let reference = loudest.map(|look| look.power).fold(0.0, f32::max);
    let heard = |look: &Look| {
        let likely = look.purity >= PURITY_MIN && look.power >= reference * POWER_MIN;
        (likely && reference > 0.0).then_some(look.step)
    };
    let stretch = |looks: &[Look]| {
        let certain = looks.iter().any(|look| look.purity >= PURITY_ONCE_MIN);
        HeardStep {
            at_ms: 0,
            length_ms: looks.len() as u64 * HOP_MS,
            step: heard(&looks[0]).filter(|_| certain),
        }
    };
    let alike = |a: &Look, b: &Look| heard(a) == heard(b);
    let mut stretches = joined(looks.chunk_by(alike).map(stretch));
    share_blurs(&mut stretches);
    joined(stretches)
}

struct Look {
    step: u8,
    power: f32,
    purity: f32,
}

fn look_everywhere(ear: &[i16]) -> Vec<Look> {
    let low = LOW_HZ.map(|frequency_hz| Goertzel::new(EAR_RATE_HZ, frequency_hz));
    let high = HIGH_HZ.map(|frequency_hz| Goertzel::new(EAR_RATE_HZ, frequency_hz));
    // Silence on both sides lets the first and last windows be centred on the borders of the recording, and the
    // half hop centres every window on the middle of the 2 ms it stands for.
    let mut padded = vec![0; WINDOW_SAMPLES / 2 - HOP_SAMPLES / 2];
    padded.extend_from_slice(ear);
    padded.resize(padded.len() + WINDOW_SAMPLES / 2, 0);
    let windows = padded.windows(WINDOW_SAMPLES).step_by(HOP_SAMPLES);
    let look = |window: &[i16]| {
        let (low, low_power) = strongest(&low, window);
        let (high, high_power) = strongest(&high, window);
        let power = low_power + high_power;
        Look {
            step: step_of(low, high),
            power,
            purity: power / tone::energy(window).max(1.0),
        }
    };
    windows.map(look).take(ear.len() / HOP_SAMPLES).collect()
}

fn strongest(group: &[Goertzel; GROUP], window: &[i16]) -> (usize, f32) {
    let powers = group.map(|filter| filter.power(window));
    let (mut index, mut power) = (0, 0.0);
    for (candidate, candidate_power) in powers.into_iter().enumerate() {
        if candidate_power > power {
            (index, power) = (candidate, candidate_power);
        }
    }
    (index, power)
}

/// Joins equal neighbours and writes where each begins.
fn joined(stretches: impl IntoIterator<Item = HeardStep>) -> Vec<HeardStep> {
    let mut joined: Vec<HeardStep> = Vec::new();
    let mut at_ms = 0;
    for stretch in stretches {
        let length_ms = stretch.length_ms;
        match joined.last_mut() {
            Some(last) if last.step == stretch.step => last.length_ms += length_ms,
            _ => joined.push(HeardStep { at_ms, ..stretch }),
        }
        at_ms += length_ms;
    }
    joined
}

/// Gives every stretch too short to be true to its two neighbours, half each; neighbouring blurs count as one.
fn share_blurs(stretches: &mut Vec<HeardStep>) {
    let mut kept: Vec<HeardStep> = Vec::new();
    let mut blur_ms = 0;
    for mut stretch in stretches.drain(..) {
        if stretch.length_ms < STRETCH_MS_MIN {
            blur_ms += stretch.length_ms;
            continue;
        }
        match kept.last_mut() {
            Some(last) => {
                last.length_ms += blur_ms / 2;
                stretch.length_ms += blur_ms - blur_ms / 2;
            }
            None => stretch.length_ms += blur_ms,
        }
        blur_ms = 0;
        kept.push(stretch);
    }
    match kept.last_mut() {
        Some(last) => last.length_ms += blur_ms,
        None if blur_ms > 0 => kept.push(HeardStep {
            at_ms: 0,
            length_ms: blur_ms,
            step: None,
        }),
        None => {}
    }
    *stretches = kept;
}

/// A piece of the ladder heard in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LadderRun {
    /// Where it begins at the ear, in ms.
    pub at_ms: u64,
    /// How long it lasts at the ear, in ms.
    pub length_ms: u64,
    /// Position of its first sound on the ladder, in ms.
    pub from_ms: u64,
    /// Position on the ladder where it ends, in ms: what was heard of the reply.
    pub to_ms: u64,
}

/// What became of the ladder on its way to the ear.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LadderReport {
    /// In the order they were heard.
    pub runs: Vec<LadderRun>,
    /// Ladder time that was jumped over, in ms, between and within runs. What precedes the first run is not counted.
    pub skipped_ms: u64,
    /// Ladder time heard more than once, in ms.
    pub repeated_ms: u64,
    /// Silence or other sound between the first and the last run, in ms.
    pub silence_ms: u64,
}

/// Differences up to this many ms are measuring error, not a skip or a repetition.
const TOLERANCE_MS: u64 = 6;

impl LadderReport {
    /// Counts steps on beyond 64 by taking the nearest turn of the ladder, so no jump may exceed 3.2 s.
    ///
    /// A run inside a single step does not tell where in the step it lies: it is taken to go on where the run before
    /// stopped, or else to begin with its step.
    pub fn of(heard: &[HeardStep]) -> Self {
        let mut report = Self::default();
        for run in split_runs(heard) {
            report.add(run);
        }
        report
    }

    fn add(&mut self, steps: &[HeardStep]) {
        let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
            return;
        };
        let before = self.runs.last().copied();
        let step = unwrapped(first, before);
        let (first_ms, last_ms) = (first.length_ms.min(STEP_MS), last.length_ms.min(STEP_MS));
        let goes_on = before.filter(|run| run.to_ms / STEP_MS == step);
        let (from_ms, to_ms) = match (steps.len() as u64, goes_on) {
            (1, Some(before)) => (before.to_ms, before.to_ms + first_ms),
            (1, None) => (step * STEP_MS, step * STEP_MS + first_ms),
            (count, _) => (
                (step + 1) * STEP_MS - first_ms,
                (step + count - 1) * STEP_MS + last_ms,
            ),
        };
        let at_ms = first.at_ms;
        if let Some(before) = before {
            self.silence_ms += at_ms.saturating_sub(before.at_ms + before.length_ms);
            self.count(from_ms, before.to_ms);
        }
        for (index, stretch) in steps.iter().enumerate() {
            let is_inner = index > 0 && index + 1 < steps.len();
            if is_inner || stretch.length_ms > STEP_MS {
                self.count(STEP_MS, stretch.length_ms);
            }
        }
        self.runs.push(LadderRun {
            at_ms,
            length_ms: last.at_ms + last.length_ms - at_ms,
            from_ms,
            to_ms,
        });
    }

    /// Notes a skip when the ladder is at `is_ms` instead of `expected_ms`, and a repetition the other way.
    fn count(&mut self, is_ms: u64, expected_ms: u64) {
        if is_ms > expected_ms + TOLERANCE_MS {
            self.skipped_ms += is_ms - expected_ms;
        } else if expected_ms > is_ms + TOLERANCE_MS {
            self.repeated_ms += expected_ms - is_ms;
        }
    }
}

/// Stretches that follow each other on the ladder without a break.
fn split_runs(heard: &[HeardStep]) -> impl Iterator<Item = &[HeardStep]> {
    let follows = |before: &HeardStep, after: &HeardStep| match (before.step, after.step) {
        (Some(before), Some(after)) => before.wrapping_add(1) % STEPS == after,
        _ => false,
    };
    heard
        .chunk_by(follows)
        .filter(|run| run.iter().all(|stretch| stretch.step.is_some()))
}

/// The step counted on over the turns of the ladder, nearest to where the run before ended.
fn unwrapped(first: &HeardStep, before: Option<LadderRun>) -> u64 {
    let step = u64::from(first.step.unwrap_or(0));
    let near = before.map_or(0, |run| run.to_ms / STEP_MS);
    let turns = u64::from(STEPS);
    let lowest = (near / turns).saturating_sub(1) * turns + step;
    [lowest, lowest + turns, lowest + 2 * turns]
        .into_iter()
        .min_by_key(|candidate| candidate.abs_diff(near))
        .unwrap_or(step)
}
