//! Silence, counted from when the caller last spoke or last heard us: first a nudge, then a human.

use crate::time::{Moment, Span};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SilenceAction {
    Nudge,
    HandOff,
}

/// Counts only quiet time. The nudge itself is no silence and does not start the count anew.
#[derive(Debug, Default)]
pub(crate) struct SilenceClock {
    quiet_since: Option<Moment>,
    counted: Span,
    /// Quiet time before this moment is in `counted`.
    counted_until: Moment,
    nudged: bool,
    /// Nothing is counted before the caller has heard or said something.
    running: bool,
}

impl SilenceClock {
    /// The caller spoke, pressed a key or typed, or heard something that was no nudge.
    pub(crate) fn restart(&mut self) {
        *self = Self {
            running: true,
            ..Self::default()
        };
    }

    /// Nobody is there whose silence means anything.
    pub(crate) fn stop(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn is_nudging(&self) -> bool {
        self.nudged
    }

    /// `quiet_since` is the moment since which nobody is heard and nothing is owed, or None.
    pub(crate) fn advance(
        &mut self,
        now: Moment,
        quiet_since: Option<Moment>,
        nudge_after: Span,
        hand_off_after: Span,
    ) -> Option<SilenceAction> {
        if !self.running || nudge_after.is_zero() {
            return None;
        }
        match (quiet_since, self.quiet_since) {
            // Without a new sound since the last count, what lies between was our own delay.
            (Some(since), None) if since < self.counted_until => self.quiet_since = Some(now),
            (Some(since), None) => self.quiet_since = Some(since),
            (None, Some(_)) => self.count_to(now),
            _ => {}
        }
        let silence = self.silence(now);
        if silence >= hand_off_after {
            return Some(SilenceAction::HandOff);
        }
        if silence >= nudge_after && !self.nudged {
            self.nudged = true;
            self.count_to(now);
            return Some(SilenceAction::Nudge);
        }
        None
    }

    fn count_to(&mut self, now: Moment) {
        self.counted = self.silence(now);
        self.counted_until = now;
        self.quiet_since = None;
    }

    fn silence(&self, now: Moment) -> Span {
        self.counted
            + self
                .quiet_since
                .map_or(Span::ZERO, |since| now.since(since))
    }

    pub(crate) fn wake(&self, nudge_after: Span, hand_off_after: Span) -> Option<Moment> {
        let since = self
            .quiet_since
            .filter(|_| self.running && !nudge_after.is_zero())?;
        let next = if self.nudged {
            hand_off_after
        } else {
            nudge_after
        };
        Some(since + next.saturating_sub(self.counted))
    }
}
