//! Permits: the right to hold one concurrent call. Given back when dropped, on every path.
//!
//! A call needs a permit of each scope that limits it: its tenant, its agent, the account of its model. On SQLite the one
//! process that serves the file counts in memory. On PostgreSQL the nodes share the limits ([`slots`]): whoever has a
//! permit here also holds a row there.

mod slots;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use switchboard_store::{CallId, PermitLimit, PermitScope, Store, StoreError, StoreKind, TenantId};

use crate::budgets::purse::Purse;
use crate::ops::health::Health;
use slots::SharedSlots;

/// Counts the calls of each scope.
#[derive(Debug, Clone, Default)]
pub struct Admission(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    held: Mutex<Held>,
    /// None where this process is alone with its database.
    shared: Option<SharedSlots>,
}

#[derive(Debug, Default)]
struct Held {
    scopes: HashMap<Key, u32>,
    calls: u32,
    is_closed: bool,
}

/// A scope of one tenant; accounts belong to all.
type Key = (Option<TenantId>, PermitScope);

/// A call that asks, and everything that limits it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermitRequest {
    /// Whose call it is.
    pub tenant: TenantId,
    /// Its id.
    pub call: CallId,
    /// What it needs a permit of.
    pub limits: Vec<PermitLimit>,
}

/// The right to hold one call.
#[derive(Debug)]
pub struct Permit {
    admission: Admission,
    request: PermitRequest,
    purse: Option<Box<Purse>>,
}

/// Why there is no permit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoPermit {
    /// As many calls as this scope allows are held.
    Full(PermitScope),
    /// This process gives none: it stops, it was frozen, or it cannot ask the others.
    Closed,
}

impl Admission {
    /// Permits for a server on `store`. On PostgreSQL they are shared with all nodes; `lease` is how long what this
    /// process holds outlives it.
    ///
    /// # Errors
    /// The database cannot be asked.
    pub async fn open(store: &Store, lease: Duration, health: Health) -> Result<Self, StoreError> {
        if store.kind() == StoreKind::Sqlite {
            return Ok(Self::default());
        }
        let shared = SharedSlots::join(store.clone(), lease, health).await?;
        Ok(Self(Arc::new(Inner {
            held: Mutex::default(),
            shared: Some(shared),
        })))
    }

    /// A permit of everything the request names, or of nothing: then the caller goes to a human at once.
    ///
    /// # Errors
    /// Which limit is reached.
    pub async fn admit(&self, request: PermitRequest) -> Result<Permit, NoPermit> {
        let permit = self.count(request)?;
        match &self.0.shared {
            None => Ok(permit),
            Some(shared) => shared.confirm(permit).await,
        }
    }

    /// Counts in this process alone. What is full here is full everywhere.
    fn count(&self, request: PermitRequest) -> Result<Permit, NoPermit> {
        let mut held = self.lock();
        if held.is_closed {
            return Err(NoPermit::Closed);
        }
        let full = request.limits.iter().find(|limit| {
            let count = held.scopes.get(&key(&request, &limit.scope)).copied();
            count.unwrap_or_default() >= limit.calls_max
        });
        if let Some(limit) = full {
            return Err(NoPermit::Full(limit.scope.clone()));
        }
        for limit in &request.limits {
            *held.scopes.entry(key(&request, &limit.scope)).or_default() += 1;
        }
        held.calls += 1;
        Ok(Permit {
            admission: self.clone(),
            request,
            purse: None,
        })
    }

    /// No permits from now on: the process stops.
    pub fn close(&self) {
        self.lock().is_closed = true;
    }

    /// True once no permits are given.
    pub fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Permits out now, of all tenants.
    pub fn held(&self) -> u32 {
        self.lock().calls
    }

