//! Requests that may come twice: the first does the work, the others get its answer. (Threat T6.)

use sqlx::FromRow;
use uuid::Uuid;

use crate::error::StoreError;
use crate::keys::secret_hash;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::Timestamp;

sql! {
    FORGET = "delete from idempotency_keys where tenant_id = $1 and claimed_at < $2";
    CLAIM = "insert into idempotency_keys (tenant_id, credential_id, route, key_hash, request_hash, claimed_at)
        values ($1, $2, $3, $4, $5, $6) on conflict do nothing";
    FIND = "select request_hash, status, content_type, answer from idempotency_keys
        where tenant_id = $1 and credential_id = $2 and route = $3 and key_hash = $4";
    TAKE_OVER = "update idempotency_keys set claimed_at = $5
        where tenant_id = $1 and credential_id = $2 and route = $3 and key_hash = $4 and status is null
            and claimed_at <= $6";
    ANSWER = "update idempotency_keys set status = $5, content_type = $6, answer = $7
        where tenant_id = $1 and credential_id = $2 and route = $3 and key_hash = $4 and status is null";
    RELEASE = "delete from idempotency_keys
        where tenant_id = $1 and credential_id = $2 and route = $3 and key_hash = $4 and status is null";
}

/// A request that its sender may repeat. The tenant is the scope's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotentRequest {
    /// Who sends it: a key, or a person who is signed in.
    pub credential: Uuid,
    /// Method and pattern of the route.
    pub route: String,
    /// What the sender named it. Only a hash is kept.
    pub key: Private<String>,
    /// Target and body; only the same ones get the answer.
    pub request: Private<Vec<u8>>,
}

/// When claims end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClaimTimes {
    /// Now.
    pub now: Timestamp,
    /// A claim from before this without an answer belongs to a process that died.
    pub abandoned_before: Timestamp,
    /// Keys from before this are forgotten with their answers.
    pub forget_before: Timestamp,
}

/// What the first request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAnswer {
    /// HTTP status.
    pub status: u16,
    /// Its content type.
    pub content_type: Option<String>,
    /// The whole body.
    pub body: Private<Vec<u8>>,
}

/// Whose turn it is to do the work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdempotencyClaim {
    /// Nobody has done it: do it, then keep the answer or release the key.
    Mine,
    /// It is done, and this was the answer.
    Answered(StoredAnswer),
    /// Somebody is doing it.
    Running,
    /// The key was used for another request.
    OtherRequest,
}

#[derive(FromRow)]
struct ClaimRow {
    request_hash: String,
    status: Option<i64>,
    content_type: Option<String>,
    answer: Option<Private<Vec<u8>>>,
}

impl IdempotentRequest {
    fn key_hash(&self) -> String {
        secret_hash(self.key.expose())
    }

    fn request_hash(&self) -> String {
        crate::keys::bytes_hash(self.request.expose())
    }
}

impl TenantStore {
    /// Claims the key of a request. Of many at the same time, on any node, one gets `Mine`.
    pub async fn claim_idempotency_key(
        &self,
        request: &IdempotentRequest,
        times: &ClaimTimes,
    ) -> Result<IdempotencyClaim, StoreError> {
        let IdempotentRequest {
            credential, route, ..
        } = request;
        let (key, hash) = (request.key_hash(), request.request_hash());
        let tenant = self.tenant();
        let mut tx = self.write().await?;
        execute!(&mut tx, FORGET, tenant, times.forget_before)?;
        let claimed = execute!(
            &mut tx, CLAIM, tenant, credential, route, &key, &hash, times.now
        )?;
        let found = fetch!(&mut tx, optional ClaimRow, FIND, tenant, credential, route, &key)?;
        let claim = match found {
            _ if claimed == 1 => IdempotencyClaim::Mine,
            Some(row) if row.request_hash != hash => IdempotencyClaim::OtherRequest,
            Some(ClaimRow {
                status: Some(status),
                content_type,
                answer,
                ..
            }) => IdempotencyClaim::Answered(StoredAnswer {
                status: u16::try_from(status).unwrap_or_default(),
                content_type,
                body: answer.unwrap_or_default(),
            }),
            _ => {
                let (now, before) = (times.now, times.abandoned_before);
                match execute!(
                    &mut tx, TAKE_OVER, tenant, credential, route, &key, now, before
                )? {
                    1 => IdempotencyClaim::Mine,
                    _ => IdempotencyClaim::Running,
                }
            }
        };
        tx.commit().await?;
        Ok(claim)
    }

    /// Keeps what a claimed request was answered. `false` when it has an answer already, or no claim.
    pub async fn keep_idempotent_answer(
        &self,
        request: &IdempotentRequest,
        answer: &StoredAnswer,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let kept = execute!(
            &mut tx,
            ANSWER,
            self.tenant(),
            request.credential,
            &request.route,
            request.key_hash(),
            i64::from(answer.status),
            &answer.content_type,
            &answer.body
        )?;
        tx.commit().await?;
        Ok(kept == 1)
    }

    /// Gives a claimed key back: nothing was done, and the next request may try again.
    pub async fn release_idempotency_key(
        &self,
        request: &IdempotentRequest,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let released = execute!(
            &mut tx,
            RELEASE,
            self.tenant(),
            request.credential,
            &request.route,
            request.key_hash()
        )?;
        tx.commit().await?;
        Ok(released == 1)
    }
}
