//! The outbox: how far each mail came. A mail is never sent twice, so what is doubtful stays doubtful until a person
//! decides.
//!
//! `waiting` → `sending`, stored before the words leave us → `sent` when the server took them, back to `waiting` or to
//! `failed` when it certainly did not, `uncertain` when nobody can know: the process or the line died in between.

use serde::Serialize;
use sqlx::FromRow;

use crate::audit::{self, Deed};
use crate::db::Only;
use crate::error::StoreError;
use crate::ids::{CallId, JobId, MailId};
use crate::jobs::JobKey;
use crate::list::ListFilter;
use crate::scope::TenantStore;
use crate::time::{Timestamp, now};
use crate::word::Word;
use crate::words::MailState;

sql! {
    INSERT = "insert into mails (tenant_id, id, kind, key, call_id, job_id, state, attempts, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, 'waiting', 0, $7, $7) on conflict (tenant_id, kind, key) do nothing";
    FIND = "select id, kind, key, call_id, job_id, state, attempts, last_error, created_at, updated_at
        from mails where tenant_id = $1 and kind = $2 and key = $3";
    DETAIL = "select id, kind, key, call_id, job_id, state, attempts, last_error, created_at, updated_at
        from mails where tenant_id = $1 and id = $2";
    TAKE = "update mails set state = 'sending', attempts = attempts + 1, updated_at = $3
        where tenant_id = $1 and id = $2 and state = 'waiting'";
    SETTLE = "update mails set state = $3, last_error = $4, updated_at = $5
        where tenant_id = $1 and id = $2 and state in ('waiting', 'sending', 'uncertain')";
    RESEND = "update mails set state = 'waiting', updated_at = $3
        where tenant_id = $1 and id = $2 and state in ('uncertain', 'failed')";
    SENT_SINCE = "select count(*) from mails
        where tenant_id = $1 and updated_at >= $2 and state in ('sending', 'sent', 'uncertain')";
    LIST = "select id, kind, key, call_id, job_id, state, attempts, last_error, created_at, updated_at from mails
        where tenant_id = $1 and (call_id = $2 or $2 is null) order by created_at desc, id desc limit $3";
}

/// A mail to be sent once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMail {
    pub kind: Word,
    /// With the kind it names the mail for ever.
    pub key: JobKey,
    pub call_id: Option<CallId>,
    /// What sends it.
    pub job_id: Option<JobId>,
}

/// A mail in `switchboard list mails`. Its keys are a contract.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct MailListing {
    pub id: MailId,
    pub kind: Word,
    pub key: JobKey,
    pub call_id: Option<CallId>,
    pub job_id: Option<JobId>,
    pub state: MailState,
    pub attempts: i64,
    pub last_error: Option<Word>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl TenantStore {
    /// The mail of this kind and key, put into the outbox when it is not there.
    pub async fn ensure_mail(&self, mail: &NewMail) -> Result<MailListing, StoreError> {
        let mut tx = self.write().await?;
        execute!(
            &mut tx,
            INSERT,
            self.tenant(),
            MailId::new(),
            &mail.kind,
            &mail.key,
            mail.call_id,
            mail.job_id,
            now()
        )?;
        let found = fetch!(&mut tx, one MailListing, FIND, self.tenant(), &mail.kind, &mail.key)?;
        tx.commit().await?;
        Ok(found)
    }

    /// From now on the mail may have been sent. `false` when it does not wait: then it must not be sent.
    pub async fn take_mail(&self, mail: MailId) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let taken = execute!(&mut tx, TAKE, self.tenant(), mail, now())?;
        tx.commit().await?;
        Ok(taken == 1)
    }

    /// How the try went. `false` when the mail is sent or failed already, or unknown.
    pub async fn settle_mail(
        &self,
        mail: MailId,
        state: MailState,
        error: Option<&Word>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let settled = execute!(&mut tx, SETTLE, self.tenant(), mail, state, error, now())?;
        tx.commit().await?;
        Ok(settled == 1)
    }

    /// A person decides that a doubtful or failed mail is to be sent, perhaps a second time; leaves an audit entry.
    /// `false` when it is neither.
    pub async fn resend_mail(&self, mail: MailId) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let changed = execute!(&mut tx, RESEND, self.tenant(), mail, now())?;
        if changed == 1 {
            let deed = Deed {
                action: "resend",
                noun: "mail",
                noun_id: &mail,
            };
            audit::record(&mut tx, &self.scope, deed).await?;
        }
        tx.commit().await?;
        Ok(changed == 1)
    }

    /// How many mails left, or may have left, since this moment (threat M5).
    pub async fn mails_sent_since(&self, since: Timestamp) -> Result<i64, StoreError> {
        let mut tx = self.read().await?;
        let (sent,) = fetch!(&mut tx, one Only<i64>, SENT_SINCE, self.tenant(), since)?;
        Ok(sent)
    }

    pub async fn mail(&self, mail: MailId) -> Result<Option<MailListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, optional MailListing, DETAIL, self.tenant(), mail)
    }

    /// Mails, newest first.
    pub async fn list_mails(&self, filter: &ListFilter) -> Result<Vec<MailListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all MailListing, LIST, self.tenant(), filter.call, filter.rows_max())
    }
}
