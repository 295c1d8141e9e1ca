//! What was spent over any range, by day, agent, component, model or user: sums of the ledger, exact to the micro-unit.

use serde::Serialize;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::money::{Currency, Micros};
use crate::scope::TenantStore;
use crate::time::Timestamp;
use crate::words::UsageBy;

sql! {
    // The text of a time begins with its date, in UTC on both databases.
    BY_DAY = "select substr(cast(at as text), 1, 10) as name, currency,
            cast(sum(cost_micros) as bigint) as cost_micros, count(*) as entries, count(distinct call_id) as calls
        from usage where tenant_id = $1 and at >= $2 and at < $3 group by 1, 2 order by 1, 2";
    BY_AGENT = "select c.agent_name as name, u.currency,
            cast(sum(u.cost_micros) as bigint) as cost_micros, count(*) as entries,
            count(distinct u.call_id) as calls
        from usage u left join calls c on c.tenant_id = $1 and c.id = u.call_id
        where u.tenant_id = $1 and u.at >= $2 and u.at < $3 group by 1, 2 order by 3 desc, 1";
    BY_COMPONENT = "select component as name, currency,
            cast(sum(cost_micros) as bigint) as cost_micros, count(*) as entries, count(distinct call_id) as calls
        from usage where tenant_id = $1 and at >= $2 and at < $3 group by 1, 2 order by 3 desc, 1";
    BY_MODEL = "select model as name, currency,
            cast(sum(cost_micros) as bigint) as cost_micros, count(*) as entries, count(distinct call_id) as calls
        from usage where tenant_id = $1 and at >= $2 and at < $3 group by 1, 2 order by 3 desc, 1";
    BY_USER = "select v.user_id as name, u.currency,
            cast(sum(u.cost_micros) as bigint) as cost_micros, count(*) as entries,
            count(distinct u.call_id) as calls
        from usage u left join voice_sessions v on v.tenant_id = $1 and v.id = u.call_id
        where u.tenant_id = $1 and u.at >= $2 and u.at < $3 group by 1, 2 order by 3 desc, 1";
    OF_DAY = "select cast($4 as text) as name, currency,
            cast(sum(cost_micros) as bigint) as cost_micros, count(*) as entries, count(distinct call_id) as calls
        from usage where tenant_id = $1 and at >= $2 and at < $3 group by 1, 2 order by 2";
}

/// One day as somebody's clock has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageDay {
    /// Its date.
    pub name: String,
    pub from: Timestamp,
    /// Itself excluded.
    pub to: Timestamp,
}

/// What one day, agent, component or model cost in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct UsageSum {
    /// The date, the agent's name, the component, the model, the app's id of its user. None: usage of no call, or of a
    /// call without a user.
    pub name: Option<String>,
    pub currency: Currency,
    pub cost_micros: Micros,
    /// Number of ledger rows.
    pub entries: i64,
    /// Number of calls they belong to.
    pub calls: i64,
}

impl TenantStore {
    /// Sums of the ledger from one moment to before another. Days in order and by UTC, others the dearest first.
    pub async fn usage_sums(
        &self,
        by: UsageBy,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Vec<UsageSum>, StoreError> {
        let statement = match by {
            UsageBy::Day => BY_DAY,
            UsageBy::Agent => BY_AGENT,
            UsageBy::Component => BY_COMPONENT,
            UsageBy::Model => BY_MODEL,
            UsageBy::User => BY_USER,
        };
        let mut tx = self.read().await?;
        fetch!(&mut tx, all UsageSum, statement, self.tenant(), from, to)
    }
    /// The same of days that begin and end when the tenant's do, in the order given; days without usage are left out.
    pub async fn usage_of_days(&self, days: &[UsageDay]) -> Result<Vec<UsageSum>, StoreError> {
        let mut tx = self.read().await?;
        let mut sums = Vec::new();
        for day in days {
            let of_day =
                fetch!(&mut tx, all UsageSum, OF_DAY, self.tenant(), day.from, day.to, &day.name)?;
            sums.extend(of_day);
        }
        Ok(sums)
    }
}
