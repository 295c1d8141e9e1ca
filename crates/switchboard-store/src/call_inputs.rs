//! Call inputs: what a call was fed, in encoded batches, so that it can run again. Never samples.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::db::Tx;
use crate::error::StoreError;
use crate::ids::{CallId, TenantId};
use crate::private::Private;
use crate::scope::TenantStore;
use crate::word::Word;

sql! {
    APPEND = "insert into call_inputs (tenant_id, call_id, batch, first_input, input_count, encoding, payload)
        values ($1, $2, $3, $4, $5, $6, $7) on conflict (tenant_id, call_id, batch) do nothing";
    OF_CALL = "select call_id, batch, first_input, input_count, encoding, payload from call_inputs
        where tenant_id = $1 and call_id = $2 order by batch";
}

/// A stretch of a call's inputs, encoded by the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow)]
pub struct CallInputBatch {
    pub call_id: CallId,
    /// 0 for the first.
    pub batch: i64,
    /// The number of the first input in it.
    pub first_input: i64,
    pub input_count: i64,
    /// Name and version of the encoding.
    pub encoding: Word,
    pub payload: Private<Vec<u8>>,
}

impl TenantStore {
    /// The inputs of a call in order.
    pub async fn call_inputs(&self, call: CallId) -> Result<Vec<CallInputBatch>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all CallInputBatch, OF_CALL, self.tenant(), call)
    }
}

pub(crate) async fn append(
    tx: &mut Tx,
    tenant: TenantId,
    inputs: &CallInputBatch,
) -> Result<(), StoreError> {
    execute!(
        tx,
        APPEND,
        tenant,
        inputs.call_id,
        inputs.batch,
        inputs.first_input,
        inputs.input_count,
        &inputs.encoding,
        &inputs.payload
    )?;
    Ok(())
}
