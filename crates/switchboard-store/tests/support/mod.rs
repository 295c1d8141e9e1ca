//! What the tests of the store share: a fresh database of each kind, and two tenants with the same data.

#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each test file uses its part of this"
)]

pub mod postgres;
pub mod raw;
pub mod twins;

use chrono::{DateTime, TimeDelta};
use switchboard_store::{
    Actor, NewTenant, Purpose, Store, StoreSettings, Tenant, TenantId, TenantScope, TenantStore,
    Timestamp,
};

/// Runs one check on a fresh database of each kind.
#[macro_export]
macro_rules! on_both {
    ($($(#[$note:meta])* $fact:ident($test:ident) $body:block)+) => {$(
        $(#[$note])*
        mod $fact {
            #[allow(unused_imports, reason = "not every fact needs all of them")]
            use super::*;

            async fn check($test: support::TestStore) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_sqlite() {
                check(support::sqlite().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn on_postgres() {
                check(support::postgres().await).await;
            }
        }
    )+};
}

/// An open store on a database of its own.
pub struct TestStore {
    pub store: Store,
    pub settings: StoreSettings,
    pub directory: Option<tempfile::TempDir>,
}

pub async fn sqlite() -> TestStore {
    let directory = tempfile::tempdir().expect("the temporary directory is writable");
    let url = format!(
        "sqlite://{}",
        directory.path().join("switchboard.db").display()
    );
    TestStore::open(StoreSettings::new(&url), Some(directory)).await
}

pub async fn postgres() -> TestStore {
    TestStore::open(StoreSettings::new(&postgres::fresh_database().await), None).await
}

impl TestStore {
    async fn open(settings: StoreSettings, directory: Option<tempfile::TempDir>) -> Self {
        let store = Store::open_exclusive(&settings)
            .await
            .expect("a fresh database opens");
        Self {
            store,
            settings,
            directory,
        }
    }

    /// Another process on the same database. PostgreSQL only: an SQLite file is served once.
    pub async fn beside(&self) -> Self {
        Self::open(self.settings.clone(), None).await
    }

    pub async fn tenant(&self, name: &str) -> Tenant {
        self.store
            .installation()
            .create_tenant(&NewTenant::named(name))
            .await
            .expect("the name is free")
    }

    /// A tenant of its own, seen by the system.
    pub async fn fresh_tenant(&self) -> TenantStore {
        let tenant = self.tenant("medspa").await;
        self.scoped(tenant.id)
    }

    pub fn scoped(&self, tenant: TenantId) -> TenantStore {
        self.store
            .tenant(TenantScope::new(tenant, Actor::System, Purpose::Call))
    }
}

/// A fixed moment, and moments after it.
pub fn at(seconds: i64) -> Timestamp {
    DateTime::from_timestamp(1_800_000_000, 0).expect("a moment in 2027")
        + TimeDelta::seconds(seconds)
}

/// Runs the same work many times at once and gives all outcomes.
pub async fn all_at_once<T, F>(times: usize, work: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = (0..times)
        .map(|number| tokio::spawn(work(number)))
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.expect("the work does not panic"));
    }
    outcomes
}
