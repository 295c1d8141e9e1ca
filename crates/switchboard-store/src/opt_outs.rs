//! Opt-outs: addresses whose owner does not want to be reached. One of them stops every channel to its contact.

use serde::Serialize;
use sqlx::FromRow;

use crate::db::{Only, Tx};
use crate::error::StoreError;
use crate::ids::{ContactId, TenantId};
use crate::keys::email_key;
use crate::phone::PhoneNumber;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::{Timestamp, now};
use crate::word::Word;
use crate::words::AddressKind;

sql! {
    PUT = "insert into opt_outs (tenant_id, kind, lookup_key, source, created_at) values ($1, $2, $3, $4, $5)
        on conflict (tenant_id, kind, lookup_key) do nothing";
    REMOVE = "delete from opt_outs where tenant_id = $1 and kind = $2 and lookup_key = $3";
    LIST = "select kind, lookup_key as address, source, created_at from opt_outs where tenant_id = $1
        order by created_at desc, lookup_key";
    OF_ADDRESS = "select created_at from opt_outs where tenant_id = $1 and kind = $2 and lookup_key = $3";
    OF_CONTACT = "select o.created_at from opt_outs o
        join contact_addresses a on a.tenant_id = $1 and a.kind = o.kind and a.lookup_key = o.lookup_key
        where o.tenant_id = $1 and a.contact_id = $2 order by o.created_at limit 1";
}

/// An address in one of the two forms that can opt out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reachable {
    Phone(PhoneNumber),
    /// Case and blanks around do not matter.
    Email(Private<String>),
}

/// An opt-out in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct OptOutListing {
    pub kind: AddressKind,
    pub address: Private<String>,
    pub source: Word,
    pub created_at: Timestamp,
}

impl Reachable {
    fn kind(&self) -> AddressKind {
        match self {
            Self::Phone(_) => AddressKind::Phone,
            Self::Email(_) => AddressKind::Email,
        }
    }

    fn lookup_key(&self) -> String {
        match self {
            Self::Phone(number) => number.expose().to_owned(),
            Self::Email(email) => email_key(email.expose()),
        }
    }
}

impl TenantStore {
    /// Stops every channel to the owner of this address. `false` when it was stopped before; the first one stays.
    pub async fn opt_out(&self, address: &Reachable, source: &Word) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let key = address.lookup_key();
        let is_new = execute!(
            &mut tx,
            PUT,
            self.tenant(),
            address.kind(),
            key,
            source,
            now()
        )? == 1;
        tx.commit().await?;
        Ok(is_new)
    }

    /// Takes an opt-out back. `false` when there is none.
    pub async fn withdraw_opt_out(&self, address: &Reachable) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let key = address.lookup_key();
        let removed = execute!(&mut tx, REMOVE, self.tenant(), address.kind(), key)? == 1;
        tx.commit().await?;
        Ok(removed)
    }

    /// Opt-outs, newest first.
    pub async fn list_opt_outs(&self) -> Result<Vec<OptOutListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all OptOutListing, LIST, self.tenant())
    }

    /// Since when nobody may reach this contact by any channel: an opt-out of this address, or of any of the contact's.
    pub async fn opted_out_since(
        &self,
        contact: Option<ContactId>,
        address: &Reachable,
    ) -> Result<Option<Timestamp>, StoreError> {
        let mut tx = self.read().await?;
        opted_out_since(&mut tx, self.tenant(), contact, address).await
    }
}

async fn opted_out_since(
    tx: &mut Tx,
    tenant: TenantId,
    contact: Option<ContactId>,
    address: &Reachable,
) -> Result<Option<Timestamp>, StoreError> {
    let key = address.lookup_key();
    let direct =
        fetch!(&mut *tx, optional Only<Timestamp>, OF_ADDRESS, tenant, address.kind(), key)?;
    if let Some((since,)) = direct {
        return Ok(Some(since));
    }
    let Some(contact) = contact else {
        return Ok(None);
    };
    let of_contact = fetch!(&mut *tx, optional Only<Timestamp>, OF_CONTACT, tenant, contact)?;
    Ok(of_contact.map(|(since,)| since))
}
