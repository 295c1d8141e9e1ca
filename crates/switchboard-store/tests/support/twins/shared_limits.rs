//! What calls share: money and permits.

use switchboard_store::*;

use crate::support::at;

pub fn budget_ask(call: CallId, user: &str) -> BudgetAsk {
    BudgetAsk {
        call,
        user: Some(user.into()),
        user_day_micros: 10_000_000,
        tenant_day_micros: 10_000_000,
        day: DayBounds {
            from: at(-50),
            to: at(50),
        },
        least_micros: 500_000,
        wish_micros: 1_000_000,
        now: at(0),
        expires_at: at(900),
    }
}

pub fn permits() -> Vec<PermitLimit> {
    let scope = PermitScope::Tenant;
    vec![PermitLimit {
        scope,
        calls_max: 2,
    }]
}
