//! What a call sounded like to the caller, in the order it was said: for people who read it afterwards.

use sqlx::FromRow;

use crate::error::StoreError;
use crate::ids::CallId;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::Timestamp;
use crate::words::Speaker;

sql! {
    // What an agent said counts as far as it was heard; others are not cut off by us.
    READ = "select seq, speaker,
            case when speaker = 'agent' then heard_text else coalesce(heard_text, generated_text) end as words,
            language, interrupted, started_at
        from turns where tenant_id = $1 and call_id = $2 order by started_at, seq limit $3";
}

/// One turn as it was heard.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct TranscriptLine {
    pub seq: i64,
    pub speaker: Speaker,
    /// `None` or empty: nothing of it was heard or kept.
    pub words: Option<Private<String>>,
    pub language: Option<String>,
    pub interrupted: bool,
    pub started_at: Timestamp,
}

impl TenantStore {
    /// The first `lines_max` turns of a call, oldest first.
    pub async fn transcript(
        &self,
        call: CallId,
        lines_max: u32,
    ) -> Result<Vec<TranscriptLine>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all TranscriptLine, READ, self.tenant(), call, i64::from(lines_max))
    }
}
