//! Contacts: people outside the tenant, and the addresses they are known by.

use serde::Serialize;
use sqlx::FromRow;

use crate::db::{Only, Tx};
use crate::error::StoreError;
use crate::ids::{ContactAddressId, ContactId};
use crate::keys::{containing_pattern, email_key, name_key};
use crate::list::ListFilter;
use crate::phone::PhoneNumber;
use crate::private::Private;
use crate::scope::TenantStore;
use crate::time::{Timestamp, Zone, now};
use crate::words::AddressKind;

/// The columns of a listing; its addresses are the oldest of their kind.
macro_rules! listing {
    ($tail:literal) => {
        concat!(
            "select c.id, c.name,
                (select p.value from contact_addresses p where p.tenant_id = $1 and p.contact_id = c.id
                    and p.kind = 'phone' order by p.created_at, p.id limit 1) as phone,
                (select e.value from contact_addresses e where e.tenant_id = $1 and e.contact_id = c.id
                    and e.kind = 'email' order by e.created_at, e.id limit 1) as email,
                c.language, c.time_zone, c.created_at, c.updated_at
            from contacts c where c.tenant_id = $1 ",
            $tail
        )
    };
}

sql! {
    INSERT = "insert into contacts (tenant_id, id, name, name_key, language, time_zone, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $7)";
    INSERT_ADDRESS = "insert into contact_addresses (tenant_id, id, contact_id, kind, value, lookup_key, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict (tenant_id, kind, lookup_key) where kind in ('phone', 'email') do nothing";
    BY_ADDRESS = "select contact_id from contact_addresses where tenant_id = $1 and kind = $2 and lookup_key = $3";
    BY_ID = listing!("and c.id = $2");
    BY_NAME = listing!("and c.name_key = $2 order by c.created_at desc, c.id desc limit $3");
    CONTAINING = listing!("and c.name_key like $2 escape '\\' order by c.created_at desc, c.id desc limit $3");
    LIST = listing!("and (c.id = $2 or $2 is null) order by c.created_at desc, c.id desc limit $3");
    UPDATE = "update contacts set name = coalesce($3, name), name_key = coalesce($4, name_key),
            language = coalesce($5, language), time_zone = coalesce($6, time_zone), updated_at = $7
        where tenant_id = $1 and id = $2";
}

/// A contact to be created. All fields may be unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewContact {
    pub name: Option<Private<String>>,
    pub phone: Option<PhoneNumber>,
    pub email: Option<Private<String>>,
    pub postal: Option<Private<String>>,
    /// Such as `en` or `sw`.
    pub language: Option<String>,
    pub time_zone: Option<Zone>,
}

/// What is to change; `None` leaves as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactChange {
    pub name: Option<Private<String>>,
    pub language: Option<String>,
    pub time_zone: Option<Zone>,
}

