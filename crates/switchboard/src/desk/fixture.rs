//! A small business in a real SQLite database, for tests of the desk and of the tools.

use chrono::{DateTime, Utc};
use chrono_tz::America::New_York;
use switchboard_store::{
    Actor, Currency, Micros, Money, NewPractitioner, NewService, NewTenant, OpeningHours,
    PhoneNumber, Purpose, ServiceId, Store, StoreSettings, TenantScope, TenantStore,
};
use tempfile::TempDir;

use super::{Assurance, Caller, Desk};

/// Saturday, 21 November 2026, 10:00 in New York.
pub(crate) const NOW: &str = "2026-11-21T15:00:00Z";
pub(crate) const CALLER: &str = "+12025550142";
pub(crate) const SOMEBODY_ELSE: &str = "+12025550143";

/// A database that lives as long as this.
pub(crate) struct Town {
    pub(crate) store: Store,
    _directory: TempDir,
}

impl Town {
    pub(crate) async fn found() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("town.db");
        let settings = StoreSettings::new(&format!("sqlite://{}", path.display()));
        let store = Store::open_exclusive(&settings).await.unwrap();
        Self {
            store,
            _directory: directory,
        }
    }

    /// A spa, open on weekdays from nine to five; "Bell" does massages, "Nair" does facials and massages.
    pub(crate) async fn open_spa(&self, name: &str) -> TenantStore {
        let tenant = self
            .store
            .installation()
            .create_tenant(&NewTenant::named(name))
            .await
            .unwrap();
        let scope = TenantScope::new(tenant.id, Actor::System, Purpose::Call);
        let spa = self.store.tenant(scope);
        let facial = put_service(&spa, "Signature facial", 60, &["facial"]).await;
        let massage = put_service(&spa, "Swedish massage", 90, &["massage"]).await;
        put_practitioner(&spa, "Marcus Bell", &[massage]).await;
        put_practitioner(&spa, "Priya Nair", &[facial, massage]).await;
        let weekdays = (1..=5).map(|weekday| OpeningHours {
            practitioner_id: None,
            weekday,
            opens_minute: 9 * 60,
            closes_minute: 17 * 60,
        });
        spa.replace_opening_hours(None, &weekdays.collect::<Vec<_>>())
            .await
            .unwrap();
        spa
    }
}

async fn put_service(spa: &TenantStore, name: &str, minutes: u16, synonyms: &[&str]) -> ServiceId {
    let service = NewService {
        name: name.to_owned(),
        description: None,
        duration_minutes: minutes,
        price: Money {
            micros: Micros(120_000_000),
            currency: Currency::USD,
        },
        synonyms: synonyms.iter().map(ToString::to_string).collect(),
        location: None,
    };
    spa.put_service(&service).await.unwrap()
}

async fn put_practitioner(spa: &TenantStore, name: &str, services: &[ServiceId]) {
    let practitioner = NewPractitioner {
        name: name.to_owned(),
        location: None,
        services: services.to_vec(),
    };
    spa.put_practitioner(&practitioner).await.unwrap();
}

/// The desk of a call from [`CALLER`], by caller ID alone.
pub(crate) fn desk_for_caller(spa: &TenantStore) -> Desk {
    let caller = Caller {
        phone: Some(number(CALLER)),
        assurance: Assurance::None,
    };
    Desk::new(spa.clone(), New_York, caller)
}

pub(crate) fn desk_for(spa: &TenantStore, caller: Caller) -> Desk {
    Desk::new(spa.clone(), New_York, caller)
}

pub(crate) fn number(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).unwrap()
}

pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
