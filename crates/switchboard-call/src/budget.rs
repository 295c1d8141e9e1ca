//! Money is a limit: reserve before spending, warn, then stop.

use crate::limits::BUDGET_WARN_PERCENT;

#[derive(Debug, Default)]
pub(crate) struct Budget {
    spent_micros: u64,
    warned: bool,
}

impl Budget {
    pub(crate) fn spend(&mut self, cost_micros: u64) {
        self.spent_micros = self.spent_micros.saturating_add(cost_micros);
    }

    pub(crate) fn spent_micros(&self) -> u64 {
        self.spent_micros
    }

    /// A reply starts only if the budget holds its worst case, so the overshoot is at most one reply (M1).
    pub(crate) fn holds(&self, limit_micros: u64, reply_cost_max_micros: u64) -> bool {
        limit_micros == 0 || self.spent_micros.saturating_add(reply_cost_max_micros) <= limit_micros
    }

    /// True once, when the warning share is reached.
    pub(crate) fn should_warn(&mut self, limit_micros: u64) -> bool {
        let reached =
            limit_micros > 0 && self.spent_micros >= limit_micros / 100 * BUDGET_WARN_PERCENT;
        let first = reached && !self.warned;
        self.warned |= reached;
        first
    }
}
