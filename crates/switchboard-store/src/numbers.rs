//! Telephone numbers that reach an agent.

use serde::Serialize;
use sqlx::FromRow;

use crate::audit::{self, Deed};
use crate::db::Only;
use crate::error::StoreError;
use crate::ids::{NumberId, TwilioAccountId};
use crate::phone::PhoneNumber;
use crate::scope::TenantStore;
use crate::time::{Timestamp, now};
use crate::word::Word;

sql! {
    PUT = "insert into numbers (tenant_id, id, number, agent_name, human_number, twilio_account_id, location, created_at,
            human_target)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        on conflict (tenant_id, number) do update set agent_name = excluded.agent_name,
            human_number = excluded.human_number, twilio_account_id = excluded.twilio_account_id,
            location = excluded.location, human_target = excluded.human_target";
    ID = "select id from numbers where tenant_id = $1 and number = $2";
    RELEASE = "delete from numbers where tenant_id = $1 and number = $2";
    LIST = "select id, number, agent_name as agent, human_number, human_target, twilio_account_id, location, created_at from numbers
        where tenant_id = $1 order by created_at desc, id desc";
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNumber {
    pub number: PhoneNumber,
    pub agent_name: String,
    /// Who takes over when the agent cannot.
    pub human_number: Option<PhoneNumber>,
    /// The same by the name of a party of the agent or the installation. It comes first.
    pub human_target: Option<Word>,
    /// `None`: the tenant's newest account, else the installation's.
    pub twilio_account: Option<TwilioAccountId>,
    pub location: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct NumberListing {
    pub id: NumberId,
    pub number: PhoneNumber,
    pub agent: String,
    pub human_number: Option<PhoneNumber>,
    pub human_target: Option<Word>,
    pub twilio_account_id: Option<TwilioAccountId>,
    pub location: Option<String>,
    pub created_at: Timestamp,
}

impl TenantStore {
    /// Claims a number, or changes what answers it; leaves an audit entry. When two tenants claim one number, the
    /// earlier claim is the one that is answered.
    pub async fn put_number(&self, number: &NewNumber) -> Result<NumberId, StoreError> {
        let mut tx = self.write().await?;
        execute!(
            &mut tx,
            PUT,
            self.tenant(),
            NumberId::new(),
            &number.number,
            &number.agent_name,
            &number.human_number,
            number.twilio_account,
            &number.location,
            now(),
            &number.human_target
        )?;
        let (id,) = fetch!(&mut tx, one Only<NumberId>, ID, self.tenant(), &number.number)?;
        audit::record(
            &mut tx,
            &self.scope,
            Deed {
                action: "put",
                noun: "number",
                noun_id: &id,
            },
        )
        .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Gives a number up. `false` when this tenant does not have it.
    pub async fn release_number(&self, number: &PhoneNumber) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let Some((id,)) = fetch!(&mut tx, optional Only<NumberId>, ID, self.tenant(), number)?
        else {
            return Ok(false);
        };
        execute!(&mut tx, RELEASE, self.tenant(), number)?;
        audit::record(
            &mut tx,
            &self.scope,
            Deed {
                action: "release",
                noun: "number",
                noun_id: &id,
            },
        )
        .await?;
        tx.commit().await?;
        Ok(true)
    }

    /// The tenant's numbers, newest first.
    pub async fn list_numbers(&self) -> Result<Vec<NumberListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all NumberListing, LIST, self.tenant())
    }
}
