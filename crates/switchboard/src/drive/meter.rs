//! How much audio a peer may send: models bill its seconds, so nobody sends faster than time passes (S5).

use switchboard_call::{Moment, Span};

/// Audio accepted beyond real time: jitter and clock drift, not a fast-forward.
const RATE_PERCENT: u64 = 150;
/// A reconnect or a stalled line catches up with this much at once.
const BURST: Span = Span::from_secs(10);

/// Counts accepted audio against time.
#[derive(Debug, Default)]
pub(super) struct AudioMeter {
    accepted: Span,
}

impl AudioMeter {
    pub(super) fn admits(&mut self, now: Moment, length: Span) -> bool {
        let allowed = Span::from_micros(now.micros() / 100 * RATE_PERCENT) + BURST;
        let would_be = self.accepted + length;
        let admits = would_be <= allowed;
        if admits {
            self.accepted = would_be;
        }
        admits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s5_real_time_always_passes_and_a_flood_does_not() {
        let mut meter = AudioMeter::default();
        for frame in 0..5_000_u64 {
            assert!(meter.admits(Moment::from_millis(frame * 20), Span::from_millis(20)));
        }
        let mut flood = AudioMeter::default();
        let frames = (0..100_000)
            .filter(|_| flood.admits(Moment::from_millis(1_000), Span::from_millis(120)))
            .count();
        assert!(
            frames * 120 <= 11_500,
            "{frames} frames of 120 ms in the first second"
        );
    }
}
