//! The handovers of calls that this process answered, so that a webhook about a human finds its own without a database.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use switchboard_store::CallId;

use super::Account;
use super::handover::Handover;

/// A talk between caller and human ends at the carrier after four hours.
const REMEMBERED: Duration = Duration::from_secs(5 * 60 * 60);

/// All of one process.
#[derive(Default)]
pub(super) struct Handovers(Mutex<HashMap<CallId, Arc<KnownHandover>>>);

/// One call's, and whose secret signs webhooks about it.
pub(super) struct KnownHandover {
    pub(super) account: Account,
    pub(super) handover: Arc<Handover>,
    since: Instant,
}

impl Handovers {
    pub(super) fn find(&self, call: CallId) -> Option<Arc<KnownHandover>> {
        self.lock().get(&call).cloned()
    }

    /// Remembers a call's handover. One that is known already stays: it knows what it answered.
    pub(super) fn keep(&self, account: &Account, handover: Handover) -> Arc<Handover> {
        let mut known = self.lock();
        let now = Instant::now();
        known.retain(|_, handover| now.duration_since(handover.since) < REMEMBERED);
        let kept = known.entry(handover.call).or_insert_with(|| {
            Arc::new(KnownHandover {
                account: account.clone(),
                handover: Arc::new(handover),
                since: now,
            })
        });
        Arc::clone(&kept.handover)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<CallId, Arc<KnownHandover>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
