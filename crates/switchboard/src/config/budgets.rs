//! Section `[budgets]`: limits of money that calls share. A call's own budget stands in `[calls]`.

use serde::{Deserialize, Serialize};

/// Budgets of a day, which begins and ends by the tenant's own clock. A tenant's own ones, `switchboard budgets set`, come
/// first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BudgetsSettings {
    /// 0 micro-USD, which is no limit. What all calls of one app user may cost in a day; then no further reply and no
    /// further call starts (threat M1).
    pub user_day_micros: u64,
    /// 0 micro-USD, which is no limit. What all calls of a tenant may cost in a day.
    pub tenant_day_micros: u64,
}
