//! How much a tenant has stored.

use serde::Serialize;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::scope::TenantStore;

sql! {
    COUNT = "select
        (select count(*) from calls c where c.tenant_id = $1) as calls,
        (select count(*) from calls o where o.tenant_id = $1 and o.end_reason is null) as calls_open,
        (select count(*) from turns t where t.tenant_id = $1) as turns,
        (select count(*) from contacts k where k.tenant_id = $1) as contacts,
        (select count(*) from conversations v where v.tenant_id = $1) as conversations,
        (select count(*) from appointments a where a.tenant_id = $1) as appointments,
        (select count(*) from handshakes h where h.tenant_id = $1) as handshakes,
        (select count(*) from handshakes f where f.tenant_id = $1 and f.fell_back) as fallbacks";
}

/// Numbers of rows of one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, FromRow)]
pub struct Counts {
    pub calls: i64,
    /// Calls without an end.
    pub calls_open: i64,
    pub turns: i64,
    pub contacts: i64,
    pub conversations: i64,
    pub appointments: i64,
    pub handshakes: i64,
    pub fallbacks: i64,
}

impl TenantStore {
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, one Counts, COUNT, self.tenant())
    }
}
