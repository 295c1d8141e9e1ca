//! Lines of humans that this process began to ring a moment ago. The database counts them for all processes (M4); this
//! caps them while it does not answer, so that a burst of callers on a slow database does not ring the same telephone
//! hundreds of times.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use switchboard_store::TenantId;

/// When each of a tenant's lines began to ring. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct RecentLines(Arc<Mutex<HashMap<TenantId, Vec<Instant>>>>);

impl RecentLines {
    /// A line rings, and the database has counted it.
    pub fn rings(&self, tenant: TenantId, now: Instant) {
        self.lock().entry(tenant).or_default().push(now);
    }

    /// Whether one more line may ring that the database has not counted: fewer than `lines_max` began within `ring_max`.
    /// If so, it counts from here.
    pub fn try_ring(
        &self,
        tenant: TenantId,
        lines_max: usize,
        ring_max: Duration,
        now: Instant,
    ) -> bool {
        let mut tenants = self.lock();
        let lines = tenants.entry(tenant).or_default();
        lines.retain(|began| now.saturating_duration_since(*began) < ring_max);
        let fits = lines.len() < lines_max;
        if fits {
            lines.push(now);
        }
        fits
    }

    /// Forgets what rang longer ago, so that a tenant whose database answers does not grow.
    pub fn forget(&self, tenant: TenantId, ring_max: Duration, now: Instant) {
        if let Some(lines) = self.lock().get_mut(&tenant) {
            lines.retain(|began| now.saturating_duration_since(*began) < ring_max);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Vec<Instant>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RING: Duration = Duration::from_secs(20);

    /// M4 without its database.
    #[test]
    fn m4_uncounted_lines_are_capped_per_tenant_and_free_again_after_their_ringing() {
        let (lines, busy, other) = (RecentLines::default(), TenantId::new(), TenantId::new());
        let now = Instant::now();
        lines.rings(busy, now);
        let try_at = |tenant, now| lines.try_ring(tenant, 3, RING, now);
        let rung = (0..300).filter(|_| try_at(busy, now)).count();
        assert_eq!(rung, 2, "one rang already");
        assert!(try_at(other, now), "another tenant has its own");
        assert!(!try_at(busy, now + RING - Duration::from_millis(1)));
        assert!(try_at(busy, now + RING));
        lines.forget(busy, RING, now + 3 * RING);
        assert!(lines.lock()[&busy].is_empty());
    }
}
