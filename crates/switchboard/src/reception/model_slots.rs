//! How many calls may talk to the model's vendor at once: an account has a limit of its own, and past it the vendor
//! refuses callers at random.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The slots of one account.
#[derive(Debug, Clone)]
pub struct ModelSlots(Option<Arc<Semaphore>>);

/// The right of one call to a session. A call has one session at a time, so it keeps its slot while it opens another.
#[derive(Debug)]
pub(super) struct ModelSlot {
    _permit: Option<OwnedSemaphorePermit>,
}

impl ModelSlots {
    /// `sessions_max` slots; 0 is no limit.
    pub fn new(sessions_max: u32) -> Self {
        let slots = usize::try_from(sessions_max).unwrap_or(Semaphore::MAX_PERMITS);
        let is_limited = sessions_max > 0;
        Self(is_limited.then(|| Arc::new(Semaphore::new(slots.min(Semaphore::MAX_PERMITS)))))
    }

    /// A slot, or None when all are taken. Given back when dropped.
    pub(super) fn take(&self) -> Option<ModelSlot> {
        let permit = match &self.0 {
            Some(slots) => Some(Arc::clone(slots).try_acquire_owned().ok()?),
            None => None,
        };
        Some(ModelSlot { _permit: permit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_comes_back_when_its_call_is_over() {
        let slots = ModelSlots::new(1);
        let held = slots.take().expect("the first");
        assert!(slots.take().is_none());
        drop(held);
        assert!(slots.take().is_some());
    }

    #[test]
    fn zero_is_no_limit() {
        let slots = ModelSlots::new(0);
        let held: Vec<_> = (0..1_000).map_while(|_| slots.take()).collect();
        assert_eq!(held.len(), 1_000);
    }
}
