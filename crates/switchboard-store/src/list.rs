//! What a list may be narrowed by.

use crate::ids::{CallId, ContactId};

/// Narrows a list. Lists are newest first; the default gives all rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ListFilter {
    /// At most this many rows.
    pub limit: Option<u32>,
    /// Rows of this call only, where the noun belongs to a call.
    pub call: Option<CallId>,
    /// Rows of this contact only, where the noun belongs to a contact.
    pub contact: Option<ContactId>,
}

impl ListFilter {
    pub fn newest(limit: u32) -> Self {
        Self {
            limit: Some(limit),
            ..Self::default()
        }
    }

    pub fn of_call(call: CallId) -> Self {
        Self {
            call: Some(call),
            ..Self::default()
        }
    }

    /// SQLite takes no null limit, so "all" is the largest number.
    pub(crate) fn rows_max(&self) -> i64 {
        self.limit.map_or(i64::MAX, i64::from)
    }
}
