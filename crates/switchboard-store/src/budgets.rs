//! Budgets that several calls share: of a tenant's day and of a user's day, on all nodes together.
//!
//! Money is set aside before it is spent. What a day has spent is what the ledger says of it; what calls in progress hold
//! and the ledger does not have yet counts as spent too. Whoever asks is alone with the budgets of its tenant for the time
//! of the question, so no two calls are promised the same money (threat M1, decision 0022).

use sqlx::FromRow;

use crate::db::{Only, Tx};
use crate::error::StoreError;
use crate::ids::{CallId, TenantId};
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::{Timestamp, now};

sql! {
    // PostgreSQL only: SQLite has one writer anyway.
    ALONE = "select pg_advisory_xact_lock(hashtextextended(cast($1 as text), 2026112242))";
    SPENT = "select cast(coalesce(sum(cost_micros), 0) as bigint) from usage
        where tenant_id = $1 and at >= $2 and at < $3 and currency = 'USD'";
    SPENT_BY_USERS = "select v.user_id, cast(coalesce(sum(u.cost_micros), 0) as bigint) as spent_micros
        from usage u join voice_sessions v on v.tenant_id = $1 and v.id = u.call_id
        where u.tenant_id = $1 and u.at >= $2 and u.at < $3 and u.currency = 'USD' and v.user_id is not null
        group by 1 order by 2 desc, 1 limit $4";
    SPENT_BY_USER = "select cast(coalesce(sum(u.cost_micros), 0) as bigint)
        from usage u join voice_sessions v on v.tenant_id = $1 and v.id = u.call_id
        where u.tenant_id = $1 and u.at >= $2 and u.at < $3 and u.currency = 'USD' and v.user_id = $4";
    HOLDS = "select h.call_id, h.user_id, h.held_micros,
            (select cast(coalesce(sum(u.cost_micros), 0) as bigint) from usage u
                where u.tenant_id = $1 and u.call_id = h.call_id and u.currency = 'USD') as spent_micros
        from budget_holds h where h.tenant_id = $1 and h.expires_at > $2";
    HOLD = "insert into budget_holds (tenant_id, call_id, user_id, held_micros, expires_at, created_at)
        values ($1, $2, $3, $4, $5, $6)
        on conflict (tenant_id, call_id) do update set held_micros = excluded.held_micros,
            expires_at = excluded.expires_at";
    RELEASE = "delete from budget_holds where tenant_id = $1 and call_id = $2";
    FORGET = "delete from budget_holds where tenant_id = $1 and expires_at <= $2";
}

/// A budget that calls share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BudgetScope {
    UserDay,
    TenantDay,
}

/// A day as the tenant's clock has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayBounds {
    pub from: Timestamp,
    /// Itself excluded.
    pub to: Timestamp,
}

/// A call that asks for money to be set aside.
#[derive(Debug, Clone)]
pub struct BudgetAsk {
    pub call: CallId,
    /// The app's own id of its user. Without one only the tenant's budget counts.
    pub user: Option<Private<String>>,
    /// 0: no such budget.
    pub user_day_micros: i64,
    /// 0: no such budget.
    pub tenant_day_micros: i64,
    pub day: DayBounds,
    /// With less in all the call cannot go on.
    pub least_micros: i64,
    /// What it would like in all, since it began.
    pub wish_micros: i64,
    pub now: Timestamp,
    /// When a call that is never seen again gives up what it holds.
    pub expires_at: Timestamp,
}

/// What was set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetGrant {
    /// For this call in all, since it began.
    pub held_micros: i64,
    /// The budget that had no more to give.
    pub limited_by: Option<BudgetScope>,
    /// What the tenant's day has spent, by the ledger.
    pub tenant_spent_micros: i64,
    /// What the user's day has spent, by the ledger.
    pub user_spent_micros: i64,
}

/// This budget does not hold even the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetRefusal(pub BudgetScope);

/// What a day has spent so far, and what calls in progress hold beyond it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetSpending {
    pub spent_micros: i64,
    pub held_micros: i64,
    /// Of the users who spent most.
    pub users: Vec<UserSpending>,
}

/// What one user of the tenant's app has spent in the day.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct UserSpending {
    /// The app's own id of the user.
    pub user_id: Private<String>,
    pub spent_micros: i64,
}

#[derive(Debug, FromRow)]
struct Hold {
    call_id: CallId,
    user_id: Option<Private<String>>,
    held_micros: i64,
    spent_micros: i64,
}

impl Hold {
    /// What is set aside and not in the ledger yet.
    fn outstanding_micros(&self) -> i64 {
        self.held_micros.saturating_sub(self.spent_micros).max(0)
    }
}

