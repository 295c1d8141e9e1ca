//! Practitioners: people who carry out services.

use serde::Serialize;
use sqlx::FromRow;

use crate::db::Only;
use crate::error::StoreError;
use crate::ids::{PractitionerId, ServiceId};
use crate::keys::name_key;
use crate::scope::TenantStore;
use crate::time::now;

sql! {
    PUT = "insert into practitioners (tenant_id, id, name, name_key, location, active, diary_version, created_at)
        values ($1, $2, $3, $4, $5, true, 0, $6)
        on conflict (tenant_id, name_key) do update set name = excluded.name, location = excluded.location, active = true";
    ID = "select id from practitioners where tenant_id = $1 and name_key = $2";
    FORGET_SERVICES = "delete from practitioner_services where tenant_id = $1 and practitioner_id = $2";
    OFFER_SERVICE = "insert into practitioner_services (tenant_id, practitioner_id, service_id) values ($1, $2, $3)
        on conflict (tenant_id, practitioner_id, service_id) do nothing";
    LIST = "select id, name, location from practitioners where tenant_id = $1 and active order by name_key";
    SERVICES = "select practitioner_id, service_id from practitioner_services
        where tenant_id = $1 order by practitioner_id, service_id";
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPractitioner {
    pub name: String,
    pub location: Option<String>,
    /// What this person carries out.
    pub services: Vec<ServiceId>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Practitioner {
    pub id: PractitionerId,
    pub name: String,
    pub location: Option<String>,
    pub services: Vec<ServiceId>,
}

type Offer = (PractitionerId, ServiceId);

#[derive(FromRow)]
struct PractitionerRow {
    id: PractitionerId,
    name: String,
    location: Option<String>,
}

impl TenantStore {
    /// Adds a practitioner or changes the one of this name; the services given are all that remain.
    ///
    /// # Errors
    /// `MissingReference` when this tenant has no such service.
    pub async fn put_practitioner(
        &self,
        practitioner: &NewPractitioner,
    ) -> Result<PractitionerId, StoreError> {
        let key = name_key(&practitioner.name);
        let mut tx = self.write().await?;
        execute!(
            &mut tx,
            PUT,
            self.tenant(),
            PractitionerId::new(),
            &practitioner.name,
            &key,
            &practitioner.location,
            now()
        )?;
        let (id,) = fetch!(&mut tx, one Only<PractitionerId>, ID, self.tenant(), key)?;
        execute!(&mut tx, FORGET_SERVICES, self.tenant(), id)?;
        for service in &practitioner.services {
            execute!(&mut tx, OFFER_SERVICE, self.tenant(), id, service)?;
        }
        tx.commit().await?;
        Ok(id)
    }

    /// The practitioners who work now, by name, each with the services they carry out.
    pub async fn list_practitioners(&self) -> Result<Vec<Practitioner>, StoreError> {
        let mut tx = self.read().await?;
        let rows = fetch!(&mut tx, all PractitionerRow, LIST, self.tenant())?;
        let offers = fetch!(
            &mut tx,
            all Offer,
            SERVICES,
            self.tenant()
        )?;
        let services_of = |id| {
            offers
                .iter()
                .filter(|(who, _)| *who == id)
                .map(|(_, service)| *service)
                .collect()
        };
        let practitioners = rows
            .into_iter()
            .map(|PractitionerRow { id, name, location }| Practitioner {
                id,
                name,
                location,
                services: services_of(id),
            });
        Ok(practitioners.collect())
    }
}
