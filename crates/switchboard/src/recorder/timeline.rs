//! Lays pieces of two sides out on one line of time. Sides need not come in step: what is older than the watermark is
//! given out, and what comes later than that is too late.

use std::collections::VecDeque;

/// Frames of one side that come this close behind each other belong together: less is jitter, more is a gap.
const JITTER_MS: i64 = 60;
/// Frames that come late in a burst fill the gap before them; only a gap that lasts while this much sound came is one.
const BURST_MS: i64 = 300;
/// A gap as long as this needs no such proof.
const GAP_MS: i64 = 3_000;

/// Both sides.
pub(super) struct Timeline {
    rate_hz: i64,
    /// The first sample that was not given out.
    base: i64,
    sides: [Line; 2],
    /// Stretches in which both sides are silence; the last one may be open.
    blind: Vec<(i64, Option<i64>)>,
}

#[derive(Default)]
struct Line {
    /// Samples from `base` on.
    samples: VecDeque<i16>,
    /// Where the next piece continues.
    end: i64,
    /// Sound that came since this side fell behind its time.
    behind: i64,
}

impl Timeline {
    pub(super) fn new(rate_hz: u32) -> Self {
        Self {
            rate_hz: i64::from(rate_hz),
            base: 0,
            sides: [Line::default(), Line::default()],
            blind: Vec::new(),
        }
    }

    /// The sample at a position in microseconds.
    fn sample(&self, at_us: i64) -> i64 {
        (i128::from(at_us) * i128::from(self.rate_hz) / 1_000_000) as i64
    }

    fn of_ms(&self, ms: i64) -> i64 {
        ms * self.rate_hz / 1_000
    }

    /// A piece that follows the one before it, unless it came after a real gap.
    pub(super) fn push_live(&mut self, side: usize, at_us: i64, samples: &[i16]) {
        let at = self.sample(at_us);
        let (jitter, burst, gap) = (
            self.of_ms(JITTER_MS),
            self.of_ms(BURST_MS),
            self.of_ms(GAP_MS),
        );
        let line = &mut self.sides[side];
        let late = at - line.end;
        if late <= jitter {
            line.behind = 0;
        } else {
            line.behind += samples.len() as i64;
        }
        let is_gap = late > gap || line.behind > burst;
        if is_gap {
            line.behind = 0;
        }
        let at = if is_gap { at } else { line.end };
        self.lay(side, at, samples);
    }

    /// A piece whose place is known.
    pub(super) fn push_at(&mut self, side: usize, at_us: i64, samples: &[i16]) {
        let at = self.sample(at_us);
        let end = self.sides[side].end;
        let is_next = (at - end).abs() <= self.of_ms(JITTER_MS);
        self.lay(side, if is_next { end } else { at }, samples);
    }

    fn lay(&mut self, side: usize, at: i64, samples: &[i16]) {
        let base = self.base;
        let line = &mut self.sides[side];
        // What was given out, or was laid before, stays as it is.
        let free = line.end.max(base);
        let skip = usize::try_from(free - at).unwrap_or(0).min(samples.len());
        let (at, samples) = (at + skip as i64, &samples[skip..]);
        if samples.is_empty() {
            return;
        }
        let from = usize::try_from(at - base).unwrap_or(0);
        line.samples.resize(from.max(line.samples.len()), 0);
        line.samples.extend(samples);
        line.end = at + samples.len() as i64;
    }

    pub(super) fn go_blind(&mut self, at_us: i64) {
        self.blind.push((self.sample(at_us), None));
    }

    pub(super) fn see(&mut self, at_us: i64) {
        let at = self.sample(at_us);
        if let Some((_, until @ None)) = self.blind.last_mut() {
            *until = Some(at);
        }
    }

    /// Everything before this moment, left and right, of one length. It never comes again.
    pub(super) fn take_until(&mut self, at_us: i64) -> (Vec<i16>, Vec<i16>) {
        let until = self.sample(at_us);
        let count = usize::try_from(until - self.base).unwrap_or(0);
        let [left, right] = [0, 1].map(|side| {
            let line = &mut self.sides[side].samples;
            let known = count.min(line.len());
            let mut samples: Vec<i16> = line.drain(..known).collect();
            samples.resize(count, 0);
            samples
        });
        let mut taken = (left, right);
        self.blacken(&mut taken, count);
        self.base += count as i64;
        taken
    }