impl TenantStore {
    /// Sets money aside for a call, from all budgets or none.
    ///
    /// A call that asks for more keeps what it had when it is refused.
    pub async fn reserve_budget(
        &self,
        ask: &BudgetAsk,
    ) -> Result<Result<BudgetGrant, BudgetRefusal>, StoreError> {
        let mut tx = self.write().await?;
        self.be_alone(&mut tx).await?;
        let holds = fetch!(&mut tx, all Hold, HOLDS, self.tenant(), ask.now)?;
        let own = holds.iter().find(|hold| hold.call_id == ask.call);
        let own_spent = own.map_or(0, |hold| hold.spent_micros);
        let others = |is_meant: &dyn Fn(&Hold) -> bool| -> i64 {
            let others = holds.iter().filter(|hold| hold.call_id != ask.call);
            others
                .filter(|hold| is_meant(hold))
                .map(Hold::outstanding_micros)
                .sum()
        };
        let (from, to) = (ask.day.from, ask.day.to);
        let (tenant_spent,) = fetch!(&mut tx, one Only<i64>, SPENT, self.tenant(), from, to)?;
        let tenant = tenant_spent.saturating_add(others(&|_| true));
        let of_user = ask.user.as_ref().filter(|_| ask.user_day_micros > 0);
        let (user_spent, user) = match of_user {
            None => (0, 0),
            Some(user) => {
                let (spent,) =
                    fetch!(&mut tx, one Only<i64>, SPENT_BY_USER, self.tenant(), from, to, user)?;
                let held = others(&|hold| hold.user_id.as_ref() == Some(user));
                (spent, spent.saturating_add(held))
            }
        };
        let user_limit = of_user.map_or(0, |_| ask.user_day_micros);
        let budgets = [
            (BudgetScope::UserDay, user_limit, user),
            (BudgetScope::TenantDay, ask.tenant_day_micros, tenant),
        ];
        let mut grant = BudgetGrant {
            held_micros: ask.wish_micros,
            limited_by: None,
            tenant_spent_micros: tenant_spent,
            user_spent_micros: user_spent,
        };
        for (scope, limit, used) in budgets.into_iter().filter(|(_, limit, _)| *limit > 0) {
            // What the call has spent already is in `used` and in its own total.
            let left = limit.saturating_sub(used).saturating_add(own_spent);
            if used >= limit || left < ask.least_micros {
                return Ok(Err(BudgetRefusal(scope)));
            }
            if left < grant.held_micros {
                grant.held_micros = left;
                grant.limited_by = Some(scope);
            }
        }
        let held = grant.held_micros;
        execute!(
            &mut tx,
            HOLD,
            self.tenant(),
            ask.call,
            &ask.user,
            held,
            ask.expires_at,
            now()
        )?;
        tx.commit().await?;
        Ok(Ok(grant))
    }

    /// Gives back what a call held that never began. One that began gives it back with its end.
    pub async fn release_budget(&self, call: CallId) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        release(&mut tx, self.tenant(), call).await?;
        tx.commit().await
    }

    /// Drops what calls hold that were never seen again.
    pub async fn forget_budget_holds(&self, now: Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.write().await?;
        let dropped = execute!(&mut tx, FORGET, self.tenant(), now)?;
        tx.commit().await?;
        Ok(dropped)
    }

    /// What a day has spent, by the ledger, and what is held now; with the `users_max` users who spent most.
    pub async fn budget_spending(
        &self,
        day: DayBounds,
        now: Timestamp,
        users_max: i64,
    ) -> Result<BudgetSpending, StoreError> {
        let mut tx = self.read().await?;
        let (spent_micros,) =
            fetch!(&mut tx, one Only<i64>, SPENT, self.tenant(), day.from, day.to)?;
        let holds = fetch!(&mut tx, all Hold, HOLDS, self.tenant(), now)?;
        let users = fetch!(
            &mut tx,
            all UserSpending,
            SPENT_BY_USERS,
            self.tenant(),
            day.from,
            day.to,
            users_max
        )?;
        Ok(BudgetSpending {
            spent_micros,
            held_micros: holds.iter().map(Hold::outstanding_micros).sum(),
            users,
        })
    }

    async fn be_alone(&self, tx: &mut Tx) -> Result<(), StoreError> {
        if matches!(tx, Tx::Postgres(_)) {
            execute!(tx, ALONE, self.tenant())?;
        }
        Ok(())
    }
}

pub(crate) async fn release(tx: &mut Tx, tenant: TenantId, call: CallId) -> Result<(), StoreError> {
    execute!(tx, RELEASE, tenant, call)?;
    Ok(())
}
