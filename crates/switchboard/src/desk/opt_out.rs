//! The caller does not want to be called any more.

use switchboard_store::{Reachable, Word};

use super::{Desk, DeskError};

/// Where an opt-out came from.
const SOURCE: &str = "caller";

impl Desk {
    /// Stops every channel to the number that this call is with. `false` when it was stopped before.
    ///
    /// The number is the carrier's word and anybody can forge it; all that a forger gains is that somebody is not called.
    ///
    /// # Errors
    /// `InvalidPhone` when the number is hidden, and a database that does not answer.
    pub async fn opt_out(&self) -> Result<bool, DeskError> {
        let number = self.caller.phone.clone().ok_or(DeskError::InvalidPhone)?;
        let address = Reachable::Phone(number);
        Ok(self.store.opt_out(&address, &Word::new(SOURCE)).await?)
    }
}
