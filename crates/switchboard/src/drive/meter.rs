//! How much audio a peer may send: models bill its seconds, so nobody sends faster than time passes (S5).

use switchboard_call::{Moment, Span};

/// How fast a peer may send audio.
#[derive(Debug, Clone, Copy)]
pub struct AudioPace {
    /// Percent of real time. More than 100 leaves room for jitter and clock drift, not for a fast-forward.
    pub rate_percent: u32,
    /// A reconnect or a stalled line catches up with this much at once.
    pub burst: Span,
}

/// Counts accepted audio against time.
#[derive(Debug)]
pub(super) struct AudioMeter {
    pace: AudioPace,
    accepted: Span,
}

impl AudioMeter {
    pub(super) fn new(pace: AudioPace) -> Self {
        Self {
            pace,
            accepted: Span::ZERO,
        }
    }

    pub(super) fn admits(&mut self, now: Moment, length: Span) -> bool {
        let percent = u64::from(self.pace.rate_percent);
        let allowed =
            Span::from_micros((now.micros() / 100).saturating_mul(percent)) + self.pace.burst;
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

    const PACE: AudioPace = AudioPace {
        rate_percent: 150,
        burst: Span::from_secs(10),
    };

    #[test]
    fn s5_real_time_always_passes_and_a_flood_does_not() {
        let mut meter = AudioMeter::new(PACE);
        for frame in 0..5_000_u64 {
            assert!(meter.admits(Moment::from_millis(frame * 20), Span::from_millis(20)));
        }
        let mut flood = AudioMeter::new(PACE);
        let frames = (0..100_000)
            .filter(|_| flood.admits(Moment::from_millis(1_000), Span::from_millis(120)))
            .count();
        assert!(
            frames * 120 <= 11_500,
            "{frames} frames of 120 ms in the first second"
        );
    }
}
