//! What an agent takes down for the people who call back.

use switchboard_store::{CallId, Private, Word};

use super::Desk;
use super::error::DeskError;

impl Desk {
    /// Takes fields of a call down; one that was there is replaced.
    ///
    /// # Errors
    /// The store fails, or does not know the call yet.
    pub async fn capture(
        &self,
        call: CallId,
        fields: &[(Word, Private<String>)],
    ) -> Result<(), DeskError> {
        Ok(self.store.capture_fields(call, fields).await?)
    }
}
