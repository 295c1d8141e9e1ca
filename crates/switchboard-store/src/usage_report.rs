//! What was spent over any range, by day, agent, component or model: sums of the ledger, exact to the micro-unit.

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
}

/// What one day, agent, component or model cost in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct UsageSum {
    /// The date, the agent's name, the component, the model. None: usage of no call, by agent.
    pub name: Option<String>,
    pub currency: Currency,
    pub cost_micros: Micros,
    /// Number of ledger rows.
    pub entries: i64,
    /// Number of calls they belong to.
    pub calls: i64,
}

impl TenantStore {
    /// Sums of the ledger from one moment to before another. Days in order, others the dearest first.
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
        };
        let mut tx = self.read().await?;
        fetch!(&mut tx, all UsageSum, statement, self.tenant(), from, to)
    }
}
