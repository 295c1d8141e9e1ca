//! What an agent took down in a call, field by field: name, address, job, urgency. Personal content, kept apart from the
//! transcript: it may be kept where words are not, and goes when the caller takes the consent back or is erased.

use serde::Serialize;
use sqlx::FromRow;

use crate::error::StoreError;
use crate::ids::CallId;
use crate::list::ListFilter;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::{Timestamp, now};
use crate::word::Word;

sql! {
    // What was said last is what counts: people correct themselves.
    PUT = "insert into captured_fields (tenant_id, call_id, field, value, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $5)
        on conflict (tenant_id, call_id, field) do update set value = excluded.value, updated_at = excluded.updated_at";
    OF_CALL = "select call_id, field, value, updated_at from captured_fields
        where tenant_id = $1 and call_id = $2 order by created_at, field";
    LIST = "select call_id, field, value, updated_at from captured_fields
        where tenant_id = $1 and (call_id = $2 or $2 is null)
        order by updated_at desc, call_id desc, field limit $3";
}

/// One thing taken down, in `switchboard list captured`. Its keys are a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct CapturedField {
    pub call_id: CallId,
    /// `name`, `address`, `job` or `urgency`.
    pub field: Word,
    pub value: Private<String>,
    pub updated_at: Timestamp,
}

impl TenantStore {
    /// Takes fields of a call down; one that was there is replaced.
    ///
    /// # Errors
    /// `MissingReference` when the call is not stored in this tenant.
    pub async fn capture_fields(
        &self,
        call: CallId,
        fields: &[(Word, Private<String>)],
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        for (field, value) in fields {
            execute!(&mut tx, PUT, self.tenant(), call, field, value, now())?;
        }
        tx.commit().await
    }

    /// What was taken down in one call, in the order it was.
    pub async fn captured_fields(&self, call: CallId) -> Result<Vec<CapturedField>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all CapturedField, OF_CALL, self.tenant(), call)
    }

    /// What was taken down, the newest first.
    pub async fn list_captured_fields(
        &self,
        filter: &ListFilter,
    ) -> Result<Vec<CapturedField>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all CapturedField, LIST, self.tenant(), filter.call, filter.rows_max())
    }
}
