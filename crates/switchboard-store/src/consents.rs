//! Consents: a contact's recorded answer to one disclosure, for one purpose, in one wording, at one time.

use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::db::Tx;
use crate::error::StoreError;
use crate::ids::{CallId, ConsentId, ContactId, TenantId};
use crate::list::ListFilter;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::Timestamp;
use crate::word::Word;
use crate::words::ConsentAnswer;

sql! {
    INSERT = "insert into consents (tenant_id, id, contact_id, call_id, purpose, wording, language, answer, answer_text,
            heard_ms, disclosed_at, answered_at, version, complete)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) on conflict (tenant_id, id) do nothing";
    LIST = "select id, contact_id, call_id, purpose, wording, language, answer, answer_text, heard_ms, disclosed_at,
            answered_at, version, complete
        from consents
        where tenant_id = $1 and (call_id = $2 or $2 is null) and (contact_id = $3 or $3 is null)
        order by disclosed_at desc, id desc limit $4";
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewConsent {
    /// Made by the writer, so that a repeated write stores one row.
    pub id: ConsentId,
    pub contact_id: Option<ContactId>,
    pub call_id: Option<CallId>,
    /// `recording`, `transcription`, or `ai_disclosure`: that the caller was told who speaks.
    pub purpose: Word,
    /// What we said, word for word.
    pub wording: String,
    pub language: String,
    pub answer: ConsentAnswer,
    /// What the caller said, word for word.
    pub answer_text: Option<Private<String>>,
    /// How much of the disclosure was heard.
    pub heard_ms: Option<i64>,
    pub disclosed_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    /// Which version of the wording this is.
    #[serde(default)]
    pub version: Option<String>,
    /// Whether the disclosure was heard to its end.
    #[serde(default)]
    pub complete: Option<bool>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct ConsentListing {
    pub id: ConsentId,
    pub contact_id: Option<ContactId>,
    pub call_id: Option<CallId>,
    pub purpose: Word,
    pub wording: String,
    pub language: String,
    pub answer: ConsentAnswer,
    pub answer_text: Option<Private<String>>,
    pub heard_ms: Option<i64>,
    pub disclosed_at: Timestamp,
    pub answered_at: Option<Timestamp>,
    pub version: Option<String>,
    pub complete: Option<bool>,
}

impl TenantStore {
    /// Consents, newest first.
    pub async fn list_consents(
        &self,
        filter: &ListFilter,
    ) -> Result<Vec<ConsentListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(
            &mut tx, all ConsentListing, LIST, self.tenant(), filter.call, filter.contact, filter.rows_max()
        )
    }
}

pub(crate) async fn add(
    tx: &mut Tx,
    tenant: TenantId,
    consent: &NewConsent,
) -> Result<(), StoreError> {
    execute!(
        tx,
        INSERT,
        tenant,
        consent.id,
        consent.contact_id,
        consent.call_id,
        &consent.purpose,
        &consent.wording,
        &consent.language,
        consent.answer,
        &consent.answer_text,
        consent.heard_ms,
        consent.disclosed_at,
        consent.answered_at,
        &consent.version,
        consent.complete
    )?;
    Ok(())
}
