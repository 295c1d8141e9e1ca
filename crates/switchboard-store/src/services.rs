//! Services: what the business offers, how long it takes, and what it costs.

use serde::Serialize;
use sqlx::FromRow;
use sqlx::types::Json;

use crate::db::Only;
use crate::error::StoreError;
use crate::ids::ServiceId;
use crate::keys::name_key;
use crate::money::{Currency, Micros, Money};
use crate::scope::TenantStore;
use crate::time::now;

sql! {
    PUT = "insert into services (tenant_id, id, name, name_key, description, duration_minutes, price_micros, currency,
            synonyms, location, active, created_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, true, $11)
        on conflict (tenant_id, name_key) do update set name = excluded.name, description = excluded.description,
            duration_minutes = excluded.duration_minutes, price_micros = excluded.price_micros,
            currency = excluded.currency, synonyms = excluded.synonyms, location = excluded.location, active = true";
    ID = "select id from services where tenant_id = $1 and name_key = $2";
    // `active` is an integer on SQLite and a boolean on PostgreSQL; bare it is a condition on both.
    LIST = "select id, name, description, duration_minutes, price_micros, currency, synonyms, location from services
        where tenant_id = $1 and active order by name_key";
    BY_ID = "select id, name, description, duration_minutes, price_micros, currency, synonyms, location from services
        where tenant_id = $1 and id = $2";
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewService {
    pub name: String,
    pub description: Option<String>,
    pub duration_minutes: u16,
    pub price: Money,
    /// Other words callers use for it.
    pub synonyms: Vec<String>,
    pub location: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct Service {
    pub id: ServiceId,
    pub name: String,
    pub description: Option<String>,
    pub duration_minutes: i64,
    pub price_micros: Micros,
    pub currency: Currency,
    #[sqlx(json)]
    pub synonyms: Vec<String>,
    pub location: Option<String>,
}

impl TenantStore {
    /// Adds a service or changes the one of this name.
    pub async fn put_service(&self, service: &NewService) -> Result<ServiceId, StoreError> {
        let key = name_key(&service.name);
        let mut tx = self.write().await?;
        execute!(
            &mut tx,
            PUT,
            self.tenant(),
            ServiceId::new(),
            &service.name,
            &key,
            &service.description,
            i64::from(service.duration_minutes),
            service.price.micros,
            service.price.currency,
            Json(&service.synonyms),
            &service.location,
            now()
        )?;
        let (id,) = fetch!(&mut tx, one Only<ServiceId>, ID, self.tenant(), key)?;
        tx.commit().await?;
        Ok(id)
    }

    /// The services on offer, by name.
    pub async fn list_services(&self) -> Result<Vec<Service>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, all Service, LIST, self.tenant())
    }

    pub async fn service(&self, service: ServiceId) -> Result<Option<Service>, StoreError> {
        let mut tx = self.read().await?;
        fetch!(&mut tx, optional Service, BY_ID, self.tenant(), service)
    }
}
