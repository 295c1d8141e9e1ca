//! Caps per caller's number (threat M5). A number is a hint, but it is what a flood of calls has in common; who hides it
//! is bounded by the tenant's own limit. Correctly signed requests have no limit per address: a carrier has few.

use std::time::Duration;

use switchboard_store::{PhoneNumber, TenantId};

use crate::config::CallsSettings;
use crate::reception::Reception;

/// The window of the count. A call outlasts it only while a human has it, and then it has its end.
const WINDOW: chrono::Duration = chrono::Duration::hours(1);
/// A caller waits this long for the count at most; without it nobody is turned away.
const COUNT_TIME_MAX: Duration = Duration::from_millis(500);

/// Which cap a caller's number is past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallerCap {
    /// It holds as many calls as it may: a human, at once.
    AtOnce,
    /// It calls too often: an apology, and nobody is rung.
    Hourly,
}

impl CallerCap {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::AtOnce => "at_once",
            Self::Hourly => "hourly",
        }
    }
}

/// The cap that a call of this number meets. Its own row is stored already, so that calls that come together count each
/// other on every node. While the database is away nobody is counted: a caller is not lost for that.
pub(super) async fn reached(
    reception: &Reception,
    tenant: TenantId,
    caller: &PhoneNumber,
    limits: &CallsSettings,
) -> Option<CallerCap> {
    if limits.caller_concurrent_max == 0 && limits.caller_hour_max == 0 {
        return None;
    }
    let rows = reception.rows(tenant);
    let count = rows.caller_load(caller, chrono::Utc::now() - WINDOW);
    let Ok(Ok(load)) = tokio::time::timeout(COUNT_TIME_MAX, count).await else {
        tracing::warn!("calls of a number could not be counted; the caller is let in");
        return None;
    };
    let is_past = |count: i64, max: u32| max > 0 && count > i64::from(max);
    if is_past(load.recent, limits.caller_hour_max) {
        return Some(CallerCap::Hourly);
    }
    is_past(load.live, limits.caller_concurrent_max).then_some(CallerCap::AtOnce)
}
