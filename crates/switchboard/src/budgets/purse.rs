//! What shared budgets have set aside for one call, and the way to ask for more (threat M1, decision 0022).
//!
//! While the database does not answer, nobody is refused for it: the call goes on with its own budget alone, and the
//! ledger counts what it spent when the database is back.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use switchboard_call::{Allowance, BudgetKind, Input};
use switchboard_store::{
    BudgetAsk, BudgetGrant, BudgetRefusal, BudgetScope, CallId, Private, StoreError, TenantStore,
};

use super::day::Day;
use crate::drive::{DriveHandle, DriveInput};
use crate::reception::Reach;

/// Money that a call has set aside at first, in dearest replies.
const FIRST_REPLIES: u64 = 3;
/// A call without an end of its own holds its money no longer than this after it asked last.
const HOLD_MAX: Duration = Duration::from_secs(24 * 60 * 60);
/// After the longest call: handing over, and the ledger's last lines.
const HOLD_SLACK: Duration = Duration::from_secs(10 * 60);

/// The budgets of days that count for a call. 0 is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayBudgets {
    /// Of the app's user.
    pub user_micros: u64,
    /// Of the tenant.
    pub tenant_micros: u64,
    /// By whose clock the day begins.
    pub zone: Tz,
    /// At which share it is warned of.
    pub warning_percent: u64,
    /// The longest the call can be; zero is no limit.
    pub length_max: Duration,
}

/// What one call has of shared budgets. Dropped before its call began, it gives everything back.
#[derive(Debug)]
pub struct Purse {
    rows: TenantStore,
    reach: Reach,
    call: CallId,
    user: Option<Private<String>>,
    days: DayBudgets,
    allowance: Allowance,
    has_begun: bool,
}

impl Purse {
    /// Sets money aside for a call that is about to begin; `dearest_micros` is what one reply may cost at most.
    ///
    /// # Errors
    /// The budget that is spent.
    pub async fn open(
        rows: TenantStore,
        reach: Reach,
        call: CallId,
        user: Option<Private<String>>,
        days: DayBudgets,
        dearest_micros: u64,
    ) -> Result<Option<Self>, BudgetKind> {
        if days.tenant_micros == 0 && (days.user_micros == 0 || user.is_none()) {
            return Ok(None);
        }
        let mut purse = Self {
            rows,
            reach,
            call,
            user,
            days,
            allowance: unlimited(),
            has_begun: false,
        };
        let wish = dearest_micros.saturating_mul(FIRST_REPLIES);
        match purse.reserve(dearest_micros, wish).await {
            Ok(Ok(grant)) => purse.allowance = purse.allowance_of(&grant),
            Ok(Err(BudgetRefusal(scope))) => {
                purse.has_begun = true;
                return Err(kind(scope));
            }
            Err(error) => {
                tracing::warn!(%error, "budgets cannot be asked; a call goes on with its own")
            }
        }
        Ok(Some(purse))
    }

    /// What is set aside.
    pub fn allowance(&self) -> Allowance {
        self.allowance
    }

    /// The call began: from here its end gives back what it held.
    pub fn begin(&mut self) {
        self.has_begun = true;
    }

    /// Asks for more. The answer comes into the call; nobody waits here.
    pub fn ask(&self, least_micros: u64, total_micros: u64, answer: DriveHandle) {
        let asker = self.asker();
        tokio::spawn(async move {
            let allowance = match asker.reserve(least_micros, total_micros).await {
                Ok(Ok(grant)) => asker.allowance_of(&grant),
                Ok(Err(BudgetRefusal(scope))) => Allowance {
                    total_micros: 0,
                    last_of: Some(kind(scope)),
                    warns: Some(kind(scope)),
                },
                Err(error) => {
                    tracing::warn!(%error, "budgets cannot be asked; a call goes on with its own");
                    Allowance {
                        total_micros,
                        ..unlimited()
                    }
                }
            };
            answer.send(DriveInput::Core(Input::Allowance(allowance)));
        });
    }

    /// The same purse for a question beside the call.
    fn asker(&self) -> Self {
        Self {
            rows: self.rows.clone(),
            reach: self.reach.clone(),
            call: self.call,
            user: self.user.clone(),
            days: self.days,
            allowance: self.allowance,
            has_begun: true,
        }
    }

    async fn reserve(
        &self,
        least_micros: u64,
        wish_micros: u64,
    ) -> Result<Result<BudgetGrant, BudgetRefusal>, StoreError> {
        let now = Utc::now();
        let ask = BudgetAsk {
            call: self.call,
            user: self.user.clone(),
            user_day_micros: signed(self.days.user_micros),
            tenant_day_micros: signed(self.days.tenant_micros),
            day: Day::of(now, self.days.zone).bounds(),
            least_micros: signed(least_micros),
            wish_micros: signed(wish_micros),
            now,
            expires_at: self.expires_at(now),
        };
        self.reach.ask(self.rows.reserve_budget(&ask)).await
    }

    fn expires_at(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let length = Some(self.days.length_max).filter(|length| !length.is_zero());
        let held = length
            .map_or(HOLD_MAX, |length| length + HOLD_SLACK)
            .min(HOLD_MAX);
        now + TimeDelta::from_std(held).unwrap_or(TimeDelta::days(1))
    }

    fn allowance_of(&self, grant: &BudgetGrant) -> Allowance {
        let reached = |limit: u64, used: i64| {
            let share = u128::from(limit) * u128::from(self.days.warning_percent);
            limit > 0 && u128::try_from(used).unwrap_or(0) * 100 >= share
        };
        let warns =
            if self.user.is_some() && reached(self.days.user_micros, grant.user_spent_micros) {
                Some(BudgetKind::UserDay)
            } else if reached(self.days.tenant_micros, grant.tenant_spent_micros) {
                Some(BudgetKind::TenantDay)
            } else {
                None
            };
        Allowance {
            total_micros: u64::try_from(grant.held_micros).unwrap_or(0),
            last_of: None,
            warns,
        }
    }
}

impl Drop for Purse {
    fn drop(&mut self) {
        if self.has_begun {
            return;
        }
        let (rows, call) = (self.rows.clone(), self.call);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            return;
        };
        runtime.spawn(async move {
            if let Err(error) = rows.release_budget(call).await {
                tracing::warn!(%error, "money that a call held waits for its time to be given back");
            }
        });
    }
}

fn unlimited() -> Allowance {
    Allowance {
        total_micros: u64::MAX,
        last_of: None,
        warns: None,
    }
}

fn kind(scope: BudgetScope) -> BudgetKind {
    match scope {
        BudgetScope::UserDay => BudgetKind::UserDay,
        BudgetScope::TenantDay => BudgetKind::TenantDay,
    }
}

fn signed(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}
