//! The calls this process holds, for those who find them by id.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use switchboard_call::input::{Control, Input};
use switchboard_store::CallId;

use crate::drive::{DriveHandle, DriveInput};

/// Every live call and the way to it.
#[derive(Clone, Debug, Default)]
pub struct LiveCalls {
    calls: Arc<Mutex<HashMap<CallId, DriveHandle>>>,
    endings: Arc<AtomicUsize>,
}

/// An ended call whose carrier does not know yet. Counted until it is dropped.
#[derive(Debug)]
pub struct Ending(Arc<AtomicUsize>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl LiveCalls {
    /// Adds a call that starts.
    pub fn insert(&self, call: CallId, handle: DriveHandle) {
        self.lock().insert(call, handle);
    }

    /// Removes a call that ended.
    pub fn remove(&self, call: CallId) {
        self.lock().remove(&call);
    }

    /// The way to a call that has not ended.
    pub fn find(&self, call: CallId) -> Option<DriveHandle> {
        self.lock().get(&call).cloned()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// A call is over here, and its carrier is being told.
    pub fn ending(&self) -> Ending {
        self.endings.fetch_add(1, Ordering::Relaxed);
        Ending(Arc::clone(&self.endings))
    }

    /// True when there is no call and every carrier knows: a process that stops earlier would leave a caller who was
    /// told goodbye to the carrier's document, which dials the human.
    pub fn is_idle(&self) -> bool {
        // In this order: an ending begins before its call is removed.
        self.count() == 0 && self.endings.load(Ordering::Relaxed) == 0
    }

    /// Hands the same control to every call, for a stop of the process.
    pub fn control_all(&self, control: &Control) {
        for handle in self.lock().values() {
            handle.send(DriveInput::Core(Input::Control(control.clone())));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<CallId, DriveHandle>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
