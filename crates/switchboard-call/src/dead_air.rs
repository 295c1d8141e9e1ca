//! No dead air: who is owed an answer hears something, a filler if need be.

use crate::limits::FILLERS_PER_TURN_MAX;
use crate::time::{Moment, Span};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeadAirAction {
    Fill,
    /// The promise is broken: counted once per wait.
    Count,
}

#[derive(Debug, Default)]
pub(crate) struct DeadAir {
    /// Since when something is owed without a break, audible or not.
    owing: Option<Moment>,
    owed_since: Option<Moment>,
    fillers: u8,
    filled: bool,
    counted: bool,
}

impl DeadAir {
    /// Since when something is owed, if it is.
    pub(crate) fn owing_since(&mut self, now: Moment, owes: bool) -> Option<Moment> {
        self.owing = owes.then(|| self.owing.unwrap_or(now));
        self.owing
    }

    /// `owed_since` is since when the caller hears nothing although an answer is owed, or None.
    pub(crate) fn advance(
        &mut self,
        now: Moment,
        owed_since: Option<Moment>,
        filler_after: Span,
        limit: Span,
    ) -> Option<DeadAirAction> {
        if owed_since != self.owed_since {
            self.owed_since = owed_since;
            self.filled = false;
            self.counted = false;
        }
        let waited = now.since(self.owed_since?);
        if waited >= limit && !self.counted {
            self.counted = true;
            return Some(DeadAirAction::Count);
        }
        if waited >= filler_after && !self.filled && self.fillers < FILLERS_PER_TURN_MAX {
            self.filled = true;
            self.fillers += 1;
            return Some(DeadAirAction::Fill);
        }
        None
    }

    /// The agent's own voice went out: the next wait starts afresh.
    pub(crate) fn on_answered(&mut self) {
        self.fillers = 0;
    }

    /// The caller spoke again while an older answer is still owed: this turn has fillers of its own.
    pub(crate) fn on_caller_turn(&mut self) {
        self.fillers = 0;
    }

    pub(crate) fn wake(&self, filler_after: Span, limit: Span) -> Option<Moment> {
        let since = self.owed_since?;
        match (
            self.filled || self.fillers >= FILLERS_PER_TURN_MAX,
            self.counted,
        ) {
            (false, _) => Some(since + filler_after),
            (true, false) => Some(since + limit),
            (true, true) => None,
        }
    }
}
