//! Consent taken back: what was said in one call is erased back to its start, what the agent took down among it. That the call took place, what it cost and
//! what was booked in it stay, and so does the evidence of the consent and of its withdrawal.

use crate::audit::{self, Deed};
use crate::db::Tx;
use crate::error::StoreError;
use crate::ids::{CallId, TenantId};
use crate::scope::TenantStore;

sql! {
    TURNS = "delete from turns where tenant_id = $1 and call_id = $2";
    TOOLS = "update tool_calls set arguments = '{}', result = null where tenant_id = $1 and call_id = $2";
    INPUTS = "delete from call_inputs where tenant_id = $1 and call_id = $2";
    EVENTS = "update call_events set private = null where tenant_id = $1 and call_id = $2 and private is not null";
    CAPTURED = "delete from captured_fields where tenant_id = $1 and call_id = $2";
    MESSAGES = "update voicemails set transcript = null, transcript_language = null, transcription = 'withdrawn'
        where tenant_id = $1 and call_id = $2";
    ANSWERS = "update consents set answer_text = null where tenant_id = $1 and call_id = $2";
}

impl TenantStore {
    /// Erases what was said in a call and leaves an audit entry. Its audio is not here; see the archive.
    pub async fn forget_call_words(&self, call: CallId) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        forget(&mut tx, self.tenant(), call).await?;
        let deed = Deed {
            action: "erase",
            noun: "call_words",
            noun_id: &call.to_string(),
        };
        audit::record(&mut tx, &self.scope, deed).await?;
        tx.commit().await
    }
}

pub(crate) async fn forget(tx: &mut Tx, tenant: TenantId, call: CallId) -> Result<(), StoreError> {
    execute!(tx, TURNS, tenant, call)?;
    execute!(tx, TOOLS, tenant, call)?;
    execute!(tx, INPUTS, tenant, call)?;
    execute!(tx, EVENTS, tenant, call)?;
    execute!(tx, CAPTURED, tenant, call)?;
    execute!(tx, MESSAGES, tenant, call)?;
    execute!(tx, ANSWERS, tenant, call)?;
    Ok(())
}
