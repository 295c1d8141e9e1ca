//! Receipts of webhooks: the same vendor id again is a repetition, whoever sends it and however late.

use crate::db::Only;
use crate::error::StoreError;
use crate::scope::TenantStore;
use crate::time::Timestamp;
use crate::word::Word;

sql! {
    INSERT = "insert into webhook_receipts (tenant_id, endpoint, vendor_id, received_at) values ($1, $2, $3, $4)
        on conflict (tenant_id, endpoint, vendor_id) do nothing";
    FIRST = "select received_at from webhook_receipts where tenant_id = $1 and endpoint = $2 and vendor_id = $3";
}

/// Whether a webhook is seen for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WebhookArrival {
    First,
    Again { first_at: Timestamp },
}

impl TenantStore {
    /// Notes that a webhook arrived. Of several at the same time exactly one is `First`.
    pub async fn receive_webhook(
        &self,
        endpoint: &Word,
        vendor_id: &str,
        at: Timestamp,
    ) -> Result<WebhookArrival, StoreError> {
        let mut tx = self.write().await?;
        let inserted = execute!(&mut tx, INSERT, self.tenant(), endpoint, vendor_id, at)?;
        let (first_at,) = fetch!(
            &mut tx,
            one Only<Timestamp>,
            FIRST,
            self.tenant(),
            endpoint,
            vendor_id
        )?;
        tx.commit().await?;
        Ok(if inserted == 1 {
            WebhookArrival::First
        } else {
            WebhookArrival::Again { first_at }
        })
    }
}
