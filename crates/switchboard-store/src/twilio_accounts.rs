//! Twilio accounts of a tenant. The server seals the token before it comes here.

use crate::audit::{self, Deed};
use crate::db::Only;
use crate::error::StoreError;
use crate::ids::TwilioAccountId;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::now;

sql! {
    PUT = "insert into twilio_accounts (tenant_id, id, account_sid, sealed_auth_token, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $5)
        on conflict (tenant_id, account_sid) do update
            set sealed_auth_token = excluded.sealed_auth_token, updated_at = excluded.updated_at";
    ID = "select id from twilio_accounts where tenant_id = $1 and account_sid = $2";
    TOKEN = "select sealed_auth_token from twilio_accounts where tenant_id = $1 and account_sid = $2";
}

impl TenantStore {
    /// Sets the account's sealed token, adding the account when it is unknown, and leaves an audit entry.
    /// The tenant's numbers without an account of their own belong to its newest account.
    pub async fn put_twilio_account(
        &self,
        account_sid: &str,
        sealed_auth_token: &Private<Vec<u8>>,
    ) -> Result<TwilioAccountId, StoreError> {
        let mut tx = self.write().await?;
        execute!(
            &mut tx,
            PUT,
            self.tenant(),
            TwilioAccountId::new(),
            account_sid,
            sealed_auth_token,
            now()
        )?;
        let (id,) = fetch!(
            &mut tx,
            one Only<TwilioAccountId>,
            ID,
            self.tenant(),
            account_sid
        )?;
        audit::record(
            &mut tx,
            &self.scope,
            Deed {
                action: "put",
                noun: "twilio_account",
                noun_id: &id,
            },
        )
        .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// The sealed token of one of this tenant's accounts.
    pub async fn sealed_twilio_token(
        &self,
        account_sid: &str,
    ) -> Result<Option<Private<Vec<u8>>>, StoreError> {
        let mut tx = self.read().await?;
        let row = fetch!(
            &mut tx,
            optional Only<Private<Vec<u8>>>,
            TOKEN,
            self.tenant(),
            account_sid
        )?;
        Ok(row.map(|(token,)| token))
    }
}