    /// Gives everything back to the other nodes, at most within `limit`. The last act of a process that stops.
    pub async fn leave(&self, limit: Duration) {
        self.close();
        if let Some(shared) = &self.0.shared {
            shared.leave(limit).await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(request: &PermitRequest, scope: &PermitScope) -> Key {
    let tenant = match scope {
        PermitScope::Account(_) => None,
        PermitScope::Tenant
        | PermitScope::Agent(_)
        | PermitScope::User(_)
        | PermitScope::Key(_) => Some(request.tenant),
    };
    (tenant, scope.clone())
}

impl Permit {
    /// Whether it is a permit of the model provider's account too.
    pub fn has_account(&self) -> bool {
        let mut limits = self.request.limits.iter();
        limits.any(|limit| matches!(limit.scope, PermitScope::Account(_)))
    }

    /// The same, with what shared budgets have set aside for the call.
    #[must_use]
    pub fn with_purse(mut self, purse: Option<Purse>) -> Self {
        self.purse = purse.map(Box::new);
        self
    }

    /// What shared budgets have set aside, for the call that begins now.
    pub fn take_purse(&mut self) -> Option<Box<Purse>> {
        self.purse.take()
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut held = self.admission.lock();
        for limit in &self.request.limits {
            let key = key(&self.request, &limit.scope);
            if let Some(count) = held.scopes.get_mut(&key) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    held.scopes.remove(&key);
                }
            }
        }
        held.calls = held.calls.saturating_sub(1);
        drop(held);
        if let Some(shared) = &self.admission.0.shared {
            shared.give_back(&self.request);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(tenant: TenantId, limits: &[(PermitScope, u32)]) -> PermitRequest {
        let limits = limits.iter().map(|(scope, calls_max)| PermitLimit {
            scope: scope.clone(),
            calls_max: *calls_max,
        });
        PermitRequest {
            tenant,
            call: CallId::new(),
            limits: limits.collect(),
        }
    }

    #[tokio::test]
    async fn the_eleventh_call_gets_no_permit_and_a_returned_one_is_free_again() {
        let admission = Admission::default();
        let (tenant, other) = (TenantId::new(), TenantId::new());
        let of = |tenant| request(tenant, &[(PermitScope::Tenant, 10)]);
        let mut permits = Vec::new();
        for _ in 0..10 {
            permits.push(admission.admit(of(tenant)).await.expect("free"));
        }
        let refused = admission.admit(of(tenant)).await;
        assert_eq!(refused.err(), Some(NoPermit::Full(PermitScope::Tenant)));
        let others = admission.admit(of(other)).await;
        assert!(others.is_ok(), "another tenant's calls do not count");
        permits.pop();
        permits.push(admission.admit(of(tenant)).await.expect("free again"));
        drop((permits, others));
        assert_eq!(admission.held(), 0);
        admission.close();
        let refused = admission.admit(of(tenant)).await;
        assert_eq!(refused.err(), Some(NoPermit::Closed), "the process stops");
    }

    #[tokio::test]
    async fn an_agent_and_an_account_have_limits_of_their_own() {
        let admission = Admission::default();
        let (one, two) = (TenantId::new(), TenantId::new());
        let agent = || PermitScope::Agent("ava".to_owned());
        let account = || PermitScope::Account("openai");
        let all = |tenant| {
            request(
                tenant,
                &[(PermitScope::Tenant, 9), (agent(), 1), (account(), 2)],
            )
        };
        let first = admission.admit(all(one)).await.expect("free");
        assert!(first.has_account());
        assert_eq!(
            admission.admit(all(one)).await.err(),
            Some(NoPermit::Full(agent()))
        );
        let _second = admission
            .admit(all(two))
            .await
            .expect("another tenant's agent");
        let offline = request(one, &[(PermitScope::Tenant, 9)]);
        let third = admission.admit(offline).await.expect("free");
        assert!(!third.has_account());
        drop(first);
        let _again = admission.admit(all(one)).await.expect("all came back");
        let third_tenant = admission.admit(all(TenantId::new())).await;
        assert_eq!(third_tenant.err(), Some(NoPermit::Full(account())));
    }
}
