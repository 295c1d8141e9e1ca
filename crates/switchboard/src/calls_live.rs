//! The calls this process holds, for those who find them by id.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use switchboard_call::input::{Control, Input};
use switchboard_store::CallId;

use crate::drive::{DriveHandle, DriveInput};

/// Every live call and the way to it.
#[derive(Clone, Debug, Default)]
pub struct LiveCalls(Arc<Mutex<HashMap<CallId, DriveHandle>>>);

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

    /// Hands the same control to every call, for a stop of the process.
    pub fn control_all(&self, control: &Control) {
        for handle in self.lock().values() {
            handle.send(DriveInput::Core(Input::Control(control.clone())));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<CallId, DriveHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
