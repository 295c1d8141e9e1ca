//! Money is a limit: reserve before spending, warn, then stop.

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

    /// True once, when `percent` of the limit is reached.
    pub(crate) fn should_warn(&mut self, limit_micros: u64, percent: u64) -> bool {
        let share_micros = (limit_micros / 100).saturating_mul(percent);
        let reached = limit_micros > 0 && self.spent_micros >= share_micros;
        let first = reached && !self.warned;
        self.warned |= reached;
        first
    }
}