/// A contact, found or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreatedContact {
    pub id: ContactId,
    /// `false` when the address led to a contact that was there before; that one was not changed.
    pub is_new: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct ContactListing {
    pub id: ContactId,
    pub name: Option<Private<String>>,
    pub phone: Option<PhoneNumber>,
    pub email: Option<Private<String>>,
    pub language: Option<String>,
    pub time_zone: Option<Zone>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl TenantStore {
    /// Creates a contact, unless the number or the e-mail address leads to one already.
    /// Of several at the same time with one number, exactly one creates.
    pub async fn create_contact(&self, contact: &NewContact) -> Result<CreatedContact, StoreError> {
        let mut tx = self.write().await?;
        if let Some(id) = self.find_by_any_address(&mut tx, contact).await? {
            return Ok(CreatedContact { id, is_new: false });
        }
        let id = self.insert_contact(&mut tx, contact).await?;
        if self.insert_addresses(&mut tx, id, contact).await? {
            tx.commit().await?;
            return Ok(CreatedContact { id, is_new: true });
        }
        // Somebody else stored the address first, so theirs is the contact.
        tx.rollback().await?;
        let mut tx = self.read().await?;
        let id = self
            .find_by_any_address(&mut tx, contact)
            .await?
            .ok_or(StoreError::NotFound { noun: "contact" })?;
        Ok(CreatedContact { id, is_new: false })
    }

    /// The contact with this number, made without a name when there is none.
    pub async fn ensure_contact_by_phone(
        &self,
        phone: &PhoneNumber,
    ) -> Result<CreatedContact, StoreError> {
        self.create_contact(&NewContact {
            phone: Some(phone.clone()),
            ..NewContact::default()
        })
        .await
    }

    /// Changes a contact.
    ///
    /// # Errors
    /// `NotFound` when this tenant has no such contact.
    pub async fn update_contact(
        &self,
        contact: ContactId,
        change: &ContactChange,
    ) -> Result<(), StoreError> {
        let mut tx = self.write().await?;
        let key = change.name.as_ref().map(|name| name_key(name.expose()));
        let (name, language) = (&change.name, &change.language);
        if execute!(
            &mut tx,
            UPDATE,
            self.tenant(),
            contact,
            name,
            key,
            language,
            change.time_zone,
            now()
        )? == 0
        {
            return Err(StoreError::NotFound { noun: "contact" });
        }
        tx.commit().await
    }

    /// Adds an address. `false` when it leads to a contact already, this one or another.
    ///
    /// # Errors
    /// `MissingReference` when this tenant has no such contact.
    pub async fn add_contact_address(
        &self,
        contact: ContactId,
        kind: AddressKind,
        value: &Private<String>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.write().await?;
        let added = self
            .insert_address(&mut tx, contact, kind, value.expose())
            .await?;
        tx.commit().await?;
        Ok(added)
    }

    pub async fn contact(&self, contact: ContactId) -> Result<Option<ContactListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, optional ContactListing, BY_ID, self.tenant(), contact)
    }

    pub async fn find_contact_by_phone(
        &self,
        phone: &PhoneNumber,
    ) -> Result<Option<ContactListing>, StoreError> {
        self.find_by_address(AddressKind::Phone, phone.expose())
            .await
    }

    /// Case and blanks around do not matter.
    pub async fn find_contact_by_email(
        &self,
        email: &str,
    ) -> Result<Option<ContactListing>, StoreError> {
        self.find_by_address(AddressKind::Email, &email_key(email))
            .await
    }

    /// Contacts of exactly this name, whatever its case, newest first.
    pub async fn find_contacts_by_name(
        &self,
        name: &str,
        limit: u32,
    ) -> Result<Vec<ContactListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all ContactListing, BY_NAME, self.tenant(), name_key(name), i64::from(limit))
    }

    /// Contacts whose name contains this text, whatever its case, newest first.
    pub async fn search_contacts(
        &self,
        text: &str,
        limit: u32,
    ) -> Result<Vec<ContactListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all ContactListing, CONTAINING, self.tenant(), containing_pattern(text), i64::from(limit))
    }

    /// Contacts, newest first.
    pub async fn list_contacts(
        &self,
        filter: &ListFilter,
    ) -> Result<Vec<ContactListing>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all ContactListing, LIST, self.tenant(), filter.contact, filter.rows_max())
    }

    async fn find_by_address(
        &self,
        kind: AddressKind,
        key: &str,
    ) -> Result<Option<ContactListing>, StoreError> {
        let mut tx = self.read().await?;
        match self.id_by_address(&mut tx, kind, key).await? {
            Some(id) => fetch!(&mut tx, optional ContactListing, BY_ID, self.tenant(), id),
            None => Ok(None),
        }
    }

    async fn id_by_address(
        &self,
        tx: &mut Tx,
        kind: AddressKind,
        key: &str,
    ) -> Result<Option<ContactId>, StoreError> {
        let row = fetch!(
            tx,
            optional Only<ContactId>,
            BY_ADDRESS,
            self.tenant(),
            kind,
            key
        )?;
        Ok(row.map(|(id,)| id))
    }

    async fn find_by_any_address(
        &self,
        tx: &mut Tx,
        contact: &NewContact,
    ) -> Result<Option<ContactId>, StoreError> {
        if let Some(phone) = &contact.phone
            && let Some(id) = self
                .id_by_address(tx, AddressKind::Phone, phone.expose())
                .await?
        {
            return Ok(Some(id));
        }
        match &contact.email {
            Some(email) => {
                self.id_by_address(tx, AddressKind::Email, &email_key(email.expose()))
                    .await
            }
            None => Ok(None),
        }
    }

    async fn insert_contact(
        &self,
        tx: &mut Tx,
        contact: &NewContact,
    ) -> Result<ContactId, StoreError> {
        let (id, key) = (
            ContactId::new(),
            contact.name.as_ref().map(|name| name_key(name.expose())),
        );
        execute!(
            tx,
            INSERT,
            self.tenant(),
            id,
            &contact.name,
            key,
            &contact.language,
            contact.time_zone,
            now()
        )?;
        Ok(id)
    }

    /// `false` when one of them leads to another contact already.
    async fn insert_addresses(
        &self,
        tx: &mut Tx,
        id: ContactId,
        contact: &NewContact,
    ) -> Result<bool, StoreError> {
        let addresses = [
            (
                AddressKind::Phone,
                contact.phone.as_ref().map(PhoneNumber::expose),
            ),
            (
                AddressKind::Email,
                contact.email.as_ref().map(|email| email.expose().as_str()),
            ),
            (
                AddressKind::Postal,
                contact
                    .postal
                    .as_ref()
                    .map(|postal| postal.expose().as_str()),
            ),
        ];
        for (kind, value) in addresses {
            if let Some(value) = value
                && !self.insert_address(tx, id, kind, value).await?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn insert_address(
        &self,
        tx: &mut Tx,
        id: ContactId,
        kind: AddressKind,
        value: &str,
    ) -> Result<bool, StoreError> {
        let key = match kind {
            AddressKind::Phone => value.to_owned(),
            AddressKind::Email => email_key(value),
            AddressKind::Postal => name_key(value),
        };
        let address = ContactAddressId::new();
        Ok(execute!(
            tx,
            INSERT_ADDRESS,
            self.tenant(),
            address,
            id,
            kind,
            value,
            key,
            now()
        )? == 1)
    }
}
