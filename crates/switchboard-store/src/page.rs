//! Pages of a list, newest first, by the place where the last page ended.

use uuid::Uuid;

use crate::time::Timestamp;

/// A place in a list that is ordered by time and then by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PagePosition {
    /// The time of the row that was shown last.
    pub at: Timestamp,
    /// Its id.
    pub id: Uuid,
}

/// Which rows of a list are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageAsk {
    /// Rows behind this place; `None` begins with the newest.
    pub after: Option<PagePosition>,
    /// At most this many.
    pub rows: u32,
}
