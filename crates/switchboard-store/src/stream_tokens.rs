//! Stream tokens: the right to open the media stream of one call, once.

use sqlx::FromRow;

use crate::db::{Only, Sight};
use crate::error::StoreError;
use crate::ids::{CallId, StreamTokenId, TenantId};
use crate::keys::{mint_secret, secret_hash};
use crate::lookup::Lookup;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::{Timestamp, now};

sql! {
    MINT = "insert into stream_tokens (tenant_id, id, token_hash, call_id, carrier_call_id, carrier_account_id,
            created_at, expires_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (tenant_id, call_id) do nothing";
    // Only a token that was used is replaced: a repeated webhook renews nothing.
    RENEW = "update stream_tokens set token_hash = $3, created_at = $4, expires_at = $5, used_at = null
        where tenant_id = $1 and call_id = $2 and used_at is not null";
    ID = "select id from stream_tokens where tenant_id = $1 and call_id = $2";
    USE = "update stream_tokens set used_at = $3
        where tenant_id = $1 and token_hash = $2 and used_at is null and expires_at > $3";
}

/// A freshly minted token. It is shown once; only its hash is kept.
#[derive(Debug, Clone)]
pub struct MintedStreamToken {
    pub id: StreamTokenId,
    pub token: Private<String>,
    pub expires_at: Timestamp,
}

/// What the opener of a stream says about itself.
#[derive(Debug, Clone, Copy)]
pub struct StreamTokenClaim<'a> {
    pub token: &'a str,
    pub carrier_call_id: &'a str,
    pub carrier_account_id: &'a str,
    /// The moment the token is judged at.
    pub now: Timestamp,
}

/// The call whose stream may open now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamTokenUse {
    pub tenant_id: TenantId,
    pub call_id: CallId,
}

/// Why a stream may not open. None of these changes the call that the token names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamTokenRefusal {
    #[error("the stream token is unknown")]
    Unknown,
    #[error("the stream token belongs to another call or account")]
    Foreign,
    #[error("the stream token has expired")]
    Expired,
    #[error("the stream token was used before")]
    Used,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TenantStore {
    /// Mints the one token of a call. `None` when the call has one already: a repeated webhook mints no second.
    ///
    /// # Errors
    /// `MissingReference` when the call is not stored in this tenant.
    pub async fn mint_stream_token(
        &self,
        call: CallId,
        carrier_call_id: &str,
        carrier_account_id: &str,
        expires_at: Timestamp,
    ) -> Result<Option<MintedStreamToken>, StoreError> {
        let (id, token) = (
            StreamTokenId::new(),
            mint_secret().map_err(|_| StoreError::NoRandomness)?,
        );
        let mut tx = self.write().await?;
        let minted = execute!(
            &mut tx,
            MINT,
            self.tenant(),
            id,
            secret_hash(&token),
            call,
            carrier_call_id,
            carrier_account_id,
            now(),
            expires_at
        )?;
        tx.commit().await?;
        Ok((minted == 1).then(|| MintedStreamToken {
            id,
            token: token.into(),
            expires_at,
        }))
    }
}

impl TenantStore {
    /// Replaces the used token of a call whose stream opens again, because a human gave the caller back. `None` when
    /// there is none that was used.
    pub async fn renew_stream_token(
        &self,
        call: CallId,
        expires_at: Timestamp,
    ) -> Result<Option<MintedStreamToken>, StoreError> {
        let token = mint_secret().map_err(|_| StoreError::NoRandomness)?;
        let hash = secret_hash(&token);
        let mut tx = self.write().await?;
        let renewed = execute!(&mut tx, RENEW, self.tenant(), call, hash, now(), expires_at)?;
        let id = fetch!(&mut tx, optional Only<StreamTokenId>, ID, self.tenant(), call)?;
        tx.commit().await?;
        Ok(id.filter(|_| renewed == 1).map(|(id,)| MintedStreamToken {
            id,
            token: token.into(),
            expires_at,
        }))
    }
}

#[derive(FromRow)]
struct TokenRow {
    tenant_id: TenantId,
    call_id: CallId,
    carrier_call_id: String,
    carrier_account_id: String,
    expires_at: Timestamp,
    used_at: Option<Timestamp>,
}

impl TokenRow {
    fn judge(&self, claim: &StreamTokenClaim<'_>) -> Result<(), StreamTokenRefusal> {
        if self.carrier_call_id != claim.carrier_call_id
            || self.carrier_account_id != claim.carrier_account_id
        {
            Err(StreamTokenRefusal::Foreign)
        } else if self.used_at.is_some() {
            Err(StreamTokenRefusal::Used)
        } else if self.expires_at <= claim.now {
            Err(StreamTokenRefusal::Expired)
        } else {
            Ok(())
        }
    }
}

impl Lookup {
    /// Uses a token up, if it is good for this call and account. Of many at the same time, on any node, one wins.
    pub async fn use_stream_token(
        &self,
        claim: &StreamTokenClaim<'_>,
    ) -> Result<StreamTokenUse, StreamTokenRefusal> {
        let hash = secret_hash(claim.token);
        let mut tx = self.db.write(Sight::Key(&hash)).await?;
        let row = fetch!(&mut tx, optional TokenRow, crate::lookup::STREAM_TOKEN, &hash)?;
        let row = row.ok_or(StreamTokenRefusal::Unknown)?;
        row.judge(claim)?;
        tx.look_through(Sight::Tenant(row.tenant_id)).await?;
        // The judgement above may be old by now; this update is what decides between two at the same time.
        if execute!(&mut tx, USE, row.tenant_id, &hash, claim.now)? == 0 {
            return Err(StreamTokenRefusal::Used);
        }
        tx.commit().await?;
        Ok(StreamTokenUse {
            tenant_id: row.tenant_id,
            call_id: row.call_id,
        })
    }
}
