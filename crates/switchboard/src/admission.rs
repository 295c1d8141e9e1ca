//! Permits: the right to hold one concurrent call. Given back when dropped, on every path.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use switchboard_store::TenantId;

/// Counts the calls of each tenant.
#[derive(Debug, Clone, Default)]
pub struct Admission(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    calls: HashMap<TenantId, u32>,
    is_closed: bool,
}

/// The right to hold one call of a tenant.
#[derive(Debug)]
pub struct Permit {
    admission: Admission,
    tenant: TenantId,
}

impl Admission {
    /// A permit, or None when the tenant holds `limit` calls already: then the caller goes to a human at once.
    pub fn admit(&self, tenant: TenantId, limit: u32) -> Option<Permit> {
        let mut held = self.lock();
        if held.is_closed {
            return None;
        }
        let count = held.calls.entry(tenant).or_default();
        if *count >= limit {
            return None;
        }
        *count += 1;
        Some(Permit {
            admission: self.clone(),
            tenant,
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
        self.lock().calls.values().sum()
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut held = self.admission.lock();
        if let Some(count) = held.calls.get_mut(&self.tenant) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                held.calls.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_eleventh_call_gets_no_permit_and_a_returned_one_is_free_again() {
        let admission = Admission::default();
        let (tenant, other) = (TenantId::new(), TenantId::new());
        let mut permits: Vec<Permit> = (0..10)
            .filter_map(|_| admission.admit(tenant, 10))
            .collect();
        assert_eq!(permits.len(), 10);
        assert!(admission.admit(tenant, 10).is_none());
        assert!(
            admission.admit(other, 10).is_some(),
            "another tenant's calls do not count"
        );
        permits.pop();
        assert!(admission.admit(tenant, 10).is_some());
        drop(permits);
        assert_eq!(admission.held(), 0);
        admission.close();
        assert!(admission.admit(tenant, 10).is_none(), "the process stops");
    }
}
