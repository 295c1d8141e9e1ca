//! Where numbers lead, with a last known good copy for when the database cannot be asked. (Threat R6.)

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use switchboard_store::{NumberRoute, PhoneNumber, StoreError};

use crate::reception::{Reception, is_absence};

/// Numbers remembered. Past it all are forgotten, and those in use come back with their next call.
const COPIES_MAX: usize = 10_000;

/// The numbers that were called since this process started.
#[derive(Default)]
pub(super) struct Routing(Mutex<HashMap<PhoneNumber, NumberRoute>>);

impl Routing {
    /// Where calls to `number` go. What the database says, and only while it says nothing, what it said last.
    pub(super) async fn find(
        &self,
        reception: &Reception,
        number: &PhoneNumber,
    ) -> Result<Option<NumberRoute>, StoreError> {
        let lookup = reception.store.lookup();
        match reception.reach.ask(lookup.number(number)).await {
            Ok(Some(route)) => {
                self.keep(number, &route);
                Ok(Some(route))
            }
            Ok(None) => {
                self.lock().remove(number);
                Ok(None)
            }
            Err(error) if is_absence(&error) => {
                let copy = self.lock().get(number).cloned();
                copy.map(Some).ok_or(error)
            }
            Err(error) => Err(error),
        }
    }

    fn keep(&self, number: &PhoneNumber, route: &NumberRoute) {
        let mut copies = self.lock();
        if copies.len() >= COPIES_MAX && !copies.contains_key(number) {
            copies.clear();
        }
        copies.insert(number.clone(), route.clone());
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PhoneNumber, NumberRoute>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
