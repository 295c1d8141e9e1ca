//! Settings of one tenant, as JSON values by key.

use serde_json::Value;
use sqlx::types::Json;

use crate::audit::{self, Deed};
use crate::db::Only;
use crate::error::StoreError;
use crate::scope::TenantStore;
use crate::time::now;
use crate::word::Word;

sql! {
    PUT = "insert into settings (tenant_id, key, value, updated_at) values ($1, $2, $3, $4)
        on conflict (tenant_id, key) do update set value = excluded.value, updated_at = excluded.updated_at";
    GET = "select value from settings where tenant_id = $1 and key = $2";
}

impl TenantStore {
    /// Sets a setting and leaves an audit entry.
    pub async fn put_setting(&self, key: &Word, value: &Value) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        execute!(&mut tx, PUT, self.tenant(), key, Json(value), now())?;
        audit::record(
            &mut tx,
            &self.scope,
            Deed {
                action: "put",
                noun: "setting",
                noun_id: key,
            },
        )
        .await?;
        tx.commit().await
    }

    /// The value of a setting, if it has been set.
    pub async fn setting(&self, key: &Word) -> Result<Option<Value>, StoreError> {
        let mut tx = self.read().await?;
        let row = fetch!(&mut tx, optional Only<Json<Value>>, GET, self.tenant(), key)?;
        Ok(row.map(|(value,)| value.0))
    }
}
