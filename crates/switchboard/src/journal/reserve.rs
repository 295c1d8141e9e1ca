//! Room on the disk that is held for the moment when there is none: a full disk also stops deletes (R5).

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// Zeroes are written in pieces of this size, so that a filesystem with holes really gives the room.
const PIECE_BYTES: usize = 64 * 1024;

/// A file of nothing, given up when the disk is full and taken again when there is room.
#[derive(Debug, Default)]
pub(super) struct Reserve {
    path: Option<PathBuf>,
    bytes: u64,
}

impl Reserve {
    /// Takes the reserve. A disk without room for it is no reason to fail; the next [`Reserve::take_again`] tries again.
    pub(super) fn keep(path: PathBuf, bytes: u64) -> Self {
        let reserve = Self {
            path: Some(path),
            bytes,
        };
        reserve.take_again();
        reserve
    }

    /// Gives the room back to the disk. False when there was none.
    pub(super) fn give_up(&self) -> bool {
        let Some(path) = &self.path else { return false };
        fs::remove_file(path).is_ok()
    }

    /// Takes the room again, unless it is held already or the disk has none.
    pub(super) fn take_again(&self) {
        let Some(path) = &self.path else { return };
        let is_whole = fs::metadata(path).is_ok_and(|held| held.len() == self.bytes);
        if !is_whole && self.fill().is_err() {
            let _ = fs::remove_file(path);
            tracing::warn!(bytes = self.bytes, "the disk has no room for the reserve");
        }
    }

    fn fill(&self) -> io::Result<()> {
        let Some(path) = &self.path else {
            return Ok(());
        };
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(path)?;
        let piece = vec![0; PIECE_BYTES];
        let mut left = self.bytes;
        while left > 0 {
            let now = left.min(PIECE_BYTES as u64);
            file.write_all(&piece[..usize::try_from(now).unwrap_or(PIECE_BYTES)])?;
            left -= now;
        }
        file.sync_data()
    }
}
