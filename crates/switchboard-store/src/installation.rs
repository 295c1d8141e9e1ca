//! What the operator does above all tenants: create and list them. Nothing of a tenant's own rows is seen here.

use serde::Serialize;
use sqlx::FromRow;

use crate::db::{Db, Sight};
use crate::error::StoreError;
use crate::ids::TenantId;
use crate::keys::name_key;
use crate::money::Currency;
use crate::scope::TenantStore;
use crate::time::{Timestamp, Zone, now};

sql! {
    INSERT = "insert into tenants (id, name, name_key, display_name, time_zone, currency, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)";
    BY_ID = "select id, name, display_name, time_zone, currency, created_at from tenants where id = $1";
    BY_NAME = "select id, name, display_name, time_zone, currency, created_at from tenants where name_key = $1";
    LIST = "select id, name, display_name, time_zone, currency, created_at from tenants order by name_key";
}

/// The operator's door. Made by [`Store::installation`](crate::Store::installation).
#[derive(Debug, Clone)]
pub struct Installation {
    pub(crate) db: Db,
}

/// The organisation whose data is kept apart from all others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct Tenant {
    pub id: TenantId,
    /// Unique, whatever its case: what people type.
    pub name: String,
    pub display_name: String,
    pub time_zone: Zone,
    pub currency: Currency,
    pub created_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTenant {
    pub name: String,
    pub display_name: String,
    pub time_zone: Zone,
    pub currency: Currency,
}

impl NewTenant {
    /// A tenant in UTC that pays in US dollars and shows its own name.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            display_name: name.to_owned(),
            time_zone: Zone::UTC,
            currency: Currency::USD,
        }
    }
}

impl Installation {
    pub(crate) const fn new(db: Db) -> Self {
        Self { db }
    }

    /// Creates a tenant.
    ///
    /// # Errors
    /// `AlreadyExists` when a tenant has this name, whatever its case.
    pub async fn create_tenant(&self, tenant: &NewTenant) -> Result<Tenant, StoreError> {
        let mut tx = self.db.write(Sight::Installation).await?;
        let (id, created_at) = (TenantId::new(), now());
        execute!(
            &mut tx,
            INSERT,
            id,
            &tenant.name,
            name_key(&tenant.name),
            &tenant.display_name,
            tenant.time_zone,
            tenant.currency,
            created_at
        )?;
        tx.commit().await?;
        let NewTenant {
            name,
            display_name,
            time_zone,
            currency,
        } = tenant.clone();
        Ok(Tenant {
            id,
            name,
            display_name,
            time_zone,
            currency,
            created_at,
        })
    }

    /// The tenant of this name, created when there is none. For seeding, which may run twice.
    pub async fn ensure_tenant(&self, tenant: &NewTenant) -> Result<Tenant, StoreError> {
        if let Some(found) = self.find_tenant(&tenant.name).await? {
            return Ok(found);
        }
        match self.create_tenant(tenant).await {
            Err(StoreError::AlreadyExists { .. }) => self
                .find_tenant(&tenant.name)
                .await?
                .ok_or(StoreError::NotFound { noun: "tenant" }),
            created => created,
        }
    }

    /// A tenant by its name or its id.
    pub async fn find_tenant(&self, name_or_id: &str) -> Result<Option<Tenant>, StoreError> {
        let mut tx = self.db.read(Sight::Installation).await?;
        match name_or_id.parse::<TenantId>() {
            Ok(id) => fetch!(&mut tx, optional Tenant, BY_ID, id),
            Err(_) => fetch!(&mut tx, optional Tenant, BY_NAME, name_key(name_or_id)),
        }
    }

    /// All tenants by name.
    pub async fn list_tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        let mut tx = self.db.read(Sight::Installation).await?;
        fetch!(&mut tx, all Tenant, LIST)
    }
}

impl TenantStore {
    /// The tenant itself: its names, its zone, its currency. `None` when the scope names a tenant that is gone.
    pub async fn tenant_profile(&self) -> Result<Option<Tenant>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, optional Tenant, BY_ID, self.tenant())
    }
}