    fn blacken(&mut self, (left, right): &mut (Vec<i16>, Vec<i16>), count: usize) {
        let end = self.base + count as i64;
        for (from, until) in &self.blind {
            let within = |at: i64| usize::try_from(at - self.base).unwrap_or(0).min(count);
            let stretch = within(*from)..within(until.unwrap_or(end)).max(within(*from));
            left[stretch.clone()].fill(0);
            right[stretch].fill(0);
        }
        self.blind
            .retain(|(_, until)| until.is_none_or(|it| it > end));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEFT: usize = 0;
    const RIGHT: usize = 1;

    fn ms(ms: i64) -> i64 {
        ms * 1_000
    }

    fn frame(value: i16) -> [i16; 160] {
        [value; 160]
    }

    /// Runs of equal samples, in ms.
    fn runs(samples: &[i16]) -> Vec<(i16, usize)> {
        let chunks = samples.chunk_by(|a, b| a == b);
        chunks.map(|run| (run[0], run.len() / 8)).collect()
    }

    #[test]
    fn jitter_does_not_tear_a_voice_apart() {
        let mut line = Timeline::new(8_000);
        for (number, late_ms) in [0, 15, 3, 40, 0, 22].into_iter().enumerate() {
            line.push_live(LEFT, ms(20 * number as i64 + late_ms), &frame(7));
        }
        assert_eq!(runs(&line.take_until(ms(200)).0), [(7, 120), (0, 80)]);
    }

    #[test]
    fn a_burst_after_a_stall_fills_the_gap_it_came_from() {
        let mut line = Timeline::new(8_000);
        line.push_live(LEFT, 0, &frame(1));
        // One second of frames, all at once.
        for _ in 0..50 {
            line.push_live(LEFT, ms(1_000), &frame(2));
        }
        let (left, _) = line.take_until(ms(2_000));
        let sound: usize = runs(&left)
            .iter()
            .filter(|(value, _)| *value == 2)
            .map(|run| run.1)
            .sum();
        assert_eq!(sound, 1_000, "nothing of it is lost: {:?}", runs(&left));
    }

    #[test]
    fn a_real_gap_is_silence_of_its_length() {
        let mut line = Timeline::new(8_000);
        line.push_live(LEFT, 0, &frame(1));
        line.push_live(LEFT, ms(5_000), &frame(2));
        let (left, right) = line.take_until(ms(6_000));
        assert_eq!(runs(&left), [(1, 20), (0, 4_980), (2, 20), (0, 980)]);
        assert_eq!(runs(&right), [(0, 6_000)]);
    }

    #[test]
    fn a_reply_lies_where_it_was_heard_and_ends_where_it_was_cut() {
        let mut line = Timeline::new(8_000);
        line.push_at(RIGHT, ms(1_000), &frame(3));
        line.push_at(RIGHT, ms(1_025), &frame(3)[..80]);
        line.push_at(RIGHT, ms(3_000), &frame(4));
        let (_, right) = line.take_until(ms(3_500));
        assert_eq!(
            runs(&right),
            [(0, 1_000), (3, 30), (0, 1_970), (4, 20), (0, 480)]
        );
    }

    #[test]
    fn d3_both_sides_are_silence_while_nobody_may_listen_even_if_it_comes_later() {
        let mut line = Timeline::new(8_000);
        for number in 0..50 {
            line.push_live(LEFT, ms(20 * number), &frame(1));
        }
        line.go_blind(ms(200));
        line.push_at(RIGHT, ms(100), &[5; 8 * 400]);
        let (first, _) = line.take_until(ms(300));
        line.see(ms(600));
        let (left, right) = line.take_until(ms(1_000));
        assert_eq!(runs(&first), [(1, 200), (0, 100)]);
        assert_eq!(runs(&left), [(0, 300), (1, 400)]);
        assert_eq!(runs(&right), [(0, 700)], "it ended while nobody listened");
    }

    #[test]
    fn what_comes_before_the_beginning_or_too_late_is_left_out() {
        let mut line = Timeline::new(8_000);
        line.push_at(RIGHT, ms(-100), &[9; 8 * 110]);
        assert_eq!(runs(&line.take_until(ms(20)).1), [(9, 10), (0, 10)]);
        line.push_at(RIGHT, ms(-80), &[9; 8 * 120]);
        assert_eq!(runs(&line.take_until(ms(60)).1), [(9, 20), (0, 20)]);
    }
}
